//! What payments have to tell: that an order may go on, or that money was paid back.
use std::sync::Arc;

use kernel::{CloudEvent, Handler, Money, Tx, Verdict, async_trait};
use payments::{PaymentChanged, RefundNote};
use tokio::sync::Notify;

use super::lease;
use crate::{
    OrderId,
    order::{event::Refund, journal::Journal, refunds, store},
};

/// The handler of payments' events.
pub(crate) struct Consumer {
    pub(crate) journal: Journal,
    /// Wakes the reconciler.
    pub(crate) wake: Arc<Notify>,
}

#[async_trait]
impl Handler for Consumer {
    async fn handle(&self, tx: &mut Tx, news: &CloudEvent) -> Result<(), Verdict> {
        match &*news.kind {
            "payment.authorized" | "payment.declined" => {
                let id = changed(news)?.payment.order_id;
                lease::wake(tx, OrderId(id)).await?;
            }
            "payment.refunded" => {
                let PaymentChanged { payment, refund } = changed(news)?;
                if let Some(RefundNote { key, amount }) = refund {
                    self.refunded(tx, OrderId(payment.order_id), key, amount).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn committed(&self) {
        self.journal.outbox.wake();
        self.wake.notify_one();
    }
}

impl Consumer {
    /// Notes a refund that was made but whose maker did not live to note it.
    async fn refunded(&self, tx: &mut Tx, id: OrderId, key: String, amount: Money) -> Result<(), Verdict> {
        let Some(order) = store::find(&mut *tx, id).await? else { return Ok(()) };
        let requested = refunds::find(&mut *tx, id, &key).await?;
        let refund = Refund { key, amount, reason: requested.and_then(|requested| requested.reason) };
        let Some(event) = order.refund(&refund) else { return Ok(()) };
        match self.journal.append(tx, &order, &event).await? {
            Some(_) => Ok(()),
            None => Err(Verdict::Retry { reason: "the order has just changed".into() }),
        }
    }
}

fn changed(news: &CloudEvent) -> Result<PaymentChanged, Verdict> {
    serde_json::from_value(news.data.clone()).map_err(Verdict::reject)
}
