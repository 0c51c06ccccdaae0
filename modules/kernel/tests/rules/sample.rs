//! Two modules: `back` does as it is told, and `front` passes on what it is told to `back`.
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{Call, Context, Currency, Fault, Money, Refusal, StartError, Violation, async_trait};
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use utoipa_axum::router::OpenApiRouter;

use crate::probe::Probe;

/// What a call shall do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Plan {
    /// Say what it sees.
    Look,
    /// Give back what it was given.
    Echo(Box<Parcel>),
    /// Fail as the module itself would.
    SoldOut { left: i64, skus: Vec<String> },
    /// Fail with a case that has no fields.
    Closed,
    /// Fail with an error whose fields have the names of RFC 9457's members.
    Clash { status: String },
    /// Refuse the input.
    Invalid,
    /// Refuse the caller.
    Forbid,
    /// Fail as the machinery would.
    Fault(Fault),
    /// Have a bug.
    Panic,
    /// Wait at the probe's gate, then say what it sees.
    Wait,
}

/// One of each kind of value that crosses a trait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) text: String,
    pub(crate) least: i64,
    pub(crate) most: i64,
    pub(crate) price: Option<Money>,
    pub(crate) currency: Currency,
    pub(crate) at: DateTime<Utc>,
    pub(crate) id: uuid::Uuid,
    pub(crate) list: Vec<(String, bool)>,
    pub(crate) json: serde_json::Value,
}

/// What a call saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The trace, in each module from the first to the last.
    pub(crate) traces: Vec<String>,
    /// The time left there, in ms.
    pub(crate) left_ms: Vec<i64>,
    /// What came back.
    pub(crate) parcel: Option<Parcel>,
}

kernel::failure! {
    pub(crate) enum Error {
        #[error("only {left} left")]
        SoldOut { left: i64, skus: Vec<String> } => CONFLICT,
        #[error("closed")]
        Closed => GONE,
        // The macro refuses the name itself.
        #[error("it is {word}")]
        Clash { #[serde(rename = "status")] word: String } => CONFLICT,
    }
}

kernel::api! {
    /// Does as it is told.
    pub trait Back("back") {
        /// Changes nothing.
        read async fn look(&self, plan: Plan) -> Result<Seen, Error>;
        /// Changes nothing the second time.
        idempotent async fn put(&self, plan: Plan) -> Result<Seen, Error>;
        /// Must not happen twice.
        once async fn add(&self, plan: Plan) -> Result<Seen, Error>;
    }
}

pub(crate) use front::Front;
mod front {
    use super::{Error, Fault, Plan, Seen};

    kernel::api! {
        /// Passes on what it is told.
        pub trait Front("front") {
            /// Asks the back to look.
            read async fn look(&self, plan: Plan) -> Result<Seen, Error>;
            /// Asks the back to put.
            idempotent async fn put(&self, plan: Plan) -> Result<Seen, Error>;
            /// Asks the back to add.
            once async fn add(&self, plan: Plan) -> Result<Seen, Error>;
            /// Asks nobody.
            read async fn greet(&self, name: String, often: u32) -> Result<String, Error>;
            /// Takes nothing, and can only fail as the machinery does.
            read async fn ping(&self) -> Result<(), Fault>;
        }
    }
}

/// The module `back`.
pub(crate) struct BackModule;
/// The module `front`.
pub(crate) struct FrontModule;

struct BackService(Probe);
struct FrontService(Arc<dyn Back>);

impl kernel::Module for BackModule {
    type Api = dyn Back;
    type Deps = Probe;
    const MIGRATIONS: Migrator = Migrator::DEFAULT;
    async fn start(_: Context, probe: Probe) -> Result<Arc<dyn Back>, StartError> {
        Ok(Arc::new(BackService(probe)))
    }
    fn routes(_: Arc<dyn Back>) -> OpenApiRouter {
        OpenApiRouter::new()
    }
}

impl kernel::Module for FrontModule {
    type Api = dyn Front;
    type Deps = Arc<dyn Back>;
    const MIGRATIONS: Migrator = Migrator::DEFAULT;
    async fn start(_: Context, back: Arc<dyn Back>) -> Result<Arc<dyn Front>, StartError> {
        Ok(Arc::new(FrontService(back)))
    }
    fn routes(_: Arc<dyn Front>) -> OpenApiRouter {
        OpenApiRouter::new()
    }
}

fn seen(parcel: Option<Parcel>) -> Seen {
    let call = Call::current();
    let left = i64::try_from(call.left().as_millis()).unwrap_or(i64::MAX);
    Seen { traces: vec![call.trace()], left_ms: vec![left], parcel }
}

impl BackService {
    async fn follow(&self, plan: Plan) -> Result<Seen, Error> {
        let work = self.0.start();
        let outcome = match plan {
            Plan::Look => Ok(seen(None)),
            Plan::Echo(parcel) => Ok(seen(Some(*parcel))),
            Plan::SoldOut { left, skus } => Err(Error::SoldOut { left, skus }),
            Plan::Closed => Err(Error::Closed),
            Plan::Clash { status } => Err(Error::Clash { word: status }),
            Plan::Invalid => Err(Violation::new("too_long", "must be short").at("/lines/0").into()),
            Plan::Forbid => Err(Refusal::Forbidden.into()),
            Plan::Fault(fault) => Err(fault.into()),
            Plan::Panic => panic!("a bug that was asked for"),
            Plan::Wait => {
                self.0.gate().await;
                Ok(seen(None))
            }
        };
        work.end();
        outcome
    }
}

#[async_trait]
impl Back for BackService {
    async fn look(&self, plan: Plan) -> Result<Seen, Error> {
        self.follow(plan).await
    }
    async fn put(&self, plan: Plan) -> Result<Seen, Error> {
        self.follow(plan).await
    }
    async fn add(&self, plan: Plan) -> Result<Seen, Error> {
        self.follow(plan).await
    }
}

/// What `front` saw, before what `back` did.
fn before(mut there: Seen) -> Seen {
    let here = seen(None);
    there.traces.splice(0..0, here.traces);
    there.left_ms.splice(0..0, here.left_ms);
    there
}

#[async_trait]
impl Front for FrontService {
    async fn look(&self, plan: Plan) -> Result<Seen, Error> {
        self.0.look(plan).await.map(before)
    }
    async fn put(&self, plan: Plan) -> Result<Seen, Error> {
        self.0.put(plan).await.map(before)
    }
    async fn add(&self, plan: Plan) -> Result<Seen, Error> {
        self.0.add(plan).await.map(before)
    }
    async fn greet(&self, name: String, often: u32) -> Result<String, Error> {
        Ok(format!("{name} ").repeat(often as usize))
    }
    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }
}
