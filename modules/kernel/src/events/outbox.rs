//! Publishing: a change and its event are committed together, and read in one order by everybody.
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use tokio::{
    sync::{Mutex, Notify},
    time::Instant,
};
use uuid::Uuid;

use super::{
    event::{CloudEvent, DomainEvent, Tagged},
    tail::Tail,
};
use crate::{
    Call, Clock, Db, Executor, Fault, Tasks, Tx,
    failpoint::{publishing, reach_in},
};

/// Where a module publishes: a table of its own database.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(super) db: Db,
    pub(super) module: &'static str,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    shared: Arc<Shared>,
}

/// What all who publish and read in this process have in common.
#[derive(Debug, Default)]
struct Shared {
    /// How often something was committed here.
    woken: AtomicU64,
    /// Up to where there are events, as another process has said.
    told: AtomicI64,
    news: Notify,
    /// Locked while the database is asked: many wakes meanwhile are one more look.
    tail: Mutex<Tail>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    position: i64,
    kind: String,
    subject: String,
    data: Json<serde_json::Value>,
    at: DateTime<Utc>,
    trace: String,
}

/// How often the database is asked without a word: for what a process committed that died, or cannot tell us.
const LOOK: Duration = Duration::from_secs(15);
/// How many events are placed, or read, at a time.
const BATCH: usize = 1000;

/// Gives the committed events that have no position yet the next ones, and reads them with what else there is.
///
/// Only here, one at a time under the lock of `outbox_head`, and after their commit: a number drawn inside a transaction
/// would become visible out of order, and a reader past it would miss it. The rows are locked as well, after the lock was
/// got, since the statement began before: those that another has placed meanwhile fall out.
const PLACE: &str = "
  WITH head AS MATERIALIZED (
         SELECT next
           FROM outbox_head
          WHERE id = 1 AND EXISTS (SELECT 1 FROM outbox WHERE position IS NULL)
            FOR UPDATE),
       fresh AS MATERIALIZED (
         SELECT seq
           FROM outbox
          WHERE position IS NULL AND (SELECT next FROM head) IS NOT NULL
          ORDER BY seq
          LIMIT $2
            FOR UPDATE),
       placed AS (
         UPDATE outbox
            SET position = (SELECT next FROM head) + ranked.rank
           FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) - 1 AS rank FROM fresh) AS ranked
          WHERE outbox.seq = ranked.seq
      RETURNING id, position, kind, subject, data, at, trace)
SELECT * FROM placed
 UNION ALL
(SELECT id, position, kind, subject, data, at, trace FROM outbox WHERE position > $1 ORDER BY position LIMIT $2)
 ORDER BY position";
const READ: &str = "
SELECT id, position, kind, subject, data, at, trace FROM outbox WHERE position > $1 ORDER BY position LIMIT $2";

impl Outbox {
    pub(crate) fn new(db: Db, module: &'static str, clock: Clock, tasks: Tasks) -> Self {
        Self { db, module, clock, tasks, shared: Arc::default() }
    }

    /// Publishes an event with the transaction that it tells of.
    ///
    /// Take the aggregate's lock first: its events are read in the order in which they are added.
    /// Call [`Outbox::wake`] once the transaction is committed.
    pub async fn add(&self, tx: &mut Tx, event: &impl DomainEvent) -> Result<(), Fault> {
        let Tagged { kind, data } = Tagged::of(event).map_err(Fault::internal)?;
        tx.query("INSERT INTO outbox (id, kind, subject, data, at, trace) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(Uuid::now_v7())
            .bind(kind)
            .bind(event.subject())
            .bind(Json(data))
            .bind(self.clock.now())
            .bind(Call::current().trace())
            .execute()
            .await?;
        Ok(())
    }

    /// Wakes those who wait for news: something was committed.
    pub fn wake(&self) {
        self.shared.woken.fetch_add(1, Ordering::SeqCst);
        self.shared.news.notify_waiters();
    }

    /// Another process says that there are events up to position `end`.
    pub(super) fn tell(&self, end: i64) {
        self.shared.told.fetch_max(end, Ordering::SeqCst);
        self.shared.news.notify_waiters();
    }

    /// Something may have been missed: the database is asked anew.
    pub(super) async fn forget(&self) {
        self.shared.tail.lock().await.looked = None;
        self.shared.news.notify_waiters();
    }

    /// The events after position `after`, in order; waits up to `wait` for the first.
    pub async fn read(&self, after: i64, limit: i64, wait: Duration) -> Result<Vec<CloudEvent>, Fault> {
        let until = Instant::now() + wait.min(Call::current().left() / 2);
        let limit = usize::try_from(limit).unwrap_or_default().clamp(1, BATCH);
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let tail = self.tail().await?.after(after, limit);
            let events = match tail {
                Some(events) => events,
                None => self.query(READ, after, limit).await?,
            };
            if !events.is_empty() || Instant::now() >= until || self.tasks.is_stopping() {
                return Ok(events);
            }
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep_until(until) => {}
                () = self.tasks.stopping() => {}
            }
        }
    }

    /// How many events were published, as far as is known here.
    pub(crate) async fn head(&self) -> Result<i64, Fault> {
        Ok(self.tail().await?.end)
    }

    /// The newest events, once there is nothing newer that this process could know of.
    async fn tail(&self) -> Result<tokio::sync::MutexGuard<'_, Tail>, Fault> {
        let mut tail = self.shared.tail.lock().await;
        let woken = self.shared.woken.load(Ordering::SeqCst);
        let told = self.shared.told.load(Ordering::SeqCst);
        if woken == tail.woken && told <= tail.end && tail.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return Ok(tail);
        }
        let published = woken > tail.woken;
        if published {
            reach_in(self.module, publishing::outbox::placing);
        }
        let sql = if matches!(self.db, Db::Postgres(_)) { PLACE } else { READ };
        let begins = tail.looked.is_none();
        let events = self.query(sql, if begins { i64::MAX } else { tail.end }, BATCH).await?;
        if published && !events.is_empty() {
            reach_in(self.module, publishing::outbox::placed);
        }
        let is_all = events.len() < BATCH;
        // Another process was at it in between, or has published much.
        if begins || !tail.add(events) {
            let head = "SELECT next - 1 FROM outbox_head WHERE id = 1";
            tail.reset(self.db.query(head).fetch_one::<(i64,)>().await?.0);
        }
        // What was told may have been lost since, with a server that it had not left yet.
        self.shared.told.compare_exchange(told, tail.end.min(told), Ordering::SeqCst, Ordering::SeqCst).ok();
        if is_all {
            (tail.woken, tail.looked) = (woken, Some(Instant::now()));
        }
        Ok(tail)
    }

    async fn query(&self, sql: &'static str, after: i64, limit: usize) -> Result<Vec<CloudEvent>, Fault> {
        let rows: Vec<Row> =
            self.db.query(sql).bind(after).bind(i64::try_from(limit).map_err(Fault::internal)?).fetch_all().await?;
        Ok(rows.into_iter().map(|row| self.event(row)).collect())
    }

    fn event(&self, row: Row) -> CloudEvent {
        CloudEvent {
            specversion: "1.0".into(),
            id: row.id,
            source: format!("/{}", self.module),
            kind: row.kind,
            subject: row.subject,
            time: row.at,
            data: row.data.0,
            position: row.position,
            traceid: row.trace,
        }
    }
}
