//! What was published or handled long ago goes, a little at a time.
use std::time::Duration;

use chrono::TimeDelta;

use crate::{Context, Executor, Fault};

/// How often it is looked for.
const PERIOD: Duration = Duration::from_mins(10);
/// Between two bites: others write as well.
const PAUSE: Duration = Duration::from_millis(100);
/// How many rows go at a time.
const BITE: i64 = 500;

impl Context {
    /// Keeps what was published, and what was handled after it had waited, for `days`, or for ever if that is 0: the host
    /// calls it for each module.
    pub fn keep_events(&self, days: u16) {
        if days == 0 {
            return;
        }
        let context = self.clone();
        let step = move || {
            let context = context.clone();
            async move {
                let more = context.drop_events(days).await;
                let module = context.name;
                let more =
                    more.inspect_err(|fault| tracing::warn!(module, %fault, "cannot drop old events")).unwrap_or(false);
                if more {
                    tokio::time::sleep(PAUSE).await;
                }
                more
            }
        };
        self.tasks.repeat(PERIOD, step, std::future::pending);
    }

    /// Drops some of what is older than `days`; true if there may be more. What is kept has no gap, and the newest event
    /// is kept whatever its age: the broker's copy is compared with it.
    async fn drop_events(&self, days: u16) -> Result<bool, Fault> {
        let before = self.clock.now() - TimeDelta::days(days.into());
        let published = self
            .db
            .query(
                "DELETE FROM outbox
                  WHERE position < (SELECT COALESCE(MIN(CASE WHEN at >= $1 THEN position END), MAX(position))
                                      FROM (SELECT position, at
                                              FROM outbox
                                             WHERE position IS NOT NULL
                                             ORDER BY position
                                             LIMIT $2) AS oldest)",
            )
            .bind(before)
            .bind(BITE + 1)
            .execute()
            .await?;
        let handled = self
            .db
            .query(
                "DELETE FROM inbox
                  WHERE (source, event_id) IN (SELECT source, event_id
                                                 FROM inbox
                                                WHERE state = 'done' AND due_at < $1
                                                LIMIT $2)",
            )
            .bind(before)
            .bind(BITE)
            .execute()
            .await?;
        Ok(published.max(handled) >= BITE.unsigned_abs())
    }
}
