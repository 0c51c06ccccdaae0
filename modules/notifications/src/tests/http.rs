//! What the endpoints answer.
use kernel::{
    Module as _,
    testing::{Answer, tell},
};

use super::*;

async fn send(post: &Post, caller: &Caller, line: &str, body: &'static str) -> Answer {
    tell(Module::routes(Arc::clone(&post.api)), caller, line, &[], body).await
}

#[tokio::test]
async fn a_customer_sees_the_order_and_the_kind_and_staff_the_recipient() {
    let post = posts().await.remove(0);
    let ada = Uuid::now_v7();
    let order = order(Some(ada));
    post.hear(&event(CONFIRMED, order.clone())).await.unwrap();
    let mine = send(&post, &customer(ada), "GET /v1/notifications", "").await.body;
    let item = &mine["items"][0];
    assert_eq!((&item["order_id"], &item["kind"]), (&order["id"], &json!("order_confirmed")));
    assert!(item.get("recipient").is_none() && mine["next"].is_null());
    let all = send(&post, &staff(), "GET /v1/deliveries?status=queued", "").await.body;
    let item = &all["items"][0];
    assert_eq!((&item["kind"], &item["recipient"]), (&json!("order_confirmed"), &json!("ada@example.com")));
}

#[tokio::test]
async fn each_endpoint_answers_with_the_status_that_fits() {
    let post = posts().await.remove(0);
    let (ada, staff) = (customer(Uuid::now_v7()), staff());
    for (caller, line, body, status) in [
        (&ada, "GET /v1/notifications", "", 200),
        (&Caller::Anonymous, "GET /v1/notifications", "", 401),
        (&ada, "GET /v1/notifications?limit=0", "", 422),
        (&ada, "GET /v1/notifications?limit=x", "", 422),
        (&ada, "GET /v1/notifications?cursor=%00", "", 422),
        (&ada, "GET /v1/notifications?offset=1", "", 422),
        (&ada, "GET /v1/notifications/preferences", "", 200),
        (&ada, "PUT /v1/notifications/preferences", r#"{"order_updates":false,"marketing":true}"#, 200),
        (&ada, "PUT /v1/notifications/preferences", r#"{"order_updates":false}"#, 422),
        (&ada, "PUT /v1/notifications/preferences", r#"{"order_updates":1,"marketing":true}"#, 422),
        (&ada, "GET /v1/deliveries", "", 403),
        (&Caller::Anonymous, "GET /v1/deliveries", "", 401),
        (&staff, "GET /v1/deliveries?status=sent&limit=5", "", 200),
        (&staff, "GET /v1/deliveries?status=lost", "", 422),
    ] {
        let answer = send(&post, caller, line, body).await;
        assert_eq!(answer.status, status, "{line} {body}");
    }
}
