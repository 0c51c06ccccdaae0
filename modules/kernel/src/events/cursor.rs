//! How far a source is handled: as the database has it, and as this process knows.
use std::time::Duration;

use tokio::time::Instant;

/// How often the database is asked where nothing is known to wait: for what another replica parked, for what a person
/// lets be handled again, and for a cursor that a backup has set back.
const LOOK: Duration = Duration::from_secs(20);
/// And where something waits for a person.
const LOOK_AT_DEAD: Duration = Duration::from_secs(2);
/// How long a cursor may be ahead of the database, by events that concern nobody.
const SAVE: Duration = Duration::from_secs(5);
/// And by how many.
const AHEAD: i64 = 1000;

/// What one subscription knows of its source.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// As the database has it: whoever moves it says from where.
    stored: i64,
    at: i64,
    /// Up to here a commit was lost that had been taken for one.
    doubted: i64,
    parked: bool,
    dead: bool,
    looked: Option<Instant>,
    /// Since when it is ahead of the database.
    ahead: Option<Instant>,
}

impl Cursor {
    /// Up to where everything is handled, or concerns nobody.
    pub(super) fn at(&self) -> i64 {
        self.at
    }

    /// Where the database has it.
    pub(super) fn stored(&self) -> i64 {
        self.stored
    }

    /// Whether events wait for another attempt.
    pub(super) fn has_parked(&self) -> bool {
        self.parked
    }

    /// Whether `position` was handled before, and the database does not know.
    pub(super) fn doubts(&self, position: i64) -> bool {
        position <= self.doubted
    }

    /// Whether the database is to be asked.
    pub(super) fn is_due(&self) -> bool {
        self.until_look().is_zero()
    }

    /// Whether the database is to be told.
    pub(super) fn is_behind(&self) -> bool {
        self.until_save().is_zero() || self.at - self.stored >= AHEAD
    }

    /// How long there is nothing to be done but to listen.
    pub(super) fn rest(&self) -> Duration {
        self.until_look().min(self.until_save())
    }

    fn until_look(&self) -> Duration {
        let period = if self.parked {
            Duration::ZERO
        } else if self.dead {
            LOOK_AT_DEAD
        } else {
            LOOK
        };
        self.looked.map_or(Duration::ZERO, |looked| period.saturating_sub(looked.elapsed()))
    }

    fn until_save(&self) -> Duration {
        self.ahead.map_or(SAVE, |since| SAVE.saturating_sub(since.elapsed()))
    }

    /// The database says so.
    pub(super) fn look(&mut self, position: i64, parked: bool, dead: bool) {
        if position < self.stored {
            // It was set back, or a subscriber hid an error by which its transaction was lost.
            tracing::warn!(from = self.stored, to = position, "the cursor was set back");
            self.doubted = self.stored;
            self.at = position;
        }
        (self.stored, self.at) = (position, self.at.max(position));
        self.ahead = self.ahead.filter(|_| self.at > position);
        (self.parked, self.dead, self.looked) = (parked, dead, Some(Instant::now()));
    }

    /// The database may have changed.
    pub(super) fn forget(&mut self) {
        self.looked = None;
    }

    /// What comes before concerns nobody: it need not be written down yet.
    pub(super) fn pass(&mut self, position: i64) {
        self.at = position;
        self.ahead.get_or_insert_with(Instant::now);
    }

    /// It was moved to `position`, and that is committed.
    pub(super) fn reach(&mut self, position: i64) {
        (self.stored, self.at, self.ahead) = (position, position, None);
    }
}
