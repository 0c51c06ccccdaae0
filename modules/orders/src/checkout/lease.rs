//! The rows of sagas: whose turn it is to drive an order, and when.
//!
//! Times are the database's own: all replicas share its clock. A fence names one lease; each new lease has another,
//! and what is written under an older one is refused by the same transaction that would have written it.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, Db, Executor, Fault, Tx};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{Error, OrderId, order::journal::Guard};

/// Why whoever drives an order stops before the order rests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The lease has expired, and the order is somebody else's.
    Fenced,
    /// Not now: it is tried again.
    Retry(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Retry(fault.to_string())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Retry(error.to_string())
    }
}

/// The right to drive one order.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) order_id: OrderId,
    pub(crate) fence: Uuid,
    /// Failures since the last decision.
    pub(crate) attempts: i64,
    /// Whether the saga's row tells of none.
    pub(crate) is_clean: bool,
    /// Whether nobody has driven the order before.
    pub(crate) is_first: bool,
    pub(crate) until: DateTime<Utc>,
    pub(crate) renewed: Instant,
}

/// A decision that takes the order from whoever drives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seize<'a>(pub(crate) &'a Lease);

/// A decision of who drives the order, if the lease still holds: what it does to the saga.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effect<'a> {
    /// It goes on.
    Keep(&'a Lease),
    /// It rests until then.
    Release(&'a Lease, DateTime<Utc>),
    /// It is over.
    End(&'a Lease),
}

impl Guard for Seize<'_> {
    type Refusal = Error;

    async fn pass(self, tx: &mut Tx) -> Result<(), Error> {
        Ok(seize(tx, self.0).await?)
    }
}

impl Guard for Effect<'_> {
    type Refusal = Stop;

    /// Of a lease that is only kept nothing is written, so its fence is looked at with the order's version; the others look
    /// at it as they write to the saga. It is not locked: whoever takes the saga over in the same moment finds that the order
    /// has moved on, at the latest with their own decision.
    fn fence(self) -> Option<Uuid> {
        if let Self::Keep(lease) = self { Some(lease.fence) } else { None }
    }

    fn fenced() -> Stop {
        Stop::Fenced
    }

    async fn pass(self, tx: &mut Tx) -> Result<(), Stop> {
        match self {
            Self::Keep(lease) if lease.is_clean => Ok(()),
            Self::Keep(lease) => keep(tx, lease).await,
            Self::Release(lease, until) => release(tx, lease, until).await,
            Self::End(lease) => end(tx, lease).await,
        }
    }
}

/// Where leases are acquired.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) length: Duration,
    /// Told when an order has become due, or will be soon.
    pub(crate) due: Arc<Notify>,
}

impl Leases {
    /// The time now, on the clock that all replicas share.
    pub(crate) async fn now(&self) -> Result<DateTime<Utc>, Fault> {
        Ok(self.clock.shared(&self.db).await?)
    }

    /// A new lease; it holds once it is written with [`Seize`].
    pub(crate) async fn issue(&self, order_id: OrderId, is_first: bool) -> Result<Lease, Fault> {
        let renewed = Instant::now();
        let until = self.now().await? + self.length;
        Ok(Lease { order_id, fence: Uuid::now_v7(), attempts: 0, is_clean: true, is_first, until, renewed })
    }

    /// The lease of an order that is due and that nobody drives. If it is lost, so is not that the order was due.
    pub(crate) async fn acquire(&self, order_id: OrderId) -> Result<Option<Lease>, Fault> {
        let mut lease = self.issue(order_id, false).await?;
        let acquired: Option<(i64, bool)> = self
            .db
            .query(
                "UPDATE sagas
                    SET fence = $2, lease_until = $3, due_at = $3, woken = FALSE
                  WHERE order_id = $1 AND NOT needs_operator
                    AND (woken OR due_at <= $4) AND (lease_until IS NULL OR lease_until <= $4)
                RETURNING attempts, last_error IS NULL",
            )
            .bind(order_id)
            .bind(lease.fence)
            .bind(lease.until)
            .bind(lease.until - self.length)
            .fetch_optional()
            .await?;
        Ok(acquired.map(|(attempts, is_clean)| {
            (lease.attempts, lease.is_clean) = (attempts, attempts == 0 && is_clean);
            lease
        }))
    }

    /// The order that is due first, and in how long: one whose time has come has been due for longest.
    ///
    /// One that somebody drives is due when the lease runs out, which it does where that process has died.
    pub(crate) async fn next(&self) -> Result<Option<(OrderId, TimeDelta)>, Fault> {
        let now = self.now().await?;
        let next: Option<(OrderId, DateTime<Utc>)> = self
            .db
            .query(
                "SELECT order_id,
                        CASE WHEN lease_until IS NOT NULL AND (woken OR due_at < lease_until) THEN lease_until
                             WHEN woken AND due_at > $1                                       THEN $1
                             ELSE due_at END AS time
                   FROM sagas
                  WHERE NOT needs_operator
                  ORDER BY time
                  LIMIT 1",
            )
            .bind(now)
            .fetch_optional()
            .await?;
        Ok(next.map(|(id, time)| (id, time - now)))
    }

    /// Makes an order due at once; one that is being driven, once more after that.
    pub(crate) async fn wake(&self, id: OrderId) -> Result<(), Fault> {
        wake(&self.db, id).await?;
        self.due.notify_one();
        Ok(())
    }

    /// Whether a lease that was renewed so long ago has to be renewed before another step.
    pub(super) fn is_renewed_after(&self, age: Duration) -> bool {
        age >= self.length / 3
    }

    /// What a step may take: what is left of a lease that just need not be renewed.
    pub(super) fn step(&self) -> Duration {
        self.length * 2 / 3
    }

    /// Makes a lease last longer once a third of it is over.
    pub(crate) async fn renew(&self, lease: &mut Lease) -> Result<(), Stop> {
        if !self.is_renewed_after(lease.renewed.elapsed()) {
            return Ok(());
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
            .await;
        fenced(held)?;
        (lease.renewed, lease.until) = (renewed, until);
        Ok(())
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
async fn seize(tx: &mut Tx, lease: &Lease) -> Result<(), Fault> {
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

/// Forgets past failures as something was achieved.
async fn keep(tx: &mut Tx, lease: &Lease) -> Result<(), Stop> {
    let held = tx
        .query("UPDATE sagas SET attempts = 0, last_error = NULL WHERE order_id = $1 AND fence = $2")
        .bind(lease.order_id)
        .bind(lease.fence)
        .execute()
        .await;
    fenced(held)
}

/// Gives a lease back until `due_at`, or until something wakes it.
pub(crate) async fn release(db: impl Executor<'_>, lease: &Lease, due_at: DateTime<Utc>) -> Result<(), Stop> {
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
        .await;
    fenced(held)
}

/// Ends a saga: nothing is left to do.
pub(crate) async fn end(db: impl Executor<'_>, lease: &Lease) -> Result<(), Stop> {
    let query = db.query("DELETE FROM sagas WHERE order_id = $1 AND fence = $2");
    fenced(query.bind(lease.order_id).bind(lease.fence).execute().await)
}

/// Whether a statement that looked at the fence found its row.
fn fenced(held: sqlx::Result<u64>) -> Result<(), Stop> {
    if held.map_err(Fault::from)? == 1 { Ok(()) } else { Err(Stop::Fenced) }
}

/// Makes an order due at once, or once more after whoever drives it; true where nobody does.
pub(crate) async fn wake(db: impl Executor<'_>, id: OrderId) -> Result<bool, Fault> {
    let woken: Option<(bool,)> = db
        .query(
            "UPDATE sagas
                SET woken = TRUE, attempts = 0, needs_operator = FALSE
              WHERE order_id = $1
            RETURNING lease_until IS NULL",
        )
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(woken.is_some_and(|(idle,)| idle))
}
