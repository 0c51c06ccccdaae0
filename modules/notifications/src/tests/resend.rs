//! Mail that went wrong, and where it goes then.
use serde_json::Value;

use super::*;
use crate::NotificationId;

/// The order with another address, some versions later.
fn moved(order: &Value, email: &str, version: i64) -> Value {
    let mut moved = order.clone();
    moved["email"] = json!(email);
    moved["version"] = json!(version);
    moved
}

impl Post {
    /// Orders say so, and notifications may hear of it later.
    fn publish(&self, happened: Happened, order: Value) -> kernel::CloudEvent {
        let event = event(happened, order);
        self.archive.0.lock().unwrap().push(event.clone());
        event
    }

    /// Queues the confirmation of an order.
    async fn confirm(&self, order: &Value) -> NotificationId {
        self.hear(&self.publish(CONFIRMED, order.clone())).await.unwrap();
        self.delivery().await.notification.id
    }

    /// Lets the only message fail as often as it may.
    async fn fail(&self) {
        let broken = self.broken();
        for _ in 0..10 {
            assert!(self.step(&broken).await);
            self.wait().await;
        }
        assert_eq!(self.delivery().await.notification.status, DeliveryStatus::Failed);
    }

    /// Whom the only mail is written to.
    fn written_to(&self) -> String {
        let mails = self.mails();
        assert_eq!(mails.len(), 1);
        mails[0].lines().find_map(|line| line.strip_prefix("To: ")).unwrap().to_owned()
    }

    async fn shown(&self) -> (DeliveryStatus, String) {
        let delivery = self.delivery().await;
        (delivery.notification.status, delivery.recipient)
    }
}

#[tokio::test]
async fn a_mail_that_failed_is_sent_again_to_the_order_s_present_address() {
    for post in posts().await {
        let order = order(None);
        let id = post.confirm(&order).await;
        post.fail().await;
        // The event is still on its way.
        let corrected = post.publish(CORRECTED, moved(&order, "new@example.com", 4));
        let again = post.api.resend(staff(), id).await.unwrap();
        assert_eq!((again.notification.status, &*again.recipient), (DeliveryStatus::Queued, "new@example.com"));
        assert_eq!((again.attempts, again.last_error), (0, None), "with every attempt before it");
        post.hear(&corrected).await.unwrap();
        post.send().await;
        assert_eq!(post.written_to(), "new@example.com");
        let sent = post.api.resend(staff(), id).await.unwrap();
        assert_eq!(sent.notification.status, DeliveryStatus::Sent, "it arrived: nothing happens");
        post.send().await;
        assert_eq!(post.delivery().await.attempts, 1);
    }
}

#[tokio::test]
async fn a_mail_that_failed_goes_to_the_same_address_if_nobody_corrected_it() {
    for post in posts().await {
        let id = post.confirm(&order(None)).await;
        post.fail().await;
        post.api.resend(staff(), id).await.unwrap();
        post.send().await;
        assert_eq!((post.shown().await.0, &*post.written_to()), (DeliveryStatus::Sent, "ada@example.com"));
    }
}

#[tokio::test]
async fn what_is_queued_for_the_former_address_goes_to_the_new_one() {
    for post in posts().await {
        let order = order(None);
        post.confirm(&order).await;
        post.hear(&post.publish(CORRECTED, moved(&order, "new@example.com", 4))).await.unwrap();
        assert_eq!(post.shown().await, (DeliveryStatus::Queued, "new@example.com".into()));
        post.send().await;
        assert_eq!(post.written_to(), "new@example.com");
        assert_eq!(post.deliveries().await.len(), 1, "of the correction itself nobody is told");
    }
}

#[tokio::test]
async fn a_mail_on_its_way_to_the_former_address_is_sent_again_to_the_new_one() {
    for post in posts().await {
        let order = order(None);
        post.confirm(&order).await;
        let leased = post.own().await;
        post.hear(&post.publish(CORRECTED, moved(&order, "new@example.com", 4))).await.unwrap();
        post.sender.deliver(&leased).await.unwrap();
        assert_eq!(post.shown().await, (DeliveryStatus::Queued, "new@example.com".into()), "it went elsewhere");
        post.wait().await;
        post.send().await;
        assert_eq!((post.shown().await.0, &*post.written_to()), (DeliveryStatus::Sent, "new@example.com"));
    }
}

#[tokio::test]
async fn an_event_from_before_a_correction_does_not_bring_the_former_address_back() {
    for post in posts().await {
        let order = order(None);
        let (first, second) = (moved(&order, "first@example.com", 4), moved(&order, "second@example.com", 5));
        post.hear(&post.publish(CORRECTED, second)).await.unwrap();
        post.hear(&event(CORRECTED, first)).await.unwrap();
        // Dead for a while, and replayed.
        post.confirm(&order).await;
        post.send().await;
        assert_eq!((post.shown().await.1, &*post.written_to()), ("second@example.com".into(), "second@example.com"));
    }
}

#[tokio::test]
async fn a_mail_that_reached_a_stranger_is_sent_again_once_the_address_is_right() {
    for post in posts().await {
        let order = order(None);
        let id = post.confirm(&order).await;
        post.send().await;
        assert_eq!(post.api.resend(staff(), id).await.unwrap().notification.status, DeliveryStatus::Sent);
        post.hear(&post.publish(CORRECTED, moved(&order, "new@example.com", 4))).await.unwrap();
        assert_eq!(post.shown().await, (DeliveryStatus::Sent, "ada@example.com".into()), "where it went");
        assert_eq!(post.api.resend(staff(), id).await.unwrap().notification.status, DeliveryStatus::Queued);
        post.send().await;
        assert_eq!(post.written_to(), "new@example.com");
    }
}

#[tokio::test]
async fn only_staff_sends_again_and_only_what_is_wanted() {
    for post in posts().await {
        let ada = Uuid::now_v7();
        let unknown = NotificationId::new();
        assert_eq!(post.api.resend(staff(), unknown).await, Err(Error::DeliveryNotFound));
        assert_eq!(post.api.resend(customer(ada), unknown).await, Err(Refusal::Forbidden.into()));
        assert_eq!(post.api.resend(Caller::Anonymous, unknown).await, Err(Refusal::Unauthenticated.into()));
        let nothing = Preferences { order_updates: false, marketing: false };
        post.api.set_preferences(customer(ada), nothing).await.unwrap();
        post.hear(&post.publish(SHIPPED, order(Some(ada)))).await.unwrap();
        let id = post.delivery().await.notification.id;
        assert_eq!(post.api.resend(Caller::System, id).await, Err(Error::NotWanted));
    }
}
