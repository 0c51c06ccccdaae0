//! The public endpoints of orders.
mod correct;
mod operations;

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use kernel::{
    Body, Caller, Condition, IdempotencyKey, Location, NoStore, Page, Path, Problem, Query, Replayed, Shopper, Tagged,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Error, HistoryEntry, NewOrder, NewQuote, NewRefund, NewShipment, Order, OrderId, OrderQuery, OrderStatus, Orders,
    Quote,
};

type Api = Arc<dyn Orders>;

/// Every endpoint.
pub(crate) fn routes(api: Api) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(kernel::routes!(place, list))
        .routes(kernel::routes!(quote))
        .routes(kernel::routes!(get, correct::correct))
        .routes(kernel::routes!(events))
        .routes(kernel::routes!(cancel))
        .routes(kernel::routes!(ship))
        .routes(kernel::routes!(refund))
        .routes(kernel::routes!(operations::stuck))
        .routes(kernel::routes!(operations::retry))
        .routes(kernel::routes!(operations::force))
        .with_state(api)
}

pub(crate) fn tagged(order: Order) -> Tagged<Order> {
    Tagged(order.version, order)
}

/// A body without fields.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Places an order: the caller's cart.
///
/// 202 where it is not settled yet: look at `Location`, and do what `payment.action` asks for.
#[utoipa::path(post, path = "/v1/orders",
    responses((status = 201, body = Order), (status = 202, body = Order)))]
async fn place(
    State(orders): State<Api>,
    Shopper(caller): Shopper,
    IdempotencyKey(key): IdempotencyKey,
    Body(order): Body<NewOrder>,
) -> Result<(StatusCode, Location, Replayed, Tagged<Order>), Problem<Error>> {
    let id = OrderId::new();
    let order = orders.place(caller, key, Some(id), order).await?;
    let settled = !matches!(order.status, OrderStatus::Pending | OrderStatus::Cancelling);
    let status = if settled { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Location(format!("/v1/orders/{}", order.id)), Replayed(order.id != id), tagged(order)))
}

/// Lists the caller's orders, the latest first; everybody's to staff.
#[utoipa::path(get, path = "/v1/orders", responses((status = 200, body = Page<Order>)))]
async fn list(
    State(orders): State<Api>,
    Shopper(caller): Shopper,
    Query(query): Query<OrderQuery>,
) -> Result<Json<Page<Order>>, Problem<Error>> {
    Ok(Json(orders.list(caller, query).await?))
}

/// Tells what the caller's cart would cost now; nothing of it is kept, under whichever key it is asked.
#[utoipa::path(post, path = "/v1/orders/quote", responses((status = 200, body = Quote)))]
async fn quote(
    State(orders): State<Api>,
    Shopper(caller): Shopper,
    Body(quote): Body<NewQuote>,
) -> Result<(NoStore, Json<Quote>), Problem<Error>> {
    Ok((NoStore, Json(orders.quote(caller, quote).await?)))
}

/// Looks up an order.
#[utoipa::path(get, path = "/v1/orders/{id}", responses((status = 200, body = Order)))]
async fn get(
    State(orders): State<Api>,
    Shopper(caller): Shopper,
    Path(id): Path<OrderId>,
) -> Result<Tagged<Order>, Problem<Error>> {
    Ok(tagged(orders.get(caller, id).await?))
}

/// Lists what happened to an order, from its beginning.
#[utoipa::path(get, path = "/v1/orders/{id}/events",
    responses((status = 200, body = Page<HistoryEntry>)))]
async fn events(
    State(orders): State<Api>,
    Shopper(caller): Shopper,
    Path(id): Path<OrderId>,
) -> Result<Json<Page<HistoryEntry>>, Problem<Error>> {
    let items = orders.history(caller, id).await?;
    Ok(Json(Page { items, next: None }))
}

/// Cancels an order that has not been shipped; 202 while money and stock are still on their way back.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel",
    responses((status = 200, body = Order), (status = 202, body = Order)))]
async fn cancel(
    State(orders): State<Api>,
    Shopper(caller): Shopper,
    Path(id): Path<OrderId>,
    if_match: Condition,
    Body(Nothing {}): Body<Nothing>,
) -> Result<(StatusCode, Tagged<Order>), Problem<Error>> {
    let order = orders.cancel(caller, id, if_match).await?;
    let done = order.status == OrderStatus::Cancelled;
    Ok((if done { StatusCode::OK } else { StatusCode::ACCEPTED }, tagged(order)))
}

/// Notes that a parcel has left the house. Staff.
#[utoipa::path(post, path = "/v1/orders/{id}/shipments", responses((status = 201, body = Order)))]
async fn ship(
    State(orders): State<Api>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Path(id): Path<OrderId>,
    if_match: Condition,
    Body(shipment): Body<NewShipment>,
) -> Result<(StatusCode, Tagged<Order>), Problem<Error>> {
    Ok((StatusCode::CREATED, tagged(orders.ship(caller, id, key, shipment, if_match).await?)))
}

/// Pays some of an order back, or all that is left. Staff.
#[utoipa::path(post, path = "/v1/orders/{id}/refunds", responses((status = 201, body = Order)))]
async fn refund(
    State(orders): State<Api>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Path(id): Path<OrderId>,
    if_match: Condition,
    Body(refund): Body<NewRefund>,
) -> Result<(StatusCode, Tagged<Order>), Problem<Error>> {
    Ok((StatusCode::CREATED, tagged(orders.refund(caller, id, key, refund, if_match).await?)))
}
