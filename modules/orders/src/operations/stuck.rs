//! Orders that do not get on: which, and how many.
use std::time::Duration;

use chrono::{DateTime, Utc};
use kernel::{Db, Executor, Fault, Tasks};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{StuckOrder, order::Aggregate};

/// Whoever has failed so often in a row is worth a look: one lost answer, or two, are not.
const REPEATEDLY: i64 = 3;
/// How often they are counted.
const COUNT: Duration = Duration::from_secs(15);

#[derive(sqlx::FromRow)]
struct Row {
    state: Json<Aggregate>,
    needs_operator: bool,
    attempts: i64,
    last_error: Option<String>,
    due_at: DateTime<Utc>,
}

impl From<Row> for StuckOrder {
    fn from(Row { state: Json(state), needs_operator, attempts, last_error, due_at }: Row) -> Self {
        Self {
            order_id: state.created.id,
            number: state.created.number,
            status: state.status,
            updated_at: state.updated_at,
            needs_operator,
            attempts,
            last_error,
            due_at,
        }
    }
}

/// The oldest after `after`.
pub(crate) async fn list(db: impl Executor<'_>, after: Uuid, limit: i64) -> Result<Vec<StuckOrder>, Fault> {
    let rows: Vec<Row> = db
        .query(
            "SELECT orders.state, needs_operator, attempts, last_error, due_at
               FROM sagas
               JOIN orders ON orders.id = sagas.order_id
              WHERE sagas.order_id > $1 AND (needs_operator OR attempts >= $2)
              ORDER BY sagas.order_id
              LIMIT $3",
        )
        .bind(after)
        .bind(REPEATEDLY)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(StuckOrder::from).collect())
}

/// How many have failed and are tried again, and how many wait for a person.
pub(crate) async fn count(db: impl Executor<'_>) -> Result<(i64, i64), Fault> {
    let query = db.query(
        "SELECT COUNT(*) FILTER (WHERE attempts > 0 AND NOT needs_operator), COUNT(*) FILTER (WHERE needs_operator)
           FROM sagas",
    );
    Ok(query.fetch_one().await?)
}

/// Shows in the metrics how many there are, until the process stops.
pub(crate) fn watch(tasks: &Tasks, db: Db) {
    let step = move || {
        let db = db.clone();
        async move {
            // Where the database does not answer, the last count stands.
            if let Ok((waiting, stuck)) = count(&db).await {
                metrics::gauge!("stoa_sagas_waiting").set(u32::try_from(waiting).unwrap_or(u32::MAX));
                metrics::gauge!("stoa_orders_stuck").set(u32::try_from(stuck).unwrap_or(u32::MAX));
            }
            false
        }
    };
    tasks.repeat(COUNT, step, std::future::pending);
}
