//! Transactions on one SQLite file that wait for each other share a COMMIT, and nobody is answered before it.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::{join_all, poll_immediate};
use kernel::{Db, Executor, Tx, testing::Folder};
use tokio::{task::JoinHandle, time::sleep};

use crate::database::furnish;

async fn file() -> (Db, PathBuf, Folder) {
    let folder = Folder::new();
    let path = folder.0.join("sample.db");
    let db = Db::sqlite(&path, 2).await.unwrap();
    furnish(&db).await;
    (db, path, folder)
}

async fn mark(tx: &mut Tx, subject: &'static str) -> sqlx::Result<()> {
    tx.query("INSERT INTO marks (subject, n) VALUES ($1, 1)").bind(subject).execute().await.map(drop)
}

async fn marks(db: &Db) -> Vec<String> {
    let rows: Vec<(String,)> = db.query("SELECT subject FROM marks ORDER BY subject").fetch_all().await.unwrap();
    rows.into_iter().map(|(subject,)| subject).collect()
}

/// How many COMMITs the file's log holds: the last page of each says how large the file is since.
fn commits(path: &Path) -> usize {
    let log = std::fs::read(path.with_extension("db-wal")).unwrap();
    log[32..].chunks_exact(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
}

/// What a process that is killed now would leave behind.
async fn left_behind(path: &Path) -> Vec<String> {
    let folder = Folder::new();
    for extension in ["db", "db-wal"] {
        std::fs::copy(path.with_extension(extension), folder.0.join("sample").with_extension(extension)).unwrap();
    }
    let db = Db::sqlite(&folder.0.join("sample.db"), 1).await.unwrap();
    let marks = marks(&db).await;
    db.close().await;
    marks
}

/// One that has written, and those in line behind it that have not begun.
struct Line {
    first: Tx,
    next: Vec<JoinHandle<Tx>>,
}

async fn line(db: &Db, length: usize) -> Line {
    let mut first = db.begin().await.unwrap();
    mark(&mut first, "first").await.unwrap();
    let mut next = Vec::new();
    for _ in 0..length {
        let db = db.clone();
        next.push(tokio::spawn(async move { db.begin().await.unwrap() }));
        tokio::task::yield_now().await;
    }
    Line { first, next }
}

fn committed(tx: Tx) -> JoinHandle<sqlx::Result<()>> {
    tokio::spawn(tx.commit())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_share_a_commit_and_each_is_counted() {
    let (db, path, _folder) = file().await;
    let before = commits(&path);
    let add = async || {
        for _ in 0..4 {
            let mut tx = db.begin().await.unwrap();
            let (n,): (i64,) = tx.query("SELECT n FROM counters WHERE id = 1").fetch_one().await.unwrap();
            tx.query("UPDATE counters SET n = $1 WHERE id = 1").bind(n + 1).execute().await.unwrap();
            tx.commit().await.unwrap();
            let (m,): (i64,) = db.query("SELECT n FROM counters WHERE id = 1").fetch_one().await.unwrap();
            assert!(m > n, "who was answered sees it");
            db.query("UPDATE counters SET n = n + 1 WHERE id = 2").execute().await.unwrap();
        }
    };
    join_all((0..64).map(|_| add())).await;
    let sql = "SELECT n FROM counters WHERE id <= 2 ORDER BY id";
    assert_eq!(db.query(sql).fetch_all::<(i64,)>().await.unwrap(), [(256,), (256,)]);
    let shared = commits(&path) - before;
    assert!(shared <= 128, "{shared} commits for 512 changes");
}

#[tokio::test]
async fn nobody_is_answered_before_it_is_on_the_disk() {
    let (db, path, _folder) = file().await;
    let Line { first, mut next } = line(&db, 1).await;
    let first = committed(first);
    let mut second = next.remove(0).await.unwrap();
    mark(&mut second, "second").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(!first.is_finished(), "it was answered before the COMMIT");
    assert!(left_behind(&path).await.is_empty(), "the control: what was not answered would be lost");
    second.commit().await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(left_behind(&path).await, ["first", "second"]);
}

#[tokio::test]
async fn who_fails_or_is_dropped_takes_nobody_along() {
    let (db, _, _folder) = file().await;
    let Line { first, mut next } = line(&db, 3).await;
    let first = committed(first);
    let mut fails = next.remove(0).await.unwrap();
    mark(&mut fails, "fails").await.unwrap();
    fails.query("INSERT INTO counters (id, n) VALUES (1, 0)").execute().await.unwrap_err();
    mark(&mut fails, "after").await.expect_err("there is no going on, as with PostgreSQL");
    fails.commit().await.expect_err("nor is it committed");
    let mut dropped = next.remove(0).await.unwrap();
    mark(&mut dropped, "dropped").await.unwrap();
    drop(dropped);
    let mut last = next.remove(0).await.unwrap();
    mark(&mut last, "last").await.unwrap();
    last.commit().await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(marks(&db).await, ["first", "last"]);
}

/// Else an answer that says so would come before it is true, and who looks again outside would find it gone.
#[tokio::test]
async fn who_saw_what_others_wrote_and_gives_up_finds_it_on_the_disk() {
    let (db, path, _folder) = file().await;
    let Line { first, mut next } = line(&db, 2).await;
    let first = committed(first);
    let mut second = next.remove(0).await.unwrap();
    let (seen,): (i64,) = second.query("SELECT COUNT(*) FROM marks").fetch_one().await.unwrap();
    assert_eq!((seen, marks(&db).await.len()), (1, 0), "the control: it is not there for others");
    drop(second);
    assert_eq!(left_behind(&path).await, ["first"]);
    assert_eq!(marks(&db).await, ["first"]);
    first.await.unwrap().unwrap();
    next.remove(0).await.unwrap().commit().await.unwrap();
}

/// As SQLite does by itself where a disk is full or fails.
#[tokio::test]
async fn where_the_engine_rolls_back_all_who_are_ready_fail() {
    let (db, path, _folder) = file().await;
    let Line { first, mut next } = line(&db, 1).await;
    let first = committed(first);
    let mut second = next.remove(0).await.unwrap();
    second.query("INSERT OR ROLLBACK INTO counters (id, n) VALUES (1, 0)").execute().await.unwrap_err();
    mark(&mut second, "second").await.expect_err("it would be committed by itself");
    drop(second);
    first.await.unwrap().expect_err("it is not on the disk");
    let mut third = db.begin().await.unwrap();
    mark(&mut third, "third").await.unwrap();
    third.commit().await.unwrap();
    assert_eq!(left_behind(&path).await, ["third"]);
}

#[tokio::test]
async fn a_commit_that_fails_fails_for_all() {
    let (db, path, _folder) = file().await;
    let sql = "CREATE TABLE late (id BIGINT REFERENCES counters (id) DEFERRABLE INITIALLY DEFERRED)";
    db.query(sql).execute().await.unwrap();
    let Line { first, mut next } = line(&db, 1).await;
    let first = committed(first);
    let mut second = next.remove(0).await.unwrap();
    second.query("INSERT INTO late (id) VALUES (9)").execute().await.expect("found at the COMMIT");
    second.commit().await.unwrap_err();
    first.await.unwrap().unwrap_err();
    assert!(left_behind(&path).await.is_empty());
    db.query("INSERT INTO marks (subject, n) VALUES ('alone', 1)").execute().await.unwrap();
    assert_eq!(left_behind(&path).await, ["alone"]);
}

#[tokio::test]
async fn who_is_ready_waits_for_one_slow_transaction_and_not_for_the_next() {
    let (db, _, _folder) = file().await;
    let Line { first, mut next } = line(&db, 2).await;
    let first = committed(first);
    let slow = next.remove(0).await.unwrap();
    sleep(Duration::from_millis(20)).await;
    let slow = committed(slow);
    let held = next.remove(0).await.unwrap();
    first.await.unwrap().unwrap();
    slow.await.unwrap().unwrap();
    assert_eq!(marks(&db).await, ["first"], "while the next one is under way");
    held.commit().await.unwrap();
}

/// Given up wherever it is, alone and in a line: the connection goes on, and what is done afterwards is on the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_or_a_statement_that_is_given_up_leaves_a_writer_that_works() {
    let (db, path, _folder) = file().await;
    for attempt in 0..200 {
        let mut tx = db.begin().await.unwrap();
        mark(&mut tx, "given up").await.unwrap();
        let mut waiting = Box::pin(db.begin());
        if attempt % 2 == 0 {
            assert!(poll_immediate(&mut waiting).await.is_none());
        }
        let mut commit = Box::pin(tx.commit());
        for _ in 0..attempt % 4 {
            poll_immediate(&mut commit).await;
            tokio::task::yield_now().await;
        }
        drop(commit);
        drop(waiting);
        let mut alone = Box::pin(db.query("INSERT INTO marks (subject, n) VALUES ('given up', 1)").execute());
        for _ in 0..attempt % 8 {
            if poll_immediate(&mut alone).await.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(alone);
        let add = "UPDATE counters SET n = n + 1 WHERE id = 1";
        assert_eq!(db.query(add).execute().await.unwrap(), 1);
    }
    let (n,): (i64,) = db.query("SELECT n FROM counters WHERE id = 1").fetch_one().await.unwrap();
    assert_eq!(n, 200);
    assert!(left_behind(&path).await.len() <= 400);
}

#[tokio::test]
async fn closing_finishes_what_is_under_way_and_refuses_who_waits() {
    let (db, path, _folder) = file().await;
    let Line { first, next } = line(&db, 1).await;
    let close = tokio::spawn({
        let db = db.clone();
        async move { db.close().await }
    });
    sleep(Duration::from_millis(20)).await;
    assert!(next.into_iter().next().unwrap().await.is_err(), "it panicked: it was refused");
    assert!(!close.is_finished());
    first.commit().await.unwrap();
    close.await.unwrap();
    db.close().await;
    assert_eq!(marks(&Db::sqlite(&path, 1).await.unwrap()).await, ["first"]);
}
