//! A POST that has a name is done once.
use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use kernel::{Digest, Executor, Role};
use serde_json::json;
use tokio::sync::{Barrier, Semaphore};
use uuid::Uuid;

use super::shop::{ADA, Checked, Shop};
use crate::idempotency::{key::Key, store};
use kernel::testing::{Answer, answer, found, request, until};

const KEY: &str = "Idempotency-Key: 7b0f";
const ORDERS: &str = "/v1/orders";

/// Makes every order wait for a permit.
fn hold(shop: &Shop) {
    shop.orders.permits.forget_permits(Semaphore::MAX_PERMITS);
}

/// Asks again until the request is no longer running.
async fn settled(shop: &Shop) -> Answer {
    found(async || {
        let answer = shop.post(ORDERS, &[KEY], "{}").await;
        if answer.status == 409 { Err(answer.body) } else { Ok(answer) }
    })
    .await
}

async fn rows(shop: &Shop) -> i64 {
    shop.context.db.query("SELECT COUNT(*) FROM idempotency_keys").fetch_one::<(i64,)>().await.unwrap().0
}

/// Sets a time of every row an hour back.
async fn past(shop: &Shop, sql: &'static str) {
    let then: DateTime<Utc> = shop.context.clock.now() - TimeDelta::hours(1);
    shop.context.db.query(sql).bind(then).execute().await.unwrap();
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_also_after_a_restart() {
    for mut shop in Shop::both().await {
        let first = shop.post(ORDERS, &[KEY], "{}").await;
        assert_eq!((first.status, &first.body), (201, &json!({ "number": 1, "key": "7b0f" })), "the key goes on");
        assert_eq!(first.header("idempotency-replayed"), "");
        for restarted in [false, true] {
            let again = shop.post(ORDERS, &[KEY], "{}").await;
            assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "restarted: {restarted}");
            assert_eq!(again.header("idempotency-replayed"), "true");
            for name in ["content-type", "location", "etag"] {
                assert_eq!(again.header(name), first.header(name));
            }
            assert_eq!(again.header("x-once"), "", "of one exchange only");
            shop.restart();
        }
        assert_eq!(shop.orders.begun(), 1);
    }
}

#[tokio::test]
async fn a_name_is_of_one_request_of_one_caller() {
    for shop in Shop::both().await {
        let eve = shop.bearer(Uuid::from_u128(0xe7e));
        for caller in [&*shop.bearer(ADA), &*eve, "Cart-Token: a", "Cart-Token: b"] {
            let before = shop.orders.begun();
            let first = shop.post(ORDERS, &[KEY, caller], "{}").await;
            assert_eq!((first.status, first.header("idempotency-replayed")), (201, ""), "{caller}");
            assert_eq!(shop.post(ORDERS, &[KEY, caller], "{}").await.bytes, first.bytes);
            shop.post(ORDERS, &[KEY, caller], "{ }").await.is_problem(422, "key_reused");
            shop.post("/v1/orders?status=200", &[KEY, caller], "{}").await.is_problem(422, "key_reused");
            shop.post("/v1/secrets", &[KEY, caller], "{}").await.is_problem(422, "key_reused");
            assert_eq!(shop.orders.begun() - before, 1);
        }
        assert_eq!(shop.post(ORDERS, &[], "{}").await.body["number"], 5, "without a name every request is its own");
    }
}

/// The control is every other test here: the same request to a route that does not say so is written down.
#[tokio::test]
async fn what_a_module_answers_again_itself_is_kept_nowhere_else() {
    for shop in Shop::both().await {
        let ada = shop.bearer(ADA);
        for (key, replayed) in [("first", ""), ("again", "true")] {
            let answer = shop.post("/v1/payments", &[&format!("Idempotency-Key: {key}"), &ada], "{}").await;
            assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, replayed));
            assert_eq!(answer.body, key, "the key goes on");
        }
        let unfit = shop.post("/v1/payments", &["Idempotency-Key: two words", &ada], "{}").await;
        unfit.is_problem(422, "invalid_input");
        assert_eq!(rows(&shop).await, 0);
        shop.post(ORDERS, &["Idempotency-Key: first", &ada], "{}").await;
        assert_eq!(rows(&shop).await, 1);
        shop.context.db.close().await;
        assert_eq!(shop.post("/v1/payments", &[KEY, &ada], "{}").await.status, 200, "nor does it need our database");
    }
}

#[tokio::test]
async fn strangers_with_one_key_are_not_in_each_others_way() {
    for shop in Shop::both().await {
        let first = shop.post(ORDERS, &[KEY], "{}").await;
        assert_eq!(shop.post(ORDERS, &[KEY], "{}").await.bytes, first.bytes);
        for (path, body) in [(ORDERS, "{ }"), ("/v1/orders?status=200", "{}")] {
            let other = shop.post(path, &[KEY], body).await;
            assert_eq!((other.status / 100, other.header("idempotency-replayed")), (2, ""), "{path} {body}");
        }
        assert_eq!(shop.orders.begun(), 3);
    }
}

#[tokio::test]
async fn who_may_do_less_than_then_is_not_shown_what_was_answered() {
    for shop in Shop::both().await {
        let as_a = |role| format!("authorization: Bearer {}", shop.accounts.token(&shop.claims(ADA, role)));
        let (customer, staff) = (as_a(Role::Customer), as_a(Role::Staff));
        let first = shop.post(ORDERS, &[KEY, &staff], "{}").await;
        assert_eq!(shop.post(ORDERS, &[KEY, &staff], "{}").await.bytes, first.bytes);
        shop.post(ORDERS, &[KEY, &customer], "{}").await.is_problem(403, "forbidden");
        shop.post(ORDERS, &[KEY, &customer], "{ }").await.is_problem(422, "key_reused");
        let other = "Idempotency-Key: other";
        let first = shop.post(ORDERS, &[other, &customer], "{}").await;
        assert_eq!(shop.post(ORDERS, &[other, &staff], "{}").await.bytes, first.bytes, "who may do more still may");
        assert_eq!(shop.orders.begun(), 2);
    }
}

#[tokio::test]
async fn a_name_is_one_word_of_visible_characters() {
    let shop = Shop::both().await.remove(0);
    let longest = format!("Idempotency-Key: {}", "k".repeat(255));
    assert_eq!(shop.post(ORDERS, &[&longest], "{}").await.status, 201);
    for wrong in ["", "two words", "ä", &"k".repeat(256)] {
        let refused = shop.post(ORDERS, &[&format!("Idempotency-Key: {wrong}")], "{}").await;
        refused.is_problem(422, "invalid_input");
        assert_eq!(refused.body["errors"][0]["pointer"], "Idempotency-Key");
    }
    shop.post(ORDERS, &[KEY, "Idempotency-Key: another"], "{}").await.is_problem(422, "invalid_input");
    assert_eq!(shop.orders.begun(), 1);
    assert_eq!(shop.get("/v1/echo/1", &["Idempotency-Key: two words"]).await.status, 200, "only a POST has one");
}

#[tokio::test]
async fn what_promises_nothing_may_be_tried_again() {
    for shop in Shop::both().await {
        for (status, runs) in [
            (500, 2),
            (503, 2),
            (400, 2),
            (401, 2),
            (408, 2),
            (422, 2),
            (429, 2),
            (200, 1),
            (202, 1),
            (204, 1),
            (303, 2),
            (402, 2),
            (403, 2),
            (404, 2),
            (409, 2),
        ] {
            let before = shop.orders.begun();
            let (path, key) = (format!("/v1/orders?status={status}"), format!("Idempotency-Key: {status}"));
            for _ in 0..2 {
                assert_eq!(shop.post(&path, &[&key], "{}").await.status, status);
            }
            assert_eq!(shop.orders.begun() - before, runs, "{status}");
        }
        let secret = async || shop.post("/v1/secrets", &[KEY], "").await.body["secret"].clone();
        assert_ne!(secret().await, secret().await, "what may not be stored is not");
        assert_eq!(rows(&shop).await, 3);
        for _ in 0..2 {
            shop.post("/v1/bug", &[KEY], "").await.is_problem(500, "internal");
            shop.post("/v1/nothing", &[KEY], "").await.is_problem(404, "not_found");
        }
        assert_eq!(rows(&shop).await, 3, "neither a bug nor nothing leaves anything");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_runs_its_key_is_taken_and_after_a_refusal_it_is_free() {
    for shop in Shop::both().await {
        hold(&shop);
        let ada = shop.bearer(ADA);
        let sold_out = || request("POST /v1/orders?status=409", &[KEY, &ada], "{}");
        let first = shop.context.tasks.spawn(answer(shop.router.clone(), sold_out()));
        until("the order is begun", async || shop.orders.begun() == 1).await;
        answer(shop.router.clone(), sold_out()).await.is_problem(409, "request_in_progress");
        shop.post(ORDERS, &[KEY, &ada], "{}").await.is_problem(422, "key_reused");
        past(&shop, "UPDATE idempotency_keys SET leased_until = $1").await;
        shop.post(ORDERS, &[KEY, &ada], "{}").await.is_problem(422, "key_reused");
        shop.orders.permits.add_permits(2);
        assert_eq!(first.await.unwrap().status, 409);
        let put_right = shop.post(ORDERS, &[KEY, &ada], "{}").await;
        assert_eq!((put_right.status, put_right.header("idempotency-replayed")), (201, ""));
        assert_eq!(rows(&shop).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_runs() {
    for shop in Shop::both().await {
        hold(&shop);
        let requests = || request(&format!("POST {ORDERS}"), &[KEY], "{}");
        let many = (0..16).map(|_| shop.context.tasks.spawn(answer(shop.router.clone(), requests())));
        let many: Vec<_> = many.collect();
        until("all but one are answered", async || many.iter().filter(|one| one.is_finished()).count() == 15).await;
        shop.orders.permits.add_permits(16);
        let answers: Vec<Answer> = join_all(many).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(shop.orders.begun(), 1);
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((won.len(), lost.len()), (1, 15));
        for answer in lost {
            answer.is_problem(409, "request_in_progress");
            assert_eq!(answer.header("retry-after"), "1");
        }
        assert_eq!(settled(&shop).await.bytes, won[0].bytes);
    }
}

/// The control of the test above: looking first and beginning then, as if nobody came in between.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_more_than_one_would_run_if_they_looked_first() {
    for shop in Shop::both().await {
        let all_have_looked = Arc::new(Barrier::new(4));
        let naive = (0..4).map(|_| {
            let (db, clock, barrier) =
                (shop.context.db.clone(), shop.context.clock.clone(), Arc::clone(&all_have_looked));
            shop.context.tasks.spawn(async move {
                let key = Key { scope: "s".into(), hash: "k".into(), fingerprint: "f".into(), role: None };
                let free = store::find(&db, &key).await.unwrap().is_none();
                barrier.wait().await;
                let begun = store::begin(&db, &key, Uuid::now_v7(), clock.now(), TimeDelta::seconds(30)).await;
                (free, begun.unwrap())
            })
        });
        let outcomes: Vec<_> = join_all(naive).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes.iter().filter(|(free, _)| *free).count(), 4, "each believes that it is the first");
        assert_eq!(outcomes.iter().filter(|(_, begun)| *begun).count(), 1, "the statement knows better");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_does_not_stop_what_it_asked_for() {
    for shop in Shop::both().await {
        hold(&shop);
        let (router, request) = (shop.router.clone(), request(&format!("POST {ORDERS}"), &[KEY], "{}"));
        let client = shop.context.tasks.spawn(answer(router, request));
        until("the order is begun", async || shop.orders.begun() == 1).await;
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        shop.post(ORDERS, &[KEY], "{}").await.is_problem(409, "request_in_progress");
        shop.orders.permits.add_permits(1);
        let answer = settled(&shop).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, "true"));
        assert_eq!((shop.orders.begun(), shop.orders.ended()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_run_is_taken_over_and_writes_nothing_if_it_was_not_dead() {
    for shop in Shop::both().await {
        hold(&shop);
        let late =
            shop.context.tasks.spawn(answer(shop.router.clone(), request(&format!("POST {ORDERS}"), &[KEY], "{}")));
        until("the order is begun", async || shop.orders.begun() == 1).await;
        shop.post(ORDERS, &[KEY], "{}").await.is_problem(409, "request_in_progress");
        past(&shop, "UPDATE idempotency_keys SET leased_until = $1").await;
        let second =
            shop.context.tasks.spawn(answer(shop.router.clone(), request(&format!("POST {ORDERS}"), &[KEY], "{}")));
        until("another order is begun", async || shop.orders.begun() == 2).await;
        // Permits are given in the order of asking: the late run ends first, but its lease is the other's now.
        shop.orders.permits.add_permits(1);
        assert_eq!(late.await.unwrap().body["number"], 1);
        shop.post(ORDERS, &[KEY], "{}").await.is_problem(409, "request_in_progress");
        shop.orders.permits.add_permits(1);
        assert_eq!(second.await.unwrap().body["number"], 2);
        assert_eq!(settled(&shop).await.body["number"], 2);
    }
}

#[tokio::test]
async fn after_a_day_a_name_is_free_again_and_swept() {
    for shop in Shop::both().await {
        let ada = shop.bearer(ADA);
        shop.post(ORDERS, &[KEY, &ada], "{}").await;
        past(&shop, "UPDATE idempotency_keys SET expires_at = $1").await;
        assert_eq!(shop.post(ORDERS, &[KEY, &ada], "another").await.body["number"], 2);
        shop.post(ORDERS, &[KEY, &ada], "{}").await.is_problem(422, "key_reused");
        shop.post(ORDERS, &["Idempotency-Key: old"], "{}").await;
        past(&shop, "UPDATE idempotency_keys SET expires_at = $1 WHERE state = 'done'").await;
        shop.post(ORDERS, &["Idempotency-Key: new"], "{}").await;
        assert!(!store::sweep(&shop.context.db, shop.context.clock.now()).await.unwrap());
        assert_eq!(rows(&shop).await, 1);
    }
}

#[tokio::test]
async fn without_its_database_only_named_requests_are_refused() {
    for shop in Shop::both().await {
        shop.context.db.close().await;
        let refused = shop.post(ORDERS, &[KEY], "{}").await;
        refused.is_problem(503, "unavailable");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!((shop.orders.begun(), shop.post(ORDERS, &[], "{}").await.status), (0, 201));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_could_not_be_kept_is_kept_once_the_database_is_back() {
    for shop in Shop::both().await {
        hold(&shop);
        let run =
            shop.context.tasks.spawn(answer(shop.router.clone(), request(&format!("POST {ORDERS}"), &[KEY], "{}")));
        until("the order is begun", async || shop.orders.begun() == 1).await;
        let db = &shop.context.db;
        db.query("ALTER TABLE idempotency_keys RENAME TO away").execute().await.unwrap();
        shop.orders.permits.add_permits(1);
        assert_eq!(run.await.unwrap().status, 201, "the answer is the answer");
        db.query("ALTER TABLE away RENAME TO idempotency_keys").execute().await.unwrap();
        let again =
            tokio::time::timeout(Duration::from_secs(5), settled(&shop)).await.expect("long before its lease ends");
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
        assert_eq!(shop.orders.begun(), 1);
    }
}

#[tokio::test]
async fn nothing_of_a_named_request_can_be_read_or_guessed_from_the_table() {
    for shop in Shop::both().await {
        shop.post(ORDERS, &[KEY], "tiger").await;
        let sql = "SELECT scope, key_hash, fingerprint FROM idempotency_keys";
        let (scope, key_hash, fingerprint): (String, String, String) =
            shop.context.db.query(sql).fetch_one().await.unwrap();
        assert_eq!(scope, "anonymous");
        assert!(!key_hash.contains("7b0f"));
        let guess = Digest::of_parts(&[b"POST", ORDERS.as_bytes(), b"tiger"]).hex();
        assert_ne!(fingerprint, guess, "the key, which is not in the table, salts it");
    }
}
