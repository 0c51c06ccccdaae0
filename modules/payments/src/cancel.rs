//! Giving up a payment: the decision is committed first and never undone, then whatever is held is let
//! go and whatever was taken is paid back, one question to the provider at a time.
use kernel::Fault;
use uuid::Uuid;

use crate::{
    Error,
    domain::{ChargeState, Command, Entry, Turn},
    service::Service,
    store::{self, refunds::Refund},
};

/// Each turn gets closer: find, void, look again, pay back, and a few refunds that are still open.
const TURNS: usize = 8;

/// What giving up takes next.
enum Step {
    Rest(Entry),
    Find(Entry),
    Void(Entry, Uuid),
    PayBack(Entry, Refund, Uuid),
}

impl Service {
    /// Gives up an order's payment, or what is left to do of that.
    pub(crate) async fn settle(&self, order_id: Uuid) -> Result<Entry, Error> {
        for _ in 0..TURNS {
            match self.give_up(order_id).await? {
                Step::Rest(entry) => return Ok(entry),
                Step::Find(entry) => drop(self.look(&entry).await?),
                Step::Void(entry, attempt) => self.void(entry, attempt).await?,
                Step::PayBack(entry, refund, attempt) => drop(self.make_refund(&entry, refund, attempt).await?),
            }
        }
        Err(Fault::unavailable(format!("giving up the payment of {order_id} does not come to an end")).into())
    }

    /// Commits the decision and the next step, before the provider hears of it.
    async fn give_up(&self, order_id: Uuid) -> Result<Step, Error> {
        let now = self.context.clock.now();
        let due = self.database_time().await?;
        let mut tx = self.context.db.begin().await?;
        let tombstone = Entry::tombstone(order_id, self.context.currency, now);
        let (mut entry, moved) = if store::insert(&mut tx, &tombstone).await? {
            (tombstone, true)
        } else {
            let mut entry = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
            let moved = entry.give_up().is_some();
            (entry, moved)
        };
        if moved {
            entry.updated_at = now;
            self.publish(&mut tx, &entry, None).await?;
        }
        let step = match entry.turn() {
            Turn::Rest => {
                // All is paid back, and a late answer to the capture is no question. What is void stays watched.
                entry.open = entry.open.filter(|_| !entry.status.taken());
                Step::Rest(entry.clone())
            }
            Turn::Find => Step::Find(entry.clone()),
            Turn::Void => {
                let attempt = self.open(&mut tx, &mut entry, Command::Void, due).await?;
                Step::Void(entry.clone(), attempt)
            }
            Turn::PayBack => {
                // From here the refund's own row is what is looked after.
                entry.open = None;
                match self.refund_rest(&mut tx, &entry, due).await? {
                    Some((refund, attempt)) => Step::PayBack(entry.clone(), refund, attempt),
                    None => Step::Rest(entry.clone()),
                }
            }
        };
        store::save(&mut tx, &entry).await?;
        kernel::failpoint!("payments.cancel.uncommitted");
        tx.commit().await?;
        kernel::failpoint!("payments.cancel.committed");
        if moved {
            self.context.outbox.wake();
        }
        Ok(step)
    }

    /// Lets go of what is held. Refused, it may have been taken in the meantime: then the next turn pays it back.
    async fn void(&self, entry: Entry, attempt: Uuid) -> Result<(), Error> {
        let outcome = self.timed("void", self.provider_of(&entry)?.void(entry.asks(Command::Void)?)).await;
        let (entry, refusal) = self.record_command(&entry, attempt, outcome, ChargeState::Voided).await?;
        kernel::failpoint!("payments.void.recorded");
        match refusal {
            Some(error) if entry.turn() == Turn::Void => Err(error),
            _ => Ok(()),
        }
    }
}
