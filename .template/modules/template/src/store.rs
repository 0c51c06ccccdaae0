//! The SQL of notes.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};

use crate::{Note, NoteId};

/// So many notes before `before`, the latest first: their identifiers grow with time.
pub(crate) async fn list(on: impl Executor<'_>, before: NoteId, limit: i64) -> Result<Vec<Note>, Fault> {
    let rows = on
        .query("SELECT id, text, created_at FROM notes WHERE id < $1 ORDER BY id DESC LIMIT $2")
        .bind(before)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows)
}

/// Adds a note, unless `request` has made one: that one.
pub(crate) async fn add(tx: &mut Tx, request: &str, note: &Note) -> Result<Option<Note>, Fault> {
    let added = tx
        .query(
            "INSERT INTO notes (id, request, text, created_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (request) DO NOTHING",
        )
        .bind(note.id)
        .bind(request.to_owned())
        .bind(note.text.clone())
        .bind(note.created_at)
        .execute()
        .await?;
    if added == 1 {
        return Ok(None);
    }
    let sql = "SELECT id, text, created_at FROM notes WHERE request = $1";
    Ok(Some(tx.query(sql).bind(request.to_owned()).fetch_one().await?))
}

/// Deletes what was made before `before`; how much that was.
pub(crate) async fn expire(on: impl Executor<'_>, before: DateTime<Utc>) -> Result<u64, Fault> {
    Ok(on.query("DELETE FROM notes WHERE created_at < $1").bind(before).execute().await?)
}
