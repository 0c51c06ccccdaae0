//! One transcript in all three worlds: what is answered, refused and broken.
use std::sync::Arc;

use kernel::{CallSemantics, Fault, Money, Refusal, Violation};
use sqlx::types::chrono::DateTime;

use crate::{
    sample::{Back, Double, Error, Parcel, Plan, Seen},
    world::{DELIVERIES, KINDS, Kind, World},
};

fn parcel(text: &str) -> Box<Parcel> {
    Box::new(Parcel {
        text: text.into(),
        least: i64::MIN,
        most: i64::MAX,
        price: Some(Money::new(-1999, "JPY".parse().unwrap())),
        currency: "EUR".parse().unwrap(),
        at: DateTime::from_timestamp_micros(1_234_567_890_123_456).unwrap(),
        id: uuid::Uuid::from_u128(7),
        list: vec![(String::new(), true), ("a\"\\\u{0}\u{1F600}".into(), false)],
        json: serde_json::json!({"a": [1, "x", null, {"status": 1, "code": "closed"}]}),
    })
}

/// Every way in which a call can end.
fn plans() -> Vec<Plan> {
    let faults = [Fault::Unavailable, Fault::DeadlineExceeded, Fault::Overloaded, Fault::Internal].map(Plan::Fault);
    let mut plans = vec![
        Plan::Look,
        Plan::Echo(parcel("")),
        Plan::Echo(parcel("\u{feff} §\r\n\t\u{2028}")),
        Plan::SoldOut { left: -1, skus: vec!["A-1".into(), "\"".into()] },
        Plan::Closed,
        Plan::Invalid,
        Plan::Forbid,
        Plan::Panic,
    ];
    plans.extend(faults);
    plans
}

/// What a caller can tell a story of; traces and times differ from one telling to the next.
fn told(outcome: Result<Seen, Error>) -> String {
    format!("{:?}", outcome.map(|seen| (seen.traces.len(), seen.parcel)))
}

#[tokio::test]
async fn every_world_leaves_the_same_transcript() {
    let mut transcripts = Vec::new();
    for kind in KINDS {
        let world = World::open(kind).await;
        let mut transcript = Vec::new();
        for plan in plans() {
            for semantics in DELIVERIES {
                let direct = told(world.send(semantics, plan.clone()).await);
                let nested = told(match semantics {
                    CallSemantics::Read => world.front.look(plan.clone()).await,
                    CallSemantics::Idempotent => world.front.put(plan.clone()).await,
                    CallSemantics::Once => world.front.add(plan.clone()).await,
                });
                transcript.push(format!("{semantics:?} {plan:?}: {direct}; through another module {nested}"));
            }
        }
        transcript.push(format!("{:?}", world.front.greet("Zoë".into(), 3).await));
        transcript.push(format!("{:?}", world.front.ping().await));
        transcripts.push(transcript);
    }
    assert_eq!(transcripts[0], transcripts[1], "checked tells what together does");
    assert_eq!(transcripts[0], transcripts[2], "apart tells what together does");
}

#[tokio::test]
async fn an_error_arrives_as_the_value_that_was_sent() {
    let invalid = Violation::new("too_long", "must be short").at("/lines/0");
    let skus = vec!["A-1".to_owned()];
    for kind in KINDS {
        let world = World::open(kind).await;
        for (plan, error) in [
            (Plan::SoldOut { left: 3, skus: skus.clone() }, Error::SoldOut { left: 3, skus: skus.clone() }),
            (Plan::Closed, Error::Closed),
            (Plan::Invalid, invalid.clone().into()),
            (Plan::Forbid, Refusal::Forbidden.into()),
            (Plan::Fault(Fault::Unavailable), Fault::Unavailable.into()),
            (Plan::Panic, Fault::Internal.into()),
        ] {
            assert_eq!(world.send(CallSemantics::Read, plan).await, Err(error), "{kind:?}");
        }
        assert!(world.send(CallSemantics::Read, Plan::Look).await.is_ok(), "{kind:?}: a panic ends one call only");
    }
}

/// An error's fields stand beside RFC 9457's own members, so none may have the name of one.
#[tokio::test]
async fn checked_finds_an_error_that_would_not_survive_the_wire() {
    let plan = || Plan::Clash { status: "shipped".into() };
    let arrived = |kind| async move { World::open(kind).await.send(CallSemantics::Once, plan()).await };
    assert_eq!(arrived(Kind::Checked).await, Err(Fault::Internal.into()));
    assert_eq!(arrived(Kind::Apart).await, Err(Fault::Internal.into()));
    assert_ne!(arrived(Kind::Together).await, Err(Fault::Internal.into()), "the control: nobody noticed here");
}

/// The edge bounds what customers send; what modules send each other must not depend on the topology.
#[tokio::test]
async fn no_topology_has_a_smaller_limit() {
    let text = "x".repeat(3_000_000);
    for kind in KINDS {
        let world = World::open(kind).await;
        let answer = world.send(CallSemantics::Once, Plan::Echo(parcel(&text))).await;
        assert_eq!(answer.map(|seen| seen.parcel.map(|parcel| parcel.text.len())), Ok(Some(3_000_000)), "{kind:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem_body_with_a_trace() {
    let world = World::open(Kind::Apart).await;
    let reply = crate::tokens::post(&world.base, "look", &Plan::SoldOut { left: 2, skus: vec![] }, &[]).await;
    assert_eq!(reply.status(), 409);
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    let body: serde_json::Value = reply.json().await.unwrap();
    assert_eq!((&body["code"], &body["left"], &body["status"]), (&"sold_out".into(), &2.into(), &409.into()));
    assert_eq!((&body["title"], &body["detail"]), (&"Conflict".into(), &"only 2 left".into()));
    assert_eq!(body["trace_id"].as_str().map(str::len), Some(32));
    let reply = crate::tokens::post(&world.base, "look", &Plan::Panic, &[]).await;
    assert_eq!(reply.status(), 500);
    assert!(!reply.text().await.unwrap().contains("a bug that was asked for"), "causes stay inside");
}

/// What a process of a later release asks for: one of its own can do it, so it is asked again.
#[tokio::test]
async fn arguments_that_cannot_be_read_are_no_mistake_of_the_customers() {
    let world = World::open(Kind::Apart).await;
    let reply = crate::tokens::post(&world.base, "look", &serde_json::json!({"dance": {"with": 2}}), &[]).await;
    assert_eq!((reply.status().as_u16(), &reply.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let body: serde_json::Value = reply.json().await.unwrap();
    assert_eq!(body["code"], "unavailable");
}

struct Half;

#[kernel::async_trait]
impl Double for Half {
    async fn look(&self, _: Plan) -> Result<Seen, Error> {
        Err(Error::Closed)
    }
}

#[tokio::test]
async fn a_double_does_what_its_test_writes_and_fails_by_name_otherwise() {
    let half: Arc<dyn Back> = Arc::new(Half);
    assert_eq!(half.look(Plan::Look).await, Err(Error::Closed));
    let unwritten = tokio::spawn(async move { half.put(Plan::Look).await }).await.unwrap_err().into_panic();
    assert_eq!(unwritten.downcast_ref(), Some(&"back.put is called, and its double does not have it"));
}
