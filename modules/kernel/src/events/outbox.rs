//! Publishing: a change and its event are committed together, and read in one order by everybody.
use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use tokio::sync::Notify;
use uuid::Uuid;

use super::event::{CloudEvent, DomainEvent, Tagged};
use crate::{
    Call, Clock, Db, Executor, Fault, Tasks, Tx,
    failpoint::{publishing, reach_in},
};

/// Where a module publishes: a table of its own database.
#[derive(Debug, Clone)]
pub struct Outbox {
    db: Db,
    module: &'static str,
    clock: Clock,
    tasks: Tasks,
    news: Arc<Notify>,
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

/// How often a reader looks without being woken: another replica's commit wakes only its own readers.
const LOOK: Duration = Duration::from_millis(500);

impl Outbox {
    pub(crate) fn new(db: Db, module: &'static str, clock: Clock, tasks: Tasks) -> Self {
        Self { db, module, clock, tasks, news: Arc::default() }
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

    /// Wakes those who wait for news.
    pub fn wake(&self) {
        self.news.notify_waiters();
    }

    /// The events after position `after`, in order; waits up to `wait` for the first.
    pub async fn read(&self, after: i64, limit: i64, wait: Duration) -> Result<Vec<CloudEvent>, Fault> {
        let until = tokio::time::Instant::now() + wait.min(Call::current().left() / 2);
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            self.place().await?;
            let rows: Vec<Row> = self
                .db
                .query(
                    "SELECT id, position, kind, subject, data, at, trace
                       FROM outbox
                      WHERE position > $1
                      ORDER BY position
                      LIMIT $2",
                )
                .bind(after)
                .bind(limit.clamp(1, 1000))
                .fetch_all()
                .await?;
            if !rows.is_empty() || tokio::time::Instant::now() >= until || self.tasks.is_stopping() {
                return Ok(rows.into_iter().map(|row| self.event(row)).collect());
            }
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep_until(until.min(tokio::time::Instant::now() + LOOK)) => {}
                () = self.tasks.stopping() => {}
            }
        }
    }

    /// How many events were published, with those that have no position yet.
    pub(crate) async fn head(&self) -> Result<i64, Fault> {
        let sql =
            "SELECT (SELECT next - 1 FROM outbox_head WHERE id = 1) + COUNT(*) FROM outbox WHERE position IS NULL";
        let (head,): (i64,) = self.db.query(sql).fetch_one().await?;
        Ok(head)
    }

    /// Gives the committed events that have no position yet the next ones.
    ///
    /// Only here, one at a time under the lock of `outbox_head`, and after their commit: a number drawn
    /// inside a transaction would become visible out of order, and a reader past it would miss it.
    async fn place(&self) -> Result<(), Fault> {
        let waiting: (bool,) =
            self.db.query("SELECT EXISTS (SELECT 1 FROM outbox WHERE position IS NULL)").fetch_one().await?;
        if !waiting.0 {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let (next,): (i64,) = tx.query("SELECT next FROM outbox_head WHERE id = 1").for_update().fetch_one().await?;
        let placed = tx
            .query(
                "UPDATE outbox
                    SET position = $1 + fresh.rank
                   FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) - 1 AS rank FROM outbox WHERE position IS NULL) AS fresh
                  WHERE outbox.seq = fresh.seq",
            )
            .bind(next)
            .execute()
            .await?;
        let next = next + i64::try_from(placed).map_err(Fault::internal)?;
        tx.query("UPDATE outbox_head SET next = $1 WHERE id = 1").bind(next).execute().await?;
        reach_in(self.module, publishing::outbox::placing);
        tx.commit().await?;
        reach_in(self.module, publishing::outbox::placed);
        Ok(())
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
