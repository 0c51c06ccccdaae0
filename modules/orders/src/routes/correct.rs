//! The public endpoint for what was wrong with an order.
use axum::extract::State;
use kernel::{Body, Caller, Condition, Path, Problem, Tagged};

use super::Api;
use crate::{Error, Order, OrderId, OrderPatch};

/// Corrects where mail about an order goes: what is not sent yet goes there, too. Staff.
#[utoipa::path(patch, path = "/v1/orders/{id}",
    responses((status = 200, body = Order)))]
pub(super) async fn correct(
    State(orders): State<Api>,
    caller: Caller,
    condition: Condition,
    Path(id): Path<OrderId>,
    Body(patch): Body<OrderPatch>,
) -> Result<Tagged<Order>, Problem<Error>> {
    let order = orders.correct(caller, id, patch, condition).await?;
    Ok(Tagged(order.version, order))
}
