//! What providers tell of their own accord. It comes late, twice and in any order.
use std::{future::pending, time::Duration};

use chrono::TimeDelta;
use kernel::{Context, Fault, Violation, Violations, line};

use crate::failpoints::{reach, webhook};
use crate::{
    Error,
    operations::compensate,
    payment::{Answer, Journal, store},
    provider::{Notice, Providers},
};

/// Takes in a webhook: the note that it came and its effect are committed together, so that of many
/// deliveries one has an effect. The provider sends again whatever was not answered with success.
pub(crate) async fn webhook(
    journal: &Journal,
    providers: &Providers,
    name: &str,
    signature: &str,
    body: &str,
) -> Result<(), Error> {
    let Some(provider) = providers.named(name) else {
        return Err(Violation::new("unknown_provider", "is not a payment provider of this shop")
            .at(":provider")
            .into());
    };
    let now = journal.clock.now();
    let notice = provider.parse_webhook(signature, body, now)?;
    check(&notice)?;
    let order_id = notice.news.as_ref().map(|news| news.order_id);
    let mut tx = journal.db.begin().await?;
    if !store::received(&mut tx, name, &notice.event_id, &notice.kind, order_id, now).await? {
        return Ok(());
    }
    let mut heard = None;
    if let Some(news) = notice.news {
        let payment = store::find(&mut tx, news.order_id).await?;
        // An account may serve several shops; what is not of ours is noted and let be.
        if let Some(payment) = payment.filter(|payment| payment.provider == name) {
            heard = Some(journal.apply(&mut tx, &payment, &Answer::Charge(news.charge)).await?);
        }
    }
    reach(webhook::uncommitted);
    tx.commit().await?;
    reach(webhook::committed);
    if let Some((payment, moved)) = heard {
        if moved {
            journal.outbox.wake();
        }
        compensate(journal, providers, &payment).await;
    }
    Ok(())
}

/// How often what no provider sends again is forgotten.
const SWEEP: Duration = Duration::from_hours(1);

/// Forgets, a little at a time, what came longer ago than it is `kept`.
pub(crate) fn sweep(context: &Context, kept: TimeDelta) {
    let (db, clock) = (context.db.clone(), context.clock.clone());
    let step = move || {
        let (db, before) = (db.clone(), clock.now() - kept);
        async move {
            let logged = |fault: &Fault| tracing::warn!(%fault, "cannot forget old webhooks; trying again");
            store::forget_webhooks(&db, before).await.inspect_err(logged).unwrap_or(false)
        }
    };
    context.tasks.repeat(SWEEP, step, pending);
}

/// Even who signs well may send what cannot be kept.
fn check(notice: &Notice) -> Result<(), Violations> {
    let mut checks = Violations::new();
    checks.field("/id", line(&notice.event_id, 1, 255));
    checks.field("/type", line(&notice.kind, 1, 255));
    if let Some(news) = &notice.news {
        checks.field("/reference", line(&news.charge.reference, 1, 255));
    }
    checks.finish(Some(()))
}
