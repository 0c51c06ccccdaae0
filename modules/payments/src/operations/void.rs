//! Giving up a payment: the decision is committed first and never undone, then whatever is held is voided
//! and whatever was taken is refunded, one question to the provider at a time.
use kernel::Fault;
use uuid::Uuid;

use super::{
    find::{find, record},
    refund::{refund_charge, refund_rest},
};
use crate::failpoints::{reach, void};
use crate::{
    Error, Payment,
    payment::{
        Aggregate, ChargeState, Command, Compensation, Journal,
        store::{self, refunds::Refund},
    },
    provider::{Providers, Request},
};

/// Each step gets closer: find, void, find again, refund, and a few refunds that are still open.
const STEPS: usize = 8;

/// What giving up takes next.
enum Step {
    Done(Aggregate),
    Find(Aggregate),
    Void(Aggregate),
    Refund(Aggregate, Refund),
}

/// Gives up an order's payment, or does what is left of that.
pub(crate) async fn void(journal: &Journal, providers: &Providers, order_id: Uuid) -> Result<Payment, Error> {
    for _ in 0..STEPS {
        match decide(journal, order_id).await? {
            Step::Done(payment) => return Ok(payment.view()),
            Step::Find(payment) => drop(find(journal, providers, &payment).await?),
            Step::Void(payment) => void_charge(journal, providers, payment).await?,
            Step::Refund(payment, refund) => drop(refund_charge(journal, providers, &payment, refund).await?),
        }
    }
    Err(Fault::unavailable(format!("giving up the payment of {order_id} does not come to an end")).into())
}

/// Sees to it that what was given up is undone now; where that fails, the reconciler goes on.
pub(crate) async fn compensate(journal: &Journal, providers: &Providers, payment: &Aggregate) {
    if payment.unfinished()
        && let Err(error) = void(journal, providers, payment.order_id).await
    {
        tracing::warn!(order.id = %payment.order_id, %error, "a voided payment still holds money");
        journal.unknown.notify_one();
    }
}

/// Commits the decision and the next step, before the provider hears of it.
async fn decide(journal: &Journal, order_id: Uuid) -> Result<Step, Error> {
    let now = journal.clock.now();
    let due = journal.database_time().await?;
    let mut tx = journal.db.begin().await?;
    let tombstone = Aggregate::tombstone(order_id, journal.currency, now);
    let (mut payment, moved) = if store::insert(&mut tx, &tombstone).await? {
        (tombstone, true)
    } else {
        let mut payment = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        let moved = payment.void().is_some();
        (payment, moved)
    };
    if moved {
        payment.updated_at = now;
        journal.publish(&mut tx, &payment, None).await?;
    }
    let step = match payment.compensation() {
        Compensation::Done => {
            // All is refunded, and a late answer to the capture is no question. What is void stays watched.
            payment.open = payment.open.filter(|_| !payment.status.taken());
            Step::Done(payment.clone())
        }
        Compensation::Find => Step::Find(payment.clone()),
        Compensation::Void => {
            payment.ask(Command::Void, due, journal.reconcile_after);
            Step::Void(payment.clone())
        }
        Compensation::Refund => {
            // From here the refund's own row is what is looked after.
            payment.open = None;
            match refund_rest(journal, &mut tx, &payment, due).await? {
                Some(refund) => Step::Refund(payment.clone(), refund),
                None => Step::Done(payment.clone()),
            }
        }
    };
    store::save(&mut tx, &payment).await?;
    reach(void::uncommitted);
    tx.commit().await?;
    reach(void::committed);
    if moved {
        journal.outbox.wake();
    }
    Ok(step)
}

/// Voids what is held. Refused, it may have been taken in the meantime: then the next step refunds it.
async fn void_charge(journal: &Journal, providers: &Providers, payment: Aggregate) -> Result<(), Error> {
    let attempt = journal.attempt(&payment, Command::Void);
    let request = Request::new(&payment, Command::Void)?;
    let outcome = providers.timed([void::intended, void::answered], providers.of(&payment)?.void(request)).await;
    let (payment, refusal) = record(journal, providers, &payment, &attempt, outcome, ChargeState::Voided).await?;
    reach(void::recorded);
    match refusal {
        Some(error) if payment.compensation() == Compensation::Void => Err(error),
        _ => Ok(()),
    }
}
