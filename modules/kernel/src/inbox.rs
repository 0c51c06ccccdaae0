//! Consuming: an event's effect and the note that it was handled are committed together.
use std::{fmt::Display, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use sqlx::types::Json;

use crate::{Call, Context, Event, Executor, Fault, Tx};

/// What a module does when something happens in another.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Brings about the event's effect in `tx`, which also notes that it was handled.
    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), Verdict>;
    /// Called once that is committed.
    fn committed(&self) {}
}

/// Why an event was not handled.
#[derive(Debug)]
pub enum Verdict {
    /// It may work later; its aggregate waits, its neighbours do not.
    Retry {
        /// For the person who looks.
        reason: String,
    },
    /// It never will: straight to the dead letters.
    Reject {
        /// For the person who looks.
        reason: String,
    },
}

impl Verdict {
    /// It never will work.
    pub fn reject(reason: impl Display) -> Self {
        Self::Reject { reason: reason.to_string() }
    }
}

impl<E: Into<Fault>> From<E> for Verdict {
    fn from(error: E) -> Self {
        Self::Retry { reason: error.into().to_string() }
    }
}

/// After so many attempts an event rests among the dead letters.
const ATTEMPTS: i64 = 10;
const BATCH: i64 = 100;
const WAIT: Duration = Duration::from_secs(4);

/// Reads one source to its end and keeps reading.
struct Consumer {
    context: Context,
    source: &'static str,
    handler: Arc<dyn Handler>,
}

#[derive(sqlx::FromRow)]
struct Parked {
    attempts: i64,
    event: Json<Event>,
}

impl Context {
    /// Lets `handler` handle every event of `source`, each once, in order within each aggregate.
    ///
    /// `pull(after, limit, wait_ms)` is the publisher's own method: in process or over HTTP, the same.
    pub fn subscribe<F, P>(&self, source: &'static str, pull: P, handler: Arc<dyn Handler>)
    where
        P: Fn(i64, i64, i64) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Vec<Event>, Fault>> + Send + 'static,
    {
        let consumer = Arc::new(Consumer { context: self.clone(), source, handler });
        let step = move || {
            let (consumer, pull) = (Arc::clone(&consumer), pull.clone());
            async move {
                let call = Call::fresh(crate::call::DEFAULT_TIMEOUT);
                let outcome = call.run(consumer.step(pull)).await;
                outcome
                    .inspect_err(|fault| tracing::warn!(source, %fault, "cannot read events; trying again"))
                    .unwrap_or(false)
            }
        };
        self.tasks.repeat(Duration::from_millis(250), step, std::future::pending);
    }
}

impl Consumer {
    async fn step<F, P>(&self, pull: P) -> Result<bool, Fault>
    where
        P: Fn(i64, i64, i64) -> F,
        F: Future<Output = Result<Vec<Event>, Fault>>,
    {
        let db = &self.context.db;
        let parked = self.retry_parked().await?;
        let cursor: Option<(i64,)> =
            db.query("SELECT position FROM inbox_cursors WHERE source = $1").bind(self.source).fetch_optional().await?;
        let after = cursor.map_or(0, |(position,)| position);
        let wait = if parked {
            Duration::ZERO
        } else if self.any_parked().await? {
            Duration::from_millis(200)
        } else {
            WAIT
        };
        let events = pull(after, BATCH, i64::try_from(wait.as_millis()).map_err(Fault::internal)?).await?;
        for event in &events {
            self.receive(event).await?;
        }
        Ok(true)
    }

    async fn any_parked(&self) -> Result<bool, Fault> {
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE source = $1 AND state = 'parked')";
        let (any,): (bool,) = self.context.db.query(sql).bind(self.source).fetch_one().await?;
        Ok(any)
    }

    /// Handles a new event, or parks it where its handler or an earlier one of its aggregate says so.
    async fn receive(&self, event: &Event) -> Result<(), Fault> {
        crate::failpoint!(self.context.name, "inbox.received");
        let mut tx = self.context.db.begin().await?;
        if !self.advance(&mut tx, event).await? {
            return Ok(());
        }
        let (blocked,): (bool,) = tx
            .query("SELECT EXISTS (SELECT 1 FROM inbox WHERE source = $1 AND subject = $2 AND state = 'parked')")
            .bind(self.source)
            .bind(&*event.subject)
            .fetch_one()
            .await?;
        let verdict = if blocked {
            Err(Verdict::Retry { reason: "an earlier event of the same aggregate waits".into() })
        } else {
            self.handler.handle(&mut tx, event).await
        };
        match verdict {
            Ok(()) => {
                self.note(&mut tx, event, "done", 1, None).await?;
                crate::failpoint!(self.context.name, "inbox.handled");
                tx.commit().await?;
                crate::failpoint!(self.context.name, "inbox.committed");
                self.handler.committed();
                return Ok(());
            }
            Err(verdict) => {
                drop(tx);
                let mut tx = self.context.db.begin().await?;
                if self.advance(&mut tx, event).await? {
                    let (state, reason) = self.judge(event, i64::from(!blocked), verdict);
                    self.note(&mut tx, event, state, i64::from(!blocked), Some(reason)).await?;
                    tx.commit().await?;
                }
            }
        }
        Ok(())
    }

    /// Moves the cursor to `event`; false if another replica has, or the event came before.
    async fn advance(&self, tx: &mut Tx, event: &Event) -> Result<bool, Fault> {
        tx.query("INSERT INTO inbox_cursors (source, position) VALUES ($1, 0) ON CONFLICT (source) DO NOTHING")
            .bind(self.source)
            .execute()
            .await?;
        let moved = tx
            .query("UPDATE inbox_cursors SET position = $2 WHERE source = $1 AND position < $2")
            .bind(self.source)
            .bind(event.position)
            .execute()
            .await?;
        let seen: Option<(i64,)> = tx
            .query("SELECT attempts FROM inbox WHERE source = $1 AND event_id = $2")
            .bind(self.source)
            .bind(event.id)
            .fetch_optional()
            .await?;
        Ok(moved == 1 && seen.is_none())
    }

    async fn note(
        &self,
        tx: &mut Tx,
        event: &Event,
        state: &'static str,
        attempts: i64,
        reason: Option<String>,
    ) -> Result<(), Fault> {
        let backoff = TimeDelta::milliseconds(200 << attempts.clamp(0, 10));
        tx.query(
            "INSERT INTO inbox (source, event_id, subject, position, state, attempts, due_at, reason, event)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (source, event_id) DO UPDATE
                SET state = excluded.state, attempts = excluded.attempts, due_at = excluded.due_at,
                    reason = excluded.reason, event = excluded.event",
        )
        .bind(self.source)
        .bind(event.id)
        .bind(&*event.subject)
        .bind(event.position)
        .bind(state)
        .bind(attempts)
        .bind(self.context.clock.now() + backoff)
        .bind(reason)
        .bind((state != "done").then(|| Json(event.clone())))
        .execute()
        .await?;
        Ok(())
    }

    fn judge(&self, event: &Event, attempts: i64, verdict: Verdict) -> (&'static str, String) {
        let (state, reason) = match verdict {
            Verdict::Retry { reason } if attempts < ATTEMPTS => ("parked", reason),
            Verdict::Retry { reason } | Verdict::Reject { reason } => ("dead", reason),
        };
        if state == "dead" {
            metrics::counter!("stoa_events_dead_total", "source" => self.source).increment(1);
            tracing::error!(source = self.source, event.id = %event.id, event.kind, reason, "event put among the dead letters");
        }
        (state, reason)
    }

    /// Tries the first due event that waits, unless an earlier one of its aggregate does too; true if there was one.
    async fn retry_parked(&self) -> Result<bool, Fault> {
        let mut tx = self.context.db.begin().await?;
        let parked: Option<Parked> = tx
            .query(
                "SELECT attempts, event
                   FROM inbox
                  WHERE source = $1 AND state = 'parked' AND due_at <= $2
                    AND NOT EXISTS (SELECT 1 FROM inbox AS earlier
                                     WHERE earlier.source = inbox.source AND earlier.subject = inbox.subject
                                       AND earlier.state = 'parked' AND earlier.position < inbox.position)
                  ORDER BY position
                  LIMIT 1",
            )
            .bind(self.source)
            .bind(self.context.clock.now())
            .for_update_skip_locked()
            .fetch_optional()
            .await?;
        let Some(Parked { attempts, event: Json(event) }) = parked else { return Ok(false) };
        match self.handler.handle(&mut tx, &event).await {
            Ok(()) => {
                self.note(&mut tx, &event, "done", attempts + 1, None).await?;
                tx.commit().await?;
                self.handler.committed();
            }
            Err(verdict) => {
                drop(tx);
                let mut tx = self.context.db.begin().await?;
                let (state, reason) = self.judge(&event, attempts + 1, verdict);
                self.note(&mut tx, &event, state, attempts + 1, Some(reason)).await?;
                tx.commit().await?;
            }
        }
        Ok(true)
    }
}
