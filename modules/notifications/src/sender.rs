//! Hands over what is queued: leased for a while, sent, and noted.
//!
//! Whoever writes a message leases it to the own process, whose senders take it from memory. What they did not get to (a
//! process died, a message failed, or there were too many) is leased anew by whoever looks once it is due; the channel sees
//! to it that it arrives once.
use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream::FuturesUnordered};
use kernel::{Clock, Context, Db, Executor, Fault, Tasks};
use tokio::time::timeout;

use crate::failpoints::{reach, send};
use crate::{
    channel::{Channel, Message, Undelivered},
    domain::{ATTEMPTS, pause},
    outgoing::Outgoing,
    store::queue,
};

/// How many batches of a process are sent at a time.
const LANES: usize = 4;
/// How many messages are in one.
const BATCH: usize = 32;
/// How long one may take to hand over.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a lease lasts: twice what a message can take. It is what a mail is late if its sender dies, or if the
/// database goes away before the mail is noted as sent.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often to look for what others have left behind.
const LOOK: Duration = Duration::from_secs(10);

/// Until when a message that is leased now is its sender's, by the clock that all replicas share.
pub(crate) async fn lease(clock: &Clock, on: impl Executor<'_>) -> Result<DateTime<Utc>, Fault> {
    Ok(clock.shared(on).await? + LEASE)
}

#[derive(Clone)]
pub(crate) struct Sender {
    db: Db,
    clock: Clock,
    channel: Arc<dyn Channel>,
    outgoing: Arc<Outgoing>,
}

impl Sender {
    pub(crate) fn new(context: &Context, channel: Arc<dyn Channel>, outgoing: Arc<Outgoing>) -> Self {
        Self { db: context.db.clone(), clock: context.clock.clone(), channel, outgoing }
    }

    /// Sends until shutdown.
    pub(crate) fn run(&self, tasks: &Tasks) {
        for _ in 0..LANES {
            let sender = self.clone();
            let step = move || {
                let sender = sender.clone();
                async move { logged(sender.send_own().await).unwrap_or(false) }
            };
            let outgoing = Arc::clone(&self.outgoing);
            let ready = move || {
                let outgoing = Arc::clone(&outgoing);
                async move { outgoing.ready.notified().await }
            };
            tasks.repeat(LOOK, step, ready);
        }
        let sender = self.clone();
        let step = move || {
            let sender = sender.clone();
            async move { logged(sender.send_due().await).unwrap_or(TimeDelta::MAX) }
        };
        tasks.repeat_due(LOOK, step, Arc::clone(&self.outgoing.due));
    }

    /// Sends a batch of what this process has written; false if there is none.
    pub(crate) async fn send_own(&self) -> Result<bool, Fault> {
        let ids = self.outgoing.take(BATCH);
        if ids.is_empty() {
            return Ok(false);
        }
        // What is to be late may be somebody else's before it is handed over.
        let until = self.clock.shared(&self.db).await? + PATIENCE;
        let messages = queue::own(&self.db, &ids, until).await?;
        self.deliver(&messages).await.map(|()| true)
    }

    /// Sends a batch of what is due, or says how long that is still to come.
    pub(crate) async fn send_due(&self) -> Result<TimeDelta, Fault> {
        let now = self.clock.shared(&self.db).await?;
        match queue::next(&self.db).await? {
            None => return Ok(TimeDelta::MAX),
            Some((due_at, _)) if due_at > now => return Ok(due_at - now),
            Some((_, attempts)) if attempts >= ATTEMPTS => {
                let lost = queue::give_up(&self.db, ATTEMPTS, now).await?;
                tracing::error!(lost, "gave up messages whose every sender died");
            }
            Some(_) => self.deliver(&self.acquire(now).await?).await?,
        }
        Ok(TimeDelta::zero())
    }

    /// Leases a batch of what is due at `now`.
    pub(crate) async fn acquire(&self, now: DateTime<Utc>) -> Result<Vec<Message>, Fault> {
        let mut tx = self.db.begin().await?;
        let messages = queue::acquire(&mut tx, BATCH, now, now + LEASE).await?;
        tx.commit().await?;
        Ok(messages)
    }

    /// Sends what was leased, side by side, and notes what has come of it, of all that is sent by then at once: one that is
    /// slow, or cannot be noted, holds up no other.
    pub(crate) async fn deliver(&self, messages: &[Message]) -> Result<(), Fault> {
        let sending = messages.iter().map(async |message| {
            reach(send::claimed);
            let sent = self.hand_over(message).await;
            reach(send::handed_over);
            (message, sent)
        });
        let mut sent = sending.collect::<FuturesUnordered<_>>().ready_chunks(BATCH);
        let mut outcome = Ok(());
        while let Some(some) = sent.next().await {
            outcome = outcome.and(self.note(some).await);
            reach(send::noted);
        }
        outcome
    }

    pub(crate) async fn hand_over(&self, message: &Message) -> Result<(), Undelivered> {
        let sent = timeout(PATIENCE, self.channel.send(message)).await;
        sent.unwrap_or_else(|_| Err(Undelivered::ForNow("it took too long".into())))
    }

    async fn note(&self, handed_over: Vec<(&Message, Result<(), Undelivered>)>) -> Result<(), Fault> {
        let (mut sent, mut outcome) = (Vec::new(), Ok(()));
        for (message, result) in handed_over {
            match result {
                Ok(()) => sent.push(message),
                Err(reason) => outcome = outcome.and(self.note_failure(message, reason).await),
            }
        }
        queue::set_sent(&self.db, &sent, self.clock.now()).await?;
        outcome
    }

    async fn note_failure(&self, message: &Message, failure: Undelivered) -> Result<(), Fault> {
        let &Message { id, attempts, .. } = message;
        match failure {
            Undelivered::ForNow(reason) if attempts < ATTEMPTS => {
                tracing::warn!(notification.id = %id, attempts, reason, "not sent; trying again later");
                let due_at = self.clock.shared(&self.db).await? + pause(attempts);
                queue::set_due(&self.db, id, attempts, due_at, &reason).await
            }
            Undelivered::ForNow(reason) | Undelivered::ForGood(reason) => {
                tracing::error!(notification.id = %id, attempts, reason, "not sent; given up");
                queue::set_failed(&self.db, message, &reason).await
            }
        }
    }
}

fn logged<T>(outcome: Result<T, Fault>) -> Result<T, Fault> {
    outcome.inspect_err(|fault| tracing::warn!(%fault, "cannot send mail; trying again"))
}
