//! Hears of orders, and notes who bought what.
use kernel::{CloudEvent, HandlingError, Subscriber, Tx};
use orders::{OrderChanged, OrderEvent};

use crate::store::purchases;

pub(crate) struct OrderSubscriber;

#[kernel::async_trait]
impl Subscriber<OrderEvent> for OrderSubscriber {
    fn concerns(&self, event: &OrderEvent) -> bool {
        match event {
            // A guest has no account to review with.
            OrderEvent::Confirmed(OrderChanged { order }) | OrderEvent::Cancelled(OrderChanged { order }) => {
                order.customer_id.is_some()
            }
            OrderEvent::Shipped(_) | OrderEvent::Refunded(_) | OrderEvent::Corrected(_) => false,
        }
    }

    async fn handle(&self, tx: &mut Tx, event: OrderEvent, _: &CloudEvent) -> Result<(), HandlingError> {
        match event {
            OrderEvent::Confirmed(OrderChanged { order }) => purchases::add(tx, &order, false).await?,
            OrderEvent::Cancelled(OrderChanged { order }) => purchases::add(tx, &order, true).await?,
            // What was sent, paid back in part or corrected was bought all the same.
            OrderEvent::Shipped(_) | OrderEvent::Refunded(_) | OrderEvent::Corrected(_) => {}
        }
        Ok(())
    }
}
