//! The SQL of reservations.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};
use uuid::Uuid;

use crate::{Sku, StockLine};

/// How far a reservation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum State {
    /// The stock is kept, until its time is over.
    Reserved,
    /// The stock has left the shelf.
    Committed,
    /// Its time was over; the stock is anybody's.
    Expired,
    /// The order gave up; it cannot reserve again.
    Released,
}

/// Notes a new order; false where it is known already.
pub(crate) async fn create(tx: &mut Tx, order: Uuid, state: State, expires_at: DateTime<Utc>) -> Result<bool, Fault> {
    let created = tx
        .query(
            "INSERT INTO reservations (order_id, state, expires_at)
             VALUES ($1, $2, $3)
             ON CONFLICT (order_id) DO NOTHING",
        )
        .bind(order)
        .bind(state)
        .bind(expires_at)
        .execute()
        .await?;
    Ok(created == 1)
}

/// How far an order's reservation is; nobody else changes it until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, order: Uuid) -> Result<Option<(State, DateTime<Utc>)>, Fault> {
    Ok(tx
        .query("SELECT state, expires_at FROM reservations WHERE order_id = $1")
        .bind(order)
        .for_update()
        .fetch_optional()
        .await?)
}

pub(crate) async fn set(tx: &mut Tx, order: Uuid, state: State, expires_at: DateTime<Utc>) -> Result<(), Fault> {
    tx.query("UPDATE reservations SET state = $2, expires_at = $3 WHERE order_id = $1")
        .bind(order)
        .bind(state)
        .bind(expires_at)
        .execute()
        .await?;
    Ok(())
}

pub(crate) async fn add_lines(tx: &mut Tx, order: Uuid, lines: &[StockLine]) -> Result<(), Fault> {
    tx.query(
        "INSERT INTO reservation_lines (order_id, sku, quantity)
         SELECT $1, column1, column2 FROM (VALUES $*) AS lines",
    )
    .bind(order)
    .bind_pairs(lines.iter().map(|line| (line.sku.clone(), line.quantity)))
    .execute()
    .await?;
    Ok(())
}

/// The lines of an order, in no order.
pub(crate) async fn lines(on: impl Executor<'_>, order: Uuid) -> Result<Vec<StockLine>, Fault> {
    let rows: Vec<(Sku, i64)> =
        on.query("SELECT sku, quantity FROM reservation_lines WHERE order_id = $1").bind(order).fetch_all().await?;
    Ok(rows.into_iter().map(|(sku, quantity)| StockLine { sku, quantity }).collect())
}

/// The orders whose time is over, the longest first.
pub(crate) async fn due(on: impl Executor<'_>, now: DateTime<Utc>, limit: i64) -> Result<Vec<Uuid>, Fault> {
    let rows: Vec<(Uuid,)> = on
        .query(
            "SELECT order_id
               FROM reservations
              WHERE state = 'reserved'
                AND expires_at <= $1
              ORDER BY expires_at
              LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(order,)| order).collect())
}

/// Ends a reservation, if its time is over still.
pub(crate) async fn expire(tx: &mut Tx, order: Uuid, now: DateTime<Utc>) -> Result<bool, Fault> {
    let expired = tx
        .query(
            "UPDATE reservations
                SET state = 'expired'
              WHERE order_id = $1
                AND state = 'reserved'
                AND expires_at <= $2",
        )
        .bind(order)
        .bind(now)
        .execute()
        .await?;
    Ok(expired == 1)
}
