//! A release is rolled out while people shop, and taken back: two releases work side by side, on one schema.
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use kernel::{Db, Deployable};
use rand::seq::SliceRandom;

use crate::{
    matrix::SETTINGS,
    soak::people,
    world::{
        Engine::{self, Postgres, Sqlite},
        OURS, Shop,
        Topology::{self, Apart, Together},
        roles,
    },
};

/// The binary of the last release, which is built where it is not there yet.
async fn last_release() -> PathBuf {
    let build = || {
        let target = Path::new(OURS).parent().and_then(Path::parent).expect("target/PROFILE/stoa");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/last-release");
        let built = Command::new(script).arg(target).output().expect("tests/last-release runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        PathBuf::from(String::from_utf8_lossy(&built.stdout).trim())
    };
    tokio::task::spawn_blocking(build).await.expect("it is built")
}

/// Adds to every table what a later release may add: a column that is null for those who do not know it.
async fn expand(shop: &Shop) {
    for module in roles().iter().map(|role| role.name) {
        let db = shop.database(module).await;
        expand_tables(&db).await.expect("every table takes another column");
        db.close().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the names of tables cannot be bound")]
async fn expand_tables(db: &Db) -> sqlx::Result<()> {
    let added = |table: &str| sqlx::AssertSqlSafe(format!("ALTER TABLE {table} ADD COLUMN added_later TEXT"));
    match db {
        Db::Sqlite { writer, .. } => {
            let ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%' \
                        AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%\\_fts\\_%' ESCAPE '\\' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
            let mut file = writer.another().await?;
            for (table,) in sqlx::query_as::<_, (String,)>(ours).fetch_all(&mut file).await? {
                sqlx::query(added(&table)).execute(&mut file).await?;
            }
        }
        Db::Postgres(primary) => {
            let pool = &primary.pool();
            let ours = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
                        AND tablename NOT LIKE '\\_sqlx%'";
            for (table,) in sqlx::query_as::<_, (String,)>(ours).fetch_all(pool).await? {
                sqlx::query(added(&table)).execute(pool).await?;
            }
        }
    }
    Ok(())
}

/// What runs in a process when `release` does: a module that the last release does not have is there before and after.
fn installed<'a>(release: &'a Path, last: &[Deployable], role: &str) -> &'a Path {
    let known = role == "all" || role.split(',').all(|name| last.iter().any(|known| known.name == name));
    if known { release } else { Path::new(OURS) }
}

/// Process by process: the last release, this one, the last one again on this one's schema, and this one.
async fn rollout(topology: Topology, engine: Engine) {
    let (last, begun) = (last_release().await, Instant::now());
    let settings: Vec<_> = SETTINGS.into_iter().chain([("STOA_PAYMENTS__TEST_SLOW_MS", "400")]).collect();
    let mut shop = Shop::plan(topology, engine, &settings).await;
    let known = kernel::testing::roles(last.to_str().expect("a path in UTF-8"));
    (0..shop.processes()).for_each(|index| shop.install(index, installed(&last, &known, shop.role(index))));
    shop.start();
    shop.ready().await;
    let (orders, found) = people(&mut shop, 1, async |shop, mut chance| {
        for (number, release) in [Path::new(OURS), &last, Path::new(OURS)].into_iter().enumerate() {
            let mut order: Vec<_> = (0..shop.processes()).collect();
            order.shuffle(&mut chance);
            for index in order {
                tokio::time::sleep(Duration::from_millis(700)).await;
                tokio::task::block_in_place(|| shop.install(index, installed(release, &known, shop.role(index))));
                shop.ready().await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            if number == 0 {
                expand(shop).await;
            }
        }
    })
    .await;
    println!("{topology:?} on {engine:?}: rolled out and back, {orders} orders, {:?}", begun.elapsed());
    assert!(found.is_empty() && orders > 20, "{orders} orders; {found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_in_one_process_is_replaced_and_taken_back() {
    rollout(Together, Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_in_seven_processes_is_replaced_one_by_one_and_taken_back() {
    rollout(Apart, Postgres).await;
}
