//! Sessions and their refresh tokens in the database. Whoever locks both locks the session first.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};

use crate::{Session, SessionId, UserId};

/// Begins a session.
pub(crate) async fn create(tx: &mut Tx, owner: UserId, session: &Session) -> Result<(), Fault> {
    tx.query(
        "INSERT INTO sessions (id, user_id, user_agent, created_at, refreshed_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(session.id)
    .bind(owner)
    .bind(&*session.user_agent)
    .bind(session.created_at)
    .bind(session.refreshed_at)
    .bind(session.expires_at)
    .execute()
    .await
    .map(drop)
    .map_err(Fault::from)
}

/// Issues the next token of a session.
pub(crate) async fn create_token(
    tx: &mut Tx,
    hash: &str,
    id: SessionId,
    expires_at: DateTime<Utc>,
) -> Result<(), Fault> {
    let sql = "INSERT INTO refresh_tokens (hash, session_id, expires_at) VALUES ($1, $2, $3)";
    tx.query(sql).bind(hash).bind(id).bind(expires_at).execute().await.map(drop).map_err(Fault::from)
}

/// Whether a session of `owner` is still on.
pub(crate) async fn is_live(
    on: impl Executor<'_>,
    id: SessionId,
    owner: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM sessions WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3";
    Ok(on.query(sql).bind(id).bind(owner).bind(now).fetch_optional::<(i32,)>().await?.is_some())
}

/// Which session a token was issued for, and whether it was used.
pub(crate) async fn of_token(on: impl Executor<'_>, hash: &str) -> Result<Option<(SessionId, bool)>, Fault> {
    let sql = "SELECT session_id, used_at IS NOT NULL FROM refresh_tokens WHERE hash = $1";
    on.query(sql).bind(hash).fetch_optional().await.map_err(Fault::from)
}

/// Whose session this is, if it is still on; and nobody else changes it until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, id: SessionId, now: DateTime<Utc>) -> Result<Option<UserId>, Fault> {
    let sql = "SELECT user_id FROM sessions WHERE id = $1 AND ended_at IS NULL AND expires_at > $2";
    Ok(tx.query(sql).bind(id).bind(now).for_update().fetch_optional::<(UserId,)>().await?.map(|(id,)| id))
}

/// An exchange of a token for one that can be made again from it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Rotation {
    /// On the database's own clock.
    pub(crate) at: DateTime<Utc>,
    /// The idempotency key that it was asked for under, as it is kept.
    pub(crate) key: Option<String>,
}

/// Uses a token up; false if somebody has already, or it has expired.
pub(crate) async fn rotate(tx: &mut Tx, hash: &str, rotation: &Rotation, now: DateTime<Utc>) -> Result<bool, Fault> {
    let used = tx
        .query(
            "UPDATE refresh_tokens
                SET used_at = $2, rotated_at = $3, rotation_key = $4
              WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
        )
        .bind(hash)
        .bind(now)
        .bind(rotation.at)
        .bind(rotation.key.clone())
        .execute()
        .await?;
    Ok(used == 1)
}

/// How a token was used up; none where 0.1.0 did it, whose tokens cannot be made again.
pub(crate) async fn rotation(tx: &mut Tx, hash: &str) -> Result<Option<Rotation>, Fault> {
    let sql = "SELECT rotated_at AS at, rotation_key AS key
                 FROM refresh_tokens
                WHERE hash = $1 AND used_at IS NOT NULL AND rotated_at IS NOT NULL";
    tx.query(sql).bind(hash).fetch_optional().await.map_err(Fault::from)
}

/// Whether a token is still good; none where it was never issued.
pub(crate) async fn is_unused(tx: &mut Tx, hash: &str, now: DateTime<Utc>) -> Result<Option<bool>, Fault> {
    let sql = "SELECT used_at IS NULL AND expires_at > $2 FROM refresh_tokens WHERE hash = $1";
    Ok(tx.query(sql).bind(hash).bind(now).fetch_optional::<(bool,)>().await?.map(|(unused,)| unused))
}

/// Prolongs a session, whose token was exchanged.
pub(crate) async fn refresh(
    tx: &mut Tx,
    id: SessionId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Fault> {
    let sql = "UPDATE sessions SET refreshed_at = $2, expires_at = $3 WHERE id = $1";
    tx.query(sql).bind(id).bind(now).bind(expires_at).execute().await.map(drop).map_err(Fault::from)
}

/// Ends a session of `owner`; false if there is none. Ending it again changes nothing.
pub(crate) async fn end(
    on: impl Executor<'_>,
    id: SessionId,
    owner: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let sql = "UPDATE sessions SET ended_at = COALESCE(ended_at, $3) WHERE id = $1 AND user_id = $2";
    Ok(on.query(sql).bind(id).bind(owner).bind(now).execute().await? == 1)
}

/// Ends every session of `owner`, except perhaps one.
pub(crate) async fn end_all(
    tx: &mut Tx,
    owner: UserId,
    except: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    // In the order of their keys, like everybody who locks more than one.
    let sql = "SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY id";
    let rows: Vec<(SessionId,)> = tx.query(sql).bind(owner).for_update().fetch_all().await?;
    let others = rows.into_iter().map(|(id,)| id).filter(|id| Some(*id) != except);
    tx.query("UPDATE sessions SET ended_at = $1 WHERE id IN ($*)")
        .bind(now)
        .bind_list(others)
        .execute()
        .await
        .map(drop)
        .map_err(Fault::from)
}

/// The sessions of `owner` that are on, the latest first.
pub(crate) async fn list(
    on: impl Executor<'_>,
    owner: UserId,
    current: SessionId,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, Fault> {
    on.query(
        "SELECT id, id = $2 AS current, user_agent, created_at, refreshed_at, expires_at
           FROM sessions
          WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $3
          ORDER BY id DESC
          LIMIT 100",
    )
    .bind(owner)
    .bind(current)
    .bind(now)
    .fetch_all()
    .await
    .map_err(Fault::from)
}

/// Deletes some of what has expired; how many sessions, and how many tokens of those that go on.
pub(crate) async fn sweep(tx: &mut Tx, now: DateTime<Utc>, most: i64) -> Result<[u64; 2], Fault> {
    let sql = "SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY id LIMIT $2";
    let rows: Vec<(SessionId,)> = tx.query(sql).bind(now).bind(most).for_update_skip_locked().fetch_all().await?;
    let ids = rows.into_iter().map(|(id,)| id);
    let swept = tx.query("DELETE FROM sessions WHERE id IN ($*)").bind_list(ids).execute().await?;
    // A token that has expired is refused, used or not.
    let tokens = tx.query(
        "DELETE FROM refresh_tokens
          WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    );
    Ok([swept, tokens.bind(now).bind(most).execute().await?])
}
