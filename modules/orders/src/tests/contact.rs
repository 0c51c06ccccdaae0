//! Where an order goes, and where mail about it does.
use kernel::{Caller, Condition, Refusal};
use serde_json::{Value, json};

use super::shop::{customer, staff, tell, wish};
use crate::{Error, NewOrder, NewQuote, OrderPatch, Orders};

fn guest() -> Caller {
    Caller::Guest { cart: "f".repeat(64) }
}

/// The pointers and codes of an invalid request.
fn flaws<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<(String, String)> {
    match outcome.unwrap_err() {
        Error::Refusal(Refusal::InvalidInput { errors }) => errors.into_iter().map(|e| (e.pointer, e.code)).collect(),
        other => panic!("{other:?}"),
    }
}

fn flaw(pointer: &str, code: &str) -> Vec<(String, String)> {
    vec![(pointer.into(), code.into())]
}

fn to(country: &str) -> NewQuote {
    NewQuote { country: country.into(), shipping_method: "standard".into() }
}

fn sent_to(country: &str) -> NewOrder {
    let mut order = wish("ok");
    order.shipping_address.country = country.into();
    order.email = Some("guest@example.com".into());
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_and_an_order_know_the_same_countries() {
    tell(|shop| async move {
        shop.world.fill(&guest(), &[("TEA", 1, 100)]);
        for country in ["ZZ", "UK", "EU", "XX", "Germany", "", "t\u{131}", "\u{ff24}\u{ff25}"] {
            assert_eq!(flaws(shop.orders.quote(guest(), to(country)).await), flaw("/country", "unknown_country"));
            let placed = shop.orders.place(guest(), "1".into(), None, sent_to(country)).await;
            assert_eq!(flaws(placed), flaw("/shipping_address/country", "unknown_country"), "{country}");
        }
        let capital = shop.orders.quote(guest(), to("DE")).await.unwrap();
        for country in ["de", "De", " de "] {
            assert_eq!(shop.orders.quote(guest(), to(country)).await.unwrap(), capital, "{country}");
        }
        assert!(capital.totals.tax.amount > 0, "Germany's rate, and not everybody else's");
        let placed = shop.orders.place(guest(), "1".into(), None, sent_to("de")).await.unwrap();
        assert_eq!((placed.totals, &*placed.shipping_address.country), (capital.totals, "DE"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_taken_as_people_there_write_it() {
    tell(|shop| async move {
        for (n, (country, postal_code, phone)) in [
            ("JM", json!(null), "+1 876 555 0100 ext. 89"),
            ("CD", json!(""), "030\u{2013}12\u{a0}34"),
            ("CW", Value::Null, "\u{ff10}\u{ff13}\u{ff0d}\u{ff11}\u{ff12}\u{ff13}\u{ff14}"),
        ]
        .into_iter()
        .enumerate()
        {
            shop.world.fill(&guest(), &[("TEA", 1, 100)]);
            let mut body = serde_json::to_value(sent_to(country)).unwrap();
            body["shipping_address"]["phone"] = json!(phone);
            body["shipping_address"]["postal_code"] = postal_code;
            if country == "CW" {
                body["shipping_address"].as_object_mut().unwrap().remove("postal_code");
            }
            let (status, _, placed) = shop.send(&guest(), "POST", "/v1/orders", &n.to_string(), &body).await;
            assert_eq!(status, 201, "{placed}");
            let address = &placed["shipping_address"];
            assert_eq!((&address["phone"], &address["postal_code"]), (&json!(phone), &json!("")));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_an_address_that_mail_can_reach() {
    tell(|shop| async move {
        shop.world.fill(&guest(), &[("TEA", 1, 100)]);
        let order = |email: &str| NewOrder { email: Some(email.into()), ..sent_to("DE") };
        for (email, code) in [
            ("Ada <ada@example.com>", "not_an_email"),
            ("ada@[127.0.0.1]", "not_an_email"),
            ("ada@127.0.0.1", "not_an_email"),
            ("a@b", "not_an_email"),
            ("\"ada\"@example.com", "not_an_email"),
            ("j\u{fc}rgen@example.com", "email_not_ascii"),
            ("ada@example.com\r\nBcc: eve@example.com", "control_character"),
        ] {
            let placed = shop.orders.place(guest(), "1".into(), None, order(email)).await;
            assert_eq!(flaws(placed), flaw("/email", code), "{email}");
        }
        let placed = shop.orders.place(guest(), "1".into(), None, order(" Ada@B\u{fc}cher.DE ")).await.unwrap();
        assert_eq!(placed.email, "Ada@xn--bcher-kva.de");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_s_address_from_before_there_was_a_rule_is_refused_before_anybody_pays() {
    tell(|shop| async move {
        for (then, now) in [
            ("ada@b\u{fc}cher.de", Ok("ada@xn--bcher-kva.de")),
            ("j\u{fc}rgen@example.com", Err("email_not_ascii")),
            ("\"ada\"@example.com", Err("not_an_email")),
        ] {
            let ada = shop.ada();
            shop.world.scene(|scene| scene.contact = Some(then.into()));
            match (shop.place(&ada, "1", "ok").await, now) {
                (Ok(order), Ok(email)) => assert_eq!(order.email, email),
                (refused, Err(code)) => {
                    assert_eq!(flaws(refused), flaw("/email", code), "{then}");
                    let said = NewOrder { email: Some("ada@example.com".into()), ..wish("ok") };
                    assert!(shop.orders.place(ada, "1".into(), None, said).await.is_ok());
                }
                (refused, Ok(_)) => panic!("{refused:?}"),
            }
        }
    })
    .await;
}

fn patch(email: &str) -> OrderPatch {
    OrderPatch { email: email.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_corrects_where_mail_about_an_order_goes() {
    tell(|shop| async move {
        let (ada, bob) = (shop.ada(), staff());
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        let correct = |who: &Caller, email: &str, condition: Condition| {
            let (orders, who, patch) = (shop.orders.clone(), who.clone(), patch(email));
            async move { orders.correct(who, order.id, patch, condition).await }
        };
        let now = Condition::version(order.version);
        for (stranger, refusal) in [
            (ada.clone(), Refusal::Forbidden),
            (customer(), Refusal::Forbidden),
            (Caller::Anonymous, Refusal::Unauthenticated),
            (guest(), Refusal::Unauthenticated),
        ] {
            assert_eq!(correct(&stranger, "eve@example.com", now.clone()).await, Err(refusal.into()));
        }
        assert_eq!(flaws(correct(&bob, "a@b", now.clone()).await), flaw("/email", "not_an_email"));
        let unknown = shop.orders.correct(bob.clone(), crate::OrderId::new(), patch("ada@example.com"), now.clone());
        assert_eq!(unknown.await, Err(Error::OrderNotFound));
        let before = Condition::version(order.version - 1);
        let stale = Err(Error::Stale { version: order.version });
        assert_eq!(correct(&bob, "ada@b\u{fc}cher.de", before.clone()).await, stale);

        let corrected = correct(&bob, "ada@b\u{fc}cher.de", now).await.unwrap();
        assert_eq!((&*corrected.email, corrected.version), ("ada@xn--bcher-kva.de", order.version + 1));
        assert_eq!(correct(&bob, "ada@B\u{dc}CHER.de", before).await.unwrap(), corrected, "done already");
        assert_eq!(shop.orders.get(ada.clone(), order.id).await.unwrap(), corrected);
        assert_eq!(shop.place(&ada, "1", "ok").await.unwrap(), corrected, "the same key, the same order");
        assert_eq!(shop.published().await, ["confirmed", "corrected"]);

        let told = |events: Vec<crate::HistoryEntry>| events.last().map(|last| (last.kind.clone(), last.data.clone()));
        let email = json!("ada@xn--bcher-kva.de");
        let theirs = told(shop.orders.history(ada.clone(), order.id).await.unwrap()).unwrap();
        assert_eq!(theirs, ("OrderCorrected".into(), json!({ "email": email })));
        let ours = told(shop.orders.history(bob.clone(), order.id).await.unwrap()).unwrap();
        assert_eq!(ours.1, json!({ "email": email, "by": bob.account().unwrap() }));
        shop.audit().await;

        let cancelled = shop.orders.cancel(ada, order.id, Condition::default()).await.unwrap();
        assert_eq!(cancelled.email, "ada@xn--bcher-kva.de");
        let late = correct(&bob, "late@example.com", Condition::default()).await.unwrap();
        assert_eq!((late.status, &*late.email), (cancelled.status, "late@example.com"), "it is still written to");
        shop.audit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_a_patch_with_a_condition() {
    tell(|shop| async move {
        let order = shop.place(&shop.ada(), "1", "ok").await.unwrap();
        let path = format!("/v1/orders/{}", order.id);
        for (body, pointer) in [
            (json!({}), "/email"),
            (json!({ "email": null }), "/email"),
            (json!({ "email": "ada@example.com", "status": "shipped" }), "/status"),
        ] {
            let (status, _, problem) = shop.send(&staff(), "PATCH", &path, "", &body).await;
            assert_eq!(status, 422);
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
        let body = json!({ "email": "new@example.com" });
        let (status, etag, corrected) = shop.send(&staff(), "PATCH", &path, "", &body).await;
        assert_eq!((status, &corrected["email"]), (200, &json!("new@example.com")));
        assert!(etag.starts_with("\"4-"), "{etag}");
    })
    .await;
}
