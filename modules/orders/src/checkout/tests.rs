//! Leases: whose turn it is, for how long, and that nobody holds another's. On both engines.
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Db, Executor, testing::contexts};
use uuid::Uuid;

use super::lease::{self, Effect, Lease, Leases, Seize, Stop};
use crate::{
    Error, Module, OrderId,
    order::{journal::Guard, store, tests::after},
};

const LENGTH: Duration = Duration::from_secs(90);
/// What a test may take between two looks at the clock.
const SOON: TimeDelta = TimeDelta::seconds(20);

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    fence: Uuid,
    lease_until: Option<DateTime<Utc>>,
    due_at: DateTime<Utc>,
    woken: bool,
    attempts: i64,
    last_error: Option<String>,
    needs_operator: bool,
}

async fn row(leases: &Leases, id: OrderId) -> Option<Row> {
    let sql = "SELECT fence, lease_until, due_at, woken, attempts, last_error, needs_operator FROM sagas
                WHERE order_id = $1";
    leases.db.query(sql).bind(id).fetch_optional().await.unwrap()
}

async fn pass<G: Guard>(db: &Db, guard: G) -> Result<(), G::Refusal> {
    let mut tx = db.begin().await.unwrap();
    guard.pass(&mut tx).await?;
    tx.commit().await.unwrap();
    Ok(())
}

/// A lease that is written, and is the first of its order.
async fn seized(leases: &Leases) -> Lease {
    let order = after(&[]);
    let lease = leases.issue(order.created.id, true).await.unwrap();
    let mut tx = leases.db.begin().await.unwrap();
    assert!(store::insert(&mut tx, &order).await.unwrap());
    Seize(&lease).pass(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    lease
}

async fn tell<F: Future<Output = ()>>(story: impl Fn(Leases) -> F) {
    for (context, _folder) in contexts("orders", &<Module as kernel::Module>::MIGRATIONS).await {
        let (db, clock) = (context.db.clone(), context.clock.clone());
        story(Leases { db, clock, length: LENGTH, due: Arc::default() }).await;
    }
}

/// The order that is due.
async fn due(leases: &Leases) -> Option<OrderId> {
    leases.next().await.unwrap().filter(|(_, left)| *left <= TimeDelta::zero()).map(|(id, _)| id)
}

/// Whether `time` is `length` from now.
async fn is_from_now(leases: &Leases, time: Option<DateTime<Utc>>, length: TimeDelta) -> bool {
    let late = leases.now().await.unwrap() + length - time.unwrap();
    (TimeDelta::zero()..SOON).contains(&late)
}

fn length() -> TimeDelta {
    TimeDelta::from_std(LENGTH).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_once_a_third_of_it_is_over_and_a_step_fits_into_the_rest() {
    tell(|leases| async move {
        let third = LENGTH / 3;
        for (age, renewed) in [
            (Duration::ZERO, false),
            (third.saturating_sub(Duration::from_nanos(1)), false),
            (third, true),
            (LENGTH, true),
        ] {
            assert_eq!(leases.is_renewed_after(age), renewed, "{age:?}");
        }
        assert_eq!((leases.step(), third + leases.step()), (Duration::from_mins(1), LENGTH));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_lasts_its_length_from_when_it_was_renewed() {
    tell(|leases| async move {
        let (mut lease, other) = (seized(&leases).await, seized(&leases).await);
        let first = row(&leases, lease.order_id).await.unwrap();
        assert!(is_from_now(&leases, first.lease_until, length()).await);
        assert_eq!((first.fence, first.lease_until), (lease.fence, Some(lease.until)));
        assert_eq!((lease.is_first, lease.attempts), (true, 0));
        // Too early: nothing is written.
        leases.clock.advance(TimeDelta::seconds(25));
        let before = lease.renewed;
        assert_eq!(leases.renew(&mut lease).await, Ok(()));
        assert_eq!((row(&leases, lease.order_id).await.unwrap(), lease.renewed), (first.clone(), before));
        // A third is over.
        lease.renewed -= LENGTH / 3;
        let (old, before) = (lease.until, Instant::now());
        assert_eq!(leases.renew(&mut lease).await, Ok(()));
        let renewed = row(&leases, lease.order_id).await.unwrap();
        assert!(is_from_now(&leases, renewed.lease_until, length()).await);
        assert!(lease.until >= old + TimeDelta::seconds(25) && lease.renewed >= before);
        assert_eq!(renewed, Row { lease_until: Some(lease.until), ..first });
        // And not again before another third is.
        leases.clock.advance(TimeDelta::seconds(25));
        assert_eq!(leases.renew(&mut lease).await, Ok(()));
        assert_eq!(row(&leases, lease.order_id).await.unwrap(), renewed);
        let untouched = row(&leases, other.order_id).await.unwrap();
        assert_eq!(untouched.lease_until, Some(other.until), "each its own");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_nobody_else_s_until_it_expires() {
    tell(|leases| async move {
        let mut lease = seized(&leases).await;
        let id = lease.order_id;
        for passes in [0, 88] {
            leases.clock.advance(TimeDelta::seconds(passes));
            if passes > 0 {
                lease.renewed -= LENGTH;
                leases.renew(&mut lease).await.unwrap();
            }
            assert_eq!(due(&leases).await, None);
            assert!(leases.acquire(id).await.unwrap().is_none());
            let (next, left) = leases.next().await.unwrap().unwrap();
            assert!(next == id && left <= length() && left > length() - SOON, "it may be left behind: {left}");
        }
        // It was renewed, so that it lasts longer than it first did.
        leases.clock.advance(TimeDelta::seconds(60));
        assert!(leases.acquire(id).await.unwrap().is_none());
        leases.clock.advance(TimeDelta::seconds(30));
        assert_eq!(due(&leases).await, Some(id));
        let next = leases.acquire(id).await.unwrap().unwrap();
        let taken = row(&leases, id).await.unwrap();
        assert_eq!((taken.fence, taken.lease_until, taken.due_at), (next.fence, Some(next.until), next.until));
        assert!(is_from_now(&leases, taken.lease_until, length()).await && !next.is_first);
        assert!(leases.acquire(id).await.unwrap().is_none(), "one at a time");
        assert_eq!(leases.acquire(OrderId::new()).await.unwrap().map(|lease| lease.fence), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_lost_changes_nothing() {
    tell(|leases| async move {
        let mut lost = seized(&leases).await;
        let taken = leases.issue(lost.order_id, false).await.unwrap();
        pass(&leases.db, Seize(&taken)).await.unwrap();
        let theirs = row(&leases, lost.order_id).await.unwrap();
        assert_eq!((theirs.fence, theirs.lease_until), (taken.fence, Some(taken.until)));
        lost.renewed -= LENGTH;
        let (renewed, until) = (lost.renewed, lost.until);
        assert_eq!(leases.renew(&mut lost).await, Err(Stop::Fenced));
        assert_eq!((lost.renewed, lost.until), (renewed, until), "it is not renewed");
        let (now, db) = (leases.now().await.unwrap(), &leases.db);
        for effect in [Effect::Release(&lost, now), Effect::End(&lost)] {
            assert_eq!(pass(db, effect).await, Err(Stop::Fenced), "{effect:?}");
        }
        // One that has failed before writes to its row; one that has not writes the order's, where the fence is.
        assert_eq!(pass(db, Effect::Keep(&lost)).await, Ok(()));
        assert_eq!(Effect::Keep(&lost).fence(), Some(lost.fence));
        lost.is_clean = false;
        assert_eq!(pass(db, Effect::Keep(&lost)).await, Err(Stop::Fenced));
        assert_eq!(lease::release(db, &lost, now).await, Err(Stop::Fenced));
        assert_eq!(lease::end(db, &lost).await, Err(Stop::Fenced));
        assert_eq!(leases.fail(&lost, TimeDelta::zero(), "late".into(), true).await, Ok(false));
        assert_eq!(row(&leases, lost.order_id).await.unwrap(), theirs);
        // The control: whoever holds it may do it all.
        for effect in [Effect::Keep(&taken), Effect::Release(&taken, now), Effect::End(&taken)] {
            assert_eq!(pass(db, effect).await, Ok(()), "{effect:?}");
        }
        assert_eq!(row(&leases, lost.order_id).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_counts_and_pauses_until_something_is_achieved() {
    tell(|leases| async move {
        let (lease, pause) = (seized(&leases).await, TimeDelta::seconds(40));
        let (id, db) = (lease.order_id, &leases.db);
        assert_eq!(leases.fail(&lease, pause, "first".into(), false).await, Ok(false));
        let failed = row(&leases, id).await.unwrap();
        assert!(is_from_now(&leases, Some(failed.due_at), pause).await);
        assert_eq!((failed.attempts, failed.last_error.as_deref()), (1, Some("first")));
        assert_eq!((failed.lease_until, failed.needs_operator), (None, false));
        assert!(leases.acquire(id).await.unwrap().is_none(), "it is not due yet");
        leases.clock.advance(pause);
        let again = leases.acquire(id).await.unwrap().unwrap();
        assert_eq!(again.attempts, 1);
        assert_eq!(leases.fail(&again, pause, "second".into(), false).await, Ok(false));
        assert_eq!(row(&leases, id).await.unwrap().attempts, 2);
        leases.clock.advance(pause);
        let third = leases.acquire(id).await.unwrap().unwrap();
        pass(db, Effect::Keep(&third)).await.unwrap();
        let kept = row(&leases, id).await.unwrap();
        assert_eq!((kept.attempts, kept.last_error, kept.lease_until), (0, None, Some(third.until)));
        let later = leases.now().await.unwrap() + pause;
        pass(db, Effect::Release(&third, later)).await.unwrap();
        let released = row(&leases, id).await.unwrap();
        assert_eq!((released.due_at, released.lease_until, released.attempts), (later, None, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_exhausted_waits_for_a_person_unless_there_is_news() {
    tell(|leases| async move {
        let (lease, db) = (seized(&leases).await, &leases.db);
        let id = lease.order_id;
        assert!(!row(&leases, id).await.unwrap().needs_operator);
        assert_eq!(leases.fail(&lease, TimeDelta::zero(), "last".into(), true).await, Ok(true));
        assert!(row(&leases, id).await.unwrap().needs_operator);
        leases.clock.advance(TimeDelta::days(1));
        assert_eq!(due(&leases).await, None);
        assert!(leases.acquire(id).await.unwrap().is_none());
        assert!(lease::wake(db, id).await.unwrap(), "nobody drives it");
        assert_eq!((due(&leases).await, row(&leases, id).await.unwrap().needs_operator), (Some(id), false));
        let woken = leases.acquire(id).await.unwrap().unwrap();
        assert_eq!((woken.attempts, row(&leases, id).await.unwrap().woken), (0, false));
        // News that comes meanwhile is tried at once.
        assert!(!lease::wake(db, id).await.unwrap(), "somebody drives it");
        assert_eq!(leases.fail(&woken, TimeDelta::days(9), "last".into(), true).await, Ok(false));
        assert_eq!(due(&leases).await, Some(id));
        lease::end(db, &woken).await.unwrap();
        assert_eq!(row(&leases, id).await, None);
    })
    .await;
}

#[test]
fn a_fault_or_an_error_is_tried_again_with_its_reason() {
    let fault = kernel::Fault::Unavailable;
    assert_eq!(Stop::from(fault), Stop::Retry(fault.to_string()));
    assert_eq!(Stop::from(Error::CartEmpty), Stop::Retry("the cart is empty".into()));
}
