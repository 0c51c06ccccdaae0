//! What can happen to an order.
use cart::CartId;
use kernel::{Caller, Money};
use payments::{Action, PaymentChoice, PaymentStatus};
use products::Shortage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use users::PostalAddress;
use uuid::Uuid;

use crate::{Cancellation, OrderChanged, OrderEvent, OrderId, OrderLine, Shipment, Totals};

/// A line of an order's history. Written once and read for ever: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub(crate) enum Event {
    /// Somebody ordered a cart; all that the order will ever be is fixed.
    OrderCreated(Box<Created>),
    /// The customer has to do something before the payment goes on.
    PaymentActionRequired { action: Action },
    /// Stock is taken and money is held: from here only forward.
    OrderConfirmed {},
    /// The money is ours.
    PaymentCaptured {},
    /// Stock and money are to be given back.
    OrderCancelling(Cancelling),
    /// They have been.
    OrderCancelled { payment: PaymentStatus, refunded: Money },
    /// A parcel left the house.
    OrderShipped(Parcel),
    /// Some of the money was paid back.
    OrderRefunded(Refund),
    /// Mail about it goes elsewhere.
    OrderCorrected(Correction),
}

/// What was ordered, by whom, at which price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Created {
    pub(crate) id: OrderId,
    pub(crate) number: String,
    pub(crate) payer: Caller,
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) cart_id: CartId,
    pub(crate) email: String,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) totals: Totals,
    pub(crate) shipping_address: PostalAddress,
    pub(crate) shipping_method: String,
    pub(crate) payment: PaymentChoice,
}

/// Why an order is given up, and what compensation must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cancelling {
    pub(crate) reason: Reason,
    /// Whether a payment may have begun that nobody has declined.
    pub(crate) undo_payment: bool,
}

/// Why an order is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(crate) enum Reason {
    SoldOut { lines: Vec<Shortage> },
    Declined { reason: String },
    PaymentExpired,
    Customer,
    Staff,
}

/// A shipment, and the key that notes it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) key: String,
    pub(crate) shipment: Shipment,
}

/// An amount that was paid back, and the key that pays it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) key: String,
    pub(crate) amount: Money,
    pub(crate) reason: Option<String>,
}

/// Where mail about an order goes, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Correction {
    pub(crate) email: String,
    /// The account; none for the command line.
    pub(crate) by: Option<Uuid>,
}

impl Created {
    /// Whether `caller` placed it.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        caller.owner().is_some_and(|owner| Some(owner) == self.payer.owner())
    }
}

impl Event {
    /// Its name.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::OrderCreated(_) => "OrderCreated",
            Self::PaymentActionRequired { .. } => "PaymentActionRequired",
            Self::OrderConfirmed {} => "OrderConfirmed",
            Self::PaymentCaptured {} => "PaymentCaptured",
            Self::OrderCancelling(_) => "OrderCancelling",
            Self::OrderCancelled { .. } => "OrderCancelled",
            Self::OrderShipped(_) => "OrderShipped",
            Self::OrderRefunded(_) => "OrderRefunded",
            Self::OrderCorrected(_) => "OrderCorrected",
        }
    }

    /// The key that makes it happen once.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::OrderShipped(Parcel { key, .. }) | Self::OrderRefunded(Refund { key, .. }) => Some(key),
            _ => None,
        }
    }

    /// What the other modules are told, where they are.
    pub(crate) fn published(&self, changed: OrderChanged) -> Option<OrderEvent> {
        match self {
            Self::OrderConfirmed {} => Some(OrderEvent::Confirmed(changed)),
            Self::OrderCancelled { .. } => Some(OrderEvent::Cancelled(changed)),
            Self::OrderShipped(_) => Some(OrderEvent::Shipped(changed)),
            Self::OrderRefunded(_) => Some(OrderEvent::Refunded(changed)),
            Self::OrderCorrected(_) => Some(OrderEvent::Corrected(changed)),
            Self::OrderCreated(_)
            | Self::PaymentActionRequired { .. }
            | Self::PaymentCaptured {}
            | Self::OrderCancelling(_) => None,
        }
    }

    /// What the order's owner may see of it; staff also see why money was paid back.
    pub(crate) fn shown(&self, to_staff: bool) -> Value {
        match self {
            Self::OrderCreated(order) => json!({
                "number": order.number,
                "email": order.email,
                "lines": order.lines,
                "totals": order.totals,
                "shipping_address": order.shipping_address,
                "shipping_method": order.shipping_method,
            }),
            Self::OrderCancelling(Cancelling { reason, .. }) => json!(reason.shown()),
            Self::OrderCancelled { payment, refunded } => json!({ "payment": payment, "refunded": refunded }),
            Self::OrderShipped(Parcel { shipment, .. }) => json!(shipment),
            Self::OrderRefunded(Refund { amount, reason, .. }) if to_staff => {
                json!({ "amount": amount, "reason": reason })
            }
            Self::OrderRefunded(Refund { amount, .. }) => json!({ "amount": amount }),
            Self::OrderCorrected(Correction { email, by }) if to_staff => json!({ "email": email, "by": by }),
            Self::OrderCorrected(Correction { email, .. }) => json!({ "email": email }),
            Self::PaymentActionRequired { .. } | Self::OrderConfirmed {} | Self::PaymentCaptured {} => json!({}),
        }
    }
}

impl Reason {
    /// As the order shows it.
    pub(crate) fn shown(&self) -> Cancellation {
        let (reason, detail) = match self {
            Self::SoldOut { .. } => ("sold_out", "there was not enough in stock".into()),
            Self::Declined { reason } => ("declined", format!("the payment was declined: {reason}")),
            Self::PaymentExpired => ("payment_expired", "the payment was not completed in time".into()),
            Self::Customer => ("customer", "cancelled by the customer".into()),
            Self::Staff => ("staff", "cancelled by the shop".into()),
        };
        Cancellation { reason: reason.into(), detail }
    }
}
