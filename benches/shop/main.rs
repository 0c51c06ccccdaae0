//! How fast the shop is, as ratios to floors that are measured in the same run.
//!
//! `cargo bench --bench shop -- [SECONDS]` (default 5 for each row). Load and servers share the machine's cores, so
//! what to trust are the CPU time per request (of all the shop's processes; PostgreSQL's own is not in it) and the ratios.
mod floor;
mod load;
mod shop;

use std::time::Duration;

use load::{Figures, Load};
use shop::{Engine, PRODUCT, Shop, Topology};

/// Connections that ask at the same time.
const CONNECTIONS: usize = 16;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // The floor's server is this program again, so that its CPU time is its own.
    match args.as_slice() {
        [role, port, file] if role == "floor" => runtime.block_on(floor::serve(port, file)),
        [] => runtime.block_on(run(Duration::from_secs(5))),
        [seconds, ..] => runtime.block_on(run(Duration::from_secs(seconds.parse().expect("a number of seconds")))),
    }
}

async fn run(time: Duration) {
    println!("{:<34} {:>10} {:>12} {:>10} {:>9}", "", "per second", "CPU µs each", "p99 ms", "of floor");
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let orders = floor::orders(engine, CONNECTIONS, time).await;
        row(&format!("{engine:?}: bare SQL of an order"), orders, None);
        for topology in [Topology::Together, Topology::Apart] {
            let shop = Shop::open(topology, engine).await;
            let name = |what: &str| format!("{engine:?}, {topology:?}: {what}");
            for (what, path) in [("a product", PRODUCT.0), ("a page of 20", "/v1/products?limit=20&sort=name")] {
                let body = shop.get(path).await;
                let floor = floor::bare(&body, CONNECTIONS, time).await;
                row(&format!("bare axum, {} bytes", body.len()), floor, None);
                let figures = Load::get(&shop.address, path).run(CONNECTIONS, time, &shop.processes()).await;
                row(&name(what), figures, Some(floor));
            }
            let figures = Load::journey(&shop.address, PRODUCT.1).run(CONNECTIONS, time, &shop.processes()).await;
            row(&name("an order, cart to capture"), figures, Some(orders));
        }
    }
}

fn row(name: &str, figures: Figures, floor: Option<Figures>) {
    let Figures { per_second, cpu_micros, p99_millis } = figures;
    let ratio = floor.map_or(String::new(), |floor| format!("{:.0} %", 100.0 * per_second / floor.per_second));
    println!("{name:<34} {per_second:>10.0} {cpu_micros:>12.0} {p99_millis:>10.1} {ratio:>9}");
}
