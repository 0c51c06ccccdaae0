//! What all refuse alike.
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Failure, Fault, Sampler};
use crate::{Violation, Violations};

/// What any module, or the edge, may answer to a request that it will not serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// The request's content breaks a rule; each broken one is named.
    #[error("the request is not valid")]
    InvalidInput {
        /// What is wrong, and where.
        errors: Vec<Violation>,
    },
    /// Nobody is signed in.
    #[error("sign in first")]
    Unauthenticated,
    /// The one who is signed in may not do this.
    #[error("you may not do this")]
    Forbidden,
    /// The body is not JSON.
    #[error("the body is not JSON: {reason}")]
    MalformedJson {
        /// What the parser found, and where.
        reason: String,
    },
    /// The body is of another kind.
    #[error("send application/json")]
    UnsupportedMediaType,
    /// The body is over the limit.
    #[error("the body is over the limit of {limit} bytes")]
    PayloadTooLarge {
        /// In bytes.
        limit: usize,
    },
    /// No such address.
    #[error("there is nothing here")]
    NotFound,
    /// The address exists, but not for this method.
    #[error("this address does not take that method")]
    MethodNotAllowed,
    /// What only a later release knows, to be handed on as it came.
    ///
    /// While a release is rolled out, its processes answer those of the one before. To a caller that has to decide
    /// something it is a refusal like any other, or a fault if its status says so.
    #[error("{detail}")]
    #[serde(untagged)]
    Other {
        /// What it is called there.
        code: String,
        /// The HTTP status; [`Problem`](crate::Problem) has it in a member of its own.
        #[serde(skip)]
        status: u16,
        /// The same for a person, likewise.
        #[serde(skip)]
        detail: String,
        /// What else it says.
        #[serde(flatten)]
        fields: Map<String, Value>,
    },
}

impl Failure for Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidInput { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::MalformedJson { .. } => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::PayloadTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Other { status, .. } => {
                let status = StatusCode::from_u16(*status).ok();
                let failed = status.filter(|status| status.is_client_error() || status.is_server_error());
                failed.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    fn fault(&self) -> Option<Fault> {
        match self.status() {
            status if status.is_client_error() => None,
            StatusCode::SERVICE_UNAVAILABLE => Some(Fault::Unavailable),
            StatusCode::GATEWAY_TIMEOUT => Some(Fault::DeadlineExceeded),
            _ => Some(Fault::Internal),
        }
    }

    fn refusal_mut(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    fn map_own<E: From<Fault> + From<Self>>(self, _: impl FnOnce(Self) -> E) -> E {
        self.into()
    }

    fn samples(sampler: &mut impl Sampler) -> Vec<Self> {
        let fields = [("more".into(), sampler.value("more"))].into_iter().collect();
        vec![
            Self::InvalidInput { errors: sampler.value("errors") },
            Self::Unauthenticated,
            Self::Forbidden,
            Self::MalformedJson { reason: sampler.value("reason") },
            Self::UnsupportedMediaType,
            Self::PayloadTooLarge { limit: sampler.value("limit") },
            Self::NotFound,
            Self::MethodNotAllowed,
            Self::Other { code: "added_later".into(), status: 409, detail: sampler.value("detail"), fields },
        ]
    }
}

impl From<Violations> for Refusal {
    fn from(Violations(errors): Violations) -> Self {
        Self::InvalidInput { errors }
    }
}
