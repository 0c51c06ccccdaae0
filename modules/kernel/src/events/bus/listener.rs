//! Hearing from the broker: a durable consumer for each module and source, shared by the module's replicas.
use std::time::Duration;

use async_nats::jetstream::{
    AckKind,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Mutex;

use super::{
    Complaints, Delivery, Messaging,
    broker::{Broker, Trouble, is_ours},
};
use crate::{Call, CloudEvent, call::DEFAULT_TIMEOUT};

/// What is not acknowledged for so long is delivered again.
const ACK_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Listener {
    broker: Broker,
    module: &'static str,
    source: &'static str,
    messages: Mutex<Option<pull::Stream>>,
    complaints: Complaints,
}

impl Listener {
    pub(super) fn new(broker: Broker, module: &'static str, source: &'static str) -> Self {
        Self { broker, module, source, messages: Mutex::default(), complaints: Complaints::default() }
    }

    /// What the broker delivers, waiting so long for the first: maybe nothing, maybe what is known.
    pub(super) async fn hear(
        &self,
        after: i64,
        limit: i64,
        wait: Duration,
        publisher: &Messaging,
    ) -> Result<Vec<Delivery>, Trouble> {
        let mut messages = self.messages.lock().await;
        // Taken out, and put back where all went well: otherwise the next call begins anew.
        let mut open = match messages.take() {
            Some(open) => open,
            None => self.attach(after, publisher).await?,
        };
        self.broker.jetstream()?;
        let mut deliveries = Vec::new();
        let mut next = tokio::time::timeout(wait, open.next()).await.ok();
        while let Some(arrived) = next {
            let message = arrived.ok_or("the broker has ended the delivery")??;
            let sequence = message.info()?.stream_sequence;
            match serde_json::from_slice::<CloudEvent>(&message.payload) {
                Ok(event) if u64::try_from(event.position) == Ok(sequence) => {
                    deliveries.push(Delivery { event, message: Some(message) });
                }
                // Not from our publisher: what should be in its place is read there.
                _ => message.ack_with(AckKind::Term).await?,
            }
            next = if i64::try_from(deliveries.len())? < limit { open.next().now_or_never() } else { None };
        }
        *messages = Some(open);
        Ok(deliveries)
    }

    async fn attach(&self, after: i64, publisher: &Messaging) -> Result<pull::Stream, Trouble> {
        let stream = self.broker.jetstream()?.get_stream(self.broker.stream(self.source)).await?;
        let last = i64::try_from(stream.cached_info().state.last_sequence)?;
        // A publisher that is away cannot be asked; its subscribers go on without it.
        if last != 0
            && let Ok(ours) = Call::fresh(DEFAULT_TIMEOUT).run(publisher.events(last - 1, 1, 0)).await
        {
            is_ours(&stream, &ours).await?;
        }
        let durable = pull::Config {
            durable_name: Some(self.module.into()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            deliver_policy: match u64::try_from(after)? {
                0 => DeliverPolicy::All,
                // Where the durable is gone, what is handled need not come again.
                after => DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            },
            ..pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer(self.module, durable).await?;
        let messages = consumer.stream().max_messages_per_batch(100).heartbeat(Duration::from_secs(5));
        Ok(messages.expires(Duration::from_secs(30)).messages().await?)
    }

    /// Says why the broker is not heard, unless that was said.
    pub(super) fn complain(&self, trouble: &Trouble) {
        let (module, source) = (self.module, self.source);
        // That it is away was said where it is connected to.
        if self.broker.jetstream().is_ok() && self.complaints.is_due(trouble) {
            tracing::warn!(module, source, %trouble, "cannot hear from the broker; events are read from their publisher");
        }
    }

    /// Counts events that were read from the publisher.
    pub(super) fn filled(&self, events: usize) {
        if events > 0 {
            let labels = [("module", self.module), ("source", self.source)];
            metrics::counter!("stoa_events_filled_total", &labels).increment(u64::try_from(events).unwrap_or(u64::MAX));
        }
    }
}
