//! The public endpoints of notifications.
use std::sync::Arc;

use axum::{Json, extract::State};
use kernel::{Body, Caller, Page, PageQuery, Problem, Query};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Delivery, DeliveryQuery, Error, Notification, Notifications, Preferences};

type Api = State<Arc<dyn Notifications>>;
type Answer<T> = Result<Json<T>, Problem<Error>>;

pub(crate) fn routes(api: Arc<dyn Notifications>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(preferences, set_preferences))
        .routes(routes!(deliveries))
        .with_state(api)
}

/// Lists one's own notifications, the latest first.
#[utoipa::path(get, path = "/v1/notifications", tag = "notifications", params(PageQuery),
    responses((status = 200, body = Page<Notification>)))]
async fn list(State(api): Api, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Page<Notification>> {
    Ok(Json(api.list(caller, page).await?))
}

/// Shows what one wants to be told.
#[utoipa::path(get, path = "/v1/notifications/preferences", tag = "notifications",
    responses((status = 200, body = Preferences)))]
async fn preferences(State(api): Api, caller: Caller) -> Answer<Preferences> {
    Ok(Json(api.preferences(caller).await?))
}

/// Changes what one wants to be told.
#[utoipa::path(put, path = "/v1/notifications/preferences", tag = "notifications", request_body = Preferences,
    responses((status = 200, body = Preferences)))]
async fn set_preferences(State(api): Api, caller: Caller, Body(wish): Body<Preferences>) -> Answer<Preferences> {
    Ok(Json(api.set_preferences(caller, wish).await?))
}

/// Lists deliveries to everybody, the latest first. For staff.
#[utoipa::path(get, path = "/v1/deliveries", tag = "notifications", params(DeliveryQuery),
    responses((status = 200, body = Page<Delivery>)))]
async fn deliveries(State(api): Api, caller: Caller, Query(query): Query<DeliveryQuery>) -> Answer<Page<Delivery>> {
    Ok(Json(api.deliveries(caller, query).await?))
}
