//! The caller's side of a call that leaves the process: the only layer that retries.
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{StatusCode, header::AUTHORIZATION};
use serde::Serialize;

use crate::{Call, CallSemantics, Failure, Fault, Problem, Reply, ServiceTokens, given::given, rpc::ANSWER};

/// Another process that hosts a module.
#[derive(Debug, Clone)]
pub struct Remote {
    http: reqwest::Client,
    base: String,
    pub(crate) module: &'static str,
    tokens: ServiceTokens,
    health: Arc<Health>,
}

/// How often a call is sent at the most.
const ATTEMPTS: u32 = 3;
/// The first pause before a retry is up to this long; each next one up to twice the last (full jitter).
const PAUSE: Duration = Duration::from_millis(25);

/// What became of one attempt.
enum Attempt<T, E> {
    Answered(Result<T, E>),
    /// It never reached the module: sending again is always safe.
    Undelivered(Fault),
    /// It may have arrived; only what is not `once` is sent again.
    Unclear(Fault),
}

impl Remote {
    /// The process at `base`, for example `http://products:8081`, which hosts `module`.
    pub fn new(http: reqwest::Client, base: impl Into<String>, module: &'static str, tokens: ServiceTokens) -> Self {
        let base = base.into().trim_end_matches('/').to_owned();
        Self { http, base, module, tokens, health: Arc::default() }
    }

    /// Calls one method there.
    pub async fn call<T: Reply, E: Failure + From<Fault>>(
        &self,
        semantics: CallSemantics,
        path: &str,
        args: &(impl Serialize + Sync),
    ) -> Result<T, E> {
        let call = Call::current();
        let body = given(args).map_err(Fault::internal)?.to_string();
        self.health.earn();
        for attempt in 1.. {
            if call.left().is_zero() {
                return Err(Fault::DeadlineExceeded.into());
            }
            if !self.health.admits() {
                return Err(Fault::unavailable(format!("{}: too many failures, pausing", self.module)).into());
            }
            let outcome = self.send(call, path, body.clone()).await;
            self.health.note(match &outcome {
                Attempt::Answered(answer) => answer.as_ref().err().and_then(Failure::fault) != Some(Fault::Overloaded),
                Attempt::Undelivered(_) | Attempt::Unclear(_) => false,
            });
            let (again, fault) = match outcome {
                Attempt::Answered(answer) => return answer,
                Attempt::Undelivered(fault) => (true, fault),
                Attempt::Unclear(Fault::DeadlineExceeded) => (false, Fault::DeadlineExceeded),
                Attempt::Unclear(fault) => (semantics != CallSemantics::Once, fault),
            };
            let pause = PAUSE.mul_f64(f64::from(1 << attempt) * rand::random::<f64>());
            if !again || attempt == ATTEMPTS || call.left() < pause || !self.health.spend() {
                metrics::counter!("stoa_remote_failures_total", "module" => self.module).increment(1);
                return Err(fault.into());
            }
            metrics::counter!("stoa_remote_retries_total", "module" => self.module).increment(1);
            tokio::time::sleep(pause).await;
        }
        unreachable!("the last attempt returns")
    }

    async fn send<T: Reply, E: Failure + From<Fault>>(&self, call: Call, path: &str, body: String) -> Attempt<T, E> {
        let token = match self.tokens.token(self.module) {
            Ok(token) => token,
            Err(fault) => return Attempt::Undelivered(fault),
        };
        let request = self.http.post(format!("{}{path}", self.base)).headers(call.headers());
        let request = request.header(AUTHORIZATION, token).header("content-type", "application/json");
        let reply = match request.timeout(call.left()).body(body).send().await {
            Ok(reply) => reply,
            Err(error) if error.is_connect() => return Attempt::Undelivered(Fault::unavailable(error)),
            Err(error) if error.is_timeout() => return Attempt::Unclear(Fault::DeadlineExceeded),
            Err(error) => return Attempt::Unclear(Fault::unavailable(error)),
        };
        let (status, own) = (reply.status(), reply.headers().contains_key(ANSWER));
        let bytes = match reply.bytes().await {
            Ok(bytes) => bytes,
            Err(error) if error.is_timeout() => return Attempt::Unclear(Fault::DeadlineExceeded),
            Err(error) => return Attempt::Unclear(Fault::unavailable(error)),
        };
        if status.is_success() {
            return Attempt::Answered(T::read(bytes).map_err(|error| {
                Fault::internal(format!("{}{path} answered what this release cannot read: {error}", self.base)).into()
            }));
        }
        match serde_json::from_slice::<Problem<E>>(&bytes) {
            // Whatever the module says is its answer, a fault included: it, or the one it called, has retried.
            Ok(Problem { error, .. }) if own => Attempt::Answered(Err(error)),
            // A proxy on the way, which does not know what became of it.
            _ if matches!(
                status,
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            ) =>
            {
                Attempt::Unclear(Fault::unavailable(format!("{path}: {status}")))
            }
            // Our own mistake, not the customer's: a wrong secret, an address that leads to another module.
            _ => Attempt::Answered(Err(Fault::internal(format!("{}{path} answered {status}", self.base)).into())),
        }
    }
}

/// A peer's circuit breaker and retry budget.
#[derive(Debug)]
struct Health {
    /// Hundredths of a retry: each call earns 20, each retry costs 100, so retries stay within 20 %.
    budget: AtomicI64,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

/// A peer with this many failures in a row is left alone for a while.
const TRIP_AFTER: u32 = 10;
/// How long; then one call tries.
const REST: Duration = Duration::from_millis(500);
const BUDGET_MOST: i64 = 2_000;

impl Default for Health {
    fn default() -> Self {
        Self { budget: AtomicI64::new(BUDGET_MOST), breaker: Mutex::default() }
    }
}

impl Health {
    fn earn(&self) {
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some((left + 20).min(BUDGET_MOST))).ok();
    }

    fn spend(&self) -> bool {
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left >= 100).then(|| left - 100)).is_ok()
    }

    fn admits(&self) -> bool {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match breaker.open_until {
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                breaker.open_until = Some(Instant::now() + REST);
                true
            }
            None => true,
        }
    }

    fn note(&self, worked: bool) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        if worked {
            *breaker = Breaker::default();
        } else {
            breaker.failures += 1;
            if breaker.failures >= TRIP_AFTER {
                breaker.open_until = Some(Instant::now() + REST);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_fails_is_left_alone_and_then_tried_once() {
        let health = Health::default();
        (0..TRIP_AFTER).for_each(|_| health.note(false));
        assert!(!health.admits());
        health.breaker.lock().unwrap().open_until = Some(Instant::now());
        assert!(health.admits() && !health.admits(), "one probe at a time");
        health.note(true);
        assert!(health.admits());
    }

    #[test]
    fn retries_stay_within_a_fifth_of_the_calls() {
        let health = Health::default();
        while health.spend() {}
        let retries = (0..1000)
            .filter(|_| {
                health.earn();
                health.spend()
            })
            .count();
        assert!((190..=200).contains(&retries), "{retries}");
    }
}
