//! The messages that are to be sent, and what became of them.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};
use orders::Order;
use uuid::Uuid;

use crate::{DeliveryStatus, NotificationId, channel::Message, domain::Kind, email::Email};

/// A message to keep.
pub(crate) struct NewDelivery<'a> {
    pub(crate) event_id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) order: &'a Order,
    pub(crate) email: Email,
    pub(crate) status: DeliveryStatus,
}

/// Queues a message, unless its event was told before or its order confirmed.
pub(crate) async fn enqueue(tx: &mut Tx, delivery: NewDelivery<'_>, now: DateTime<Utc>) -> Result<(), Fault> {
    let NewDelivery { event_id, kind, order, email, status } = delivery;
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
    .bind(email.subject)
    .bind(email.text)
    .bind(email.html)
    .bind(status)
    // Not the time now: it is the sender's database that tells whether a message is due.
    .bind(DateTime::UNIX_EPOCH)
    .bind(now)
    .execute()
    .await?;
    Ok(())
}

/// Notes where mail about an order goes since it was corrected, and what is not sent yet goes there; an older event does
/// nothing any more.
pub(crate) async fn correct(tx: &mut Tx, order: &Order) -> Result<(), Fault> {
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
    .await?;
    Ok(())
}

/// Queues a message anew that failed, or went to another than `recipient`; false if it is neither.
pub(crate) async fn resend(tx: &mut Tx, id: NotificationId, recipient: &str) -> Result<bool, Fault> {
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

/// Leases up to `limit` messages that are due at `now`, until `until`.
pub(crate) async fn acquire(
    tx: &mut Tx,
    limit: i64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Message>, Fault> {
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

/// Gives up messages whose last lease has run out; how many there were.
pub(crate) async fn give_up(tx: &mut Tx, attempts: i64, now: DateTime<Utc>) -> Result<u64, Fault> {
    Ok(tx
        .query(
            "UPDATE deliveries
                SET status = 'failed', last_error = 'every sender stopped midway'
              WHERE status = 'queued' AND due_at <= $2 AND attempts >= $1",
        )
        .bind(attempts)
        .bind(now)
        .execute()
        .await?)
}

/// Notes that a message was handed over, whoever has leased it since: it was. One whose address was corrected meanwhile was
/// not: it went elsewhere, and is due again when its lease is over.
pub(crate) async fn set_sent(db: impl Executor<'_>, message: &Message, now: DateTime<Utc>) -> Result<(), Fault> {
    db.query(
        "UPDATE deliveries
            SET status = 'sent', sent_at = $2, last_error = NULL
          WHERE id = $1 AND recipient = $3 AND status IN ('queued', 'failed')",
    )
    .bind(message.id)
    .bind(now)
    .bind(&*message.recipient)
    .execute()
    .await?;
    Ok(())
}

/// Notes that an attempt failed, unless somebody else has leased it since.
pub(crate) async fn set_due(
    db: impl Executor<'_>,
    id: NotificationId,
    attempt: i64,
    due_at: DateTime<Utc>,
    reason: &str,
) -> Result<(), Fault> {
    db.query(
        "UPDATE deliveries SET due_at = $3, last_error = $4 WHERE id = $1 AND attempts = $2 AND status = 'queued'",
    )
    .bind(id)
    .bind(attempt)
    .bind(due_at)
    .bind(reason)
    .execute()
    .await?;
    Ok(())
}

/// Notes that a message is given up, unless somebody else has leased it or corrected its address since.
pub(crate) async fn set_failed(db: impl Executor<'_>, message: &Message, reason: &str) -> Result<(), Fault> {
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
    .await?;
    Ok(())
}
