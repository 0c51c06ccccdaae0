//! What went wrong with a transaction, for each of those in it.
use std::{borrow::Cow, error::Error as StdError};

use sqlx::error::{DatabaseError, Error, ErrorKind};

/// SQLite's error, as often as it is needed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("(code: {code}) {message}")]
pub(super) struct Failed {
    code: String,
    message: String,
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        let database = error.as_database_error();
        let code = database.and_then(DatabaseError::code).unwrap_or_default().into_owned();
        Self { code, message: database.map_or_else(|| error.to_string(), |error| error.message().to_owned()) }
    }
}

impl DatabaseError for Failed {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.code))
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}
