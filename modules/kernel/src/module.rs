//! Hosting: a module runs here, or is called over there.
use std::{
    collections::BTreeSet,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state};
use figment::Figment;
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Clock, Currency, Db, Deployable, Local, Mode, Outbox, Remote, ServiceTokens, Settings, Tasks, Wire, describe,
    events::{self, bus::Bus},
    failpoint, role,
};

/// Why a process could not start: one sentence that names the setting.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// A business module.
pub trait Module {
    /// Its trait object.
    type Api: Wire + ?Sized;
    /// The other modules that it calls.
    type Deps: Send;
    /// The migrations of its database, numbered from 0100; those before are the kernel's.
    const MIGRATIONS: Migrator;
    /// Where it may die in a test: the `NAMES` of its [`failpoints!`](crate::failpoints).
    const FAILPOINTS: failpoint::Names = &[];
    /// Starts it in this process.
    fn start(context: Context, deps: Self::Deps) -> impl Future<Output = Result<Arc<Self::Api>, StartError>> + Send;
    /// Its public endpoints, served at the edge whoever hosts the module.
    fn routes(api: Arc<Self::Api>) -> OpenApiRouter;
}

/// What faces the outside: it serves the public listener.
pub trait Edge {
    /// Its name: role, config section, schema and Deployment.
    const NAME: &'static str;
    /// The modules that it calls itself.
    type Deps: Send;
    /// The migrations of its database, numbered from 0100; those before are the kernel's.
    const MIGRATIONS: Migrator;
    /// Where it may die in a test: the `NAMES` of its [`failpoints!`](crate::failpoints).
    const FAILPOINTS: failpoint::Names = &[];
    /// Starts it in this process, around the public endpoints of every module.
    fn start(
        context: Context,
        deps: Self::Deps,
        public: OpenApiRouter,
    ) -> impl Future<Output = Result<Router, StartError>> + Send;
}

/// What a module is given to start with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The module's name.
    pub name: &'static str,
    /// How strict to be.
    pub mode: Mode,
    /// The currency of every price.
    pub currency: Currency,
    /// Its own database.
    pub db: Db,
    /// Where it publishes.
    pub outbox: Outbox,
    /// The time.
    pub clock: Clock,
    /// The process's tasks.
    pub tasks: Tasks,
    /// Where files are kept.
    pub data_dir: PathBuf,
    pub(crate) bus: Bus,
    /// The modules whose events it has subscribed to.
    pub(crate) heard: Arc<Mutex<BTreeSet<&'static str>>>,
    config: Figment,
}

impl Context {
    /// The module's own section of the configuration.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C, StartError> {
        Ok(self.config.extract_inner(self.name)?)
    }

    /// A secret setting: as given, or outside production made up and kept in the data directory.
    pub fn secret(&self, setting: &str, given: Option<String>) -> Result<String, StartError> {
        secret(self.mode, &self.data_dir, &format!("{}.{setting}", self.name), given)
    }
}

/// This process: which modules it runs, and where the others are.
pub struct Host {
    config: Figment,
    settings: Settings,
    hosted: BTreeSet<&'static str>,
    /// Whether what comes from outside arrives here.
    is_edge: bool,
    tokens: ServiceTokens,
    clock: Clock,
    tasks: Tasks,
    bus: Bus,
    http: reqwest::Client,
    internal: Router,
    public: OpenApiRouter,
    databases: Vec<(&'static str, Db)>,
}

const KERNEL_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/kernel");

impl Host {
    /// The process that `config` describes, hosting some of `known`.
    pub fn new(config: Figment, known: &[Deployable]) -> Result<Self, StartError> {
        let settings: Settings = config.extract()?;
        settings.check()?;
        failpoint::arm(&settings.testing.failpoint, settings.mode)?;
        let hosted = role::hosted(&settings.role, known)?;
        for stranger in settings.peers.keys().filter(|name| known.iter().all(|known| known.name != **name)) {
            // Of a release that has more modules, most likely: one setting serves the whole shop.
            tracing::warn!("`peers.{stranger}` names no module of this release; there are {}", role::names(known));
        }
        std::fs::create_dir_all(&settings.data_dir)
            .map_err(|error| format!("`data_dir` {} cannot be used: {error}", settings.data_dir.display()))?;
        let alone = hosted.len() == known.len();
        let is_edge = known.iter().any(|known| known.edge && hosted.contains(known.name));
        let given = settings.service_secret.clone().filter(|secret| !secret.is_empty());
        let service_secret = match (settings.mode, alone, &given) {
            (Mode::Production, true, None) => None,
            _ => Some(secret(settings.mode, &settings.data_dir, "service_secret", given)?),
        };
        let bus = Bus::open(&settings.events)?;
        let clock = Clock::with_offset(settings.testing.clock_offset_ms);
        #[expect(clippy::disallowed_methods, reason = "the one client, for calls between processes")]
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(1))
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .build()?;
        let tokens = ServiceTokens::new(service_secret.as_deref(), clock.clone());
        let (internal, public) = (Router::new(), OpenApiRouter::new());
        Ok(Self {
            config,
            settings,
            hosted,
            is_edge,
            tokens,
            clock,
            tasks: Tasks::default(),
            bus,
            http,
            internal,
            public,
            databases: Vec::new(),
        })
    }

    /// The process of one command: it can call every module of the role, here and on the same databases, but leaves
    /// what modules do by themselves, such as to go on with orders, to the processes that serve.
    pub fn for_command(config: Figment, known: &[Deployable]) -> Result<Self, StartError> {
        Ok(Self { tasks: Tasks::idle(), ..Self::new(config, known)? })
    }

    /// Whether the role includes `name`.
    #[must_use]
    pub fn hosts(&self, name: &str) -> bool {
        self.hosted.contains(name)
    }

    /// Whether the role includes an edge: what comes from outside arrives here.
    #[must_use]
    pub fn is_edge(&self) -> bool {
        self.is_edge
    }

    /// What the kernel was told.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The process's tasks.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Starts `M` here, or connects to wherever it runs.
    pub async fn module<M: Module>(&mut self, deps: M::Deps) -> Result<Arc<M::Api>, StartError> {
        let name = M::Api::NAME;
        let api = if self.hosts(name) {
            let context = self.context(name, &M::MIGRATIONS).await?;
            let Settings { bulkhead, testing, events, .. } = &self.settings;
            context.keep_events(events.keep_days);
            let local = Local::new(&context, testing.checked, bulkhead.running, bulkhead.waiting);
            let heard = Arc::clone(&context.heard);
            if !M::Api::PUBLISHES.is_empty() {
                context.outbox.listen();
                context.relay();
            }
            let api = M::start(context, deps).await?;
            let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            if !heard.iter().eq(BTreeSet::from_iter(M::Api::HEARS)) {
                return Err(format!("{name} subscribes to {heard:?}, and its trait says {:?}", M::Api::HEARS).into());
            }
            let api = M::Api::local(api, local);
            let guard = from_fn_with_state((self.tokens.clone(), name), ServiceTokens::guard);
            let routes = M::Api::serve(Arc::clone(&api)).route_layer(guard);
            self.internal = std::mem::take(&mut self.internal).merge(routes);
            api
        } else {
            M::Api::connect(Remote::new(self.http.clone(), self.address(name)?, name, self.tokens.clone()))
        };
        if self.is_edge {
            let mut routes = M::routes(Arc::clone(&api));
            if !M::Api::HEARS.is_empty() {
                routes = routes.merge(events::routes::routes(name, api.messaging()));
            }
            describe::module::<M::Api>(routes.get_openapi_mut());
            self.public = std::mem::take(&mut self.public).merge(routes);
        }
        Ok(api)
    }

    /// Starts `E` here, around what the modules have put up so far; nothing where the role does not include it.
    pub async fn edge<E: Edge>(&mut self, deps: E::Deps) -> Result<Option<Router>, StartError> {
        if !self.hosts(E::NAME) {
            return Ok(None);
        }
        let context = self.context(E::NAME, &E::MIGRATIONS).await?;
        Ok(Some(E::start(context, deps, self.take_public()).await?))
    }

    /// Brings the database of `name`, if that runs here, up to this release.
    pub async fn migrate(&mut self, name: &'static str, migrations: &Migrator) -> Result<(), StartError> {
        if self.hosts(name) {
            self.context(name, migrations).await?;
        }
        Ok(())
    }

    /// A database and a name for something that runs here, a module or not.
    pub async fn context(&mut self, name: &'static str, migrations: &Migrator) -> Result<Context, StartError> {
        let db = self.database(name).await?;
        db.migrate(KERNEL_MIGRATIONS.iter().chain(migrations.iter())).await?;
        let clock = self.clock.beside(&db);
        let outbox = Outbox::new(db.clone(), name, clock.clone(), self.tasks.clone());
        let Settings { mode, currency, data_dir, .. } = self.settings.clone();
        let (tasks, bus, config) = (self.tasks.clone(), self.bus.clone(), self.config.clone());
        let heard = Arc::default();
        Ok(Context { name, mode, currency, db, outbox, clock, tasks, data_dir, bus, heard, config })
    }

    async fn database(&mut self, name: &'static str) -> Result<Db, StartError> {
        let Settings { database, data_dir, .. } = &self.settings;
        let own: Option<String> = self.config.extract_inner(&format!("{name}.database_url")).ok();
        let db = match own.as_ref().or(database.url.as_ref()).filter(|url| !url.is_empty()) {
            None => Db::sqlite(&data_dir.join(format!("{name}.db")), database.readers).await?,
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Db::postgres(url, name, database.connections).await?
            }
            Some(_) => {
                return Err("`database.url` must begin with postgres://, or be absent for SQLite in `data_dir`".into());
            }
        };
        self.databases.push((name, db.clone()));
        Ok(db)
    }

    fn address(&self, name: &str) -> Result<String, StartError> {
        let given = self.settings.peers.get(name).filter(|base| !base.is_empty()).cloned();
        let base = given.unwrap_or_else(|| self.settings.peer_template.replace("{name}", name));
        let well_formed =
            base.parse::<axum::http::Uri>().is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        if well_formed {
            Ok(base)
        } else {
            Err(format!(
                "`peers.{name}` must be the http:// base URL of the process that runs {name}, as role `{}` does not",
                self.settings.role
            )
            .into())
        }
    }

    /// Deletes what the broker has of `source`'s events: the processes that serve fill it again, from the outbox.
    pub async fn replay(&self, source: &str) -> Result<(), StartError> {
        self.bus.forget(source).await
    }

    /// The routes that other processes call.
    pub fn take_internal(&mut self) -> Router {
        std::mem::take(&mut self.internal)
    }

    /// The public routes of every module, with their description.
    pub fn take_public(&mut self) -> OpenApiRouter {
        std::mem::take(&mut self.public)
    }

    /// The databases of what runs here.
    #[must_use]
    pub fn databases(&self) -> &[(&'static str, Db)] {
        &self.databases
    }
}

/// The shortest secret that is taken, in characters.
const SECRET_LENGTH: usize = 32;

/// `given`, or outside production one made up and kept in `data_dir`.
fn secret(mode: Mode, data_dir: &Path, setting: &str, given: Option<String>) -> Result<String, StartError> {
    match (given.filter(|secret| !secret.is_empty()), mode) {
        (Some(secret), _) if secret.len() >= SECRET_LENGTH => Ok(secret),
        (Some(_), _) => Err(format!("`{setting}` must have at least {SECRET_LENGTH} characters").into()),
        (None, Mode::Production) => Err(format!("`{setting}` must be set outside dev mode").into()),
        (None, Mode::Dev) => keep(&data_dir.join(format!("dev-{}.secret", setting.replace(['.', '_'], "-")))),
    }
}

/// The secret in the file at `path`, made by whichever process comes first.
fn keep(path: &Path) -> Result<String, StartError> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let refused = |error: std::io::Error| format!("the secret in {} cannot be used: {error}", path.display());
    if !path.exists() {
        let made: String = (0..2).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
        let own = path.with_extension(format!("{}.tmp", uuid::Uuid::new_v4().simple()));
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own).map_err(refused)?;
        file.write_all(made.as_bytes()).map_err(refused)?;
        // Linking is atomic: the file appears whole, and the second of two processes finds the first's.
        std::fs::hard_link(&own, path)
            .or_else(|error| if path.exists() { Ok(()) } else { Err(error) })
            .map_err(refused)?;
        std::fs::remove_file(&own).map_err(refused)?;
    }
    Ok(std::fs::read_to_string(path).map_err(refused)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_dev_a_secret_must_be_given_and_long() {
        let dir = std::env::temp_dir();
        assert!(
            secret(Mode::Production, &dir, "service_secret", None)
                .unwrap_err()
                .to_string()
                .contains("`service_secret`")
        );
        assert!(secret(Mode::Dev, &dir, "service_secret", Some("short".into())).is_err());
        assert!(secret(Mode::Production, &dir, "service_secret", Some("x".repeat(32))).is_ok());
    }
}
