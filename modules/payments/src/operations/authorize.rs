//! Holding an amount.
use kernel::Violations;
use uuid::Uuid;

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
    let (payment, attempt) = intend(journal, &wish).await?;
    let Some(attempt) = attempt else { return payment.authorized() };
    let hold = Hold {
        key: Command::Authorize.key(payment.order_id),
        order_id: payment.order_id,
        method: wish.choice.method,
        amount: wish.amount,
    };
    let answer = providers.timed([authorize::intended, authorize::answered], provider.authorize(hold)).await;
    let answer = answer.map_or_else(Unknown::answer, Answer::Charge);
    let payment = journal.record(payment.order_id, attempt, &answer).await?;
    reach(authorize::recorded);
    compensate(journal, providers, &payment).await;
    payment.authorized()
}

/// Commits the payment before the provider hears of it; no attempt where it is over.
async fn intend(journal: &Journal, wish: &Authorization) -> Result<(Aggregate, Option<Uuid>), Error> {
    let now = journal.clock.now();
    let due = journal.database_time().await?;
    let mut tx = journal.db.begin().await?;
    let mut payment = Aggregate::new(wish, now);
    payment.ask(Command::Authorize, due, journal.reconcile_after);
    if !store::insert(&mut tx, &payment).await? {
        payment = store::lock(&mut tx, wish.order_id).await?.ok_or(Error::PaymentNotFound)?;
        if payment.given_up {
            return Ok((payment, None));
        }
        payment.same_as(wish)?;
        if payment.status != PaymentStatus::Pending {
            return Ok((payment, None));
        }
    }
    let key = Command::Authorize.key(wish.order_id);
    let attempt = store::asked(&mut tx, wish.order_id, Command::Authorize.word(), &key, now).await?;
    tx.commit().await?;
    Ok((payment, Some(attempt)))
}
