//! The floors: a bare handler that returns the same bytes, and the bare SQL of an order.
use std::{
    process::Command,
    time::{Duration, Instant},
};

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use chrono::Utc;
use kernel::{
    Db, Executor,
    testing::{Folder, Server, address, until},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    figures::{Effort, Measured, Processes, measure, of_load},
    load::{Load, Run},
    shop::{Engine, port},
};

/// Serves the bytes of a file until it is killed.
pub(crate) async fn serve(port: &str, file: &str) {
    let body: &'static str = String::leak(std::fs::read_to_string(file).expect("the body"));
    let router = Router::new().route("/", get(move || async move { ([(CONTENT_TYPE, "application/json")], body) }));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("the port is free");
    axum::serve(listener, router).await.expect("it serves");
}

/// A bare axum handler that returns `body`, under the same load.
pub(crate) async fn bare(body: &str, connections: usize, effort: Effort) -> Measured {
    let folder = Folder::new();
    let file = folder.0.join("body");
    std::fs::write(&file, body).expect("a file");
    let port = port();
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program).args(["floor", &port.to_string()]).arg(&file).spawn().expect("it runs");
    let address = format!("127.0.0.1:{port}");
    until("it listens", async || std::net::TcpStream::connect(&address).is_ok()).await;
    let processes = Processes { servers: vec![child.id()], database: None };
    let measured = of_load(effort, &processes, &Load::get(&address, "/", 1), connections).await;
    child.kill().ok();
    child.wait().ok();
    measured
}

const TABLES: &str = "
    CREATE TABLE stock (sku TEXT NOT NULL PRIMARY KEY, on_hand BIGINT NOT NULL CHECK (on_hand >= 0));
    CREATE TABLE orders (id UUID NOT NULL PRIMARY KEY, number TEXT NOT NULL UNIQUE, total BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL);
    CREATE TABLE lines (order_id UUID NOT NULL REFERENCES orders (id), sku TEXT NOT NULL, quantity BIGINT NOT NULL, price BIGINT NOT NULL);
    CREATE TABLE payments (order_id UUID NOT NULL PRIMARY KEY, amount BIGINT NOT NULL, status TEXT NOT NULL)";
/// Products that are bought.
const SKUS: u32 = 1000;

/// What a shop has to write at the least: the order, its lines, its payment, and less on the shelf; in one transaction,
/// as durable as the shop's own.
pub(crate) async fn orders(engine: Engine, connections: usize, effort: Effort) -> Measured {
    let folder = Folder::new();
    let (db, server) = match engine {
        Engine::Sqlite => (Db::sqlite(&folder.0.join("floor.db"), 4).await.expect("a file"), None),
        Engine::Postgres => {
            let server = Server::durable().await;
            let url = address(&[&server.host]);
            (Db::postgres(&url, "floor", 10).await.expect("a database"), Some(server))
        }
    };
    for table in TABLES.split(';') {
        db.query(table).execute().await.expect("a table");
    }
    for sku in 0..SKUS {
        let insert = db.query("INSERT INTO stock (sku, on_hand) VALUES ($1, 1000000000)").bind(sku.to_string());
        insert.execute().await.expect("a product");
    }
    let processes = Processes { servers: vec![std::process::id()], database: server.as_ref().map(Server::pid) };
    measure(effort, &processes, async |time| run(&db, connections, time).await).await
}

async fn run(db: &Db, connections: usize, time: Duration) -> Run {
    let (begun, until) = (Instant::now(), Instant::now() + time);
    let mut all = JoinSet::new();
    for _ in 0..connections {
        let db = db.clone();
        all.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                order(&db).await.expect("an order");
                times.push(begun.elapsed());
            }
            times
        });
    }
    Run { times: all.join_all().await.into_iter().flatten().collect(), elapsed: begun.elapsed() }
}

async fn order(db: &Db) -> sqlx::Result<()> {
    let id = Uuid::now_v7();
    // In the order of their names, so that two orders never wait for each other.
    let first = rand::random_range(0..SKUS - 1);
    let lines = [first, first + 1].map(|sku| sku.to_string());
    #[expect(clippy::disallowed_methods, reason = "a floor has no clock to set")]
    let now = Utc::now();
    let mut tx = db.begin().await?;
    tx.query("INSERT INTO orders (id, number, total, at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(id.to_string())
        .bind(1990_i64)
        .bind(now)
        .execute()
        .await?;
    for sku in lines.iter().min().into_iter().chain(lines.iter().max()) {
        tx.query("UPDATE stock SET on_hand = on_hand - 1 WHERE sku = $1 AND on_hand >= 1")
            .bind(&**sku)
            .execute()
            .await?;
        tx.query("INSERT INTO lines (order_id, sku, quantity, price) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(&**sku)
            .bind(1_i64)
            .bind(1990_i64)
            .execute()
            .await?;
    }
    tx.query("INSERT INTO payments (order_id, amount, status) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(1990_i64)
        .bind("captured")
        .execute()
        .await?;
    tx.commit().await
}
