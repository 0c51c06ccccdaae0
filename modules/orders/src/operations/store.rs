//! The rows of orders that do not get on.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{StuckOrder, order::Aggregate};

/// Whoever has failed so often in a row is worth a look: one lost answer, or two, are not.
const REPEATEDLY: i64 = 3;

#[derive(sqlx::FromRow)]
struct Row {
    state: Json<Aggregate>,
    needs_operator: bool,
    attempts: i64,
    last_error: Option<String>,
    due_at: DateTime<Utc>,
}

impl From<Row> for StuckOrder {
    fn from(Row { state: Json(order), needs_operator, attempts, last_error, due_at }: Row) -> Self {
        Self {
            order_id: order.created.id,
            number: order.created.number,
            status: order.status,
            updated_at: order.updated_at,
            needs_operator,
            attempts,
            last_error,
            due_at,
        }
    }
}

/// Orders that do not get on, the oldest after `after`.
pub(crate) async fn stuck(db: impl Executor<'_>, after: Uuid, limit: i64) -> Result<Vec<StuckOrder>, Fault> {
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
