//! Holding an amount and taking it. Each question is committed before it is asked, never in a
//! transaction, and its answer is recorded in another: what happens in between is looked up.
use chrono::{DateTime, Utc};
use kernel::{Call, Fault, Tx, Violations};
use uuid::Uuid;

use crate::{
    Authorization, Error, Payment, PaymentStatus,
    payment::{Aggregate, Answer, Charge, ChargeState, Command, store},
    provider::{Ask, Hold, Outcome, Unknown},
    service::Service,
};

/// The largest amount, in minor units; twelve digits are what providers take.
const LARGEST: i64 = 999_999_999_999;

/// What a command takes next.
enum Step {
    /// It was given before and is over.
    Over(Aggregate),
    /// Ask the provider, as this attempt.
    Ask(Aggregate, Uuid),
}

impl Service {
    /// Holds an amount; a second call with the same order asks the provider under the same key.
    pub(crate) async fn hold(&self, wish: Authorization) -> Result<Payment, Error> {
        let provider = self.vet(&wish.choice)?;
        let mut checks = Violations::new();
        let amount = wish.amount.amount;
        checks.ensure(amount >= 0, "/amount", "too_small", "must not be negative");
        checks.ensure(amount <= LARGEST, "/amount", "too_large", "is more than a provider takes");
        checks.finish(Some(()))?;
        let (aggregate, attempt) = match self.intend(&wish).await? {
            Step::Over(aggregate) => return aggregate.authorized(),
            Step::Ask(aggregate, attempt) => (aggregate, attempt),
        };
        let hold = Hold {
            key: Command::Authorize.key(aggregate.order_id),
            order_id: aggregate.order_id,
            method: wish.choice.method,
            amount: wish.amount,
        };
        let answer = heard(self.timed("authorize", provider.authorize(hold)).await.map(Answer::Charge));
        let aggregate = self.record(aggregate.order_id, attempt, &answer).await?;
        kernel::failpoint!("payments.authorize.recorded");
        self.let_go(&aggregate).await;
        aggregate.authorized()
    }

    /// Commits the payment before the provider hears of it.
    async fn intend(&self, wish: &Authorization) -> Result<Step, Error> {
        let now = self.context.clock.now();
        let due = self.database_time().await?;
        let mut tx = self.context.db.begin().await?;
        let mut aggregate = Aggregate::new(wish, now);
        aggregate.ask(Command::Authorize, due, self.config.reconcile_after());
        if !store::insert(&mut tx, &aggregate).await? {
            aggregate = store::lock(&mut tx, wish.order_id).await?.ok_or(Error::PaymentNotFound)?;
            if aggregate.given_up {
                return Ok(Step::Over(aggregate));
            }
            aggregate.same_as(wish)?;
            if aggregate.status != PaymentStatus::Pending {
                return Ok(Step::Over(aggregate));
            }
        }
        let key = Command::Authorize.key(wish.order_id);
        let attempt = store::asked(&mut tx, wish.order_id, Command::Authorize.word(), &key, now).await?;
        tx.commit().await?;
        Ok(Step::Ask(aggregate, attempt))
    }

    /// Takes what is held.
    pub(crate) async fn take(&self, order_id: Uuid) -> Result<Payment, Error> {
        let (aggregate, attempt) = match self.intend_to_take(order_id).await? {
            Step::Over(aggregate) => return Ok(aggregate.shown()),
            Step::Ask(aggregate, attempt) => (aggregate, attempt),
        };
        let outcome =
            self.timed("capture", self.provider_of(&aggregate)?.capture(aggregate.asks(Command::Capture)?)).await;
        let (aggregate, refusal) = self.record_command(&aggregate, attempt, outcome, ChargeState::Captured).await?;
        kernel::failpoint!("payments.capture.recorded");
        self.let_go(&aggregate).await;
        match refusal {
            _ if aggregate.status.taken() => Ok(aggregate.shown()),
            Some(error) if aggregate.status == PaymentStatus::Authorized => Err(error),
            _ => Err(aggregate.wrong_state()),
        }
    }

    async fn intend_to_take(&self, order_id: Uuid) -> Result<Step, Error> {
        let due = self.database_time().await?;
        let mut tx = self.context.db.begin().await?;
        let mut aggregate = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        match aggregate.status {
            status if status.taken() => return Ok(Step::Over(aggregate)),
            PaymentStatus::Authorized if aggregate.given_up => return Err(Error::Cancelled),
            PaymentStatus::Authorized => {}
            _ => return Err(aggregate.wrong_state()),
        }
        let attempt = self.open(&mut tx, &mut aggregate, Command::Capture, due).await?;
        tx.commit().await?;
        Ok(Step::Ask(aggregate, attempt))
    }

    /// Notes in `tx` that the provider is about to be asked to `command`.
    pub(crate) async fn open(
        &self,
        tx: &mut Tx,
        aggregate: &mut Aggregate,
        command: Command,
        due: DateTime<Utc>,
    ) -> Result<Uuid, Error> {
        aggregate.ask(command, due, self.config.reconcile_after());
        store::save(tx, aggregate).await?;
        let key = command.key(aggregate.order_id);
        Ok(store::asked(tx, aggregate.order_id, command.word(), &key, self.context.clock.now()).await?)
    }

    /// Records a command's outcome: done, the charge is in `state`. One that was refused came too late
    /// or too early, so the provider is asked how the charge stands; the error is for where that is no help.
    pub(crate) async fn record_command(
        &self,
        aggregate: &Aggregate,
        attempt: Uuid,
        outcome: Result<Outcome, Unknown>,
        state: ChargeState,
    ) -> Result<(Aggregate, Option<Error>), Error> {
        let order_id = aggregate.order_id;
        match outcome {
            Ok(Outcome::Done) => {
                let answer = Answer::Charge(Charge { reference: aggregate.charge()?, state });
                Ok((self.record(order_id, attempt, &answer).await?, None))
            }
            Ok(Outcome::Declined { reason }) => {
                let aggregate = self.record(order_id, attempt, &Answer::Refused { reason: reason.clone() }).await?;
                Ok((self.look(&aggregate).await?, Some(Error::Declined { reason })))
            }
            Err(unknown) => {
                let aggregate = self.record(order_id, attempt, &Answer::Unknown).await?;
                Ok((aggregate, Some(Fault::unavailable(unknown).into())))
            }
        }
    }

    /// Asks the provider what became of the authorisation.
    pub(crate) async fn look(&self, aggregate: &Aggregate) -> Result<Aggregate, Error> {
        let key = Command::Authorize.key(aggregate.order_id);
        let attempt =
            store::asked(&self.context.db, aggregate.order_id, "find", &key, self.context.clock.now()).await?;
        let found = self.timed("find", self.provider_of(aggregate)?.find(&key)).await;
        let answer = heard(found.map(|charge| charge.map_or(Answer::NotFound, Answer::Charge)));
        let aggregate = self.record(aggregate.order_id, attempt, &answer).await?;
        kernel::failpoint!("payments.find.recorded");
        if answer == Answer::Unknown { Err(Fault::Unavailable.into()) } else { Ok(aggregate) }
    }

    /// Sees to it that what was given up is let go now; where that fails, the reconciler goes on.
    pub(crate) async fn let_go(&self, aggregate: &Aggregate) {
        if aggregate.unfinished()
            && let Err(error) = self.settle(aggregate.order_id).await
        {
            tracing::warn!(order.id = %aggregate.order_id, %error, "a cancelled payment is not let go yet");
        }
    }
}

/// The answer, with the reason why there is none in the log.
fn heard(answer: Result<Answer, Unknown>) -> Answer {
    answer.unwrap_or_else(|unknown| {
        tracing::warn!(trace_id = %Call::current().trace(), cause = %unknown, "a payment's outcome is unknown");
        Answer::Unknown
    })
}

impl Aggregate {
    /// What a command says to the provider.
    pub(crate) fn asks(&self, command: Command) -> Result<Ask, Fault> {
        Ok(Ask { key: command.key(self.order_id), reference: self.charge()?, amount: self.amount() })
    }

    /// The provider's name for the charge; whatever is held has one.
    pub(crate) fn charge(&self) -> Result<String, Fault> {
        self.reference.clone().ok_or_else(|| Fault::internal(format!("the payment {} has no charge", self.id)))
    }
}
