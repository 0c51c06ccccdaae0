//! For tests: a real PostgreSQL, a real NATS, a module's context on each engine, a client of its routes, a way to wait,
//! and one to do many things at once.
mod client;
mod race;
mod wait;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use chrono::DateTime;
use figment::{
    Figment,
    providers::{Format, Toml},
};
use futures_util::StreamExt;
use sqlx::migrate::Migrator;
use uuid::Uuid;

pub use client::{Answer, answer, ask, request, tell};
pub use race::at_once;
pub use wait::{found, until, within};

use crate::{
    CloudEvent, Context, Db, Deployable, DomainEvent, Executor, HandlingError, Host, Outbox, Subscriber, Wire,
    events::Tagged,
};

/// The checkout that the tests are of.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What `tests/servers` answers.
fn servers(words: &[OsString]) -> String {
    let done = Command::new(root().join("tests/servers")).args(words).output().expect("tests/servers runs");
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// A new, empty PostgreSQL database; `tests/servers` brings up the server where there is none yet.
pub async fn postgres() -> String {
    static SERVER: OnceLock<String> = OnceLock::new();
    let server = SERVER.get_or_init(|| servers(&["postgres".into()]));
    let name = database(0);
    let admin = Db::postgres(&format!("{server}/postgres"), "public", 1).await.expect("PostgreSQL is up");
    // A name tells when it was made: what earlier runs have left goes, a little at a time, as it is slow.
    let old: Vec<(String,)> = admin
        .query("SELECT datname::TEXT FROM pg_database WHERE datname LIKE 'test_%' AND datname < $1 LIMIT 2")
        .bind(database(OLD_MS))
        .fetch_all()
        .await
        .expect("the databases there are");
    for (old,) in old {
        // One that is still in use stays.
        run(&admin, format!("DROP DATABASE IF EXISTS {old}")).await.ok();
    }
    run(&admin, format!("CREATE DATABASE {name}")).await.expect("a new database");
    admin.close().await;
    format!("{server}/{name}")
}

/// NATS with JetStream, and a prefix of its own; `tests/servers` brings up the server where there is none yet.
pub async fn nats() -> (String, String) {
    static SERVER: OnceLock<String> = OnceLock::new();
    let url = SERVER.get_or_init(|| servers(&["nats".into()])).clone();
    let prefix = |age| database(age).replace('_', "-");
    let client = async_nats::connect(&url).await.expect("NATS is up");
    let jetstream = async_nats::jetstream::new(client);
    let streams: Vec<_> = jetstream.stream_names().map(|name| name.expect("the streams there are")).collect().await;
    let old = streams.into_iter().filter(|name| name.starts_with("test-") && *name < prefix(OLD_MS));
    for stream in old.take(8) {
        jetstream.delete_stream(stream).await.ok();
    }
    (url, prefix(0))
}

/// After so many ms a test's database is left over.
const OLD_MS: u128 = 60 * 60 * 1000;

/// The name of a database made `age` ms ago: UUIDv7 begins with its time.
fn database(age: u128) -> String {
    let now = Uuid::now_v7().as_u128();
    format!("test_{:032x}", now - (age << 80))
}

async fn run(admin: &Db, sql: String) -> sqlx::Result<()> {
    let Db::Postgres(primary) = admin else { unreachable!("it is PostgreSQL") };
    #[expect(clippy::disallowed_methods, reason = "an identifier cannot be bound; it is a name of ours")]
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&primary.pool()).await.map(drop)
}

/// A folder that is removed with everything in it.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// A new, empty one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one differs, so there is no default")]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("stoa-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A PostgreSQL of one test alone, to be stopped, started and promoted; it ends with the test.
#[derive(Debug)]
pub struct Server {
    folder: Folder,
    /// Where it listens: `127.0.0.1:PORT`.
    pub host: String,
}

impl Server {
    /// One with an empty database.
    pub async fn start() -> Self {
        Self::new(&["start".into()]).await
    }

    /// One as durable as PostgreSQL is unless told otherwise: for measurements.
    pub async fn durable() -> Self {
        Self::new(&["durable".into()]).await
    }

    /// The process of which all its processes are children.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let file = std::fs::read_to_string(self.folder.0.join("postgres/db/postmaster.pid")).expect("it runs");
        file.lines().next().and_then(|line| line.parse().ok()).expect("a process")
    }

    /// A standby of `primary`, which waits for it at each commit, or not: `standby` or `async-standby`.
    pub async fn follow(primary: &Self, how: &str) -> Self {
        Self::new(&[how.into(), primary.data()]).await
    }

    async fn new(words: &[OsString]) -> Self {
        let mut server = Self { folder: Folder::new(), host: String::new() };
        server.host = server.ask(words).await.replace("postgres://stoa@", "");
        server
    }

    /// Does what `tests/servers postgres-private` can, while everything else goes on.
    pub async fn told(&self, what: &str) {
        self.ask(&[what.into()]).await;
    }

    async fn ask(&self, what: &[OsString]) -> String {
        let words = [&["postgres-private".into(), self.data()], what].concat();
        tokio::task::spawn_blocking(move || servers(&words)).await.expect("it does as it is told")
    }

    fn data(&self) -> OsString {
        self.folder.0.join("postgres").into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        servers(&["postgres-private".into(), self.data(), "remove".into()]);
    }
}

/// The address of the database whose servers are `hosts`.
#[must_use]
pub fn address(hosts: &[&str]) -> String {
    format!("postgres://stoa@{}/postgres", hosts.join(","))
}

/// What the binary `stoa` says of itself: its `roles`, or its `failpoints`.
#[must_use]
pub fn said(stoa: &str, word: &str) -> String {
    // The variables of a test are no settings.
    let said = Command::new(stoa).env_clear().arg(word).output().expect("the binary runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).expect("it speaks UTF-8")
}

/// What the binary `stoa` says that a role can be made of.
#[must_use]
pub fn roles(stoa: &str) -> Vec<Deployable> {
    // They last as long as the test program.
    let text: &'static str = said(stoa, "roles").leak();
    let list = |field: &'static str| -> &'static [&'static str] {
        let names = field.split_once(' ').map_or("", |(_, names)| names);
        names.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>().leak()
    };
    let role = |line: &'static str| {
        // A release before this one says less, a later one more.
        let mut fields = line.split('\t').chain(std::iter::repeat(""));
        let [name, kind, calls, hears, publishes] = std::array::from_fn(|_| fields.next().unwrap_or_default());
        let [calls, hears, publishes] = [calls, hears, publishes].map(list);
        Deployable { name, edge: kind == "edge", calls, publishes, hears }
    };
    text.lines().map(role).collect()
}

/// The context of the module `name` on SQLite and on PostgreSQL, with the shop's own settings in dev mode.
pub async fn contexts(name: &'static str, migrations: &Migrator) -> Vec<(Context, Folder)> {
    let mut contexts = Vec::new();
    for url in [String::new(), postgres().await] {
        contexts.push(context(name, migrations, &format!("[database]\nurl = {url:?}\n")).await);
    }
    contexts
}

/// The context of the module `name` with these `settings` (TOML) beside the shop's own, in dev mode.
pub async fn context(name: &'static str, migrations: &Migrator, settings: &str) -> (Context, Folder) {
    let folder = Folder::new();
    let own = format!("mode = \"dev\"\ndata_dir = {:?}\n{settings}", folder.0.display().to_string());
    let config = Figment::from(Toml::file_exact(root().join("src/config.toml"))).merge(Toml::string(&own));
    let mut host = Host::new(config, &[Deployable::module(name)]).expect("the settings are good");
    (host.context(name, migrations).await.expect("the module has a database"), folder)
}

/// Another process that hosts the module of `context`, as far as its outbox and its database can tell.
#[must_use]
pub fn replica(context: &Context) -> Context {
    let mut replica = context.clone();
    replica.outbox = Outbox::new(context.db.clone(), context.name, context.clock.clone(), context.tasks.clone());
    replica.outbox.listen();
    replica
}

/// An event as it would travel, the first of its source.
pub fn envelope<E: DomainEvent>(event: &E) -> CloudEvent {
    let Tagged { kind, data } = Tagged::of(event).expect("an event has a JSON form");
    CloudEvent {
        specversion: "1.0".into(),
        id: Uuid::now_v7(),
        source: format!("/{}", E::Publisher::NAME),
        kind,
        subject: event.subject(),
        time: DateTime::UNIX_EPOCH,
        data,
        position: 1,
        traceid: "0".repeat(32),
    }
}

/// Lets `subscriber` handle an event in the database of `context`, as its subscription would.
pub async fn hear<E: DomainEvent>(
    context: &Context,
    subscriber: &impl Subscriber<E>,
    event: &CloudEvent,
) -> Result<(), HandlingError> {
    let known = event.read().map_err(HandlingError::reject)?;
    let Some(known) = known.filter(|known| subscriber.concerns(known)) else { return Ok(()) };
    let mut tx = context.db.begin().await?;
    subscriber.handle(&mut tx, known, event).await?;
    tx.commit().await?;
    subscriber.committed();
    Ok(())
}
