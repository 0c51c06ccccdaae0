//! The messages that are to be sent, and what became of them.
use chrono::{DateTime, Utc};
use kernel::{Db, Executor, Fault, Tx};
use orders::Order;
use uuid::Uuid;

use crate::{
    DeliveryStatus, NotificationId,
    channel::Message,
    domain::{ATTEMPTS, Kind},
    email::Email,
};

/// A message to keep.
pub(crate) struct NewDelivery<'a> {
    pub(crate) event_id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) order: &'a Order,
    pub(crate) email: Email,
    /// Until when it is leased to this process; none where it is not to be sent.
    pub(crate) lease: Option<DateTime<Utc>>,
}

/// Keeps a message, leased as if it had been claimed, unless its event was told before or its order confirmed; true if it is
/// to be sent.
pub(crate) async fn enqueue(
    tx: &mut Tx,
    id: NotificationId,
    delivery: NewDelivery<'_>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let NewDelivery { event_id, kind, order, email, lease } = delivery;
    let written = tx
        .query(
        "INSERT INTO deliveries (id, event_id, channel, kind, order_id, customer_id, recipient, subject, text, html,
                                 status, attempts, due_at, created_at)
         VALUES ($1, $2, 'email', $3, $4, $5, COALESCE((SELECT recipient FROM corrections WHERE order_id = $4), $6),
                 $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(event_id)
    .bind(kind.name())
    .bind(order.id)
    .bind(order.customer_id)
    .bind(&*order.email)
    .bind(email.subject)
    .bind(email.text)
    .bind(email.html)
    .bind(if lease.is_some() { DeliveryStatus::Queued } else { DeliveryStatus::Suppressed })
    .bind(i64::from(lease.is_some()))
    .bind(lease.unwrap_or_default())
    .bind(now)
    .execute()
    .await?;
    Ok(written == 1 && lease.is_some())
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

/// Those of the messages that this process has written with these `ids` which are there, and which nobody else sends before
/// `until`. One whose order was corrected by an event of before is left to whoever leases it once it is due.
pub(crate) async fn own(db: &Db, ids: &[NotificationId], until: DateTime<Utc>) -> Result<Vec<Message>, Fault> {
    Ok(db
        .query(
            "SELECT id, subject, text, html, created_at, attempts, recipient
               FROM deliveries
              WHERE status = 'queued' AND attempts = 1 AND due_at >= $1
                AND NOT EXISTS (SELECT 1 FROM corrections AS c
                                 WHERE c.order_id = deliveries.order_id AND c.recipient <> deliveries.recipient)
                AND id IN ($*)",
        )
        .bind(until)
        .bind_list(padded(ids).copied())
        .fetch_all()
        .await?)
}

/// As many as a power of two, the last one several times: a statement of few lengths is prepared a few times.
fn padded<T>(list: &[T]) -> impl Iterator<Item = &T> {
    list.iter().chain(list.last().into_iter().cycle()).take(list.len().next_power_of_two())
}

/// When the next message is due, and how often it was leased.
pub(crate) async fn next(db: &Db) -> Result<Option<(DateTime<Utc>, i64)>, Fault> {
    Ok(db
        .query("SELECT due_at, attempts FROM deliveries WHERE status = 'queued' ORDER BY due_at, id LIMIT 1")
        .fetch_optional()
        .await?)
}

/// Leases up to `limit` messages that are due at `now`, until `until`.
pub(crate) async fn acquire(
    tx: &mut Tx,
    limit: usize,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Message>, Fault> {
    let mut messages: Vec<Message> = tx
        .query(
            "SELECT id, subject, text, html, created_at, attempts,
                    COALESCE((SELECT c.recipient FROM corrections c WHERE c.order_id = deliveries.order_id),
                             recipient) AS recipient
               FROM deliveries
              WHERE status = 'queued' AND due_at <= $1 AND attempts < $3
              ORDER BY due_at, id
              LIMIT $2",
        )
        .bind(now)
        .bind(i64::try_from(limit).map_err(Fault::internal)?)
        .bind(ATTEMPTS)
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
pub(crate) async fn give_up(db: &Db, attempts: i64, now: DateTime<Utc>) -> Result<u64, Fault> {
    Ok(db
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

/// Notes that messages were handed over, whoever has leased them since: they were. One whose address was corrected meanwhile
/// was not: it went elsewhere, and is due again when its lease is over.
pub(crate) async fn set_sent(db: &Db, messages: &[&Message], now: DateTime<Utc>) -> Result<(), Fault> {
    if messages.is_empty() {
        return Ok(());
    }
    db.query(
        "UPDATE deliveries
            SET status = 'sent', sent_at = $1, last_error = NULL
           FROM (VALUES $*) AS handed_over
          WHERE deliveries.id = handed_over.column1 AND deliveries.recipient = handed_over.column2
            AND deliveries.status IN ('queued', 'failed')",
    )
    .bind(now)
    .bind_pairs(padded(messages).map(|message| (message.id, &*message.recipient)))
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
