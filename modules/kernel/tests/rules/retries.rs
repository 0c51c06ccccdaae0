//! What is sent again, how often, and when a peer is left alone.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kernel::{Call, CallSemantics, Fault};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::{
    peer::{Peer, Reply},
    sample::{Error, Plan, Seen},
    world::{DELIVERIES, KINDS, Kind, World, dial, send},
};

const SEEN: &str = r#"{"traces":[],"left_ms":[],"parcel":null}"#;
const ATTEMPTS: usize = 3;

fn unavailable() -> Result<Seen, Error> {
    Err(Fault::Unavailable.into())
}

/// How often a call of each semantics arrives at a peer that always replies so.
async fn arrivals(reply: &Reply) -> [usize; 3] {
    let mut arrivals = [0; 3];
    for (semantics, arrived) in DELIVERIES.into_iter().zip(&mut arrivals) {
        let reply = reply.clone();
        let peer = Peer::open(move |_| reply.clone()).await;
        let answer = send(&*dial(&peer.base, "").await, semantics, Plan::Look).await;
        assert!(answer.is_err(), "{semantics:?}");
        *arrived = peer.requests().len();
    }
    arrivals
}

#[tokio::test]
async fn an_unclear_failure_is_sent_again_unless_it_must_not_happen_twice() {
    assert_eq!(arrivals(&Reply::Close).await, [ATTEMPTS, ATTEMPTS, 1], "the connection ended");
    for status in [502, 503, 504] {
        let reply = Reply::Answer(status, "upstream connect error");
        assert_eq!(arrivals(&reply).await, [ATTEMPTS, ATTEMPTS, 1], "a proxy's {status}");
    }
    for status in [400, 404, 500] {
        assert_eq!(arrivals(&Reply::Answer(status, "oops")).await, [1, 1, 1], "{status} is an answer");
    }
    assert_eq!(arrivals(&Reply::Answer(200, "{}")).await, [1, 1, 1], "so is what cannot be read");
}

#[tokio::test]
async fn the_second_attempt_may_work() {
    for first in [Reply::Close, Reply::Answer(503, "")] {
        for semantics in DELIVERIES {
            let first = first.clone();
            let peer = Peer::open(move |n| if n == 0 { first.clone() } else { Reply::Answer(200, SEEN) }).await;
            let answer = send(&*dial(&peer.base, "").await, semantics, Plan::Look).await;
            assert_eq!(answer.is_ok(), semantics != CallSemantics::Once, "{semantics:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_the_module_answered_is_not_asked_again() {
    for fault in [Fault::Unavailable, Fault::DeadlineExceeded, Fault::Overloaded, Fault::Internal] {
        let world = World::open(Kind::Apart).await;
        for semantics in DELIVERIES {
            assert_eq!(world.send(semantics, Plan::Fault(fault)).await, Err(fault.into()), "{semantics:?}");
        }
        let nested = world.front.look(Plan::Fault(fault)).await;
        assert_eq!(nested, Err(fault.into()));
        assert_eq!(world.probe.counts().started, 4, "{fault:?}: once a call, through one process or two");
    }
}

/// Counts what the kernel counts, whatever it is called.
#[derive(Default)]
struct Retries(Arc<AtomicU64>);

impl Recorder for Retries {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == "stoa_remote_retries_total" { Counter::from_arc(Arc::clone(&self.0)) } else { Counter::noop() }
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn what_never_arrived_is_sent_again_even_if_it_must_not_happen_twice() {
    let retries = Retries::default();
    let _guard = metrics::set_default_local_recorder(&retries);
    for (number, semantics) in (1..).zip(DELIVERIES) {
        // Bound and gone: nobody listens there any more.
        let base = format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        assert_eq!(send(&*dial(&base, "").await, semantics, Plan::Look).await, unavailable());
        assert_eq!(retries.0.load(Ordering::Relaxed), number * 2, "{semantics:?}: each was sent two more times");
    }
}

#[tokio::test]
async fn retries_stay_within_a_fifth_of_the_calls() {
    const CALLS: usize = 300;
    let peer = Peer::open(|n| if n % 2 == 0 { Reply::Answer(503, "") } else { Reply::Answer(200, SEEN) }).await;
    let back = dial(&peer.base, "").await;
    for _ in 0..CALLS {
        send(&*back, CallSemantics::Read, Plan::Look).await.ok();
    }
    let retries = peer.requests().len() - CALLS;
    assert!((CALLS / 5..=CALLS / 5 + 20).contains(&retries), "{retries}: a fifth, and what was saved up at the start");
}

#[tokio::test]
async fn a_peer_that_fails_again_and_again_is_left_alone() {
    let peer = Peer::open(|_| Reply::Close).await;
    let back = dial(&peer.base, "").await;
    for n in 1..=10 {
        assert_eq!(send(&*back, CallSemantics::Once, Plan::Look).await, unavailable());
        assert_eq!(peer.requests().len(), n, "each is sent once");
    }
    // The rest of half a second may be over under load; then one call tries.
    for _ in 0..20 {
        assert_eq!(send(&*back, CallSemantics::Once, Plan::Look).await, unavailable());
    }
    assert!(peer.requests().len() <= 12, "{} arrived", peer.requests().len());
}

#[tokio::test]
async fn an_answer_never_counts_against_a_peer() {
    let world = World::open(Kind::Apart).await;
    let faults = [Fault::Unavailable, Fault::DeadlineExceeded, Fault::Internal].map(Plan::Fault);
    let sold_out = Plan::SoldOut { left: 0, skus: vec![] };
    for plan in faults.into_iter().chain([sold_out, Plan::Closed, Plan::Invalid, Plan::Forbid, Plan::Panic]) {
        for _ in 0..12 {
            world.send(CallSemantics::Read, plan.clone()).await.unwrap_err();
        }
        assert!(world.send(CallSemantics::Read, Plan::Look).await.is_ok(), "{plan:?}");
    }
}

#[tokio::test]
async fn a_peer_that_is_overloaded_is_left_alone_too() {
    let world = World::open(Kind::Apart).await;
    for _ in 0..10 {
        let answer = world.send(CallSemantics::Read, Plan::Fault(Fault::Overloaded)).await;
        assert_eq!(answer, Err(Fault::Overloaded.into()));
    }
    for _ in 0..20 {
        world.send(CallSemantics::Read, Plan::Fault(Fault::Overloaded)).await.unwrap_err();
    }
    assert!(world.probe.counts().started <= 12, "{:?}", world.probe.counts());
}

#[tokio::test]
async fn retries_stop_at_the_deadline() {
    let call = Call::fresh(Duration::from_millis(100));
    let peer = Peer::open(|_| Reply::Silence).await;
    let back = dial(&peer.base, "").await;
    let answer = call.scope(send(&*back, CallSemantics::Read, Plan::Look)).await;
    assert_eq!(answer, Err(Fault::DeadlineExceeded.into()));
    assert_eq!(peer.requests().len(), 1, "there was no time for a second");

    let peer = Peer::open(|_| Reply::CloseAfter(Duration::from_millis(60))).await;
    let back = dial(&peer.base, "").await;
    let call = Call::fresh(Duration::from_millis(100));
    call.scope(send(&*back, CallSemantics::Read, Plan::Look)).await.unwrap_err();
    let left: Vec<u64> = peer.requests().iter().map(|headers| headers["x-timeout-ms"].parse().unwrap()).collect();
    assert!(left.len() <= 2 && left.is_sorted_by(|earlier, later| earlier >= &(later + 60)), "{left:?}");
}

/// In one process the only unclear failure is the lost answer that `checked` injects.
#[tokio::test]
async fn checked_repeats_what_may_be_repeated() {
    for kind in KINDS {
        for semantics in DELIVERIES {
            let world = World::open(kind).await;
            world.send(semantics, Plan::Look).await.unwrap();
            assert_eq!(world.probe.counts().ended, world.times(semantics), "{kind:?} {semantics:?}");
        }
    }
}
