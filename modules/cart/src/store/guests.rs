//! The SQL of guests: those that were given a token.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};
use uuid::Uuid;

/// Notes that a guest's token is good.
pub(crate) async fn create(tx: &mut Tx, hash: &str, now: DateTime<Utc>) -> Result<(), Fault> {
    tx.query("INSERT INTO guests (hash, touched_at) VALUES ($1, $2)").bind(hash).bind(now).execute().await?;
    Ok(())
}

/// Locks the guest; false for a token that opens nothing (any more).
pub(crate) async fn touch(tx: &mut Tx, hash: &str, now: DateTime<Utc>) -> Result<bool, Fault> {
    let sql = "UPDATE guests SET touched_at = $2 WHERE hash = $1 AND user_id IS NULL";
    Ok(tx.query(sql).bind(hash).bind(now).execute().await? == 1)
}

/// Locks the guest and ends the token; false where it opened nothing.
pub(crate) async fn end(tx: &mut Tx, hash: &str, user: Uuid) -> Result<bool, Fault> {
    let sql = "UPDATE guests SET user_id = $2 WHERE hash = $1 AND user_id IS NULL";
    Ok(tx.query(sql).bind(hash).bind(user).execute().await? == 1)
}

/// Forgets up to 500 guests untouched since `before`, with their carts; how many there were.
pub(crate) async fn sweep(db: impl Executor<'_>, before: DateTime<Utc>) -> Result<u64, Fault> {
    // The outer condition is the one that PostgreSQL checks again on a row that was just touched.
    Ok(db
        .query(
            "DELETE FROM guests
          WHERE touched_at < $1
            AND hash IN (SELECT hash FROM guests WHERE touched_at < $1 ORDER BY touched_at LIMIT 500)",
        )
        .bind(before)
        .execute()
        .await?)
}
