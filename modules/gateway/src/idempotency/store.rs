//! The table of idempotency keys.
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Executor, Fault, Role};
use sqlx::types::Json;
use uuid::Uuid;

use super::key::Key;

/// How long a key is remembered.
pub(crate) const MEMORY: TimeDelta = TimeDelta::hours(24);
/// How many expired keys one statement forgets, so that none holds SQLite's writer for long.
const BATCH: u64 = 1000;

/// What is known of a request that came before.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Earlier {
    pub(crate) fingerprint: String,
    pub(crate) role: Option<Role>,
    pub(crate) state: String,
    pub(crate) status: Option<i64>,
    pub(crate) headers: Option<Json<Vec<(String, String)>>>,
    pub(crate) body: Option<Vec<u8>>,
}

/// Makes this the run that answers, if the key is free: new, expired, or of the same request whose run is dead.
///
/// One statement decides, so that of many that come at once one wins.
pub(crate) async fn begin(
    db: impl Executor<'_>,
    key: &Key,
    fence: Uuid,
    now: DateTime<Utc>,
    lease: TimeDelta,
) -> Result<bool, Fault> {
    let won: Option<(Uuid,)> = db
        .query(
            "INSERT INTO idempotency_keys (scope, key_hash, fingerprint, role, state, fence, leased_until, expires_at)
             VALUES ($1, $2, $3, $8, 'running', $4, $5, $6)
             ON CONFLICT (scope, key_hash) DO UPDATE
                SET fingerprint = excluded.fingerprint, role = excluded.role, state = 'running',
                    fence = excluded.fence, leased_until = excluded.leased_until, expires_at = excluded.expires_at,
                    status = NULL, headers = NULL, body = NULL
              WHERE idempotency_keys.expires_at <= $7
                 OR (idempotency_keys.state = 'running' AND idempotency_keys.leased_until <= $7
                     AND idempotency_keys.fingerprint = excluded.fingerprint)
             RETURNING fence",
        )
        .bind(&*key.scope)
        .bind(&*key.hash)
        .bind(&*key.fingerprint)
        .bind(fence)
        .bind(now + lease)
        .bind(now + MEMORY)
        .bind(now)
        .bind(key.role)
        .fetch_optional()
        .await?;
    Ok(won.is_some())
}

/// What came before under this key, if it is still there.
pub(crate) async fn find(db: impl Executor<'_>, key: &Key) -> Result<Option<Earlier>, Fault> {
    db.query(
        "SELECT fingerprint, role, state, status, headers, body
           FROM idempotency_keys
          WHERE scope = $1 AND key_hash = $2",
    )
    .bind(&*key.scope)
    .bind(&*key.hash)
    .fetch_optional()
    .await
    .map_err(Fault::from)
}

/// Keeps the answer, unless another run has taken over; says whether it did.
pub(crate) async fn complete(
    db: impl Executor<'_>,
    key: &Key,
    fence: Uuid,
    status: u16,
    headers: Vec<(String, String)>,
    body: &[u8],
) -> Result<bool, Fault> {
    let kept = db
        .query(
            "UPDATE idempotency_keys
                SET state = 'done', status = $4, headers = $5, body = $6
              WHERE scope = $1 AND key_hash = $2 AND fence = $3 AND state = 'running'",
        )
        .bind(&*key.scope)
        .bind(&*key.hash)
        .bind(fence)
        .bind(i64::from(status))
        .bind(Json(headers))
        .bind(body.to_vec())
        .execute()
        .await?;
    Ok(kept == 1)
}

/// Forgets the request, unless another run has taken over: the next one runs.
pub(crate) async fn release(db: impl Executor<'_>, key: &Key, fence: Uuid) -> Result<(), Fault> {
    db.query(
        "DELETE FROM idempotency_keys
          WHERE scope = $1 AND key_hash = $2 AND fence = $3 AND state = 'running'",
    )
    .bind(&*key.scope)
    .bind(&*key.hash)
    .bind(fence)
    .execute()
    .await?;
    Ok(())
}

/// Forgets some of those that are expired; true if there may be more.
pub(crate) async fn sweep(db: impl Executor<'_>, now: DateTime<Utc>) -> Result<bool, Fault> {
    let gone = db
        .query(
            "DELETE FROM idempotency_keys
              WHERE (scope, key_hash) IN (SELECT scope, key_hash FROM idempotency_keys
                                           WHERE expires_at <= $1
                                           ORDER BY expires_at
                                           LIMIT 1000)",
        )
        .bind(now)
        .execute()
        .await?;
    Ok(gone == BATCH)
}
