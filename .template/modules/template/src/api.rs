//! What the other modules see of notes.
use chrono::{DateTime, Utc};
use kernel::{Caller, DomainEvent, Page, PageQuery, Text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Error;

kernel::id! {
    /// Identifies a note.
    pub struct NoteId;
}

/// What a note may say.
pub(crate) type NoteText = Text<1, 1000>;

/// Something that staff wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::FromRow)]
pub struct Note {
    /// Its identifier.
    pub id: NoteId,
    /// What it says.
    pub text: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A note to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// What it says.
    #[schema(value_type = NoteText, inline)]
    pub text: String,
}

/// What happens to notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum NoteEvent {
    /// It was added.
    #[serde(rename = "note.added")]
    Added(NoteAdded),
}

/// What an event of notes carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteAdded {
    /// The note.
    pub note: Note,
}

impl DomainEvent for NoteEvent {
    type Publisher = dyn Template;

    fn subject(&self) -> String {
        let Self::Added(NoteAdded { note }) = self;
        note.id.to_string()
    }
}

kernel::api! {
    /// Notes that staff make and anyone reads.
    pub trait Template("template") publishes NoteEvent {
        /// Lists notes, the latest first.
        read async fn list(&self, caller: Caller, page: PageQuery) -> Result<Page<Note>, Error>;

        /// Adds a note. The same `key` adds it once. Staff.
        idempotent async fn add(&self, caller: Caller, key: String, note: NewNote) -> Result<Note, Error>;
    }
}
