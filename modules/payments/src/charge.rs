//! Holding an amount and taking it. Each question is committed before it is asked, never in a
//! transaction, and its answer is recorded in another: what happens in between is looked up.
use chrono::{DateTime, Utc};
use kernel::{Call, Checks, Fault, Tx};
use uuid::Uuid;

use crate::{
    Authorization, Error, Payment, PaymentStatus,
    domain::{Answer, Charge, ChargeState, Command, Entry},
    provider::{Ask, Hold, Outcome, Unknown},
    service::Service,
    store,
};

/// The largest amount, in minor units; twelve digits are what providers take.
const LARGEST: i64 = 999_999_999_999;

/// What a command takes next.
enum Step {
    /// It was given before and is over.
    Over(Entry),
    /// Ask the provider, as this attempt.
    Ask(Entry, Uuid),
}

impl Service {
    /// Holds an amount; a second call with the same order asks the provider under the same key.
    pub(crate) async fn hold(&self, wish: Authorization) -> Result<Payment, Error> {
        let provider = self.vet(&wish.choice)?;
        let mut checks = Checks::new();
        let amount = wish.amount.amount;
        checks.ensure(amount >= 0, "/amount", "too_small", "must not be negative");
        checks.ensure(amount <= LARGEST, "/amount", "too_large", "is more than a provider takes");
        checks.finish(Some(()))?;
        let (entry, attempt) = match self.intend(&wish).await? {
            Step::Over(entry) => return entry.authorized(),
            Step::Ask(entry, attempt) => (entry, attempt),
        };
        let hold = Hold {
            key: Command::Authorize.key(entry.order_id),
            order_id: entry.order_id,
            method: wish.choice.method,
            amount: wish.amount,
        };
        let answer = heard(self.timed("authorize", provider.authorize(hold)).await.map(Answer::Charge));
        let entry = self.record(entry.order_id, attempt, &answer).await?;
        kernel::failpoint!("payments.authorize.recorded");
        self.let_go(&entry).await;
        entry.authorized()
    }

    /// Commits the payment before the provider hears of it.
    async fn intend(&self, wish: &Authorization) -> Result<Step, Error> {
        let now = self.context.clock.now();
        let due = self.database_time().await?;
        let mut tx = self.context.db.begin().await?;
        let mut entry = Entry::new(wish, now);
        entry.ask(Command::Authorize, due, self.config.reconcile_after());
        if !store::insert(&mut tx, &entry).await? {
            entry = store::lock(&mut tx, wish.order_id).await?.ok_or(Error::PaymentNotFound)?;
            if entry.given_up {
                return Ok(Step::Over(entry));
            }
            entry.same_as(wish)?;
            if entry.status != PaymentStatus::Pending {
                return Ok(Step::Over(entry));
            }
        }
        let key = Command::Authorize.key(wish.order_id);
        let attempt = store::asked(&mut tx, wish.order_id, Command::Authorize.word(), &key, now).await?;
        tx.commit().await?;
        Ok(Step::Ask(entry, attempt))
    }

    /// Takes what is held.
    pub(crate) async fn take(&self, order_id: Uuid) -> Result<Payment, Error> {
        let (entry, attempt) = match self.intend_to_take(order_id).await? {
            Step::Over(entry) => return Ok(entry.shown()),
            Step::Ask(entry, attempt) => (entry, attempt),
        };
        let outcome = self.timed("capture", self.provider_of(&entry)?.capture(entry.asks(Command::Capture)?)).await;
        let (entry, refusal) = self.record_command(&entry, attempt, outcome, ChargeState::Captured).await?;
        kernel::failpoint!("payments.capture.recorded");
        self.let_go(&entry).await;
        match refusal {
            _ if entry.status.taken() => Ok(entry.shown()),
            Some(error) if entry.status == PaymentStatus::Authorized => Err(error),
            _ => Err(entry.wrong_state()),
        }
    }

    async fn intend_to_take(&self, order_id: Uuid) -> Result<Step, Error> {
        let due = self.database_time().await?;
        let mut tx = self.context.db.begin().await?;
        let mut entry = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        match entry.status {
            status if status.taken() => return Ok(Step::Over(entry)),
            PaymentStatus::Authorized if entry.given_up => return Err(Error::Cancelled),
            PaymentStatus::Authorized => {}
            _ => return Err(entry.wrong_state()),
        }
        let attempt = self.open(&mut tx, &mut entry, Command::Capture, due).await?;
        tx.commit().await?;
        Ok(Step::Ask(entry, attempt))
    }

    /// Notes in `tx` that the provider is about to be asked to `command`.
    pub(crate) async fn open(
        &self,
        tx: &mut Tx,
        entry: &mut Entry,
        command: Command,
        due: DateTime<Utc>,
    ) -> Result<Uuid, Error> {
        entry.ask(command, due, self.config.reconcile_after());
        store::save(tx, entry).await?;
        let key = command.key(entry.order_id);
        Ok(store::asked(tx, entry.order_id, command.word(), &key, self.context.clock.now()).await?)
    }

    /// Records a command's outcome: done, the charge is in `state`. One that was refused came too late
    /// or too early, so the provider is asked how the charge stands; the error is for where that is no help.
    pub(crate) async fn record_command(
        &self,
        entry: &Entry,
        attempt: Uuid,
        outcome: Result<Outcome, Unknown>,
        state: ChargeState,
    ) -> Result<(Entry, Option<Error>), Error> {
        let order_id = entry.order_id;
        match outcome {
            Ok(Outcome::Done) => {
                let answer = Answer::Charge(Charge { reference: entry.charge()?, state });
                Ok((self.record(order_id, attempt, &answer).await?, None))
            }
            Ok(Outcome::Declined { reason }) => {
                let entry = self.record(order_id, attempt, &Answer::Refused { reason: reason.clone() }).await?;
                Ok((self.look(&entry).await?, Some(Error::Declined { reason })))
            }
            Err(unknown) => {
                let entry = self.record(order_id, attempt, &Answer::Unknown).await?;
                Ok((entry, Some(Fault::unavailable(unknown).into())))
            }
        }
    }

    /// Asks the provider what became of the authorisation.
    pub(crate) async fn look(&self, entry: &Entry) -> Result<Entry, Error> {
        let key = Command::Authorize.key(entry.order_id);
        let attempt = store::asked(&self.context.db, entry.order_id, "find", &key, self.context.clock.now()).await?;
        let found = self.timed("find", self.provider_of(entry)?.find(&key)).await;
        let answer = heard(found.map(|charge| charge.map_or(Answer::NotFound, Answer::Charge)));
        let entry = self.record(entry.order_id, attempt, &answer).await?;
        kernel::failpoint!("payments.find.recorded");
        if answer == Answer::Unknown { Err(Fault::Unavailable.into()) } else { Ok(entry) }
    }

    /// Sees to it that what was given up is let go now; where that fails, the reconciler goes on.
    pub(crate) async fn let_go(&self, entry: &Entry) {
        if entry.unfinished()
            && let Err(error) = self.settle(entry.order_id).await
        {
            tracing::warn!(order.id = %entry.order_id, %error, "a cancelled payment is not let go yet");
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

impl Entry {
    /// What a command says to the provider.
    pub(crate) fn asks(&self, command: Command) -> Result<Ask, Fault> {
        Ok(Ask { key: command.key(self.order_id), reference: self.charge()?, amount: self.amount() })
    }

    /// The provider's name for the charge; whatever is held has one.
    pub(crate) fn charge(&self) -> Result<String, Fault> {
        self.reference.clone().ok_or_else(|| Fault::internal(format!("the payment {} has no charge", self.id)))
    }
}
