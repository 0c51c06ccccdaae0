//! The checkout, as a saga that survives its process.
//!
//! Every step is a keyed command that does nothing the second time, so going on after a crash is doing it again from
//! the top. Only decisions are written down. A refusal before the pivot turns the order back; an unknown outcome
//! never does: it is asked again until it is known.
use std::{future::Future, sync::Arc, time::Duration};

use cart::{Carts, OrderedItem};
use chrono::TimeDelta;
use kernel::{Call, Failure, Fault};
use payments::{Authorization, Payment, PaymentStatus, Payments};
use products::Products;
use tokio::sync::Notify;

use crate::{
    Error, OrderStatus,
    checkout::lease::{self, Lease, Leases},
    order::Aggregate,
    order::event::{Event, Reason},
    order::journal::{Decided, Journal, Saga as Effect},
    refusals::{declined, sold_out},
    settings::Settings,
};

/// Drives orders to where nothing is left to do.
pub(crate) struct Saga {
    pub(crate) products: Arc<dyn Products>,
    pub(crate) carts: Arc<dyn Carts>,
    pub(crate) payments: Arc<dyn Payments>,
    pub(crate) journal: Journal,
    pub(crate) leases: Leases,
    pub(crate) settings: Settings,
    /// Told whenever a drive has ended: for those who wait for an order that somebody else drives.
    pub(crate) news: Notify,
}

/// Where a step leads.
enum Next {
    /// To the next one.
    On(Aggregate),
    /// Nowhere: nothing is left to do, or the customer has to.
    Rest(Aggregate),
}

/// What became of a decision that was not fenced off.
enum Decision {
    /// It is written down.
    Now(Aggregate),
    /// The order, as it is by now, does not call for it.
    Moot(Aggregate),
}

impl Decision {
    /// On from here, whoever decided.
    fn on(self) -> Next {
        let (Self::Now(state) | Self::Moot(state)) = self;
        Next::On(state)
    }
}

/// Why a drive ends before its order rests.
enum Stop {
    /// Somebody else drives it.
    Fenced,
    /// Not now.
    Later(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Later(fault.to_string())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Later(error.to_string())
    }
}

/// The longest pause between two attempts, in ms.
const LONGEST_PAUSE: i64 = 60_000;

/// Twice as long after each failure, beginning with 0.1 s; half of it by chance, so that orders that failed together
/// do not all come back together.
fn pause(attempts: i64) -> TimeDelta {
    let most = (100_i64 << attempts.clamp(0, 10)).min(LONGEST_PAUSE);
    TimeDelta::milliseconds(rand::random_range(most / 2..=most))
}

impl Saga {
    /// Drives an order as far as it goes now; its state if it rests there.
    pub(crate) async fn drive(&self, mut lease: Lease, mut state: Aggregate) -> Option<Aggregate> {
        let rest = loop {
            let next = match state.status {
                OrderStatus::Pending => self.hold(&mut lease, state).await,
                OrderStatus::Confirmed | OrderStatus::Shipped => self.settle(&mut lease, state).await,
                OrderStatus::Cancelling => self.give_back(&mut lease, state).await,
                OrderStatus::Cancelled => self.end(&lease, state).await,
            };
            match next {
                Ok(Next::On(next)) => (state, lease.attempts) = (next, 0),
                Ok(Next::Rest(state)) => break Some(state),
                Err(Stop::Fenced) => break None,
                Err(Stop::Later(reason)) => {
                    self.fail(&lease, reason).await;
                    break None;
                }
            }
        };
        self.news.notify_waiters();
        rest
    }

    /// Before the pivot: keeps the stock, holds the money, takes the stock, and confirms.
    async fn hold(&self, lease: &mut Lease, state: Aggregate) -> Result<Next, Stop> {
        let order_id = state.created.id.0;
        // On a first drive no payment has begun yet; on a later one it may have.
        let begun = !lease.is_first;
        if let Err(error) = self.step(lease, "reserve", self.products.reserve(order_id, state.stock())).await? {
            let reason = sold_out(error, &state.stock());
            return self.refuse(lease, state, reason, begun).await;
        }
        let payment = match self.step(lease, "authorize", self.payments.authorize(authorization(&state))).await? {
            Ok(payment) => payment,
            Err(error) => {
                // The provider's own no is final: there is nothing to undo.
                let undo = !matches!(error, payments::Error::Declined { .. });
                return self.refuse(lease, state, declined(&error), undo).await;
            }
        };
        match payment.status {
            PaymentStatus::Authorized | PaymentStatus::Captured => {}
            PaymentStatus::ActionRequired => return self.await_customer(lease, state, payment).await,
            PaymentStatus::Pending => return Err(Stop::Later("the payment's outcome is not known yet".into())),
            PaymentStatus::Declined => {
                let reason = Reason::Declined { reason: payment.reason.unwrap_or_else(|| "declined".into()) };
                return self.refuse(lease, state, reason, false).await;
            }
            PaymentStatus::Voided | PaymentStatus::Refunded | PaymentStatus::PartiallyRefunded => {
                let reason = Reason::Declined { reason: "cancelled".into() };
                return self.refuse(lease, state, reason, true).await;
            }
        }
        // Before the pivot, while there is a way back: a reservation that has run out cannot oversell.
        if let Err(error) = self.step(lease, "commit", self.products.commit(order_id)).await? {
            let reason = sold_out(error, &state.stock());
            return self.refuse(lease, state, reason, true).await;
        }
        self.decide(state, Effect::GoesOn(lease), Aggregate::confirm).await.map(Decision::on)
    }

    /// Rests until the customer has done what the payment asks for; gives up where that takes too long.
    async fn await_customer(&self, lease: &Lease, state: Aggregate, payment: Payment) -> Result<Next, Stop> {
        let action = payment.action.ok_or_else(|| Stop::Later("the payment does not say what it asks for".into()))?;
        let left = state.placed_at + self.settings.patience() - self.journal.clock.now();
        if left <= TimeDelta::zero() {
            return self.refuse(lease, state, Reason::PaymentExpired, true).await;
        }
        let due_at = self.leases.now().await? + left;
        let asks = |state: &Aggregate| state.await_customer(action.clone());
        match self.decide(state, Effect::Sleeps(lease, due_at), asks).await? {
            Decision::Now(state) => Ok(Next::Rest(state)),
            // It was asked for before.
            Decision::Moot(state) if state.awaits_customer() => {
                let held = lease::sleep(&self.leases.db, lease, due_at).await?;
                if held { Ok(Next::Rest(state)) } else { Err(Stop::Fenced) }
            }
            Decision::Moot(state) => Ok(Next::On(state)),
        }
    }

    /// Turns back, which only a refusal before the pivot may.
    async fn refuse(&self, lease: &Lease, state: Aggregate, reason: Reason, undo_payment: bool) -> Result<Next, Stop> {
        let refuse = |state: &Aggregate| state.refuse(reason.clone(), undo_payment);
        self.decide(state, Effect::GoesOn(lease), refuse).await.map(Decision::on)
    }

    /// After the pivot: takes the money and ends the cart, however long it takes.
    async fn settle(&self, lease: &mut Lease, state: Aggregate) -> Result<Next, Stop> {
        self.renew(lease).await?;
        let (id, cart_id) = (state.created.id.0, state.created.cart_id);
        let capture = async {
            if state.is_captured() {
                Ok(())
            } else {
                self.limited("capture", self.payments.capture(id)).await.map(drop)
            }
        };
        let close = self.limited("close", self.carts.close(cart_id, id, ordered(&state)));
        let (captured, closed) = tokio::join!(capture, close);
        captured.map_err(|error| Stop::Later(format!("cannot capture: {error}")))?;
        let effect = if closed.is_ok() { Effect::Ends(lease) } else { Effect::GoesOn(lease) };
        let decision = self.decide(state, effect, Aggregate::capture).await?;
        closed.map_err(|error| Stop::Later(format!("cannot close the cart: {error}")))?;
        match decision {
            Decision::Now(state) => Ok(Next::Rest(state)),
            // Captured before, or cancelled in the meantime.
            Decision::Moot(state) if state.is_captured() => self.end(lease, state).await,
            Decision::Moot(state) => Ok(Next::On(state)),
        }
    }

    /// Compensates: money and stock go back.
    async fn give_back(&self, lease: &mut Lease, state: Aggregate) -> Result<Next, Stop> {
        self.renew(lease).await?;
        let id = state.created.id.0;
        let begun = state.cancelling.as_ref().is_some_and(|cancelling| cancelling.undo_payment);
        let undo =
            async { if begun { self.limited("cancel", self.payments.cancel(id)).await.map(Some) } else { Ok(None) } };
        let (payment, released) = tokio::join!(undo, self.limited("release", self.products.release(id)));
        let payment = payment.map_err(|error| Stop::Later(format!("cannot give the money back: {error}")))?;
        released.map_err(|error| Stop::Later(format!("cannot give the stock back: {error}")))?;
        let give_up = |state: &Aggregate| state.give_up(payment.as_ref());
        Ok(match self.decide(state, Effect::Ends(lease), give_up).await? {
            Decision::Now(state) => Next::Rest(state),
            Decision::Moot(state) => Next::On(state),
        })
    }

    /// Nothing is left to do.
    async fn end(&self, lease: &Lease, state: Aggregate) -> Result<Next, Stop> {
        kernel::failpoint!("orders.end.before");
        let ended = lease::end(&self.leases.db, lease).await?;
        kernel::failpoint!("orders.end.after");
        if ended { Ok(Next::Rest(state)) } else { Err(Stop::Fenced) }
    }

    async fn decide(
        &self,
        state: Aggregate,
        effect: Effect<'_>,
        decide: impl Fn(&Aggregate) -> Option<Event>,
    ) -> Result<Decision, Stop> {
        match self.journal.decide(state, effect, |state| Ok(decide(state))).await? {
            Decided::Now(state) => Ok(Decision::Now(state)),
            Decided::Moot(state) => Ok(Decision::Moot(state)),
            Decided::Fenced => Err(Stop::Fenced),
        }
    }

    /// One step: its answer, a refusal included. A fault says nothing about what happened, so it is no answer.
    async fn step<T, E: Failure>(
        &self,
        lease: &mut Lease,
        name: &str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, Stop> {
        self.renew(lease).await?;
        let answer = self.limited(name, call).await;
        match answer.as_ref().err().and_then(Failure::fault) {
            Some(fault) => Err(fault.into()),
            None => Ok(answer),
        }
    }

    /// A call that ends while the lease still holds: [`Leases::renew`] leaves it two thirds of its length.
    async fn limited<T, E: From<Fault>>(&self, name: &str, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        kernel::failpoint!("orders", name, "before");
        let answer = Call::current().with_timeout(self.limit()).run(call).await;
        kernel::failpoint!("orders", name, "after");
        answer
    }

    fn limit(&self) -> Duration {
        self.leases.length * 2 / 3
    }

    async fn renew(&self, lease: &mut Lease) -> Result<(), Stop> {
        if self.leases.renew(lease).await? { Ok(()) } else { Err(Stop::Fenced) }
    }

    /// Gives the lease back, to try again later or, after too many failures, when a person says so.
    async fn fail(&self, lease: &Lease, reason: String) {
        let exhausted = lease.attempts + 1 >= self.settings.attempts();
        let (id, attempts) = (lease.order_id, lease.attempts + 1);
        // If this fails too, the lease runs out by itself.
        let waits = self.leases.fail(lease, pause(lease.attempts), reason.clone(), exhausted).await.unwrap_or(false);
        if waits {
            metrics::counter!("stoa_sagas_exhausted_total").increment(1);
            tracing::error!(order.id = %id, attempts, reason, "order needs an operator");
        } else {
            metrics::counter!("stoa_saga_retries_total").increment(1);
            tracing::warn!(order.id = %id, attempts, reason, "order has to wait; trying again");
        }
    }
}

fn authorization(state: &Aggregate) -> Authorization {
    let created = &state.created;
    Authorization {
        order_id: created.id.0,
        payer: created.payer.clone(),
        amount: state.total(),
        choice: created.payment.clone(),
    }
}

fn ordered(state: &Aggregate) -> Vec<OrderedItem> {
    let item = |line: products::StockLine| OrderedItem { sku: line.sku, quantity: line.quantity };
    state.stock().into_iter().map(item).collect()
}
