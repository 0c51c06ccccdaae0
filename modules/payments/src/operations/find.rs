//! Asking a provider how a charge stands, where that is not known or a command was refused.
use kernel::Fault;

use crate::failpoints::{find, reach};
use crate::{
    Error,
    payment::{Aggregate, Answer, Attempt, Charge, ChargeState, Command, Journal},
    provider::{Outcome, Providers, Unknown},
};

/// Asks the provider what became of the authorisation.
pub(crate) async fn find(journal: &Journal, providers: &Providers, payment: &Aggregate) -> Result<Aggregate, Error> {
    let key = Command::Authorize.key(payment.order_id);
    let attempt = Attempt::new(payment.order_id, "find", key.clone(), journal.clock.now());
    let found = providers.timed([find::intended, find::answered], providers.of(payment)?.find(&key)).await;
    let found = found.map(|charge| charge.map_or(Answer::NotFound, Answer::Charge));
    let answer = found.unwrap_or_else(Unknown::answer);
    let payment = journal.record(payment, &attempt, &answer).await?;
    reach(find::recorded);
    if answer == Answer::Unknown { Err(Fault::Unavailable.into()) } else { Ok(payment) }
}

/// Records a command's outcome: done, the charge is in `state`. One that was refused came too late
/// or too early, so the provider is asked how the charge stands; the error is for where that is no help.
pub(super) async fn record(
    journal: &Journal,
    providers: &Providers,
    payment: &Aggregate,
    attempt: &Attempt,
    outcome: Result<Outcome, Unknown>,
    state: ChargeState,
) -> Result<(Aggregate, Option<Error>), Error> {
    match outcome {
        Ok(Outcome::Done) => {
            let answer = Answer::Charge(Charge { reference: payment.charge()?, state });
            Ok((journal.record(payment, attempt, &answer).await?, None))
        }
        Ok(Outcome::Declined { reason }) => {
            let payment = journal.record(payment, attempt, &Answer::Refused { reason: reason.clone() }).await?;
            Ok((find(journal, providers, &payment).await?, Some(Error::Declined { reason })))
        }
        Err(unknown) => {
            let payment = journal.record(payment, attempt, &Answer::Unknown).await?;
            Ok((payment, Some(Fault::unavailable(unknown).into())))
        }
    }
}
