//! Companies that move money, behind one trait.
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::Money;
use uuid::Uuid;

use crate::{Error, payment::Charge};

mod signature;
mod test;

#[cfg(test)]
pub(crate) use signature::sign;
pub(crate) use test::{NAME as TEST, Test};

/// A company that moves money.
///
/// Every command has an idempotency key: under the same key it is done once, whoever asks and however
/// often, also at the same time. A method may be cancelled at any point; that its future is dropped
/// does not mean that nothing was done.
#[async_trait]
pub(crate) trait Provider: Send + Sync + 'static {
    /// Its word in a payment choice and in its webhook's address.
    fn name(&self) -> &'static str;

    /// Whether it has such a means of payment.
    fn takes(&self, method: &str) -> bool;

    /// Holds an amount without taking it. (Stripe: create and confirm a `PaymentIntent` with
    /// `capture_method=manual` and the order's id in its metadata.)
    async fn authorize(&self, hold: Hold) -> Result<Charge, Unknown>;

    /// Takes all of what is held.
    async fn capture(&self, command: Ask) -> Result<Outcome, Unknown>;

    /// Lets go of what is held, or of a customer's pending action.
    async fn void(&self, command: Ask) -> Result<Outcome, Unknown>;

    /// Pays back `command.amount` of what was taken.
    async fn refund(&self, command: Ask) -> Result<Outcome, Unknown>;

    /// The charge that was asked for under an idempotency key, as it is now. It must see what was done
    /// before it was asked: a search index that lags behind will not do.
    async fn find(&self, key: &str) -> Result<Option<Charge>, Unknown>;

    /// What a webhook says, once its signature proves who says it.
    fn parse_webhook(&self, signature: &str, body: &str, now: DateTime<Utc>) -> Result<Notice, Error>;

    /// Plays the customer who answers an action, and gives the webhook that tells of it. Real providers'
    /// customers play themselves.
    async fn act(&self, _reference: &str, _approve: bool) -> Result<Webhook, Error> {
        Err(Error::PaymentNotFound)
    }
}

/// An amount to hold.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) key: String,
    /// Comes back in webhooks.
    pub(crate) order_id: Uuid,
    pub(crate) method: String,
    pub(crate) amount: Money,
}

/// Something to do with a charge.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) key: String,
    /// The provider's name for the charge.
    pub(crate) reference: String,
    pub(crate) amount: Money,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, now or before under the same key.
    Done,
    /// Not done, and never will be under this key.
    Declined {
        /// A stable word of the provider.
        reason: String,
    },
}

/// The answer never came: whether anything was done is for the next question to find out.
#[derive(Debug, thiserror::Error)]
#[error("the provider did not answer: {0}")]
pub(crate) struct Unknown(pub(crate) String);

impl From<sqlx::Error> for Unknown {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a provider told of its own accord.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Unique at the provider; the same when it is told again.
    pub(crate) event_id: String,
    /// The provider's word for what happened.
    pub(crate) kind: String,
    /// What it says of a charge; none where it is of no interest here.
    pub(crate) news: Option<News>,
}

/// How the charge for an order stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) order_id: Uuid,
    pub(crate) charge: Charge,
}

/// A webhook as it is sent.
pub(crate) struct Webhook {
    pub(crate) signature: String,
    pub(crate) body: String,
}
