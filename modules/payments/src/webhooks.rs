//! What providers tell of their own accord. It comes late, twice and in any order.
use kernel::{Violation, Violations, line};

use crate::{
    Error,
    payment::{Answer, store},
    provider::Notice,
    service::Service,
};

impl Service {
    /// Takes in a webhook: the note that it came and its effect are committed together, so that of many
    /// deliveries one has an effect. The provider sends again whatever was not answered with success.
    pub(crate) async fn listen(&self, name: &str, signature: &str, body: &str) -> Result<(), Error> {
        let Some(provider) = self.provider(name) else {
            return Err(Violation::new("unknown_provider", "is not a payment provider of this shop")
                .at(":provider")
                .into());
        };
        let now = self.context.clock.now();
        let notice = provider.parse_webhook(signature, body, now)?;
        vet(&notice)?;
        let mut tx = self.context.db.begin().await?;
        if !store::received(&mut tx, name, &notice, now).await? {
            return Ok(());
        }
        let mut heard = None;
        let mut moved = false;
        if let Some(news) = notice.news {
            let aggregate = store::lock(&mut tx, news.order_id).await?;
            // An account may serve several shops; what is not of ours is noted and let be.
            if let Some(mut aggregate) = aggregate.filter(|aggregate| aggregate.provider == name) {
                moved = self.take_in(&mut tx, &mut aggregate, &Answer::Charge(news.charge)).await?;
                heard = Some(aggregate);
            }
        }
        kernel::failpoint!("payments.webhook.uncommitted");
        tx.commit().await?;
        kernel::failpoint!("payments.webhook.committed");
        if moved {
            self.context.outbox.wake();
        }
        if let Some(aggregate) = heard {
            self.let_go(&aggregate).await;
        }
        Ok(())
    }
}

/// Even who signs well may send what cannot be kept.
fn vet(notice: &Notice) -> Result<(), Violations> {
    let mut checks = Violations::new();
    checks.field("/id", line(&notice.event_id, 1, 255));
    checks.field("/type", line(&notice.kind, 1, 255));
    if let Some(news) = &notice.news {
        checks.field("/reference", line(&news.charge.reference, 1, 255));
    }
    checks.finish(Some(()))
}
