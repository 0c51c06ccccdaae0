//! Clocks of processes disagree by five minutes. Nobody notices.
use reqwest::Method;
use serde_json::json;

use crate::{
    actor::PASSWORD,
    stories::product,
    world::{
        Engine::{self, Postgres, Sqlite},
        Shop,
        Topology::Apart,
    },
};

const FIVE_MINUTES: i64 = 300_000;

/// Lets one process after another live at another time, and a customer do everything that looks at a clock.
async fn one_process_lives_elsewhen(engine: Engine, offset: i64) {
    let mut shop = Shop::open(Apart, engine, &[]).await;
    {
        let sam = shop.staff("sam", "staff").await;
        product(&sam, "cup", &[("CUP", 1250, 100)]).await;
    }
    for (name, role) in ["gateway", "users", "orders", "payments", "products"].into_iter().enumerate() {
        live(&mut shop, role, offset).await;
        let placed_at = a_day_in_the_shop(&shop, &format!("customer-{name}")).await;
        if role == "orders" {
            let off = placed_at - chrono::Utc::now();
            assert!((off.num_milliseconds() - offset).abs() < 60_000, "its clock is off: {off}");
        }
        println!("{role:<10} {:>+4} s on {engine:?}: nobody noticed", offset / 1000);
        live(&mut shop, role, 0).await;
    }
    let sam = shop.guest("sam").session().await;
    assert_eq!(sam.stock("CUP").await, 90, "each sold two and took two back");
    assert_eq!((sam.mails("order_confirmed", 15).await, shop.closed_books().await.taken), (15, 10));
}

/// Starts the process that runs `role` again with its clock off by `offset` ms.
async fn live(shop: &mut Shop, role: &str, offset: i64) {
    shop.terminate(role);
    shop.only(role, "STOA_TESTING__CLOCK_OFFSET_MS", &offset.to_string());
    shop.start();
    shop.ready().await;
}

/// Everything that looks at a clock; when it was, as orders tell it.
async fn a_day_in_the_shop(shop: &Shop, name: &str) -> chrono::DateTime<chrono::Utc> {
    let ada = shop.customer(name).await;
    assert_eq!(ada.send(Method::GET, "/v1/users/me", None, &[]).await.status, 200);

    let credentials = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
    let session = ada.send(Method::POST, "/v1/sessions", Some(&credentials), &[]).await;
    let refresh = json!({"refresh_token": session.text("/refresh_token")});
    let refreshed = ada.send(Method::POST, "/v1/sessions/refresh", Some(&refresh), &[]).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let ada = ada.with("authorization", &format!("Bearer {}", refreshed.text("/access_token")));
    assert_eq!(ada.send(Method::GET, "/v1/users/me/sessions", None, &[]).await.status, 200);

    ada.put_in("CUP", 1).await;
    let order = ada.order("ok", "order-1").await;
    assert_eq!(order.status, 201, "{order:?}");
    assert_eq!(ada.order("ok", "order-1").await.body, order.body, "the answer is kept");
    ada.settled(&order.text("/id")).await;

    // A webhook is signed with a time.
    ada.put_in("CUP", 1).await;
    let waiting = ada.order("action_required", "order-2").await;
    assert_eq!(waiting.status, 202, "{waiting:?}");
    let approve = format!("{}/approve", waiting.text("/payment/action/url"));
    assert_eq!(ada.send(Method::POST, &approve, Some(&json!({})), &[]).await.status, 204);
    assert_eq!(ada.settled(&waiting.text("/id")).await["payment"]["status"], "captured");

    ada.put_in("CUP", 2).await;
    let id = ada.order("ok", "order-3").await.text("/id");
    ada.settled(&id).await;
    let cancelled = ada.send(Method::POST, &format!("/v1/orders/{id}/cancel"), Some(&json!({})), &[]).await;
    assert_eq!((cancelled.status, cancelled.text("/payment/status")), (200, "refunded".into()), "{cancelled:?}");
    assert_eq!(ada.send(Method::DELETE, "/v1/sessions/current", None, &[]).await.status, 204);
    order.text("/placed_at").parse().unwrap()
}

#[tokio::test]
async fn one_is_ahead_on_sqlite() {
    one_process_lives_elsewhen(Sqlite, FIVE_MINUTES).await;
}

#[tokio::test]
async fn one_is_behind_on_sqlite() {
    one_process_lives_elsewhen(Sqlite, -FIVE_MINUTES).await;
}

#[tokio::test]
async fn one_is_ahead_on_postgres() {
    one_process_lives_elsewhen(Postgres, FIVE_MINUTES).await;
}

#[tokio::test]
async fn one_is_behind_on_postgres() {
    one_process_lives_elsewhen(Postgres, -FIVE_MINUTES).await;
}
