//! Signing in makes the guest's cart the customer's.
use std::sync::Arc;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use cart::Carts;
use kernel::{Call, Fault, problem};
use serde::Deserialize;
use uuid::Uuid;

use crate::caller::guest;

/// What the answer to a sign-in says of who signed in.
#[derive(Deserialize)]
struct SignedIn {
    user: Account,
}

#[derive(Deserialize)]
struct Account {
    id: Uuid,
}

/// Merges the carts once somebody who brought a `Cart-Token` has signed in.
///
/// Whatever becomes of it, they are signed in; and if nothing does, their token still opens the guest's cart.
pub(crate) async fn at_sign_in(State(carts): State<Arc<dyn Carts>>, request: Request, next: Next) -> Response {
    let signing_in = request.method() == Method::POST && request.uri().path() == "/v1/sessions";
    let guest = if signing_in { guest(request.headers()).ok().flatten() } else { None };
    let response = next.run(request).await;
    match guest {
        Some(guest) if response.status() == StatusCode::CREATED => {
            let (parts, body) = response.into_parts();
            match to_bytes(body, usize::MAX).await {
                Ok(body) => {
                    merge(&*carts, guest, &body).await;
                    Response::from_parts(parts, Body::from(body))
                }
                Err(error) => problem(Fault::internal(error)),
            }
        }
        _ => response,
    }
}

async fn merge(carts: &dyn Carts, guest: String, body: &Bytes) {
    let user = match serde_json::from_slice::<SignedIn>(body) {
        Ok(SignedIn { user }) => user.id,
        Err(error) => return tracing::error!(%error, "a sign-in does not say who signed in; their carts stay apart"),
    };
    // Half of the time that is left: a slow cart must not make the sign-in late.
    let call = Call::current();
    let merged = call.with_timeout(call.left() / 2).run(carts.merge(guest, user)).await;
    if let Err(error) = merged {
        tracing::warn!(trace_id = call.trace(), user.id = %user, %error, "a guest's cart was not merged");
    }
}
