//! Sending a message again, to where mail about its order goes by now.
use kernel::{Caller, Db, Failure};
use orders::{OrderId, Orders};

use crate::{
    Delivery, DeliveryStatus, Error, NotificationId,
    outgoing::Outgoing,
    store::{find, queue},
};

/// What failed is queued with every attempt before it; so is what went to an address that its order no longer has.
///
/// Anything else is on its way, or arrived: then nothing happens, so that doing it twice sends once.
pub(crate) async fn resend(
    db: &Db,
    orders: &dyn Orders,
    outgoing: &Outgoing,
    caller: &Caller,
    id: NotificationId,
) -> Result<Delivery, Error> {
    caller.staff()?;
    let Delivery { notification, recipient, .. } = find(db, id).await?.ok_or(Error::DeliveryNotFound)?;
    if notification.status == DeliveryStatus::Suppressed {
        return Err(Error::NotWanted);
    }
    // Asked for, and not waited for: the event that tells of a correction may still be on its way.
    let order = match notification.order_id {
        Some(order) => Some(orders.get(Caller::System, OrderId(order)).await.map_err(Failure::into_fault)?),
        None => None,
    };
    let recipient = order.as_ref().map_or(recipient, |order| order.email.clone());
    let mut tx = db.begin().await?;
    if let Some(order) = &order {
        queue::correct(&mut tx, order).await?;
    }
    let queued = queue::resend(&mut tx, id, &recipient).await?;
    tx.commit().await?;
    if queued {
        tracing::info!(notification.id = %id, operator = ?caller.account().ok(), "message is to be sent again");
        outgoing.due.notify_one();
    }
    find(db, id).await?.ok_or(Error::DeliveryNotFound)
}
