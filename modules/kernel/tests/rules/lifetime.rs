//! Who may stop work that has begun: a read's caller may, a command's may not, and shutdown waits.
use std::time::Duration;

use kernel::{CallSemantics, Fault};

use crate::{
    probe::Counts,
    sample::Plan,
    world::{KINDS, World},
};

const LONG: Duration = Duration::from_secs(9);
const COMMANDS: [CallSemantics; 2] = [CallSemantics::Idempotent, CallSemantics::Once];

#[tokio::test]
async fn a_read_ends_with_its_caller() {
    for kind in KINDS {
        let world = World::open(kind).await;
        let caller = world.spawn(CallSemantics::Read, Plan::Wait, LONG);
        world.probe.until(|counts| counts.started == 1).await;
        caller.abort();
        let counts = world.probe.until(|counts| counts.cancelled == 1).await;
        assert_eq!(counts, Counts { started: 1, ended: 0, cancelled: 1 }, "{kind:?}");
    }
}

#[tokio::test]
async fn a_read_ends_at_its_deadline() {
    for kind in KINDS {
        let world = World::open(kind).await;
        let answer = world.spawn(CallSemantics::Read, Plan::Wait, Duration::from_millis(150)).await.unwrap();
        assert_eq!(answer, Err(Fault::DeadlineExceeded.into()), "{kind:?}");
        let counts = world.probe.until(|counts| counts.started == counts.cancelled).await;
        assert!(counts.started <= 1, "{kind:?}: out of time it is not sent again");
    }
}

#[tokio::test]
async fn a_command_outlives_its_caller() {
    for kind in KINDS {
        for semantics in COMMANDS {
            let world = World::open(kind).await;
            let caller = world.spawn(semantics, Plan::Wait, LONG);
            world.probe.until(|counts| counts.started == 1).await;
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
            // Apart, the other process learns of it a moment later.
            tokio::time::sleep(Duration::from_millis(20)).await;
            world.probe.open();
            let counts = world.probe.until(|counts| counts.ended + counts.cancelled == 1).await;
            assert_eq!(counts, Counts { started: 1, ended: 1, cancelled: 0 }, "{kind:?} {semantics:?}");
        }
    }
}

#[tokio::test]
async fn a_command_outlives_its_deadline() {
    for kind in KINDS {
        for semantics in COMMANDS {
            let world = World::open(kind).await;
            let answer = world.spawn(semantics, Plan::Wait, Duration::from_millis(150)).await.unwrap();
            assert_eq!(answer, Err(Fault::DeadlineExceeded.into()), "{kind:?} {semantics:?}");
            world.probe.open();
            let counts = world.probe.until(|counts| counts.started == counts.ended + counts.cancelled).await;
            assert_eq!((counts.ended, counts.cancelled), (counts.started, 0), "{kind:?} {semantics:?}");
            assert!(counts.started <= 1, "{kind:?} {semantics:?}: out of time it is not sent again");
        }
    }
}

#[tokio::test]
async fn shutdown_waits_for_commands_that_nobody_waits_for() {
    for kind in KINDS {
        for semantics in COMMANDS {
            let world = World::open(kind).await;
            let caller = world.spawn(semantics, Plan::Wait, LONG);
            world.probe.until(|counts| counts.started == 1).await;
            caller.abort();
            assert!(!world.tasks.shutdown(Duration::from_millis(30)).await, "{kind:?}: it still runs");
            assert_eq!(world.probe.counts().cancelled, 0);
            world.probe.open();
            assert!(world.tasks.shutdown(LONG).await, "{kind:?}: it has ended");
            assert_eq!(world.probe.counts(), Counts { started: 1, ended: 1, cancelled: 0 }, "{kind:?} {semantics:?}");
        }
    }
}

/// A reconciler that meets one broken row must not be gone until somebody restarts the process.
#[tokio::test]
async fn a_loop_survives_a_step_that_panics() {
    let (tasks, probe) = (kernel::Tasks::default(), crate::probe::Probe::new());
    let seen = probe.clone();
    let step = move || {
        let seen = seen.clone();
        async move {
            let first = seen.counts().started == 0;
            seen.start().end();
            assert!(!first, "the first step has a bug");
            false
        }
    };
    tasks.repeat(Duration::from_millis(1), step, std::future::pending);
    probe.until(|counts| counts.started >= 3).await;
    assert!(tasks.shutdown(LONG).await);
}
