//! Who is asking. The edge finds out; every module decides for itself what they may do.
use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, request::Parts},
    response::{IntoResponseParts, ResponseParts},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Refusal, Visible};

/// What somebody with an account may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Buys.
    Customer,
    /// Runs the shop: catalogue, stock, orders.
    Staff,
    /// Also appoints staff.
    Admin,
}

/// Who is asking, as the edge or a command line established it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Caller {
    /// Nobody known.
    Anonymous,
    /// Somebody without an account, known by a cart.
    Guest {
        /// SHA-256 of the `Cart-Token`, in hex; the token itself stays at the edge.
        cart: String,
    },
    /// Somebody signed in.
    User {
        /// The account.
        id: Uuid,
        /// What it may do.
        role: Role,
        /// The session that vouches for it.
        session: Uuid,
    },
    /// The shop itself: a saga, a consumer, the command line.
    System,
}

impl Caller {
    /// The account that is signed in, or 401.
    pub fn account(&self) -> Result<Uuid, Refusal> {
        match self {
            Self::User { id, .. } => Ok(*id),
            Self::System => Err(Refusal::Forbidden),
            Self::Anonymous | Self::Guest { .. } => Err(Refusal::Unauthenticated),
        }
    }

    /// Passes staff, admins and the shop itself.
    pub fn staff(&self) -> Result<(), Refusal> {
        self.at_least(Role::Staff)
    }

    /// Passes those with `role` or more, and the shop itself.
    pub fn at_least(&self, role: Role) -> Result<(), Refusal> {
        match self {
            Self::System => Ok(()),
            Self::User { role: mine, .. } if *mine >= role => Ok(()),
            Self::User { .. } => Err(Refusal::Forbidden),
            Self::Anonymous | Self::Guest { .. } => Err(Refusal::Unauthenticated),
        }
    }

    /// Whether this is staff, an admin or the shop itself.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.staff().is_ok()
    }

    /// Passes the shop itself only.
    pub fn system(&self) -> Result<(), Refusal> {
        if *self == Self::System { Ok(()) } else { Err(Refusal::Forbidden) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// What the edge noted; nobody where no edge did.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self::Anonymous))
    }
}

/// How a guest comes back to a cart.
pub const CART_TOKEN: HeaderName = HeaderName::from_static("cart-token");
/// What a `Cart-Token` may be; an empty one is none.
pub type CartToken = Visible<0, 256>;

/// Who is asking, where a guest may ask as well: the route takes a `Cart-Token`.
#[derive(Debug, Clone)]
pub struct Shopper(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Shopper {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Caller::from_request_parts(parts, state).await.map(Self)
    }
}

/// Tells the edge, beside the answer, who has just signed in: what they did as a guest becomes theirs.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn {
    /// The account.
    pub user_id: Uuid,
}

impl IntoResponseParts for SignedIn {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}
