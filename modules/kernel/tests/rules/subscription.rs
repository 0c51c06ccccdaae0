//! Consuming: one effect for each event, in order within its aggregate, and no neighbour blocked.
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::{Call, Clock, CloudEvent, DomainEvent, Executor, Tasks};
use serde_json::json;

use crate::{
    database::{another, contexts, is_postgres},
    marks::{MarkEvent, Marks, Turn, effects, n, order, publish, resting, settled, stop, subscribe},
};

#[tokio::test]
async fn events_that_wait_are_handled_together_and_a_cursor_says_how_far() {
    for (context, _folder) in contexts().await {
        let subscriber = Marks::new(|_, _| Turn::Work);
        let many: Vec<_> = (0..150).map(|n| ("a", n)).collect();
        publish(&context, &many).await;
        subscribe(&context, &subscriber);
        settled(&context, "done", 150).await;
        assert_eq!(effects(&context).await["a"], (0..150).collect::<Vec<_>>());
        assert!(subscriber.commits.load(Ordering::Relaxed) <= 3, "a transaction for each batch");
        let (rows,): (i64,) = context.db.query("SELECT COUNT(*) FROM inbox").fetch_one().await.unwrap();
        assert_eq!(rows, 0, "the cursor says it all");
        stop(&context).await;
    }
}

/// A database as its backup had it: what it has forgotten comes again, without a new event behind it.
#[tokio::test]
async fn what_a_restored_database_forgot_is_handled_again() {
    join_all(contexts().await.into_iter().map(async |(context, _folder)| {
        let subscriber = Marks::new(|_, _| Turn::Work);
        let many: Vec<_> = (0..150).map(|n| ("a", n)).collect();
        publish(&context, &many).await;
        subscribe(&context, &subscriber);
        settled(&context, "done", 150).await;
        let mut tx = context.db.begin().await.unwrap();
        for sql in ["DELETE FROM marks WHERE n >= 10", "UPDATE inbox_cursors SET position = 10"] {
            tx.query(sql).execute().await.unwrap();
        }
        tx.commit().await.unwrap();
        settled(&context, "done", 150).await;
        assert_eq!(effects(&context).await["a"], (0..150).collect::<Vec<_>>());
        stop(&context).await;
    }))
    .await;
}

#[tokio::test]
async fn what_concerns_nobody_costs_nothing_and_is_written_down_at_the_end() {
    for (context, _folder) in contexts().await {
        let subscriber = Marks::new(|_, _| Turn::Work);
        subscribe(&context, &subscriber);
        publish(&context, &[("a", 1)]).await;
        settled(&context, "done", 1).await;
        let cursor =
            async || context.db.query("SELECT position FROM inbox_cursors").fetch_one::<(i64,)>().await.unwrap();
        let mut tx = context.db.begin().await.unwrap();
        for _ in 0..3 {
            context.outbox.add(&mut tx, &MarkEvent::Erased { subject: "a".into() }).await.unwrap();
        }
        tx.commit().await.unwrap();
        context.outbox.wake();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((cursor().await, subscriber.attempted()), ((1,), 1));
        stop(&context).await;
        assert_eq!(cursor().await, (4,), "as the next process finds it");
    }
}

/// One of many in a batch fails: it waits alone, and the others have their one effect.
#[tokio::test]
async fn one_that_fails_among_many_is_taken_out() {
    for (context, _folder) in contexts().await {
        let subscriber = Marks::new(|event, _| if n(event) == 50 { Turn::Reject } else { Turn::Work });
        let many: Vec<_> = (0..100).map(|n| (if n % 2 == 0 { "a" } else { "b" }, n)).collect();
        publish(&context, &many).await;
        subscribe(&context, &subscriber);
        settled(&context, "done", 99).await;
        assert_eq!(resting(&context).await, [("a".into(), 51, "dead".into(), 1)]);
        let marks: Vec<i64> = effects(&context).await.into_values().flatten().collect();
        assert_eq!((marks.len(), marks.contains(&50)), (99, false));
        stop(&context).await;
    }
}

/// A batch holds many aggregates' rows: with somebody who takes two of them the other way round it comes to a deadlock,
/// which the database ends by giving up one of the two.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_gets_through_though_its_locks_cross_anothers() {
    for (context, _folder) in contexts().await {
        if !is_postgres(&context.db) {
            continue; // On SQLite there is one who writes.
        }
        let lock = "UPDATE counters SET n = n + 1 WHERE id = $1";
        let mut other = context.db.begin().await.unwrap();
        other.query(lock).bind(2_i64).execute().await.unwrap();
        publish(&context, &[("1", 1), ("2", 2), ("3", 3)]).await;
        let subscriber = Marks::new(|_, _| Turn::Lock);
        subscribe(&context, &subscriber);
        subscriber.until(|seen| seen.len() == 2).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let crossed = other.query(lock).bind(1_i64).execute().await;
        println!("the request: {crossed:?}");
        drop(other);
        settled(&context, "done", 3).await;
        assert_eq!(effects(&context).await.into_values().flatten().collect::<Vec<_>>(), [1, 2, 3]);
        let counters: Vec<(i64,)> = context.db.query("SELECT n FROM counters ORDER BY id").fetch_all().await.unwrap();
        assert_eq!(counters, [(1,), (1,), (1,), (0,)], "each has its one effect");
        stop(&context).await;
    }
}

#[tokio::test]
async fn an_event_that_fails_holds_up_its_aggregate_and_no_other() {
    for (context, _folder) in contexts().await {
        let subscriber = Marks::new(|event, attempt| match (&*event.subject, n(event)) {
            ("a", 1) if attempt < 4 => Turn::Retry,
            _ => Turn::Work,
        });
        publish(&context, &[("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)]).await;
        subscribe(&context, &subscriber);
        subscriber.until(|seen| seen.iter().filter(|(subject, ..)| subject == "b").count() == 2).await;
        assert!(!effects(&context).await.contains_key("a"), "its neighbours did not wait, its successors do");
        settled(&context, "done", 5).await;
        assert_eq!(order(&subscriber.seen.borrow(), "a"), [1, 2, 3], "in order once it works");
        assert_eq!(effects(&context).await, [("a".into(), vec![1, 2, 3]), ("b".into(), vec![1, 2])].into());
        stop(&context).await;
    }
}

#[tokio::test]
async fn after_its_attempts_an_event_is_dead_and_its_successors_go_on() {
    for (context, _folder) in contexts().await {
        let subscriber = Marks::new(|event, _| match (&*event.subject, n(event)) {
            ("a", 1) => Turn::Retry,
            ("b", 1) => Turn::Reject,
            _ => Turn::Work,
        });
        publish(&context, &[("a", 1), ("a", 2), ("b", 1), ("b", 2), ("a", 3)]).await;
        subscribe(&context, &subscriber);
        settled(&context, "done", 3).await;
        assert_eq!(effects(&context).await, [("a".into(), vec![2, 3]), ("b".into(), vec![2])].into());
        let resting = resting(&context).await;
        assert_eq!(resting, [("a".into(), 1, "dead".into(), 10), ("b".into(), 3, "dead".into(), 1)]);
        let sql = "SELECT event FROM inbox WHERE state = 'dead' ORDER BY position LIMIT 1";
        let (kept,): (sqlx::types::Json<CloudEvent>,) = context.db.query(sql).fetch_one().await.unwrap();
        assert_eq!((kept.0.position, n(&kept.0)), (1, 1), "a person can look at it, and replay it");
        stop(&context).await;
    }
}

#[tokio::test]
async fn a_handler_with_a_bug_stops_nobody_else() {
    join_all([Turn::Panic, Turn::Swallow].map(async |bug| {
        for (context, _folder) in contexts().await {
            if bug == Turn::Swallow && !is_postgres(&context.db) {
                continue; // On SQLite a statement that failed does not spoil its transaction.
            }
            let subscriber = Marks::new(move |event, _| if event.subject == "a" { bug } else { Turn::Work });
            publish(&context, &[("a", 1), ("b", 1)]).await;
            subscribe(&context, &subscriber);
            settled(&context, "done", 1).await;
            settled(&context, "dead", 1).await;
            assert_eq!(effects(&context).await, [("b".into(), vec![1])].into(), "{bug:?}");
            stop(&context).await;
        }
    }))
    .await;
}

/// The subscriber's calls belong to the trace of what caused the event, and each event has its own time.
#[tokio::test]
async fn an_event_is_handled_in_its_own_trace_and_time() {
    for (context, _folder) in contexts().await {
        let call = Call::fresh(Duration::from_secs(5));
        call.scope(publish(&context, &[("a", 1)])).await;
        let subscriber = Marks::new(|_, attempt| if attempt == 1 { Turn::Retry } else { Turn::Work });
        subscribe(&context, &subscriber);
        settled(&context, "done", 1).await;
        for (trace, left) in subscriber.traces.lock().unwrap().iter() {
            assert_eq!(*trace, call.trace());
            assert!(*left > Duration::from_secs(5), "{left:?}");
        }
        stop(&context).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_is_given_up_and_stops_nobody_else() {
    join_all(contexts().await.into_iter().map(async |(context, _folder)| {
        let subscriber =
            Marks::new(|event, attempt| if event.subject == "a" && attempt <= 2 { Turn::Hang } else { Turn::Work });
        publish(&context, &[("a", 1), ("b", 1)]).await;
        subscribe(&context, &subscriber);
        settled(&context, "done", 2).await;
        assert_eq!(effects(&context).await, [("a".into(), vec![1]), ("b".into(), vec![1])].into());
        let sql = "SELECT attempts FROM inbox WHERE subject = 'a'";
        assert_eq!(context.db.query(sql).fetch_one::<(i64,)>().await.unwrap(), (2,));
        stop(&context).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work_and_each_event_has_one_effect() {
    for (context, _folder) in contexts().await {
        // Every third event fails twice before it works.
        let subscriber =
            Marks::new(|event, attempt| if event.position % 3 == 0 && attempt <= 2 { Turn::Retry } else { Turn::Work });
        for _ in 0..3 {
            let mut replica = context.clone();
            replica.db = another(&context.db, 3).await;
            subscribe(&replica, &subscriber);
        }
        for round in 0..10 {
            let subjects = ["a", "b", "c", "d"];
            let batch: Vec<_> = subjects.iter().map(|subject| (*subject, round)).collect();
            publish(&context, &batch).await;
        }
        settled(&context, "done", 40).await;
        let all: Vec<i64> = (0..10).collect();
        for (subject, numbers) in effects(&context).await {
            assert_eq!(numbers, all, "{subject}: each once");
            assert_eq!(order(&subscriber.seen.borrow(), &subject), all, "{subject}: in order");
        }
        assert!(resting(&context).await.is_empty());
        stop(&context).await;
    }
}

#[tokio::test]
async fn an_event_is_due_for_every_replica_at_once_however_their_clocks_are_off() {
    for (context, _folder) in contexts().await {
        if !is_postgres(&context.db) {
            continue; // A SQLite file has one process.
        }
        let (failing, working) = (Marks::new(|_, _| Turn::Retry), Marks::new(|_, _| Turn::Work));
        let mut ahead = context.clone();
        (ahead.clock, ahead.tasks) = (Clock::with_offset(300_000), Tasks::default());
        publish(&context, &[("a", 1)]).await;
        subscribe(&ahead, &failing);
        failing.until(|seen| !seen.is_empty()).await;
        stop(&ahead).await;
        let begun = Instant::now();
        subscribe(&context, &working);
        working.until(|seen| seen.len() == 1).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not wait for the other's clock");
        stop(&context).await;
    }
}

/// One replica fails at an event and, before it can note that, another one handles it.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_note_of_a_failure_does_not_undo_what_another_replica_did() {
    for (context, _folder) in contexts().await {
        if !is_postgres(&context.db) {
            continue; // A SQLite file has one process.
        }
        let slow = Marks::new(|_, attempt| if attempt == 1 { Turn::Retry } else { Turn::RetryAfterPlace });
        let mut first = context.clone();
        first.db = another(&context.db, 1).await;
        publish(&context, &[("a", 1)]).await;
        subscribe(&first, &slow);
        settled(&context, "parked", 1).await;
        context.clock.advance(TimeDelta::minutes(5));
        slow.until(|seen| seen.len() == 2).await;
        // The slow replica's one connection goes to us as soon as its transaction is undone.
        let pool = first.db.clone();
        let line = tokio::spawn(async move { pool.begin().await.unwrap() });
        tokio::time::sleep(Duration::from_millis(20)).await;
        slow.places.add_permits(1);
        let held = line.await.unwrap();
        let quick = Marks::new(|_, _| Turn::Work);
        let mut second = context.clone();
        second.db = another(&context.db, 2).await;
        subscribe(&second, &quick);
        settled(&context, "done", 1).await;
        drop(held);
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until {
            assert!(resting(&context).await.is_empty(), "what is done stays done: {:?}", resting(&context).await);
            context.clock.advance(TimeDelta::minutes(5));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(effects(&context).await, [("a".into(), vec![1])].into());
        slow.places.close();
        stop(&context).await;
    }
}

/// Two releases publish into one outbox while one is rolled out.
#[tokio::test]
async fn an_event_that_only_a_later_release_knows_is_passed_over_and_one_that_cannot_be_read_is_dead() {
    for (context, _folder) in contexts().await {
        let subscriber = Marks::new(|_, _| Turn::Work);
        publish(&context, &[("a", 1), ("b", 1), ("a", 2), ("b", 2)]).await;
        for sql in [
            "UPDATE outbox SET kind = 'mark.gilded' WHERE subject = 'a' AND seq = 1",
            "UPDATE outbox SET data = '{\"subject\": \"b\", \"n\": \"one\"}' WHERE subject = 'b' AND seq = 2",
        ] {
            context.db.query(sql).execute().await.unwrap();
        }
        subscribe(&context, &subscriber);
        settled(&context, "done", 3).await;
        settled(&context, "dead", 1).await;
        assert_eq!(resting(&context).await, [("b".into(), 2, "dead".into(), 1)], "at once, and nobody waits for it");
        assert_eq!(effects(&context).await, [("a".into(), vec![2]), ("b".into(), vec![2])].into());
        assert_eq!(subscriber.attempted(), 2);
        stop(&context).await;
    }
}

#[test]
fn an_event_says_what_kinds_there_are_and_is_the_same_in_every_form() {
    assert_eq!(MarkEvent::kinds(), ["mark.made", "mark.erased"]);
    let erased = MarkEvent::Erased { subject: "a".into() };
    assert_eq!((erased.kind(), erased.subject()), ("mark.erased".into(), "a".into()));
    let envelope = kernel::testing::envelope(&erased);
    assert_eq!(
        (&*envelope.source, &*envelope.kind, &envelope.data),
        ("/sample", "mark.erased", &json!({"subject": "a"}))
    );
    assert_eq!(envelope.read::<MarkEvent>().unwrap(), Some(erased));
}
