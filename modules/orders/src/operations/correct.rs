//! Correcting where mail about an order goes.
use kernel::{Caller, Condition, EmailAddress, Violation};

use crate::{
    Error, Order, OrderId, OrderPatch,
    order::{event::Correction, journal::Journal},
};

/// In whatever state the order is: also one that is cancelled is written to.
pub(crate) async fn correct(
    journal: &Journal,
    caller: &Caller,
    id: OrderId,
    patch: OrderPatch,
    if_match: &Condition,
) -> Result<Order, Error> {
    caller.staff()?;
    let email: EmailAddress = patch.email.parse().map_err(|flaw: Violation| flaw.at("/email"))?;
    let correction = Correction { email: email.into(), by: caller.account().ok() };
    let order = journal.find(id).await?;
    let decision = journal.decide(order, (), |order| order.fresh(if_match, order.correct(&correction))).await?;
    Ok(decision.order().view())
}
