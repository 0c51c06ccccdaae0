//! Being told by the database of what other processes publish.
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use super::Outbox;
use crate::{Db, Primary};

/// Until a connection that ended is opened again.
const AGAIN: Duration = Duration::from_secs(1);

impl Outbox {
    /// Listens to the database, on a connection of its own. SQLite has one process, and tells nobody.
    pub(crate) fn listen(&self) {
        let Db::Postgres(primary) = &self.db else { return };
        let (outbox, primary) = (self.clone(), primary.clone());
        let step = move || {
            let (outbox, primary) = (outbox.clone(), primary.clone());
            async move {
                if let Err(error) = outbox.hear(&primary).await {
                    tracing::debug!(module = outbox.module, %error, "cannot listen to the database; it is asked now and then");
                }
                false
            }
        };
        self.tasks.repeat(AGAIN, step, std::future::pending);
    }

    /// Passes on what the database tells, until it does not or is another.
    async fn hear(&self, primary: &Primary) -> sqlx::Result<()> {
        let primary = primary.as_of_now();
        let options = primary.pool().connect_options().as_ref().clone();
        let mut listener =
            PgListener::connect_with(&PgPoolOptions::new().max_connections(1).connect_lazy_with(options)).await?;
        listener.eager_reconnect(false);
        listener.listen(&format!("outbox_{}", self.module)).await?;
        // What was told before nobody heard.
        self.forget().await;
        let replaced = primary.replaced();
        tokio::pin!(replaced);
        loop {
            tokio::select! {
                told = listener.try_recv() => match told? {
                    Some(told) => self.tell(told.payload().parse().unwrap_or_default()),
                    None => return Ok(()),
                },
                () = &mut replaced => return Ok(()),
                () = self.tasks.stopping() => return Ok(()),
            }
        }
    }
}
