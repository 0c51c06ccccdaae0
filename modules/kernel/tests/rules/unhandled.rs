//! Dead letters: they are seen by those who may, and replayed they have their effect, once.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kernel::{
    Caller, CloudEvent, Context, Executor, HandlingError, InboxError, Page, Refusal, Role, Subscriber, Tx,
    UnhandledEvent, UnhandledQuery, UnhandledState, async_trait,
    testing::{found, until},
};
use uuid::Uuid;

use crate::{
    database::contexts,
    marks::{MarkEvent, hosted},
};

/// Marks each event, but as long as it is broken rejects those that say so.
struct Broken(AtomicBool);

#[async_trait]
impl Subscriber<MarkEvent> for Broken {
    async fn handle(&self, tx: &mut Tx, event: MarkEvent, _: &CloudEvent) -> Result<(), HandlingError> {
        let MarkEvent::Made { subject, n, bad } = event else { return Ok(()) };
        if self.0.load(Ordering::SeqCst) && bad {
            return Err(HandlingError::reject("it is broken"));
        }
        tx.query("INSERT INTO marks (subject, n) VALUES ($1, $2)").bind(&*subject).bind(n).execute().await?;
        Ok(())
    }
}

async fn publish(context: &Context, events: &[(&str, i64, bool)]) {
    let mut tx = context.db.begin().await.unwrap();
    for (subject, n, bad) in events {
        let made = MarkEvent::Made { subject: (*subject).into(), n: *n, bad: *bad };
        context.outbox.add(&mut tx, &made).await.unwrap();
    }
    tx.commit().await.unwrap();
    context.outbox.wake();
}

fn subscribe(context: &Context) -> Arc<Broken> {
    let subscriber = Arc::new(Broken(AtomicBool::new(true)));
    context.subscribe(&hosted(context), Arc::clone(&subscriber));
    subscriber
}

/// The effects in the order of subjects, once there are `count`.
async fn effects(context: &Context, count: usize) -> Vec<(String, i64)> {
    found(async || {
        let sql = "SELECT subject, n FROM marks ORDER BY subject, n";
        let marks: Vec<(String, i64)> = context.db.query(sql).fetch_all().await.unwrap();
        if marks.len() >= count { Ok(marks) } else { Err(format!("{marks:?}")) }
    })
    .await
}

fn user(role: Role) -> Caller {
    Caller::User { id: Uuid::now_v7(), role, session: Uuid::now_v7() }
}

async fn list(context: &Context, query: UnhandledQuery) -> Page<UnhandledEvent> {
    hosted(context).messaging().unhandled(user(Role::Staff), query).await.unwrap()
}

#[tokio::test]
async fn a_dead_event_that_is_replayed_has_its_effect_once() {
    for (context, _folder) in contexts().await {
        let subscriber = subscribe(&context);
        publish(&context, &[("a", 1, true), ("a", 2, false), ("b", 1, false)]).await;
        effects(&context, 2).await;
        let page = list(&context, UnhandledQuery::default()).await;
        let [UnhandledEvent { event_id, .. }] = page.items[..] else { panic!("{page:?}") };
        let UnhandledEvent { source, kind, subject, state, attempts, reason, .. } = &page.items[0];
        assert_eq!((&**source, &**kind, &**subject), ("sample", "mark.made", "a"));
        assert_eq!((*state, *attempts, reason.as_deref()), (UnhandledState::Dead, 1, Some("it is broken")));

        let messaging = hosted(&context).messaging();
        messaging.replay(Caller::System, event_id).await.unwrap();
        publish(&context, &[("c", 1, false)]).await;
        effects(&context, 3).await;
        // Nothing was repaired, so it dies again.
        until("it dies again", async || list(&context, UnhandledQuery::default()).await == page).await;

        subscriber.0.store(false, Ordering::SeqCst);
        for _ in 0..2 {
            messaging.replay(user(Role::Staff), event_id).await.unwrap();
        }
        publish(&context, &[("c", 2, false)]).await;
        let marks = [("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2)].map(|(subject, n)| (subject.to_owned(), n));
        assert_eq!(effects(&context, 5).await, marks);
        messaging.replay(Caller::System, event_id).await.unwrap();
        publish(&context, &[("c", 3, false)]).await;
        assert_eq!(effects(&context, 6).await.len(), 6, "what is handled stays handled");
        assert!(list(&context, UnhandledQuery::default()).await.items.is_empty());
        assert!(context.tasks.shutdown(Duration::from_secs(9)).await);
    }
}

#[tokio::test]
async fn only_those_who_run_the_shop_see_dead_letters() {
    for (context, _folder) in contexts().await {
        let messaging = hosted(&context).messaging();
        for (caller, refusal) in [
            (user(Role::Customer), Refusal::Forbidden),
            (Caller::Guest { cart: "0".repeat(64) }, Refusal::Unauthenticated),
            (Caller::Anonymous, Refusal::Unauthenticated),
        ] {
            let refused = Err(InboxError::Refusal(refusal));
            assert_eq!(messaging.unhandled(caller.clone(), UnhandledQuery::default()).await, refused.clone());
            assert_eq!(messaging.replay(caller, Uuid::nil()).await, refused.map(drop));
        }
        assert_eq!(messaging.replay(user(Role::Staff), Uuid::nil()).await, Err(InboxError::EventNotFound));
    }
}

#[tokio::test]
async fn the_list_is_in_the_order_of_publishing_and_goes_on_where_its_page_ended() {
    for (context, _folder) in contexts().await {
        subscribe(&context);
        let events: Vec<_> = (0..5).map(|n| (if n % 2 == 0 { "a" } else { "b" }, n, true)).collect();
        publish(&context, &events).await;
        publish(&context, &[("c", 1, false)]).await;
        effects(&context, 1).await;
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page =
                list(&context, UnhandledQuery { state: Some(UnhandledState::Dead), limit: Some(2), cursor }).await;
            seen.extend(page.items.into_iter().map(|letter| letter.subject));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "b", "a", "b", "a"]);
        let parked = UnhandledQuery { state: Some(UnhandledState::Parked), ..UnhandledQuery::default() };
        assert!(list(&context, parked).await.items.is_empty());
        assert!(context.tasks.shutdown(Duration::from_secs(9)).await);
    }
}

/// The process of a command.
#[tokio::test]
async fn an_idle_process_repeats_nothing() {
    let tasks = kernel::Tasks::idle();
    tasks.repeat(Duration::ZERO, || async { unreachable!("nobody asked for it") }, std::future::pending);
    assert_eq!(tasks.spawn(async { 1 }).await.unwrap(), 1, "what is asked for is done");
    assert!(tasks.shutdown(Duration::from_secs(1)).await);
}
