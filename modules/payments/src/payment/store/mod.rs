//! Where payments, attempts and webhook events are kept.
pub(crate) mod refunds;

use chrono::{DateTime, Utc};
use kernel::{Db, Executor, Fault, Statement, Tx};
use uuid::Uuid;

use super::{Aggregate, Attempt};

/// What a payment is read from.
macro_rules! columns {
    () => {
        "id, order_id, owner, provider, method, status, given_up, open, due_at, tries, reference, currency,
         amount, refunded, refunding, reason, action_url, created_at, updated_at"
    };
}

/// Keeps a new payment; false where the order has one already.
pub(crate) async fn insert(executor: impl Executor<'_>, payment: &Aggregate) -> Result<bool, Fault> {
    let inserted = executor
        .query(
            "INSERT INTO payments (id, order_id, owner, provider, method, status, given_up, open, due_at, tries,
                                   reference, currency, amount, refunded, refunding, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
             ON CONFLICT (order_id) DO NOTHING",
        )
        .bind(payment.id)
        .bind(payment.order_id)
        .bind(payment.owner.clone())
        .bind(&*payment.provider)
        .bind(&*payment.method)
        .bind(payment.status)
        .bind(payment.given_up)
        .bind(payment.open)
        .bind(payment.due_at)
        .bind(payment.tries)
        .bind(payment.reference.clone())
        .bind(payment.currency.code())
        .bind(payment.amount)
        .bind(payment.refunded)
        .bind(payment.refunding)
        .bind(payment.created_at)
        .bind(payment.updated_at)
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// The payment of an order.
pub(crate) async fn find(executor: impl Executor<'_>, order_id: Uuid) -> Result<Option<Aggregate>, Fault> {
    Ok(select(executor, order_id).fetch_optional().await?)
}

/// The payment of an order, which nobody else changes until `tx` ends.
pub(crate) async fn lock(tx: &mut Tx, order_id: Uuid) -> Result<Option<Aggregate>, Fault> {
    Ok(select(tx, order_id).for_update().fetch_optional().await?)
}

fn select<'c>(executor: impl Executor<'c>, order_id: Uuid) -> Statement<'c> {
    executor.query(concat!("SELECT ", columns!(), " FROM payments WHERE order_id = $1")).bind(order_id)
}

/// Notes that what is held is about to be taken, which is looked at again at `due_at`; none where nothing is held, or where
/// something else was asked that has no answer yet.
pub(crate) async fn capture(db: &Db, order_id: Uuid, due_at: DateTime<Utc>) -> Result<Option<Aggregate>, Fault> {
    Ok(db
        .query(concat!(
            "UPDATE payments
                SET open = 'capture', due_at = $2, tries = 0
              WHERE order_id = $1 AND status = 'authorized' AND NOT given_up AND open IS NULL
             RETURNING ",
            columns!()
        ))
        .bind(order_id)
        .bind(due_at)
        .fetch_optional()
        .await?)
}

/// Keeps `after`, which an answer has made of `before`; none where somebody else has changed what that depends on.
///
/// What refunds have done to it meanwhile is in what is returned.
pub(crate) async fn advance(tx: &mut Tx, before: &Aggregate, after: &Aggregate) -> Result<Option<Aggregate>, Fault> {
    let news = (after.updated_at != before.updated_at).then_some(after.updated_at);
    Ok(tx
        .query(concat!(
            "UPDATE payments
                SET status = $2, open = $3, reference = $4, reason = $5, action_url = $6,
                    updated_at = COALESCE($7, updated_at)
              WHERE order_id = $1 AND status = $8 AND given_up = $9 AND tries = $10
                AND open IS NOT DISTINCT FROM $11 AND reference IS NOT DISTINCT FROM $12
             RETURNING ",
            columns!()
        ))
        .bind(after.order_id)
        .bind(after.status)
        .bind(after.open)
        .bind(after.reference.clone())
        .bind(after.reason.clone())
        .bind(after.action_url.clone())
        .bind(news)
        .bind(before.status)
        .bind(before.given_up)
        .bind(before.tries)
        .bind(before.open)
        .bind(before.reference.clone())
        .fetch_optional()
        .await?)
}

/// Keeps what has changed. `payment` was locked in `tx`; what refunds are promised is theirs to change.
pub(crate) async fn save(tx: &mut Tx, payment: &Aggregate) -> Result<(), Fault> {
    tx.query(
        "UPDATE payments
            SET status = $2, given_up = $3, open = $4, due_at = $5, tries = $6, reference = $7,
                reason = $8, action_url = $9, updated_at = $10
          WHERE order_id = $1",
    )
    .bind(payment.order_id)
    .bind(payment.status)
    .bind(payment.given_up)
    .bind(payment.open)
    .bind(payment.due_at)
    .bind(payment.tries)
    .bind(payment.reference.clone())
    .bind(payment.reason.clone())
    .bind(payment.action_url.clone())
    .bind(payment.updated_at)
    .execute()
    .await?;
    Ok(())
}

/// A payment that waits for an answer, or a refund.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Open {
    pub(crate) order_id: Uuid,
    /// Of a refund.
    pub(crate) key: Option<String>,
    /// How often the answer was asked for.
    pub(crate) tries: i64,
    /// When it is to be asked for again, by the database's clock.
    pub(crate) due_at: DateTime<Utc>,
}

/// What waits for an answer, the first that is due first.
pub(crate) async fn open(db: &Db, limit: i64) -> Result<Vec<Open>, Fault> {
    Ok(db
        .query(
            "SELECT order_id, key, tries, due_at
               FROM (SELECT order_id, NULL AS key, tries, due_at FROM payments WHERE open IS NOT NULL
                     UNION ALL
                     SELECT order_id, key, tries, due_at FROM refunds WHERE status = 'pending') AS open
              ORDER BY due_at
              LIMIT $1",
        )
        .bind(limit)
        .fetch_all()
        .await?)
}

/// Leases a due payment to this replica until `until`; false where another has, or it was answered.
pub(crate) async fn acquire(db: &Db, order_id: Uuid, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<bool, Fault> {
    let acquired = db
        .query(
            "UPDATE payments
                SET due_at = $3, tries = tries + 1
              WHERE order_id = $1 AND open IS NOT NULL AND due_at <= $2",
        )
        .bind(order_id)
        .bind(now)
        .bind(until)
        .execute()
        .await?;
    Ok(acquired == 1)
}

/// Keeps an attempt with what came of it.
pub(crate) async fn answered(
    executor: impl Executor<'_>,
    attempt: &Attempt,
    outcome: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    executor
        .query(
            "INSERT INTO attempts (id, order_id, what, key, outcome, asked_at, answered_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(attempt.id)
        .bind(attempt.order_id)
        .bind(attempt.what)
        .bind(&*attempt.key)
        .bind(outcome)
        .bind(attempt.asked_at)
        .bind(now)
        .execute()
        .await?;
    Ok(())
}

/// Forgets some of the webhook events that came `before`; true if there may be more.
pub(crate) async fn forget_webhooks(db: &Db, before: DateTime<Utc>) -> Result<bool, Fault> {
    const BITE: u64 = 500;
    let forgotten = db
        .query(
            "DELETE FROM webhook_events
              WHERE (provider, event_id) IN (SELECT provider, event_id
                                               FROM webhook_events
                                              WHERE received_at < $1
                                              ORDER BY received_at
                                              LIMIT 500)",
        )
        .bind(before)
        .execute()
        .await?;
    Ok(forgotten == BITE)
}

/// Notes a webhook event; false where it came before.
pub(crate) async fn received(
    tx: &mut Tx,
    provider: &str,
    event_id: &str,
    kind: &str,
    order_id: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = tx
        .query(
            "INSERT INTO webhook_events (provider, event_id, kind, order_id, received_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (provider, event_id) DO NOTHING",
        )
        .bind(provider)
        .bind(event_id)
        .bind(kind)
        .bind(order_id)
        .bind(now)
        .execute()
        .await?;
    Ok(inserted == 1)
}
