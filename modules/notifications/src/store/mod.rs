//! What people see of their messages, and what they want to be told.
pub(crate) mod queue;
pub(crate) mod retention;

use chrono::{DateTime, Utc};
use kernel::{Executor, Fault};
use uuid::Uuid;

use crate::{Delivery, DeliveryStatus, Notification, NotificationId, Preferences, domain::DEFAULT};

#[derive(sqlx::FromRow)]
struct Row {
    id: NotificationId,
    kind: String,
    order_id: Option<Uuid>,
    subject: String,
    channel: String,
    status: DeliveryStatus,
    created_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
    recipient: String,
    attempts: i64,
    last_error: Option<String>,
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        let Row { id, kind, order_id, subject, channel, status, created_at, sent_at, .. } = row;
        let notification = Notification { id, kind, order_id, subject, channel, status, created_at, sent_at };
        Self { notification, recipient: row.recipient, attempts: row.attempts, last_error: row.last_error }
    }
}

/// A customer's messages before the one with `before`, the latest first.
pub(crate) async fn list(
    db: impl Executor<'_>,
    customer: Uuid,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Notification>, Fault> {
    let rows: Vec<Row> = db
        .query(
            "SELECT id, kind, order_id, subject, channel, status, created_at, sent_at, recipient, attempts, last_error
               FROM deliveries
              WHERE customer_id = $1 AND id < $2
              ORDER BY id DESC
              LIMIT $3",
        )
        .bind(customer)
        .bind(before)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|row| Delivery::from(row).notification).collect())
}

/// One message.
pub(crate) async fn find(db: impl Executor<'_>, id: NotificationId) -> Result<Option<Delivery>, Fault> {
    let row: Option<Row> = db
        .query(
            "SELECT id, kind, order_id, subject, channel, status, created_at, sent_at, recipient, attempts, last_error
               FROM deliveries
              WHERE id = $1",
        )
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(Delivery::from))
}

/// Everybody's messages before the one with `before`, the latest first.
pub(crate) async fn deliveries(
    db: impl Executor<'_>,
    status: Option<DeliveryStatus>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Delivery>, Fault> {
    let rows: Vec<Row> = db
        .query(
            "SELECT id, kind, order_id, subject, channel, status, created_at, sent_at, recipient, attempts, last_error
               FROM deliveries
              WHERE id < $1 AND ($2 IS NULL OR status = $2)
              ORDER BY id DESC
              LIMIT $3",
        )
        .bind(before)
        .bind(status)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

/// What a customer wants to be told.
pub(crate) async fn preferences(db: impl Executor<'_>, user: Uuid) -> Result<Preferences, Fault> {
    let row: Option<(bool, bool)> = db
        .query("SELECT order_updates, marketing FROM preferences WHERE user_id = $1")
        .bind(user)
        .fetch_optional()
        .await?;
    Ok(row.map_or(DEFAULT, |(order_updates, marketing)| Preferences { order_updates, marketing }))
}

/// Notes what a customer wants to be told.
pub(crate) async fn set_preferences(
    db: impl Executor<'_>,
    user: Uuid,
    preferences: &Preferences,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    db.query(
        "INSERT INTO preferences (user_id, order_updates, marketing, updated_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE
            SET order_updates = excluded.order_updates, marketing = excluded.marketing, updated_at = excluded.updated_at",
    )
    .bind(user)
    .bind(preferences.order_updates)
    .bind(preferences.marketing)
    .bind(now)
    .execute()
    .await?;
    Ok(())
}
