//! What each operation costs: statements, transactions and their commits, waits for the disk, and calls of modules.
//!
//! The table in `tests/snapshots/cost.txt` is what it may cost. Whoever changes a number says why in the same commit;
//! `STOA_COST=write cargo test --test shop cost` writes the table anew.
use std::{collections::BTreeMap, fmt::Write, path::Path, time::Duration};

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    actor::{Actor, PASSWORD, client},
    stories::product,
    world::{Engine, Shop, Topology},
};

/// What is counted, by the names of the metrics.
const COUNTED: [&str; 5] = [
    "stoa_database_statements_total",
    "stoa_database_transactions_total",
    "stoa_database_commits_total",
    "stoa_database_syncs_total",
    "stoa_calls_total",
];
/// How often each operation is done; the cheapest time is what it costs, as nothing else happened then.
const TIMES: usize = 5;
/// How long something goes on that nobody waits for: an event that is heard, a mail that is sent.
const AFTERWARDS: Duration = Duration::from_millis(700);
/// For what is over with its answer.
const AT_ONCE: Duration = Duration::from_millis(60);
/// Shoppers who buy at the same time, and how often each.
const CROWD: usize = 16;
const ORDERS: usize = 4;
const IDLE: Duration = Duration::from_secs(10);
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/cost.txt");

type Cost = [f64; COUNTED.len()];

/// The rows of one world, in their order.
struct Ledger<'a> {
    shop: &'a Shop,
    rows: Vec<(&'static str, Cost)>,
}

impl Ledger<'_> {
    async fn count(&self) -> Cost {
        let mut counts = [0.0; COUNTED.len()];
        for index in 0..self.shop.processes() {
            let role = self.shop.role(index).split(',').next().expect("it has a role");
            let metrics = client().get(format!("{}/metrics", self.shop.internal(role))).send().await.unwrap();
            for line in metrics.text().await.unwrap().lines() {
                let name = line.split(['{', ' ']).next().unwrap_or_default();
                if let Some(place) = COUNTED.iter().position(|counted| *counted == name) {
                    counts[place] += line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
                }
            }
        }
        counts
    }

    /// What `work` costs with all that it leads to in the time `after` it, each `share` of it.
    async fn measure<T>(&self, after: Duration, share: f64, work: impl Future<Output = T>) -> (Cost, T) {
        let before = self.count().await;
        let done = work.await;
        tokio::time::sleep(after).await;
        let mut cost = self.count().await;
        cost.iter_mut().zip(before).for_each(|(now, then)| *now = (*now - then) / share);
        (cost, done)
    }

    /// Notes the least that `work` costs, of several times.
    async fn note<P, T>(
        &mut self,
        name: &'static str,
        after: Duration,
        prepare: impl AsyncFn(usize) -> P,
        work: impl AsyncFn(&P) -> T,
    ) {
        let mut least = [f64::MAX; COUNTED.len()];
        for time in 0..TIMES {
            let prepared = prepare(time).await;
            tokio::time::sleep(after).await;
            let (cost, _) = self.measure(after, 1.0, work(&prepared)).await;
            least.iter_mut().zip(cost).for_each(|(least, cost)| *least = least.min(cost));
        }
        self.rows.push((name, least));
    }
}

async fn expect(status: u16, reply: impl Future<Output = crate::actor::Reply>) -> Value {
    let reply = reply.await;
    assert_eq!(reply.status, status, "{reply:?}");
    reply.body
}

async fn order<'a>(guest: &Actor<'a>, key: String) -> (Actor<'a>, String) {
    let guest = guest.with_cart(&[("AMPHORA", 1)]).await;
    let body = expect(201, guest.order("ok", &key)).await;
    (guest, body["id"].as_str().unwrap().to_owned())
}

async fn account(shop: &Shop, name: String) -> Value {
    let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD, "name": name});
    expect(201, shop.guest(&name).send(Method::POST, "/v1/users", Some(&body), &[])).await;
    body
}

async fn world(topology: Topology, engine: Engine) -> Vec<(&'static str, Cost)> {
    let shop = Shop::open(topology, engine, &[]).await;
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "amphora", &[("AMPHORA", 9900, 10_000)]).await;
    let ada = shop.customer("ada").await;
    let guest = shop.guest("guest");
    let get = async |who: &Actor, path: &str| expect(200, who.send(Method::GET, path, None, &[])).await;
    let mut ledger = Ledger { shop: &shop, rows: Vec::new() };
    let nothing = async |_| ();

    ledger.note("a product", AT_ONCE, nothing, async |()| get(&guest, "/v1/products/amphora").await).await;
    ledger.note("a page of products", AT_ONCE, nothing, async |()| get(&guest, "/v1/products").await).await;
    ledger.note("a search", AT_ONCE, nothing, async |()| get(&guest, "/v1/products?q=amphora").await).await;
    let anew = async |time| account(&shop, format!("new-{time}")).await;
    ledger.note("an account opened", AT_ONCE, async |time| time, async |time| anew(time + 100).await).await;
    let sign_in = async |account: &Value| {
        let credentials = json!({"email": account["email"], "password": PASSWORD});
        expect(201, shop.guest("new").send(Method::POST, "/v1/sessions", Some(&credentials), &[])).await
    };
    ledger.note("a sign-in", AT_ONCE, anew, sign_in).await;
    ledger.note("one's own account", AT_ONCE, nothing, async |()| get(&ada, "/v1/users/me").await).await;
    let first = async |(): &()| guest.with_cart(&[("AMPHORA", 1)]).await;
    ledger.note("a guest's first item", AT_ONCE, nothing, first).await;
    let filled = async |_| guest.with_cart(&[("AMPHORA", 1)]).await;
    let another = async |guest: &Actor<'_>| guest.put_in("AMPHORA", 1).await;
    ledger.note("another item", AT_ONCE, filled, async |guest| another(guest).await).await;
    ledger.note("a cart", AT_ONCE, filled, async |guest| get(guest, "/v1/cart").await).await;
    let quote = json!({"country": "DE", "shipping_method": "standard"});
    let quoted =
        async |guest: &Actor<'_>| expect(200, guest.send(Method::POST, "/v1/orders/quote", Some(&quote), &[])).await;
    ledger.note("a quote", AT_ONCE, filled, async |guest| quoted(guest).await).await;
    let bought = async |time: &usize| order(&guest, format!("bought-{time}")).await;
    ledger.note("an order, cart to mail", AFTERWARDS, async |time| time, bought).await;
    let ordered = async |time| order(&guest, format!("ordered-{time}")).await;
    let twice = async |time| (ordered(time + 100).await.0, format!("ordered-{}", time + 100));
    let again = async |(guest, key): &(Actor<'_>, String)| expect(201, guest.order("ok", key)).await;
    ledger.note("an order sent twice", AT_ONCE, twice, async |it| again(it).await).await;
    let seen = async |(guest, id): &(Actor<'_>, String)| get(guest, &format!("/v1/orders/{id}")).await;
    ledger.note("an order looked at", AT_ONCE, async |time| ordered(time + 200).await, async |it| seen(it).await).await;
    let cancelled = async |(_, id): &(Actor<'_>, String)| {
        expect(200, sam.send(Method::POST, &format!("/v1/orders/{id}/cancel"), None, &[])).await
    };
    let to_cancel = async |time| ordered(time + 300).await;
    ledger.note("an order cancelled", AFTERWARDS, to_cancel, async |it| cancelled(it).await).await;
    let shipped = async |(_, id): &(Actor<'_>, String)| {
        let parcel = json!({"carrier": "DHL"});
        let key = [("idempotency-key", &**id)];
        expect(201, sam.send(Method::POST, &format!("/v1/orders/{id}/shipments"), Some(&parcel), &key)).await
    };
    let to_ship = async |time| ordered(time + 400).await;
    ledger.note("an order shipped", AFTERWARDS, to_ship, async |it| shipped(it).await).await;

    let crowd = join_all((0..CROWD).map(|shopper| {
        let guest = guest.clone();
        async move {
            for turn in 0..ORDERS {
                order(&guest, format!("crowd-{shopper}-{turn}")).await;
            }
        }
    }));
    #[expect(clippy::cast_precision_loss, reason = "64 orders")]
    let orders = (CROWD * ORDERS) as f64;
    let (cost, _) = ledger.measure(3 * AFTERWARDS, orders, crowd).await;
    ledger.rows.push(("an order, 16 shoppers", cost));
    let (cost, ()) = ledger.measure(IDLE, IDLE.as_secs_f64(), async {}).await;
    ledger.rows.push(("a second without anybody", cost));
    ledger.rows
}

/// A row of the table, by its world and name.
type Table = BTreeMap<(String, String), Cost>;

fn written() -> Table {
    let text = std::fs::read_to_string(TABLE).unwrap_or_default();
    let mut world = String::new();
    let mut table = Table::new();
    for line in text.lines() {
        let (name, numbers) = line.split_at_checked(28).unwrap_or((line, ""));
        let numbers: Vec<f64> = numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        match Cost::try_from(numbers) {
            Ok(cost) => drop(table.insert((world.clone(), name.trim().to_owned()), cost)),
            Err(_) if !line.is_empty() => name.trim().clone_into(&mut world),
            Err(_) => {}
        }
    }
    table
}

/// More than what is written is too much. Less is welcome, and is to be written down: a fifth of it may be chance. What is
/// a mean of many at once differs with the machine.
fn flaw(cost: f64, allowed: f64) -> bool {
    let (more, less) = if allowed.fract() == 0.0 { (1.05, 0.8) } else { (1.25, 0.5) };
    cost > (allowed * more).max(allowed + 0.6) || cost < (allowed * less).min(allowed - 2.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_operation_costs() {
    use Engine::{Postgres, Sqlite};
    use Topology::{Apart, Together};
    let (together, apart) = join(async { [world(Together, Sqlite).await, world(Together, Postgres).await] }, async {
        [world(Apart, Sqlite).await, world(Apart, Postgres).await]
    })
    .await;
    let worlds = ["Together, SQLite", "Together, PostgreSQL", "Apart, SQLite", "Apart, PostgreSQL"];
    let allowed = written();
    let (mut text, mut flaws) = (String::new(), Vec::new());
    for (world, rows) in worlds.into_iter().zip(together.into_iter().chain(apart)) {
        let heads = ["statements", "transactions", "commits", "syncs", "calls"];
        writeln!(text, "{world:<28}{}", heads.map(|head| format!("{head:>14}")).concat()).unwrap();
        for (name, cost) in rows {
            let digits = usize::from(cost.iter().any(|number| number.fract() != 0.0));
            writeln!(text, "{name:<28}{}", cost.map(|number| format!("{number:>14.digits$}")).concat()).unwrap();
            let allowed = allowed.get(&(world.to_owned(), name.to_owned()));
            let differs =
                allowed.is_none_or(|allowed| cost.iter().zip(allowed).any(|(cost, allowed)| flaw(*cost, *allowed)));
            if differs {
                flaws.push(format!("{world}, {name}: {cost:?}, and {allowed:?} is written"));
            }
        }
        text.push('\n');
    }
    println!("{text}");
    if std::env::var("STOA_COST").is_ok_and(|wish| wish == "write") {
        std::fs::write(Path::new(TABLE), text.trim_end().to_owned() + "\n").unwrap();
    } else {
        assert!(flaws.is_empty(), "tests/snapshots/cost.txt says otherwise:\n{}", flaws.join("\n"));
    }
}
