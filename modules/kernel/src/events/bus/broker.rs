//! The connection to NATS, and the stream of each module.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{
    ConnectOptions, Event as Change, ServerAddr,
    connection::State,
    jetstream::{
        self,
        context::{ContextBuilder, GetStreamErrorKind},
        stream::{Config, LastRawMessageErrorKind, StorageType, Stream},
    },
};
use tokio::sync::{Notify, watch};

use super::{
    Complaints,
    address::{Login, parse},
};
use crate::{CloudEvent, StartError, Tasks, settings::Events};

/// What went wrong with the broker, for the log.
pub(super) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// What the broker knows an error of its own by.
const STREAM_NOT_FOUND: jetstream::ErrorCode = jetstream::ErrorCode::STREAM_NOT_FOUND;
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often a connection is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// NATS JetStream, as this process reaches it: one connection, which is kept up.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Shared>);

struct Shared {
    servers: Vec<ServerAddr>,
    options: ConnectOptions,
    prefix: String,
    replicas: usize,
    age: Duration,
    connection: watch::Sender<Option<jetstream::Context>>,
    /// The connection has changed.
    change: Arc<Notify>,
    kept: AtomicBool,
    complaints: Complaints,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

impl Broker {
    /// The broker that `settings` describe; it is connected to once somebody [keeps](Broker::keep) it.
    pub(super) fn open(settings: &Events) -> Result<Self, StartError> {
        let Events { url, prefix, credentials, replicas, days, keep_days: _ } = settings;
        if prefix.is_empty() || !prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err("`events.prefix` must be of letters, digits, - and _".into());
        }
        if !(1..=5).contains(replicas) {
            return Err("`events.replicas` must be 1 to 5, and no more than there are servers".into());
        }
        let (servers, login) = parse(url)?;
        let change = Arc::new(Notify::new());
        let changed = Arc::clone(&change);
        let mut options = ConnectOptions::new()
            .name("stoa")
            .connection_timeout(Duration::from_secs(2))
            .request_timeout(Some(PATIENCE))
            .ping_interval(Duration::from_secs(5))
            // What is lost for longer is opened anew, by `keep`, which says why it does not succeed.
            .max_reconnects(servers.len())
            .event_callback(move |event| {
                if matches!(event, Change::Connected | Change::Disconnected | Change::Closed) {
                    changed.notify_one();
                }
                std::future::ready(())
            });
        options = match login {
            Login::None => options,
            Login::User(user, password) => options.user_and_password(user, password),
            Login::Token(token) => options.token(token),
        };
        if !credentials.is_empty() {
            let refused = |error| format!("`events.credentials` {credentials} cannot be used: {error}");
            let text = std::fs::read_to_string(credentials).map_err(refused)?;
            options = options.credentials(&text).map_err(refused)?;
        }
        Ok(Self(Arc::new(Shared {
            servers,
            options,
            prefix: prefix.clone(),
            replicas: *replicas,
            age: Duration::from_hours(24 * u64::from(*days)),
            connection: watch::Sender::new(None),
            change,
            kept: AtomicBool::new(false),
            complaints: Complaints::default(),
        })))
    }

    /// Keeps the connection up from now on, as a task of this process.
    pub(super) fn keep(&self, tasks: &Tasks) {
        if self.0.kept.swap(true, Ordering::Relaxed) {
            return;
        }
        let (broker, change) = (self.clone(), Arc::clone(&self.0.change));
        let step = move || {
            let broker = broker.clone();
            async move { broker.look_after().await }
        };
        let wake = move || {
            let change = Arc::clone(&change);
            async move { change.notified().await }
        };
        tasks.repeat(AGAIN, step, wake);
    }

    /// Opens the connection where there is none.
    async fn look_after(&self) -> bool {
        if self.jetstream().is_err() {
            self.0.connection.send_replace(None);
            metrics::gauge!("stoa_broker_up").set(0.0);
            match self.connect().await {
                Ok(opened) => {
                    tracing::info!(prefix = self.0.prefix, "connected to the broker");
                    self.0.connection.send_replace(Some(opened));
                }
                Err(trouble) => {
                    if self.0.complaints.is_due(&trouble) {
                        tracing::warn!(%trouble, "cannot reach the broker; events are read from their publishers");
                    }
                    return false;
                }
            }
        }
        metrics::gauge!("stoa_broker_up").set(1.0);
        false
    }

    async fn connect(&self) -> Result<jetstream::Context, Trouble> {
        let connecting = self.0.options.clone().connect(&self.0.servers[..]);
        let client = tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| "no server answers")??;
        Ok(ContextBuilder::new().timeout(PATIENCE).build(client))
    }

    /// The connection, if it is up.
    pub(super) fn jetstream(&self) -> Result<jetstream::Context, Trouble> {
        let connection = self.0.connection.borrow().clone();
        let up = connection.filter(|open| open.client().connection_state() == State::Connected);
        up.ok_or_else(|| "the broker is away".into())
    }

    /// The name of `source`'s stream.
    pub(super) fn stream(&self, source: &str) -> String {
        format!("{}-{source}", self.0.prefix)
    }

    /// Where an event of `source` is sent to.
    pub(super) fn subject(&self, source: &str, kind: &str) -> String {
        format!("{}.{source}.{kind}", self.0.prefix)
    }

    /// The stream of `source` as it is now, made where there is none.
    pub(super) async fn furnish(&self, jetstream: &jetstream::Context, source: &str) -> Result<Stream, Trouble> {
        let wanted = Config {
            name: self.stream(source),
            subjects: vec![self.subject(source, ">")],
            description: Some(format!("What {source} has published; the sequence is the event's position")),
            storage: StorageType::File,
            num_replicas: self.0.replicas,
            max_age: self.0.age,
            ..Config::default()
        };
        match jetstream.get_stream(&wanted.name).await {
            Ok(stream) => {
                let there = &stream.cached_info().config;
                if (there.num_replicas, there.max_age) != (wanted.num_replicas, wanted.max_age) {
                    let Config { num_replicas, max_age, .. } = wanted;
                    jetstream.update_stream(Config { num_replicas, max_age, ..there.clone() }).await?;
                }
                Ok(stream)
            }
            Err(error) if is_not_found(error.kind()) => {
                tracing::info!(stream = wanted.name, "the broker has no such stream; it is filled from the outbox");
                Ok(jetstream.create_stream(wanted).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the stream of `source`.
    pub(super) async fn forget(&self, source: &str) -> Result<(), StartError> {
        let unreachable = |trouble| format!("the broker at `events.url` cannot be used: {trouble}");
        let jetstream = self.connect().await.map_err(unreachable)?;
        match jetstream.get_stream(self.stream(source)).await {
            Err(error) if is_not_found(error.kind()) => Ok(()),
            Err(error) => Err(unreachable(error.into()).into()),
            Ok(_) => {
                jetstream.delete_stream(self.stream(source)).await.map_err(|error| unreachable(error.into()))?;
                Ok(())
            }
        }
    }
}

fn is_not_found(kind: GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == STREAM_NOT_FOUND)
}

/// Makes sure that `stream` is a copy of the outbox which has `ours` at the place of the stream's last event. Another
/// shop's, or one that a database was restored under, has something else there.
pub(super) async fn is_ours(stream: &Stream, ours: &[CloudEvent]) -> Result<(), Trouble> {
    let last = stream.cached_info().state.last_sequence;
    let name = &stream.cached_info().config.name;
    let foreign = |what: &str| {
        Err(format!(
            "stream {name} {what}: it is another shop's, or the database is older than it. Set `events.prefix` to \
             a name of this shop's own, or `stoa events replay --source` fills it anew"
        )
        .into())
    };
    let Some(ours) = ours.first() else { return foreign(&format!("has {last} events, more than the outbox")) };
    match stream.get_raw_message(last).await {
        Ok(message) => match serde_json::from_slice::<CloudEvent>(&message.payload) {
            Ok(theirs) if theirs.id == ours.id => Ok(()),
            _ => foreign(&format!("has another event at {last} than the outbox")),
        },
        // Too old to be kept, or deleted.
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}
