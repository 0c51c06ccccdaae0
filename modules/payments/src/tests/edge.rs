//! What comes in over the public routes.
use axum::{body::Body, http::Request};
use kernel::testing::answer;

use super::*;
use crate::routes::routes;

/// One request; the status, the content type and the body.
async fn send(shop: &Shop, who: Caller, request: Request<Body>) -> (u16, String, String) {
    let (routes, _) = routes(Arc::clone(&shop.payments) as Arc<dyn Payments>).split_for_parts();
    let mut request = request;
    request.extensions_mut().insert(who);
    let answer = answer(routes, request).await;
    (answer.status, answer.header("content-type").to_owned(), String::from_utf8(answer.bytes.to_vec()).unwrap())
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn post(path: &str, signature: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("Stripe-Signature", signature).body(body.into()).unwrap()
}

#[tokio::test]
async fn a_payment_is_shown_to_its_payer() {
    for shop in shops().await {
        let order = shop.paid().await;
        let path = format!("/v1/orders/{order}/payment");
        let (status, _, body) = send(&shop, ada(), get(&path)).await;
        let payment: Payment = serde_json::from_str(&body).unwrap();
        assert_eq!((status, payment.order_id, payment.status.word()), (200, order, "captured"));
        for path in [path, "/v1/orders/nonsense/payment".into()] {
            let (status, kind, body) = send(&shop, Caller::Anonymous, get(&path)).await;
            assert_eq!((status, &*kind), (404, "application/problem+json"), "{body}");
        }
    }
}

#[tokio::test]
async fn webhooks_are_refused_without_a_5xx() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "action_required").await.unwrap();
        let told = shop.line.act(&shop.reference(order).await, true).await.unwrap();
        let huge = "x".repeat(3 << 20).into_bytes();
        for (path, signature, body, expected) in [
            ("test", "", told.body.clone().into_bytes(), 400),
            ("test", "t=1,v1=00", told.body.clone().into_bytes(), 400),
            ("test", &*told.signature, vec![0xff, 0xfe], 400),
            ("test", &*told.signature, huge, 413),
            ("stripe", &*told.signature, told.body.clone().into_bytes(), 422),
            ("test", &*told.signature, told.body.clone().into_bytes(), 204),
        ] {
            let request = post(&format!("/v1/payments/webhooks/{path}"), signature, body);
            let (status, kind, body) = send(&shop, Caller::Anonymous, request).await;
            assert_eq!(status, expected, "{path} {signature}: {body}");
            assert!(expected == 204 || kind == "application/problem+json", "{kind}");
        }
        assert_eq!(shop.status(order).await, "authorized");
    }
}

#[tokio::test]
async fn the_bank_has_a_page_with_two_buttons() {
    for shop in shops().await {
        let (yes, no) = (Uuid::now_v7(), Uuid::now_v7());
        for (order, button, end) in [(yes, "approve", "authorized"), (no, "decline", "declined")] {
            let url = shop.authorize(order, "action_required").await.unwrap().action.unwrap().url;
            let (status, kind, page) = send(&shop, Caller::Anonymous, get(&url)).await;
            assert_eq!((status, &*kind), (200, "text/html; charset=utf-8"));
            let reference = url.rsplit('/').next().unwrap();
            assert!(page.contains(&format!("action=\"{reference}/{button}\"")), "{page}");
            let (status, ..) = send(&shop, Caller::Anonymous, post(&format!("{url}/{button}"), "", "")).await;
            assert_eq!((status, &*shop.status(order).await), (204, end));
        }
        let nobody = post("/v1/payments/test/test_nobody/approve", "", "");
        assert_eq!(send(&shop, Caller::Anonymous, nobody).await.0, 404);
    }
}
