//! The SQL of stock. Every change is one statement that is guarded by its own condition: a level that was
//! read before may be another one by now.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};
use uuid::Uuid;

use crate::{Error, MovementReason, Sku, Stock, StockLine, StockMovement, StockPolicy};

/// A row of `stock`.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(crate) struct Level {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) policy: StockPolicy,
    /// How many lines its ledger has.
    pub(crate) movements: i64,
}

impl Level {
    pub(crate) fn available(self) -> i64 {
        self.on_hand - self.reserved
    }

    /// Refuses to have fewer on hand than are promised, but where that is the policy. More than before is always fine.
    pub(crate) fn admits(self, on_hand: i64) -> Result<(), Error> {
        if on_hand >= self.reserved.min(self.on_hand + 1) || self.policy == StockPolicy::Continue {
            Ok(())
        } else {
            Err(Error::BelowReserved { reserved: self.reserved })
        }
    }

    pub(crate) fn of(self, sku: &Sku) -> Stock {
        let Self { on_hand, reserved, movements: version, .. } = self;
        Stock { sku: sku.clone(), on_hand, reserved, available: self.available(), version }
    }
}

/// Begins a variant's ledger with its first count.
pub(crate) async fn open(
    tx: &mut Tx,
    sku: &Sku,
    on_hand: i64,
    policy: StockPolicy,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    tx.query("INSERT INTO stock (sku, on_hand, reserved, movements, policy) VALUES ($1, $2, 0, 1, $3)")
        .bind(sku.clone())
        .bind(on_hand)
        .bind(policy)
        .execute()
        .await?;
    Ok(record(tx, sku, 1, on_hand, MovementReason::Initial, Cause::default(), at).await?)
}

pub(crate) async fn find(on: impl Executor<'_>, sku: &Sku) -> Result<Option<Level>, Fault> {
    Ok(on
        .query("SELECT on_hand, reserved, policy, movements FROM stock WHERE sku = $1")
        .bind(sku.clone())
        .fetch_optional()
        .await?)
}

/// The same, and nobody else changes it until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, sku: &Sku) -> Result<Option<Level>, Fault> {
    Ok(tx
        .query("SELECT on_hand, reserved, policy, movements FROM stock WHERE sku = $1")
        .bind(sku.clone())
        .for_update()
        .fetch_optional()
        .await?)
}

/// Says what happens when there are none. Of a variant that is oversold no more is sold from then on; what is promised
/// stays so.
pub(crate) async fn set_policy(tx: &mut Tx, sku: &Sku, policy: StockPolicy) -> Result<(), Fault> {
    tx.query(
        "UPDATE stock
            SET policy = $2, oversold = CASE WHEN reserved > on_hand THEN reserved - on_hand ELSE 0 END
          WHERE sku = $1",
    )
    .bind(sku.clone())
    .bind(policy)
    .execute()
    .await?;
    Ok(())
}

/// What a movement comes from: an order, or a request that may be sent again; of a count neither.
#[derive(Debug, Default)]
struct Cause {
    order: Option<Uuid>,
    request: Option<String>,
}

/// Corrects what is on hand, after a count, or by a difference that a request asks for; false where that request has
/// corrected another variant meanwhile, and the transaction is of no more use then.
pub(crate) async fn adjust(
    tx: &mut Tx,
    sku: &Sku,
    delta: i64,
    request: Option<String>,
    at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let (number,): (i64,) = tx
        .query(
            "UPDATE stock
                SET on_hand = on_hand + $2, movements = movements + 1,
                    oversold = CASE WHEN reserved - on_hand - $2 >= oversold THEN oversold
                                    WHEN reserved - on_hand - $2 > 0         THEN reserved - on_hand - $2
                                    ELSE 0 END
              WHERE sku = $1
          RETURNING movements",
        )
        .bind(sku.clone())
        .bind(delta)
        .fetch_one()
        .await?;
    let recorded = record(tx, sku, number, delta, MovementReason::Adjustment, Cause { request, order: None }, at).await;
    match recorded {
        Err(sqlx::Error::Database(cause)) if cause.is_unique_violation() => Ok(false),
        recorded => Ok(recorded.map(|()| true)?),
    }
}

/// What a request has moved, if it has.
pub(crate) async fn moved(tx: &mut Tx, request: &str) -> Result<Option<(Sku, i64)>, Fault> {
    let moved = tx.query("SELECT sku, delta FROM stock_ledger WHERE request = $1").bind(request.to_owned());
    Ok(moved.fetch_optional().await?)
}

/// Promises a line to an order; false where fewer are left.
pub(crate) async fn reserve(tx: &mut Tx, line: &StockLine) -> Result<bool, Fault> {
    let held = tx
        .query(
            "UPDATE stock
                SET reserved = reserved + $2
              WHERE sku = $1
                AND (on_hand - reserved >= $2 OR policy = 'continue')",
        )
        .bind(line.sku.clone())
        .bind(line.quantity)
        .execute()
        .await?;
    Ok(held == 1)
}

/// Takes a promise back.
pub(crate) async fn release(tx: &mut Tx, line: &StockLine) -> Result<(), Fault> {
    tx.query("UPDATE stock SET reserved = reserved - $2 WHERE sku = $1")
        .bind(line.sku.clone())
        .bind(line.quantity)
        .execute()
        .await?;
    Ok(())
}

/// Takes what was promised off the shelf.
pub(crate) async fn commit(tx: &mut Tx, line: &StockLine, order: Uuid, at: DateTime<Utc>) -> Result<(), Fault> {
    let (number,): (i64,) = tx
        .query(
            "UPDATE stock
                SET on_hand = on_hand - $2, reserved = reserved - $2, movements = movements + 1
              WHERE sku = $1
          RETURNING movements",
        )
        .bind(line.sku.clone())
        .bind(line.quantity)
        .fetch_one()
        .await?;
    Ok(record(tx, &line.sku, number, -line.quantity, MovementReason::Sale, order.into(), at).await?)
}

/// Puts what was sold back on the shelf.
pub(crate) async fn restock(tx: &mut Tx, line: &StockLine, order: Uuid, at: DateTime<Utc>) -> Result<(), Fault> {
    let (number,): (i64,) = tx
        .query(
            "UPDATE stock
                SET on_hand = on_hand + $2, movements = movements + 1
              WHERE sku = $1
          RETURNING movements",
        )
        .bind(line.sku.clone())
        .bind(line.quantity)
        .fetch_one()
        .await?;
    Ok(record(tx, &line.sku, number, line.quantity, MovementReason::Return, order.into(), at).await?)
}

/// Adds a line to the ledger; its number was drawn under the lock of the variant's row.
async fn record(
    tx: &mut Tx,
    sku: &Sku,
    number: i64,
    delta: i64,
    reason: MovementReason,
    cause: Cause,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    tx.query(
        "INSERT INTO stock_ledger (sku, number, delta, reason, order_id, request, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(sku.clone())
    .bind(number)
    .bind(delta)
    .bind(reason)
    .bind(cause.order)
    .bind(cause.request)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

impl From<Uuid> for Cause {
    fn from(order: Uuid) -> Self {
        Self { order: Some(order), request: None }
    }
}

/// The movements of a variant with a number below `before`, the latest first.
pub(crate) async fn ledger(
    on: impl Executor<'_>,
    sku: &Sku,
    before: i64,
    limit: i64,
) -> Result<Vec<StockMovement>, Fault> {
    Ok(on
        .query(
            "SELECT number, sku, delta, reason, order_id, at
           FROM stock_ledger
          WHERE sku = $1
            AND number < $2
          ORDER BY number DESC
          LIMIT $3",
        )
        .bind(sku.clone())
        .bind(before)
        .bind(limit)
        .fetch_all()
        .await?)
}
