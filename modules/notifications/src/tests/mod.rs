//! Notifications on both engines.
mod http;
mod mail;
mod paper;
mod races;
mod resend;
mod settings;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{
    Caller, Context, Executor, HandlingError, Local, PageQuery, Refusal, Role, Subscriber, Wire, testing::Folder,
};
use serde_json::json;
use uuid::Uuid;

use self::paper::{Archive, Broken, CANCELLED, CONFIRMED, CORRECTED, Happened, REFUNDED, SHIPPED, event, later, order};
use crate::{
    Delivery, DeliveryQuery, DeliveryStatus, Error, Module, Notifications, Preferences,
    channel::{Mailbox, Message},
    email::{Shop, Templates},
    outgoing::Outgoing,
    sender::Sender,
    service::Service,
    store::{queue, retention},
    subscriber::OrderSubscriber,
};

struct Post {
    context: Context,
    subscriber: Arc<OrderSubscriber>,
    outgoing: Arc<Outgoing>,
    sender: Sender,
    api: Arc<dyn Notifications>,
    archive: Arc<Archive>,
    folder: Folder,
}

/// A post office on each engine, in which nothing moves by itself.
///
/// It is called as in a checked process: through serde, and what may be repeated is.
async fn posts() -> Vec<Post> {
    let mut posts = Vec::new();
    for (context, folder) in kernel::testing::contexts("notifications", &<Module as kernel::Module>::MIGRATIONS).await {
        let from = "Stoa <shop@example.com>".parse().unwrap();
        let mailbox = Mailbox::open(folder.0.join("mailbox"), from).await.unwrap();
        let outgoing = Arc::new(Outgoing::default());
        let subscriber = OrderSubscriber::new(&context, templates(), Arc::clone(&outgoing));
        let sender = Sender::new(&context, Arc::new(mailbox), Arc::clone(&outgoing));
        let archive = Arc::new(Archive(Mutex::default()));
        let api = Arc::new(Service::new(&context, archive.clone(), Arc::clone(&outgoing)));
        let api = hosted(api, &context);
        posts.push(Post { context, subscriber: Arc::new(subscriber), outgoing, sender, api, archive, folder });
    }
    posts
}

/// As a checked process hosts it.
fn hosted(api: Arc<dyn Notifications>, context: &Context) -> Arc<dyn Notifications> {
    <dyn Notifications>::local(api, Local::new(context, true, 64, 256))
}

fn templates() -> Templates {
    Templates::new(Shop { shop_name: "Stoa".into(), shop_url: "https://shop.example".into() }).unwrap()
}

fn customer(id: Uuid) -> Caller {
    Caller::User { id, role: Role::Customer, session: Uuid::now_v7() }
}

fn staff() -> Caller {
    Caller::User { id: Uuid::now_v7(), role: Role::Staff, session: Uuid::now_v7() }
}

impl Post {
    /// Handles an event as the kernel would.
    async fn hear(&self, event: &kernel::CloudEvent) -> Result<(), HandlingError> {
        kernel::testing::hear(&self.context, &*self.subscriber, event).await
    }

    async fn deliveries(&self) -> Vec<Delivery> {
        self.api.deliveries(staff(), DeliveryQuery::default()).await.unwrap().items
    }

    async fn delivery(&self) -> Delivery {
        let mut deliveries = self.deliveries().await;
        assert_eq!(deliveries.len(), 1);
        deliveries.remove(0)
    }

    /// Sends until there is nothing to send.
    async fn send(&self) {
        while self.step(&self.sender).await {}
    }

    /// Sends a batch of what was just written, or else of what is due; false if there is none.
    async fn step(&self, sender: &Sender) -> bool {
        sender.send_own().await.unwrap() || sender.send_due().await.unwrap() <= TimeDelta::zero()
    }

    /// Those that this process has just written.
    async fn own(&self) -> Vec<Message> {
        let (ids, now) = (self.outgoing.take(32), self.now().await);
        queue::own(&self.context.db, &ids, now).await.unwrap()
    }

    /// Those that are due.
    async fn acquire(&self) -> Vec<Message> {
        self.sender.acquire(self.now().await).await.unwrap()
    }

    async fn now(&self) -> DateTime<Utc> {
        self.context.clock.shared(&self.context.db).await.unwrap()
    }

    fn broken(&self) -> Sender {
        Sender::new(&self.context, Arc::new(Broken), Arc::clone(&self.outgoing))
    }

    /// Lets every lease and every pause run out.
    async fn wait(&self) {
        let sql = "UPDATE deliveries SET due_at = $1";
        self.context.db.query(sql).bind(DateTime::UNIX_EPOCH).execute().await.unwrap();
    }

    fn mails(&self) -> Vec<String> {
        mails(&self.folder.0)
    }
}

/// What is in the mailbox; nothing in it may be unfinished.
fn mails(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join("mailbox")).unwrap().map(|file| file.unwrap().path());
    let mail = |path: std::path::PathBuf| {
        assert_eq!(path.extension().unwrap(), "eml");
        std::fs::read_to_string(path).unwrap()
    };
    files.map(mail).collect()
}

#[tokio::test]
async fn a_confirmed_order_is_told_once_to_the_customer() {
    for post in posts().await {
        let ada = Uuid::now_v7();
        let confirmed = event(CONFIRMED, order(Some(ada)));
        post.hear(&confirmed).await.unwrap();
        post.hear(&confirmed).await.unwrap();
        post.hear(&kernel::CloudEvent { id: Uuid::now_v7(), ..confirmed }).await.unwrap();
        let list = post.api.list(customer(ada), PageQuery::default()).await.unwrap().items;
        assert_eq!(list.len(), 1);
        assert_eq!((&*list[0].kind, &*list[0].channel), ("order_confirmed", "email"));
        assert_eq!((&*list[0].subject, list[0].status), ("Your order 7K3F-9QXM is confirmed", DeliveryStatus::Queued));
        post.send().await;
        let delivery = post.delivery().await;
        assert_eq!((delivery.notification.status, delivery.attempts), (DeliveryStatus::Sent, 1));
        assert!(delivery.notification.sent_at.is_some() && delivery.recipient == "ada@example.com");
        assert_eq!(post.mails().len(), 1);
        post.wait().await;
        post.send().await;
        assert_eq!(post.delivery().await.attempts, 1, "what is sent is not sent again");
    }
}

#[tokio::test]
async fn a_guests_mail_is_in_nobodys_list() {
    for post in posts().await {
        post.hear(&event(CONFIRMED, order(None))).await.unwrap();
        post.send().await;
        assert_eq!(post.mails().len(), 1);
        let list = post.api.list(customer(Uuid::now_v7()), PageQuery::default()).await.unwrap();
        assert_eq!((list.items.len(), post.deliveries().await.len()), (0, 1));
    }
}

#[tokio::test]
async fn each_refund_is_told_and_a_cancellation_only_where_it_is_news() {
    for post in posts().await {
        let told = async |happened: Happened, changed: serde_json::Value| {
            let before = post.deliveries().await.len();
            let mut order = order(None);
            order.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            post.hear(&event(happened, order)).await.unwrap();
            post.deliveries().await.len() - before
        };
        for (reason, times) in
            [("declined", 0), ("sold_out", 0), ("customer", 1), ("staff", 1), ("payment_expired", 1), ("new", 1)]
        {
            let why = json!({"cancellation": {"reason": reason, "detail": "Because."}});
            assert_eq!(told(CANCELLED, why).await, times, "{reason}");
        }
        assert_eq!(told(CANCELLED, json!({})).await, 1, "no reason");
        let id = Uuid::now_v7();
        assert_eq!(told(REFUNDED, json!({"id": id})).await, 1);
        assert_eq!(told(REFUNDED, json!({"id": id})).await, 1);
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_rejected_and_not_tried_again() {
    for post in posts().await {
        for data in [json!(null), json!({}), json!({"order": {"id": "7"}})] {
            let mut broken = event(CONFIRMED, order(None));
            broken.data = data;
            assert!(matches!(post.hear(&broken).await, Err(HandlingError::Reject(_))));
        }
        assert!(post.deliveries().await.is_empty());
    }
}

#[tokio::test]
async fn who_wants_no_news_of_the_parcel_still_hears_of_the_money() {
    for post in posts().await {
        let ada = Uuid::now_v7();
        let all = post.api.preferences(customer(ada)).await.unwrap();
        assert_eq!(all, Preferences { order_updates: true, marketing: false });
        let none = Preferences { order_updates: false, marketing: false };
        for _ in 0..2 {
            assert_eq!(post.api.set_preferences(customer(ada), none.clone()).await.unwrap(), none);
            assert_eq!(post.api.preferences(customer(ada)).await.unwrap(), none);
        }
        assert_eq!(post.api.preferences(customer(Uuid::now_v7())).await.unwrap(), all, "everybody has their own");
        for happened in [CONFIRMED, SHIPPED, REFUNDED, CANCELLED] {
            post.hear(&event(happened, order(Some(ada)))).await.unwrap();
        }
        post.send().await;
        let deliveries = post.deliveries().await;
        let statuses: Vec<_> = deliveries.iter().map(|d| (&*d.notification.kind, d.notification.status)).collect();
        assert_eq!(
            statuses,
            [
                ("order_cancelled", DeliveryStatus::Sent),
                ("order_refunded", DeliveryStatus::Sent),
                ("order_shipped", DeliveryStatus::Suppressed),
                ("order_confirmed", DeliveryStatus::Sent),
            ],
            "the latest first"
        );
        assert_eq!(post.mails().len(), 3);
        let suppressed = DeliveryQuery { status: Some(DeliveryStatus::Suppressed), ..DeliveryQuery::default() };
        assert_eq!(post.api.deliveries(staff(), suppressed).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn a_list_has_pages_and_nobody_sees_anothers() {
    for post in posts().await {
        let (ada, eve) = (Uuid::now_v7(), Uuid::now_v7());
        for n in 0..5 {
            let whose = if n == 2 { eve } else { ada };
            post.hear(&event(REFUNDED, order(Some(whose)))).await.unwrap();
        }
        let page = |cursor| post.api.list(customer(ada), PageQuery { limit: Some(3), cursor });
        let first = page(None).await.unwrap();
        let second = page(first.next.clone()).await.unwrap();
        assert_eq!((first.items.len(), second.items.len(), second.next), (3, 1, None));
        let ids: Vec<_> = first.items.iter().chain(&second.items).map(|n| n.id).collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "the latest first, and none twice");
        let bad = PageQuery { limit: Some(0), cursor: None };
        assert!(matches!(post.api.list(customer(ada), bad).await, Err(Error::Refusal(Refusal::InvalidInput { .. }))));
    }
}

#[tokio::test]
async fn only_who_may_sees_anything() {
    for post in posts().await {
        let guest = Caller::Guest { cart: "0".repeat(64) };
        for (caller, mine, everybodys) in [
            (Caller::Anonymous, Some(Refusal::Unauthenticated), Some(Refusal::Unauthenticated)),
            (guest, Some(Refusal::Unauthenticated), Some(Refusal::Unauthenticated)),
            (customer(Uuid::now_v7()), None, Some(Refusal::Forbidden)),
            (staff(), None, None),
            (Caller::System, Some(Refusal::Forbidden), None),
        ] {
            let (mine, everybodys) = (mine.map(Error::from), everybodys.map(Error::from));
            assert_eq!(post.api.list(caller.clone(), PageQuery::default()).await.err(), mine);
            assert_eq!(post.api.preferences(caller.clone()).await.err(), mine);
            let all = Preferences { order_updates: true, marketing: true };
            assert_eq!(post.api.set_preferences(caller.clone(), all).await.err(), mine);
            assert_eq!(post.api.deliveries(caller, DeliveryQuery::default()).await.err(), everybodys);
        }
    }
}

#[tokio::test]
async fn a_sender_that_dies_after_sending_leaves_one_mail() {
    for post in posts().await {
        post.hear(&event(CONFIRMED, order(None))).await.unwrap();
        let leased = post.own().await;
        post.sender.hand_over(&leased[0]).await.unwrap();
        assert_eq!(post.mails().len(), 1, "sent, and not noted");
        post.send().await;
        assert_eq!(post.delivery().await.notification.status, DeliveryStatus::Queued, "leased for now");
        post.wait().await;
        post.send().await;
        let delivery = post.delivery().await;
        assert_eq!((delivery.notification.status, delivery.attempts), (DeliveryStatus::Sent, 2));
        assert_eq!(post.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_waits_and_is_given_up_after_ten_attempts() {
    for post in posts().await {
        post.hear(&event(CONFIRMED, order(None))).await.unwrap();
        let broken = post.broken();
        for attempt in 1..=10 {
            assert!(post.step(&broken).await);
            let delivery = post.delivery().await;
            let status = if attempt < 10 { DeliveryStatus::Queued } else { DeliveryStatus::Failed };
            assert_eq!((delivery.notification.status, delivery.attempts), (status, attempt));
            assert_eq!(delivery.last_error.as_deref(), Some("out of stamps"));
            assert!(!post.step(&broken).await, "it waits");
            post.wait().await;
        }
        assert!(!post.step(&broken).await);
        assert!(post.mails().is_empty());
    }
}

#[tokio::test]
async fn a_message_whose_every_sender_dies_is_given_up() {
    for post in posts().await {
        post.hear(&event(CONFIRMED, order(None))).await.unwrap();
        assert_eq!(post.own().await.len(), 1);
        post.wait().await;
        for _ in 1..10 {
            assert_eq!(post.acquire().await.len(), 1);
            post.wait().await;
        }
        assert!(post.acquire().await.is_empty());
        post.send().await;
        assert_eq!(post.delivery().await.notification.status, DeliveryStatus::Failed);
    }
}

#[tokio::test]
async fn a_sender_that_is_late_cannot_undo_what_another_did() {
    for post in posts().await {
        post.hear(&event(CONFIRMED, order(None))).await.unwrap();
        let leased = post.own().await;
        post.wait().await;
        post.send().await;
        post.broken().deliver(&leased).await.unwrap();
        let delivery = post.delivery().await;
        assert_eq!((delivery.notification.status, delivery.last_error), (DeliveryStatus::Sent, None));
    }
}

#[tokio::test]
async fn what_was_written_is_sent_if_it_is_committed_and_by_whoever_looks_if_there_was_no_room() {
    for post in posts().await {
        let mut tx = post.context.db.begin().await.unwrap();
        let undone = event(CONFIRMED, order(None));
        post.subscriber.handle(&mut tx, undone.read().unwrap().unwrap(), &undone).await.unwrap();
        drop(tx);
        let missed = event(CONFIRMED, order(None));
        post.hear(&missed).await.unwrap();
        assert_eq!(post.own().await.len(), 1, "what was undone is not there");
        for _ in 0..70 {
            post.hear(&event(CONFIRMED, order(None))).await.unwrap();
        }
        post.send().await;
        assert_eq!(post.mails().len(), 70, "what another has taken is leased");
        post.wait().await;
        post.send().await;
        assert_eq!((post.mails().len(), post.deliveries().await.len()), (71, 20));
        let again = post.context.db.query("SELECT COUNT(*) FROM deliveries WHERE status = 'sent' AND attempts = 2");
        assert_eq!(again.fetch_one::<(i64,)>().await.unwrap().0, 1, "and nothing else is sent again");
    }
}

#[tokio::test]
async fn what_is_old_is_forgotten_with_its_address_but_for_what_is_still_to_be_sent() {
    for post in posts().await {
        let (sent, queued) = (order(None), order(None));
        post.hear(&event(CONFIRMED, sent.clone())).await.unwrap();
        post.send().await;
        post.hear(&event(CONFIRMED, queued.clone())).await.unwrap();
        for order in [&sent, &queued] {
            post.hear(&event(CORRECTED, order.clone())).await.unwrap();
        }
        let (db, now) = (&post.context.db, post.context.clock.now());
        let corrected = async || db.query("SELECT order_id FROM corrections").fetch_all::<(Uuid,)>().await.unwrap();
        for cutoff in [now - TimeDelta::days(1), now + TimeDelta::days(1)] {
            assert_eq!((post.deliveries().await.len(), corrected().await.len()), (2, 2), "nothing is old");
            assert!(!retention::forget(db, cutoff).await.unwrap());
            assert!(!retention::forget_corrections(db, cutoff).await.unwrap());
        }
        assert_eq!(post.delivery().await.notification.status, DeliveryStatus::Queued);
        assert_eq!(corrected().await, [(serde_json::from_value(queued["id"].clone()).unwrap(),)]);
    }
}

#[tokio::test]
async fn an_address_that_is_none_fails_at_once() {
    for post in posts().await {
        let mut order = order(None);
        order["email"] = json!("ada@example.com\r\nBcc: eve@example.com");
        post.hear(&event(CONFIRMED, order)).await.unwrap();
        post.send().await;
        assert_eq!(post.delivery().await.notification.status, DeliveryStatus::Failed);
        assert!(post.mails().is_empty());
    }
}
