//! The two modules together in one process, checked in one process, or apart in a process each.
use std::{path::Path, sync::Arc, time::Duration};

use axum::Router;
use figment::{
    Figment,
    providers::{Format, Toml},
};
use kernel::{Call, CallSemantics, Deployable, Host, Tasks, testing::Folder};
use tokio::net::TcpListener;

use crate::{
    probe::Probe,
    sample::{Back, BackModule, Error, Front, FrontModule, Plan, Seen},
};

/// What a role may be made of.
pub(crate) const KNOWN: [Deployable; 3] =
    [Deployable::edge("edge"), Deployable::module("back"), Deployable::module("front")];
/// What the processes of one shop share.
pub(crate) const SECRET: &str = "a secret of thirty-two characters";

/// How the modules are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Together,
    Checked,
    Apart,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Together, Kind::Checked, Kind::Apart];
pub(crate) const DELIVERIES: [CallSemantics; 3] = [CallSemantics::Read, CallSemantics::Idempotent, CallSemantics::Once];

/// A running shop of two modules.
pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) back: Arc<dyn Back>,
    pub(crate) front: Arc<dyn Front>,
    /// Sees what `back` does.
    pub(crate) probe: Probe,
    /// The tasks of the process that runs `back`.
    pub(crate) tasks: Tasks,
    /// Where the process that runs `back` takes internal calls.
    pub(crate) base: String,
    _folder: Folder,
}

impl World {
    pub(crate) async fn open(kind: Kind) -> Self {
        Self::with(kind, "").await
    }

    /// With some settings of its own.
    pub(crate) async fn with(kind: Kind, settings: &str) -> Self {
        let (folder, probe) = (Folder::new(), Probe::new());
        let checked = kind == Kind::Checked;
        let own = format!("service_secret = {SECRET:?}\ntesting.checked = {checked}\n{settings}\n");
        let start = |role: &str, peers: &str| process(&folder.0, &format!("role = {role:?}\n{peers}\n{own}"));
        if kind != Kind::Apart {
            let mut host = start("all", "");
            let back = host.module::<BackModule>(probe.clone()).await.expect("back starts");
            let front = host.module::<FrontModule>(Arc::clone(&back)).await.expect("front starts");
            let (tasks, base) = (host.tasks().clone(), serve(host.take_internal()).await);
            return Self { kind, back, front, probe, tasks, base, _folder: folder };
        }
        let mut host = start("back", "");
        host.module::<BackModule>(probe.clone()).await.expect("back starts");
        let (tasks, base) = (host.tasks().clone(), serve(host.take_internal()).await);
        let mut second = start("front", &format!("peers.back = {base:?}"));
        let back = second.module::<BackModule>(probe.clone()).await.expect("back is dialled");
        second.module::<FrontModule>(back).await.expect("front starts");
        let front = serve(second.take_internal()).await;
        let mut edge = start("edge", &format!("peers.back = {base:?}\npeers.front = {front:?}"));
        let back = edge.module::<BackModule>(probe.clone()).await.expect("back is dialled");
        let front = edge.module::<FrontModule>(Arc::clone(&back)).await.expect("front is dialled");
        Self { kind, back, front, probe, tasks, base, _folder: folder }
    }

    /// Sends a plan to `back`, in the way that `semantics` names.
    pub(crate) async fn send(&self, semantics: CallSemantics, plan: Plan) -> Result<Seen, Error> {
        send(&*self.back, semantics, plan).await
    }

    /// The same in a task of its own, with so long to finish.
    pub(crate) fn spawn(
        &self,
        semantics: CallSemantics,
        plan: Plan,
        left: Duration,
    ) -> tokio::task::JoinHandle<Result<Seen, Error>> {
        let back = Arc::clone(&self.back);
        tokio::spawn(Call::fresh(left).scope(async move { send(&*back, semantics, plan).await }))
    }

    /// How often the module runs for one call that works.
    pub(crate) fn times(&self, semantics: CallSemantics) -> usize {
        if self.kind == Kind::Checked && semantics != CallSemantics::Once { 2 } else { 1 }
    }
}

pub(crate) async fn send(back: &dyn Back, semantics: CallSemantics, plan: Plan) -> Result<Seen, Error> {
    match semantics {
        CallSemantics::Read => back.look(plan).await,
        CallSemantics::Idempotent => back.put(plan).await,
        CallSemantics::Once => back.add(plan).await,
    }
}

/// A client of the module `back` at `base`, wherever that leads.
pub(crate) async fn dial(base: &str, settings: &str) -> Arc<dyn Back> {
    let folder = Folder::new();
    let secret =
        if settings.contains("service_secret") { String::new() } else { format!("service_secret = {SECRET:?}") };
    let settings = format!("role = \"edge\"\npeers.back = {base:?}\n{secret}\n{settings}");
    process(&folder.0, &settings).module::<BackModule>(Probe::new()).await.expect("back is dialled")
}

/// The settings of a shop, with some changed.
pub(crate) fn config(folder: &Path, settings: &str) -> Figment {
    let defaults = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/config.toml");
    let own = format!("data_dir = {:?}", folder.display().to_string());
    Figment::from(Toml::file_exact(defaults)).merge(Toml::string(&own)).merge(Toml::string(settings))
}

/// One process of a shop.
pub(crate) fn process(folder: &Path, settings: &str) -> Host {
    Host::new(config(folder, settings), &KNOWN).unwrap_or_else(|error| panic!("{settings}: {error}"))
}

/// Serves `router` on a port of its own until the test ends.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}
