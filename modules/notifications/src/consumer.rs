//! Hears what happens to orders, and writes the message in the transaction that notes the event.
use std::sync::Arc;

use kernel::{Clock, CloudEvent, Context, Fault, Handler, Tx, Verdict};
use orders::{Order, OrderChanged};
use tokio::sync::Notify;

use crate::{
    DeliveryStatus,
    domain::{DEFAULT, Kind},
    email::Templates,
    store::{self, queue, queue::NewDelivery},
};

/// That mail about an order goes elsewhere: nothing to tell.
const CORRECTED: &str = "order.corrected";

pub(crate) struct Consumer {
    clock: Clock,
    templates: Templates,
    wake: Arc<Notify>,
}

impl Consumer {
    pub(crate) fn new(context: &Context, templates: Templates, wake: Arc<Notify>) -> Self {
        Self { clock: context.clock.clone(), templates, wake }
    }
}

#[kernel::async_trait]
impl Handler for Consumer {
    async fn handle(&self, tx: &mut Tx, event: &CloudEvent) -> Result<(), Verdict> {
        let read = || serde_json::from_value(event.data.clone()).map_err(Verdict::reject);
        if event.kind == CORRECTED {
            let OrderChanged { order } = read()?;
            return Ok(queue::correct(tx, &order).await?);
        }
        let Some(kind) = Kind::of(&event.kind) else { return Ok(()) };
        let OrderChanged { order } = read()?;
        if !kind.is_news(&order) {
            return Ok(());
        }
        let email = self.templates.render(kind, &order).map_err(Verdict::reject)?;
        let status = status(tx, kind, &order).await?;
        let delivery = NewDelivery { event_id: event.id, kind, order: &order, email, status };
        queue::enqueue(tx, delivery, self.clock.now()).await?;
        Ok(())
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
