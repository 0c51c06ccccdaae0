//! Hands over what is queued: leases it for a while, sends, and notes what became of it.
//!
//! A sender that dies midway leaves a lease that runs out, and the message is sent again; the channel
//! sees to it that it arrives once.
use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::{Clock, Context, Db, Fault};
use tokio::sync::Notify;

use crate::failpoints::{reach, send};
use crate::{
    channel::{Channel, Message, Undelivered},
    domain::{ATTEMPTS, pause},
    store::queue,
};

/// How many messages are leased at a time.
const BATCH: i64 = 16;
/// How long one may take to hand over.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a lease lasts: twice what a message can take. It is what a mail is late if its sender dies, or if the
/// database goes away before the mail is noted as sent.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often to look without being woken: for pauses that are over, and other replicas' news.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct Sender {
    db: Db,
    clock: Clock,
    channel: Arc<dyn Channel>,
}

impl Sender {
    pub(crate) fn new(context: &Context, channel: Arc<dyn Channel>) -> Self {
        Self { db: context.db.clone(), clock: context.clock.clone(), channel }
    }

    /// Sends whatever there is until shutdown, woken by `wake`.
    pub(crate) fn run(self, context: &Context, wake: Arc<Notify>) {
        let step = move || {
            let sender = self.clone();
            async move { sender.step().await.unwrap_or(false) }
        };
        let woken = move || {
            let wake = Arc::clone(&wake);
            async move { wake.notified().await }
        };
        context.tasks.repeat(LOOK, step, woken);
    }

    /// Sends one batch, side by side: one that is slow, or cannot be noted, holds up no other. False if there was none.
    pub(crate) async fn step(&self) -> Result<bool, Fault> {
        let messages = self.acquire().await?;
        let delivered = join_all(messages.iter().map(|message| self.deliver(message))).await;
        delivered.into_iter().collect::<Result<(), Fault>>()?;
        Ok(!messages.is_empty())
    }

    /// Sends a message that was leased, and notes it.
    pub(crate) async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        reach(send::claimed);
        let sent = self.hand_over(message).await;
        reach(send::handed_over);
        self.note(message, sent).await?;
        reach(send::noted);
        Ok(())
    }

    pub(crate) async fn hand_over(&self, message: &Message) -> Result<(), Undelivered> {
        let sent = tokio::time::timeout(PATIENCE, self.channel.send(message)).await;
        sent.unwrap_or_else(|_| Err(Undelivered::ForNow("it took too long".into())))
    }

    /// Leases a batch by the database's clock, which all replicas share.
    pub(crate) async fn acquire(&self) -> Result<Vec<Message>, Fault> {
        let now = self.clock.shared(&self.db).await?;
        let mut tx = self.db.begin().await?;
        let lost = queue::give_up(&mut tx, ATTEMPTS, now).await?;
        if lost > 0 {
            tracing::error!(lost, "gave up messages whose every sender died");
        }
        let messages = queue::acquire(&mut tx, BATCH, now, now + LEASE).await?;
        tx.commit().await?;
        Ok(messages)
    }

    async fn note(&self, message: &Message, sent: Result<(), Undelivered>) -> Result<(), Fault> {
        let &Message { id, attempts, .. } = message;
        match sent {
            Ok(()) => {
                tracing::debug!(notification.id = %id, "sent");
                queue::set_sent(&self.db, message, self.clock.now()).await?;
            }
            Err(Undelivered::ForNow(reason)) if attempts < ATTEMPTS => {
                tracing::warn!(notification.id = %id, attempts, reason, "not sent; trying again later");
                let due_at = self.clock.shared(&self.db).await? + pause(attempts);
                queue::set_due(&self.db, id, attempts, due_at, &reason).await?;
            }
            Err(Undelivered::ForNow(reason) | Undelivered::ForGood(reason)) => {
                tracing::error!(notification.id = %id, attempts, reason, "not sent; given up");
                queue::set_failed(&self.db, message, &reason).await?;
            }
        }
        Ok(())
    }
}
