//! Hears what happens to orders, and writes the message in the transaction that notes the event.
use std::sync::Arc;

use kernel::{Clock, CloudEvent, Context, Fault, HandlingError, Subscriber, Tx};
use orders::{Order, OrderChanged, OrderEvent};
use uuid::Uuid;

use crate::{
    NotificationId,
    domain::Kind,
    email::Templates,
    outgoing::Outgoing,
    sender::lease,
    store::{self, queue, queue::NewDelivery},
};

/// Hears of orders.
pub(crate) struct OrderSubscriber {
    clock: Clock,
    templates: Templates,
    outgoing: Arc<Outgoing>,
}

impl OrderSubscriber {
    pub(crate) fn new(context: &Context, templates: Templates, outgoing: Arc<Outgoing>) -> Self {
        Self { clock: context.clock.clone(), templates, outgoing }
    }

    /// Writes the message that something happened to an order.
    async fn tell(&self, tx: &mut Tx, event_id: Uuid, kind: Kind, order: &Order) -> Result<(), HandlingError> {
        let email = self.templates.render(kind, order).map_err(HandlingError::reject)?;
        let wanted = is_wanted(tx, kind, order).await?;
        let lease = if wanted { Some(lease(&self.clock, &mut *tx).await?) } else { None };
        let id = NotificationId::new();
        let delivery = NewDelivery { event_id, kind, order, email, lease };
        if queue::enqueue(tx, id, delivery, self.clock.now()).await? {
            self.outgoing.write(id);
        }
        Ok(())
    }
}

#[kernel::async_trait]
impl Subscriber<OrderEvent> for OrderSubscriber {
    fn concerns(&self, event: &OrderEvent) -> bool {
        !matches!(event, OrderEvent::Cancelled(OrderChanged { order }) if !Kind::Cancelled.is_news(order))
    }

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
        self.outgoing.commit();
    }
}

/// Whether it is to be sent, as the customer wants it now.
async fn is_wanted(tx: &mut Tx, kind: Kind, order: &Order) -> Result<bool, Fault> {
    match order.customer_id {
        Some(id) if kind.can_be_declined() => Ok(store::preferences(tx, id).await?.order_updates),
        _ => Ok(true),
    }
}
