//! What must hold when many do it at once, and what happens without the guard; and the whole module at work.
use std::{collections::BTreeSet, time::Duration};

use kernel::{
    InboxError, Module as _, UnhandledQuery,
    testing::{hear, until},
};
use tokio::{sync::Barrier, task::JoinSet};

use super::*;

/// Lets eight replicas hear, each by an event of its own, that one order is confirmed.
async fn hear_eight_times(post: &Post) {
    let order = order(None);
    let start = Arc::new(Barrier::new(8));
    let mut running = JoinSet::new();
    for _ in 0..8 {
        let (context, subscriber) = (post.context.clone(), Arc::clone(&post.subscriber));
        let (start, event) = (Arc::clone(&start), event(CONFIRMED, order.clone()));
        running.spawn(async move {
            start.wait().await;
            hear(&context, &*subscriber, &event).await.unwrap();
        });
    }
    running.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_confirmed_once_whatever_many_events_say() {
    for post in posts().await {
        hear_eight_times(&post).await;
        assert_eq!(post.deliveries().await.len(), 1);
    }
}

/// The control: the same without the index.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_index_an_order_is_confirmed_many_times() {
    for post in posts().await {
        post.context.db.query("DROP INDEX deliveries_one_confirmation").execute().await.unwrap();
        hear_eight_times(&post).await;
        assert_eq!(post.deliveries().await.len(), 8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_senders_claim_each_message_once() {
    for post in posts().await {
        for _ in 0..40 {
            post.hear(&event(REFUNDED, order(None))).await.unwrap();
        }
        post.wait().await;
        let now = post.now().await;
        let start = Arc::new(Barrier::new(8));
        let mut running = JoinSet::new();
        for _ in 0..8 {
            let (sender, start) = (post.sender.clone(), Arc::clone(&start));
            running.spawn(async move {
                start.wait().await;
                sender.acquire(now).await.unwrap()
            });
        }
        let leased: Vec<_> = running.join_all().await.into_iter().flatten().map(|message| message.id.0).collect();
        assert_eq!(leased.iter().collect::<BTreeSet<_>>().len(), leased.len(), "none twice");
        assert!(leased.len() >= 32);
    }
}

/// The control: the same, read and then written.
#[tokio::test(flavor = "multi_thread")]
async fn senders_that_read_and_then_write_claim_a_message_twice() {
    for post in posts().await {
        post.hear(&event(REFUNDED, order(None))).await.unwrap();
        let start = Arc::new(Barrier::new(8));
        let mut running = JoinSet::new();
        for _ in 0..8 {
            let (db, start) = (post.context.db.clone(), Arc::clone(&start));
            running.spawn(async move {
                let sql = "SELECT id FROM deliveries WHERE status = 'queued' AND attempts = 1";
                let due: Vec<(Uuid,)> = db.query(sql).fetch_all().await.unwrap();
                start.wait().await;
                let sql = "UPDATE deliveries SET attempts = attempts + 1 WHERE id IN ($*)";
                db.query(sql).bind_list(due.iter().map(|(id,)| *id)).execute().await.unwrap();
                due.len()
            });
        }
        assert_eq!(running.join_all().await.into_iter().sum::<usize>(), 8);
    }
}

#[tokio::test]
async fn the_module_reads_events_and_sends_each_message_once() {
    for (context, folder) in kernel::testing::contexts("notifications", &<Module as kernel::Module>::MIGRATIONS).await {
        let mut events: Vec<_> = (0..3).map(|_| event(CONFIRMED, order(None))).collect();
        events.push(events[0].clone());
        events.push(later(order(None)));
        events.push(event(SHIPPED, events[1].data["order"].clone()));
        for (event, position) in events.iter_mut().zip(1..) {
            event.position = position;
        }
        let api = Module::start(context.clone(), Arc::new(Archive(Mutex::new(events)))).await.unwrap();
        let sent = DeliveryQuery { status: Some(DeliveryStatus::Sent), ..DeliveryQuery::default() };
        let arrived = async || api.deliveries(staff(), sent.clone()).await.unwrap().items.len() >= 4;
        until("four messages are sent", arrived).await;
        context.tasks.shutdown(Duration::ZERO).await;
        assert_eq!(mails(&folder.0).len(), 4);
        assert_eq!(api.deliveries(staff(), DeliveryQuery::default()).await.unwrap().items.len(), 4);
    }
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_seen_by_staff_and_can_be_replayed() {
    for (context, _folder) in kernel::testing::contexts("notifications", &<Module as kernel::Module>::MIGRATIONS).await
    {
        let mut events = [1, 2].map(|position| kernel::CloudEvent { position, ..event(CONFIRMED, order(None)) });
        events[0].data = json!({"order": {"id": "1"}});
        let broken = events[0].id;
        let api = Module::start(context.clone(), Arc::new(Archive(Mutex::new(events.to_vec())))).await.unwrap();
        let messaging = hosted(Arc::clone(&api), &context).messaging();
        let mailed = async || !api.deliveries(staff(), DeliveryQuery::default()).await.unwrap().items.is_empty();
        until("the next one is told all the same", mailed).await;
        let dead = || messaging.unhandled(staff(), UnhandledQuery::default());
        let letter = dead().await.unwrap().items.remove(0);
        assert_eq!((letter.event_id, &*letter.source, letter.attempts), (broken, "orders", 1));
        assert!(letter.reason.is_some(), "{letter:?}");
        messaging.replay(staff(), broken).await.unwrap();
        until("it still makes no sense", async || dead().await.unwrap().items == [letter.clone()]).await;
        assert_eq!(messaging.replay(staff(), Uuid::now_v7()).await, Err(InboxError::EventNotFound));
        let ada = customer(Uuid::now_v7());
        let forbidden = InboxError::Refusal(Refusal::Forbidden);
        assert_eq!(messaging.replay(ada.clone(), broken).await, Err(forbidden.clone()));
        assert_eq!(messaging.unhandled(ada, UnhandledQuery::default()).await, Err(forbidden));
        assert!(context.tasks.shutdown(Duration::from_secs(9)).await);
    }
}
