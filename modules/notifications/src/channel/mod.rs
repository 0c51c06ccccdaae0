//! How a message reaches somebody.
mod mailbox;

use chrono::{DateTime, Utc};

use crate::{NotificationId, email::Email};

pub(crate) use mailbox::{Mailbox, address};

/// A message that a sender has leased.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Message {
    pub(crate) id: NotificationId,
    pub(crate) recipient: String,
    #[sqlx(flatten)]
    pub(crate) email: Email,
    pub(crate) created_at: DateTime<Utc>,
    /// How often it was leased, this time included.
    pub(crate) attempts: i64,
}

/// Why a message was not handed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    /// It may work later.
    #[error("{0}")]
    ForNow(String),
    /// It never will.
    #[error("{0}")]
    ForGood(String),
}

/// A way to hand messages over. The same message may come twice; it must arrive as one where that is possible.
#[kernel::async_trait]
pub(crate) trait Channel: Send + Sync + 'static {
    /// Hands it over.
    async fn send(&self, message: &Message) -> Result<(), Undelivered>;
}
