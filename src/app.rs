//! The composition root: which modules there are, and which calls which.
use std::sync::Arc;

use axum::Router;
use cart::Carts;
use kernel::{Host, Module, StartError, Wire};
use notifications::Notifications;
use orders::Orders;
use payments::Payments;
use products::Products;
use users::Users;

/// What a role can be made of.
pub(crate) const NAMES: [&str; 7] = [
    "gateway",
    <dyn Products>::NAME,
    <dyn Users>::NAME,
    <dyn Carts>::NAME,
    <dyn Payments>::NAME,
    <dyn Orders>::NAME,
    <dyn Notifications>::NAME,
];

/// What the edge itself calls, and what commands do.
pub(crate) struct App {
    users: Arc<dyn Users>,
    cart: Arc<dyn Carts>,
    pub(crate) orders: Arc<dyn Orders>,
    pub(crate) notifications: Arc<dyn Notifications>,
}

/// Starts the modules that run here and connects to the rest.
///
/// One line a module; it can only call those above it.
pub(crate) async fn start(host: &mut Host) -> Result<App, StartError> {
    let products = host.module::<products::Module>(()).await?;
    let users = host.module::<users::Module>(()).await?;
    let cart = host.module::<cart::Module>(Arc::clone(&products)).await?;
    let payments = host.module::<payments::Module>(()).await?;
    let deps = (products, Arc::clone(&users), Arc::clone(&cart), payments);
    let orders = host.module::<orders::Module>(deps).await?;
    let notifications = host.module::<notifications::Module>(Arc::clone(&orders)).await?;
    Ok(App { users, cart, orders, notifications })
}

/// The public API, where this process is the edge.
pub(crate) async fn edge(host: &mut Host, App { users, cart, .. }: App) -> Result<Option<Router>, StartError> {
    if !host.hosts("gateway") {
        return Ok(None);
    }
    let context = host.context("gateway", &gateway::MIGRATIONS).await?;
    Ok(Some(gateway::start(context, users, cart, host.take_public()).await?))
}

/// Brings the databases of what runs here up to this release; nothing is started.
pub(crate) async fn migrate(host: &mut Host) -> Result<(), StartError> {
    let migrations = [
        ("gateway", gateway::MIGRATIONS),
        (<dyn Products>::NAME, products::Module::MIGRATIONS),
        (<dyn Users>::NAME, users::Module::MIGRATIONS),
        (<dyn Carts>::NAME, cart::Module::MIGRATIONS),
        (<dyn Payments>::NAME, payments::Module::MIGRATIONS),
        (<dyn Orders>::NAME, orders::Module::MIGRATIONS),
        (<dyn Notifications>::NAME, notifications::Module::MIGRATIONS),
    ];
    for (name, migrations) in &migrations {
        if host.hosts(name) {
            host.context(name, migrations).await?;
        }
    }
    Ok(())
}
