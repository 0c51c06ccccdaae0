//! What payments have to tell: that an order may go on, or that money was paid back.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kernel::{CloudEvent, HandlingError, Money, Subscriber, Tx, async_trait};
use payments::{PaymentChanged, PaymentEvent, RefundNote};
use tokio::sync::Notify;

use super::lease;
use crate::{
    OrderId,
    order::{event::Refund, journal::Journal, refunds, store},
};

/// Hears of payments.
pub(crate) struct PaymentSubscriber {
    journal: Journal,
    /// Told where an order that nobody drives has become due.
    due: Arc<Notify>,
    /// Whether one has, and whether an order changed, since the last commit.
    woke: AtomicBool,
    changed: AtomicBool,
}

#[async_trait]
impl Subscriber<PaymentEvent> for PaymentSubscriber {
    fn concerns(&self, event: &PaymentEvent) -> bool {
        match event {
            PaymentEvent::Authorized(_) | PaymentEvent::Declined(_) => true,
            PaymentEvent::Refunded(PaymentChanged { refund, .. }) => refund.is_some(),
            PaymentEvent::ActionRequired(_) | PaymentEvent::Captured(_) | PaymentEvent::Voided(_) => false,
        }
    }

    async fn handle(&self, tx: &mut Tx, event: PaymentEvent, _: &CloudEvent) -> Result<(), HandlingError> {
        match event {
            PaymentEvent::Authorized(PaymentChanged { payment, .. })
            | PaymentEvent::Declined(PaymentChanged { payment, .. }) => {
                let idle = lease::wake(tx, OrderId(payment.order_id)).await?;
                self.woke.fetch_or(idle, Ordering::Relaxed);
            }
            PaymentEvent::Refunded(PaymentChanged { payment, refund: Some(RefundNote { key, amount }) }) => {
                self.refunded(tx, OrderId(payment.order_id), key, amount).await?;
            }
            PaymentEvent::Refunded(PaymentChanged { refund: None, .. })
            | PaymentEvent::ActionRequired(_)
            | PaymentEvent::Captured(_)
            | PaymentEvent::Voided(_) => {}
        }
        Ok(())
    }

    fn committed(&self) {
        if self.changed.swap(false, Ordering::Relaxed) {
            self.journal.outbox.wake();
        }
        if self.woke.swap(false, Ordering::Relaxed) {
            self.due.notify_one();
        }
    }
}

impl PaymentSubscriber {
    pub(crate) fn new(journal: Journal, due: Arc<Notify>) -> Self {
        Self { journal, due, woke: AtomicBool::default(), changed: AtomicBool::default() }
    }

    /// Notes a refund that was made but whose maker did not live to note it.
    async fn refunded(&self, tx: &mut Tx, id: OrderId, key: String, amount: Money) -> Result<(), HandlingError> {
        let Some(order) = store::find(&mut *tx, id).await? else { return Ok(()) };
        let requested = refunds::find(&mut *tx, id, &key).await?;
        let refund = Refund { key, amount, reason: requested.and_then(|requested| requested.reason) };
        let Some(event) = order.refund(&refund) else { return Ok(()) };
        match self.journal.append(tx, &order, &event).await? {
            Some(_) => {
                self.changed.store(true, Ordering::Relaxed);
                Ok(())
            }
            None => Err(HandlingError::Retry("the order has just changed".into())),
        }
    }
}
