//! The signals that end a process in good order.
use std::{fmt, process::ExitCode};

use kernel::StartError;
use tokio::signal::unix::{self, SignalKind};

/// A signal that says to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// From whoever runs the process.
    Terminate,
}

impl Signal {
    /// What a process that it ended exits with, as shells have it.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// Listens for signals; from then on they no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Stop {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Stop {
    pub(crate) fn listen() -> Result<Self, StartError> {
        let listen = |kind| unix::signal(kind).map_err(|error| format!("no signal can be waited for: {error}"));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// The next signal.
    pub(crate) async fn signal(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}
