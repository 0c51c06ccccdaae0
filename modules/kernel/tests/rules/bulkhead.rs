//! Every module has a share of its process, and what does not fit is refused at once.
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kernel::{Call, CallSemantics, Fault};

use crate::{
    sample::Plan,
    tokens::post,
    world::{DELIVERIES, KINDS, Kind, World},
};

const LONG: Duration = Duration::from_secs(9);
const TWO: &str = "bulkhead = { running = 2, waiting = 0 }";

#[tokio::test]
async fn a_module_that_hangs_does_not_slow_its_neighbour() {
    for kind in KINDS {
        for semantics in DELIVERIES {
            let world = World::with(kind, TWO).await;
            let _hung: Vec<_> = (0..2).map(|_| world.spawn(semantics, Plan::Wait, LONG)).collect();
            world.probe.until(|counts| counts.started == 2).await;
            for _ in 0..20 {
                let greeting = Call::fresh(LONG).scope(world.front.greet("hello".into(), 1)).await;
                assert_eq!(greeting, Ok("hello ".into()), "{kind:?} {semantics:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once() {
    for kind in KINDS {
        for semantics in DELIVERIES {
            let world = World::with(kind, TWO).await;
            let hung: Vec<_> = (0..2).map(|_| world.spawn(semantics, Plan::Wait, LONG)).collect();
            world.probe.until(|counts| counts.started == 2).await;
            let since = Instant::now();
            for refused in DELIVERIES {
                let answer = world.spawn(refused, Plan::Look, LONG).await.unwrap();
                assert_eq!(answer, Err(Fault::Overloaded.into()), "{kind:?} {semantics:?} {refused:?}");
            }
            assert!(since.elapsed() < LONG / 3, "{kind:?}: refused at once and not at the deadline");
            let reply = post(&world.base, "look", &Plan::Look, &[]).await;
            assert_eq!(
                (reply.status().as_u16(), &reply.headers()["retry-after"]),
                (503, &"1".parse().unwrap()),
                "{kind:?}"
            );
            assert_eq!(world.probe.counts().started, 2, "{kind:?}: nothing of it ran");
            world.probe.open();
            for call in hung {
                assert!(call.await.unwrap().is_ok(), "{kind:?} {semantics:?}");
            }
            assert!(world.send(CallSemantics::Once, Plan::Look).await.is_ok(), "{kind:?}: there is room again");
        }
    }
}

/// A command that its caller gave up is still work, and still takes up the room that it takes.
#[tokio::test]
async fn commands_that_nobody_waits_for_keep_their_place() {
    for kind in KINDS {
        let world = World::with(kind, TWO).await;
        let hung: Vec<_> = (0..2).map(|_| world.spawn(CallSemantics::Once, Plan::Wait, LONG)).collect();
        world.probe.until(|counts| counts.started == 2).await;
        for caller in hung {
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        // Apart, the other process learns of it a moment later.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let since = Instant::now();
        let answer = world.spawn(CallSemantics::Once, Plan::Look, LONG).await.unwrap();
        assert_eq!(answer, Err(Fault::Overloaded.into()), "{kind:?}");
        assert!(since.elapsed() < LONG / 3, "{kind:?}: refused at once and not at the deadline");
    }
}

#[tokio::test]
async fn as_many_wait_in_line_as_may() {
    for kind in [Kind::Together, Kind::Apart] {
        let world = World::with(kind, "bulkhead = { running = 2, waiting = 3 }").await;
        let mut calls: FuturesUnordered<_> =
            (0..6).map(|_| world.spawn(CallSemantics::Once, Plan::Wait, LONG)).collect();
        let first = calls.next().await.unwrap().unwrap();
        assert_eq!(first, Err(Fault::Overloaded.into()), "{kind:?}: two run, three wait, one is too many");
        world.probe.open();
        let rest: Vec<_> = calls.collect().await;
        assert!(rest.into_iter().all(|call| call.unwrap().is_ok()), "{kind:?}");
        assert_eq!(world.probe.counts().ended, 5, "{kind:?}");
    }
}
