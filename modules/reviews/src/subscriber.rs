//! Hears of orders, and notes who bought what.
use kernel::{CloudEvent, Handler, Tx, Verdict};
use orders::OrderChanged;

use crate::store::purchases;

pub(crate) struct OrderSubscriber;

#[kernel::async_trait]
impl Handler for OrderSubscriber {
    async fn handle(&self, tx: &mut Tx, event: &CloudEvent) -> Result<(), Verdict> {
        // What was sent, paid back in part or corrected was bought all the same.
        if !matches!(&*event.kind, "order.confirmed" | "order.cancelled") {
            return Ok(());
        }
        let OrderChanged { order } = serde_json::from_value(event.data.clone()).map_err(Verdict::reject)?;
        Ok(purchases::add(tx, &order, event.kind == "order.cancelled").await?)
    }
}
