//! What a module has received and not handled: for people to see, and to let it be handled again.
//!
//! A parked event waits for its next attempt, and the later ones of its aggregate wait behind it. A dead one waits for
//! a person, and the later ones of its aggregate go on without it. So an event that is replayed comes after what
//! happened later: a subscriber decides by what it finds, as it must for an event that comes twice. Until it has been
//! handled, those that arrive after the replay wait behind it again.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::CloudEvent;
use crate::{Caller, Context, Cursor, Db, Executor, Fault, Limit, Page, PageQuery};

/// An event that a module has received and not handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnhandledEvent {
    /// The module that published it.
    #[schema(example = "payments")]
    pub source: String,
    /// Its identifier.
    pub event_id: Uuid,
    /// What happened.
    #[schema(example = "payment.authorized")]
    pub kind: String,
    /// The aggregate that it happened to.
    pub subject: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What it waits for.
    pub state: UnhandledState,
    /// How often it was tried since it was received, or since it was replayed.
    pub attempts: i64,
    /// Why it was not handled.
    pub reason: Option<String>,
}

/// What an event waits for that has not been handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum UnhandledState {
    /// For its next attempt.
    Parked,
    /// For a person.
    Dead,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct UnhandledQuery {
    /// Only those that wait for this; both where absent.
    pub state: Option<UnhandledState>,
    /// How many at the most; 20 where absent.
    #[param(value_type = Option<Limit>, inline)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<Cursor>, inline)]
    pub cursor: Option<String>,
}

crate::failure! {
    /// Why an inbox said no.
    pub enum InboxError {
        /// No such event was ever received.
        #[error("no such event was received")]
        EventNotFound => NOT_FOUND,
    }
}

/// What a module has received and not handled, of every source.
#[derive(Debug, Clone)]
pub struct Inbox {
    db: Db,
    module: &'static str,
}

#[derive(sqlx::FromRow)]
struct Row {
    source: String,
    position: i64,
    event_id: Uuid,
    state: UnhandledState,
    attempts: i64,
    reason: Option<String>,
    event: Json<CloudEvent>,
}

impl From<Row> for UnhandledEvent {
    fn from(Row { source, event_id, state, attempts, reason, event: Json(event), .. }: Row) -> Self {
        let CloudEvent { kind, subject, time: at, .. } = event;
        Self { source, event_id, kind, subject, at, state, attempts, reason }
    }
}

impl Context {
    /// What this module has received and not handled.
    #[must_use]
    pub fn inbox(&self) -> Inbox {
        Inbox { db: self.db.clone(), module: self.name }
    }
}

impl Inbox {
    /// Lists what waits, in the order in which it was published. Staff.
    pub async fn list(&self, caller: &Caller, query: UnhandledQuery) -> Result<Page<UnhandledEvent>, InboxError> {
        caller.staff()?;
        let UnhandledQuery { state, limit, cursor } = query;
        let (limit, after) = PageQuery { limit, cursor }.read::<(String, i64, Uuid)>()?;
        let (source, position, event_id) = after.unwrap_or_default();
        let rows: Vec<Row> = self
            .db
            .query(
                "SELECT source, position, event_id, state, attempts, reason, event
                   FROM inbox
                  WHERE state <> 'done' AND ($1 IS NULL OR state = $1) AND (source, position, event_id) > ($2, $3, $4)
                  ORDER BY source, position, event_id
                  LIMIT $5",
            )
            .bind(state)
            .bind(source)
            .bind(position)
            .bind(event_id)
            .bind(limit + 1)
            .fetch_all()
            .await?;
        Ok(Page::new(rows, limit, |row| (row.source.clone(), row.position, row.event_id)).map(UnhandledEvent::from))
    }

    /// Makes an event due at once, with every attempt before it; one that has been handled by now stays so. Staff.
    pub async fn replay(&self, caller: &Caller, event_id: Uuid) -> Result<(), InboxError> {
        caller.staff()?;
        let replayed = self
            .db
            .query(
                "UPDATE inbox
                    SET state = 'parked', attempts = 0, due_at = $2
                  WHERE event_id = $1 AND state <> 'done'",
            )
            .bind(event_id)
            // Not the time now: whoever looks has a clock of their own.
            .bind(DateTime::UNIX_EPOCH)
            .execute()
            .await?;
        if replayed > 0 {
            metrics::counter!("stoa_events_replayed_total", "module" => self.module).increment(replayed);
            tracing::info!(module = self.module, event.id = %event_id, "event is to be handled again");
            return Ok(());
        }
        let known: (bool,) =
            self.db.query("SELECT EXISTS (SELECT 1 FROM inbox WHERE event_id = $1)").bind(event_id).fetch_one().await?;
        if known.0 { Ok(()) } else { Err(InboxError::EventNotFound) }
    }

    /// How far `source` is handled, and how many of its events wait for an attempt, and for a person; also in the metrics.
    pub(super) async fn look(&self, source: &'static str) -> Result<(i64, i64, i64), Fault> {
        let sql = "SELECT (SELECT position FROM inbox_cursors WHERE inbox_cursors.source = $1),
                          COUNT(*) FILTER (WHERE state = 'parked'), COUNT(*) FILTER (WHERE state = 'dead')
                     FROM inbox
                    WHERE source = $1 AND state <> 'done'";
        let (position, parked, dead): (Option<i64>, i64, i64) = self.db.query(sql).bind(source).fetch_one().await?;
        if position.is_none() {
            let sql = "INSERT INTO inbox_cursors (source, position) VALUES ($1, 0) ON CONFLICT (source) DO NOTHING";
            self.db.query(sql).bind(source).execute().await?;
        }
        for (state, count) in [("parked", parked), ("dead", dead)] {
            let labels = [("module", self.module), ("source", source), ("state", state)];
            metrics::gauge!("stoa_events_waiting", &labels).set(u32::try_from(count).unwrap_or(u32::MAX));
        }
        Ok((position.unwrap_or_default(), parked, dead))
    }
}
