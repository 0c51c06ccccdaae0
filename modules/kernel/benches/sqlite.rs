//! What a transaction on SQLite costs: `cargo bench -p kernel --bench sqlite`.
//!
//! One like an order's, of eight statements, each commit on the disk, by so many callers at once; and two statements
//! that read. Time goes by the clock, CPU is that of the whole process.
#![expect(clippy::disallowed_methods, reason = "callers that come at once are tasks")]
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kernel::{Db, Executor, Tx, testing::Folder};

const TABLES: [&str; 6] = [
    "CREATE TABLE stock (sku TEXT NOT NULL PRIMARY KEY, on_hand BIGINT NOT NULL)",
    "CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE order_events (order_id BIGINT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL,
                                PRIMARY KEY (order_id, version))",
    "CREATE TABLE sagas (order_id BIGINT NOT NULL PRIMARY KEY, due_at BIGINT NOT NULL)",
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, subject BIGINT NOT NULL, data TEXT NOT NULL)",
    "INSERT INTO stock (sku, on_hand) VALUES ('CUP', 1000000000), ('POT', 1000000000)",
];

/// What an order's row or event holds.
fn body() -> String {
    "{\"line\": \"a cup and a pot\"}".repeat(20)
}

async fn order(tx: &mut Tx, id: i64) -> sqlx::Result<()> {
    tx.query("SELECT on_hand FROM stock WHERE sku = $1").bind("CUP").fetch_one::<(i64,)>().await?;
    for sku in ["CUP", "POT"] {
        tx.query("UPDATE stock SET on_hand = on_hand - 1 WHERE sku = $1 AND on_hand >= 1").bind(sku).execute().await?;
    }
    let sql = "INSERT INTO orders (id, state, body) VALUES ($1, 'open', $2)";
    tx.query(sql).bind(id).bind(body()).execute().await?;
    let sql = "INSERT INTO order_events (order_id, version, body) VALUES ($1, $2, $3)";
    tx.query(sql).bind(id).bind(1_i64).bind(body()).execute().await?;
    tx.query("INSERT INTO sagas (order_id, due_at) VALUES ($1, $2)").bind(id).bind(id).execute().await?;
    tx.query("INSERT INTO outbox (subject, data) VALUES ($1, $2)").bind(id).bind(body()).execute().await?;
    tx.query("UPDATE orders SET state = 'placed' WHERE id = $1").bind(id).execute().await?;
    Ok(())
}

async fn write(db: &Db, id: i64) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    order(&mut tx, id).await?;
    tx.commit().await
}

async fn read(db: &Db, id: i64) -> sqlx::Result<()> {
    let sql = "SELECT state, body FROM orders WHERE id = $1";
    db.query(sql).bind(id).fetch_optional::<(String, String)>().await?;
    db.query("SELECT on_hand FROM stock WHERE sku = $1").bind("CUP").fetch_one::<(i64,)>().await?;
    Ok(())
}

/// The CPU time that this process has used, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let ticks = stat.rsplit(')').next().expect("after the name").split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum::<u64>())
}

/// Does `work` for two seconds with `callers` at once, and prints what each cost.
async fn measure<F>(name: &str, callers: i64, work: impl Fn(i64) -> F + Clone + Send + 'static)
where
    F: Future<Output = sqlx::Result<()>> + Send + 'static,
{
    let (begun, used) = (Instant::now(), cpu());
    let running = (0..callers).map(|caller| {
        let work = work.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while begun.elapsed() < Duration::from_secs(2) {
                work(caller * 1_000_000 + i64::from(done)).await.expect("it is done");
                done += 1;
            }
            done
        })
    });
    let done: u32 = join_all(running).await.into_iter().map(|done| done.expect("no panic")).sum();
    let (wall, used) = (begun.elapsed() / done, cpu().saturating_sub(used) / done);
    println!("{name:<8} {callers:>3} callers: {:>7.1} µs, {:>7.1} µs CPU", micros(wall), micros(used));
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[tokio::main]
async fn main() {
    let folder = Folder::new();
    for callers in [1, 16, 64] {
        let db = Db::sqlite(&folder.0.join(format!("{callers}.db")), 4).await.expect("a file");
        for sql in TABLES {
            db.query(sql).execute().await.expect(sql);
        }
        let on = db.clone();
        measure("eight", callers, move |id| {
            let db = on.clone();
            async move { write(&db, id).await }
        })
        .await;
        let on = db.clone();
        measure("reads", callers, move |id| {
            let db = on.clone();
            async move { read(&db, id).await }
        })
        .await;
        db.close().await;
    }
}
