//! The time, as a value that can be set, and which of two clocks tells it.
//!
//! Machines' clocks disagree, by minutes if need be. So what one process writes and another compares with the time it is
//! then (the end of a lease, when something is due, when a count began) is on the clock that they share, the database's:
//! [`Clock::shared`]. What people read (when something was made or happened), what goes from process to process without
//! a database (tokens, with a leeway) and what is counted in days is on the clock of the process: [`Clock::now`].
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::{Db, Executor, Primary};

/// How often the database is asked for the time.
const PERIOD: Duration = Duration::from_secs(10);
/// How soon it is asked again after an answer that was lost, or that took long.
const SOON: Duration = Duration::from_secs(1);
/// An answer that took twice as long tells little.
const COARSE: Duration = Duration::from_millis(20);
/// So much of the time between two measurements may two clocks have moved apart: 1/DRIFT, 500 ppm.
const DRIFT: u32 = 2000;

/// Tells the time in UTC, truncated to the microseconds that both engines store.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// How far from the machine's clock, in ms.
    offset: i64,
    /// What a test has let pass, in ms: on this clock and on the one that is shared.
    passed: Arc<AtomicI64>,
    /// What is known of the database's.
    database: Arc<Database>,
}

impl Clock {
    /// The machine's clock, `offset_ms` away from the truth: for tests of clocks that disagree.
    #[must_use]
    pub fn with_offset(offset_ms: i64) -> Self {
        Self { offset: offset_ms, ..Self::default() }
    }

    /// This clock beside that of `db`.
    pub(crate) fn beside(&self, db: &Db) -> Self {
        let primary = if let Db::Postgres(primary) = db { Some(primary.clone()) } else { None };
        Self { database: Arc::new(Database { primary, measured: Mutex::default() }), ..self.clone() }
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
    /// The database is asked every 10 s, and when there is another primary; in between its time is what it told, and what
    /// the machine's monotonic clock has counted since, which no step of the time of day moves. That is off by half of what
    /// the answer took, and by 5 ms at most for clocks of different speed. Leases bear more than that: a step may take two
    /// thirds of one, and who is late all the same is stopped by its fence.
    ///
    /// A SQLite file has one process, and so one clock.
    pub async fn shared(&self, on: impl Executor<'_>) -> sqlx::Result<DateTime<Utc>> {
        if let Some(now) = self.database.now() {
            return Ok(now + self.passed());
        }
        let told = on.query("SELECT clock_timestamp()").time().await?;
        Ok(told.map_or_else(|| self.now(), |(told, asked)| self.database.learn(told, asked) + self.passed()))
    }

    /// The time now on the clock of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> DateTime<Utc> {
        (Utc::now() + TimeDelta::milliseconds(self.offset) + self.passed()).trunc_subsecs(6)
    }
}

/// The clock of one database, as far as it is known.
#[derive(Debug, Default)]
struct Database {
    primary: Option<Primary>,
    measured: Mutex<Option<Measured>>,
}

#[derive(Debug)]
struct Measured {
    sample: Sample,
    /// When to ask again.
    due: Instant,
    /// The server that was asked.
    primary: Option<Primary>,
}

impl Database {
    /// The time there now; none where the caller is to ask for it. One does, the others go on with what is known.
    fn now(&self) -> Option<DateTime<Utc>> {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let known = measured.as_mut().filter(|known| !known.primary.as_ref().is_some_and(Primary::has_changed))?;
        let now = Instant::now();
        if now < known.due {
            return Some(known.sample.at(now));
        }
        known.due = now + SOON;
        None
    }

    /// Takes note of what the database has `told` between `asked` and now: the time there now.
    fn learn(&self, told: DateTime<Utc>, asked: Instant) -> DateTime<Utc> {
        let now = Instant::now();
        let error = (now - asked) / 2;
        let sample = Sample { told, when: asked + error, error };
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let before = measured.take().filter(|known| !known.primary.as_ref().is_some_and(Primary::has_changed));
        let sample = before.map_or(sample, |before| sample.or(before.sample, now));
        let due = now + if error > COARSE { SOON } else { PERIOD };
        *measured = Some(Measured { sample, due, primary: self.primary.as_ref().map(Primary::as_of_now) });
        sample.at(now)
    }
}

/// What the database's clock told, and when that was on the clock that only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    told: DateTime<Utc>,
    when: Instant,
    error: Duration,
}

impl Sample {
    fn at(&self, now: Instant) -> DateTime<Utc> {
        (self.told + now.saturating_duration_since(self.when)).trunc_subsecs(6)
    }

    fn error_at(&self, now: Instant) -> Duration {
        self.error + now.saturating_duration_since(self.when) / DRIFT
    }

    /// The better one of it and what was known `before`. Where both cannot be right the clock was set meanwhile.
    fn or(self, before: Self, now: Instant) -> Self {
        let apart = (self.at(now) - before.at(now)).abs().to_std().unwrap_or(Duration::MAX);
        let agree = apart <= self.error_at(now) + before.error_at(now);
        if agree && before.error_at(now) < self.error_at(now) { before } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_better_of_two_samples_stays_until_it_is_the_worse() {
        let (when, told) = (Instant::now(), DateTime::UNIX_EPOCH);
        let early = Sample { told, when, error: MS };
        let later = |age: Duration, off: Duration, error| Sample { told: told + age + off, when: when + age, error };
        for (age, off, error, taken) in [
            (10_000 * MS, MS, MS, true),
            (10_000 * MS, 3 * MS, 5 * MS, true),
            (10_000 * MS, 3 * MS, 7 * MS, false),
            (20_000 * MS, 3 * MS, 7 * MS, true),
            // The clock was set: it may be as coarse as it likes.
            (10_000 * MS, 900 * MS, 700 * MS, true),
        ] {
            let later = later(age, off, error);
            assert_eq!(later.or(early, later.when) == later, taken, "{age:?} {off:?} {error:?}");
        }
    }

    #[test]
    fn what_is_known_goes_on_with_the_monotonic_clock_until_one_asks_again() {
        let database = Database::default();
        assert_eq!(database.now(), None);
        let told = DateTime::UNIX_EPOCH;
        let asked = Instant::now().checked_sub(10 * MS).unwrap();
        let now = database.learn(told, asked);
        let later = database.now().unwrap();
        assert!(now >= told + 5 * MS && later >= now && later < told + 5 * PERIOD, "{now} {later}");
        database.measured.lock().unwrap().as_mut().unwrap().due = Instant::now();
        assert_eq!(database.now(), None, "one asks");
        assert!(database.now().unwrap() >= later, "the others go on");
    }
}
