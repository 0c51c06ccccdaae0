//! The SQL of guests: those that were given a token.
use chrono::{DateTime, Utc};
use kernel::{Executor, Tx};
use uuid::Uuid;

/// Notes that a guest's token is good.
pub(crate) async fn add(tx: &mut Tx, hash: &str, now: DateTime<Utc>) -> sqlx::Result<()> {
    tx.query("INSERT INTO guests (hash, touched_at) VALUES ($1, $2)").bind(hash).bind(now).execute().await.map(drop)
}

/// Locks the guest; false for a token that opens nothing (any more).
pub(crate) async fn touch(tx: &mut Tx, hash: &str, now: DateTime<Utc>) -> sqlx::Result<bool> {
    let sql = "UPDATE guests SET touched_at = $2 WHERE hash = $1 AND user_id IS NULL";
    Ok(tx.query(sql).bind(hash).bind(now).execute().await? == 1)
}

/// Locks the guest and ends the token; false where it opened nothing.
pub(crate) async fn end(tx: &mut Tx, hash: &str, user: Uuid) -> sqlx::Result<bool> {
    let sql = "UPDATE guests SET user_id = $2 WHERE hash = $1 AND user_id IS NULL";
    Ok(tx.query(sql).bind(hash).bind(user).execute().await? == 1)
}

/// Forgets up to 500 guests untouched since `before`, with their carts; how many there were.
pub(crate) async fn sweep(db: impl Executor<'_>, before: DateTime<Utc>) -> sqlx::Result<u64> {
    // The outer condition is the one that PostgreSQL checks again on a row that was just touched.
    db.query(
        "DELETE FROM guests
          WHERE touched_at < $1
            AND hash IN (SELECT hash FROM guests WHERE touched_at < $1 ORDER BY touched_at LIMIT 500)",
    )
    .bind(before)
    .execute()
    .await
}
