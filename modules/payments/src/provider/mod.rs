//! Companies that move money, behind one trait.
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{Call, Context, Fault, Money, StartError, Violation, Violations, failpoint::Place};
use uuid::Uuid;

use crate::failpoints::reach;
use crate::{
    Error, PaymentChoice,
    payment::{Aggregate, Answer, Charge, Command},
    settings::Settings,
};

mod sandbox;
mod signature;

pub(crate) use sandbox::{NAME as TEST, Sandbox};
#[cfg(test)]
pub(crate) use signature::sign;

/// The providers that are set up, and how long they may take.
pub(crate) struct Providers {
    pub(crate) all: Vec<Arc<dyn Provider>>,
    pub(crate) timeout: Duration,
}

impl Providers {
    /// One line each.
    pub(crate) fn new(context: &Context, settings: &Settings) -> Result<Self, StartError> {
        Ok(Self { all: vec![Arc::new(Sandbox::new(context, settings)?)], timeout: settings.provider_timeout() })
    }

    /// The provider with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&dyn Provider> {
        self.all.iter().map(AsRef::as_ref).find(|provider| provider.name() == name)
    }

    /// The provider of a payment, which may have been set up once and be no more.
    pub(crate) fn of(&self, payment: &Aggregate) -> Result<&dyn Provider, Fault> {
        let missing = || Fault::unavailable(format!("the payment provider `{}` is not set up", payment.provider));
        self.named(&payment.provider).ok_or_else(missing)
    }

    /// The provider of a choice, if the choice can be made.
    pub(crate) fn chosen(&self, choice: &PaymentChoice) -> Result<&dyn Provider, Violations> {
        let Some(provider) = self.named(&choice.provider) else {
            return Err(
                Violation::new("unknown_provider", "is not a payment provider of this shop").at("/payment/provider")
            );
        };
        if provider.takes(&choice.method) {
            Ok(provider)
        } else {
            Err(Violation::new("unknown_method", "is not a means of payment of this provider").at("/payment/method"))
        }
    }

    /// Waits for a provider as long as the call may last, with a tenth of it kept for noting the answer.
    pub(crate) async fn timed<T>(
        &self,
        [intended, answered]: [impl Place; 2],
        question: impl Future<Output = Result<T, Unknown>>,
    ) -> Result<T, Unknown> {
        reach(intended);
        let left = Call::current().left().mul_f64(0.9);
        let limit = self.timeout.min(left);
        let late = || Unknown(format!("no answer within {} ms", limit.as_millis()));
        let answer = tokio::time::timeout(limit, question).await.unwrap_or_else(|_| Err(late()));
        reach(answered);
        answer
    }
}

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
    async fn capture(&self, request: Request) -> Result<Outcome, Unknown>;

    /// Lets go of what is held, or of a customer's pending action.
    async fn void(&self, request: Request) -> Result<Outcome, Unknown>;

    /// Pays back `request.amount` of what was taken.
    async fn refund(&self, request: Request) -> Result<Outcome, Unknown>;

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
pub(crate) struct Request {
    pub(crate) key: String,
    /// The provider's name for the charge.
    pub(crate) reference: String,
    pub(crate) amount: Money,
}

impl Request {
    pub(crate) fn new(payment: &Aggregate, command: Command) -> Result<Self, Fault> {
        Ok(Self { key: command.key(payment.order_id), reference: payment.charge()?, amount: payment.amount() })
    }
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

impl Unknown {
    /// The answer that never came, with the reason in the log.
    pub(crate) fn answer(self) -> Answer {
        tracing::warn!(trace_id = %Call::current().trace(), cause = %self, "a payment's outcome is unknown");
        Answer::Unknown
    }
}

impl From<Fault> for Unknown {
    fn from(fault: Fault) -> Self {
        Self(fault.to_string())
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
