//! Payments behind their trait.
use kernel::{Caller, Context, Money, StartError, async_trait};
use uuid::Uuid;

use crate::{
    Authorization, Error, Payment, PaymentChoice, Payments, operations,
    payment::{Journal, store},
    provider::Providers,
    settings::Settings,
    webhooks,
};

/// Payments.
pub(crate) struct Service {
    pub(crate) journal: Journal,
    pub(crate) providers: Providers,
}

impl Service {
    /// The service, without what reconciles.
    pub(crate) fn new(context: &Context) -> Result<Self, StartError> {
        let settings = context.config::<Settings>()?.checked(context.mode)?;
        let providers = Providers::new(context, &settings)?;
        webhooks::sweep(context, settings.webhooks_kept());
        Ok(Self { journal: Journal::new(context, &settings), providers })
    }
}

#[async_trait]
impl Payments for Service {
    async fn check(&self, choice: PaymentChoice) -> Result<(), Error> {
        Ok(self.providers.chosen(&choice).map(drop)?)
    }

    async fn authorize(&self, authorization: Authorization) -> Result<Payment, Error> {
        operations::authorize(&self.journal, &self.providers, authorization).await
    }

    async fn capture(&self, order_id: Uuid) -> Result<Payment, Error> {
        operations::capture(&self.journal, &self.providers, order_id).await
    }

    async fn void(&self, order_id: Uuid) -> Result<Payment, Error> {
        operations::void(&self.journal, &self.providers, order_id).await
    }

    async fn refund(&self, order_id: Uuid, key: String, amount: Money) -> Result<Payment, Error> {
        operations::refund(&self.journal, &self.providers, order_id, key, amount).await
    }

    async fn get(&self, caller: Caller, order_id: Uuid) -> Result<Payment, Error> {
        let found = store::find(&self.journal.db, order_id).await?;
        found.filter(|payment| payment.visible_to(&caller)).map(|payment| payment.view()).ok_or(Error::PaymentNotFound)
    }

    async fn webhook(&self, provider: String, signature: String, body: String) -> Result<(), Error> {
        webhooks::webhook(&self.journal, &self.providers, &provider, &signature, &body).await
    }

    async fn act(&self, provider: String, reference: String, approve: bool) -> Result<(), Error> {
        let customer = self.providers.named(&provider).ok_or(Error::PaymentNotFound)?;
        let told = customer.act(&reference, approve).await?;
        webhooks::webhook(&self.journal, &self.providers, &provider, &told.signature, &told.body).await
    }
}
