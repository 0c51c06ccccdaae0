//! How fast the shop is, as ratios to floors that are measured in the same run.
//!
//! `cargo bench --bench shop -- [quick|full|check]`; [README](../README.md) says what is measured and how to read it.
mod figures;
mod floor;
mod load;
mod process;
mod report;
mod shop;

use std::{process::ExitCode, time::Duration};

use figures::{Effort, Measured, middle, of_load};
use load::Load;
use report::{Report, Table};
use shop::{Engine, Shop, Stocked, Topology};

/// Shoppers who come at the same time.
const CROWD: usize = 16;

/// How much is measured, and for how long.
struct Plan {
    effort: Effort,
    products: u32,
    /// Catalogues that are compared in what a look into them costs.
    sizes: &'static [u32],
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let effort = |millis, runs| Effort { time: Duration::from_millis(millis), runs };
    let quick = Plan { effort: effort(1500, 3), products: 10_000, sizes: &[] };
    let full = Plan { effort: effort(5000, 5), products: 10_000, sizes: &[1_000, 10_000, 100_000, 1_000_000] };
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // The floor's server is this program again, so that its CPU time is its own.
        ["floor", port, file] => runtime.block_on(floor::serve(port, file)),
        [] | ["quick"] => runtime.block_on(run(quick)).write("just bench quick"),
        ["full"] => runtime.block_on(run(full)).write("just bench full"),
        ["check"] => {
            let steps_back = runtime.block_on(run(quick)).steps_back();
            eprint!("{}", steps_back.concat());
            return if steps_back.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        _ => panic!("quick, full or check"),
    }
    ExitCode::SUCCESS
}

async fn run(Plan { effort, products, sizes }: Plan) -> Report {
    let mut report = Report::default();
    let size = std::fs::metadata(shop::STOA).expect("the binary").len();
    #[expect(clippy::cast_precision_loss, reason = "some tens of millions")]
    report.fact("the binary", format!("{:.1} MB", size as f64 / 1e6));
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (stocked, imported) = Stocked::with(engine, products).await;
        report.fact(&format!("{engine:?}: products imported"), format!("{imported:.0} a second"));
        let floors = [floor::orders(engine, 1, effort).await, floor::orders(engine, CROWD, effort).await];
        for topology in [Topology::Together, Topology::Apart] {
            let shop = stocked.open(topology).await;
            // Whoever has not been asked for a while: no load yet.
            tokio::time::sleep(Duration::from_secs(1)).await;
            report.fact(&format!("{engine:?}, {topology:?}: memory, idle"), megabytes(&shop));
            report.add(world(&shop, engine, topology, products, effort, floors).await);
            report.fact(&format!("{engine:?}, {topology:?}: memory, after the load"), megabytes(&shop));
        }
        let ready = middle(9, async || stocked.start().await).await;
        report.fact(&format!("{engine:?}: ready after"), format!("{ready:.0} ms"));
    }
    if !sizes.is_empty() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            report.add(sized(engine, sizes, effort).await);
        }
    }
    report
}

fn megabytes(shop: &Shop) -> String {
    format!("{:.0} MB", process::memory(&shop.processes().servers))
}

/// What people do in one world.
async fn world(
    shop: &Shop,
    engine: Engine,
    topology: Topology,
    products: u32,
    effort: Effort,
    [alone, crowded]: [Measured; 2],
) -> Table {
    let title = match (engine, topology) {
        (Engine::Sqlite, Topology::Together) => "SQLite, one process",
        (Engine::Sqlite, Topology::Apart) => "SQLite, a process for each module",
        (Engine::Postgres, Topology::Together) => "PostgreSQL, one process",
        (Engine::Postgres, Topology::Apart) => "PostgreSQL, a process for each module",
    };
    let mut table = Table::new(title);
    let named = |what: &str| format!("{engine:?}, {topology:?}: {what}");
    for (what, path) in [
        ("a product", format!("/v1/products/product-{}", products / 2)),
        ("a product, any of them", "/v1/products/product-{n}".to_owned()),
        ("a page of 20", "/v1/products?limit=20&sort=name".into()),
        ("a search", "/v1/products?q=amphora".into()),
    ] {
        let body = shop.get(&path.replace("{n}", "7")).await;
        let floor = floor::bare(&body, CROWD, effort).await;
        table.row(format!("bare axum, {} bytes", body.len()), floor, None);
        let load = Load::get(&shop.address, &path, products);
        let measured = of_load(effort, &shop.processes(), &load, CROWD).await;
        table.row(named(what), measured, Some(floor));
    }
    let journey = Load::journey(&shop.address, products);
    for (what, floor, shoppers) in [("1 shopper", alone, 1), ("16 shoppers", crowded, CROWD)] {
        table.row(format!("{engine:?}: bare SQL of an order, {shoppers} at once"), floor, None);
        let measured = of_load(effort, &shop.processes(), &journey, shoppers).await;
        table.row(named(&format!("an order, {what}")), measured, Some(floor));
    }
    table
}

/// What a look into catalogues of several sizes costs: each as a share of the smallest.
async fn sized(engine: Engine, sizes: &[u32], effort: Effort) -> Table {
    let title = match engine {
        Engine::Sqlite => "SQLite, catalogues of several sizes",
        Engine::Postgres => "PostgreSQL, catalogues of several sizes",
    };
    let mut table = Table::new(title);
    let mut smallest: [Option<Measured>; 4] = [None; 4];
    for &products in sizes {
        let (stocked, _) = Stocked::with(engine, products).await;
        let shop = stocked.open(Topology::Together).await;
        let looks = [
            ("a page by price", format!("/v1/products?sort=price&category=shelf-{}", 7)),
            ("the categories", "/v1/categories".to_owned()),
            ("a search", "/v1/products?q=amphora".to_owned()),
            ("a word that is nowhere", "/v1/products?q=zzyzx".to_owned()),
        ];
        for ((what, path), smallest) in looks.into_iter().zip(&mut smallest) {
            let load = Load::get(&shop.address, &path, products);
            let measured = of_load(effort, &shop.processes(), &load, CROWD).await;
            table.row(format!("{engine:?}, {products} products: {what}"), measured, *smallest);
            smallest.get_or_insert(measured);
        }
    }
    table
}
