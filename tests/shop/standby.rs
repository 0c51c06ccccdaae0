//! The primary dies under load and its standby takes over: the shop follows by itself, and loses nothing.
use std::time::Duration;

use kernel::testing::{Server, address};
use tokio::time::sleep;

use crate::{
    crowd::{Crowd, patience},
    world::{
        Engine::Sqlite,
        Shop,
        Topology::{self, Apart, Together},
    },
};

/// What may pass from a promotion until the first order.
const SOON: Duration = Duration::from_secs(6);

async fn the_standby_takes_over_under_load(topology: Topology) {
    let primary = Server::start().await;
    let standby = Server::follow(&primary, "standby").await;
    let shop = Shop::open(topology, Sqlite, &patience(&address(&[&primary.host, &standby.host]))).await;
    let sam = shop.staff("sam", "staff").await;
    let crowd = Crowd::gather(&shop, &sam).await;
    let fail_over = async {
        primary.told("stop").await;
        sleep(Duration::from_secs(1)).await;
        standby.told("promote").await;
    };
    let seen = crowd.rush(fail_over).await;
    println!("a standby promoted under load, {topology:?}: {seen}");
    assert!(seen.recovered < SOON, "{seen}");
    assert_eq!(crowd.missing(&seen.acknowledged).await, 0, "no order that was acknowledged is lost");
    crowd.has_its_orders(&shop, &sam).await;
}

#[tokio::test]
async fn a_shop_in_one_process_follows_the_primary() {
    the_standby_takes_over_under_load(Together).await;
}

#[tokio::test]
async fn a_shop_in_seven_processes_follows_the_primary() {
    the_standby_takes_over_under_load(Apart).await;
}

/// The control: without a standby that each commit waits for, orders that were acknowledged are gone.
#[tokio::test]
async fn a_standby_that_nobody_waits_for_loses_orders() {
    let primary = Server::start().await;
    let standby = Server::follow(&primary, "async-standby").await;
    let shop = Shop::open(Together, Sqlite, &patience(&address(&[&primary.host, &standby.host]))).await;
    let sam = shop.staff("sam", "staff").await;
    let crowd = Crowd::gather(&shop, &sam).await;
    // It has seen the full carts by then.
    sleep(Duration::from_secs(1)).await;
    standby.told("stop").await;
    let acknowledged = crowd.order().await;
    primary.told("stop").await;
    standby.told("start").await;
    standby.told("promote").await;
    assert_eq!(crowd.missing(&acknowledged).await, acknowledged.len(), "the check does not see what is lost");
}
