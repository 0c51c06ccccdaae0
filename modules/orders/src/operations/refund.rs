//! Paying some of an order back.
use kernel::{Caller, Condition, Violations};
use payments::Payments;

use crate::{
    Error, NewRefund, Order, OrderId,
    failpoints::{reach, refund},
    forms,
    order::{event::Refund, journal::Journal, key, refunds},
    refusals::{of_refund, promises_nothing},
};

pub(crate) async fn refund(
    journal: &Journal,
    payments: &dyn Payments,
    caller: &Caller,
    id: OrderId,
    key: String,
    refund: NewRefund,
    if_match: &Condition,
) -> Result<Order, Error> {
    caller.staff()?;
    let (key, wish) = (key::of_refund(caller, key)?, refund.checked()?);
    let order = journal.find(id).await?;
    let Some(amount) = order.refundable(&key, wish.amount)? else { return Ok(order.view()) };
    let asked = Refund { key, amount, reason: wish.reason };
    let refund = refunds::insert(&journal.db, id, asked, caller.scope(), if_match).await?;
    if wish.amount.is_some_and(|amount| amount != refund.amount) {
        return Err(Error::KeyReused);
    }
    reach(refund::before);
    if let Err(error) = payments.refund(id.0, refund.key.clone(), refund.amount).await {
        if promises_nothing(&error) {
            // Nothing came of it, so that the key may be used for what can be paid back.
            refunds::delete(&journal.db, id, &refund.key).await?;
        }
        return Err(of_refund(error));
    }
    reach(refund::after);
    Ok(journal.decide(order, (), |order| Ok(order.refund(&refund))).await?.order().view())
}

impl NewRefund {
    /// The refund without stray blanks.
    pub(crate) fn checked(self) -> Result<Self, Violations> {
        let mut checks = Violations::new();
        let amount = self.amount;
        let positive = amount.is_none_or(|amount| amount.amount > 0);
        checks.ensure(positive, "/amount/amount", "out_of_range", "must be more than nothing");
        let reason = checks.field("/reason", self.reason.map(|reason| forms::Reason::read(&reason)).transpose());
        checks.finish(reason.map(|reason| Self { amount, reason }))
    }
}
