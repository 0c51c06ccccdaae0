//! The broker is a copy of the outbox: what it has is delivered, and what it lost costs a moment and nothing else.
use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{self, consumer::PullConsumer, stream::Stream};
use kernel::{
    Clock, CloudEvent, Context, Executor, Remote, ServiceTokens, Wire,
    testing::{Folder, found, within},
};
use sqlx::migrate::Migrator;

use crate::{
    database::{another, furnish},
    marks::{Marking, Marks, Turn, effects, publish, settled, stop, subscribe},
};

/// A module on SQLite whose events travel over NATS under `prefix`, and what it knows of NATS beside it.
struct Broker {
    url: String,
    prefix: String,
    jetstream: jetstream::Context,
}

impl Broker {
    async fn new() -> Self {
        let (url, prefix) = kernel::testing::nats().await;
        let jetstream = jetstream::new(async_nats::connect(&url).await.unwrap());
        Self { url, prefix, jetstream }
    }

    async fn context(&self) -> (Context, Folder) {
        let settings = format!("[events]\nurl = {:?}\nprefix = {:?}\n", self.url, self.prefix);
        let (context, folder) = kernel::testing::context("sample", &Migrator::DEFAULT, &settings).await;
        furnish(&context.db).await;
        (context, folder)
    }

    /// A module that has its events sent to the broker, and listens to them.
    async fn talker(&self) -> (Context, Folder, Arc<Marks>) {
        let (context, folder) = self.context().await;
        context.relay();
        let handler = Marks::new(|_, _| Turn::Work);
        subscribe(&context, &handler);
        (context, folder, handler)
    }

    /// The stream, once it has `count` events.
    async fn filled(&self, count: u64) -> Stream {
        found(async || match self.jetstream.get_stream(format!("{}-sample", self.prefix)).await {
            Ok(stream) if stream.cached_info().state.last_sequence >= count => Ok(stream),
            Ok(stream) => Err(format!("{:?}", stream.cached_info().state)),
            Err(error) => Err(error.to_string()),
        })
        .await
    }
}

/// Lets `handler` consume from the broker alone: its publisher does not answer.
fn subscribe_to_the_broker_alone(context: &Context, handler: &Arc<Marks>) {
    let nowhere =
        Remote::new(reqwest::Client::new(), "http://127.0.0.1:9", "sample", ServiceTokens::new(None, Clock::default()));
    context.subscribe(&<dyn Marking>::connect(nowhere), Arc::clone(handler));
}

fn numbers(count: i64) -> Vec<(&'static str, i64)> {
    (1..=count).map(|n| ("a", n)).collect()
}

async fn position(context: &Context) -> i64 {
    let row: Option<(i64,)> =
        context.db.query("SELECT position FROM inbox_cursors").fetch_optional().await.expect("the cursor");
    row.map_or(0, |(position,)| position)
}

/// What the stream has, as the outbox's events.
async fn stored(stream: &Stream, count: u64) -> Vec<CloudEvent> {
    let mut events = Vec::new();
    for sequence in 1..=count {
        let message = stream.get_raw_message(sequence).await.unwrap();
        events.push(serde_json::from_slice::<CloudEvent>(&message.payload).unwrap());
        assert_eq!(events.last().map(|event| event.position), i64::try_from(sequence).ok());
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_carries_every_event_in_its_place() {
    let broker = Broker::new().await;
    let (context, _folder) = broker.context().await;
    context.relay();
    let handler = Marks::new(|_, _| Turn::Work);
    subscribe_to_the_broker_alone(&context, &handler);
    publish(&context, &numbers(150)).await;
    settled(&context, "done", 150).await;
    let stream = broker.filled(150).await;
    let outbox = context.outbox.read(0, 1000, Duration::ZERO).await.unwrap();
    assert_eq!(stored(&stream, 150).await, outbox, "the same bytes as over the publisher's trait");
    let acknowledged = async || {
        let consumer: PullConsumer = stream.get_consumer("sample").await.unwrap();
        let info = consumer.cached_info();
        assert_eq!(info.config.ack_policy, jetstream::consumer::AckPolicy::Explicit);
        if info.ack_floor.stream_sequence == 150 { Ok(()) } else { Err(info.clone()) }
    };
    within(Duration::from_secs(5), acknowledged).await.expect("each is acknowledged");
    assert_eq!(handler.attempted(), 150);
    stop(&context).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_fill_the_broker_once() {
    let broker = Broker::new().await;
    let url = kernel::testing::postgres().await;
    let settings =
        format!("[events]\nurl = {:?}\nprefix = {:?}\n[database]\nurl = {url:?}\n", broker.url, broker.prefix);
    let (context, _folder) = kernel::testing::context("sample", &Migrator::DEFAULT, &settings).await;
    furnish(&context.db).await;
    let handler = Marks::new(|_, _| Turn::Work);
    for _ in 0..3 {
        let mut replica = context.clone();
        replica.db = another(&context.db, 3).await;
        replica.relay();
        subscribe(&replica, &handler);
    }
    for n in 1..=60 {
        publish(&context, &[("a", n), ("b", n)]).await;
    }
    settled(&context, "done", 120).await;
    let stream = broker.filled(120).await;
    let outbox = context.outbox.read(0, 1000, Duration::ZERO).await.unwrap();
    assert_eq!(stored(&stream, 120).await, outbox);
    assert_eq!(stream.get_info().await.unwrap().state.last_sequence, 120, "none came twice");
    let all: Vec<i64> = (1..=60).collect();
    assert_eq!(effects(&context).await, [("a".into(), all.clone()), ("b".into(), all)].into());
    stop(&context).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_lost_is_read_from_the_publisher() {
    for fills in [false, true] {
        let broker = Broker::new().await;
        let (context, _folder) = broker.context().await;
        publish(&context, &numbers(10)).await;
        context.relay();
        let stream = broker.filled(10).await;
        for lost in [3, 4, 10] {
            assert!(stream.delete_message(lost).await.unwrap());
        }
        let handler = Marks::new(|_, _| Turn::Work);
        if fills {
            subscribe(&context, &handler);
            settled(&context, "done", 10).await;
            assert_eq!(effects(&context).await["a"], (1..=10).collect::<Vec<_>>());
        } else {
            subscribe_to_the_broker_alone(&context, &handler);
            settled(&context, "done", 2).await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert_eq!(position(&context).await, 2, "the control: it waits at the gap and does not pass over it");
        }
        stop(&context).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_everything_is_filled_again() {
    let broker = Broker::new().await;
    let (context, _folder, handler) = broker.talker().await;
    publish(&context, &numbers(20)).await;
    settled(&context, "done", 20).await;
    broker.filled(20).await;
    broker.jetstream.delete_stream(format!("{}-sample", broker.prefix)).await.unwrap();
    let stream = broker.filled(20).await;
    assert_eq!(stored(&stream, 20).await, context.outbox.read(0, 1000, Duration::ZERO).await.unwrap());
    publish(&context, &[("a", 21)]).await;
    settled(&context, "done", 21).await;
    assert_eq!(effects(&context).await["a"], (1..=21).collect::<Vec<_>>());
    assert_eq!(handler.attempted(), 21, "what was handled is not handled again");
    // Its durable is there again, and begins where the module is.
    found(async || stream.get_consumer::<jetstream::consumer::pull::Config>("sample").await).await;
    stop(&context).await;
}

/// The durable is ahead of the module, whose database is an old one: the broker will not say it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_module_whose_database_was_restored_hears_again_what_it_forgot() {
    let broker = Broker::new().await;
    let (context, _folder, _handler) = broker.talker().await;
    publish(&context, &numbers(20)).await;
    settled(&context, "done", 20).await;
    for sql in [
        "DELETE FROM marks WHERE n > 5",
        "DELETE FROM inbox WHERE position > 5",
        "UPDATE inbox_cursors SET position = 5",
    ] {
        context.db.query(sql).execute().await.unwrap();
    }
    settled(&context, "done", 20).await;
    assert_eq!(effects(&context).await["a"], (1..=20).collect::<Vec<_>>());
    stop(&context).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_outbox_is_left_alone() {
    let broker = Broker::new().await;
    let (other, _others) = broker.context().await;
    publish(&other, &numbers(5)).await;
    other.relay();
    let theirs = stored(&broker.filled(5).await, 5).await;
    stop(&other).await;

    let (context, _folder, _handler) = broker.talker().await;
    // Behind the stream at first, and then past it.
    for (count, subject) in [(3, "x"), (5, "y")] {
        let own: Vec<_> = (1..=count).map(|n| (subject, n)).collect();
        publish(&context, &own).await;
        settled(&context, "done", if subject == "x" { 3 } else { 8 }).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stream = broker.filled(5).await;
        assert_eq!(stream.cached_info().state.last_sequence, 5, "nothing is added to it");
        assert_eq!(stored(&stream, 5).await, theirs);
    }
    let own = [("x".into(), vec![1, 2, 3]), ("y".into(), vec![1, 2, 3, 4, 5])];
    assert_eq!(effects(&context).await, own.into(), "nothing of theirs is heard");
    stop(&context).await;
}

/// What is old goes from the outbox; a stream that is made anew begins where that does.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_has_nothing_is_filled_from_the_oldest_that_is_kept() {
    let broker = Broker::new().await;
    let (context, _folder) = broker.context().await;
    publish(&context, &numbers(20)).await;
    context.db.query("DELETE FROM outbox WHERE position <= 10").execute().await.unwrap();
    context.relay();
    let stream = broker.filled(20).await;
    assert_eq!(stream.get_info().await.unwrap().state.first_sequence, 11);
    let message = stream.get_raw_message(11).await.unwrap();
    assert_eq!(serde_json::from_slice::<CloudEvent>(&message.payload).unwrap().position, 11);
    let handler = Marks::new(|_, _| Turn::Work);
    subscribe(&context, &handler);
    publish(&context, &[("a", 21)]).await;
    settled(&context, "done", 21).await;
    assert_eq!(effects(&context).await["a"], (11..=21).collect::<Vec<_>>());
    stop(&context).await;
}
