//! Giving an order up: as its customer or staff wish, or by force where it does not get on.
use std::sync::Arc;

use kernel::{Caller, Condition, Role};

use crate::{
    Error, Order, OrderId, OrderStatus, Outcome,
    checkout::Checkout,
    order::{Aggregate, event::Reason},
};

pub(crate) async fn cancel(
    checkout: &Arc<Checkout>,
    caller: &Caller,
    id: OrderId,
    if_match: &Condition,
) -> Result<Order, Error> {
    let order = checkout.journal.find(id).await?.visible_to(caller)?;
    let reason = if order.is_of(caller) { Reason::Customer } else { Reason::Staff };
    checkout.cancel(order, if_match, |order| order.cancel(reason.clone())).await
}

/// It changes the direction, and never says what became of money or stock: that, the compensation finds out.
pub(crate) async fn force(
    checkout: &Arc<Checkout>,
    caller: &Caller,
    id: OrderId,
    outcome: Outcome,
    if_match: &Condition,
) -> Result<Order, Error> {
    caller.at_least(Role::Admin)?;
    let Outcome::Cancel = outcome;
    let order = checkout.journal.find(id).await?;
    if order.status == OrderStatus::Cancelling {
        checkout.leases.wake(id).await?;
    }
    let forced = checkout.cancel(order, if_match, Aggregate::force).await?;
    tracing::warn!(order.id = %id, operator = ?caller.account().ok(), "order was forced to turn back");
    Ok(forced)
}
