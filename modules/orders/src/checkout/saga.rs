//! The checkout, as a saga that survives its process.
//!
//! Every step is a keyed command that does nothing the second time, so going on after a crash is doing it again from
//! the top. Only decisions are written down. A refusal before the pivot turns the order back; an unknown outcome
//! never does: it is asked again until it is known.
use std::future::Future;

use cart::OrderedItem;
use chrono::TimeDelta;
use kernel::{Call, Failure, Fault, failpoint::Place};
use payments::{Authorization, Payment, PaymentStatus};

use super::{
    Checkout,
    lease::{self, Effect, Lease, Stop},
};
use crate::{
    OrderStatus,
    failpoints::{authorize, capture, close, commit, end, reach, release, reserve, void},
    order::{
        Aggregate,
        event::{Event, Reason},
        journal::Decision,
    },
    refusals::{declined, sold_out},
};

/// Where a step leads.
enum Next {
    /// To the next one.
    On(Aggregate),
    /// Nowhere: nothing is left to do, or the customer has to.
    Rest(Aggregate),
}

/// The longest pause between two attempts, in ms.
const LONGEST_PAUSE: i64 = 60_000;

/// Twice as long after each failure, beginning with 0.1 s; half of it by chance, so that orders that failed together
/// do not all come back together.
fn pause(attempts: i64) -> TimeDelta {
    let most = (100_i64 << attempts.clamp(0, 10)).min(LONGEST_PAUSE);
    TimeDelta::milliseconds(rand::random_range(most / 2..=most))
}

impl Checkout {
    /// Drives an order as far as it goes now; the order if it rests there.
    pub(crate) async fn drive(&self, mut lease: Lease, mut order: Aggregate) -> Option<Aggregate> {
        let rest = loop {
            let next = match order.status {
                OrderStatus::Pending => self.confirm(&mut lease, order).await,
                OrderStatus::Confirmed | OrderStatus::Shipped => self.capture(&mut lease, order).await,
                OrderStatus::Cancelling => self.compensate(&mut lease, order).await,
                OrderStatus::Cancelled => self.end(&lease, order).await,
            };
            match next {
                Ok(Next::On(next)) => (order, lease.attempts) = (next, 0),
                Ok(Next::Rest(order)) => break Some(order),
                Err(Stop::Fenced) => break None,
                Err(Stop::Retry(reason)) => {
                    self.fail(&lease, reason).await;
                    break None;
                }
            }
        };
        self.news.notify_waiters();
        rest
    }

    /// Before the pivot: reserves the stock, authorizes the money, commits the stock, and confirms.
    async fn confirm(&self, lease: &mut Lease, order: Aggregate) -> Result<Next, Stop> {
        let order_id = order.created.id.0;
        // On a first drive no payment has begun yet; on a later one it may have.
        let begun = !lease.is_first;
        if let Err(error) = self
            .step(
                lease,
                "reserve the stock",
                [reserve::before, reserve::after],
                self.products.reserve(order_id, order.stock()),
            )
            .await?
        {
            let reason = sold_out(error, &order.stock());
            return self.refuse(lease, order, reason, begun).await;
        }
        let payment = match self
            .step(
                lease,
                "authorize the payment",
                [authorize::before, authorize::after],
                self.payments.authorize(authorization(&order)),
            )
            .await?
        {
            Ok(payment) => payment,
            Err(error) => {
                // The provider's own no is final: there is nothing to undo.
                let undo = !matches!(error, payments::Error::Declined { .. });
                return self.refuse(lease, order, declined(&error), undo).await;
            }
        };
        match payment.status {
            PaymentStatus::Authorized | PaymentStatus::Captured => {}
            PaymentStatus::ActionRequired => return self.await_customer(lease, order, payment).await,
            PaymentStatus::Pending => return Err(Stop::Retry("the payment's outcome is not known yet".into())),
            PaymentStatus::Declined => {
                let reason = Reason::Declined { reason: payment.reason.unwrap_or_else(|| "declined".into()) };
                return self.refuse(lease, order, reason, false).await;
            }
            PaymentStatus::Voided | PaymentStatus::Refunded | PaymentStatus::PartiallyRefunded => {
                let reason = Reason::Declined { reason: "cancelled".into() };
                return self.refuse(lease, order, reason, true).await;
            }
        }
        // Before the pivot, while there is a way back: a reservation that has run out cannot oversell.
        if let Err(error) = self
            .step(lease, "commit the stock", [commit::before, commit::after], self.products.commit(order_id))
            .await?
        {
            let reason = sold_out(error, &order.stock());
            return self.refuse(lease, order, reason, true).await;
        }
        self.decide(order, Effect::Keep(lease), Aggregate::confirm).await.map(on)
    }

    /// Rests until the customer has done what the payment asks for; gives up where that takes too long.
    async fn await_customer(&self, lease: &Lease, order: Aggregate, payment: Payment) -> Result<Next, Stop> {
        let action = payment.action.ok_or_else(|| Stop::Retry("the payment does not say what it asks for".into()))?;
        let left = order.placed_at + self.settings.patience() - self.journal.clock.now();
        if left <= TimeDelta::zero() {
            return self.refuse(lease, order, Reason::PaymentExpired, true).await;
        }
        let due_at = self.leases.now().await? + left;
        let asks = |order: &Aggregate| order.await_customer(action.clone());
        let order = match self.decide(order, Effect::Release(lease, due_at), asks).await? {
            Decision::Recorded(order) => order,
            // It was asked for before.
            Decision::Moot(order) if order.awaits_customer() => {
                lease::release(&self.leases.db, lease, due_at).await?;
                order
            }
            Decision::Moot(order) => return Ok(Next::On(order)),
        };
        // There may have been news in the meantime.
        self.leases.due.notify_one();
        Ok(Next::Rest(order))
    }

    /// Turns back, which only a refusal before the pivot may.
    async fn refuse(&self, lease: &Lease, order: Aggregate, reason: Reason, undo_payment: bool) -> Result<Next, Stop> {
        let refuse = |order: &Aggregate| order.refuse(reason.clone(), undo_payment);
        self.decide(order, Effect::Keep(lease), refuse).await.map(on)
    }

    /// After the pivot: captures the money and closes the cart, however long it takes.
    async fn capture(&self, lease: &mut Lease, order: Aggregate) -> Result<Next, Stop> {
        self.leases.renew(lease).await?;
        let (id, cart_id) = (order.created.id.0, order.created.cart_id);
        let capture = async {
            if order.is_captured() {
                Ok(())
            } else {
                self.limited([capture::before, capture::after], self.payments.capture(id)).await.map(drop)
            }
        };
        let close = self.limited([close::before, close::after], self.carts.close(cart_id, id, ordered(&order)));
        let (captured, closed) = tokio::join!(capture, close);
        captured.map_err(|error| Stop::Retry(format!("cannot capture: {error}")))?;
        let effect = if closed.is_ok() { Effect::End(lease) } else { Effect::Keep(lease) };
        let decision = self.decide(order, effect, Aggregate::capture).await?;
        closed.map_err(|error| Stop::Retry(format!("cannot close the cart: {error}")))?;
        match decision {
            Decision::Recorded(order) => Ok(Next::Rest(order)),
            // Captured before, or cancelled in the meantime.
            Decision::Moot(order) if order.is_captured() => self.end(lease, order).await,
            Decision::Moot(order) => Ok(Next::On(order)),
        }
    }

    /// Compensates: money and stock go back.
    async fn compensate(&self, lease: &mut Lease, order: Aggregate) -> Result<Next, Stop> {
        self.leases.renew(lease).await?;
        let id = order.created.id.0;
        let begun = order.cancelling.as_ref().is_some_and(|cancelling| cancelling.undo_payment);
        let undo = async {
            if begun {
                self.limited([void::before, void::after], self.payments.void(id)).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (payment, released) =
            tokio::join!(undo, self.limited([release::before, release::after], self.products.release(id)));
        let payment = payment.map_err(|error| Stop::Retry(format!("cannot give the money back: {error}")))?;
        released.map_err(|error| Stop::Retry(format!("cannot give the stock back: {error}")))?;
        let compensate = |order: &Aggregate| order.compensate(payment.as_ref());
        Ok(match self.decide(order, Effect::End(lease), compensate).await? {
            Decision::Recorded(order) => Next::Rest(order),
            Decision::Moot(order) => Next::On(order),
        })
    }

    /// Nothing is left to do.
    async fn end(&self, lease: &Lease, order: Aggregate) -> Result<Next, Stop> {
        reach(end::before);
        lease::end(&self.leases.db, lease).await?;
        reach(end::after);
        Ok(Next::Rest(order))
    }

    async fn decide(
        &self,
        order: Aggregate,
        effect: Effect<'_>,
        decide: impl Fn(&Aggregate) -> Option<Event>,
    ) -> Result<Decision, Stop> {
        self.journal.decide(order, effect, |order| Ok(decide(order))).await
    }

    /// One step, named for who looks at an order that does not get on: its answer, a refusal included. A fault says
    /// nothing about what happened, so it is no answer.
    async fn step<T, E: Failure + From<Fault>>(
        &self,
        lease: &mut Lease,
        what: &'static str,
        places: [impl Place; 2],
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, Stop> {
        self.leases.renew(lease).await?;
        let answer = self.limited(places, call).await;
        match answer.as_ref().err().and_then(Failure::fault) {
            Some(fault) => Err(Stop::Retry(format!("cannot {what}: {fault}"))),
            None => Ok(answer),
        }
    }

    /// A call that ends while the lease still holds: `Leases::step` is what a renewal leaves.
    async fn limited<T, E: From<Fault>>(
        &self,
        [before, after]: [impl Place; 2],
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        reach(before);
        let answer = Call::current().with_timeout(self.leases.step()).run(call).await;
        reach(after);
        answer
    }

    /// Gives the lease back, to try again later or, after too many failures, when a person says so.
    async fn fail(&self, lease: &Lease, reason: String) {
        let exhausted = lease.attempts + 1 >= self.settings.attempts();
        let (id, attempts) = (lease.order_id, lease.attempts + 1);
        // If this fails too, the lease runs out by itself.
        let waits = self.leases.fail(lease, pause(lease.attempts), reason.clone(), exhausted).await.unwrap_or(false);
        self.leases.due.notify_one();
        if waits {
            metrics::counter!("stoa_sagas_exhausted_total").increment(1);
            tracing::error!(order.id = %id, attempts, reason, "order needs an operator");
        } else {
            metrics::counter!("stoa_saga_retries_total").increment(1);
            tracing::warn!(order.id = %id, attempts, reason, "order has to wait; trying again");
        }
    }
}

fn authorization(order: &Aggregate) -> Authorization {
    let created = &order.created;
    Authorization {
        order_id: created.id.0,
        payer: created.payer.clone(),
        amount: order.total(),
        choice: created.payment.clone(),
    }
}

fn ordered(order: &Aggregate) -> Vec<OrderedItem> {
    let item = |line: products::StockLine| OrderedItem { sku: line.sku, quantity: line.quantity };
    order.stock().into_iter().map(item).collect()
}

/// On from here, whoever decided.
fn on(decision: Decision) -> Next {
    Next::On(decision.order())
}
