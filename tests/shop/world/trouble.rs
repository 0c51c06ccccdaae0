//! What may happen to the processes of a shop: they are killed, die at a place, end, are replaced, or have no room.
use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use kernel::testing::within;

use super::Shop;

const SIGABRT: i32 = 6;
const FAILPOINT: &str = "STOA_TESTING__FAILPOINT";

/// What is said of a place where nobody died.
pub(crate) const NEVER_REACHED: &str = "was never reached";

impl Shop {
    /// Kills the process that runs `role` with SIGKILL: nothing of it is run any more.
    pub(crate) fn kill(&mut self, role: &str) {
        let index = self.processes.iter().position(|process| process.runs(role));
        self.kill_one(index.expect("somebody runs it"));
    }

    /// Kills one of the processes, of which there are [`Shop::processes`].
    pub(crate) fn kill_one(&mut self, index: usize) {
        if let Some(mut child) = self.processes[index].child.take() {
            child.kill().expect("SIGKILL");
            child.wait().expect("it has ended");
        }
    }

    /// Asks one of the processes to end, waits until it has, and starts it again as another release.
    pub(crate) fn install(&mut self, index: usize, binary: &Path) {
        let process = &mut self.processes[index];
        binary.clone_into(&mut process.binary);
        if let Some(mut child) = process.child.take() {
            terminate(&child);
            child.wait().expect("it has ended");
            self.start();
        }
    }

    /// Starts the process that runs `role` anew, to die at `failpoint`.
    pub(crate) fn arm(&mut self, role: &str, failpoint: &str) {
        self.kill(role);
        self.only(role, FAILPOINT, failpoint);
        self.start();
    }

    /// Waits until the process that runs `role` has died at `failpoint`; the next one will not.
    pub(crate) async fn died(&mut self, role: &str, failpoint: &str) -> Result<(), String> {
        self.only(role, FAILPOINT, "");
        let child = &mut self.process(role).child;
        let status = within(Duration::from_secs(30), || {
            let ended = child.as_mut().expect("it runs").try_wait().expect("it is ours");
            std::future::ready(ended.ok_or_else(|| format!("{failpoint} {NEVER_REACHED}")))
        })
        .await?;
        *child = None;
        let name = failpoint.split(':').next().unwrap_or_default();
        let aborted = status.signal() == Some(SIGABRT) && self.said(role).contains(&format!("failpoint {name}\n"));
        if aborted { Ok(()) } else { Err(format!("{role} died of something else than {failpoint}: {status}")) }
    }

    /// Asks the process that runs `role` to end, and waits until it has.
    pub(crate) fn terminate(&mut self, role: &str) -> Option<ExitStatus> {
        let process = self.processes.iter_mut().find(|process| process.runs(role))?;
        let mut child = process.child.take()?;
        terminate(&child);
        child.wait().ok()
    }

    /// Lets no file of the process that runs `role` grow past `bytes`, from its next start on.
    pub(crate) fn limit_files(&mut self, role: &str, bytes: Option<u64>) {
        self.process(role).file_size = bytes;
    }

    /// Lets the files of the process that runs `role` grow again, while it runs.
    pub(crate) fn make_room(&mut self, role: &str) {
        let process = self.process(role);
        process.file_size = None;
        let pid = process.child.as_ref().expect("it runs").id().to_string();
        let made = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
        assert!(made.is_ok_and(|status| status.success()), "prlimit, of util-linux");
    }
}

fn terminate(child: &Child) {
    Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status().expect("SIGTERM");
}
