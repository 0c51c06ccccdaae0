//! What staff see of a module's inbox, whichever module it is.
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::{InboxError, Messaging, UnhandledEvent, UnhandledQuery};
use crate::{Caller, ForeignId, Page, Path, Problem, Query};

/// Stands for the module's name in a path.
const MODULE: &str = "MODULE";

/// The public endpoints of the inbox of `module`.
pub(crate) fn routes(module: &str, messaging: Messaging) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(of(module, crate::routes!(dead_letters)))
        .routes(of(module, crate::routes!(replay)))
        .with_state(messaging)
}

fn of<S: Clone + Send + Sync + 'static>(module: &str, routes: UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S> {
    let (schemas, mut paths, router) = routes;
    paths.paths = paths.paths.into_iter().map(|(path, item)| (path.replace(MODULE, module), item)).collect();
    (schemas, paths, router)
}

/// Lists events that were received and not handled. Staff.
#[utoipa::path(get, path = "/v1/operations/MODULE/events", responses((status = 200, body = Page<UnhandledEvent>)))]
async fn dead_letters(
    State(messaging): State<Messaging>,
    caller: Caller,
    Query(query): Query<UnhandledQuery>,
) -> Result<Json<Page<UnhandledEvent>>, Problem<InboxError>> {
    Ok(Json(messaging.unhandled(caller, query).await?))
}

/// Lets an event be handled again, within seconds. Staff.
#[utoipa::path(post, path = "/v1/operations/MODULE/events/{id}/replay", responses((status = 202)))]
async fn replay(
    State(messaging): State<Messaging>,
    caller: Caller,
    Path(ForeignId(id)): Path<ForeignId>,
) -> Result<StatusCode, Problem<InboxError>> {
    messaging.replay(caller, id).await?;
    Ok(StatusCode::ACCEPTED)
}
