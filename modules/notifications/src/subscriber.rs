//! Hears what happens to orders, and writes the message in the transaction that notes the event.
use std::sync::Arc;

use kernel::{Clock, CloudEvent, Context, Fault, HandlingError, Subscriber, Tx};
use orders::{Order, OrderChanged, OrderEvent};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    DeliveryStatus,
    domain::{DEFAULT, Kind},
    email::Templates,
    store::{self, queue, queue::NewDelivery},
};

/// Hears of orders.
pub(crate) struct OrderSubscriber {
    clock: Clock,
    templates: Templates,
    wake: Arc<Notify>,
}

impl OrderSubscriber {
    pub(crate) fn new(context: &Context, templates: Templates, wake: Arc<Notify>) -> Self {
        Self { clock: context.clock.clone(), templates, wake }
    }

    /// Writes the message that something happened to an order.
    async fn tell(&self, tx: &mut Tx, event_id: Uuid, kind: Kind, order: &Order) -> Result<(), HandlingError> {
        if !kind.is_news(order) {
            return Ok(());
        }
        let email = self.templates.render(kind, order).map_err(HandlingError::reject)?;
        let status = status(tx, kind, order).await?;
        queue::enqueue(tx, NewDelivery { event_id, kind, order, email, status }, self.clock.now()).await?;
        Ok(())
    }
}

#[kernel::async_trait]
impl Subscriber<OrderEvent> for OrderSubscriber {
    async fn handle(&self, tx: &mut Tx, event: OrderEvent, envelope: &CloudEvent) -> Result<(), HandlingError> {
        let (kind, OrderChanged { order }) = match event {
            OrderEvent::Confirmed(changed) => (Kind::Confirmed, changed),
            OrderEvent::Cancelled(changed) => (Kind::Cancelled, changed),
            OrderEvent::Shipped(changed) => (Kind::Shipped, changed),
            OrderEvent::Refunded(changed) => (Kind::Refunded, changed),
            // Nothing to tell.
            OrderEvent::Corrected(OrderChanged { order }) => return Ok(queue::correct(tx, &order).await?),
        };
        self.tell(tx, envelope.id, kind, &order).await
    }

    fn committed(&self) {
        self.wake.notify_one();
    }
}

/// Whether it is to be sent, as the customer wants it now.
async fn status(tx: &mut Tx, kind: Kind, order: &Order) -> Result<DeliveryStatus, Fault> {
    let preferences = match order.customer_id {
        Some(id) => store::preferences(tx, id).await?,
        None => DEFAULT,
    };
    Ok(if kind.is_wanted(&preferences) { DeliveryStatus::Queued } else { DeliveryStatus::Suppressed })
}
