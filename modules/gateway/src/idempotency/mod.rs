//! Sending a POST twice does it once (IETF draft-ietf-httpapi-idempotency-key-header).
//!
//! A request goes from free to `running` to `done`. Only the answer of what was done is kept: a fault or a refusal
//! frees its key again, so that the next one runs, put right or not.
pub(crate) mod answer;
pub(crate) mod key;
pub(crate) mod store;

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, header::RETRY_AFTER, request::Parts},
    middleware::Next,
    response::Response,
};
use chrono::TimeDelta;
use http_body_util::LengthLimitError;
use kernel::{BODY_LIMIT, Call, Clock, Context, Db, Fault, Refusal, Tasks, problem};
use tokio::sync::Semaphore;
use tracing::Instrument;
use uuid::Uuid;

use self::{key::Key, store::Earlier};
use crate::{
    Error,
    failpoints::{self, reach},
};

/// How often what could not be written is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// How many ends are waiting to be written at the most; for the others the lease runs out.
const LATE: usize = 256;
/// How often expired keys are looked for.
const SWEEP: Duration = Duration::from_mins(10);

/// Which keys were used, and what was answered to them.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyStore {
    db: Db,
    clock: Clock,
    tasks: Tasks,
    /// After so long a run is taken for dead: well after the deadline of all that it calls.
    lease: TimeDelta,
    /// Places for what could not be written.
    late: Arc<Semaphore>,
    /// The routes whose modules know their keys themselves: of these nothing is kept here.
    modules: Arc<HashSet<String>>,
}

/// What becomes of a key whose request has been answered.
#[derive(Debug)]
enum End {
    /// The answer stands.
    Complete { status: u16, headers: Vec<(String, String)>, body: Bytes },
    /// The next one runs.
    Release,
}

/// Answers a POST whose key came before as it was answered then.
pub(crate) async fn once(State(store): State<IdempotencyStore>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let given = match key::given(request.headers()) {
        Ok(Some(given)) if !store.leaves(&request) => given.clone(),
        Ok(_) => return next.run(request).await,
        Err(flaw) => return problem(Error::from(flaw)),
    };
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => return unreadable(&error),
    };
    // In a task of its own: once it has begun it runs to its end, whoever still waits for the answer.
    let tasks = store.tasks.clone();
    let work = async move { store.answer(given, parts, body, next).await.unwrap_or_else(refuse) };
    let ended = tasks.spawn(Call::current().scope(work).in_current_span());
    ended.await.unwrap_or_else(|died| problem(Fault::internal(died)))
}

impl IdempotencyStore {
    /// The store in the edge's own database.
    pub(crate) fn new(context: &Context, timeout: Duration, modules: HashSet<String>) -> Self {
        let lease = TimeDelta::from_std(timeout * 2).unwrap_or_default() + TimeDelta::seconds(10);
        let (db, clock, tasks) = (context.db.clone(), context.clock.clone(), context.tasks.clone());
        Self { db, clock, tasks, lease, late: Arc::new(Semaphore::new(LATE)), modules: Arc::new(modules) }
    }

    /// Whether the module that this is for knows the key itself.
    fn leaves(&self, request: &Request) -> bool {
        let path = request.extensions().get::<MatchedPath>();
        path.is_some_and(|path| self.modules.contains(path.as_str()))
    }

    async fn answer(&self, given: HeaderValue, parts: Parts, body: Bytes, next: Next) -> Result<Response, Error> {
        let key = Key::of(given.as_bytes(), &parts, &body);
        let fence = Uuid::now_v7();
        let begun = self.begin(&key, fence).await.inspect_err(|_| {
            // It may have begun all the same, and then nobody would run it.
            self.end_later(key.clone(), fence, End::Release);
        });
        match begun? {
            None => {
                reach(failpoints::key::begun);
                let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
                reach(failpoints::key::answered);
                let answer = self.end(key, fence, answer).await;
                reach(failpoints::key::ended);
                Ok(answer)
            }
            Some(earlier) if earlier.fingerprint != key.fingerprint => Err(Error::KeyReused),
            Some(earlier) if earlier.state == "running" => Err(Error::RequestInProgress),
            // No module is asked whether the caller may still see it.
            Some(earlier) if earlier.role > key.role => Err(Refusal::Forbidden.into()),
            Some(earlier) => Ok(answer::replay(earlier)?),
        }
    }

    /// Nothing if this run is the one to answer, else what came before.
    async fn begin(&self, key: &Key, fence: Uuid) -> Result<Option<Earlier>, Fault> {
        // What came before may be gone by the time that it is looked at; then the key is free again.
        for _ in 0..3 {
            let now = self.clock.shared(&self.db).await?;
            if store::begin(&self.db, key, fence, now, self.lease).await? {
                return Ok(None);
            }
            if let Some(earlier) = store::find(&self.db, key).await? {
                return Ok(Some(earlier));
            }
        }
        Err(Fault::unavailable("an idempotency key is begun and released again and again"))
    }

    /// Keeps the answer for the next time, or lets the next one try again.
    ///
    /// If that fails the answer is still the answer, and it is kept as soon as it can be: until then the
    /// request seems to run. At the worst its lease runs out, and the modules' own keys make a second run harmless.
    async fn end(&self, key: Key, fence: Uuid, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        let body = match to_bytes(body, usize::MAX).await {
            Ok(body) => body,
            Err(error) => return problem(Fault::internal(error)),
        };
        let end = if answer::is_final(parts.status, &parts.headers) {
            End::Complete { status: parts.status.as_u16(), headers: answer::kept(&parts.headers), body: body.clone() }
        } else {
            End::Release
        };
        if let Err(error) = self.write(&key, fence, &end).await {
            tracing::warn!(%error, "an answer could not be kept for its idempotency key; trying again");
            self.end_later(key, fence, end);
        }
        Response::from_parts(parts, Body::from(body))
    }

    async fn write(&self, key: &Key, fence: Uuid, end: &End) -> Result<(), Fault> {
        match end {
            End::Complete { status, headers, body } => {
                if !store::complete(&self.db, key, fence, *status, headers.clone(), body).await? {
                    tracing::warn!("a request outlived the lease of its idempotency key; another run answers for it");
                }
                Ok(())
            }
            End::Release => store::release(&self.db, key, fence).await,
        }
    }

    /// Ends it once the database is back, as long as the lease lasts.
    fn end_later(&self, key: Key, fence: Uuid, end: End) {
        let Ok(place) = Arc::clone(&self.late).try_acquire_owned() else { return };
        let store = self.clone();
        let tries = async move {
            let _place = place;
            while !store.tasks.is_stopping() && store.write(&key, fence, &end).await.is_err() {
                tokio::time::sleep(AGAIN).await;
            }
        };
        let lease = self.lease.to_std().unwrap_or_default();
        self.tasks.spawn(async move { tokio::time::timeout(lease, tries).await.ok() });
    }

    /// Forgets expired keys, now and every few minutes.
    pub(crate) fn keep_short(&self) {
        let store = self.clone();
        let step = move || {
            let store = store.clone();
            async move {
                let swept = async {
                    let now = store.clock.shared(&store.db).await?;
                    store::sweep(&store.db, now).await
                };
                swept.await.inspect_err(|error| tracing::warn!(%error, "expired keys stay")).unwrap_or(false)
            }
        };
        self.tasks.repeat(SWEEP, step, std::future::pending);
    }
}

fn refuse(error: Error) -> Response {
    let waits = error == Error::RequestInProgress;
    let mut response = problem(error);
    if waits {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn unreadable(error: &axum::Error) -> Response {
    let too_long = std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
    if too_long { problem(Refusal::PayloadTooLarge { limit: BODY_LIMIT }) } else { problem(Error::BadRequest) }
}
