//! Filling the broker: each event of the outbox, in order and once.
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{context::PublishErrorKind, message::PublishMessage};

use super::{
    Bus, Complaints,
    broker::{Broker, Trouble, is_ours},
};
use crate::{
    Call, CloudEvent, Context, Fault, Outbox,
    call::DEFAULT_TIMEOUT,
    failpoint::{publishing, reach_in},
};

const BATCH: i64 = 100;
const WAIT: Duration = Duration::from_secs(4);
/// Until something is tried again that did not work.
const AGAIN: Duration = Duration::from_millis(500);

/// Copies one outbox. It keeps no mark: the stream itself says how far it goes, whoever wrote it, so that any number of
/// replicas may be at work, and a broker that lost its end, or all, is filled again from where it is.
struct Relay {
    broker: Broker,
    module: &'static str,
    outbox: Outbox,
    /// How far the stream is known to go, and to be ours.
    known: AtomicI64,
    complaints: Complaints,
}

impl Context {
    /// Lets the broker, where there is one, have every event of this module: the host calls it for each that publishes.
    pub fn relay(&self) {
        let Bus::JetStream(broker) = &self.bus else { return };
        broker.keep(&self.tasks);
        let relay = Arc::new(Relay {
            broker: broker.clone(),
            module: self.name,
            outbox: self.outbox.clone(),
            known: AtomicI64::new(0),
            complaints: Complaints::default(),
        });
        let step = move || {
            let relay = Arc::clone(&relay);
            async move { relay.look_after().await }
        };
        self.tasks.repeat(AGAIN, step, std::future::pending);
    }
}

impl Relay {
    async fn look_after(&self) -> bool {
        let outcome = self.step().await;
        if let Err(trouble) = &outcome
            && self.broker.jetstream().is_ok()
            && self.complaints.is_due(trouble)
        {
            tracing::error!(module = self.module, %trouble, "cannot send events to the broker; trying again");
        }
        // Where the database does not answer, the last count stands.
        if let Ok(head) = self.outbox.head().await {
            let unsent = u32::try_from(head - self.known.load(Ordering::Relaxed)).unwrap_or(0);
            metrics::gauge!("stoa_events_unsent", "module" => self.module).set(unsent);
        }
        outcome.is_ok()
    }

    async fn step(&self) -> Result<(), Trouble> {
        let jetstream = self.broker.jetstream()?;
        let stream = self.broker.furnish(&jetstream, self.module).await?;
        let last = i64::try_from(stream.cached_info().state.last_sequence)?;
        if last != 0 && last != self.known.load(Ordering::Relaxed) {
            is_ours(&stream, &self.read(last - 1, 1, Duration::ZERO).await?).await?;
        }
        self.known.store(last, Ordering::Relaxed);
        let events = self.read(last, BATCH, WAIT).await?;
        if events.is_empty() {
            return Ok(());
        }
        if last == 0 && events[0].position > 1 {
            // What came before is kept no longer: the stream begins where the outbox does.
            stream.purge().sequence(u64::try_from(events[0].position)?).await?;
        }
        let mut sent = Vec::with_capacity(events.len());
        for event in &events {
            let message = PublishMessage::build()
                .payload(serde_json::to_vec(event)?.into())
                .header("Content-Type", "application/cloudevents+json")
                // Refused unless it follows the one before: nothing comes twice, or out of order, or leaves a gap.
                .expected_last_sequence(u64::try_from(event.position - 1)?);
            sent.push(jetstream.send_publish(self.broker.subject(self.module, &event.kind), message).await?);
        }
        reach_in(self.module, publishing::relay::sent);
        for (event, ack) in events.iter().zip(sent) {
            match ack.await {
                Ok(_) => self.known.store(event.position, Ordering::Relaxed),
                // Another replica was first, or the broker has lost something since: the next step sees how far it is.
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            reach_in(self.module, publishing::relay::published);
        }
        Ok(())
    }

    async fn read(&self, after: i64, limit: i64, wait: Duration) -> Result<Vec<CloudEvent>, Fault> {
        Call::fresh(DEFAULT_TIMEOUT).run(self.outbox.read(after, limit, wait)).await
    }
}
