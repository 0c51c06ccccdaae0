//! Hands over what is queued: claims it for a while, sends, and notes what became of it.
//!
//! A sender that dies midway leaves a claim that runs out, and the message is sent again; the channel
//! sees to it that it arrives once.
use std::{sync::Arc, time::Duration};

use kernel::{Clock, Context, Db, Fault};
use tokio::sync::Notify;

use crate::{
    channel::{Channel, Message, Undelivered},
    domain::{ATTEMPTS, pause},
    store,
};

/// How many messages are claimed at a time.
const BATCH: i64 = 16;
/// A message may take so small a part of its claim, which so outlasts the whole batch.
const PART: u32 = 20;
/// How often to look without being woken: for pauses that are over, and other replicas' news.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct Sender {
    db: Db,
    clock: Clock,
    channel: Arc<dyn Channel>,
    /// How long a claim lasts.
    claim: Duration,
}

impl Sender {
    pub(crate) fn new(context: &Context, channel: Arc<dyn Channel>, claim: Duration) -> Self {
        Self { db: context.db.clone(), clock: context.clock.clone(), channel, claim }
    }

    /// Sends whatever there is until shutdown, woken by `news`.
    pub(crate) fn run(self, context: &Context, news: Arc<Notify>) {
        let step = move || {
            let sender = self.clone();
            async move { sender.step().await.unwrap_or(false) }
        };
        let wake = move || {
            let news = Arc::clone(&news);
            async move { news.notified().await }
        };
        context.tasks.repeat(LOOK, step, wake);
    }

    /// Sends one batch; false if there was nothing to send.
    pub(crate) async fn step(&self) -> Result<bool, Fault> {
        let messages = self.claim().await?;
        for message in &messages {
            self.deliver(message).await?;
        }
        Ok(!messages.is_empty())
    }

    /// Sends a message that was claimed, and notes it.
    pub(crate) async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        kernel::failpoint!("notifications.send.claimed");
        let sent = self.hand_over(message).await;
        kernel::failpoint!("notifications.send.handed_over");
        self.note(message, sent).await?;
        kernel::failpoint!("notifications.send.noted");
        Ok(())
    }

    pub(crate) async fn hand_over(&self, message: &Message) -> Result<(), Undelivered> {
        let sent = tokio::time::timeout(self.claim / PART, self.channel.send(message)).await;
        sent.unwrap_or_else(|_| Err(Undelivered::ForNow("it took too long".into())))
    }

    /// Claims a batch by the database's clock, which all replicas share.
    pub(crate) async fn claim(&self) -> Result<Vec<Message>, Fault> {
        let now = self.db.now(self.clock.now()).await?;
        let mut tx = self.db.begin().await?;
        let lost = store::give_up(&mut tx, ATTEMPTS, now).await?;
        if lost > 0 {
            tracing::error!(lost, "gave up messages whose every sender died");
        }
        let messages = store::claim(&mut tx, BATCH, now, now + self.claim).await?;
        tx.commit().await?;
        Ok(messages)
    }

    async fn note(&self, message: &Message, sent: Result<(), Undelivered>) -> Result<(), Fault> {
        let &Message { id, attempts, .. } = message;
        match sent {
            Ok(()) => {
                tracing::debug!(notification.id = %id, "sent");
                store::set_sent(&self.db, id, self.clock.now()).await?;
            }
            Err(Undelivered::ForNow(reason)) if attempts < ATTEMPTS => {
                tracing::warn!(notification.id = %id, attempts, reason, "not sent; trying again later");
                let due_at = self.db.now(self.clock.now()).await? + pause(attempts);
                store::set_due(&self.db, id, attempts, due_at, &reason).await?;
            }
            Err(Undelivered::ForNow(reason) | Undelivered::ForGood(reason)) => {
                tracing::error!(notification.id = %id, attempts, reason, "not sent; given up");
                store::set_failed(&self.db, id, attempts, &reason).await?;
            }
        }
        Ok(())
    }
}
