//! The public endpoints of carts.
use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderName, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use kernel::{Body, Caller, Condition, Path, Problem, Tagged};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Added, Cart, Carts, Error, NewItem};

type Api = State<Arc<dyn Carts>>;
type Answer = Result<Tagged<Cart>, Problem<Error>>;

/// What a guest comes back with.
const CART_TOKEN: HeaderName = HeaderName::from_static("cart-token");

pub(crate) fn routes(api: Arc<dyn Carts>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(get, clear))
        .routes(routes!(add))
        .routes(routes!(set_quantity, remove))
        .with_state(api)
}

/// How many of a variant there are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Quantity {
    /// 0 to 999; 0 takes it out.
    quantity: i64,
}

fn tagged(cart: Cart) -> Tagged<Cart> {
    Tagged(cart.version, cart)
}

/// Shows the cart at today's prices.
#[utoipa::path(get, path = "/v1/cart", tag = "cart", responses((status = 200, body = Cart)))]
async fn get(State(api): Api, caller: Caller) -> Answer {
    Ok(tagged(api.get(caller).await?))
}

/// Puts a variant into the cart, or more of it.
///
/// A guest without a cart gets one, and in the header `Cart-Token` the token to send from then on.
#[utoipa::path(post, path = "/v1/cart/items", tag = "cart", request_body = NewItem, responses(
    (status = 200, body = Cart),
    (status = 201, body = Cart, headers(("Cart-Token", description = "Opens the new cart; shown once")))))]
async fn add(
    State(api): Api,
    caller: Caller,
    if_match: Condition,
    Body(item): Body<NewItem>,
) -> Result<Response, Problem<Error>> {
    let Added { cart, token } = api.add(caller, item, if_match).await?;
    let Some(token) = token else { return Ok(tagged(cart).into_response()) };
    let secret = [(CART_TOKEN, token), (CACHE_CONTROL, "no-store".into())];
    Ok((StatusCode::CREATED, secret, tagged(cart)).into_response())
}

/// Sets how many of a variant are in the cart.
#[utoipa::path(patch, path = "/v1/cart/items/{sku}", tag = "cart", request_body = Quantity,
    params(("sku" = String, Path), ("If-Match" = Option<String>, Header)), responses((status = 200, body = Cart)))]
async fn set_quantity(
    State(api): Api,
    caller: Caller,
    Path(sku): Path<String>,
    if_match: Condition,
    Body(wish): Body<Quantity>,
) -> Answer {
    Ok(tagged(api.set_quantity(caller, sku, wish.quantity, if_match).await?))
}

/// Takes a variant out of the cart.
#[utoipa::path(delete, path = "/v1/cart/items/{sku}", tag = "cart",
    params(("sku" = String, Path), ("If-Match" = Option<String>, Header)), responses((status = 200, body = Cart)))]
async fn remove(State(api): Api, caller: Caller, Path(sku): Path<String>, if_match: Condition) -> Answer {
    Ok(tagged(api.set_quantity(caller, sku, 0, if_match).await?))
}

/// Takes everything out of the cart.
#[utoipa::path(delete, path = "/v1/cart", tag = "cart", responses((status = 204)))]
async fn clear(State(api): Api, caller: Caller, if_match: Condition) -> Result<StatusCode, Problem<Error>> {
    api.clear(caller, if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}
