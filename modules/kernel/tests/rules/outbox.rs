//! Publishing: each committed event is read once, in its order, by whoever reads meanwhile.
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use kernel::{
    Call, CloudEvent, Context, Executor,
    testing::{replica, until},
};
use serde_json::json;

use crate::{
    database::{contexts, is_postgres},
    marks::{MarkEvent, Marks, Turn, effects, made, publish, stop, subscribe},
};

const WRITERS: i64 = 32;
const EVENTS: i64 = 8;
const SUBJECTS: i64 = 4;

/// Publishes `{subject}/{n}` with the increment that it tells of, and rolls every fifth back.
async fn write(context: &Context, writer: i64) {
    for round in 0..EVENTS {
        let id = (writer + round) % SUBJECTS + 1;
        let mut tx = context.db.begin().await.unwrap();
        let sql = "UPDATE counters SET n = n + 1 WHERE id = $1 RETURNING n";
        let (n,): (i64,) = tx.query(sql).bind(id).fetch_one().await.unwrap();
        let lost = (writer + round) % 5 == 0;
        let moved = MarkEvent::Made { subject: id.to_string(), n, bad: lost };
        context.outbox.add(&mut tx, &moved).await.unwrap();
        if lost {
            drop(tx);
        } else {
            tx.commit().await.unwrap();
            context.outbox.wake();
        }
    }
}

/// Reads until `count` events have come.
async fn read(context: &Context, count: usize) -> Vec<CloudEvent> {
    let mut events: Vec<CloudEvent> = Vec::new();
    while events.len() < count {
        let after = events.last().map_or(0, |event| event.position);
        let call = Call::fresh(Duration::from_secs(5));
        context.outbox.wake();
        let batch = call.scope(context.outbox.read(after, 7, Duration::from_millis(500))).await.unwrap();
        assert!(batch.len() <= 7);
        events.extend(batch);
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_read_once_in_order_while_others_write() {
    for (context, _folder) in contexts().await {
        let kept = (0..WRITERS).flat_map(|w| (0..EVENTS).map(move |r| (w + r) % 5)).filter(|rest| *rest != 0).count();
        let context = Arc::new(context);
        // Each reader gives positions as well, and those of two processes at once.
        let readers: Vec<_> = (0..4)
            .map(|number| {
                let context = if number == 0 { Context::clone(&context) } else { replica(&context) };
                tokio::spawn(async move { read(&context, kept).await })
            })
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let context = Arc::clone(&context);
                tokio::spawn(async move { write(&context, writer).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let mut told = Vec::new();
        for reader in readers {
            told.push(tokio::time::timeout(Duration::from_secs(20), reader).await.expect("all come").unwrap());
        }
        assert!(told.iter().all(|events| *events == told[0]), "every reader is told the same");
        let events = &told[0];
        let positions: Vec<_> = events.iter().map(|event| event.position).collect();
        let gapless: Vec<_> = (1..=i64::try_from(kept).unwrap()).collect();
        assert_eq!(positions, gapless);
        let mut subjects = BTreeMap::<&str, Vec<i64>>::new();
        for event in events {
            assert_eq!(event.data["bad"], false, "it was rolled back");
            subjects.entry(&event.subject).or_default().push(event.data["n"].as_i64().unwrap());
        }
        for (subject, order) in subjects {
            let expected: Vec<_> = (1..=i64::try_from(order.len()).unwrap()).collect();
            assert_eq!(order, expected, "the order of {subject}");
        }
        let rest = context.outbox.read(positions.len().try_into().unwrap(), 100, Duration::ZERO).await.unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    }
}

/// Sequence order is not commit order: the control reads “seq > last seen”, as one might.
#[tokio::test]
async fn a_late_commit_is_not_missed() {
    for (context, _folder) in contexts().await {
        if !is_postgres(&context.db) {
            continue; // One connection writes: nobody can be late.
        }
        let naive = async |last: i64| {
            let sql = "SELECT seq FROM outbox WHERE seq > $1 ORDER BY seq";
            context.db.query(sql).bind(last).fetch_all::<(i64,)>().await.unwrap()
        };
        let (mut late, mut early) = (context.db.begin().await.unwrap(), context.db.begin().await.unwrap());
        context.outbox.add(&mut late, &made("late", 1)).await.unwrap();
        context.outbox.add(&mut early, &made("early", 1)).await.unwrap();
        early.commit().await.unwrap();
        context.outbox.wake();
        let first = context.outbox.read(0, 10, Duration::ZERO).await.unwrap();
        let seen = naive(0).await;
        late.commit().await.unwrap();
        context.outbox.wake();
        assert!(naive(seen[0].0).await.is_empty(), "the control misses the late one for ever");
        let second = context.outbox.read(first[0].position, 10, Duration::ZERO).await.unwrap();
        assert_eq!((&*first[0].subject, &*second[0].subject), ("early", "late"));
        assert_eq!((first.len(), second.len(), first[0].position, second[0].position), (1, 1, 1, 2));
    }
}

/// As release 0.2.0 gives positions, which may run beside this one.
const PLACE_AS_BEFORE: &str = "
    UPDATE outbox
       SET position = $1 + fresh.rank
      FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) - 1 AS rank FROM outbox WHERE position IS NULL) AS fresh
     WHERE outbox.seq = fresh.seq";

/// Without locks on the rows: who waited for the lock of `outbox_head` numbers what the other has placed, too.
const PLACE_NAIVELY: &str = "
      WITH head AS MATERIALIZED (SELECT next FROM outbox_head WHERE id = 1 FOR UPDATE),
           fresh AS (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) - 1 AS rank FROM outbox WHERE position IS NULL)
    UPDATE outbox
       SET position = (SELECT next FROM head) + fresh.rank
      FROM fresh
     WHERE outbox.seq = fresh.seq AND outbox.position IS NULL";

#[tokio::test(flavor = "multi_thread")]
async fn two_that_give_positions_at_once_leave_no_gap() {
    for naive in [true, false] {
        for (context, _folder) in contexts().await {
            if !is_postgres(&context.db) {
                continue; // There the transaction that publishes does, and one at a time.
            }
            let write = async |subject: &str| {
                let mut tx = context.db.begin().await.unwrap();
                context.outbox.add(&mut tx, &made(subject, 1)).await.unwrap();
                tx.commit().await.unwrap();
            };
            for subject in ["a", "b"] {
                write(subject).await;
            }
            let mut before = context.db.begin().await.unwrap();
            let head = before.query("SELECT next FROM outbox_head WHERE id = 1").for_update();
            let (next,): (i64,) = head.fetch_one().await.unwrap();
            assert_eq!(before.query(PLACE_AS_BEFORE).bind(next).execute().await.unwrap(), 2);
            before.query("UPDATE outbox_head SET next = $1 WHERE id = 1").bind(next + 2).execute().await.unwrap();
            write("c").await;
            let other = replica(&context);
            let waiting = tokio::spawn(async move {
                if naive {
                    other.db.query(PLACE_NAIVELY).execute().await.unwrap();
                } else {
                    other.outbox.read(0, 10, Duration::ZERO).await.unwrap();
                }
            });
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(!waiting.is_finished(), "one at a time");
            before.commit().await.unwrap();
            waiting.await.unwrap();
            let sql = "SELECT position FROM outbox ORDER BY seq";
            let positions: Vec<(i64,)> = context.db.query(sql).fetch_all().await.unwrap();
            assert_eq!(positions, if naive { [(1,), (2,), (5,)] } else { [(1,), (2,), (3,)] });
            let sql = "SELECT next FROM outbox_head";
            let (next,): (i64,) = context.db.query(sql).fetch_one().await.unwrap();
            assert_eq!(next, positions[2].0 + 1, "who comes next goes by it");
        }
    }
}

/// Another process is told at once, and soon finds by itself what was committed by one that then died.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_publishes_is_read() {
    join_all(contexts().await.into_iter().map(async |(context, _folder)| {
        let other = replica(&context);
        let read = async |after| {
            let begun = Instant::now();
            loop {
                let reading = other.outbox.read(after, 10, Duration::from_secs(5));
                let events = Call::fresh(Duration::from_secs(10)).scope(reading).await.unwrap();
                if let [event] = &events[..] {
                    return (event.position, begun.elapsed());
                }
            }
        };
        let publish = async |says: bool| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut tx = context.db.begin().await.unwrap();
            context.outbox.add(&mut tx, &made("a", 1)).await.unwrap();
            tx.commit().await.unwrap();
            if says {
                context.outbox.wake();
                context.outbox.read(0, 10, Duration::ZERO).await.unwrap();
            }
        };
        let ((first, took), ()) = tokio::join!(read(0), publish(true));
        assert!(first == 1 && (took < Duration::from_secs(4) || !is_postgres(&context.db)), "{first}: {took:?}");
        let ((second, took), ()) = tokio::join!(read(1), publish(false));
        assert!(second == 2 && took < Duration::from_secs(25), "{second}: {took:?}");
        context.tasks.shutdown(Duration::from_secs(5)).await;
    }))
    .await;
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_and_not_longer_than_it_said() {
    for (context, _folder) in contexts().await {
        let since = Instant::now();
        assert!(context.outbox.read(0, 10, Duration::from_millis(50)).await.unwrap().is_empty());
        assert!(since.elapsed() >= Duration::from_millis(50));
        let (outbox, started) = (context.outbox.clone(), Instant::now());
        let waiting = tokio::spawn(async move { outbox.read(0, 10, Duration::from_secs(5)).await });
        tokio::task::yield_now().await;
        let trace = Call::fresh(Duration::from_secs(5));
        trace
            .scope(async {
                let mut tx = context.db.begin().await.unwrap();
                context.outbox.add(&mut tx, &made("7", 1)).await.unwrap();
                tx.commit().await.unwrap();
            })
            .await;
        context.outbox.wake();
        let events = waiting.await.unwrap().unwrap();
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        let [event] = &*events else { panic!("{events:?}") };
        assert_eq!(
            (&*event.specversion, &*event.source, &*event.kind, &*event.subject),
            ("1.0", "/sample", "mark.made", "7")
        );
        assert_eq!((event.position, &*event.traceid), (1, &*trace.trace()));
        assert_eq!(event.data, json!({ "subject": "7", "n": 1, "bad": false }));
        let wire: CloudEvent = serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap();
        assert_eq!(&wire, event, "times are as precise as both engines store them");
        // Shutdown does not wait for those who wait for news.
        let (outbox, tasks) = (context.outbox.clone(), context.tasks.clone());
        tasks.spawn(async move { outbox.read(1, 10, Duration::from_secs(5)).await });
        assert!(context.tasks.shutdown(Duration::from_secs(4)).await);
    }
}

/// Others write meanwhile; what is kept has no gap, and the newest is kept whatever its age.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_goes_and_who_was_away_goes_on_from_the_oldest() {
    join_all(contexts().await.into_iter().map(async |(context, _folder)| {
        let (old, new): (Vec<_>, Vec<_>) = (1..=1203).map(|n| ("a", n)).partition(|(_, n)| *n <= 1201);
        publish(&context, &old).await;
        for (id, state) in [(1_u128, "done"), (2, "dead")] {
            let sql = "INSERT INTO inbox (source, event_id, subject, position, state, attempts, due_at, event)
                       VALUES ('other', $1, 'a', 1, $2, 1, $3, $4)";
            let event = kernel::testing::envelope(&made("a", 1));
            let insert = context.db.query(sql).bind(uuid::Uuid::from_u128(id)).bind(state).bind(context.clock.now());
            insert.bind(sqlx::types::Json(event)).execute().await.unwrap();
        }
        let kept = async || {
            let sql = "SELECT COUNT(*), MIN(position), MAX(position) FROM outbox";
            context.db.query(sql).fetch_one::<(i64, i64, i64)>().await.unwrap()
        };
        context.outbox.read(0, 1, Duration::ZERO).await.unwrap();
        context.clock.advance(chrono::TimeDelta::days(30));
        publish(&context, &new).await;
        context.outbox.read(1201, 1, Duration::ZERO).await.unwrap();
        context.clock.advance(chrono::TimeDelta::days(70));
        context.keep_events(90);
        until("the old ones are gone", async || kept().await == (2, 1202, 1203)).await;
        let sql = "SELECT COUNT(*) FILTER (WHERE state = 'done'), COUNT(*) FROM inbox";
        until("and what was handled", async || {
            context.db.query(sql).fetch_one::<(i64, i64)>().await.unwrap() == (0, 1)
        })
        .await;
        let subscriber = Marks::new(|_, _| Turn::Work);
        subscribe(&context, &subscriber);
        subscriber.until(|seen| seen.len() == 2).await;
        until("both have their effect", async || effects(&context).await == [("a".into(), vec![1202, 1203])].into())
            .await;
        stop(&context).await;

        context.clock.advance(chrono::TimeDelta::days(100));
        let mut later = replica(&context);
        later.tasks = kernel::Tasks::default();
        later.keep_events(90);
        until("only the newest is left", async || kept().await == (1, 1203, 1203)).await;
        later.tasks.shutdown(Duration::from_secs(5)).await;
    }))
    .await;
}
