//! A module that publishes marks, and hears of its own.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use kernel::{
    Call, CloudEvent, Context, DomainEvent, Executor, Fault, HandlingError, Local, Subscriber, Tx, Wire, async_trait,
    testing::found,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

/// What happens to marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[expect(unreachable_pub, reason = "what a public trait publishes is public")]
pub enum MarkEvent {
    #[serde(rename = "mark.made")]
    Made { subject: String, n: i64, bad: bool },
    #[serde(rename = "mark.erased")]
    Erased { subject: String },
}

impl DomainEvent for MarkEvent {
    type Publisher = dyn Marking;

    fn subject(&self) -> String {
        let (Self::Made { subject, .. } | Self::Erased { subject }) = self;
        subject.clone()
    }
}

/// That a mark was made.
pub(crate) fn made(subject: &str, n: i64) -> MarkEvent {
    MarkEvent::Made { subject: subject.to_owned(), n, bad: false }
}

kernel::api! {
    /// Publishes marks, and hears of its own.
    pub trait Marking("sample") publishes MarkEvent hears MarkEvent {
        /// Says nothing.
        read async fn ping(&self) -> Result<(), Fault>;
    }
}

struct Nothing;
impl Double for Nothing {}

/// The module as `context` hosts it.
pub(crate) fn hosted(context: &Context) -> Arc<dyn Marking> {
    <dyn Marking>::local(Arc::new(Nothing), Local::new(context, true, 64, 64))
}

/// What a subscriber shall do with one event, in this attempt of it (from 1).
type Script = dyn Fn(&CloudEvent, usize) -> Turn + Send + Sync;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Work,
    Retry,
    Reject,
    Panic,
    /// Break a rule of the database, and say that all is well.
    Swallow,
    /// Take for ever.
    Hang,
    /// Change the counter of the event's number, and wait for whoever has it.
    Lock,
    /// Take a place that the test gives, then fail.
    RetryAfterPlace,
}

/// Notes each event in `marks`, unless its script says otherwise.
pub(crate) struct Marks {
    script: Box<Script>,
    attempts: Mutex<HashMap<uuid::Uuid, usize>>,
    pub(crate) seen: watch::Sender<Vec<(String, i64, Turn)>>,
    pub(crate) traces: Mutex<Vec<(String, Duration)>>,
    pub(crate) places: Semaphore,
    /// How often something was committed.
    pub(crate) commits: AtomicUsize,
}

impl Marks {
    pub(crate) fn new(script: impl Fn(&CloudEvent, usize) -> Turn + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            attempts: Mutex::default(),
            seen: watch::Sender::default(),
            traces: Mutex::default(),
            places: Semaphore::new(0),
            commits: AtomicUsize::new(0),
        })
    }

    /// How often it was asked.
    pub(crate) fn attempted(&self) -> usize {
        self.seen.borrow().len()
    }

    /// Waits until what was attempted is as `wanted` says.
    pub(crate) async fn until(&self, wanted: impl Fn(&[(String, i64, Turn)]) -> bool) {
        let mut seen = self.seen.subscribe();
        let outcome = tokio::time::timeout(Duration::from_secs(25), seen.wait_for(|seen| wanted(seen))).await;
        assert!(outcome.is_ok(), "{:?}", self.seen.borrow());
    }
}

pub(crate) fn n(event: &CloudEvent) -> i64 {
    event.data["n"].as_i64().expect("a number")
}

#[async_trait]
impl Subscriber<MarkEvent> for Marks {
    fn concerns(&self, event: &MarkEvent) -> bool {
        matches!(event, MarkEvent::Made { .. })
    }

    fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    async fn handle(&self, tx: &mut Tx, _: MarkEvent, event: &CloudEvent) -> Result<(), HandlingError> {
        let attempt = {
            let mut attempts = self.attempts.lock().expect("nobody panicked");
            let attempt = attempts.entry(event.id).or_default();
            *attempt += 1;
            *attempt
        };
        self.traces.lock().expect("nobody panicked").push((Call::current().trace(), Call::current().left()));
        // Undone with everything else unless it is noted.
        let sql = "INSERT INTO marks (subject, n) VALUES ($1, $2)";
        tx.query(sql).bind(&*event.subject).bind(n(event)).execute().await?;
        let turn = (self.script)(event, attempt);
        self.seen.send_modify(|seen| seen.push((event.subject.clone(), n(event), turn)));
        match turn {
            Turn::Work => Ok(()),
            Turn::Retry => Err(Fault::Unavailable.into()),
            Turn::Reject => Err(HandlingError::reject("never")),
            Turn::Panic => panic!("a bug that was asked for"),
            Turn::Swallow => {
                tx.query("INSERT INTO counters (id, n) VALUES (1, 0)").execute().await.expect_err("it is there");
                Ok(())
            }
            Turn::Lock => {
                tx.query("UPDATE counters SET n = n + 1 WHERE id = $1").bind(n(event)).execute().await?;
                Ok(())
            }
            Turn::Hang => std::future::pending().await,
            Turn::RetryAfterPlace => {
                if let Ok(place) = self.places.acquire().await {
                    place.forget();
                }
                Err(Fault::Unavailable.into())
            }
        }
    }
}

/// Publishes the numbers of each subject, in this order.
pub(crate) async fn publish(context: &Context, events: &[(&str, i64)]) {
    let mut tx = context.db.begin().await.unwrap();
    for (subject, n) in events {
        context.outbox.add(&mut tx, &made(subject, *n)).await.unwrap();
    }
    tx.commit().await.unwrap();
    context.outbox.wake();
}

/// Lets `subscriber` handle what `context`'s module publishes.
pub(crate) fn subscribe(context: &Context, subscriber: &Arc<Marks>) {
    context.subscribe(&hosted(context), Arc::clone(subscriber));
}

/// What has had an effect, by subject, as often as it had it.
pub(crate) async fn effects(context: &Context) -> BTreeMap<String, Vec<i64>> {
    let sql = "SELECT subject, n FROM marks ORDER BY subject, n";
    let rows: Vec<(String, i64)> = context.db.query(sql).fetch_all().await.unwrap();
    rows.into_iter().fold(BTreeMap::new(), |mut all, (subject, n)| {
        all.entry(subject).or_insert_with(Vec::new).push(n);
        all
    })
}

/// The numbers of `subject` in the order in which they had the effect that stayed.
pub(crate) fn order(seen: &[(String, i64, Turn)], subject: &str) -> Vec<i64> {
    let worked = seen.iter().filter(|(its, _, turn)| its == subject && *turn == Turn::Work).map(|(_, n, _)| *n);
    // What was undone with its neighbour was done once more.
    worked.fold(Vec::new(), |mut order, n| {
        order.retain(|earlier| *earlier != n);
        order.push(n);
        order
    })
}

/// The state of each event that is not done.
pub(crate) async fn resting(context: &Context) -> Vec<(String, i64, String, i64)> {
    let sql = "SELECT subject, position, state, attempts FROM inbox WHERE state <> 'done' ORDER BY position";
    context.db.query(sql).fetch_all().await.unwrap()
}

/// Waits until `count` events are `done`, `parked` or `dead`, and moves the clock on so that what waits is due.
pub(crate) async fn settled(context: &Context, state: &'static str, count: i64) {
    found(async || {
        let sql = if state == "done" {
            "SELECT COALESCE(MAX(position), 0) - (SELECT COUNT(*) FROM inbox WHERE state <> $1) FROM inbox_cursors"
        } else {
            "SELECT COUNT(*) FROM inbox WHERE state = $1"
        };
        let (there,): (i64,) = context.db.query(sql).bind(state).fetch_one().await.unwrap();
        if there >= count {
            return Ok(());
        }
        context.clock.advance(TimeDelta::minutes(5));
        Err(format!("{there} of {count} {state}: {:?}", resting(context).await))
    })
    .await;
}

pub(crate) async fn stop(context: &Context) {
    assert!(context.tasks.shutdown(Duration::from_secs(9)).await, "the consumer ends");
}
