//! The SQL of notifications.
use chrono::{DateTime, Utc};
use kernel::{Executor, Tx};
use orders::Order;
use uuid::Uuid;

use crate::{
    Delivery, DeliveryStatus, Notification, NotificationId, Preferences,
    channel::Message,
    domain::{DEFAULT, Kind},
    letter::Letter,
};

/// A message to keep.
pub(crate) struct NewDelivery<'a> {
    pub(crate) event_id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) order: &'a Order,
    pub(crate) letter: Letter,
    pub(crate) status: DeliveryStatus,
}

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

/// Keeps a message, unless its event was told before or its order confirmed.
pub(crate) async fn add(tx: &mut Tx, delivery: NewDelivery<'_>, now: DateTime<Utc>) -> sqlx::Result<()> {
    let NewDelivery { event_id, kind, order, letter, status } = delivery;
    tx.query(
        "INSERT INTO deliveries (id, event_id, channel, kind, order_id, customer_id, recipient, subject, text, html,
                                 status, attempts, due_at, created_at)
         VALUES ($1, $2, 'email', $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12)
         ON CONFLICT DO NOTHING",
    )
    .bind(NotificationId::new())
    .bind(event_id)
    .bind(kind.name())
    .bind(order.id)
    .bind(order.customer_id)
    .bind(&*order.email)
    .bind(letter.subject)
    .bind(letter.text)
    .bind(letter.html)
    .bind(status)
    // Not the time now: it is the sender's database that tells whether a message is due.
    .bind(DateTime::UNIX_EPOCH)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

/// Notes where mail about an order goes since it was corrected, and what is not sent yet goes there; an older event does
/// nothing any more.
pub(crate) async fn correct(tx: &mut Tx, order: &Order) -> sqlx::Result<()> {
    tx.query(
        "INSERT INTO corrections (order_id, recipient, version)
         VALUES ($1, $2, $3)
         ON CONFLICT (order_id) DO UPDATE
            SET recipient = excluded.recipient, version = excluded.version
          WHERE corrections.version < excluded.version",
    )
    .bind(order.id)
    .bind(&*order.email)
    .bind(order.version)
    .execute()
    .await?;
    tx.query(
        "UPDATE deliveries
            SET recipient = (SELECT recipient FROM corrections WHERE order_id = $1)
          WHERE order_id = $1 AND status IN ('queued', 'failed')",
    )
    .bind(order.id)
    .execute()
    .await
    .map(drop)
}

/// Queues a message anew that failed, or went to another than `recipient`; false if it is neither.
pub(crate) async fn queue_again(tx: &mut Tx, id: NotificationId, recipient: &str) -> sqlx::Result<bool> {
    let queued = tx
        .query(
            "UPDATE deliveries
                SET status = 'queued', recipient = $2, attempts = 0, due_at = $3, sent_at = NULL, last_error = NULL
              WHERE id = $1 AND (status = 'failed' OR (status = 'sent' AND recipient <> $2))",
        )
        .bind(id)
        .bind(recipient)
        .bind(DateTime::UNIX_EPOCH)
        .execute()
        .await?;
    Ok(queued == 1)
}

/// Claims up to `limit` messages that are due at `now`, until `until`.
pub(crate) async fn claim(
    tx: &mut Tx,
    limit: i64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<Vec<Message>> {
    let mut messages: Vec<Message> = tx
        .query(
            "SELECT id, subject, text, html, created_at, attempts,
                    COALESCE((SELECT c.recipient FROM corrections c WHERE c.order_id = deliveries.order_id),
                             recipient) AS recipient
               FROM deliveries
              WHERE status = 'queued' AND due_at <= $1
              ORDER BY due_at, id
              LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .for_update_skip_locked()
        .fetch_all()
        .await?;
    // The address, too: an event from before a correction may have been handled after it.
    tx.query(
        "UPDATE deliveries
            SET attempts = attempts + 1, due_at = $1,
                recipient = COALESCE((SELECT c.recipient FROM corrections c WHERE c.order_id = deliveries.order_id),
                                     recipient)
          WHERE id IN ($*)",
    )
    .bind(until)
    .bind_list(messages.iter().map(|message| message.id))
    .execute()
    .await?;
    for message in &mut messages {
        message.attempts += 1;
    }
    Ok(messages)
}

/// Gives up messages whose last claim has run out; how many there were.
pub(crate) async fn give_up(tx: &mut Tx, attempts: i64, now: DateTime<Utc>) -> sqlx::Result<u64> {
    tx.query(
        "UPDATE deliveries
            SET status = 'failed', last_error = 'every sender stopped midway'
          WHERE status = 'queued' AND due_at <= $2 AND attempts >= $1",
    )
    .bind(attempts)
    .bind(now)
    .execute()
    .await
}

/// Notes that a message was handed over, whoever claimed it since: it was. One whose address was corrected meanwhile was
/// not: it went elsewhere, and is due again when its claim is over.
pub(crate) async fn set_sent(db: impl Executor<'_>, message: &Message, now: DateTime<Utc>) -> sqlx::Result<()> {
    db.query(
        "UPDATE deliveries
            SET status = 'sent', sent_at = $2, last_error = NULL
          WHERE id = $1 AND recipient = $3 AND status IN ('queued', 'failed')",
    )
    .bind(message.id)
    .bind(now)
    .bind(&*message.recipient)
    .execute()
    .await
    .map(drop)
}

/// Notes that a claim failed, unless somebody else has claimed it since.
pub(crate) async fn set_due(
    db: impl Executor<'_>,
    id: NotificationId,
    claim: i64,
    due_at: DateTime<Utc>,
    reason: &str,
) -> sqlx::Result<()> {
    db.query("UPDATE deliveries SET due_at = $3, last_error = $4 WHERE id = $1 AND attempts = $2 AND status = 'queued'")
        .bind(id)
        .bind(claim)
        .bind(due_at)
        .bind(reason)
        .execute()
        .await
        .map(drop)
}

/// Notes that a message is given up, unless somebody else has claimed it or corrected its address since.
pub(crate) async fn set_failed(db: impl Executor<'_>, message: &Message, reason: &str) -> sqlx::Result<()> {
    db.query(
        "UPDATE deliveries
            SET status = 'failed', last_error = $3
          WHERE id = $1 AND attempts = $2 AND recipient = $4 AND status = 'queued'",
    )
    .bind(message.id)
    .bind(message.attempts)
    .bind(reason)
    .bind(&*message.recipient)
    .execute()
    .await
    .map(drop)
}

/// A customer's messages before the one with `before`, the latest first.
pub(crate) async fn of_customer(
    db: impl Executor<'_>,
    customer: Uuid,
    before: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<Notification>> {
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
pub(crate) async fn find(db: impl Executor<'_>, id: NotificationId) -> sqlx::Result<Option<Delivery>> {
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
pub(crate) async fn list(
    db: impl Executor<'_>,
    status: Option<DeliveryStatus>,
    before: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<Delivery>> {
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
pub(crate) async fn preferences(db: impl Executor<'_>, user: Uuid) -> sqlx::Result<Preferences> {
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
) -> sqlx::Result<()> {
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
    .await
    .map(drop)
}
