//! Payments in this process: what all of its parts share, and the trait.
use std::{future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use kernel::{Call, Caller, CloudEvent, Context, Fault, Money, Tx, Violation, Violations};
use uuid::Uuid;

use crate::{
    Authorization, Config, Error, Payment, PaymentChanged, PaymentChoice, Payments, RefundNote,
    payment::{Aggregate, Answer, store},
    provider::{Provider, Unknown},
};

pub(crate) struct Service {
    pub(crate) context: Context,
    pub(crate) config: Config,
    providers: Vec<Arc<dyn Provider>>,
}

impl Service {
    pub(crate) fn new(context: Context, config: Config, providers: Vec<Arc<dyn Provider>>) -> Self {
        Self { context, config, providers }
    }

    pub(crate) fn provider(&self, name: &str) -> Option<&dyn Provider> {
        self.providers.iter().map(AsRef::as_ref).find(|provider| provider.name() == name)
    }

    /// The provider of a payment, which may have been set up once and be no more.
    pub(crate) fn provider_of(&self, aggregate: &Aggregate) -> Result<&dyn Provider, Fault> {
        let missing = || Fault::unavailable(format!("the payment provider `{}` is not set up", aggregate.provider));
        self.provider(&aggregate.provider).ok_or_else(missing)
    }

    /// Waits for a provider as long as the call may last, with a tenth of it kept for noting the answer.
    pub(crate) async fn timed<T>(
        &self,
        what: &str,
        question: impl Future<Output = Result<T, Unknown>>,
    ) -> Result<T, Unknown> {
        kernel::failpoint!("payments", what, "intended");
        let left = Call::current().left().mul_f64(0.9);
        let limit = self.config.provider_timeout().min(left);
        let late = || Unknown(format!("no answer within {} ms", limit.as_millis()));
        let answer = tokio::time::timeout(limit, question).await.unwrap_or_else(|_| Err(late()));
        kernel::failpoint!("payments", what, "answered");
        answer
    }

    /// The clock that all replicas share: what one of them is to look at later must not be late by
    /// the difference of two machines' clocks.
    pub(crate) async fn database_time(&self) -> Result<DateTime<Utc>, Fault> {
        Ok(self.context.clock.shared(&self.context.db).await?)
    }

    /// Records what came back, and tells of it where that moved the payment.
    pub(crate) async fn record(&self, order_id: Uuid, attempt: Uuid, answer: &Answer) -> Result<Aggregate, Error> {
        let mut tx = self.context.db.begin().await?;
        let mut aggregate = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        store::answered(&mut tx, attempt, answer.word(), self.context.clock.now()).await?;
        let news = self.take_in(&mut tx, &mut aggregate, answer).await?;
        tx.commit().await?;
        if news {
            self.context.outbox.wake();
        }
        Ok(aggregate)
    }

    /// Lets `aggregate`, which is locked in `tx`, hear an answer; true if there is an event to wake for.
    pub(crate) async fn take_in(&self, tx: &mut Tx, aggregate: &mut Aggregate, answer: &Answer) -> Result<bool, Error> {
        let before = aggregate.clone();
        let moved = aggregate.apply(answer).is_some();
        if moved {
            aggregate.updated_at = self.context.clock.now();
        }
        if *aggregate != before {
            store::save(tx, aggregate).await?;
        }
        if moved {
            self.publish(tx, aggregate, None).await?;
        }
        Ok(moved)
    }

    /// Tells of a payment's new status, in the transaction that changes it.
    pub(crate) async fn publish(
        &self,
        tx: &mut Tx,
        aggregate: &Aggregate,
        refund: Option<RefundNote>,
    ) -> Result<(), Error> {
        let changed = PaymentChanged { payment: aggregate.shown(), refund };
        tracing::info!(order.id = %aggregate.order_id, payment.id = %aggregate.id, status = %aggregate.status, "payment changed");
        Ok(self.context.outbox.add(tx, aggregate.status.kind(), aggregate.order_id, &changed).await?)
    }

    /// The provider of a choice, if the choice can be made.
    pub(crate) fn vet(&self, choice: &PaymentChoice) -> Result<&dyn Provider, Violations> {
        let Some(provider) = self.provider(&choice.provider) else {
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
}

#[kernel::async_trait]
impl Payments for Service {
    async fn check(&self, choice: PaymentChoice) -> Result<(), Error> {
        Ok(self.vet(&choice).map(drop)?)
    }

    async fn authorize(&self, authorization: Authorization) -> Result<Payment, Error> {
        self.hold(authorization).await
    }

    async fn capture(&self, order_id: Uuid) -> Result<Payment, Error> {
        self.take(order_id).await
    }

    async fn cancel(&self, order_id: Uuid) -> Result<Payment, Error> {
        Ok(self.settle(order_id).await?.shown())
    }

    async fn refund(&self, order_id: Uuid, key: String, amount: Money) -> Result<Payment, Error> {
        self.pay_back(order_id, key, amount).await
    }

    async fn get(&self, caller: Caller, order_id: Uuid) -> Result<Payment, Error> {
        let aggregate = store::find(&self.context.db, order_id).await?;
        aggregate
            .filter(|aggregate| aggregate.visible_to(&caller))
            .map(|aggregate| aggregate.shown())
            .ok_or(Error::PaymentNotFound)
    }

    async fn webhook(&self, provider: String, signature: String, body: String) -> Result<(), Error> {
        self.listen(&provider, &signature, &body).await
    }

    async fn act(&self, provider: String, reference: String, approve: bool) -> Result<(), Error> {
        let customer = self.provider(&provider).ok_or(Error::PaymentNotFound)?;
        let told = customer.act(&reference, approve).await?;
        self.listen(&provider, &told.signature, &told.body).await
    }

    async fn events(&self, after: i64, limit: i64, wait_ms: i64) -> Result<Vec<CloudEvent>, Error> {
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
        Ok(self.context.outbox.read(after, limit, wait).await?)
    }
}
