//! The time, as a value that can be set, and which of two clocks tells it.
//!
//! Machines' clocks disagree, by minutes if need be. So what one process writes and another compares with the time it is
//! then (the end of a lease, when something is due, when a count began) is on the clock that they share, the database's:
//! [`Clock::shared`]. What people read (when something was made or happened), what goes from process to process without
//! a database (tokens, with a leeway) and what is counted in days is on the clock of the process: [`Clock::now`].
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::Executor;

/// Tells the time in UTC, truncated to the microseconds that both engines store.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// How far from the machine's clock, in ms.
    offset: i64,
    /// What a test has let pass, in ms: on this clock and on the one that is shared.
    passed: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock, `offset_ms` away from the truth: for tests of clocks that disagree.
    #[must_use]
    pub fn with_offset(offset_ms: i64) -> Self {
        Self { offset: offset_ms, passed: Arc::default() }
    }

    /// Lets time pass, for every clone of this clock.
    pub fn advance(&self, by: TimeDelta) {
        self.passed.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }

    fn passed(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.passed.load(Ordering::Relaxed))
    }

    /// The time now on the clock that all replicas share, which is that of the database behind `on`.
    ///
    /// A SQLite file has one process, and so one clock.
    pub async fn shared(&self, on: impl Executor<'_>) -> sqlx::Result<DateTime<Utc>> {
        let told = on.query("SELECT clock_timestamp()").time().await?;
        Ok(told.map_or_else(|| self.now(), |now| now + self.passed()))
    }

    /// The time now on the clock of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> DateTime<Utc> {
        (Utc::now() + TimeDelta::milliseconds(self.offset) + self.passed()).trunc_subsecs(6)
    }
}
