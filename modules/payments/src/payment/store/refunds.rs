//! Where refunds are kept, and what they are promised of a payment.
use chrono::{DateTime, Utc};
use kernel::{Db, Executor, Fault, Tx};
use uuid::Uuid;

use crate::payment::Aggregate;

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum Status {
    /// Promised; whether the provider has paid is not known.
    Pending,
    Done,
    /// The provider said no, and the promise was taken back.
    Declined,
}

/// A refund as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Refund {
    pub(crate) key: String,
    /// In minor units of the payment's currency.
    pub(crate) amount: i64,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
}

/// The refund of an order under `key`.
pub(crate) async fn find(executor: impl Executor<'_>, order_id: Uuid, key: &str) -> Result<Option<Refund>, Fault> {
    Ok(executor
        .query("SELECT key, amount, status, reason FROM refunds WHERE order_id = $1 AND key = $2")
        .bind(order_id)
        .bind(key)
        .fetch_optional()
        .await?)
}

/// The oldest refund of an order whose outcome is not known.
pub(crate) async fn first_pending(tx: &mut Tx, order_id: Uuid) -> Result<Option<Refund>, Fault> {
    Ok(tx
        .query(
            "SELECT key, amount, status, reason
               FROM refunds
              WHERE order_id = $1 AND status = 'pending'
              ORDER BY created_at, key
              LIMIT 1",
        )
        .bind(order_id)
        .fetch_optional()
        .await?)
}

/// How many refunds of an order have keys that begin with `prefix`.
pub(crate) async fn count(tx: &mut Tx, order_id: Uuid, prefix: &'static str) -> Result<i64, Fault> {
    let (count,): (i64,) = tx
        .query("SELECT COUNT(*) FROM refunds WHERE order_id = $1 AND key LIKE $2 || '%'")
        .bind(order_id)
        .bind(prefix)
        .fetch_one()
        .await?;
    Ok(count)
}

/// Promises `amount` of what is left; false where less is left. The condition and the change are one
/// statement, and the table's CHECK stands behind it.
pub(crate) async fn promise(tx: &mut Tx, order_id: Uuid, amount: i64) -> Result<bool, Fault> {
    let promised = tx
        .query(
            "UPDATE payments
                SET refunding = refunding + $2
              WHERE order_id = $1 AND amount - refunded - refunding >= $2",
        )
        .bind(order_id)
        .bind(amount)
        .execute()
        .await?;
    Ok(promised == 1)
}

/// Keeps a refund, which is looked at again at `due`, by the database's clock.
pub(crate) async fn insert(
    tx: &mut Tx,
    order_id: Uuid,
    refund: &Refund,
    due: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    tx.query(
        "INSERT INTO refunds (order_id, key, amount, status, due_at, tries, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $6)",
    )
    .bind(order_id)
    .bind(&*refund.key)
    .bind(refund.amount)
    .bind(refund.status)
    .bind(due)
    .bind(now)
    .execute()
    .await?;
    Ok(())
}

/// Ends a refund; false where it had ended before.
pub(crate) async fn end(
    tx: &mut Tx,
    order_id: Uuid,
    key: &str,
    status: Status,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let ended = tx
        .query(
            "UPDATE refunds
                SET status = $3, reason = $4, updated_at = $5
              WHERE order_id = $1 AND key = $2 AND status = 'pending'",
        )
        .bind(order_id)
        .bind(key)
        .bind(status)
        .bind(reason.map(ToOwned::to_owned))
        .bind(now)
        .execute()
        .await?;
    Ok(ended == 1)
}

/// Saves what a refund that ended has changed of its payment, which was locked in `tx`.
pub(crate) async fn save(tx: &mut Tx, payment: &Aggregate) -> Result<(), Fault> {
    tx.query(
        "UPDATE payments
            SET refunded = $2, refunding = $3, status = $4, updated_at = $5
          WHERE order_id = $1",
    )
    .bind(payment.order_id)
    .bind(payment.refunded)
    .bind(payment.refunding)
    .bind(payment.status)
    .bind(payment.updated_at)
    .execute()
    .await?;
    Ok(())
}

/// Leases a due refund to this replica until `until`; false where another has, or it has ended.
pub(crate) async fn acquire(
    db: &Db,
    order_id: Uuid,
    key: &str,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, Fault> {
    let acquired = db
        .query(
            "UPDATE refunds
                SET due_at = $4, tries = tries + 1
              WHERE order_id = $1 AND key = $2 AND status = 'pending' AND due_at <= $3",
        )
        .bind(order_id)
        .bind(key)
        .bind(now)
        .bind(until)
        .execute()
        .await?;
    Ok(acquired == 1)
}
