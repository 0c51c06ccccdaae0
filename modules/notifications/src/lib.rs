#![doc = include_str!("../README.md")]
mod api;
mod channel;
mod domain;
mod email;
mod error;
mod outgoing;
mod resend;
mod routes;
mod sender;
mod service;
mod settings;
mod store;
mod subscriber;
#[cfg(test)]
mod tests;

use std::{future::pending, sync::Arc, time::Duration};

use chrono::TimeDelta;
use kernel::{Context, Fault, StartError};
use orders::Orders;
use outgoing::Outgoing;
use settings::Settings;
use store::retention;
use utoipa_axum::router::OpenApiRouter;

pub use api::*;
pub use error::Error;

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "notifications": send => { claimed, handed_over, noted } mail => { unfinished } }
}

/// How often what is old is forgotten.
const SWEEP: Duration = Duration::from_hours(1);

/// Forgets what is older than `kept`, a little at a time.
fn sweep(context: &Context, kept: TimeDelta) {
    let (db, clock) = (context.db.clone(), context.clock.clone());
    let step = move || {
        let (db, cutoff) = (db.clone(), clock.now() - kept);
        async move {
            let forgotten = async {
                let messages = retention::forget(&db, cutoff).await?;
                Ok::<_, Fault>(retention::forget_corrections(&db, cutoff).await? || messages)
            };
            let logged = |fault: &Fault| tracing::warn!(%fault, "cannot forget old messages; trying again");
            forgotten.await.inspect_err(logged).unwrap_or(false)
        }
    };
    context.tasks.repeat(SWEEP, step, pending);
}

/// Tells customers what happened.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Notifications;
    type Deps = Arc<dyn Orders>;
    const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/notifications");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    async fn start(context: Context, orders: Self::Deps) -> Result<Arc<dyn Notifications>, StartError> {
        let settings = context.config::<Settings>()?.checked()?;
        let mailbox = channel::Mailbox::open(context.data_dir.join("mailbox"), settings.sender()?).await?;
        let outgoing = Arc::new(Outgoing::default());
        sender::Sender::new(&context, Arc::new(mailbox), Arc::clone(&outgoing)).run(&context.tasks);
        if let Some(kept) = settings.kept() {
            sweep(&context, kept);
        }
        let templates = email::Templates::new(settings.shop)?;
        let service = Arc::new(service::Service::new(&context, Arc::clone(&orders), Arc::clone(&outgoing)));
        let subscriber = subscriber::OrderSubscriber::new(&context, templates, outgoing);
        context.subscribe(&orders, Arc::new(subscriber));
        Ok(service)
    }

    fn routes(api: Arc<dyn Notifications>) -> OpenApiRouter {
        routes::routes(api)
    }
}
