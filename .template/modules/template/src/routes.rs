//! The public endpoints of notes.
use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use kernel::{Body, Caller, IdempotencyKey, Page, PageQuery, Problem, Query};
use utoipa_axum::router::OpenApiRouter;

use crate::{Error, NewNote, Note, Template};

type Api = State<Arc<dyn Template>>;
type Answer<T> = Result<T, Problem<Error>>;

pub(crate) fn routes(api: Arc<dyn Template>) -> OpenApiRouter {
    OpenApiRouter::new().routes(kernel::routes!(list, add)).with_state(api)
}

/// Lists notes, the latest first.
#[utoipa::path(get, path = "/v1/template", responses((status = 200, body = Page<Note>)))]
async fn list(State(api): Api, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<Page<Note>>> {
    Ok(Json(api.list(caller, page).await?))
}

/// Adds a note. Staff.
#[utoipa::path(post, path = "/v1/template", responses((status = 201, body = Note)))]
async fn add(
    State(api): Api,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(note): Body<NewNote>,
) -> Answer<(StatusCode, Json<Note>)> {
    Ok((StatusCode::CREATED, Json(api.add(caller, key, note).await?)))
}
