//! Paying some of an order back.
use kernel::{Caller, Condition, Violations};
use payments::Payments;

use crate::{
    Error, NewRefund, Order, OrderId, forms,
    order::{Aggregate, event::Refund, journal::Journal, key::Key, refunds},
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
    let (key, wish) = (Key::of_refund(caller, key)?, refund.checked()?);
    let order = journal.find(id).await?;
    let Some(refund) = request(journal, &order, &key, &wish, if_match).await? else { return Ok(order.view()) };
    if wish.amount.is_some_and(|amount| amount != refund.amount) {
        return Err(Error::KeyReused);
    }
    kernel::failpoint!("orders.refund.before");
    if let Err(error) = payments.refund(id.0, refund.key.clone(), refund.amount).await {
        if promises_nothing(&error) {
            // Nothing came of it, so that the key may be used for what can be paid back.
            refunds::delete(&journal.db, id, &refund.key).await?;
        }
        return Err(of_refund(error));
    }
    kernel::failpoint!("orders.refund.after");
    Ok(journal.decide(order, (), |order| Ok(order.refund(&refund))).await?.order().view())
}

/// Writes down what is to be paid back, under a name that is the sender's; none where it has been.
async fn request(
    journal: &Journal,
    order: &Aggregate,
    key: &Key,
    wish: &NewRefund,
    if_match: &Condition,
) -> Result<Option<Refund>, Error> {
    let (db, id) = (&journal.db, order.created.id);
    loop {
        let requested = refunds::find(db, id, key.plain()).await?;
        let taken = requested.as_ref().map(refunds::Requested::taken);
        // Whoever had taken the name may have been refused since, and have left it.
        let own = taken.is_none() && refunds::find(db, id, key.own()).await?.is_some();
        let name = if own { key.own() } else { key.name(taken, journal.clock.now()) };
        let Some(amount) = order.refundable(name, wish.amount)? else { return Ok(None) };
        let refund = Refund { key: name.into(), amount, reason: wish.reason.clone() };
        let requested = refunds::insert(db, id, refund, &key.sender, if_match).await?;
        // Somebody else may have taken the name meanwhile.
        if requested.sender.as_ref().is_none_or(|sender| *sender == key.sender) {
            return Ok(Some(requested.refund(amount.currency)));
        }
    }
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
