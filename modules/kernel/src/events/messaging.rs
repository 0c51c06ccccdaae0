//! What every module can be asked about its events, whatever its own methods are.
use std::time::Duration;

use axum::Router;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    CloudEvent, Outbox,
    inbox::{Inbox, InboxError, UnhandledEvent, UnhandledQuery},
};
use crate::{
    CallSemantics::{self, Idempotent, Read},
    Caller, Failure, Fault, Local, Page, Remote, Wire,
    rpc::{self, Survey},
};

/// A module's events, wherever it runs: what it has published, and what it has received and not handled.
#[derive(Debug, Clone, Default)]
pub struct Messaging(Way);

#[derive(Debug, Clone)]
enum Way {
    Here(Local),
    There(Remote),
    /// In a test: these were published, and nothing was received.
    Told(Vec<CloudEvent>),
}

impl Default for Way {
    fn default() -> Self {
        Self::Told(Vec::new())
    }
}

/// The arguments of `events`.
#[derive(Serialize, Deserialize)]
struct Events {
    after: i64,
    limit: i64,
    wait_ms: i64,
}

/// The arguments of `dead_letters`.
#[derive(Serialize, Deserialize)]
struct List {
    caller: Caller,
    query: UnhandledQuery,
}

/// The arguments of `replay_dead_letter`.
#[derive(Serialize, Deserialize)]
struct Replay {
    caller: Caller,
    event_id: Uuid,
}

impl Messaging {
    /// Of a module that runs here.
    #[must_use]
    pub fn here(local: &Local) -> Self {
        Self(Way::Here(local.clone()))
    }

    /// Of a module that runs over there.
    #[must_use]
    pub fn there(remote: &Remote) -> Self {
        Self(Way::There(remote.clone()))
    }

    /// Of a double that has published `events`.
    #[must_use]
    pub fn told(events: Vec<CloudEvent>) -> Self {
        Self(Way::Told(events))
    }

    /// What it has published after position `after`, in order; waits up to `wait_ms` for the first.
    pub async fn events(&self, after: i64, limit: i64, wait_ms: i64) -> Result<Vec<CloudEvent>, Fault> {
        let read = |Events { after, limit, wait_ms }, outbox: Outbox, _| async move {
            let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
            outbox.read(after, limit, wait).await
        };
        if let Way::Told(events) = &self.0 {
            let news: Vec<_> = events.iter().filter(|event| event.position > after).cloned().collect();
            if news.is_empty() {
                tokio::time::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default())).await;
            }
            return Ok(news);
        }
        self.call(Read, "events", Events { after, limit, wait_ms }, read).await
    }

    /// Lists what it has received and not handled, in the order in which it was published. Staff.
    pub async fn unhandled(&self, caller: Caller, query: UnhandledQuery) -> Result<Page<UnhandledEvent>, InboxError> {
        let list = |List { caller, query }, _, inbox: Inbox| async move { inbox.list(&caller, query).await };
        self.call(Read, "dead_letters", List { caller, query }, list).await
    }

    /// Lets an event be handled again, with every attempt before it; one that has been handled stays so. Staff.
    pub async fn replay(&self, caller: Caller, event_id: Uuid) -> Result<(), InboxError> {
        let replay =
            |Replay { caller, event_id }, _, inbox: Inbox| async move { inbox.replay(&caller, event_id).await };
        self.call(Idempotent, "replay_dead_letter", Replay { caller, event_id }, replay).await
    }

    async fn call<A, T, E, F>(
        &self,
        semantics: CallSemantics,
        method: &str,
        args: A,
        serve: impl Fn(A, Outbox, Inbox) -> F + Sync,
    ) -> Result<T, E>
    where
        A: Serialize + DeserializeOwned + Send + Sync,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Failure + From<Fault>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        match &self.0 {
            Way::Told(_) => Err(Fault::unavailable("a double has no inbox").into()),
            Way::Here(local) => {
                let serve = |args| serve(args, local.outbox.clone(), local.inbox.clone());
                local.call(semantics, args, serve).await
            }
            Way::There(remote) => remote.call(semantics, &format!("/rpc/{}/{method}", remote.module), &args).await,
        }
    }
}

/// The routes that a [`Messaging`] elsewhere calls.
#[doc(hidden)]
pub fn serve<A: Wire + ?Sized>(api: &A) -> Router {
    let mut router = Router::new();
    let messaging = api.messaging();
    if !A::PUBLISHES.is_empty() {
        let messaging = messaging.clone();
        let events = rpc::method(move |Events { after, limit, wait_ms }| {
            let messaging = messaging.clone();
            async move { messaging.events(after, limit, wait_ms).await }
        });
        router = router.route(&format!("/rpc/{}/events", A::NAME), events);
    }
    if !A::HEARS.is_empty() {
        let other = messaging.clone();
        let list = rpc::method(move |List { caller, query }| {
            let messaging = other.clone();
            async move { messaging.unhandled(caller, query).await }
        });
        let replay = rpc::method(move |Replay { caller, event_id }| {
            let messaging = messaging.clone();
            async move { messaging.replay(caller, event_id).await }
        });
        router = router
            .route(&format!("/rpc/{}/dead_letters", A::NAME), list)
            .route(&format!("/rpc/{}/replay_dead_letter", A::NAME), replay);
    }
    router
}

/// Tells `survey` of what crosses there.
#[doc(hidden)]
pub fn survey<A: Wire + ?Sized>(survey: &mut impl Survey) {
    if !A::PUBLISHES.is_empty() {
        for argument in ["after", "limit", "wait_ms"] {
            survey.argument::<i64>("events", argument);
        }
        survey.answer::<Vec<CloudEvent>>("events");
    }
    if !A::HEARS.is_empty() {
        survey.argument::<Caller>("dead_letters", "caller");
        survey.argument::<UnhandledQuery>("dead_letters", "query");
        survey.answer::<Page<UnhandledEvent>>("dead_letters");
        survey.argument::<Caller>("replay_dead_letter", "caller");
        survey.argument::<Uuid>("replay_dead_letter", "event_id");
        survey.answer::<()>("replay_dead_letter");
    }
}
