//! A shop to tell a story to: real processes of the real binary, in one of eight worlds.
mod trouble;

use std::{
    fs::File,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use kernel::{
    Db, Deployable,
    testing::{Folder, nats, postgres, within},
};

use crate::transcript::Transcript;
pub(crate) use trouble::NEVER_REACHED;

/// How the shop's modules are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topology {
    /// All in one process, calling each other.
    Together,
    /// All in one process, but every call through serde and back, and repeated where it may be.
    Checked,
    /// One process each, calling each other over HTTP.
    Apart,
    /// Some together and some apart, as a shop may grow.
    Mixed,
    /// All in one process, of which there are two.
    Twice,
}

/// Where rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// How modules hear of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bus {
    /// From each other.
    Direct,
    /// Over NATS JetStream.
    Nats,
}

impl Bus {
    /// What a shop needs to know for it.
    pub(crate) async fn settings(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Direct => Vec::new(),
            Self::Nats => {
                let (url, prefix) = nats().await;
                vec![("STOA_EVENTS__URL", url), ("STOA_EVENTS__PREFIX", prefix)]
            }
        }
    }
}

/// The binary of this release.
pub(crate) const OURS: &str = env!("CARGO_BIN_EXE_stoa");

/// Every role there is.
pub(crate) fn roles() -> &'static [Deployable] {
    static ROLES: LazyLock<Vec<Deployable>> = LazyLock::new(|| kernel::testing::roles(OURS));
    &ROLES
}

impl Topology {
    /// The role of each process.
    fn roles(self) -> Vec<&'static str> {
        match self {
            Self::Together | Self::Checked => vec!["all"],
            Self::Apart => roles().iter().map(|role| role.name).collect(),
            Self::Twice => vec!["all", "all"],
            Self::Mixed => mixed(),
        }
    }
}

/// Three processes that host the modules by turns, so that each calls every other; the first is the edge as well.
fn mixed() -> Vec<&'static str> {
    let mut parts = [const { Vec::new() }; 3];
    let (edges, modules): (Vec<_>, Vec<_>) =
        roles().iter().map(|role| (role.edge, role.name)).partition(|(edge, _)| *edge);
    parts[0].extend(edges.into_iter().map(|(_, name)| name));
    for (index, (_, name)) in modules.into_iter().enumerate() {
        parts[index % parts.len()].push(name);
    }
    parts.into_iter().map(|names| &*names.join(",").leak()).collect()
}

/// One process of the shop.
struct Process {
    role: &'static str,
    internal: u16,
    child: Option<Child>,
    /// The release that it is of.
    binary: PathBuf,
    /// Settings of this process alone.
    own: Vec<(String, String)>,
    /// No file that it writes may grow past so many bytes: a full disk.
    file_size: Option<u64>,
}

impl Process {
    fn runs(&self, role: &str) -> bool {
        self.role == "all" || self.role.split(',').any(|name| name == role)
    }
}

/// An open shop; closing it kills its processes.
pub(crate) struct Shop {
    pub(crate) base: String,
    /// Where customers reach it: one address for each replica of the edge.
    pub(crate) bases: Vec<String>,
    pub(crate) transcript: Mutex<Transcript>,
    folder: Folder,
    environment: Vec<(String, String)>,
    processes: Vec<Process>,
}

impl Shop {
    /// Opens a shop of its own, with `settings` beside the usual ones of a test.
    pub(crate) async fn open(topology: Topology, engine: Engine, settings: &[(&str, &str)]) -> Self {
        let mut shop = Self::plan(topology, engine, settings).await;
        shop.start();
        shop.ready().await;
        shop
    }

    /// A shop whose addresses are known and whose processes are not started.
    pub(crate) async fn plan(topology: Topology, engine: Engine, settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let public = port();
        let mut environment = vec![
            ("STOA_DATA_DIR".to_owned(), folder.0.display().to_string()),
            ("STOA_LISTEN__PUBLIC".to_owned(), format!("127.0.0.1:{public}")),
            ("STOA_TESTING__CHECKED".to_owned(), (topology == Topology::Checked).to_string()),
            // The weakest that argon2 takes: a test's passwords protect nothing.
            ("STOA_USERS__ARGON2_MEMORY_KIB".to_owned(), "64".to_owned()),
            ("STOA_USERS__ARGON2_ITERATIONS".to_owned(), "1".to_owned()),
            ("STOA_DATABASE__CONNECTIONS".to_owned(), "6".to_owned()),
            ("STOA_LOG__FILTER".to_owned(), "warn".to_owned()),
        ];
        if engine == Engine::Postgres {
            environment.push(("STOA_DATABASE__URL".to_owned(), postgres().await));
        }
        let mut processes: Vec<_> = topology
            .roles()
            .into_iter()
            .map(|role| Process {
                role,
                internal: port(),
                child: None,
                binary: OURS.into(),
                own: Vec::new(),
                file_size: None,
            })
            .collect();
        for Process { role, internal, .. } in &processes {
            // An edge is nobody's peer, and neither is one process alone.
            let called = |name: &&str| roles().iter().any(|role| role.name == *name && !role.edge);
            for module in role.split(',').filter(called) {
                let name = format!("STOA_PEERS__{}", module.to_uppercase());
                environment.push((name, format!("http://127.0.0.1:{internal}")));
            }
        }
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let base = format!("http://127.0.0.1:{public}");
        let mut bases = vec![base.clone()];
        for process in processes.iter_mut().skip(1).filter(|process| process.role == "all") {
            let address = format!("127.0.0.1:{}", port());
            bases.push(format!("http://{address}"));
            process.own.push(("STOA_LISTEN__PUBLIC".into(), address));
        }
        Self { base, bases, transcript: Mutex::default(), folder, environment, processes }
    }

    /// Gives the process that runs `role` a setting of its own, from its next start on.
    pub(crate) fn only(&mut self, role: &str, name: &str, value: &str) {
        let process = self.process(role);
        process.own.retain(|(known, _)| known != name);
        process.own.push((name.to_owned(), value.to_owned()));
    }

    fn process(&mut self, role: &str) -> &mut Process {
        let process = self.processes.iter_mut().find(|process| process.runs(role));
        process.expect("somebody runs it")
    }

    /// The database of `module`, beside the processes that use it.
    pub(crate) async fn database(&self, module: &str) -> Db {
        let url = self.environment.iter().rev().find(|(name, _)| name == "STOA_DATABASE__URL");
        match url {
            Some((_, url)) => Db::postgres(url, module, 2).await.expect("PostgreSQL is up"),
            None => Db::sqlite(&self.folder.0.join(format!("{module}.db")), 1).await.expect("a file"),
        }
    }

    /// Starts every process that does not run.
    pub(crate) fn start(&mut self) {
        for index in 0..self.processes.len() {
            if self.processes[index].child.is_none() {
                let Process { role, internal, ref own, ref binary, file_size, .. } = self.processes[index];
                let log = File::options().append(true).create(true).open(self.log(role)).expect("a log");
                let mut command = match file_size {
                    None => self.command(binary, role),
                    Some(bytes) => self.cramped(role, bytes),
                };
                command.envs(own.iter().cloned()).env("STOA_LISTEN__INTERNAL", format!("127.0.0.1:{internal}"));
                let child =
                    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the binary runs");
                self.processes[index].child = Some(child);
            }
        }
    }

    /// Waits until every process says that it is ready.
    pub(crate) async fn ready(&mut self) {
        for index in 0..self.processes.len() {
            let Process { role, internal, ref mut child, .. } = self.processes[index];
            let ready = ready(internal, child.as_mut()).await;
            assert!(ready.is_ok(), "{role}: {ready:?}: {}", self.said(role));
        }
    }

    /// How many processes it is made of.
    pub(crate) fn processes(&self) -> usize {
        self.processes.len()
    }

    /// The role of one of them.
    pub(crate) fn role(&self, index: usize) -> &'static str {
        self.processes[index].role
    }

    /// What every process logged last.
    pub(crate) fn logs(&self) -> String {
        let mut roles: Vec<_> = self.processes.iter().map(|process| process.role).collect();
        roles.dedup();
        let last = |role: &str| {
            let said = self.said(role);
            let lines: Vec<_> = said.lines().collect();
            lines[lines.len().saturating_sub(100)..].join("\n")
        };
        roles.iter().map(|role| format!("--- {role} logged last:\n{}", last(role))).collect::<Vec<_>>().join("\n")
    }

    /// Starts `stoa ARGS` beside the shop.
    pub(crate) fn start_stoa(&self, role: &str, args: &[&str]) -> Child {
        let role = self.process_of(role);
        let mut command = self.command(Path::new(OURS), role);
        let command = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the binary runs")
    }

    /// Runs `stoa ARGS` beside the shop, with `input` as its standard input.
    pub(crate) fn stoa(&self, role: &str, args: &[&str], input: &str) -> Output {
        let mut child = self.start_stoa(role, args);
        child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    }

    /// The address at which the process that runs `role` takes internal calls.
    pub(crate) fn internal(&self, role: &str) -> String {
        let process = self.processes.iter().find(|process| process.runs(role));
        format!("http://127.0.0.1:{}", process.expect("somebody runs it").internal)
    }

    /// Where files are kept.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.0.clone()
    }

    fn command(&self, binary: &Path, role: &str) -> Command {
        let mut command = Command::new(binary);
        self.furnish(&mut command, role);
        command
    }

    /// The binary with a limit on its files. Where one is reached, writing fails instead of ending the process.
    fn cramped(&self, role: &str, bytes: u64) -> Command {
        let mut command = Command::new("/bin/sh");
        let script = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$0\"", bytes / 512);
        command.args(["-c", &script, OURS]);
        self.furnish(&mut command, role);
        command
    }

    fn furnish(&self, command: &mut Command, role: &str) {
        command.env_clear().envs(self.environment.iter().cloned()).env("ROLE", role).current_dir(&self.folder.0);
    }

    /// What the process that runs `role` is called.
    fn process_of<'a>(&self, role: &'a str) -> &'a str {
        if self.processes.iter().any(|process| process.role == "all") { "all" } else { role }
    }

    fn log(&self, role: &str) -> PathBuf {
        self.folder.0.join(format!("{role}.log"))
    }

    /// What the process that runs `role` logged.
    pub(crate) fn said(&self, role: &str) -> String {
        let role = self.process_of(role);
        std::fs::read_to_string(self.log(role)).unwrap_or_default()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for process in &mut self.processes {
            if let Some(mut child) = process.child.take() {
                child.kill().ok();
                child.wait().ok();
            }
        }
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}

/// Waits until the process that listens at `port` is ready; else says what is wrong, as that it has ended.
pub(crate) async fn ready(port: u16, mut process: Option<&mut Child>) -> Result<(), String> {
    let (client, url) = (crate::actor::client(), format!("http://127.0.0.1:{port}/health/ready"));
    let url = &url;
    within(Duration::from_mins(1), || {
        let ended = process.as_mut().and_then(|process| process.try_wait().ok().flatten());
        let asked = client.get(url).send();
        async move {
            match (asked.await, ended) {
                (Ok(reply), _) if reply.status().is_success() => Ok(Ok(())),
                (_, Some(ended)) => Ok(Err(format!("it has ended: {ended}"))),
                (reply, None) => Err(format!("{url} is not ready: {reply:?}")),
            }
        }
    })
    .await?
}

/// A free port below those that the kernel gives to outgoing connections; never the same twice in this process.
pub(crate) fn port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from(next % 22_000).expect("below 2^16");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
