//! The public endpoints of carts.
use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kernel::{Body, CART_TOKEN, Condition, Described, NoStore, Path, Problem, Shopper, Tagged};
use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::router::OpenApiRouter;

use products::Sku;

use crate::{Added, Cart, Carts, Error, NewItem, forms::Most};

type Api = State<Arc<dyn Carts>>;
type Answer = Result<Tagged<Cart>, Problem<Error>>;

pub(crate) fn routes(api: Arc<dyn Carts>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(kernel::routes!(get, clear))
        .routes(kernel::routes!(add))
        .routes(kernel::routes!(set_quantity, remove))
        .with_state(api)
}

/// How many of a variant there are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Quantity {
    /// 0 takes it out.
    #[schema(value_type = Most<0>, inline)]
    quantity: i64,
}

/// A SKU in an address; one that is none is no line's.
#[derive(Debug, Deserialize)]
struct Line(String);

impl PartialSchema for Line {
    fn schema() -> RefOr<Schema> {
        Sku::schema()
    }
}

/// The cart, and to a new guest its token.
struct Opened(Added);

impl kernel::Answer for Opened {
    fn describe(described: &mut Described) {
        Tagged::<Cart>::describe(described);
        described.answer_header("201", "Cart-Token", "Opens the new cart; shown once.");
        described.no_store("201");
    }
}

impl IntoResponse for Opened {
    fn into_response(self) -> Response {
        let Added { cart, token } = self.0;
        let Some(token) = token else { return tagged(cart).into_response() };
        (StatusCode::CREATED, [(CART_TOKEN, token)], NoStore, tagged(cart)).into_response()
    }
}

fn tagged(cart: Cart) -> Tagged<Cart> {
    Tagged(cart.version, cart)
}

/// Shows the cart at today's prices.
#[utoipa::path(get, path = "/v1/cart", responses((status = 200, body = Cart)))]
async fn get(State(api): Api, Shopper(caller): Shopper) -> Answer {
    Ok(tagged(api.get(caller).await?))
}

/// Puts a variant into the cart, or more of it.
///
/// A guest without a cart gets one, and in the header `Cart-Token` the token to send from then on.
#[utoipa::path(post, path = "/v1/cart/items",
    responses((status = 200, body = Cart), (status = 201, body = Cart)))]
async fn add(
    State(api): Api,
    Shopper(caller): Shopper,
    if_match: Condition,
    Body(item): Body<NewItem>,
) -> Result<Opened, Problem<Error>> {
    Ok(Opened(api.add(caller, item, if_match).await?))
}

/// Sets how many of a variant are in the cart.
#[utoipa::path(patch, path = "/v1/cart/items/{sku}", responses((status = 200, body = Cart)))]
async fn set_quantity(
    State(api): Api,
    Shopper(caller): Shopper,
    Path(Line(sku)): Path<Line>,
    if_match: Condition,
    Body(wish): Body<Quantity>,
) -> Answer {
    Ok(tagged(api.set_quantity(caller, sku, wish.quantity, if_match).await?))
}

/// Takes a variant out of the cart.
#[utoipa::path(delete, path = "/v1/cart/items/{sku}", responses((status = 200, body = Cart)))]
async fn remove(State(api): Api, Shopper(caller): Shopper, Path(Line(sku)): Path<Line>, if_match: Condition) -> Answer {
    Ok(tagged(api.set_quantity(caller, sku, 0, if_match).await?))
}

/// Takes everything out of the cart.
#[utoipa::path(delete, path = "/v1/cart", responses((status = 204)))]
async fn clear(State(api): Api, Shopper(caller): Shopper, if_match: Condition) -> Result<StatusCode, Problem<Error>> {
    api.clear(caller, if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}
