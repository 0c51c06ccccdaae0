//! An order as its events tell it: no I/O, no clock.
use chrono::{DateTime, Utc};
use kernel::{Caller, Money};
use payments::{Action, PaymentStatus};
use products::StockLine;
use serde::{Deserialize, Serialize};

use super::event::{Cancelling, Created, Event, Parcel, Reason, Refund};
use crate::{Error, Order, OrderLine, OrderStatus, PaymentSummary};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Aggregate {
    pub(crate) created: Created,
    pub(crate) status: OrderStatus,
    pub(crate) payment: PaymentStatus,
    pub(crate) action: Option<Action>,
    pub(crate) refunded: Money,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) cancelling: Option<Cancelling>,
    pub(crate) placed_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) version: i64,
}

/// What happened.
impl Aggregate {
    /// The order that begins with `created`.
    pub(crate) fn new(created: Created, at: DateTime<Utc>) -> Self {
        Self {
            status: OrderStatus::Pending,
            payment: PaymentStatus::Pending,
            action: None,
            refunded: Money::zero(created.totals.total.currency),
            refunds: Vec::new(),
            parcels: Vec::new(),
            cancelling: None,
            placed_at: at,
            updated_at: at,
            version: 1,
            created,
        }
    }

    /// The order once `event` has happened to it.
    pub(crate) fn after(mut self, event: &Event, at: DateTime<Utc>) -> Self {
        match event.clone() {
            Event::OrderCreated(created) => return Self::new(*created, at),
            Event::PaymentActionRequired { action } => {
                self.payment = PaymentStatus::ActionRequired;
                self.action = Some(action);
            }
            Event::OrderConfirmed {} => {
                self.status = OrderStatus::Confirmed;
                self.payment = PaymentStatus::Authorized;
                self.action = None;
            }
            Event::PaymentCaptured {} => self.payment = PaymentStatus::Captured,
            Event::OrderCancelling(cancelling) => {
                if let Reason::Declined { .. } = cancelling.reason {
                    self.payment = PaymentStatus::Declined;
                }
                self.status = OrderStatus::Cancelling;
                self.action = None;
                self.cancelling = Some(cancelling);
            }
            Event::OrderCancelled { payment, refunded } => {
                self.status = OrderStatus::Cancelled;
                self.payment = payment;
                self.refunded = refunded;
            }
            Event::OrderShipped(parcel) => {
                self.status = OrderStatus::Shipped;
                self.parcels.push(parcel);
            }
            Event::OrderRefunded(refund) => {
                self.refunded.amount = self.refunded.amount.saturating_add(refund.amount.amount);
                let all = self.refunded.amount >= self.total().amount;
                self.payment = if all { PaymentStatus::Refunded } else { PaymentStatus::PartiallyRefunded };
                self.refunds.push(refund);
            }
            Event::OrderCorrected(correction) => self.created.email = correction.email,
        }
        self.version += 1;
        self.updated_at = at;
        self
    }

    /// The order that a whole history tells of.
    #[cfg(test)]
    pub(crate) fn told_by(history: &[(Event, DateTime<Utc>)]) -> Option<Self> {
        let ((first, at), rest) = history.split_first()?;
        let Event::OrderCreated(created) = first else { return None };
        Some(rest.iter().fold(Self::new((**created).clone(), *at), |order, (event, at)| order.after(event, *at)))
    }
}

/// What it looks like.
impl Aggregate {
    /// What is charged.
    pub(crate) fn total(&self) -> Money {
        self.created.totals.total
    }

    /// What has to be in stock.
    pub(crate) fn stock(&self) -> Vec<StockLine> {
        let line = |line: &OrderLine| StockLine { sku: line.sku.clone(), quantity: line.quantity };
        self.created.lines.iter().map(line).collect()
    }

    /// The order, which for whoever may not see it does not exist.
    pub(crate) fn visible_to(self, caller: &Caller) -> Result<Self, Error> {
        if caller.is_staff() || self.is_of(caller) { Ok(self) } else { Err(Error::OrderNotFound) }
    }

    /// Whether `caller` placed it.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        self.created.is_of(caller)
    }

    /// Whether nothing happens until its customer acts.
    pub(crate) fn awaits_customer(&self) -> bool {
        self.status == OrderStatus::Pending && self.action.is_some()
    }

    /// Whether stock refused it, and all is given back: its key may be used again once the cart is put right.
    ///
    /// One whose payment was declined keeps its key: somebody was asked for money under it, and said no.
    pub(crate) fn came_to_nothing(&self) -> bool {
        let reason = self.cancelling.as_ref().map(|cancelling| &cancelling.reason);
        self.status == OrderStatus::Cancelled && matches!(reason, Some(Reason::SoldOut { .. }))
    }

    /// Whether it is past the pivot, and nobody has given it up since.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(self.status, OrderStatus::Confirmed | OrderStatus::Shipped)
    }

    /// Whether its money is ours, or was.
    pub(crate) fn is_captured(&self) -> bool {
        matches!(self.payment, PaymentStatus::Captured | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded)
    }

    /// As everybody sees it who may.
    pub(crate) fn view(&self) -> Order {
        let Created { id, number, payer, email, lines, totals, shipping_address, shipping_method, payment, .. } =
            self.created.clone();
        Order {
            id,
            number,
            status: self.status,
            customer_id: payer.account().ok(),
            email,
            lines,
            shipping_address,
            shipping_method,
            payment: PaymentSummary {
                provider: payment.provider,
                status: self.payment,
                amount: totals.total,
                refunded: self.refunded,
                action: self.action.clone(),
            },
            totals,
            shipments: self.parcels.iter().map(|parcel| parcel.shipment.clone()).collect(),
            cancellation: self.cancelling.as_ref().map(|cancelling| cancelling.reason.shown()),
            placed_at: self.placed_at,
            updated_at: self.updated_at,
            version: self.version,
        }
    }

    /// What the one who placed it is told: the order, or why there is none; the same every time.
    pub(crate) fn answer(&self) -> Result<Order, Error> {
        match self.cancelling.as_ref().map(|cancelling| cancelling.reason.clone()) {
            Some(Reason::SoldOut { lines }) => Err(Error::SoldOut { lines }),
            Some(Reason::Declined { reason }) => Err(Error::PaymentDeclined { order_id: self.created.id, reason }),
            _ => Ok(self.view()),
        }
    }

    /// It is not far enough, or too far, for what was asked.
    pub(crate) fn wrong(&self) -> Error {
        let status = match self.status {
            OrderStatus::Pending => "pending",
            OrderStatus::Confirmed => "confirmed",
            OrderStatus::Shipped => "shipped",
            OrderStatus::Cancelling => "cancelling",
            OrderStatus::Cancelled => "cancelled",
        };
        Error::WrongState { state: status.into() }
    }
}
