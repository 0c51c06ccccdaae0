//! The broker goes away, forgets everything, or loses its leader: orders go on, and nobody misses anything.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{self, consumer::pull, stream::Stream};
use futures_util::future::join_all;
use kernel::{
    CloudEvent, Executor,
    testing::{found, nats, until, within},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    actor::client,
    invariants::{audit, contradictions, furnish},
    matrix::SETTINGS,
    server::Server,
    shopper::{
        Shopper,
        Story::{Bought, Cancelled, Declined, Refunded, Shipped},
        Visit,
    },
    world::{
        Engine::{self, Postgres, Sqlite},
        Shop,
        Topology::{self, Apart, Together, Twice},
    },
};

/// A shop on NATS, and what its streams hold.
struct World {
    shop: Shop,
    staff: Shopper,
    url: String,
    prefix: String,
    /// How many orders were placed.
    orders: usize,
}

impl World {
    async fn open(topology: Topology, engine: Engine, url: &str, prefix: &str, more: &[(&str, &str)]) -> Self {
        let own = [("STOA_EVENTS__URL", url), ("STOA_EVENTS__PREFIX", prefix)];
        let settings: Vec<_> = SETTINGS.into_iter().chain(own).chain(more.iter().copied()).collect();
        let shop = Shop::open(topology, engine, &settings).await;
        let staff = furnish(&shop).await;
        Self { shop, staff, url: url.into(), prefix: prefix.into(), orders: 0 }
    }

    fn visit(&self, name: String) -> Visit {
        Visit { bases: self.shop.bases.clone(), staff: self.staff.clone(), sku: "CUP", name }
    }

    /// So many people shop at once, each to the end of a story.
    async fn sell(&mut self, count: usize) {
        let stories = [Bought, Cancelled, Declined, Refunded, Shipped].into_iter().cycle();
        let visits = stories.take(count).enumerate().map(|(number, story)| {
            let name = format!("{}", self.orders + number);
            story.play(self.visit(name))
        });
        for told in join_all(visits).await {
            told.unwrap();
        }
        self.orders += count;
    }

    /// Nothing is lost and nothing happened twice: mails, money, stock, what was told and what was heard.
    async fn holds(&self) {
        let facts = audit(&self.shop, Duration::from_mins(1), false).await.unwrap();
        assert_eq!(facts.orders.len(), self.orders);
        assert_eq!(contradictions(&facts, &self.staff).await.unwrap(), Vec::<String>::new());
    }

    async fn stream(&self, source: &str) -> Result<Stream, String> {
        let client = async_nats::connect(self.url.split(',').collect::<Vec<_>>()).await;
        let jetstream = jetstream::new(client.map_err(|error| error.to_string())?);
        jetstream.get_stream(format!("{}-{source}", self.prefix)).await.map_err(|error| error.to_string())
    }

    /// Waits until the broker has every event of `source` at its place, and nothing else.
    async fn copied(&self, source: &str) {
        found(async || {
            let told = self.told(source).await;
            let has = match self.stream(source).await {
                Ok(stream) => ids(&stream).await,
                Err(error) => Err(error),
            };
            let copied = !told.is_empty() && has.as_ref() == Ok(&told);
            if copied { Ok(()) } else { Err(format!("of {source}'s {} events the broker has {has:?}", told.len())) }
        })
        .await;
    }

    /// What `source` has published.
    async fn told(&self, source: &str) -> Vec<Uuid> {
        let db = self.shop.database(source).await;
        let rows: Vec<(Uuid,)> =
            db.query("SELECT id FROM outbox WHERE position IS NOT NULL ORDER BY position").fetch_all().await.unwrap();
        db.close().await;
        rows.into_iter().map(|(id,)| id).collect()
    }

    /// Waits until the count of what `module` has not sent is as `wanted` says.
    async fn unsent(&self, module: &str, wanted: impl Fn(f64) -> bool) {
        let counted = within(Duration::from_secs(10), async || {
            let count = self.metric(module, &format!("stoa_events_unsent{{module=\"{module}\"}}")).await;
            if wanted(count) { Ok(()) } else { Err(format!("{module}: {count} are not sent")) }
        });
        counted.await.unwrap();
    }

    async fn metric(&self, role: &str, name: &str) -> f64 {
        let metrics = client().get(format!("{}/metrics", self.shop.internal(role))).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// The events of `stream`, by their places.
async fn ids(stream: &Stream) -> Result<Vec<Uuid>, String> {
    let mut ids = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(sequence).await.map_err(|error| format!("{sequence}: {error}"))?;
        let event: CloudEvent = serde_json::from_slice(&message.payload).map_err(|error| error.to_string())?;
        if u64::try_from(event.position) != Ok(sequence) {
            return Err(format!("the event {} at {sequence}", event.position));
        }
        ids.push(event.id);
    }
    Ok(ids)
}

async fn without_a_broker_for_a_while(topology: Topology, engine: Engine) {
    let (server, url) = Server::start("nats-private").await;
    server.told("stop").await;
    // It is not there when the shop opens, either.
    let mut world = World::open(topology, engine, &url, "stoa", &[]).await;
    world.sell(5).await;
    world.holds().await;
    assert!(world.metric("orders", "stoa_broker_up").await < 0.5);
    world.unsent("orders", |count| count >= 5.0).await;
    server.told("start").await;
    world.copied("orders").await;
    world.copied("payments").await;

    server.told("stop").await;
    world.sell(10).await;
    world.holds().await;
    server.told("start").await;
    world.copied("orders").await;
    world.copied("payments").await;
    world.sell(5).await;
    world.holds().await;
    world.copied("orders").await;
    world.copied("payments").await;
    assert!(world.metric("orders", "stoa_broker_up").await > 0.5);
    for module in ["orders", "payments"] {
        world.unsent(module, |count| count < 1.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_in_one_process_goes_on_without_its_broker() {
    without_a_broker_for_a_while(Together, Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_in_seven_processes_goes_on_without_its_broker() {
    without_a_broker_for_a_while(Apart, Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forgot_everything_is_filled_again() {
    let (server, url) = Server::start("nats-private").await;
    let mut world = World::open(Apart, Postgres, &url, "stoa", &[]).await;
    world.sell(10).await;
    world.holds().await;
    for source in ["orders", "payments"] {
        world.copied(source).await;
    }
    server.told("wipe").await;
    server.told("start").await;
    for source in ["orders", "payments"] {
        world.copied(source).await;
    }
    world.sell(5).await;
    world.holds().await;
    for (source, consumer) in [("orders", "notifications"), ("payments", "orders")] {
        world.copied(source).await;
        // Its durable comes again, too; and if it is lost alone.
        found(async || world.stream(source).await.unwrap().get_consumer::<pull::Config>(consumer).await).await;
        world.stream(source).await.unwrap().delete_consumer(consumer).await.unwrap();
    }
    world.sell(5).await;
    world.holds().await;
    // On request, as where it holds something that is not ours.
    let made = world.stream("orders").await.unwrap().cached_info().created;
    let output = world.shop.stoa("orders", &["events", "replay", "--source", "orders"], "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    world.copied("orders").await;
    assert_ne!(world.stream("orders").await.unwrap().cached_info().created, made);
    world.sell(5).await;
    world.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_its_leader_under_load_loses_nothing() {
    let (cluster, url) = Server::start("nats-cluster").await;
    let mut world = World::open(Twice, Postgres, &url, "stoa", &[("STOA_EVENTS__REPLICAS", "3")]).await;
    world.sell(5).await;
    world.copied("orders").await;
    assert_eq!(world.stream("orders").await.unwrap().cached_info().config.num_replicas, 3);

    let stop = Arc::new(AtomicBool::new(false));
    let mut shoppers = JoinSet::new();
    for shopper in 0..4 {
        let (visit, stop) = (world.visit(String::new()), Arc::clone(&stop));
        shoppers.spawn(async move {
            let mut placed = 0;
            while !stop.load(Ordering::Relaxed) {
                let name = format!("load-{shopper}-{placed}");
                Bought.play(Visit { name, ..visit.clone() }).await.unwrap();
                placed += 1;
            }
            placed
        });
    }
    let last = async |source| world.stream(source).await.map_or(0, |stream| stream.cached_info().state.last_sequence);
    for source in ["orders", "payments"] {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let leader = leader(&world, source).await;
        cluster.told(&format!("stop {leader}")).await;
        let before = last(source).await;
        // Two of three go on under another leader.
        let on = async || last(source).await > before + 5;
        until(&format!("{source}'s events go on after {before}"), on).await;
        cluster.told(&format!("start {leader}")).await;
    }
    stop.store(true, Ordering::Relaxed);
    let placed: usize = shoppers.join_all().await.into_iter().sum();
    world.orders += placed;
    println!("two leaders died: {placed} orders meanwhile");
    world.holds().await;
    world.copied("orders").await;
    world.copied("payments").await;
}

/// The number of the server that leads the stream of `source`.
async fn leader(world: &World, source: &str) -> String {
    found(async || {
        let info = world.stream(source).await.map(|stream| stream.cached_info().cluster.clone());
        let leader = info.as_ref().ok().and_then(|cluster| cluster.as_ref()?.leader.as_deref());
        let number = leader.map(|leader| leader.trim_start_matches('n').to_owned());
        number.ok_or_else(|| format!("{source} has no leader: {info:?}"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_shop_is_left_alone_and_said_to_be_one() {
    let (url, prefix) = nats().await;
    let mut first = World::open(Together, Sqlite, &url, &prefix, &[]).await;
    first.sell(5).await;
    first.copied("orders").await;
    first.copied("payments").await;
    let theirs = first.told("orders").await;
    drop(first);

    let mut world = World::open(Together, Sqlite, &url, &prefix, &[]).await;
    world.sell(2).await;
    world.holds().await;
    let said = world.shop.said("all");
    assert!(said.contains(&format!("stream {prefix}-orders has")) && said.contains("`events.prefix`"), "{said}");
    assert!(said.lines().count() < 30, "it is not said again and again: {said}");
    world.sell(5).await;
    world.holds().await;
    assert_eq!(ids(&world.stream("orders").await.unwrap()).await, Ok(theirs), "it stays as it is");
    for source in ["orders", "payments"] {
        let output = world.shop.stoa("all", &["events", "replay", "--source", source], "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        world.copied(source).await;
    }
    world.sell(2).await;
    world.holds().await;
}
