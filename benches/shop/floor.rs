//! The floors: a bare handler that returns the same bytes, and the bare SQL of an order.
use std::{
    process::Command,
    time::{Duration, Instant},
};

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use chrono::Utc;
use kernel::{
    Db, Executor,
    testing::{Folder, postgres, until},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    load::{Figures, Load, cpu, summary},
    shop::Engine,
};

/// Serves the bytes of a file until it is killed.
pub(crate) async fn serve(port: &str, file: &str) {
    let body: &'static str = String::leak(std::fs::read_to_string(file).expect("the body"));
    let router = Router::new().route("/", get(move || async move { ([(CONTENT_TYPE, "application/json")], body) }));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("the port is free");
    axum::serve(listener, router).await.expect("it serves");
}

/// A bare axum handler that returns `body`, under the same load.
pub(crate) async fn bare(body: &str, connections: usize, time: Duration) -> Figures {
    let folder = Folder::new();
    let file = folder.0.join("body");
    std::fs::write(&file, body).expect("a file");
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program).args(["floor", &port.to_string()]).arg(&file).spawn().expect("it runs");
    let address = format!("127.0.0.1:{port}");
    until("it listens", async || std::net::TcpStream::connect(&address).is_ok()).await;
    let figures = Load::get(&address, "/").run(connections, time, &[child.id()]).await;
    child.kill().ok();
    child.wait().ok();
    figures
}

const TABLES: &str = "
    CREATE TABLE stock (sku TEXT NOT NULL PRIMARY KEY, on_hand BIGINT NOT NULL CHECK (on_hand >= 0));
    CREATE TABLE orders (id UUID NOT NULL PRIMARY KEY, number TEXT NOT NULL UNIQUE, total BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL);
    CREATE TABLE lines (order_id UUID NOT NULL REFERENCES orders (id), sku TEXT NOT NULL, quantity BIGINT NOT NULL, price BIGINT NOT NULL);
    CREATE TABLE payments (order_id UUID NOT NULL PRIMARY KEY, amount BIGINT NOT NULL, status TEXT NOT NULL);
    INSERT INTO stock (sku, on_hand) VALUES ('SKU', 1000000000)";

/// What a shop has to write at the least: the order, its line, its payment, and one less on the shelf.
pub(crate) async fn orders(engine: Engine, connections: usize, time: Duration) -> Figures {
    let folder = Folder::new();
    let db = match engine {
        Engine::Sqlite => Db::sqlite(&folder.0.join("floor.db"), 4).await.expect("a file"),
        Engine::Postgres => Db::postgres(&postgres().await, "floor", 10).await.expect("a database"),
    };
    for table in TABLES.split(';') {
        db.query(table).execute().await.expect("a table");
    }
    let before = cpu(&[std::process::id()]);
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
    let mut times: Vec<_> = all.join_all().await.into_iter().flatten().collect();
    let spent = cpu(&[std::process::id()]).saturating_sub(before);
    summary(&mut times, spent, begun.elapsed())
}

async fn order(db: &Db) -> sqlx::Result<()> {
    let id = Uuid::now_v7();
    #[expect(clippy::disallowed_methods, reason = "a floor has no clock to set")]
    let now = Utc::now();
    let mut tx = db.begin().await?;
    tx.query("UPDATE stock SET on_hand = on_hand - 1 WHERE sku = $1 AND on_hand >= 1").bind("SKU").execute().await?;
    tx.query("INSERT INTO orders (id, number, total, at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(id.to_string())
        .bind(1990_i64)
        .bind(now)
        .execute()
        .await?;
    tx.query("INSERT INTO lines (order_id, sku, quantity, price) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind("SKU")
        .bind(1_i64)
        .bind(1990_i64)
        .execute()
        .await?;
    tx.query("INSERT INTO payments (order_id, amount, status) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(1990_i64)
        .bind("captured")
        .execute()
        .await?;
    tx.commit().await
}
