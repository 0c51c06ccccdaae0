//! Sending a POST twice does it once (IETF draft-ietf-httpapi-idempotency-key-header).
//!
//! A request goes from free to `running` to `done`. Only the answer of what was done is kept: a fault or a refusal
//! frees its key again, so that the next one runs, put right or not.
use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION, RETRY_AFTER},
        request::Parts,
    },
    middleware::Next,
    response::Response,
};
use chrono::TimeDelta;
use http_body_util::LengthLimitError;
use kernel::{
    BODY_LIMIT, Call, Caller, Clock, Context, Db, Digest, Fault, Refusal, Tasks, Violation, Violations, Visible,
    problem,
};
use tokio::sync::Semaphore;
use tracing::Instrument;
use uuid::Uuid;

use crate::failpoints::{named, reach};
use crate::{
    Error,
    headers::no_store,
    store::{self, Earlier, Named},
};

/// What the client calls its request.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is an earlier one.
pub(crate) const REPLAYED: &str = "idempotency-replayed";
/// What a key may be.
pub(crate) type Key = Visible<1, KEY_LENGTH>;
/// The longest key, in characters.
const KEY_LENGTH: usize = 255;
/// What is kept of an answer's headers; the others are of one exchange only.
const KEPT: [HeaderName; 5] = [CONTENT_TYPE, LOCATION, ETAG, CACHE_CONTROL, LINK];
/// How often what could not be noted is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// How many requests are waiting to be noted at the most; for the others the lease runs out.
const LATE: usize = 256;
/// How often expired keys are looked for.
const SWEEP: Duration = Duration::from_mins(10);

/// The book of requests that were named.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    db: Db,
    clock: Clock,
    tasks: Tasks,
    /// After so long a run is taken for dead: well after the deadline of all that it calls.
    lease: TimeDelta,
    /// Places for what could not be noted.
    late: Arc<Semaphore>,
}

/// What is noted of a request that has been answered.
#[derive(Debug)]
enum Note {
    /// The answer stands.
    Keep { status: u16, headers: Vec<(String, String)>, body: Bytes },
    /// The next one runs.
    Release,
}

/// Answers a POST that is named and came before as it was answered then.
pub(crate) async fn once(State(ledger): State<Ledger>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => return unreadable(&error),
    };
    // In a task of its own: once it is claimed it runs to its end, whoever still waits for the answer.
    let tasks = ledger.tasks.clone();
    let work = async move { ledger.answer(parts, body, next).await.unwrap_or_else(refuse) };
    let ended = tasks.spawn(Call::current().scope(work).in_current_span());
    ended.await.unwrap_or_else(|died| problem(Fault::internal(died)))
}

impl Ledger {
    /// The ledger in the edge's own database.
    pub(crate) fn new(context: &Context, timeout: Duration) -> Self {
        let lease = TimeDelta::from_std(timeout * 2).unwrap_or_default() + TimeDelta::seconds(10);
        let (db, clock, tasks) = (context.db.clone(), context.clock.clone(), context.tasks.clone());
        Self { db, clock, tasks, lease, late: Arc::new(Semaphore::new(LATE)) }
    }

    async fn answer(&self, parts: Parts, body: Bytes, next: Next) -> Result<Response, Error> {
        let (named, former) = name(&parts, &body)?;
        let fence = Uuid::now_v7();
        let claimed = self.claim(&named, former.as_deref(), fence).await.inspect_err(|_| {
            // It may be claimed all the same, and then nobody would run it.
            self.note_later(named.clone(), fence, Note::Release);
        });
        match claimed? {
            None => {
                reach(named::claimed);
                let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
                reach(named::answered);
                let answer = self.settle(named, fence, answer).await;
                reach(named::kept);
                Ok(answer)
            }
            Some(earlier) if earlier.fingerprint != named.fingerprint => Err(Error::KeyReused),
            Some(earlier) if earlier.state == "running" => Err(Error::RequestInProgress),
            // No module is asked whether the caller may still see it.
            Some(earlier) if earlier.role > named.role => Err(Refusal::Forbidden.into()),
            Some(earlier) => Ok(replay(earlier)?),
        }
    }

    /// Nothing if this run is the one to answer, else what came before.
    async fn claim(&self, named: &Named, former: Option<&str>, fence: Uuid) -> Result<Option<Earlier>, Fault> {
        // What came before may be gone by the time that it is looked at; then the name is free again.
        for _ in 0..3 {
            let now = self.clock.shared(&self.db).await?;
            if let Some(former) = former
                && let Some(earlier) = store::find_former(&self.db, named, former, now).await?
            {
                return Ok(Some(earlier));
            }
            if store::claim(&self.db, named, fence, now, self.lease).await? {
                return Ok(None);
            }
            if let Some(earlier) = store::find(&self.db, named).await? {
                return Ok(Some(earlier));
            }
        }
        Err(Fault::unavailable("an idempotency key is claimed and freed again and again"))
    }

    /// Keeps the answer for the next time, or lets the next one try again.
    ///
    /// If that fails the answer is still the answer, and the note is made as soon as it can be: until then the
    /// request seems to run. At the worst its lease runs out, and the modules' own keys make a second run harmless.
    async fn settle(&self, named: Named, fence: Uuid, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        let body = match to_bytes(body, usize::MAX).await {
            Ok(body) => body,
            Err(error) => return problem(Fault::internal(error)),
        };
        let note = if final_answer(parts.status, &parts.headers) {
            Note::Keep { status: parts.status.as_u16(), headers: kept(&parts.headers), body: body.clone() }
        } else {
            Note::Release
        };
        if let Err(error) = self.note(&named, fence, &note).await {
            tracing::warn!(%error, "the answer to a named request could not be noted; trying again");
            self.note_later(named, fence, note);
        }
        Response::from_parts(parts, Body::from(body))
    }

    async fn note(&self, named: &Named, fence: Uuid, note: &Note) -> sqlx::Result<()> {
        match note {
            Note::Keep { status, headers, body } => {
                if !store::keep(&self.db, named, fence, *status, headers.clone(), body).await? {
                    tracing::warn!("a named request outlived its lease; another run answers for it");
                }
                Ok(())
            }
            Note::Release => store::release(&self.db, named, fence).await,
        }
    }

    /// Notes it once the database is back, as long as the lease lasts.
    fn note_later(&self, named: Named, fence: Uuid, note: Note) {
        let Ok(place) = Arc::clone(&self.late).try_acquire_owned() else { return };
        let ledger = self.clone();
        let tries = async move {
            let _place = place;
            while !ledger.tasks.is_stopping() && ledger.note(&named, fence, &note).await.is_err() {
                tokio::time::sleep(AGAIN).await;
            }
        };
        let lease = self.lease.to_std().unwrap_or_default();
        self.tasks.spawn(async move { tokio::time::timeout(lease, tries).await.ok() });
    }

    /// Forgets expired keys, now and every few minutes.
    pub(crate) fn keep_short(&self) {
        let ledger = self.clone();
        let step = move || {
            let ledger = ledger.clone();
            async move {
                let swept = async {
                    let now = ledger.clock.shared(&ledger.db).await?;
                    store::sweep(&ledger.db, now).await
                };
                swept.await.inspect_err(|error| tracing::warn!(%error, "expired keys stay")).unwrap_or(false)
            }
        };
        self.tasks.repeat(SWEEP, step, std::future::pending);
    }
}

/// The request's name, and what it is a name of; and what 0.1.0 calls it, where that is something else.
fn name(parts: &Parts, body: &[u8]) -> Result<(Named, Option<String>), Violations> {
    let mut keys = parts.headers.get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes);
    let (key, another) = (keys.next().unwrap_or_default(), keys.next());
    let fit = Key::fits(key) && another.is_none();
    if !fit {
        let detail = format!("must be one value of 1 to {KEY_LENGTH} visible ASCII characters");
        return Err(Violation::new("wrong_value", detail).at("Idempotency-Key"));
    }
    let caller = parts.extensions.get().unwrap_or(&Caller::Anonymous);
    let role = if let Caller::User { role, .. } = caller { Some(*role) } else { None };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    // Bodies hold passwords. With the key in it, which is kept nowhere, the digest cannot be used to guess them.
    let fingerprint = Digest::of_parts(&[key, parts.method.as_str().as_bytes(), target.as_bytes(), body]).hex();
    let (scope, key_hash) = (caller.scope().to_string(), Digest::of(key).hex());
    // Strangers share a scope: what they ask for tells them apart, so that none is in another's way.
    Ok(if *caller == Caller::Anonymous {
        (Named { scope, key_hash: fingerprint.clone(), fingerprint, role }, Some(key_hash))
    } else {
        (Named { scope, key_hash, fingerprint, role }, None)
    })
}

/// Whether an answer stands for good: it says that something was done, and no secret.
///
/// What was refused may be right the next time: the cart was filled, the stock came back, a right was given. And a
/// redirection does nothing but say where to ask.
fn final_answer(status: StatusCode, headers: &HeaderMap) -> bool {
    status.is_success() && !no_store(headers)
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |name: HeaderName| Some((name.to_string(), headers.get(&name)?.to_str().ok()?.to_owned()));
    KEPT.into_iter().filter_map(text).collect()
}

fn replay(earlier: Earlier) -> Result<Response, Fault> {
    let broken = || Fault::internal("a stored answer is incomplete");
    let (Some(status), Some(headers), Some(body)) = (earlier.status, earlier.headers, earlier.body) else {
        return Err(broken());
    };
    let status = u16::try_from(status).map_err(Fault::internal)?;
    let mut response = Response::builder().status(status);
    for (name, value) in headers.0 {
        response = response.header(name, value);
    }
    response.header(REPLAYED, "true").body(Body::from(body)).map_err(Fault::internal)
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
