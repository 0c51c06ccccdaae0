//! Paying back what was taken: promised first, so that all refunds together never exceed it.
use chrono::{DateTime, Utc};
use kernel::{Fault, Money, Tx, Violation, Violations, line};
use uuid::Uuid;

use crate::failpoints::{reach, refund};
use crate::{
    Error, Payment, RefundNote,
    payment::{
        Aggregate, Attempt, Journal, next_look,
        store::{
            self,
            refunds::{self, Refund, Status},
        },
    },
    provider::{Outcome, Providers, Request},
};

/// Keys of what giving up a payment refunds begin like this; nobody else's may.
const RESERVED: &str = "cancel";

pub(crate) async fn refund(
    journal: &Journal,
    providers: &Providers,
    order_id: Uuid,
    key: String,
    amount: Money,
) -> Result<Payment, Error> {
    let key = checked(&key, amount)?;
    let (payment, refund) = intend(journal, order_id, &key, amount).await?;
    match refund.status {
        Status::Pending => Ok(refund_charge(journal, providers, &payment, refund).await?.view()),
        Status::Declined => Err(Error::Declined { reason: refund.reason.unwrap_or_default() }),
        Status::Done => Ok(payment.view()),
    }
}

fn checked(key: &str, amount: Money) -> Result<String, Violations> {
    let mut checks = Violations::new();
    let key = checks.field("/key", line(key, 1, 100).and_then(not_reserved));
    checks.ensure(amount.amount > 0, "/amount", "too_small", "must be more than nothing");
    checks.finish(key)
}

fn not_reserved(key: String) -> Result<String, Violation> {
    if key.starts_with(RESERVED) { Err(Violation::new("reserved", "must not begin with `cancel`")) } else { Ok(key) }
}

/// Commits the refund before the provider hears of it, unless it is over.
async fn intend(journal: &Journal, order_id: Uuid, key: &str, amount: Money) -> Result<(Aggregate, Refund), Error> {
    let now = journal.database_time().await?;
    let mut tx = journal.db.begin().await?;
    let payment = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
    let refund = match refunds::find(&mut tx, order_id, key).await? {
        Some(refund) if payment.money(refund.amount) != amount => return Err(Error::KeyReused),
        Some(refund) => return Ok((payment, refund)),
        None if !payment.status.taken() => return Err(payment.wrong_state()),
        None if payment.currency != amount.currency => {
            return Err(Violation::new("differs", "is not the payment's").at("/amount/currency").into());
        }
        None => promise(journal, &mut tx, &payment, key.to_owned(), amount.amount, now).await?,
    };
    tx.commit().await?;
    Ok((payment, refund))
}

/// The next refund that giving up `payment` takes: one that is still open, or else one of all that is left.
pub(super) async fn refund_rest(
    journal: &Journal,
    tx: &mut Tx,
    payment: &Aggregate,
    now: DateTime<Utc>,
) -> Result<Option<Refund>, Error> {
    let open = refunds::first_pending(tx, payment.order_id).await?;
    if open.is_some() || payment.left() == 0 {
        return Ok(open);
    }
    let number = refunds::count(tx, payment.order_id, RESERVED).await? + 1;
    Ok(Some(promise(journal, tx, payment, format!("{RESERVED}-{number}"), payment.left(), now).await?))
}

async fn promise(
    journal: &Journal,
    tx: &mut Tx,
    payment: &Aggregate,
    key: String,
    amount: i64,
    now: DateTime<Utc>,
) -> Result<Refund, Error> {
    if !refunds::promise(tx, payment.order_id, amount).await? {
        return Err(Error::RefundTooLarge { left: payment.money(payment.left()) });
    }
    let refund = Refund { key, amount, status: Status::Pending, reason: None };
    let due = next_look(now, journal.reconcile_after, 0);
    refunds::insert(tx, payment.order_id, &refund, due, journal.clock.now()).await?;
    Ok(refund)
}

/// Asks the provider; under the same key it pays once, so asking again is also how to look.
pub(super) async fn refund_charge(
    journal: &Journal,
    providers: &Providers,
    payment: &Aggregate,
    refund: Refund,
) -> Result<Aggregate, Error> {
    let (provider, order_id) = (providers.of(payment)?, payment.order_id);
    let key = format!("{order_id}:refund:{}", refund.key);
    let attempt = Attempt::new(order_id, "refund", key.clone(), journal.clock.now());
    let request = Request { key, reference: payment.charge()?, amount: payment.money(refund.amount) };
    match providers.timed([refund::intended, refund::answered], provider.refund(request)).await {
        Ok(Outcome::Done) => refunded(journal, order_id, &refund, &attempt).await,
        Ok(Outcome::Declined { reason }) => {
            declined(journal, order_id, &refund, &reason, &attempt).await?;
            Err(Error::Declined { reason })
        }
        Err(unknown) => {
            store::answered(&journal.db, &attempt, "unknown", journal.clock.now()).await?;
            journal.unknown.notify_one();
            Err(Fault::unavailable(unknown).into())
        }
    }
}

/// Records a refund that was made; whoever is first moves the payment and tells of it.
async fn refunded(journal: &Journal, order_id: Uuid, refund: &Refund, attempt: &Attempt) -> Result<Aggregate, Error> {
    let now = journal.clock.now();
    let mut tx = journal.db.begin().await?;
    let mut payment = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
    store::answered(&mut tx, attempt, "refunded", now).await?;
    if refunds::end(&mut tx, order_id, &refund.key, Status::Done, None, now).await? {
        payment.refund(refund.amount);
        payment.updated_at = now;
        refunds::save(&mut tx, &payment).await?;
        let note = RefundNote { key: refund.key.clone(), amount: payment.money(refund.amount) };
        journal.publish(&mut tx, &payment, Some(note)).await?;
    }
    tx.commit().await?;
    reach(refund::recorded);
    journal.outbox.wake();
    Ok(payment)
}

/// Records a refund that was declined, and takes its promise back.
async fn declined(
    journal: &Journal,
    order_id: Uuid,
    refund: &Refund,
    reason: &str,
    attempt: &Attempt,
) -> Result<(), Error> {
    let now = journal.clock.now();
    let mut tx = journal.db.begin().await?;
    let mut payment = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
    store::answered(&mut tx, attempt, reason, now).await?;
    if refunds::end(&mut tx, order_id, &refund.key, Status::Declined, Some(reason), now).await? {
        payment.refunding -= refund.amount;
        refunds::save(&mut tx, &payment).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Asks again about a refund whose outcome is not known.
pub(crate) async fn resume(journal: &Journal, providers: &Providers, order_id: Uuid, key: &str) -> Result<(), Error> {
    let refund = refunds::find(&journal.db, order_id, key).await?;
    let Some(refund) = refund.filter(|refund| refund.status == Status::Pending) else { return Ok(()) };
    let payment = store::find(&journal.db, order_id).await?.ok_or(Error::PaymentNotFound)?;
    refund_charge(journal, providers, &payment, refund).await.map(drop)
}
