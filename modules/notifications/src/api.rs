//! What the other modules see of notifications.
use chrono::{DateTime, Utc};
use kernel::{Caller, Page, PageQuery};
use orders::OrderEvent;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Error;

kernel::id! {
    /// Identifies a notification.
    pub struct NotificationId;
}

/// How far a notification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// To be sent, or sent again.
    Queued,
    /// Handed over.
    Sent,
    /// Given up.
    Failed,
    /// The recipient does not want it.
    Suppressed,
}

/// A message to a customer, as the customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// Its identifier.
    pub id: NotificationId,
    /// `order_confirmed`, `order_shipped`, `order_cancelled` or `order_refunded`.
    pub kind: String,
    /// The order it is about.
    pub order_id: Option<Uuid>,
    /// Its subject line.
    pub subject: String,
    /// How it was sent.
    #[schema(example = "email")]
    pub channel: String,
    /// How far it is.
    pub status: DeliveryStatus,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was handed over.
    pub sent_at: Option<DateTime<Utc>>,
}

/// The same as staff sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// The message.
    #[serde(flatten)]
    pub notification: Notification,
    /// Where it goes.
    pub recipient: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// Which deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    /// Only those that are so far.
    pub status: Option<DeliveryStatus>,
    /// How many at the most; 20 where absent.
    #[param(value_type = Option<kernel::Limit>, inline)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<kernel::Cursor>, inline)]
    pub cursor: Option<String>,
}

/// What somebody wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preferences {
    /// Shipments and other news of one's orders. Confirmations, cancellations and refunds are always sent.
    pub order_updates: bool,
    /// Offers.
    pub marketing: bool,
}

kernel::api! {
    /// What was written to customers, and what they want to be told.
    pub trait Notifications("notifications") hears OrderEvent {
        /// Lists one's notifications, the latest first.
        read async fn list(&self, caller: Caller, page: PageQuery) -> Result<Page<Notification>, Error>;

        /// Lists deliveries to everybody, the latest first. Staff.
        read async fn deliveries(&self, caller: Caller, query: DeliveryQuery) -> Result<Page<Delivery>, Error>;

        /// Sends a message again that failed, or went to an address that its order no longer has. Staff.
        idempotent async fn resend(&self, caller: Caller, id: NotificationId) -> Result<Delivery, Error>;

        /// What one wants to be told.
        read async fn preferences(&self, caller: Caller) -> Result<Preferences, Error>;

        /// Changes what one wants to be told.
        idempotent async fn set_preferences(&self, caller: Caller, preferences: Preferences) -> Result<Preferences, Error>;
    }
}
