//! Consuming: an event's effect and the note that it was handled are committed together.
use std::{
    fmt::Display,
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::FutureExt;
use sqlx::types::Json;

use super::{CloudEvent, DomainEvent, Publisher, bus::Receiver, inbox};
use crate::{
    Call, Context, Executor, Fault, Tx,
    call::DEFAULT_TIMEOUT,
    failpoint::{hearing, reach_in},
};

/// What a module does when something happens in another.
#[async_trait]
pub trait Subscriber<E: DomainEvent>: Send + Sync + 'static {
    /// Brings about the event's effect in `tx`, which also notes that it was handled.
    ///
    /// It runs in the trace of the event's cause, and has as long as any call may have.
    async fn handle(&self, tx: &mut Tx, event: E, envelope: &CloudEvent) -> Result<(), HandlingError>;
    /// Called once that is committed.
    fn committed(&self) {}
}

/// Why an event was not handled, for the person who looks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandlingError {
    /// It may work later; its aggregate waits, its neighbours do not.
    #[error("{0}")]
    Retry(String),
    /// It never will: straight to the dead letters.
    #[error("{0}")]
    Reject(String),
}

impl HandlingError {
    /// It never will work.
    pub fn reject(reason: impl Display) -> Self {
        Self::Reject(reason.to_string())
    }
}

impl<E: Into<Fault>> From<E> for HandlingError {
    fn from(error: E) -> Self {
        Self::Retry(error.into().to_string())
    }
}

/// After so many attempts an event rests among the dead letters.
const ATTEMPTS: i64 = 10;
const BATCH: i64 = 100;
const WAIT: Duration = Duration::from_secs(4);
/// For an event as a whole: its subscriber's time, and as much for the database.
const PATIENCE: Duration = DEFAULT_TIMEOUT.saturating_mul(2);

/// Hears one source to its end and keeps listening.
struct Subscription<E> {
    context: Context,
    source: &'static str,
    subscriber: Arc<dyn Subscriber<E>>,
    receiver: Receiver,
}

#[derive(sqlx::FromRow)]
struct Parked {
    attempts: i64,
    event: Json<CloudEvent>,
}

impl Context {
    /// Lets `subscriber` handle every event of `publisher`, each once, in order within each aggregate.
    ///
    /// Where there is a broker, events come from there, and from the publisher itself what that left out.
    pub fn subscribe<P: Publisher + ?Sized>(&self, publisher: &Arc<P>, subscriber: Arc<impl Subscriber<P::Event>>) {
        let source = P::NAME;
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(source);
        let receiver = self.bus.receiver(self.name, source, &self.tasks, publisher.messaging());
        let subscription = Arc::new(Subscription { context: self.clone(), source, subscriber, receiver });
        let step = move || {
            let subscription = Arc::clone(&subscription);
            async move {
                let outcome = subscription.step().await;
                outcome
                    .inspect_err(|fault| tracing::warn!(source, %fault, "cannot read events; trying again"))
                    .unwrap_or(false)
            }
        };
        self.tasks.repeat(Duration::from_millis(250), step, std::future::pending);
        inbox::watch(self, source);
    }
}

impl<E: DomainEvent> Subscription<E> {
    async fn step(&self) -> Result<bool, Fault> {
        let parked = Call::fresh(PATIENCE).run(self.retry_parked()).await?;
        let mut after = self.cursor().await?;
        let wait = if parked {
            Duration::ZERO
        } else if self.any_parked().await? {
            Duration::from_millis(200)
        } else {
            WAIT
        };
        let wait = i64::try_from(wait.as_millis()).map_err(Fault::internal)?;
        let deliveries = tokio::select! {
            deliveries = self.receiver.receive(after, BATCH, wait) => deliveries?,
            () = self.context.tasks.stopping() => return Ok(false),
        };
        for delivery in deliveries {
            after = self.catch_up(after, delivery.event.position).await?;
            if self.context.tasks.is_stopping() {
                break;
            }
            if delivery.event.position > after {
                self.take(&delivery.event).await?;
                after = delivery.event.position;
            }
            delivery.ack().await;
        }
        Ok(true)
    }

    /// Handles what comes before `position` and was not heard, as the publisher has it.
    async fn catch_up(&self, mut after: i64, position: i64) -> Result<i64, Fault> {
        if position > after + 1 {
            // Another replica may have.
            after = self.cursor().await?;
        }
        while position > after + 1 && !self.context.tasks.is_stopping() {
            let missing = self.receiver.fill(after, position, BATCH).await?;
            if missing.is_empty() {
                let source = self.source;
                return Err(Fault::internal(format!(
                    "{source} lacks the event {}, and the broker has {position}",
                    after + 1
                )));
            }
            for event in &missing {
                self.take(event).await?;
                after = event.position;
            }
        }
        Ok(after)
    }

    async fn take(&self, event: &CloudEvent) -> Result<(), Fault> {
        event.call().with_timeout(PATIENCE).run(self.receive(event)).await
    }

    /// How far the source is handled.
    async fn cursor(&self) -> Result<i64, Fault> {
        let sql = "SELECT position FROM inbox_cursors WHERE source = $1";
        let cursor: Option<(i64,)> = self.context.db.query(sql).bind(self.source).fetch_optional().await?;
        Ok(cursor.map_or(0, |(position,)| position))
    }

    async fn any_parked(&self) -> Result<bool, Fault> {
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE source = $1 AND state = 'parked')";
        let (any,): (bool,) = self.context.db.query(sql).bind(self.source).fetch_one().await?;
        Ok(any)
    }

    /// Handles a new event, or parks it where its subscriber or an earlier one of its aggregate says so.
    async fn receive(&self, event: &CloudEvent) -> Result<(), Fault> {
        reach_in(self.context.name, hearing::inbox::received);
        let mut tx = self.context.db.begin().await?;
        if !self.advance(&mut tx, event).await? {
            return Ok(());
        }
        if self.seen(&mut tx, event).await? {
            return Ok(tx.commit().await?);
        }
        let (blocked,): (bool,) = tx
            .query("SELECT EXISTS (SELECT 1 FROM inbox WHERE source = $1 AND subject = $2 AND state = 'parked')")
            .bind(self.source)
            .bind(&*event.subject)
            .fetch_one()
            .await?;
        let outcome = if blocked {
            drop(tx);
            Err(HandlingError::Retry("an earlier event of the same aggregate waits".into()))
        } else {
            self.attempt(tx, event, 1).await
        };
        let Err(error) = outcome else { return Ok(()) };
        let mut tx = self.context.db.begin().await?;
        if self.advance(&mut tx, event).await? {
            self.judge(&mut tx, event, i64::from(!blocked), error).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Brings about the event's effect and notes that, or says what went wrong: whatever it is, in the
    /// subscriber or in the database, it concerns this event and must not stop the next.
    async fn attempt(&self, mut tx: Tx, event: &CloudEvent, attempts: i64) -> Result<(), HandlingError> {
        match event.read() {
            Ok(Some(known)) => {
                let handled = AssertUnwindSafe(self.subscriber.handle(&mut tx, known, event)).catch_unwind();
                let panicked = |_| Err(Fault::internal("a subscriber panicked").into());
                event.call().run(handled.map(|outcome| outcome.unwrap_or_else(panicked))).await?;
            }
            // Its publisher is of a later release; so will this module be, and what it does then is about the future.
            Ok(None) => {
                metrics::counter!("stoa_events_unknown_total", "source" => self.source).increment(1);
                tracing::debug!(source = self.source, event.id = %event.id, event.kind, "no event that this release knows");
            }
            Err(flaw) => return Err(HandlingError::reject(flaw)),
        }
        self.note(&mut tx, event, "done", attempts, None).await?;
        reach_in(self.context.name, hearing::inbox::handled);
        tx.commit().await?;
        reach_in(self.context.name, hearing::inbox::committed);
        self.subscriber.committed();
        Ok(())
    }

    /// Moves the cursor to `event`; false if another replica has.
    async fn advance(&self, tx: &mut Tx, event: &CloudEvent) -> Result<bool, Fault> {
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
        Ok(moved == 1)
    }

    /// Whether `event` came before: it is sent again after a publisher or a cursor was restored.
    async fn seen(&self, tx: &mut Tx, event: &CloudEvent) -> Result<bool, Fault> {
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE source = $1 AND event_id = $2)";
        let (seen,): (bool,) = tx.query(sql).bind(self.source).bind(event.id).fetch_one().await?;
        Ok(seen)
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
    async fn retry_parked(&self) -> Result<bool, Fault> {
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
        let Err(error) = self.attempt(tx, &event, attempts + 1).await else { return Ok(true) };
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
