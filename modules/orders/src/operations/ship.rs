//! Noting that a parcel has left the house.
use kernel::{Caller, Condition, Violations};

use crate::{
    Error, NewShipment, Order, OrderId, forms,
    order::{journal::Journal, key},
};

pub(crate) async fn ship(
    journal: &Journal,
    caller: &Caller,
    id: OrderId,
    key: String,
    shipment: NewShipment,
    if_match: &Condition,
) -> Result<Order, Error> {
    caller.staff()?;
    let (key, shipment) = (key::of_parcel(caller, key)?, shipment.checked()?);
    let order = journal.find(id).await?;
    let at = journal.clock.now();
    let decision = journal.decide(order, (), |order| order.fresh(if_match, order.ship(&key, &shipment, at)?)).await?;
    Ok(decision.order().view())
}

impl NewShipment {
    /// The shipment without stray blanks.
    pub(crate) fn checked(self) -> Result<Self, Violations> {
        let mut checks = Violations::new();
        let carrier = checks.field("/carrier", forms::Carrier::read(&self.carrier));
        let number = self.tracking_number.map(|number| forms::TrackingNumber::read(&number)).transpose();
        let number = checks.field("/tracking_number", number);
        checks.finish(carrier.zip(number).map(|(carrier, tracking_number)| Self { carrier, tracking_number }))
    }
}
