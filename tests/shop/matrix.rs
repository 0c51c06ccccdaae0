//! A process dies at every place at which it can matter, in every world: nothing is lost, nothing happens twice.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    invariants::{audit, contradictions, furnish},
    shopper::{
        Shopper,
        Story::{
            self, Abandoned, Approved, Bought, Cancelled, Corrected, Declined, Overtaken, Recounted, Refreshed,
            Refunded, Reviewed, Shipped,
        },
        Visit,
    },
    world::{
        Bus::{self, Direct, Nats},
        Engine::{self, Postgres, Sqlite},
        NEVER_REACHED, Shop,
        Topology::{self, Apart, Together},
    },
};

/// What is short enough to wait for.
pub(crate) const SETTINGS: [(&str, &str); 9] = [
    ("STOA_LOG__FILTER", "warn,stoa::serve=error"),
    ("STOA_ORDERS__LEASE_SECONDS", "3"),
    ("STOA_PAYMENTS__RECONCILE_AFTER_SECONDS", "1"),
    ("STOA_PAYMENTS__TEST_SLOW_MS", "2500"),
    ("STOA_GATEWAY__TIMEOUT_MS", "1500"),
    ("STOA_USERS__ACCESS_TOKEN_SECONDS", "3600"),
    ("STOA_PRODUCTS__DEMO", "false"),
    ("STOA_DATABASE__CONNECTIONS", "4"),
    ("STOA_DATABASE__READERS", "2"),
];

/// Each story, and where a process dies in it. At `outbox.placing` an event is committed and nobody was told: on PostgreSQL
/// it has no position yet, on SQLite the transaction that wrote it has given it one. A name begins with the module whose process that is.
const MATRIX: [(Story, &[&str]); 12] = [
    // First, because it is watched for a while whether its charge comes late.
    (Overtaken, &["payments.find.intended", "payments.find.answered", "payments.find.recorded"]),
    (
        Bought,
        &[
            "orders.OrderCreated.uncommitted",
            "orders.OrderCreated.committed",
            "orders.reserve.before",
            "products.reserve.uncommitted",
            "products.reserve.committed",
            "orders.reserve.after",
            "orders.authorize.before",
            "payments.authorize.intended",
            "payments.authorize.answered",
            "payments.authorize.recorded",
            "orders.authorize.after",
            "orders.commit.before",
            "products.commit.uncommitted",
            "products.commit.committed",
            "orders.commit.after",
            "orders.OrderConfirmed.uncommitted",
            "orders.OrderConfirmed.committed",
            "orders.capture.before",
            "payments.capture.intended",
            "payments.capture.answered",
            "payments.capture.recorded",
            "orders.capture.after",
            "orders.close.before",
            "cart.close.uncommitted",
            "cart.close.committed",
            "orders.close.after",
            "orders.PaymentCaptured.uncommitted",
            "orders.PaymentCaptured.committed",
            "payments.outbox.placing",
            "payments.outbox.placed",
            "orders.inbox.received",
            "orders.inbox.handled",
            "orders.inbox.committed",
            "orders.outbox.placing",
            "orders.outbox.placed",
            "notifications.inbox.received",
            "notifications.inbox.handled",
            "notifications.inbox.committed",
            "notifications.send.claimed",
            "notifications.mail.unfinished",
            "notifications.send.handed_over",
            "notifications.send.noted",
        ],
    ),
    (
        Declined,
        &[
            "payments.authorize.answered",
            "payments.authorize.recorded",
            "orders.OrderCancelling.uncommitted",
            "orders.OrderCancelling.committed",
            "orders.release.before",
            "products.release.uncommitted",
            "products.release.committed",
            "orders.release.after",
            "orders.OrderCancelled.uncommitted",
            "orders.OrderCancelled.committed",
        ],
    ),
    (
        Cancelled,
        &[
            "gateway.key.begun",
            "gateway.key.answered",
            "gateway.key.ended",
            "orders.OrderCancelling.uncommitted",
            "orders.OrderCancelling.committed",
            "orders.void.before",
            "payments.void.uncommitted",
            "payments.void.committed",
            "payments.refund.intended",
            "payments.refund.answered",
            "payments.refund.recorded",
            "orders.void.after",
            "orders.release.before",
            "products.release.committed",
            "orders.release.after",
            "orders.OrderCancelled.uncommitted",
            "orders.OrderCancelled.committed",
        ],
    ),
    (
        Refunded,
        &[
            "orders.refund.before",
            "payments.refund.intended",
            "payments.refund.answered",
            "payments.refund.recorded",
            "orders.refund.after",
            "orders.OrderRefunded.uncommitted",
            "orders.OrderRefunded.committed",
        ],
    ),
    (
        Refreshed,
        &[
            "users.refresh.uncommitted",
            "users.refresh.committed",
            "users.refresh.committed:2",
            "gateway.key.answered:3",
        ],
    ),
    (Shipped, &["orders.OrderShipped.uncommitted", "orders.OrderShipped.committed"]),
    (Corrected, &["orders.OrderCorrected.uncommitted", "orders.OrderCorrected.committed"]),
    (Recounted, &["products.adjust.uncommitted", "products.adjust.committed", "products.adjust.committed:2"]),
    (
        Reviewed,
        &[
            "reviews.inbox.received",
            "reviews.inbox.handled",
            "reviews.inbox.committed",
            "reviews.create.uncommitted",
            "reviews.create.committed",
            "reviews.rate.before",
            "reviews.rate.after",
        ],
    ),
    (
        Approved,
        &[
            "orders.PaymentActionRequired.uncommitted",
            "orders.PaymentActionRequired.committed",
            "payments.webhook.uncommitted",
            "payments.webhook.committed",
            "orders.resume.claimed",
        ],
    ),
    (
        Abandoned,
        &["payments.void.committed", "payments.void.intended", "payments.void.answered", "payments.void.recorded"],
    ),
];

/// Where two processes die in one story: the first death leads to where the second can happen.
const PAIRS: [(Story, [&str; 2]); 2] = [
    (Bought, ["cart.close.uncommitted", "orders.end.before"]),
    (Bought, ["cart.close.uncommitted", "orders.end.after"]),
];

/// What there is in a world with a broker alone, and what is different there.
const RELAYED: [(Story, &[&str]); 1] = [(
    Bought,
    &[
        "payments.relay.sent",
        "payments.relay.published",
        "orders.relay.sent",
        "orders.relay.published",
        "orders.inbox.received",
        "orders.inbox.committed",
        "notifications.inbox.received",
        "notifications.inbox.committed",
    ],
)];

/// One death, or one after another.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    story: Story,
    pub(crate) points: Vec<&'static str>,
}

pub(crate) fn rows(topology: Topology, bus: Bus) -> Vec<Row> {
    let (stories, pairs): (&[(Story, &[&str])], _) = match bus {
        Bus::Direct => (&MATRIX, &PAIRS[..]),
        Bus::Nats => (&RELAYED, &[][..]),
    };
    let single = stories
        .iter()
        .flat_map(|(story, points)| points.iter().map(|point| Row { story: *story, points: vec![*point] }));
    // Together, the first death is everybody's.
    let pairs = pairs.iter().filter(|_| topology == Apart);
    single.chain(pairs.map(|(story, points)| Row { story: *story, points: points.to_vec() })).collect()
}

/// How often a row is played whose place nobody came to: a subscriber may have noted first what a request was to note.
const TRIES: usize = 5;

/// How a row went: how long it took, or what did not hold.
type Outcome = Result<Duration, String>;

/// A shop in which one row after another is played.
struct Stage {
    shop: Shop,
    staff: Shopper,
    plays: usize,
}

impl Stage {
    async fn open(topology: Topology, engine: Engine, bus: Bus) -> Self {
        let over = bus.settings().await;
        let settings: Vec<_> = SETTINGS.into_iter().chain(over.iter().map(|(name, value)| (*name, &**value))).collect();
        let shop = Shop::open(topology, engine, &settings).await;
        let staff = furnish(&shop).await;
        Self { shop, staff, plays: 0 }
    }

    /// Plays a story to processes that die in it, and looks what has become of it once all is quiet.
    async fn play(&mut self, row: &Row) -> Result<(), String> {
        self.plays += 1;
        for point in &row.points {
            self.shop.arm(module(point), point);
        }
        self.shop.ready().await;
        let (bases, staff, name) = (self.shop.bases.clone(), self.staff.clone(), format!("{}", self.plays));
        let visit = Visit { bases, staff, sku: "CUP", name };
        #[expect(clippy::disallowed_methods, reason = "the story goes on while its shop dies")]
        let story = tokio::spawn(row.story.play(visit));
        for point in &row.points {
            self.shop.died(module(point), point).await?;
            // Long enough for those who called it to give up.
            if row.points.len() > 1 {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            self.shop.start();
        }
        self.shop.ready().await;
        let patience = Duration::from_secs(150);
        let told = tokio::time::timeout(patience, story).await.map_err(|_| "the story does not end".to_owned())?;
        told.map_err(|error| error.to_string())??;
        let facts = audit(&self.shop, Duration::from_secs(40), false).await?;
        let orders = facts.orders.len();
        if orders == self.plays { Ok(()) } else { Err(format!("{} customers have {orders} orders", self.plays)) }
    }

    /// Looks at everything once more, with what is only watched over as well.
    async fn end(self) -> Result<(), String> {
        let facts = audit(&self.shop, Duration::from_secs(100), true).await?;
        let found = contradictions(&facts, &self.staff).await?;
        if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
    }
}

fn module(point: &str) -> &str {
    point.split('.').next().unwrap_or_default()
}

/// Plays rows until there are none left. What has failed may have left anything behind: the next one gets a new shop.
async fn lane(topology: Topology, engine: Engine, bus: Bus, rows: Arc<Mutex<VecDeque<Row>>>) -> Vec<(Row, Outcome)> {
    let mut outcomes = Vec::new();
    let mut stage = Stage::open(topology, engine, bus).await;
    loop {
        let Some(row) = rows.lock().unwrap().pop_front() else { break };
        let begun = Instant::now();
        let mut outcome = stage.play(&row).await;
        for _ in 1..TRIES {
            if !outcome.as_ref().is_err_and(|found| found.ends_with(NEVER_REACHED)) {
                break;
            }
            stage = Stage::open(topology, engine, bus).await;
            outcome = stage.play(&row).await;
        }
        let outcome = outcome.map(|()| begun.elapsed());
        if outcome.is_err() {
            eprintln!("{} in {:?}: {outcome:?}", row.points.join(", "), row.story);
            eprintln!("{}", stage.shop.logs());
            stage = Stage::open(topology, engine, bus).await;
        }
        outcomes.push((row, outcome));
    }
    let begun = Instant::now();
    let outcome = stage.end().await.map(|()| begun.elapsed());
    outcomes.push((Row { story: Bought, points: vec!["the end"] }, outcome));
    outcomes
}

/// Plays every row to one world, several at a time: most of the time is spent waiting for leases to run out.
async fn matrix(topology: Topology, engine: Engine, bus: Bus, lanes: usize) {
    let begun = Instant::now();
    let only = std::env::vars().find(|(name, _)| name == "STOA_MATRIX").map(|(_, only)| only);
    let mut chosen = rows(topology, bus);
    chosen.retain(|row| only.as_ref().is_none_or(|only| row.points.iter().any(|point| point.contains(only))));
    let lanes = lanes.min(chosen.len());
    let queue = Arc::new(Mutex::new(VecDeque::from(chosen.clone())));
    let mut running = JoinSet::new();
    for _ in 0..lanes {
        running.spawn(lane(topology, engine, bus, Arc::clone(&queue)));
    }
    let outcomes: Vec<_> = running.join_all().await.into_iter().flatten().collect();
    let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
    println!("{topology:?} on {engine:?}, {bus:?}: {} deaths, {failed} failed, {:?}", chosen.len(), begun.elapsed());
    for (row, outcome) in &outcomes {
        let outcome = match outcome {
            Ok(took) => format!("held, {:4.1} s", took.as_secs_f64()),
            Err(found) => format!("FAILED: {found}"),
        };
        println!("  {:45} {:10} {outcome}", row.points.join(" + "), format!("{:?}", row.story));
    }
    assert_eq!(failed, 0, "every row holds");
}

macro_rules! matrix {
    ($($world:ident: $topology:ident $engine:ident $bus:ident in $lanes:literal;)*) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $world() { matrix($topology, $engine, $bus, $lanes).await; }
    )* };
}

matrix! {
    together_on_sqlite: Together Sqlite Direct in 12;
    together_on_postgres: Together Postgres Direct in 12;
    apart_on_sqlite: Apart Sqlite Direct in 6;
    apart_on_postgres: Apart Postgres Direct in 6;
    together_on_nats: Together Sqlite Nats in 4;
    apart_on_nats: Apart Postgres Nats in 4;
}
