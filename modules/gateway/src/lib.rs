#![doc = include_str!("../README.md")]
mod caller;
mod conditions;
mod cors;
mod error;
mod headers;
mod idempotency;
mod limits;
mod merge;
mod pages;
mod problems;
mod request;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};
use kernel::{BODY_LIMIT, Context, StartError, sqlx::migrate::Migrator};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    caller::{Gate, keys, keys::Keys},
    idempotency::IdempotencyStore,
    settings::Settings,
};
pub use error::Error;
pub use pages::openapi::openapi;

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "gateway": key => { begun, answered, ended } }
}

/// The public edge: it finds out who asks, and hands each request to the module that it is for.
#[derive(Debug)]
pub struct Edge;

impl kernel::Edge for Edge {
    const NAME: &'static str = "gateway";
    type Deps = (Arc<dyn users::Users>, Arc<dyn cart::Carts>);
    const MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/gateway");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    /// Puts the edge around the public routes of all modules.
    ///
    /// It never waits for a module: where one is not there yet, what needs it is answered 503.
    async fn start(context: Context, (users, cart): Self::Deps, public: OpenApiRouter) -> Result<Router, StartError> {
        let settings = context.config::<Settings>()?.checked()?;
        assemble(&context, &settings, users, cart, public)
    }
}

fn assemble(
    context: &Context,
    settings: &Settings,
    users: Arc<dyn users::Users>,
    cart: Arc<dyn cart::Carts>,
    public: OpenApiRouter,
) -> Result<Router, StartError> {
    let (timeout, cors) = (settings.timeout(), cors::layer(settings.origins()));
    let (routes, document) = public.split_for_parts();
    let modules = pages::openapi::replayed(&document);
    let pages = pages::routes(&pages::openapi::describe(document))?;

    let keys = Arc::new(Keys::new(users));
    keys::keep_fresh(Arc::clone(&keys), &context.tasks);
    let store = IdempotencyStore::new(context, timeout, modules);
    store.keep_short();

    // Both stacks read from the outside in. The inner one is only around what has a handler.
    let handlers = ServiceBuilder::new()
        .layer(from_fn(conditions::of_reads))
        .layer(from_fn(conditions::of_packed))
        .layer(headers::compression())
        .layer(from_fn_with_state(store, idempotency::once))
        .layer(from_fn_with_state(cart, merge::at_sign_in))
        .layer(CatchPanicLayer::custom(problems::of_panic));
    let everything = ServiceBuilder::new()
        .layer(from_fn_with_state(timeout, request::begin))
        .layer(from_fn(headers::secure))
        .option_layer(cors)
        .layer(from_fn(problems::of_failures))
        .layer(from_fn(limits::deadline))
        .layer(from_fn(limits::body))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(Gate::new(keys, context.clock.clone()), caller::identify));
    Ok(routes.merge(pages).route_layer(handlers).layer(everything))
}
