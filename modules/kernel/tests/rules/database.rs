//! One SQL text on two engines, and the traps of both.
use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::{Clock, Context, Db, Executor, Fault, testing::Folder};
use sqlx::{migrate::Migrator, postgres::PgPoolOptions};
use tokio::io::AsyncReadExt;

/// A module's database on each engine, with a table of one counter and many marks.
pub(crate) async fn contexts() -> Vec<(Context, Folder)> {
    let contexts = kernel::testing::contexts("sample", &Migrator::DEFAULT).await;
    for (context, _) in &contexts {
        furnish(&context.db).await;
    }
    contexts
}

/// Makes the tables.
pub(crate) async fn furnish(db: &Db) {
    for sql in [
        "CREATE TABLE counters (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)",
        "INSERT INTO counters (id, n) VALUES (1, 0), (2, 0), (3, 0), (4, 0)",
        "CREATE TABLE marks (subject TEXT NOT NULL, n BIGINT NOT NULL)",
    ] {
        db.query(sql).execute().await.expect(sql);
    }
}

/// The same database through a pool of its own.
pub(crate) async fn another(db: &Db, connections: u32) -> Db {
    match db {
        Db::Sqlite { .. } => db.clone(),
        Db::Postgres(primary) => {
            let options = primary.pool().connect_options().as_ref().clone();
            let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(5));
            Db::Postgres(pool.connect_with(options).await.expect("PostgreSQL is up").into())
        }
    }
}

async fn counter(db: &Db, id: i64) -> i64 {
    let row: (i64,) = db.query("SELECT n FROM counters WHERE id = $1").bind(id).fetch_one().await.unwrap();
    row.0
}

pub(crate) fn is_postgres(db: &Db) -> bool {
    matches!(db, Db::Postgres(_))
}

/// Reads and then writes; where `lock` says so, nobody else may in between.
async fn read_then_write(db: &Db, lock: bool, between: impl Future<Output = ()>) {
    let mut tx = db.begin().await.unwrap();
    let read = tx.query("SELECT n FROM counters WHERE id = 1");
    let (n,): (i64,) = if lock { read.for_update() } else { read }.fetch_one().await.unwrap();
    between.await;
    tx.query("UPDATE counters SET n = $1 WHERE id = 1").bind(n + 1).execute().await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost() {
    for (context, _folder) in contexts().await {
        let db = &context.db;
        if is_postgres(db) {
            let both = tokio::sync::Barrier::new(2);
            let meet = async || _ = both.wait().await;
            tokio::join!(read_then_write(db, false, meet()), read_then_write(db, false, meet()));
            assert_eq!(counter(db, 1).await, 1, "the control: of two updates that were not guarded one is lost");
            db.query("UPDATE counters SET n = 0 WHERE id = 1").execute().await.unwrap();
        }
        join_all((0..32).map(|_| read_then_write(db, true, tokio::task::yield_now()))).await;
        assert_eq!(counter(db, 1).await, 32, "for_update");
        let guarded = "UPDATE counters SET n = n + 1 WHERE id = 2 AND n < 20";
        let changed = join_all((0..32).map(|_| db.query(guarded).execute())).await;
        assert_eq!(changed.into_iter().map(Result::unwrap).sum::<u64>(), 20, "one guarded statement");
        assert_eq!(counter(db, 2).await, 20);
    }
}

const ATTEMPTS: i64 = 1000;

/// Gives up a `begin()` a thousand times: after each number of polls up to eight, at once and when it is next woken,
/// so that it is cut everywhere, however quick the machine.
///
/// After each it writes one mark by itself; one that is lost went into a transaction that nobody knew of.
async fn marks_after_cancelled<T, F: Future<Output = T>>(db: &Db, begin: impl Fn() -> F) -> i64 {
    for attempt in 0..ATTEMPTS {
        let (at_once, mut left) = (attempt % 2 == 0, attempt / 2 % 8 + 1);
        let mut begin = Box::pin(begin());
        poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            let begun = begin.as_mut().poll(context).map(drop);
            if at_once && left == 0 { Poll::Ready(()) } else { begun }
        })
        .await;
        drop(begin);
        let mark = db.query("INSERT INTO marks (subject, n) VALUES ('a', $1)").bind(attempt).execute().await;
        mark.expect("the connection works");
    }
    db.begin().await.expect("it can begin").commit().await.expect("it can commit");
    db.query("SELECT COUNT(*) FROM marks").fetch_one::<(i64,)>().await.expect("it can read").0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_is_cancelled_leaves_no_transaction_open() {
    for (context, _folder) in contexts().await {
        let (db, watcher) = (another(&context.db, 1).await, &context.db);
        assert_eq!(marks_after_cancelled(&db, || db.begin()).await, ATTEMPTS);
        if is_postgres(&db) {
            let sql = "SELECT COUNT(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            assert_eq!(watcher.query(sql).fetch_one::<(i64,)>().await.unwrap(), (0,));
        }
    }
}

/// The control: what sqlx does by itself. Should this fail one day, `Db::begin` needs its task no longer.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_task_of_its_own_a_cancelled_begin_swallows_writes() {
    for (context, _folder) in contexts().await {
        let db = another(&context.db, 1).await;
        let Db::Postgres(primary) = &db else { continue };
        let pool = primary.pool();
        let kept = marks_after_cancelled(&db, || pool.begin()).await;
        assert!(kept < ATTEMPTS, "sqlx has learned to roll back");
    }
}

#[tokio::test]
async fn a_list_is_bound_whole_even_if_it_is_empty() {
    for (context, _folder) in contexts().await {
        let db = &context.db;
        let found = async |ids: &[i64]| {
            let sql = "SELECT id FROM counters WHERE n = $1 AND id IN ($*) ORDER BY id";
            db.query(sql).bind(0_i64).bind_list(ids.iter().copied()).fetch_all::<(i64,)>().await.unwrap().len()
        };
        for (ids, count) in [(&[][..], 0), (&[1], 1), (&[4, 2, 9, 2], 2)] {
            assert_eq!(found(ids).await, count, "{ids:?}");
        }
        assert_eq!(found(&(1..=5000).collect::<Vec<_>>()).await, 4);
        let texts = ["'; DROP TABLE marks; --".to_owned(), "$1".to_owned(), "$*".to_owned()];
        let sql = "SELECT subject FROM marks WHERE subject IN ($*)";
        assert!(db.query(sql).bind_list(texts).fetch_all::<(String,)>().await.unwrap().is_empty());
        let mut tx = db.begin().await.unwrap();
        let sql = "SELECT n FROM counters WHERE id IN ($*) ORDER BY id";
        let locked = tx.query(sql).bind_list([1_i64, 2]).for_update().fetch_all::<(i64,)>().await.unwrap();
        assert_eq!(locked.len(), 2, "a list and a lock");
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back() {
    for (context, _folder) in contexts().await {
        let db = another(&context.db, 1).await;
        for _ in 0..20 {
            let mut tx = db.begin().await.unwrap();
            tx.query("UPDATE counters SET n = n + 1 WHERE id = 1").execute().await.unwrap();
            drop(tx);
            let mut tx = db.begin().await.unwrap();
            tx.query("UPDATE counters SET n = n + 1 WHERE id = 2").execute().await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!((counter(&db, 1).await, counter(&db, 2).await), (0, 20));
        let mut tx = db.begin().await.unwrap();
        tx.query("UPDATE counters SET n = n / 0, id = NULL WHERE id = 1").execute().await.unwrap_err();
        drop(tx);
        assert_eq!(counter(&db, 1).await, 0, "one that failed leaves a connection that works");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_exhausted_is_unavailable_in_time() {
    join_all(contexts().await.into_iter().map(async |(context, _folder)| {
        let db = another(&context.db, 1).await;
        let held = db.begin().await.unwrap();
        let since = Instant::now();
        let (begin, write) = tokio::join!(async { db.begin().await.map(drop).map_err(Fault::from) }, async {
            db.query("UPDATE counters SET n = 1").execute().await.map(drop).map_err(Fault::from)
        },);
        assert_eq!((begin, write), (Err(Fault::Unavailable), Err(Fault::Unavailable)));
        assert!(since.elapsed() < kernel::call::DEFAULT_TIMEOUT, "{:?}", since.elapsed());
        drop(held);
        db.begin().await.expect("it works again").commit().await.unwrap();
    }))
    .await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_unavailable_and_a_broken_rule_is_internal() {
    for (context, _folder) in contexts().await {
        let db = &context.db;
        let twice = db.query("INSERT INTO counters (id, n) VALUES (1, 0)").execute().await.unwrap_err();
        assert_eq!(Fault::from(twice), Fault::Internal);
        db.close().await;
        assert_eq!(Fault::from(db.ping().await.unwrap_err()), Fault::Unavailable);
        assert_eq!(db.begin().await.map(drop).map_err(Fault::from), Err(Fault::Unavailable));
    }
}

/// Between a connection's beginning and its greeting, where sqlx tells an end from nonsense by its text alone.
#[tokio::test]
async fn a_server_that_dies_while_it_is_connected_to_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://stoa@{}/x", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            client.read_exact(&mut [0; 8]).await.ok();
        }
    });
    let db = Db::Postgres(PgPoolOptions::new().connect_lazy(&url).unwrap().into());
    assert_eq!(Fault::from(db.ping().await.unwrap_err()), Fault::Unavailable);
}

/// Another release's migrations may be there already: the older one serves on.
#[tokio::test]
async fn migrating_again_changes_nothing() {
    for (context, _folder) in contexts().await {
        context.db.migrate(std::iter::empty()).await.expect("a database that is further on");
        assert_eq!(counter(&context.db, 1).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_that_is_shared_asks_the_database_now_and_then() {
    for (context, _folder) in contexts().await {
        let (clock, db) = (&context.clock, &context.db);
        let first = clock.shared(db).await.unwrap();
        let ahead = Clock::with_offset(300_000);
        let theirs = ahead.shared(&another(db, 1).await).await.unwrap();
        let apart = (theirs - first).num_milliseconds();
        let expected = if is_postgres(db) { 0 } else { 300_000 };
        assert!((expected..expected + 5_000).contains(&apart), "another process, another time of day: {apart} ms");
        let mut tx = db.begin().await.unwrap();
        assert!(clock.shared(&mut tx).await.unwrap() >= first);
        drop(tx);
        // Nobody is there to be asked.
        db.close().await;
        clock.clone().advance(TimeDelta::hours(1));
        let later = clock.shared(db).await.unwrap() - first;
        assert!((3600..3610).contains(&later.num_seconds()), "{later}");
    }
}
