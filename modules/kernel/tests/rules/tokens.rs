//! Only a process of this shop may call another one.
use chrono::TimeDelta;
use kernel::{CallSemantics, Clock, Fault, Refusal, ServiceTokens};
use serde::Serialize;

use crate::{
    probe::Counts,
    sample::Plan,
    world::{Kind, SECRET, World, dial, send},
};

const FIVE_MINUTES: i64 = 300_000;

fn tokens(secret: &str, offset_ms: i64) -> ServiceTokens {
    ServiceTokens::new(Some(secret), Clock::with_offset(offset_ms))
}

/// Calls one method of `back` with a good token, unless `headers` bring another.
pub(crate) async fn post(
    base: &str,
    method: &str,
    plan: &impl Serialize,
    headers: &[(&str, &str)],
) -> reqwest::Response {
    let good = tokens(SECRET, 0).token("back").expect("there is a secret");
    let mut request =
        reqwest::Client::new().post(format!("{base}/rpc/back/{method}")).json(&serde_json::json!({ "plan": plan }));
    if !headers.iter().any(|(name, _)| *name == "authorization") {
        request = request.header("authorization", good);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("it answers")
}

#[tokio::test]
async fn a_call_without_a_good_token_never_reaches_the_module() {
    let world = World::open(Kind::Apart).await;
    let good = tokens(SECRET, 0).token("back").unwrap();
    let (header, rest) = good.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", rest.split('.').next().unwrap());
    for (what, token) in [
        ("nothing", String::new()),
        ("another scheme", good.replace("Bearer", "Basic")),
        ("another audience", tokens(SECRET, 0).token("front").unwrap()),
        ("another shop's secret", tokens(&SECRET.replace('a', "b"), 0).token("back").unwrap()),
        ("long expired", tokens(SECRET, -6 * FIVE_MINUTES).token("back").unwrap()),
        ("not signed", unsigned),
        ("cut off", header.to_owned()),
    ] {
        for method in ["look", "put", "add"] {
            let reply = post(&world.base, method, &Plan::Look, &[("authorization", &token)]).await;
            assert_eq!(reply.status(), 401, "{what}, {method}");
            assert!(reply.headers().contains_key("www-authenticate"), "{what}");
        }
    }
    let url = format!("{}/rpc/back/look", world.base);
    let bare = reqwest::Client::new().post(url).json(&serde_json::json!({ "plan": Plan::Look })).send().await.unwrap();
    assert_eq!(bare.status(), 401, "no header at all");
    assert_eq!(world.probe.counts(), Counts::default(), "nothing of it ran");
    assert_eq!(post(&world.base, "look", &Plan::Look, &[]).await.status(), 200);
    assert_eq!(world.probe.counts().ended, 1);
}

/// A wrong secret is our mistake: a customer who is told to sign in could do nothing about it.
#[tokio::test]
async fn a_process_with_the_wrong_secret_is_broken_and_not_signed_out() {
    let world = World::open(Kind::Apart).await;
    let stranger = dial(&world.base, "service_secret = \"another secret, also long enough\"").await;
    for semantics in crate::world::DELIVERIES {
        assert_eq!(send(&*stranger, semantics, Plan::Look).await, Err(Fault::Internal.into()), "{semantics:?}");
    }
    assert_eq!(world.probe.counts(), Counts::default());
    let forbidden = world.send(CallSemantics::Read, Plan::Forbid).await;
    assert_eq!(forbidden, Err(Refusal::Forbidden.into()), "the module's own refusal still arrives");
}

/// An older release, or another module's process, does not know the method: that is no answer of the module.
#[tokio::test]
async fn an_address_that_leads_elsewhere_is_no_business_error() {
    let elsewhere = axum::Router::new().fallback(async || kernel::problem(kernel::Refusal::Forbidden));
    let base = crate::world::serve(elsewhere).await;
    let answer = send(&*dial(&base, "").await, CallSemantics::Read, Plan::Look).await;
    assert_eq!(answer, Err(Fault::Internal.into()));
}

#[tokio::test]
async fn clocks_may_be_five_minutes_off_either_way() {
    for mine in [-FIVE_MINUTES, 0, FIVE_MINUTES] {
        let world = World::with(Kind::Apart, &format!("testing.clock_offset_ms = {mine}")).await;
        for yours in [-FIVE_MINUTES, 0, FIVE_MINUTES] {
            let caller = dial(&world.base, &format!("testing.clock_offset_ms = {yours}")).await;
            let answer = send(&*caller, CallSemantics::Once, Plan::Look).await;
            assert!(answer.is_ok(), "{mine} and {yours}: {answer:?}");
        }
    }
}

#[test]
fn a_token_is_renewed_long_before_it_expires() {
    let clock = Clock::default();
    let tokens = ServiceTokens::new(Some(SECRET), clock.clone());
    let token = tokens.token("back").unwrap();
    // Five minutes in use, and ten that the clocks may be apart.
    clock.advance(TimeDelta::minutes(15));
    assert!(tokens.admits("back", Some(&token)));
}
