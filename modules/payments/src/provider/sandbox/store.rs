//! The books of the provider `test`: what it was asked for and what it did.
use chrono::{DateTime, Utc};
use kernel::{Db, Executor, Fault, Statement, Tx};
use uuid::Uuid;

use crate::provider::{Hold, Request};

/// A row of `test_charges`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) reference: String,
    pub(super) order_id: Uuid,
    pub(super) method: String,
    pub(super) amount: i64,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) refunded: i64,
    pub(super) asked: i64,
}

/// The charge that was asked for under `key`.
pub(super) async fn find(db: &Db, key: &str) -> Result<Option<Row>, Fault> {
    Ok(db
        .query(
            "SELECT reference, order_id, method, amount, state, reason, refunded, asked
               FROM test_charges
              WHERE key = $1",
        )
        .bind(key)
        .fetch_optional()
        .await?)
}

/// The charge with this name.
pub(super) async fn named(db: &Db, reference: &str) -> Result<Option<Row>, Fault> {
    Ok(select(db, reference).fetch_optional().await?)
}

/// The charge with this name, which nobody else changes until `tx` ends.
pub(super) async fn lock(tx: &mut Tx, reference: &str) -> Result<Option<Row>, Fault> {
    Ok(select(tx, reference).for_update().fetch_optional().await?)
}

fn select<'c>(executor: impl Executor<'c>, reference: &str) -> Statement<'c> {
    executor
        .query(
            "SELECT reference, order_id, method, amount, state, reason, refunded, asked
               FROM test_charges
              WHERE reference = $1",
        )
        .bind(reference.to_owned())
}

/// Makes a charge, or finds the one that was made under the same key.
pub(super) async fn insert(
    db: &Db,
    hold: &Hold,
    state: &'static str,
    reason: Option<&'static str>,
    now: DateTime<Utc>,
) -> Result<Row, Fault> {
    Ok(db
        .query(
            "INSERT INTO test_charges (reference, key, order_id, method, amount, currency, state, reason,
                                       refunded, asked, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 1, $9)
             ON CONFLICT (key) DO UPDATE SET asked = test_charges.asked + 1
             RETURNING reference, order_id, method, amount, state, reason, refunded, asked",
        )
        .bind(format!("test_{}", Uuid::new_v4().simple()))
        .bind(&*hold.key)
        .bind(hold.order_id)
        .bind(&*hold.method)
        .bind(hold.amount.amount)
        .bind(hold.amount.currency.code())
        .bind(state)
        .bind(reason)
        .bind(now)
        .fetch_one()
        .await?)
}

/// What was said before under this key: why it was refused, if it was.
pub(super) async fn repeated(tx: &mut Tx, key: &str) -> Result<Option<Option<String>>, Fault> {
    let known: Option<(Option<String>,)> = tx
        .query("UPDATE test_operations SET asked = asked + 1 WHERE key = $1 RETURNING refused")
        .bind(key)
        .fetch_optional()
        .await?;
    Ok(known.map(|(refused,)| refused))
}

/// Captures or voids what is held, as most often; false where it takes a closer look.
pub(super) async fn advance(tx: &mut Tx, what: &'static str, request: &Request) -> Result<bool, Fault> {
    let state = match what {
        "capture" => "captured",
        "void" => "voided",
        _ => return Ok(false),
    };
    let moved = tx
        .query(
            "UPDATE test_charges
                SET state = $2
              WHERE reference = $1 AND state = 'authorized'
                AND NOT EXISTS (SELECT 1 FROM test_operations WHERE key = $3)",
        )
        .bind(&*request.reference)
        .bind(state)
        .bind(&*request.key)
        .execute()
        .await?;
    Ok(moved == 1)
}

/// Saves how a charge stands.
pub(super) async fn save(tx: &mut Tx, row: &Row) -> Result<(), Fault> {
    tx.query("UPDATE test_charges SET state = $2, refunded = $3 WHERE reference = $1")
        .bind(&*row.reference)
        .bind(&*row.state)
        .bind(row.refunded)
        .execute()
        .await?;
    Ok(())
}

/// Notes what was done, or was refused.
pub(super) async fn note(
    tx: &mut Tx,
    what: &'static str,
    request: &Request,
    refused: Option<&'static str>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    tx.query(
        "INSERT INTO test_operations (key, reference, what, amount, refused, asked, at)
         VALUES ($1, $2, $3, $4, $5, 1, $6)",
    )
    .bind(&*request.key)
    .bind(&*request.reference)
    .bind(what)
    .bind(request.amount.amount)
    .bind(refused)
    .bind(now)
    .execute()
    .await?;
    Ok(())
}

/// Acts as the customer, who is heard once.
pub(super) async fn act(
    db: &Db,
    reference: &str,
    state: &'static str,
    reason: Option<&'static str>,
) -> Result<(), Fault> {
    db.query("UPDATE test_charges SET state = $2, reason = $3 WHERE reference = $1 AND state = 'action_required'")
        .bind(reference)
        .bind(state)
        .bind(reason)
        .execute()
        .await?;
    Ok(())
}
