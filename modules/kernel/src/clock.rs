//! The time, as a value that can be set.
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time in UTC, truncated to the microseconds that both engines store.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// How far from the machine's clock, in ms.
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock, `offset_ms` away from the truth: for tests of clocks that disagree.
    #[must_use]
    pub fn with_offset(offset_ms: i64) -> Self {
        Self { offset: Arc::new(AtomicI64::new(offset_ms)) }
    }

    /// Moves every clone of this clock.
    pub fn advance(&self, by: TimeDelta) {
        self.offset.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }

    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> DateTime<Utc> {
        (Utc::now() + TimeDelta::milliseconds(self.offset.load(Ordering::Relaxed))).trunc_subsecs(6)
    }
}
