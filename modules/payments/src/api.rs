//! What the other modules see of payments.
use chrono::{DateTime, Utc};
use kernel::{Caller, DomainEvent, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Error, forms};

kernel::id! {
    /// Identifies a payment.
    pub struct PaymentId;
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum PaymentStatus {
    /// The provider was asked, or is about to be; its answer is not known.
    Pending,
    /// The customer has to do something at `action.url`.
    ActionRequired,
    /// The provider holds the amount for us.
    Authorized,
    /// The amount is ours.
    Captured,
    /// The provider said no.
    Declined,
    /// Given up before it was captured; no money moved.
    Voided,
    /// All of it was paid back.
    Refunded,
    /// Some of it was paid back.
    PartiallyRefunded,
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// Its identifier.
    pub id: PaymentId,
    /// What is paid for.
    pub order_id: Uuid,
    /// Who moves the money.
    #[schema(example = "test")]
    pub provider: String,
    /// How far it is.
    pub status: PaymentStatus,
    /// What is to be paid.
    pub amount: Money,
    /// What was paid back of it.
    pub refunded: Money,
    /// Why it was declined: a stable word of the provider.
    pub reason: Option<String>,
    /// What the customer has to do.
    pub action: Option<Action>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Something that the customer has to do before a payment goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Action {
    /// Where.
    pub url: String,
}

/// How a customer means to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentChoice {
    /// The provider.
    #[schema(value_type = forms::Provider, inline)]
    pub provider: String,
    /// The provider's word for the means; of `test`: `ok`, `declined`, `insufficient_funds`,
    /// `action_required`, `slow`, `lost_reply`.
    #[schema(value_type = forms::Means, inline)]
    pub method: String,
}

/// An amount to hold for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The order; it has one payment.
    pub order_id: Uuid,
    /// Who pays, and may look at the payment.
    pub payer: Caller,
    /// The exact total.
    pub amount: Money,
    /// How.
    pub choice: PaymentChoice,
}

/// What happens to payments; the subject is the order's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum PaymentEvent {
    /// The customer has to do something before it goes on.
    #[serde(rename = "payment.action_required")]
    ActionRequired(PaymentChanged),
    /// The amount is held.
    #[serde(rename = "payment.authorized")]
    Authorized(PaymentChanged),
    /// What was held is taken.
    #[serde(rename = "payment.captured")]
    Captured(PaymentChanged),
    /// The provider said no.
    #[serde(rename = "payment.declined")]
    Declined(PaymentChanged),
    /// It was given up before anything was taken.
    #[serde(rename = "payment.voided")]
    Voided(PaymentChanged),
    /// Some of what was taken was paid back, or all of it.
    #[serde(rename = "payment.refunded")]
    Refunded(PaymentChanged),
}

impl PaymentEvent {
    /// What it carries.
    #[must_use]
    pub fn changed(&self) -> &PaymentChanged {
        let (Self::ActionRequired(changed)
        | Self::Authorized(changed)
        | Self::Captured(changed)
        | Self::Declined(changed)
        | Self::Voided(changed)
        | Self::Refunded(changed)) = self;
        changed
    }
}

impl DomainEvent for PaymentEvent {
    type Publisher = dyn Payments;

    fn subject(&self) -> String {
        self.changed().payment.order_id.to_string()
    }
}

/// What an event of payments carries: the payment after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentChanged {
    /// The payment as it is now.
    pub payment: Payment,
    /// What was paid back just now; only of [`PaymentEvent::Refunded`].
    pub refund: Option<RefundNote>,
}

/// One refund that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundNote {
    /// The key that it was asked for under; what `void` pays back has `cancel-1` and so on.
    pub key: String,
    /// How much.
    pub amount: Money,
}

kernel::api! {
    /// Payments of orders, and what payment providers tell.
    ///
    /// `authorize`, `capture`, `void` and `refund` are the shop's own: no public route leads
    /// to them, and who calls them has checked who wants it. Where the provider's answer never came
    /// they fail with [`Fault::Unavailable`](kernel::Fault), and the same call asks again.
    pub trait Payments("payments") publishes PaymentEvent {
        /// Whether this choice can be made at all; nothing is moved.
        read async fn check(&self, choice: PaymentChoice) -> Result<(), Error>;

        /// Holds an amount. The payment is authorised, needs an action, or is still pending where the
        /// provider's answer is not known: ask again. [`Error::Declined`] is final.
        ///
        /// An order has one payment: another amount or choice than the first is invalid input, and one
        /// that was given up is [`Error::Cancelled`].
        idempotent async fn authorize(&self, authorization: Authorization) -> Result<Payment, Error>;

        /// Takes what is held for an order; one that was taken already stays as it is.
        idempotent async fn capture(&self, order_id: Uuid) -> Result<Payment, Error>;

        /// Gives up an order's payment: voids what is held, pays back what was taken.
        ///
        /// One that never began can no longer begin, so a late authorisation finds it voided.
        idempotent async fn void(&self, order_id: Uuid) -> Result<Payment, Error>;

        /// Pays back some of what was taken; `key` makes it happen once, and does not begin with `cancel`.
        idempotent async fn refund(&self, order_id: Uuid, key: String, amount: Money) -> Result<Payment, Error>;

        /// The payment of an order, for the one who pays and for staff.
        read async fn get(&self, caller: Caller, order_id: Uuid) -> Result<Payment, Error>;

        /// Takes what a provider has to tell; `signature` proves that it is the provider.
        idempotent async fn webhook(&self, provider: String, signature: String, body: String) -> Result<(), Error>;

        /// Plays the test provider's customer, who answers a payment that needs an action.
        idempotent async fn act(&self, provider: String, reference: String, approve: bool) -> Result<(), Error>;
    }
}
