//! The rows of sagas: whose turn it is to drive an order, and when.
//!
//! Times are the database's own: all replicas share its clock. A fence names one lease; each new lease has another,
//! and what is written under an older one is refused by the same transaction that would have written it.
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, Db, Executor, Fault, Tx};
use uuid::Uuid;

use crate::OrderId;

/// The right to drive one order.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) order_id: OrderId,
    pub(crate) fence: Uuid,
    /// Failures since the last decision.
    pub(crate) attempts: i64,
    /// Whether nobody has driven the order before.
    pub(crate) is_first: bool,
    pub(crate) until: DateTime<Utc>,
    pub(crate) renewed: Instant,
}

/// Where leases are taken.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) length: Duration,
}

/// What is left to do of an order, as far as those who wait for it care.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Rest {
    pub(crate) needs_operator: bool,
}

impl Leases {
    /// The time now, on the clock that all replicas share.
    pub(crate) async fn now(&self) -> Result<DateTime<Utc>, Fault> {
        Ok(self.clock.shared(&self.db).await?)
    }

    /// A new lease; it holds once it is written with [`start`].
    pub(crate) async fn new_for(&self, order_id: OrderId, is_first: bool) -> Result<Lease, Fault> {
        let renewed = Instant::now();
        let until = self.now().await? + self.length;
        Ok(Lease { order_id, fence: Uuid::now_v7(), attempts: 0, is_first, until, renewed })
    }

    /// The lease of an order that is due and that nobody drives. If it is lost, so is not that the order was due.
    pub(crate) async fn claim(&self, order_id: OrderId) -> Result<Option<Lease>, Fault> {
        let mut lease = self.new_for(order_id, false).await?;
        let claimed: Option<(i64,)> = self
            .db
            .query(
                "UPDATE sagas
                    SET fence = $2, lease_until = $3, due_at = $3, woken = FALSE
                  WHERE order_id = $1 AND NOT needs_operator
                    AND (woken OR due_at <= $4) AND (lease_until IS NULL OR lease_until <= $4)
                RETURNING attempts",
            )
            .bind(order_id)
            .bind(lease.fence)
            .bind(lease.until)
            .bind(lease.until - self.length)
            .fetch_optional()
            .await?;
        Ok(claimed.map(|(attempts,)| {
            lease.attempts = attempts;
            lease
        }))
    }

    /// The order that has been due for longest, of those that nobody drives.
    pub(crate) async fn due(&self) -> Result<Option<OrderId>, Fault> {
        let due: Option<(OrderId,)> = self
            .db
            .query(
                "SELECT order_id
                   FROM sagas
                  WHERE NOT needs_operator
                    AND (woken OR due_at <= $1) AND (lease_until IS NULL OR lease_until <= $1)
                  ORDER BY due_at
                  LIMIT 1",
            )
            .bind(self.now().await?)
            .fetch_optional()
            .await?;
        Ok(due.map(|(id,)| id))
    }

    /// Makes a lease last longer once a third of it is over; false where it is somebody else's by now.
    pub(crate) async fn renew(&self, lease: &mut Lease) -> Result<bool, Fault> {
        if lease.renewed.elapsed() < self.length / 3 {
            return Ok(true);
        }
        let renewed = Instant::now();
        let until = self.now().await? + self.length;
        let held = self
            .db
            .query("UPDATE sagas SET lease_until = $3 WHERE order_id = $1 AND fence = $2")
            .bind(lease.order_id)
            .bind(lease.fence)
            .bind(until)
            .execute()
            .await?;
        (lease.renewed, lease.until) = (renewed, until);
        Ok(held == 1)
    }

    /// Gives a lease back after a failure: the order is due again after `pause`, or waits for a person; true if it does.
    ///
    /// What was woken meanwhile is tried again all the same: there is news that the failure did not know of.
    pub(crate) async fn fail(
        &self,
        lease: &Lease,
        pause: TimeDelta,
        error: String,
        exhausted: bool,
    ) -> Result<bool, Fault> {
        let waits: Option<(bool,)> = self
            .db
            .query(
                "UPDATE sagas
                    SET due_at = $3, attempts = $4, last_error = $5, needs_operator = ($6 AND NOT woken),
                        lease_until = NULL
                  WHERE order_id = $1 AND fence = $2
                RETURNING needs_operator",
            )
            .bind(lease.order_id)
            .bind(lease.fence)
            .bind(self.now().await? + pause)
            .bind(lease.attempts + 1)
            .bind(error)
            .bind(exhausted)
            .fetch_optional()
            .await?;
        Ok(waits.is_some_and(|(waits,)| waits))
    }
}

/// Writes a new lease, and so takes the order from whoever drives it.
pub(crate) async fn start(tx: &mut Tx, lease: &Lease) -> Result<(), Fault> {
    tx.query(
        "INSERT INTO sagas (order_id, due_at, woken, attempts, lease_until, fence, last_error, needs_operator)
         VALUES ($1, $2, FALSE, 0, $2, $3, NULL, FALSE)
         ON CONFLICT (order_id) DO UPDATE
            SET due_at = excluded.due_at, woken = FALSE, attempts = 0, lease_until = excluded.lease_until,
                fence = excluded.fence, last_error = NULL, needs_operator = FALSE",
    )
    .bind(lease.order_id)
    .bind(lease.until)
    .bind(lease.fence)
    .execute()
    .await?;
    Ok(())
}

/// Forgets past failures as something was achieved; false where the lease is somebody else's by now.
pub(crate) async fn hold(tx: &mut Tx, lease: &Lease) -> Result<bool, Fault> {
    let held = tx
        .query("UPDATE sagas SET attempts = 0, last_error = NULL WHERE order_id = $1 AND fence = $2")
        .bind(lease.order_id)
        .bind(lease.fence)
        .execute()
        .await?;
    Ok(held == 1)
}

/// Gives a lease back until `due_at`, or until something wakes it; false where it is somebody else's by now.
pub(crate) async fn sleep(db: impl Executor<'_>, lease: &Lease, due_at: DateTime<Utc>) -> Result<bool, Fault> {
    let held = db
        .query(
            "UPDATE sagas
                SET due_at = $3, attempts = 0, last_error = NULL, lease_until = NULL
              WHERE order_id = $1 AND fence = $2",
        )
        .bind(lease.order_id)
        .bind(lease.fence)
        .bind(due_at)
        .execute()
        .await?;
    Ok(held == 1)
}

/// Ends a saga: nothing is left to do; false where the lease is somebody else's by now.
pub(crate) async fn end(db: impl Executor<'_>, lease: &Lease) -> Result<bool, Fault> {
    let query = db.query("DELETE FROM sagas WHERE order_id = $1 AND fence = $2");
    Ok(query.bind(lease.order_id).bind(lease.fence).execute().await? == 1)
}

/// Makes an order due at once; one that is being driven, once more after that.
pub(crate) async fn wake(db: impl Executor<'_>, id: OrderId) -> Result<(), Fault> {
    db.query("UPDATE sagas SET woken = TRUE, attempts = 0, needs_operator = FALSE WHERE order_id = $1")
        .bind(id)
        .execute()
        .await?;
    Ok(())
}

/// What is left to do of an order; nothing where its saga has ended.
pub(crate) async fn rest(db: impl Executor<'_>, id: OrderId) -> Result<Option<Rest>, Fault> {
    let query = db.query("SELECT needs_operator FROM sagas WHERE order_id = $1");
    Ok(query.bind(id).fetch_optional().await?)
}
