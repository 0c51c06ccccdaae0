//! Signing in makes the guest's cart the customer's.
use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use cart::Carts;
use kernel::{Call, SignedIn};
use uuid::Uuid;

use crate::caller::guest;

/// Merges the carts once somebody who brought a `Cart-Token` has signed in.
///
/// Whatever becomes of it, they are signed in; and if nothing does, their token still opens the guest's cart.
pub(crate) async fn at_sign_in(State(carts): State<Arc<dyn Carts>>, request: Request, next: Next) -> Response {
    let guest = guest(request.headers()).ok().flatten();
    let response = next.run(request).await;
    if let (Some(guest), Some(SignedIn { user_id })) = (guest, response.extensions().get()) {
        merge(&*carts, guest, *user_id).await;
    }
    response
}

async fn merge(carts: &dyn Carts, guest: String, user: Uuid) {
    // Half of the time that is left: a slow cart must not make the sign-in late.
    let call = Call::current();
    let merged = call.with_timeout(call.left() / 2).run(carts.merge(guest, user)).await;
    if let Err(error) = merged {
        tracing::warn!(trace_id = call.trace(), user.id = %user, %error, "a guest's cart was not merged");
    }
}
