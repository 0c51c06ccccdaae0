//! A shop to tell a story to: real processes of the real binary, in one of six worlds.
use std::{
    fs::File,
    io::Write,
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use kernel::testing::{Folder, postgres};

use crate::transcript::Transcript;

/// How the shop's modules are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topology {
    /// All in one process, calling each other.
    Together,
    /// All in one process, but every call through serde and back, and repeated where it may be.
    Checked,
    /// One process each, calling each other over HTTP.
    Apart,
}

/// Where rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

const SIGABRT: i32 = 6;

pub(crate) const ROLES: [&str; 7] = ["gateway", "products", "users", "cart", "payments", "orders", "notifications"];

/// One process of the shop.
struct Process {
    role: &'static str,
    internal: u16,
    child: Option<Child>,
    /// Where it dies; empty for nowhere.
    failpoint: String,
}

/// An open shop; closing it kills its processes.
pub(crate) struct Shop {
    pub(crate) base: String,
    pub(crate) transcript: Mutex<Transcript>,
    folder: Folder,
    environment: Vec<(String, String)>,
    processes: Vec<Process>,
}

impl Shop {
    /// Opens a shop of its own, with `settings` beside the usual ones of a test.
    pub(crate) async fn open(topology: Topology, engine: Engine, settings: &[(&str, &str)]) -> Self {
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
        let roles = if topology == Topology::Apart { ROLES.as_slice() } else { &["all"] };
        let processes: Vec<_> = roles
            .iter()
            .map(|role| Process { role, internal: port(), child: None, failpoint: String::new() })
            .collect();
        if topology == Topology::Apart {
            for Process { role, internal, .. } in &processes {
                environment
                    .push((format!("STOA_PEERS__{}", role.to_uppercase()), format!("http://127.0.0.1:{internal}")));
            }
            // The gateway is nobody's peer.
            environment.retain(|(name, _)| name != "STOA_PEERS__GATEWAY");
        }
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let base = format!("http://127.0.0.1:{public}");
        let mut shop = Self { base, transcript: Mutex::default(), folder, environment, processes };
        shop.start();
        shop.ready().await;
        shop
    }

    /// Starts every process that does not run.
    pub(crate) fn start(&mut self) {
        for index in 0..self.processes.len() {
            if self.processes[index].child.is_none() {
                let Process { role, internal, ref failpoint, .. } = self.processes[index];
                let log = File::options().append(true).create(true).open(self.log(role)).expect("a log");
                let mut command = self.command(role);
                command.env("STOA_LISTEN__INTERNAL", format!("127.0.0.1:{internal}"));
                command.env("STOA_TESTING__FAILPOINT", failpoint);
                let child =
                    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the binary runs");
                self.processes[index].child = Some(child);
            }
        }
    }

    /// Waits until every process says that it is ready.
    pub(crate) async fn ready(&mut self) {
        let client = crate::actor::client();
        let until = Instant::now() + Duration::from_secs(60);
        for index in 0..self.processes.len() {
            let Process { role, internal, .. } = self.processes[index];
            let url = format!("http://127.0.0.1:{internal}/health/ready");
            while !client.get(&url).send().await.is_ok_and(|reply| reply.status().is_success()) {
                let ended = self.processes[index].child.as_mut().and_then(|child| child.try_wait().ok().flatten());
                assert!(
                    ended.is_none() && Instant::now() < until,
                    "{role} is not ready ({ended:?}): {}",
                    self.said(role)
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Kills the process that runs `role` with SIGKILL: nothing of it is run any more.
    pub(crate) fn kill(&mut self, role: &str) {
        let process = self.processes.iter_mut().find(|process| process.role == role || process.role == "all");
        if let Some(mut child) = process.and_then(|process| process.child.take()) {
            child.kill().expect("SIGKILL");
            child.wait().expect("it has ended");
        }
    }

    /// Starts the process that runs `role` anew, to die at `failpoint`.
    pub(crate) fn arm(&mut self, role: &str, failpoint: &str) {
        self.kill(role);
        let process = self.processes.iter_mut().find(|process| process.role == role || process.role == "all");
        process.expect("somebody runs it").failpoint = failpoint.to_owned();
        self.start();
    }

    /// Waits until the process that runs `role` has died at its failpoint; the next one will not.
    pub(crate) async fn died(&mut self, role: &str) -> Result<(), String> {
        let process = self.processes.iter_mut().find(|process| process.role == role || process.role == "all");
        let process = process.expect("somebody runs it");
        let (child, failpoint) = (process.child.as_mut().expect("it runs"), std::mem::take(&mut process.failpoint));
        let until = Instant::now() + Duration::from_secs(30);
        let status = loop {
            match child.try_wait().expect("it is ours") {
                Some(status) => break status,
                None if Instant::now() > until => return Err(format!("{failpoint} was never reached")),
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        process.child = None;
        let name = failpoint.split(':').next().unwrap_or_default();
        let aborted = status.signal() == Some(SIGABRT) && self.said(role).contains(&format!("failpoint {name}\n"));
        if aborted { Ok(()) } else { Err(format!("{role} died of something else than {failpoint}: {status}")) }
    }

    /// Asks the process that runs `role` to end, and waits until it has.
    pub(crate) fn terminate(&mut self, role: &str) -> Option<std::process::ExitStatus> {
        let process = self.processes.iter_mut().find(|process| process.role == role || process.role == "all")?;
        let mut child = process.child.take()?;
        Command::new("kill").arg(child.id().to_string()).status().expect("SIGTERM");
        child.wait().ok()
    }

    /// Runs `stoa ARGS` beside the shop, with `input` as its standard input.
    pub(crate) fn stoa(&self, role: &str, args: &[&str], input: &str) -> Output {
        let role = if self.processes.len() == 1 { "all" } else { role };
        let mut command = self.command(role);
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    }

    /// The address at which the process that runs `role` takes internal calls.
    pub(crate) fn internal(&self, role: &str) -> String {
        let process = self.processes.iter().find(|process| process.role == role || process.role == "all");
        format!("http://127.0.0.1:{}", process.expect("somebody runs it").internal)
    }

    /// Where rows are kept, if not in files.
    pub(crate) fn database(&self) -> Option<&str> {
        self.environment.iter().find(|(name, _)| name == "STOA_DATABASE__URL").map(|(_, url)| &**url)
    }

    /// Where files are kept.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.0.clone()
    }

    fn command(&self, role: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stoa"));
        command.env_clear().envs(self.environment.iter().cloned()).env("ROLE", role).current_dir(&self.folder.0);
        command
    }

    fn log(&self, role: &str) -> PathBuf {
        self.folder.0.join(format!("{role}.log"))
    }

    /// What the process that runs `role` logged.
    pub(crate) fn said(&self, role: &str) -> String {
        let role = if self.processes.len() == 1 { "all" } else { role };
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
            for Process { role, .. } in &self.processes {
                eprintln!("--- {role} logged:\n{}", self.said(role));
            }
        }
    }
}

/// A free port below those that the kernel gives to outgoing connections.
fn port() -> u16 {
    loop {
        let port = 10_000 + u16::try_from(uuid::Uuid::new_v4().as_u128() % 22_000).expect("below 2^16");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
