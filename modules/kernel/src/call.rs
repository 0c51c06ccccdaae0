//! The context of the call being served: how long is left, and which trace it belongs to.
//!
//! It travels by task-local inside a process and by two headers between processes, so a method's
//! signature never mentions it.
use std::{
    future::Future,
    time::{Duration, Instant},
};

use crate::Fault;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// W3C Trace Context, level 1, section 3.2.
const TRACEPARENT: &str = "traceparent";
/// Milliseconds left, not a point in time: two machines' clocks need not agree.
const TIMEOUT: &str = "x-timeout-ms";
/// What a call gets where nothing says otherwise, and the most that one may ask for.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

tokio::task_local! { static CURRENT: Call; }

/// One call, from the edge to the last module that it reaches.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    trace: u128,
    deadline: Instant,
}

impl Call {
    /// The call being served, or a fresh one where none is (a background job).
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(|call| *call).unwrap_or_else(|_| Self::fresh(DEFAULT_TIMEOUT))
    }

    /// A call of its own: a new trace, and `left` to finish.
    #[must_use]
    pub fn fresh(left: Duration) -> Self {
        Self::new(new_trace(), left)
    }

    /// A call with a given trace and time left.
    #[must_use]
    pub fn new(trace: u128, left: Duration) -> Self {
        Self { trace, deadline: Instant::now() + left }
    }

    /// The same trace with another time limit: for work that outlives the call that asked for it.
    #[must_use]
    pub fn with_timeout(self, left: Duration) -> Self {
        Self::new(self.trace, left)
    }

    /// The call that an internal request carries in its headers.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let left = text(TIMEOUT).and_then(|text| text.parse().ok()).map(Duration::from_millis);
        let trace = text(TRACEPARENT).and_then(parse_traceparent);
        Self::new(trace.unwrap_or_else(new_trace), left.unwrap_or(DEFAULT_TIMEOUT).min(DEFAULT_TIMEOUT))
    }

    /// The call that a request from outside begins: it may bring a trace, never a time limit.
    #[must_use]
    pub fn from_outside(headers: &HeaderMap, left: Duration) -> Self {
        let trace = headers.get(TRACEPARENT).and_then(|value| parse_traceparent(value.to_str().ok()?));
        Self::new(trace.unwrap_or_else(new_trace), left)
    }

    /// The same call with no more time than one may ask for: what a module is given, in every topology.
    #[must_use]
    pub(crate) fn bounded(self) -> Self {
        self.with_timeout(self.left().min(DEFAULT_TIMEOUT))
    }

    /// The headers that carry this call to the next process.
    #[must_use]
    pub fn headers(self) -> HeaderMap {
        let trace = self.traceparent();
        let left = self.left().as_millis().to_string();
        [(TRACEPARENT, trace), (TIMEOUT, left)]
            .into_iter()
            .filter_map(|(name, text)| Some((HeaderName::from_static(name), HeaderValue::try_from(text).ok()?)))
            .collect()
    }

    /// What tells others of the trace: this call's part of it is a span of its own.
    #[must_use]
    pub fn traceparent(self) -> String {
        let span = rand::random::<u64>() | 1;
        format!("00-{:032x}-{span:016x}-01", self.trace)
    }

    /// The time left; zero once the deadline has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The trace's identifier, as logs and problem bodies show it.
    #[must_use]
    pub fn trace(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Runs `work` as this call, to its end.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Runs `work` as this call, and gives up at its deadline.
    pub async fn run<T, E: From<Fault>>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let left = self.left();
        if left.is_zero() {
            return Err(Fault::DeadlineExceeded.into());
        }
        let outcome = CURRENT.scope(self, tokio::time::timeout(left, work)).await;
        outcome.unwrap_or_else(|_| Err(Fault::DeadlineExceeded.into()))
    }
}

/// Chance from this thread's own generator: a request costs no call of the system's.
fn new_trace() -> u128 {
    rand::random::<u128>() | 1
}

fn parse_traceparent(text: &str) -> Option<u128> {
    let mut parts = text.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let usable = version.len() == 2 && version != "ff" && trace.len() == 32;
    u128::from_str_radix(trace, 16).ok().filter(|&trace| usable && trace != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_its_headers() {
        let call = Call::new(0xabc, Duration::from_secs(3));
        let there = Call::from_headers(&call.headers());
        assert_eq!(there.trace(), call.trace());
        assert!(there.left() <= Duration::from_secs(3) && there.left() > Duration::from_secs(2));
    }

    #[test]
    fn nobody_may_ask_for_more_time_than_the_default() {
        let call = Call::new(1, Duration::from_hours(1));
        assert!(Call::from_headers(&call.headers()).left() <= DEFAULT_TIMEOUT);
    }

    #[test]
    fn a_broken_traceparent_is_no_traceparent() {
        for text in
            ["", "00", "00-xyz", "00-00000000000000000000000000000000-1-01", "ff-00000000000000000000000000000001-1-01"]
        {
            assert_eq!(parse_traceparent(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn work_whose_time_is_up_does_not_start() {
        let call = Call::new(1, Duration::ZERO);
        let outcome: Result<(), Fault> = call.run(async { unreachable!("it started") }).await;
        assert_eq!(outcome, Err(Fault::DeadlineExceeded));
    }
}
