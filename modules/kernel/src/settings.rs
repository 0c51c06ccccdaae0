//! The settings that the kernel itself reads; each module reads a section of its own name.
use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Currency, StartError};

/// How strict the shop is with its own configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Secrets are made up and kept in the data directory; a demo catalogue; the test payment provider.
    Dev,
    /// Every secret must be given.
    Production,
}

/// What the kernel needs to know to host modules.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// `dev` or `production`.
    pub mode: Mode,
    /// What runs here: `all`, a module's name, `gateway`, or several with commas.
    pub role: String,
    /// The currency of every price.
    pub currency: Currency,
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// Where rows are kept.
    pub database: Database,
    /// How events travel.
    pub events: Events,
    /// Base URL of a module that runs elsewhere, by its name.
    #[serde(default)]
    pub peers: BTreeMap<String, String>,
    /// Base URL of the modules that `peers` does not name; `{name}` is the module's.
    pub peer_template: String,
    /// Signs calls between processes.
    pub service_secret: Option<String>,
    /// Every module's share of the process.
    pub bulkhead: Bulkhead,
    /// For tests.
    pub testing: Testing,
}

impl Settings {
    /// Refuses what would start and then never answer.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let Self { bulkhead, database, .. } = self;
        for (setting, none) in [
            ("bulkhead.running", bulkhead.running == 0),
            ("database.connections", database.connections == 0),
            ("database.readers", database.readers == 0),
        ] {
            if none {
                return Err(format!("`{setting}` must be at least 1").into());
            }
        }
        Ok(())
    }
}

/// Where rows are kept.
#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    /// `postgres://…`, of one server or several; none is SQLite in the data directory.
    pub url: Option<String>,
    /// Connections to PostgreSQL for each module.
    pub connections: u32,
    /// SQLite connections that read, for each module.
    pub readers: u32,
}

/// How events travel.
#[derive(Debug, Clone, Deserialize)]
pub struct Events {
    /// For how many days their publishers keep them; 0 for ever.
    pub keep_days: u16,
    /// `nats://…`, several with commas; none is without a broker.
    pub url: String,
    /// What the names of streams and subjects begin with.
    pub prefix: String,
    /// A file with NATS credentials.
    pub credentials: String,
    /// How many servers keep each event.
    pub replicas: usize,
    /// For how many days those keep it; 0 for ever.
    pub days: u16,
}

/// A module's share of the process.
#[derive(Debug, Clone, Deserialize)]
pub struct Bulkhead {
    /// Calls that run at a time.
    pub running: usize,
    /// Calls that wait for their turn; more are refused.
    pub waiting: usize,
}

/// For tests.
#[derive(Debug, Clone, Deserialize)]
pub struct Testing {
    /// Calls in process go through serde and back, with one retry injected.
    pub checked: bool,
    /// This process's clock is off by so much, in ms.
    pub clock_offset_ms: i64,
    /// The place at which this process dies; empty for none.
    pub failpoint: String,
}
