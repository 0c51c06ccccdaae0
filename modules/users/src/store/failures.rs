//! Wrong passwords in the database, so that replicas count together.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault};

/// When the window began in which `account` got `most` wrong passwords or more, if it is after `since`.
pub(crate) async fn since(
    on: impl Executor<'_>,
    account: &str,
    most: i64,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let sql = "SELECT began_at FROM sign_in_failures WHERE account = $1 AND failures >= $2 AND began_at > $3";
    let row = on.query(sql).bind(account).bind(most).bind(since).fetch_optional::<(DateTime<Utc>,)>().await?;
    Ok(row.map(|(began_at,)| began_at))
}

/// Counts a wrong password; how many there were since the window began, and when it did.
///
/// One statement, so that no failure is lost among many at once.
pub(crate) async fn count(
    on: impl Executor<'_>,
    account: &str,
    now: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Result<(i64, DateTime<Utc>), Fault> {
    on.query(
        "INSERT INTO sign_in_failures AS f (account, failures, began_at)
         VALUES ($1, 1, $2)
             ON CONFLICT (account) DO UPDATE
            SET failures = CASE WHEN f.began_at > $3 THEN f.failures + 1 ELSE 1 END,
                began_at = CASE WHEN f.began_at > $3 THEN f.began_at ELSE excluded.began_at END
      RETURNING failures, began_at",
    )
    .bind(account)
    .bind(now)
    .bind(since)
    .fetch_one()
    .await
    .map_err(Fault::from)
}

/// Forgets the wrong passwords of an account that is not throttled.
pub(crate) async fn forget(on: impl Executor<'_>, account: &str, most: i64) -> Result<(), Fault> {
    let sql = "DELETE FROM sign_in_failures WHERE account = $1 AND failures < $2";
    on.query(sql).bind(account).bind(most).execute().await.map(drop).map_err(Fault::from)
}

/// Deletes some of the counts of windows that are over; how many.
pub(crate) async fn sweep(on: impl Executor<'_>, since: DateTime<Utc>, most: i64) -> Result<u64, Fault> {
    // The outer condition is the one that PostgreSQL checks again on a window that has just begun anew.
    let swept = on.query(
        "DELETE FROM sign_in_failures
          WHERE began_at <= $1
            AND account IN (SELECT account FROM sign_in_failures WHERE began_at <= $1 ORDER BY began_at LIMIT $2)",
    );
    Ok(swept.bind(since).bind(most).execute().await?)
}
