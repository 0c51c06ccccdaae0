//! The transactions in which events are handled, and what becomes of those that cannot be.
use std::{panic::AssertUnwindSafe, time::Duration};

use chrono::TimeDelta;
use futures_util::FutureExt;
use sqlx::types::Json;
use tokio::time::Instant;

use super::{
    CloudEvent, DomainEvent, HandlingError,
    cursor::Cursor,
    subscription::{Subscription, Wanted},
};
use crate::{
    Executor, Fault, Tx,
    failpoint::{hearing, reach_in},
};

/// After so many attempts an event rests among the dead letters.
const ATTEMPTS: i64 = 10;
/// After so long a transaction takes no further event: others wait for the rows that it has changed.
const LONG: Duration = Duration::from_secs(1);

#[derive(sqlx::FromRow)]
struct Parked {
    attempts: i64,
    event: Json<CloudEvent>,
}

impl<E: DomainEvent> Subscription<E> {
    /// Handles all of `wanted` in one transaction, which moves the cursor to `last`, or says what is in the way.
    pub(super) async fn handle_all(
        &self,
        cursor: &mut Cursor,
        wanted: Vec<Wanted<'_, E>>,
        last: i64,
    ) -> Result<(), HandlingError> {
        let begun = Instant::now();
        let mut tx = self.context.db.begin().await?;
        match self.advance(&mut tx, cursor, last).await? {
            None => {
                drop(tx);
                return Ok(self.look(cursor).await?);
            }
            Some(true) => return Err(HandlingError::Retry("an event waits for another attempt".into())),
            Some(false) => {}
        }
        let mut reached = last;
        for Wanted { event, known } in wanted {
            self.effect(&mut tx, known.map_err(HandlingError::reject)?, event).await?;
            if begun.elapsed() > LONG && event.position < last {
                reached = event.position;
                let sql = "UPDATE inbox_cursors SET position = $2 WHERE source = $1";
                tx.query(sql).bind(self.source).bind(reached).execute().await?;
                break;
            }
        }
        self.commit(tx).await?;
        cursor.reach(reached);
        Ok(())
    }

    /// Handles `event` and moves the cursor to `last`; or parks it, where its subscriber or an earlier one of its
    /// aggregate say so.
    pub(super) async fn handle_one(&self, cursor: &mut Cursor, event: &CloudEvent, last: i64) -> Result<(), Fault> {
        let mut tx = self.context.db.begin().await?;
        let Some(parked) = self.advance(&mut tx, cursor, last).await? else {
            drop(tx);
            return self.look(cursor).await;
        };
        let blocked = parked && self.is_blocked(&mut tx, event).await?;
        let outcome = if blocked {
            drop(tx);
            Err(HandlingError::Retry("an earlier event of the same aggregate waits".into()))
        } else {
            self.attempt(tx, event, cursor.doubts(event.position).then_some(1)).await
        };
        if let Err(error) = outcome {
            let mut tx = self.context.db.begin().await?;
            if self.advance(&mut tx, cursor, last).await?.is_none() {
                drop(tx);
                return self.look(cursor).await;
            }
            self.judge(&mut tx, event, i64::from(!blocked), error).await?;
            tx.commit().await?;
            cursor.forget();
        }
        cursor.reach(last);
        Ok(())
    }

    async fn is_blocked(&self, tx: &mut Tx, event: &CloudEvent) -> Result<bool, Fault> {
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE source = $1 AND subject = $2 AND state = 'parked')";
        let (blocked,): (bool,) = tx.query(sql).bind(self.source).bind(&*event.subject).fetch_one().await?;
        Ok(blocked)
    }

    /// Brings about the event's effect, or says what went wrong: whatever it is, in the subscriber or in the database,
    /// it concerns this event and must not stop the next. Where its row says how often it was tried, that is noted.
    async fn attempt(&self, mut tx: Tx, event: &CloudEvent, attempts: Option<i64>) -> Result<(), HandlingError> {
        match event.read() {
            Ok(Some(known)) if !self.subscriber.concerns(&known) => {}
            Ok(Some(known)) => self.effect(&mut tx, known, event).await?,
            Ok(None) => self.pass_over(event),
            Err(flaw) => return Err(HandlingError::reject(flaw)),
        }
        if let Some(attempts) = attempts {
            self.note(&mut tx, event, "done", attempts, None).await?;
        }
        self.commit(tx).await
    }

    async fn effect(&self, tx: &mut Tx, known: E, event: &CloudEvent) -> Result<(), HandlingError> {
        let handled = AssertUnwindSafe(self.subscriber.handle(tx, known, event)).catch_unwind();
        let panicked = |_| Err(Fault::internal("a subscriber panicked").into());
        event.call().run(handled.map(|outcome| outcome.unwrap_or_else(panicked))).await
    }

    async fn commit(&self, tx: Tx) -> Result<(), HandlingError> {
        reach_in(self.context.name, hearing::inbox::handled);
        tx.commit().await?;
        reach_in(self.context.name, hearing::inbox::committed);
        self.subscriber.committed();
        Ok(())
    }

    async fn note(
        &self,
        tx: &mut Tx,
        event: &CloudEvent,
        state: &'static str,
        attempts: i64,
        reason: Option<String>,
    ) -> Result<(), Fault> {
        let backoff = TimeDelta::milliseconds(200 << attempts.clamp(0, 10));
        let clock = &self.context.clock;
        // Of what is done it does not matter.
        let now = if state == "done" { clock.now() } else { clock.shared(&mut *tx).await? };
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
        .bind(now + backoff)
        .bind(reason)
        .bind((state != "done").then(|| Json(event.clone())))
        .execute()
        .await?;
        Ok(())
    }

    /// Notes that `event` waits for another attempt, or for a person.
    async fn judge(&self, tx: &mut Tx, event: &CloudEvent, attempts: i64, error: HandlingError) -> Result<(), Fault> {
        let (state, reason) = match error {
            HandlingError::Retry(reason) if attempts < ATTEMPTS => ("parked", reason),
            HandlingError::Retry(reason) | HandlingError::Reject(reason) => ("dead", reason),
        };
        // The trace is that of the lines that say what went wrong.
        let (source, trace_id) = (self.source, &event.traceid);
        if state == "dead" {
            metrics::counter!("stoa_events_dead_total", "source" => self.source).increment(1);
            tracing::error!(source, trace_id, event.id = %event.id, event.kind, reason, "event put among the dead letters");
        } else {
            tracing::warn!(source, trace_id, event.id = %event.id, event.kind, attempts, reason, "event waits for another attempt");
        }
        self.note(tx, event, state, attempts, Some(reason)).await
    }

    /// Tries the first due event that waits, unless an earlier one of its aggregate does too; true if there was one.
    pub(super) async fn retry_parked(&self) -> Result<bool, Fault> {
        let now = self.context.clock.shared(&self.context.db).await?;
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
            .bind(now)
            .for_update_skip_locked()
            .fetch_optional()
            .await?;
        let Some(Parked { attempts, event: Json(event) }) = parked else { return Ok(false) };
        let Err(error) = self.attempt(tx, &event, Some(attempts + 1)).await else { return Ok(true) };
        let mut tx = self.context.db.begin().await?;
        // Its lock was let go with the attempt: another replica may have handled it since.
        let untouched: Option<(i64,)> = tx
            .query(
                "SELECT attempts FROM inbox WHERE source = $1 AND event_id = $2 AND state = 'parked' AND attempts = $3",
            )
            .bind(self.source)
            .bind(event.id)
            .bind(attempts)
            .for_update()
            .fetch_optional()
            .await?;
        if untouched.is_some() {
            self.judge(&mut tx, &event, attempts + 1, error).await?;
            tx.commit().await?;
        }
        Ok(true)
    }
}
