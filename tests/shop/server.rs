//! Brokers of one test alone: they can be stopped, and end with it.
use std::{path::PathBuf, process::Command};

use kernel::testing::Folder;

/// What `tests/servers` calls `kind`, in a folder of its own.
pub(crate) struct Server {
    kind: &'static str,
    folder: Folder,
}

impl Server {
    /// Starts it, and says how to reach it.
    pub(crate) async fn start(kind: &'static str) -> (Self, String) {
        let server = Self { kind, folder: Folder::new() };
        let url = server.told("start").await;
        (server, url)
    }

    /// What `tests/servers` answers, while everything else goes on.
    pub(crate) async fn told(&self, what: &str) -> String {
        let (kind, data, what) = (self.kind, self.data(), what.to_owned());
        tokio::task::spawn_blocking(move || servers(kind, &data, &what)).await.unwrap()
    }

    fn data(&self) -> PathBuf {
        self.folder.0.join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        servers(self.kind, &self.data(), "remove");
    }
}

fn servers(kind: &str, data: &PathBuf, what: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers");
    let mut command = Command::new(script);
    let done = command.arg(kind).arg(data).args(what.split(' ')).output().expect("tests/servers runs");
    assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
