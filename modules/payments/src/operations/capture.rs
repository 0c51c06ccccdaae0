//! Taking what is held.
use uuid::Uuid;

use super::{compensate, find::record};
use crate::failpoints::{capture, reach};
use crate::{
    Error, Payment, PaymentStatus,
    payment::{Aggregate, ChargeState, Command, Journal, next_look, store},
    provider::{Providers, Request},
};

pub(crate) async fn capture(journal: &Journal, providers: &Providers, order_id: Uuid) -> Result<Payment, Error> {
    let payment = intend(journal, order_id).await?;
    if payment.status.taken() {
        return Ok(payment.view());
    }
    let attempt = journal.attempt(&payment, Command::Capture);
    let request = Request::new(&payment, Command::Capture)?;
    let outcome =
        providers.timed([capture::intended, capture::answered], providers.of(&payment)?.capture(request)).await;
    let (payment, refusal) = record(journal, providers, &payment, &attempt, outcome, ChargeState::Captured).await?;
    reach(capture::recorded);
    compensate(journal, providers, &payment).await;
    match refusal {
        _ if payment.status.taken() => Ok(payment.view()),
        Some(error) if payment.status == PaymentStatus::Authorized => Err(error),
        _ => Err(payment.wrong_state()),
    }
}

/// Commits that it is to be taken before the provider hears of it, unless it was.
async fn intend(journal: &Journal, order_id: Uuid) -> Result<Aggregate, Error> {
    let now = journal.database_time().await?;
    if let Some(payment) = store::capture(&journal.db, order_id, next_look(now, journal.reconcile_after, 0)).await? {
        return Ok(payment);
    }
    let mut tx = journal.db.begin().await?;
    let mut payment = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
    match payment.status {
        status if status.taken() => return Ok(payment),
        PaymentStatus::Authorized if payment.given_up => return Err(Error::Cancelled),
        PaymentStatus::Authorized => {}
        _ => return Err(payment.wrong_state()),
    }
    payment.ask(Command::Capture, now, journal.reconcile_after);
    store::save(&mut tx, &payment).await?;
    tx.commit().await?;
    Ok(payment)
}
