//! Consuming: the effects of events and how far they go are committed together.
use std::{
    fmt::Display,
    sync::{Arc, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{
    CloudEvent, DomainEvent, Inbox, Publisher,
    bus::{Delivery, Receiver},
    cursor::Cursor,
};
use crate::{
    Call, Context, Executor, Fault, Tx,
    call::DEFAULT_TIMEOUT,
    failpoint::{hearing, reach_in},
};

/// What a module does when something happens in another.
#[async_trait]
pub trait Subscriber<E: DomainEvent>: Send + Sync + 'static {
    /// Whether there is anything to do about `event`, as far as that can be said without the database: what concerns
    /// nobody costs nothing.
    fn concerns(&self, _event: &E) -> bool {
        true
    }
    /// Brings about the event's effect in `tx`, which also notes that it was handled, and maybe others with it.
    ///
    /// It runs in the trace of the event's cause, and has as long as any call may have. Where one of several fails they
    /// are undone, and each is handled once more, by itself.
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

const BATCH: i64 = 100;
const WAIT: Duration = Duration::from_secs(4);
/// As long as events wait for another attempt.
const WAIT_FOR_PARKED: Duration = Duration::from_millis(200);
/// For an event as a whole: its subscriber's time, and as much for the database.
pub(super) const PATIENCE: Duration = DEFAULT_TIMEOUT.saturating_mul(2);

/// Hears one source to its end and keeps listening.
pub(super) struct Subscription<E> {
    pub(super) context: Context,
    pub(super) source: &'static str,
    pub(super) subscriber: Arc<dyn Subscriber<E>>,
    receiver: Receiver,
    inbox: Inbox,
    cursor: Mutex<Cursor>,
}

/// An event about which something is to be done, as its module meant it.
pub(super) struct Wanted<'a, E> {
    pub(super) event: &'a CloudEvent,
    pub(super) known: serde_json::Result<E>,
}

impl Context {
    /// Lets `subscriber` handle every event of `publisher`, each once, in order within each aggregate.
    ///
    /// Where there is a broker, events come from there, and from the publisher itself what that left out.
    pub fn subscribe<P: Publisher + ?Sized>(&self, publisher: &Arc<P>, subscriber: Arc<impl Subscriber<P::Event>>) {
        let source = P::NAME;
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(source);
        let receiver = self.bus.receiver(self.name, source, &self.tasks, publisher.messaging());
        let (context, inbox, cursor) = (self.clone(), self.inbox(), Mutex::default());
        let subscription = Arc::new(Subscription { context, source, subscriber, receiver, inbox, cursor });
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
    }
}

impl<E: DomainEvent> Subscription<E> {
    async fn step(&self) -> Result<bool, Fault> {
        let mut cursor = self.cursor.lock().await;
        if cursor.is_due() {
            self.look(&mut cursor).await?;
        }
        if cursor.is_behind() {
            self.save(&mut cursor).await?;
        }
        let wait = if !cursor.has_parked() {
            WAIT.min(cursor.rest())
        } else if Call::fresh(PATIENCE).run(self.retry_parked()).await? {
            Duration::ZERO
        } else {
            WAIT_FOR_PARKED
        };
        let wait = i64::try_from(wait.as_millis()).map_err(Fault::internal)?;
        let deliveries = tokio::select! {
            deliveries = self.receiver.receive(cursor.at(), BATCH, wait) => deliveries?,
            () = self.context.tasks.stopping() => Vec::new(),
        };
        let outcome = self.hear(&mut cursor, &deliveries).await;
        for delivery in deliveries {
            if delivery.event.position <= cursor.at() {
                delivery.ack().await;
            }
        }
        outcome?;
        if self.context.tasks.is_stopping() {
            self.save(&mut cursor).await?;
        }
        Ok(true)
    }

    /// Handles what was delivered, and before it what the publisher has in between.
    async fn hear(&self, cursor: &mut Cursor, deliveries: &[Delivery]) -> Result<(), Fault> {
        let events: Vec<_> = deliveries.iter().map(|delivery| &delivery.event).collect();
        let mut rest = &events[..];
        while let Some(next) = rest.first()
            && !self.context.tasks.is_stopping()
        {
            if next.position <= cursor.at() {
                rest = &rest[1..];
            } else if next.position > cursor.at() + 1 {
                self.catch_up(cursor, next.position).await?;
            } else {
                self.take(cursor, rest).await?;
            }
        }
        Ok(())
    }

    /// Handles what comes before `position` and was not heard, as the publisher has it.
    async fn catch_up(&self, cursor: &mut Cursor, position: i64) -> Result<(), Fault> {
        // Another replica may have.
        self.look(cursor).await?;
        let after = cursor.at();
        if position <= after + 1 {
            return Ok(());
        }
        let (source, missing) = (self.source, self.receiver.fill(after, position, BATCH).await?);
        let Some(oldest) = missing.first().map(|event| event.position.min(position)) else {
            return Err(Fault::internal(format!("{source} lacks the event {}, and there is {position}", after + 1)));
        };
        if oldest > after + 1 {
            let missed = oldest - after - 1;
            tracing::warn!(
                source,
                after,
                missed,
                "events are kept no longer by their publisher; going on without them"
            );
            metrics::counter!("stoa_events_missed_total", "module" => self.context.name, "source" => source)
                .increment(missed.unsigned_abs());
            cursor.pass(oldest - 1);
            return Ok(());
        }
        self.take(cursor, &missing.iter().collect::<Vec<_>>()).await
    }

    /// Handles as many of `events` as follow one another, all at once where that works; fewer where another replica has
    /// been at it.
    async fn take(&self, cursor: &mut Cursor, events: &[&CloudEvent]) -> Result<(), Fault> {
        reach_in(self.context.name, hearing::inbox::received);
        let count = events.windows(2).take_while(|pair| pair[1].position == pair[0].position + 1).count() + 1;
        let Some((events, last)) = events.get(..count).and_then(|events| Some((events, events.last()?.position)))
        else {
            return Ok(());
        };
        let wanted: Vec<_> = events.iter().filter_map(|event| self.wanted(event)).collect();
        match &wanted[..] {
            [] => {
                cursor.pass(last);
                return Ok(());
            }
            [one] => return self.take_one(cursor, one.event, last).await,
            _ => {}
        }
        let each: Vec<_> = wanted.iter().map(|wanted| wanted.event).collect();
        if !cursor.doubts(each[0].position) {
            match Call::fresh(PATIENCE).run(self.handle_all(cursor, wanted, last)).await {
                Ok(()) => return Ok(()),
                Err(reason) => tracing::debug!(source = self.source, %reason, "events are handled one by one"),
            }
        }
        for event in each {
            if event.position <= cursor.at() || self.context.tasks.is_stopping() {
                continue;
            }
            self.take_one(cursor, event, event.position).await?;
            if cursor.at() < event.position {
                break;
            }
        }
        Ok(())
    }

    async fn take_one(&self, cursor: &mut Cursor, event: &CloudEvent, last: i64) -> Result<(), Fault> {
        event.call().with_timeout(PATIENCE).run(self.handle_one(cursor, event, last)).await
    }

    /// What is to be done about `event`, if anything.
    fn wanted<'a>(&self, event: &'a CloudEvent) -> Option<Wanted<'a, E>> {
        let known = event.read().transpose();
        if known.is_none() {
            self.pass_over(event);
        }
        known
            .filter(|known| known.as_ref().map_or(true, |known| self.subscriber.concerns(known)))
            .map(|known| Wanted { event, known })
    }

    /// Its publisher is of a later release; so will this module be, and what it does then is about the future.
    pub(super) fn pass_over(&self, event: &CloudEvent) {
        metrics::counter!("stoa_events_unknown_total", "source" => self.source).increment(1);
        tracing::debug!(source = self.source, event.id = %event.id, event.kind, "no event that this release knows");
    }

    /// Asks the database how far the source is handled, and what waits.
    pub(super) async fn look(&self, cursor: &mut Cursor) -> Result<(), Fault> {
        let (position, parked, dead) = self.inbox.look(self.source).await?;
        cursor.look(position, parked > 0, dead > 0);
        Ok(())
    }

    /// Tells the database of what concerned nobody.
    async fn save(&self, cursor: &mut Cursor) -> Result<(), Fault> {
        let at = cursor.at();
        if at > cursor.stored() {
            match self.advance(&self.context.db, cursor, at).await? {
                Some(_) => cursor.reach(at),
                None => self.look(cursor).await?,
            }
        }
        Ok(())
    }

    /// Moves the cursor from where it is known to be, and says whether any event is parked; nothing where another
    /// replica has moved it.
    pub(super) async fn advance(&self, on: impl Executor<'_>, from: &Cursor, to: i64) -> Result<Option<bool>, Fault> {
        let sql = "UPDATE inbox_cursors
                      SET position = $3
                    WHERE source = $1 AND position = $2
                RETURNING EXISTS (SELECT 1 FROM inbox WHERE inbox.source = $1 AND inbox.state = 'parked')";
        let moved: Option<(bool,)> =
            on.query(sql).bind(self.source).bind(from.stored()).bind(to).fetch_optional().await?;
        Ok(moved.map(|(parked,)| parked))
    }
}
