//! What those who run the shop see of orders that do not get on, and what they can do about it.
use axum::{Json, extract::State, http::StatusCode};
use kernel::{Body, Caller, Condition, Page, PageQuery, Path, Problem, Query, Tagged};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Api, Nothing, tagged};
use crate::{Error, Order, OrderId, OrderStatus, Outcome, StuckOrder};

/// What an order is to be forced to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Force {
    /// `cancel`.
    outcome: Outcome,
}

/// Lists orders that have failed repeatedly or wait for a person, the oldest first. Staff.
#[utoipa::path(get, path = "/v1/operations/orders", tag = "orders", responses((status = 200, body = Page<StuckOrder>)))]
pub(super) async fn stuck(
    State(orders): State<Api>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<StuckOrder>>, Problem<Error>> {
    Ok(Json(orders.stuck(caller, page).await?))
}

/// Lets an order be gone on with at once; look at it for what became of it. Staff.
#[utoipa::path(post, path = "/v1/operations/orders/{id}/retry", tag = "orders",
    responses((status = 202, body = Order)))]
pub(super) async fn retry(
    State(orders): State<Api>,
    caller: Caller,
    Path(id): Path<OrderId>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<(StatusCode, Tagged<Order>), Problem<Error>> {
    Ok((StatusCode::ACCEPTED, tagged(orders.retry(caller, id).await?)))
}

/// Turns back an order that is not confirmed; 202 while money and stock are still on their way back. Admins.
#[utoipa::path(post, path = "/v1/operations/orders/{id}/force", tag = "orders",
    responses((status = 200, body = Order), (status = 202, body = Order)))]
pub(super) async fn force(
    State(orders): State<Api>,
    caller: Caller,
    Path(id): Path<OrderId>,
    if_match: Condition,
    Body(Force { outcome }): Body<Force>,
) -> Result<(StatusCode, Tagged<Order>), Problem<Error>> {
    let order = orders.force(caller, id, outcome, if_match).await?;
    let done = order.status == OrderStatus::Cancelled;
    Ok((if done { StatusCode::OK } else { StatusCode::ACCEPTED }, tagged(order)))
}
