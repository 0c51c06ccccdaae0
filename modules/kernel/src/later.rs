//! What a later release refuses with: an error whose code this one does not know yet.
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Fault;

/// A problem as it came, to be handed on as it came.
///
/// While a release is rolled out, its processes answer those of the one before. To a caller that has to
/// decide something it is a refusal like any other, or a fault if its status says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{detail}")]
pub struct Later {
    /// What it is called there.
    pub code: String,
    /// The HTTP status; [`Problem`](crate::Problem) has it in a member of its own.
    #[serde(skip)]
    pub status: u16,
    /// The same for a person, likewise.
    #[serde(skip)]
    pub detail: String,
    /// What else it says.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Later {
    /// The status that it came with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let status = StatusCode::from_u16(self.status).ok();
        let failed = status.filter(|status| status.is_client_error() || status.is_server_error());
        failed.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The fault that it is to whoever only knows ours.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        match self.status() {
            status if status.is_client_error() => None,
            StatusCode::SERVICE_UNAVAILABLE => Some(Fault::Unavailable),
            StatusCode::GATEWAY_TIMEOUT => Some(Fault::DeadlineExceeded),
            _ => Some(Fault::Internal),
        }
    }
}
