//! Time and trace travel with the call, through every module and every process.
use std::time::Duration;

use kernel::{Call, CallSemantics, Fault, call::DEFAULT_TIMEOUT};

use crate::{
    peer::{Peer, Reply},
    probe::Counts,
    sample::{Plan, Seen},
    tokens::post,
    world::{DELIVERIES, KINDS, Kind, World, dial, send},
};

#[tokio::test]
async fn work_whose_time_is_up_does_not_start() {
    for kind in KINDS {
        let world = World::open(kind).await;
        for semantics in DELIVERIES {
            let answer = world.spawn(semantics, Plan::Look, Duration::ZERO).await.unwrap();
            assert_eq!(answer, Err(Fault::DeadlineExceeded.into()), "{kind:?} {semantics:?}");
        }
        assert_eq!(world.probe.counts(), Counts::default(), "{kind:?}");
    }
    // Nor where only the other process finds out.
    let world = World::open(Kind::Apart).await;
    for method in ["look", "put", "add"] {
        let reply = post(&world.base, method, &Plan::Look, &[("x-timeout-ms", "0")]).await;
        assert_eq!(reply.status(), 504, "{method}");
    }
    assert_eq!(world.probe.counts(), Counts::default());
}

#[tokio::test]
async fn a_nested_call_has_what_is_left_and_the_same_trace() {
    for kind in KINDS {
        let world = World::open(kind).await;
        let call = Call::fresh(Duration::from_secs(5));
        let look = call.scope(world.front.look(Plan::Look)).await.unwrap();
        let put = call.scope(world.front.put(Plan::Look)).await.unwrap();
        let add = call.scope(world.front.add(Plan::Look)).await.unwrap();
        for Seen { traces, left_ms, .. } in [look, put, add] {
            assert_eq!(traces, [call.trace(), call.trace()], "{kind:?}");
            assert!(left_ms.iter().all(|left| (1..=5000).contains(left)), "{kind:?}: {left_ms:?}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_more_than_the_default() {
    let most = i64::try_from(DEFAULT_TIMEOUT.as_millis()).unwrap();
    for kind in KINDS {
        let world = World::open(kind).await;
        for semantics in DELIVERIES {
            let seen = world.spawn(semantics, Plan::Look, Duration::from_hours(1)).await.unwrap().unwrap();
            assert!(seen.left_ms[0] <= most, "{kind:?} {semantics:?}: {seen:?}");
        }
        let seen = world.send(CallSemantics::Read, Plan::Look).await.unwrap();
        assert!(seen.left_ms[0] <= most && seen.left_ms[0] > most / 2, "{kind:?}: {seen:?}");
    }
}

#[tokio::test]
async fn the_headers_carry_time_left_and_the_trace() {
    let peer = Peer::open(|_| Reply::Answer(503, "")).await;
    let back = dial(&peer.base, "").await;
    let call = Call::fresh(Duration::from_secs(3));
    call.scope(send(&*back, CallSemantics::Once, Plan::Look)).await.unwrap_err();
    let headers = &peer.requests()[0];
    let left: u64 = headers["x-timeout-ms"].parse().unwrap();
    assert!((1..=3000).contains(&left), "{left}");
    let trace: Vec<_> = headers["traceparent"].split('-').collect();
    assert_eq!((trace[0], trace[1], trace[2].len(), trace[3]), ("00", &*call.trace(), 16, "01"));
}

#[tokio::test]
async fn a_trace_from_outside_goes_on_and_a_time_limit_does_not() {
    let sent = Call::new(0xabc, Duration::from_millis(1)).headers();
    let call = Call::from_outside(&sent, Duration::from_secs(7));
    assert_eq!(call.trace(), format!("{:032x}", 0xabc));
    assert!(call.left() > Duration::from_secs(6));
}
