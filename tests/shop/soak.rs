//! Many shoppers, and processes that die at any moment: `just soak` for a long time, here for a short one.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::task::JoinSet;

use crate::{
    invariants::{audit, contradictions, furnish},
    matrix::SETTINGS,
    shopper::{
        Shopper,
        Story::{self, Abandoned, Approved, Bought, Cancelled, Declined, Lost, Overtaken, Refunded, Shipped, Slow},
        Visit,
    },
    world::{
        Bus::{self, Direct, Nats},
        Engine::{self, Postgres, Sqlite},
        Shop,
        Topology::{self, Apart, Checked, Together, Twice},
    },
};

const SHOPPERS: u64 = 8;
/// What they do; most of them just buy.
const STORIES: [Story; 13] =
    [Bought, Bought, Bought, Slow, Slow, Lost, Declined, Cancelled, Refunded, Shipped, Approved, Abandoned, Overtaken];

/// Shops until it is told to stop, and says how often.
async fn shop(seed: u64, visit: Visit, stop: Arc<AtomicBool>, orders: Arc<AtomicUsize>) -> Result<(), String> {
    let mut chance = StdRng::seed_from_u64(seed);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let story = *STORIES.choose(&mut chance).unwrap();
        let name = format!("{}-{number}", visit.name);
        orders.fetch_add(1, Ordering::Relaxed);
        story
            .play(Visit { name: name.clone(), ..visit.clone() })
            .await
            .map_err(|wrong| format!("{story:?} {name}: {wrong}"))?;
    }
    Ok(())
}

/// A number that the environment may set.
fn setting(name: &str) -> Option<u64> {
    std::env::vars().find(|(known, _)| known == name).map(|(_, value)| value.parse().expect("a number"))
}

/// Lets people shop while there is `trouble`, and says how many orders they placed and what was wrong with them.
pub(crate) async fn people(
    open: &mut Shop,
    seed: u64,
    trouble: impl AsyncFnOnce(&mut Shop, StdRng),
) -> (usize, Vec<String>) {
    let staff = furnish(open).await;
    let (stop, orders) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut shoppers = JoinSet::new();
    for number in 1..=SHOPPERS {
        let visit = Visit { bases: open.bases.clone(), staff: staff.clone(), sku: "CUP", name: number.to_string() };
        shoppers.spawn(shop(seed.wrapping_mul(1000) + number, visit, Arc::clone(&stop), Arc::clone(&orders)));
    }
    trouble(open, StdRng::seed_from_u64(seed)).await;
    stop.store(true, Ordering::Relaxed);
    let mut found: Vec<String> = shoppers.join_all().await.into_iter().filter_map(Result::err).collect();
    let orders = orders.load(Ordering::Relaxed);
    found.extend(audited(open, &staff, orders).await.err());
    (orders, found)
}

/// Seeds that once found something; each is played again.
const SEEDS: [u64; 1] = [1];

/// Kills a process at random moments while people shop, and looks what has become of their orders.
async fn soak(topology: Topology, engine: Engine, bus: Bus) {
    let seeds = setting("STOA_SOAK_SEED").map_or_else(|| SEEDS.to_vec(), |seed| vec![seed]);
    let kills = setting("STOA_SOAK_KILLS").unwrap_or(20);
    for seed in seeds {
        let begun = Instant::now();
        let over = bus.settings().await;
        let over = over.iter().map(|(name, value)| (*name, &**value));
        let settings: Vec<_> =
            SETTINGS.into_iter().chain([("STOA_PAYMENTS__TEST_SLOW_MS", "400")]).chain(over).collect();
        let mut open = Shop::open(topology, engine, &settings).await;
        let (orders, found) = people(&mut open, seed, async |open, mut chance| {
            for _ in 0..kills {
                tokio::time::sleep(Duration::from_millis(chance.random_range(50..1500))).await;
                open.kill_one(chance.random_range(0..open.processes()));
                tokio::time::sleep(Duration::from_millis(chance.random_range(0..300))).await;
                open.start();
                open.ready().await;
            }
        })
        .await;
        let (violations, took) = (found.len(), begun.elapsed());
        println!(
            "{topology:?} on {engine:?}, {bus:?}: seed {seed}, {orders} orders, {kills} kills, {violations} violations, {took:?}"
        );
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
    }
}

async fn audited(shop: &Shop, staff: &Shopper, orders: usize) -> Result<(), String> {
    let facts = audit(shop, Duration::from_mins(2), false).await?;
    let mut found = contradictions(&facts, staff).await?;
    if facts.orders.len() != orders {
        found.push(format!("{orders} were placed, there are {}", facts.orders.len()));
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

macro_rules! soak {
    ($($world:ident: $topology:ident $engine:ident $bus:ident;)*) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $world() { soak($topology, $engine, $bus).await; }
    )* };
}

soak! {
    together_on_sqlite: Together Sqlite Direct;
    together_on_postgres: Together Postgres Direct;
    checked_on_sqlite: Checked Sqlite Direct;
    apart_on_sqlite: Apart Sqlite Direct;
    apart_on_postgres: Apart Postgres Direct;
    apart_on_nats: Apart Postgres Nats;
    two_replicas_on_postgres: Twice Postgres Direct;
    two_replicas_on_nats: Twice Postgres Nats;
}
