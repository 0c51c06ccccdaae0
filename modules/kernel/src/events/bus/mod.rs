//! How events travel: read from the publisher's outbox, or heard of from a broker that is filled from it.
//!
//! The outbox is the truth, and the broker a copy of it in which an event's sequence is its position. What the broker
//! does not have, or does not deliver, is read from the publisher: nothing depends on it but how soon one hears.
mod address;
mod broker;
mod listener;
mod relay;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{CloudEvent, Messaging};
use crate::{Call, Fault, StartError, Tasks, call::DEFAULT_TIMEOUT, settings::Events};
use broker::{Broker, Trouble};
use listener::Listener;

/// How the events of every module travel.
#[derive(Debug, Clone)]
pub(crate) enum Bus {
    /// Subscribers read the publisher's outbox, through the publisher's trait.
    Direct,
    /// Through NATS JetStream.
    JetStream(Broker),
}

impl Bus {
    pub(crate) fn open(settings: &Events) -> Result<Self, StartError> {
        Ok(if settings.url.is_empty() { Self::Direct } else { Self::JetStream(Broker::open(settings)?) })
    }

    /// Where `module` hears of `source`.
    pub(crate) fn receiver(
        &self,
        module: &'static str,
        source: &'static str,
        tasks: &Tasks,
        publisher: Messaging,
    ) -> Receiver {
        let listener = match self {
            Self::Direct => None,
            Self::JetStream(broker) => {
                broker.keep(tasks);
                Some(Listener::new(broker.clone(), module, source))
            }
        };
        Receiver { publisher, listener, asked: Mutex::default() }
    }

    /// Throws away the broker's copy of what `source` has published: it is made anew from the outbox.
    pub(crate) async fn forget(&self, source: &str) -> Result<(), StartError> {
        match self {
            Self::Direct => Err("there is no broker: `events.url` is not set".into()),
            Self::JetStream(broker) => broker.forget(source).await,
        }
    }
}

/// An event that arrived, and the message that it came with, if a broker sent it.
pub(crate) struct Delivery {
    pub(crate) event: CloudEvent,
    message: Option<async_nats::jetstream::Message>,
}

impl Delivery {
    /// Lets the broker know that it is handled. Where that gets lost, the event comes again and is known by then.
    pub(crate) async fn ack(self) {
        if let Some(message) = self.message {
            tokio::time::timeout(Duration::from_secs(1), message.ack()).await.ok();
        }
    }
}

/// After so long without a word from the broker the publisher is asked: an event may have got lost on its way.
const SILENCE: Duration = Duration::from_secs(4);
/// How long the publisher is listened to while the broker is away.
const MEANWHILE_MS: i64 = 1000;

/// Where one subscription hears of its source.
pub(crate) struct Receiver {
    publisher: Messaging,
    listener: Option<Listener>,
    /// When the broker last said something, or the publisher was asked: at the start at once, as what the broker had
    /// delivered to the process before comes again only after a while.
    asked: Mutex<Option<Instant>>,
}

impl Receiver {
    /// Events after position `after` in their order, and maybe earlier ones or with gaps; waits for the first.
    pub(crate) async fn receive(&self, after: i64, limit: i64, wait_ms: i64) -> Result<Vec<Delivery>, Fault> {
        let Some(listener) = &self.listener else { return self.read(after, limit, wait_ms).await };
        let silence = || self.asked().map_or(SILENCE, |asked| asked.elapsed());
        let wait = Duration::from_millis(wait_ms.unsigned_abs()).min(SILENCE.saturating_sub(silence()));
        match listener.hear(after, limit, wait, &self.publisher).await {
            Ok(deliveries) if !deliveries.is_empty() => {
                *self.asked() = Some(Instant::now());
                Ok(deliveries)
            }
            Ok(_) if silence() < SILENCE => Ok(Vec::new()),
            Ok(_) => self.read(after, limit, 0).await,
            Err(trouble) => {
                listener.complain(&trouble);
                self.read(after, limit, wait_ms.min(MEANWHILE_MS)).await
            }
        }
    }

    async fn read(&self, after: i64, limit: i64, wait_ms: i64) -> Result<Vec<Delivery>, Fault> {
        // Even where it does not answer: then the broker is listened to for a while.
        *self.asked() = Some(Instant::now());
        let events = self.ask(after, limit, wait_ms).await?;
        if let Some(listener) = &self.listener {
            listener.filled(events.len());
        }
        Ok(events.into_iter().map(|event| Delivery { event, message: None }).collect())
    }

    /// The events after `after` and before `before` that the broker left out, or the first of them.
    pub(crate) async fn fill(&self, after: i64, before: i64, limit: i64) -> Result<Vec<CloudEvent>, Fault> {
        let events = self.ask(after, limit.min(before - 1 - after), 0).await?;
        if let Some(listener) = &self.listener {
            listener.filled(events.len());
        }
        Ok(events)
    }

    async fn ask(&self, after: i64, limit: i64, wait_ms: i64) -> Result<Vec<CloudEvent>, Fault> {
        Call::fresh(DEFAULT_TIMEOUT).run(self.publisher.events(after, limit, wait_ms)).await
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is logged once a minute as long as it stays the same.
#[derive(Debug, Default)]
struct Complaints(Mutex<Option<(String, Instant)>>);

impl Complaints {
    /// Whether `trouble` is new, or has not been told for a while.
    fn is_due(&self, trouble: &Trouble) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = trouble.to_string();
        if last.as_ref().is_some_and(|(last, at)| *last == text && at.elapsed() < Duration::from_mins(1)) {
            return false;
        }
        *last = Some((text, Instant::now()));
        true
    }
}
