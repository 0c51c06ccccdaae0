//! So many bytes of what was asked for last, and of what is asked for again and again.
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
};

/// What an entry takes up beside its key and its value, about.
const OVERHEAD: usize = 300;

/// A bounded map. What is new goes through a short queue, an eighth of the room, and out again unless it is asked for
/// meanwhile: whoever asks for a million different things drives out each other's, and not what others ask for
/// (S3-FIFO, SOSP 2023, without its ghosts).
#[derive(Debug)]
pub(super) struct Kept<K, V> {
    entries: HashMap<Arc<K>, Entry<V>>,
    new: Queue<K>,
    known: Queue<K>,
    room: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    size: usize,
    /// Since it last came to the head of its queue.
    asked: bool,
    is_new: bool,
}

#[derive(Debug)]
struct Queue<K> {
    keys: VecDeque<Arc<K>>,
    size: usize,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { keys: VecDeque::new(), size: 0 }
    }
}

impl<K: Eq + Hash, V> Kept<K, V> {
    pub(super) fn new(room: usize) -> Self {
        Self { entries: HashMap::new(), new: Queue::default(), known: Queue::default(), room }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        entry.asked = true;
        Some(&entry.value)
    }

    /// Keeps `value`, which is of `size` with its key. What would take up more than an eighth of the room is not kept.
    pub(super) fn put(&mut self, key: K, value: V, size: usize) {
        let size = size + OVERHEAD;
        let fits = size <= self.room / 8;
        match self.entries.get_mut(&key) {
            Some(entry) if fits => {
                let queue = if entry.is_new { &mut self.new } else { &mut self.known };
                queue.size = queue.size - entry.size + size;
                (entry.value, entry.size) = (value, size);
            }
            None if fits => {
                let key = Arc::new(key);
                self.new.keys.push_back(Arc::clone(&key));
                self.new.size += size;
                self.entries.insert(key, Entry { value, size, asked: false, is_new: true });
            }
            // The older one is shown no more, and goes when its turn comes.
            _ => return,
        }
        while self.size() > self.room {
            self.evict();
        }
    }

    pub(super) fn size(&self) -> usize {
        self.new.size + self.known.size
    }

    /// Takes the key at the head of a queue out, or puts it back behind what is known if it was asked for.
    fn evict(&mut self) {
        let from_new = self.new.size > self.room / 8 || self.known.keys.is_empty();
        let queue = if from_new { &mut self.new } else { &mut self.known };
        let Some(key) = queue.keys.pop_front() else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        queue.size -= entry.size;
        if entry.asked {
            (entry.asked, entry.is_new) = (false, false);
            self.known.size += entry.size;
            self.known.keys.push_back(key);
        } else {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 100_000;

    #[test]
    fn it_never_takes_up_more_than_its_room() {
        let mut kept = Kept::new(ROOM);
        for n in 0..10_000_usize {
            kept.put(n % 700, vec![0_u8; n % 3000], n % 3000);
            if n % 3 == 0 {
                kept.get(&(n % 50));
            }
            let (sum, count) = (kept.entries.values().map(|entry| entry.size).sum::<usize>(), kept.entries.len());
            assert!(sum == kept.size() && sum <= ROOM, "{sum} {}", kept.size());
            assert_eq!(count, kept.new.keys.len() + kept.known.keys.len());
        }
        kept.put(1, vec![], ROOM);
        assert!(kept.size() <= ROOM, "what is too large is not kept");
    }

    #[test]
    fn a_flood_of_what_is_asked_for_once_drives_out_nothing_that_is_asked_for_again() {
        let mut kept = Kept::new(ROOM);
        for hot in 0..50 {
            kept.put(hot, (), 1000);
            kept.get(&hot);
        }
        for cold in 1000..100_000 {
            kept.put(cold, (), 1000);
            if cold % 100 == 0 {
                (0..50).for_each(|hot| assert!(kept.get(&hot).is_some(), "{hot} at {cold}"));
            }
        }
    }
}
