//! What is paid back: promised first, so that all refunds together never exceed what was taken.
use chrono::{DateTime, Utc};
use kernel::{Fault, Money, Tx, Violation, Violations, line};
use uuid::Uuid;

use crate::{
    Error, Payment, RefundNote,
    payment::{
        Aggregate, next_look,
        store::{
            self,
            refunds::{self, Refund, Status},
        },
    },
    provider::{Ask, Outcome},
    service::Service,
};

/// Keys of what `cancel` pays back begin like this; nobody else's may.
const CANCEL: &str = "cancel";

/// What a refund takes next.
enum Step {
    /// It is over.
    Over(Aggregate, Refund),
    /// Ask the provider, as this attempt.
    Ask(Aggregate, Refund, Uuid),
}

impl Service {
    pub(crate) async fn pay_back(&self, order_id: Uuid, key: String, amount: Money) -> Result<Payment, Error> {
        let key = vet(&key, amount)?;
        match self.promise(order_id, &key, amount).await? {
            Step::Over(_, Refund { status: Status::Declined, reason, .. }) => {
                Err(Error::Declined { reason: reason.unwrap_or_default() })
            }
            Step::Over(aggregate, _) => Ok(aggregate.shown()),
            Step::Ask(aggregate, refund, attempt) => Ok(self.make_refund(&aggregate, refund, attempt).await?.shown()),
        }
    }

    /// Commits the refund before the provider hears of it.
    async fn promise(&self, order_id: Uuid, key: &str, amount: Money) -> Result<Step, Error> {
        let due = self.database_time().await?;
        let mut tx = self.context.db.begin().await?;
        let aggregate = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        let refund = match refunds::find(&mut tx, order_id, key).await? {
            Some(refund) if aggregate.money(refund.amount) != amount => return Err(Error::KeyReused),
            Some(refund) if refund.status != Status::Pending => return Ok(Step::Over(aggregate, refund)),
            Some(refund) => refund,
            None if !aggregate.status.taken() => return Err(aggregate.wrong_state()),
            None if aggregate.currency != amount.currency => {
                return Err(Violation::new("differs", "is not the payment's").at("/amount/currency").into());
            }
            None => self.add(&mut tx, &aggregate, key.to_owned(), amount.amount, due).await?,
        };
        let attempt = self.note_refund(&mut tx, order_id, &refund.key).await?;
        tx.commit().await?;
        Ok(Step::Ask(aggregate, refund, attempt))
    }

    /// The next refund that giving up `aggregate` takes: one that is still open, or else one of all that is left.
    pub(crate) async fn refund_rest(
        &self,
        tx: &mut Tx,
        aggregate: &Aggregate,
        due: DateTime<Utc>,
    ) -> Result<Option<(Refund, Uuid)>, Error> {
        let refund = match refunds::first_pending(tx, aggregate.order_id).await? {
            Some(refund) => refund,
            None if aggregate.left() == 0 => return Ok(None),
            None => {
                let number = refunds::count(tx, aggregate.order_id, CANCEL).await? + 1;
                self.add(tx, aggregate, format!("{CANCEL}-{number}"), aggregate.left(), due).await?
            }
        };
        let attempt = self.note_refund(tx, aggregate.order_id, &refund.key).await?;
        Ok(Some((refund, attempt)))
    }

    async fn add(
        &self,
        tx: &mut Tx,
        aggregate: &Aggregate,
        key: String,
        amount: i64,
        due: DateTime<Utc>,
    ) -> Result<Refund, Error> {
        if !refunds::promise(tx, aggregate.order_id, amount).await? {
            return Err(Error::RefundTooLarge { left: aggregate.money(aggregate.left()) });
        }
        let refund = Refund { key, amount, status: Status::Pending, reason: None };
        let due = next_look(due, self.config.reconcile_after(), 0);
        refunds::insert(tx, aggregate.order_id, &refund, due, self.context.clock.now()).await?;
        Ok(refund)
    }

    async fn note_refund(&self, tx: &mut Tx, order_id: Uuid, key: &str) -> Result<Uuid, Error> {
        let now = self.context.clock.now();
        Ok(store::asked(tx, order_id, "refund", &provider_key(order_id, key), now).await?)
    }

    /// Asks the provider; under the same key it pays once, so asking again is also how to look.
    pub(crate) async fn make_refund(
        &self,
        aggregate: &Aggregate,
        refund: Refund,
        attempt: Uuid,
    ) -> Result<Aggregate, Error> {
        let provider = self.provider_of(aggregate)?;
        let ask = Ask {
            key: provider_key(aggregate.order_id, &refund.key),
            reference: aggregate.charge()?,
            amount: aggregate.money(refund.amount),
        };
        match self.timed("refund", provider.refund(ask)).await {
            Ok(Outcome::Done) => Ok(self.refunded(aggregate.order_id, &refund, attempt).await?),
            Ok(Outcome::Declined { reason }) => {
                self.refund_declined(aggregate.order_id, &refund, &reason, attempt).await?;
                Err(Error::Declined { reason })
            }
            Err(unknown) => {
                let mut tx = self.context.db.begin().await?;
                store::answered(&mut tx, attempt, "unknown", self.context.clock.now()).await?;
                tx.commit().await?;
                Err(Fault::unavailable(unknown).into())
            }
        }
    }

    /// Records a refund that was made; whoever is first moves the payment and tells of it.
    async fn refunded(&self, order_id: Uuid, refund: &Refund, attempt: Uuid) -> Result<Aggregate, Error> {
        let now = self.context.clock.now();
        let mut tx = self.context.db.begin().await?;
        let mut aggregate = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        store::answered(&mut tx, attempt, "refunded", now).await?;
        if refunds::end(&mut tx, order_id, &refund.key, Status::Done, None, now).await? {
            aggregate.pay_back(refund.amount);
            aggregate.updated_at = now;
            refunds::keep(&mut tx, &aggregate).await?;
            let note = RefundNote { key: refund.key.clone(), amount: aggregate.money(refund.amount) };
            self.publish(&mut tx, &aggregate, Some(note)).await?;
        }
        tx.commit().await?;
        kernel::failpoint!("payments.refund.recorded");
        self.context.outbox.wake();
        Ok(aggregate)
    }

    async fn refund_declined(&self, order_id: Uuid, refund: &Refund, reason: &str, attempt: Uuid) -> Result<(), Error> {
        let now = self.context.clock.now();
        let mut tx = self.context.db.begin().await?;
        let mut aggregate = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        store::answered(&mut tx, attempt, reason, now).await?;
        if refunds::end(&mut tx, order_id, &refund.key, Status::Declined, Some(reason), now).await? {
            aggregate.refunding -= refund.amount;
            refunds::keep(&mut tx, &aggregate).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Asks again about a refund whose outcome is not known.
    pub(crate) async fn resume_refund(&self, order_id: Uuid, key: &str) -> Result<(), Error> {
        let mut tx = self.context.db.begin().await?;
        let aggregate = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        let refund = refunds::find(&mut tx, order_id, key).await?;
        let Some(refund) = refund.filter(|refund| refund.status == Status::Pending) else { return Ok(()) };
        let attempt = self.note_refund(&mut tx, order_id, key).await?;
        tx.commit().await?;
        self.make_refund(&aggregate, refund, attempt).await.map(drop)
    }
}

/// The provider's idempotency key of a refund.
fn provider_key(order_id: Uuid, key: &str) -> String {
    format!("{order_id}:refund:{key}")
}

fn vet(key: &str, amount: Money) -> Result<String, Violations> {
    let mut checks = Violations::new();
    let key = checks.field("/key", line(key, 1, 100).and_then(not_reserved));
    checks.ensure(amount.amount > 0, "/amount", "too_small", "must be more than nothing");
    checks.finish(key)
}

fn not_reserved(key: String) -> Result<String, Violation> {
    if key.starts_with(CANCEL) { Err(Violation::new("reserved", "must not begin with `cancel`")) } else { Ok(key) }
}
