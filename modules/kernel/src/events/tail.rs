//! The newest events, for all who read them in this process.
use std::collections::VecDeque;

use tokio::time::Instant;

use super::CloudEvent;

/// How many are kept.
const KEPT: usize = 256;

/// What was published last, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Tail {
    events: VecDeque<CloudEvent>,
    /// The position of the newest.
    pub(super) end: i64,
    /// How many wakes were answered by the last look at the database, and when that was.
    pub(super) woken: u64,
    pub(super) looked: Option<Instant>,
}

impl Tail {
    /// Adds what follows the newest; false where something is missing in between.
    pub(super) fn add(&mut self, events: Vec<CloudEvent>) -> bool {
        let follows = (self.end + 1..).zip(&events).all(|(position, event)| event.position == position);
        if follows {
            self.end = events.last().map_or(self.end, |event| event.position);
            self.events.extend(events);
            self.events.drain(..self.events.len().saturating_sub(KEPT));
        }
        follows
    }

    /// Begins anew after `end`.
    pub(super) fn reset(&mut self, end: i64) {
        self.events.clear();
        self.end = end;
    }

    /// The events after position `after`; nothing where those are older than what is kept.
    pub(super) fn after(&self, after: i64, limit: usize) -> Option<Vec<CloudEvent>> {
        let start = self.events.front().map_or(self.end, |first| first.position - 1);
        let known = usize::try_from(after.saturating_sub(start)).ok()?;
        Some(self.events.iter().skip(known).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(positions: impl IntoIterator<Item = i64>) -> Vec<CloudEvent> {
        let event = |position| CloudEvent {
            specversion: "1.0".into(),
            id: uuid::Uuid::nil(),
            source: "/sample".into(),
            kind: "mark.made".into(),
            subject: "a".into(),
            time: chrono::DateTime::UNIX_EPOCH,
            data: serde_json::Value::Null,
            position,
            traceid: String::new(),
        };
        positions.into_iter().map(event).collect()
    }

    #[test]
    fn it_has_the_newest_and_says_where_it_does_not() {
        let mut tail = Tail::default();
        tail.reset(10);
        assert_eq!((tail.after(10, 5), tail.after(12, 5), tail.after(9, 5)), (Some(vec![]), Some(vec![]), None));
        assert!(tail.add(events([11, 12, 13])) && tail.add(vec![]));
        assert_eq!(tail.after(11, 1), Some(events([12])));
        assert_eq!((tail.after(10, 9), tail.after(13, 9)), (Some(events(11..14)), Some(vec![])));
        assert!(!tail.add(events([15])), "another process has published the 14th");
        assert!(tail.add(events(14..400)));
        // The newest 256.
        assert_eq!((tail.after(142, 9), tail.after(143, 1), tail.end), (None, Some(events([144])), 399));
    }
}
