//! The acceptance journey: a script that knows nothing but the public API, on the shop as people start it.
use std::process::{Child, Command, Stdio};

use kernel::testing::Folder;

use crate::world::{Engine, OURS, Shop, Topology, port, ready};

/// Goes on the journey. The machine's own Python is all that it takes; without one the test fails, and says so.
fn tour(shop: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tour.py");
    let told =
        Command::new("python3").args([script, shop]).output().expect("tests/tour.py needs python3 (3.8 or newer)");
    let said = String::from_utf8_lossy(&told.stdout);
    let last = said.lines().last().unwrap_or_default();
    assert!(told.status.success(), "{said}{}", String::from_utf8_lossy(&told.stderr));
    assert!(last.starts_with("tour: ") && last.ends_with(" checks passed"), "{last}");
}

/// A shop as `deploy/apart` starts it; its processes end with it.
pub(crate) struct Apart {
    pub(crate) base: String,
    processes: Child,
    _folder: Folder,
}

impl Apart {
    /// Starts the shop that `binary` is, and waits until each of its processes is ready.
    pub(crate) async fn start(binary: &str) -> Self {
        let (folder, ports, public) = (Folder::new(), ports(kernel::testing::roles(binary).len()), port());
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/apart"));
        command
            .envs([("STOA_BIN", binary), ("STOA_LOG__FILTER", "error")])
            .env("STOA_APART_PORT", ports[0].to_string())
            .env("STOA_DATA_DIR", &folder.0)
            .env("STOA_LISTEN__PUBLIC", format!("127.0.0.1:{public}"));
        let processes = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut apart = Self { base: format!("http://127.0.0.1:{public}"), processes, _folder: folder };
        for port in ports {
            ready(port, Some(&mut apart.processes)).await.unwrap();
        }
        apart
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        Command::new("kill").arg(self.processes.id().to_string()).status().ok();
        self.processes.wait().ok();
    }
}

/// So many free ports in a row.
fn ports(many: usize) -> Vec<u16> {
    loop {
        let ports: Vec<u16> = (0..many).map(|_| port()).collect();
        if ports.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
            return ports;
        }
    }
}

#[tokio::test]
async fn together_on_sqlite() {
    let shop = Shop::open(Topology::Together, Engine::Sqlite, &[]).await;
    tour(&shop.base);
}

#[tokio::test]
async fn apart_as_deploy_apart_starts_it() {
    tour(&Apart::start(OURS).await.base);
}
