//! Sending a message again, to where mail about its order goes by now.
use kernel::{Caller, Failure, Fault};
use orders::OrderId;

use crate::{Delivery, DeliveryStatus, Error, NotificationId, service::Service, store};

impl Service {
    /// What failed is queued with every attempt before it; so is what went to an address that its order no longer has.
    ///
    /// Anything else is on its way, or arrived: then nothing happens, so that doing it twice sends once.
    pub(crate) async fn send_again(&self, caller: &Caller, id: NotificationId) -> Result<Delivery, Error> {
        caller.staff()?;
        let Delivery { notification, recipient, .. } = self.delivery(id).await?;
        if notification.status == DeliveryStatus::Suppressed {
            return Err(Error::NotWanted);
        }
        // Asked for, and not waited for: the event that tells of a correction may still be on its way.
        let order = match notification.order_id {
            Some(order) => Some(self.orders.get(Caller::System, OrderId(order)).await.map_err(fault)?),
            None => None,
        };
        let recipient = order.as_ref().map_or(recipient, |order| order.email.clone());
        let mut tx = self.db.begin().await?;
        if let Some(order) = &order {
            store::correct(&mut tx, order).await?;
        }
        let queued = store::queue_again(&mut tx, id, &recipient).await?;
        tx.commit().await?;
        if queued {
            tracing::info!(notification.id = %id, operator = ?caller.account().ok(), "message is to be sent again");
            self.news.notify_one();
        }
        self.delivery(id).await
    }

    async fn delivery(&self, id: NotificationId) -> Result<Delivery, Error> {
        store::find(&self.db, id).await?.ok_or(Error::DeliveryNotFound)
    }
}

/// An order that is written to exists.
fn fault(error: orders::Error) -> Error {
    error.fault().unwrap_or_else(|| Fault::internal(error)).into()
}
