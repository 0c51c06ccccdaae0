//! Holding an amount.
use kernel::Violations;

use super::compensate;
use crate::failpoints::{authorize, reach};
use crate::{
    Authorization, Error, Payment, PaymentStatus,
    payment::{Aggregate, Answer, Command, Journal, store},
    provider::{Hold, Providers, Unknown},
};

/// The largest amount, in minor units; twelve digits are what providers take.
const LARGEST: i64 = 999_999_999_999;

/// A second call with the same order asks the provider under the same key.
pub(crate) async fn authorize(journal: &Journal, providers: &Providers, wish: Authorization) -> Result<Payment, Error> {
    let provider = providers.chosen(&wish.choice)?;
    let mut checks = Violations::new();
    let amount = wish.amount.amount;
    checks.ensure(amount >= 0, "/amount", "too_small", "must not be negative");
    checks.ensure(amount <= LARGEST, "/amount", "too_large", "is more than a provider takes");
    checks.finish(Some(()))?;
    let (payment, is_open) = intend(journal, &wish).await?;
    if !is_open {
        return payment.authorized();
    }
    let attempt = journal.attempt(&payment, Command::Authorize);
    let hold = Hold {
        key: Command::Authorize.key(payment.order_id),
        order_id: payment.order_id,
        method: wish.choice.method,
        amount: wish.amount,
    };
    let answer = providers.timed([authorize::intended, authorize::answered], provider.authorize(hold)).await;
    let answer = answer.map_or_else(Unknown::answer, Answer::Charge);
    let payment = journal.record(&payment, &attempt, &answer).await?;
    reach(authorize::recorded);
    compensate(journal, providers, &payment).await;
    payment.authorized()
}

/// Commits the payment before the provider hears of it; false where it is over.
async fn intend(journal: &Journal, wish: &Authorization) -> Result<(Aggregate, bool), Error> {
    let mut payment = Aggregate::new(wish, journal.clock.now());
    payment.ask(Command::Authorize, journal.database_time().await?, journal.reconcile_after);
    if store::insert(&journal.db, &payment).await? {
        return Ok((payment, true));
    }
    let payment = store::find(&journal.db, wish.order_id).await?.ok_or(Error::PaymentNotFound)?;
    if !payment.given_up {
        payment.same_as(wish)?;
    }
    let is_open = !payment.given_up && payment.status == PaymentStatus::Pending;
    Ok((payment, is_open))
}
