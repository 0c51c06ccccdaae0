//! What is old enough to be forgotten.
use chrono::{DateTime, Utc};
use kernel::{Db, Executor, Fault};
use uuid::Uuid;

/// How many rows go at a time.
const BITE: i64 = 500;

/// Forgets some of the messages of before `cutoff` that nobody is to send any more, with the addresses in them; true if there
/// may be more.
pub(crate) async fn forget(db: &Db, cutoff: DateTime<Utc>) -> Result<bool, Fault> {
    let forgotten = db
        .query(
            "DELETE FROM deliveries
              WHERE status <> 'queued'
                AND id IN (SELECT id FROM deliveries WHERE id < $1 AND status <> 'queued' ORDER BY id LIMIT $2)",
        )
        .bind(first_of(cutoff))
        .bind(BITE)
        .execute()
        .await?;
    Ok(i64::try_from(forgotten).is_ok_and(|forgotten| forgotten == BITE))
}

/// Forgets where mail goes about some of the orders of before `cutoff` of which no message is left; true if there may be more.
pub(crate) async fn forget_corrections(db: &Db, cutoff: DateTime<Utc>) -> Result<bool, Fault> {
    let forgotten = db
        .query(
            "DELETE FROM corrections
              WHERE order_id IN (SELECT order_id
                                   FROM corrections AS old
                                  WHERE order_id < $1
                                    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.order_id = old.order_id)
                                  ORDER BY order_id
                                  LIMIT $2)",
        )
        .bind(first_of(cutoff))
        .bind(BITE)
        .execute()
        .await?;
    Ok(i64::try_from(forgotten).is_ok_and(|forgotten| forgotten == BITE))
}

/// Before every identifier that was made at `time` or later: UUIDv7 begins with the milliseconds (RFC 9562, section 5.7).
fn first_of(time: DateTime<Utc>) -> Uuid {
    Uuid::from_u128(u128::try_from(time.timestamp_millis()).unwrap_or_default() << 80)
}
