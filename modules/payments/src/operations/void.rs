//! Giving up a payment: the decision is committed first and never undone, then whatever is held is let
//! go and whatever was taken is paid back, one question to the provider at a time.
use kernel::Fault;
use uuid::Uuid;

use crate::{
    Error,
    payment::{
        Aggregate, ChargeState, Command, Turn,
        store::{self, refunds::Refund},
    },
    service::Service,
};

/// Each turn gets closer: find, void, look again, pay back, and a few refunds that are still open.
const TURNS: usize = 8;

/// What giving up takes next.
enum Step {
    Rest(Aggregate),
    Find(Aggregate),
    Void(Aggregate, Uuid),
    PayBack(Aggregate, Refund, Uuid),
}

impl Service {
    /// Gives up an order's payment, or what is left to do of that.
    pub(crate) async fn settle(&self, order_id: Uuid) -> Result<Aggregate, Error> {
        for _ in 0..TURNS {
            match self.give_up(order_id).await? {
                Step::Rest(aggregate) => return Ok(aggregate),
                Step::Find(aggregate) => drop(self.look(&aggregate).await?),
                Step::Void(aggregate, attempt) => self.void(aggregate, attempt).await?,
                Step::PayBack(aggregate, refund, attempt) => drop(self.make_refund(&aggregate, refund, attempt).await?),
            }
        }
        Err(Fault::unavailable(format!("giving up the payment of {order_id} does not come to an end")).into())
    }

    /// Commits the decision and the next step, before the provider hears of it.
    async fn give_up(&self, order_id: Uuid) -> Result<Step, Error> {
        let now = self.context.clock.now();
        let due = self.database_time().await?;
        let mut tx = self.context.db.begin().await?;
        let tombstone = Aggregate::tombstone(order_id, self.context.currency, now);
        let (mut aggregate, moved) = if store::insert(&mut tx, &tombstone).await? {
            (tombstone, true)
        } else {
            let mut aggregate = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
            let moved = aggregate.give_up().is_some();
            (aggregate, moved)
        };
        if moved {
            aggregate.updated_at = now;
            self.publish(&mut tx, &aggregate, None).await?;
        }
        let step = match aggregate.turn() {
            Turn::Rest => {
                // All is paid back, and a late answer to the capture is no question. What is void stays watched.
                aggregate.open = aggregate.open.filter(|_| !aggregate.status.taken());
                Step::Rest(aggregate.clone())
            }
            Turn::Find => Step::Find(aggregate.clone()),
            Turn::Void => {
                let attempt = self.open(&mut tx, &mut aggregate, Command::Void, due).await?;
                Step::Void(aggregate.clone(), attempt)
            }
            Turn::PayBack => {
                // From here the refund's own row is what is looked after.
                aggregate.open = None;
                match self.refund_rest(&mut tx, &aggregate, due).await? {
                    Some((refund, attempt)) => Step::PayBack(aggregate.clone(), refund, attempt),
                    None => Step::Rest(aggregate.clone()),
                }
            }
        };
        store::save(&mut tx, &aggregate).await?;
        kernel::failpoint!("payments.cancel.uncommitted");
        tx.commit().await?;
        kernel::failpoint!("payments.cancel.committed");
        if moved {
            self.context.outbox.wake();
        }
        Ok(step)
    }

    /// Lets go of what is held. Refused, it may have been taken in the meantime: then the next turn pays it back.
    async fn void(&self, aggregate: Aggregate, attempt: Uuid) -> Result<(), Error> {
        let outcome = self.timed("void", self.provider_of(&aggregate)?.void(aggregate.asks(Command::Void)?)).await;
        let (aggregate, refusal) = self.record_command(&aggregate, attempt, outcome, ChargeState::Voided).await?;
        kernel::failpoint!("payments.void.recorded");
        match refusal {
            Some(error) if aggregate.turn() == Turn::Void => Err(error),
            _ => Ok(()),
        }
    }
}
