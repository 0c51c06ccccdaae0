//! The public endpoints of notifications.
use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use kernel::{Body, Caller, Page, PageQuery, Path, Problem, Query};
use utoipa_axum::router::OpenApiRouter;

use crate::{Delivery, DeliveryQuery, Error, Notification, NotificationId, Notifications, Preferences};

type Api = State<Arc<dyn Notifications>>;
type Answer<T> = Result<Json<T>, Problem<Error>>;

pub(crate) fn routes(api: Arc<dyn Notifications>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(kernel::routes!(list))
        .routes(kernel::routes!(preferences, set_preferences))
        .routes(kernel::routes!(deliveries))
        .routes(kernel::routes!(resend))
        .with_state(api)
}

/// Lists one's own notifications, the latest first.
#[utoipa::path(get, path = "/v1/notifications",
    responses((status = 200, body = Page<Notification>)))]
async fn list(State(api): Api, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Page<Notification>> {
    Ok(Json(api.list(caller, page).await?))
}

/// Shows what one wants to be told.
#[utoipa::path(get, path = "/v1/notifications/preferences",
    responses((status = 200, body = Preferences)))]
async fn preferences(State(api): Api, caller: Caller) -> Answer<Preferences> {
    Ok(Json(api.preferences(caller).await?))
}

/// Changes what one wants to be told.
#[utoipa::path(put, path = "/v1/notifications/preferences",
    responses((status = 200, body = Preferences)))]
async fn set_preferences(State(api): Api, caller: Caller, Body(wish): Body<Preferences>) -> Answer<Preferences> {
    Ok(Json(api.set_preferences(caller, wish).await?))
}

/// Lists deliveries to everybody, the latest first. For staff.
#[utoipa::path(get, path = "/v1/deliveries", responses((status = 200, body = Page<Delivery>)))]
async fn deliveries(State(api): Api, caller: Caller, Query(query): Query<DeliveryQuery>) -> Answer<Page<Delivery>> {
    Ok(Json(api.deliveries(caller, query).await?))
}

/// Sends a message again that failed, or went to an address that its order no longer has. Staff.
#[utoipa::path(post, path = "/v1/deliveries/{id}/resend",
    responses((status = 202, body = Delivery)))]
async fn resend(
    State(api): Api,
    caller: Caller,
    Path(id): Path<NotificationId>,
) -> Result<(StatusCode, Json<Delivery>), Problem<Error>> {
    Ok((StatusCode::ACCEPTED, Json(api.resend(caller, id).await?)))
}
