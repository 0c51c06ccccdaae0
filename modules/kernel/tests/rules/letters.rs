//! Dead letters: they are seen by those who may, and replayed they have their effect, once.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kernel::{
    Caller, CloudEvent, Context, DeadLetter, Executor, Handler, LetterQuery, LetterState, Page, Refusal, Role, Tx,
    Verdict, async_trait,
};
use serde_json::json;
use uuid::Uuid;

use crate::{database::contexts, sample::Error};

/// Marks each event, but as long as it is broken rejects those that say so.
struct Broken(AtomicBool);

#[async_trait]
impl Handler for Broken {
    async fn handle(&self, tx: &mut Tx, event: &CloudEvent) -> Result<(), Verdict> {
        if self.0.load(Ordering::SeqCst) && event.data["bad"] == true {
            return Err(Verdict::reject("it is broken"));
        }
        let n = event.data["n"].as_i64().unwrap();
        tx.query("INSERT INTO marks (subject, n) VALUES ($1, $2)").bind(&*event.subject).bind(n).execute().await?;
        Ok(())
    }
}

async fn publish(context: &Context, events: &[(&str, i64, bool)]) {
    let mut tx = context.db.begin().await.unwrap();
    for (subject, n, bad) in events {
        context.outbox.add(&mut tx, "mark.made", subject, &json!({ "n": n, "bad": bad })).await.unwrap();
    }
    tx.commit().await.unwrap();
    context.outbox.wake();
}

fn subscribe(context: &Context) -> Arc<Broken> {
    let (outbox, handler) = (context.outbox.clone(), Arc::new(Broken(AtomicBool::new(true))));
    let pull = move |after, limit, wait: i64| {
        let outbox = outbox.clone();
        async move { outbox.read(after, limit, Duration::from_millis(wait.unsigned_abs())).await }
    };
    context.subscribe("sample", pull, Arc::clone(&handler) as Arc<dyn Handler>);
    handler
}

/// The effects in the order of subjects, once there are `count`.
async fn effects(context: &Context, count: usize) -> Vec<(String, i64)> {
    let until = Instant::now() + Duration::from_secs(25);
    loop {
        let sql = "SELECT subject, n FROM marks ORDER BY subject, n";
        let marks: Vec<(String, i64)> = context.db.query(sql).fetch_all().await.unwrap();
        if marks.len() >= count {
            return marks;
        }
        assert!(Instant::now() < until, "{marks:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn user(role: Role) -> Caller {
    Caller::User { id: Uuid::now_v7(), role, session: Uuid::now_v7() }
}

async fn list(context: &Context, query: LetterQuery) -> Page<DeadLetter> {
    context.dead_letters().list::<Error>(&user(Role::Staff), query).await.unwrap()
}

#[tokio::test]
async fn a_dead_event_that_is_replayed_has_its_effect_once() {
    for (context, _folder) in contexts().await {
        let handler = subscribe(&context);
        publish(&context, &[("a", 1, true), ("a", 2, false), ("b", 1, false)]).await;
        effects(&context, 2).await;
        let page = list(&context, LetterQuery::default()).await;
        let [DeadLetter { event_id, .. }] = page.items[..] else { panic!("{page:?}") };
        let DeadLetter { source, kind, subject, state, attempts, reason, .. } = &page.items[0];
        assert_eq!((&**source, &**kind, &**subject), ("sample", "mark.made", "a"));
        assert_eq!((*state, *attempts, reason.as_deref()), (LetterState::Dead, 1, Some("it is broken")));

        let letters = context.dead_letters();
        assert_eq!(letters.count("sample").await, Ok((0, 1)));
        letters.replay::<Error>(&Caller::System, event_id, Error::Closed).await.unwrap();
        publish(&context, &[("c", 1, false)]).await;
        effects(&context, 3).await;
        // Nothing was repaired, so it dies again.
        let until = Instant::now() + Duration::from_secs(25);
        while list(&context, LetterQuery::default()).await != page {
            assert!(Instant::now() < until, "it neither dies nor is handled");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }

        handler.0.store(false, Ordering::SeqCst);
        for _ in 0..2 {
            letters.replay::<Error>(&user(Role::Staff), event_id, Error::Closed).await.unwrap();
        }
        publish(&context, &[("c", 2, false)]).await;
        let marks = [("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2)].map(|(subject, n)| (subject.to_owned(), n));
        assert_eq!(effects(&context, 5).await, marks);
        letters.replay::<Error>(&Caller::System, event_id, Error::Closed).await.unwrap();
        publish(&context, &[("c", 3, false)]).await;
        assert_eq!(effects(&context, 6).await.len(), 6, "what is handled stays handled");
        assert!(list(&context, LetterQuery::default()).await.items.is_empty());
        assert!(context.tasks.shutdown(Duration::from_secs(9)).await);
    }
}

#[tokio::test]
async fn only_those_who_run_the_shop_see_dead_letters() {
    for (context, _folder) in contexts().await {
        let letters = context.dead_letters();
        for (caller, refusal) in [
            (user(Role::Customer), Refusal::Forbidden),
            (Caller::Guest { cart: "0".repeat(64) }, Refusal::Unauthenticated),
            (Caller::Anonymous, Refusal::Unauthenticated),
        ] {
            let refused = Err(Error::Refusal(refusal));
            assert_eq!(letters.list(&caller, LetterQuery::default()).await, refused.clone());
            assert_eq!(letters.replay(&caller, Uuid::nil(), Error::Closed).await, refused.map(drop));
        }
        let unknown = letters.replay(&user(Role::Staff), Uuid::nil(), Error::Closed).await;
        assert_eq!(unknown, Err(Error::Closed), "as the module has it");
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
            let page = list(&context, LetterQuery { state: Some(LetterState::Dead), limit: Some(2), cursor }).await;
            seen.extend(page.items.into_iter().map(|letter| letter.subject));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "b", "a", "b", "a"]);
        let parked = LetterQuery { state: Some(LetterState::Parked), ..LetterQuery::default() };
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
