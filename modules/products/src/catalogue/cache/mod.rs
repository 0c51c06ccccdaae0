//! What customers were shown before, kept as bytes: reading it again needs no statement.
//!
//! What is kept is shown as long as nothing has changed that is in it, and for a second at the most: the same process's own
//! changes are known at once, those of other processes by then. Only what customers see is kept, never what staff does, and
//! nothing decides by it: orders, carts and changes read the database.
mod changes;
mod kept;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kernel::{Page, Ready};
use tokio::sync::Mutex as Turn;

use crate::{Error, Product, ProductQuery};
use changes::Stamps;
pub(crate) use changes::{Changes, Changing, Name};
use kept::Kept;

/// How long others' changes may go unseen.
const FRESH: Duration = Duration::from_secs(1);

/// What customers were shown of the catalogue.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) changes: Arc<Changes>,
    /// By what they are asked for: an identifier or a slug.
    pub(crate) products: Cache<String, Product>,
    pub(crate) lists: Cache<ProductQuery, Page<Product>>,
}

impl Shown {
    /// Keeps so many bytes: half of them products, half lists, so that neither drives the other out.
    pub(crate) fn new(bytes: usize) -> Self {
        let changes = Arc::<Changes>::default();
        let (products, lists) = (Cache::new(&changes, bytes / 2), Cache::new(&changes, bytes / 2));
        Self { changes, products, lists }
    }
}

/// Answers by what was asked.
#[derive(Debug)]
pub(crate) struct Cache<K, T> {
    changes: Arc<Changes>,
    kept: Mutex<Kept<K, Answer<T>>>,
    /// What is being read just now: others who ask for the same wait for it.
    flights: Mutex<HashMap<K, Flight<T>>>,
}

#[derive(Debug)]
struct Answer<T> {
    ready: Ready<T>,
    /// When it began to be read.
    begun: Instant,
    stamps: Stamps,
}

/// Held by whoever reads; then, when that began, and what came of it.
type Flight<T> = Arc<Turn<Option<(Instant, Result<Ready<T>, Error>)>>>;

impl<K: Clone + Eq + Hash + Size, T> Cache<K, T> {
    fn new(changes: &Arc<Changes>, bytes: usize) -> Self {
        Self { changes: Arc::clone(changes), kept: Mutex::new(Kept::new(bytes)), flights: Mutex::default() }
    }

    /// What is kept for `key`; else what `read` finds, with the names of what is in it.
    ///
    /// Of those who ask at the same time one reads. What was read since one asked is fresh enough for them, whatever has
    /// changed meanwhile: so nobody waits for more than the reading that is under way and the next.
    pub(crate) async fn get(
        &self,
        key: K,
        read: impl Future<Output = Result<(Ready<T>, Vec<Name>), Error>>,
    ) -> Result<Ready<T>, Error> {
        let asked = Instant::now();
        if let Some(ready) = self.find(&key) {
            return Ok(ready);
        }
        let boarding = Boarding::new(&self.flights, key);
        let mut last = boarding.flight.lock().await;
        if let Some((_, outcome)) = last.as_ref().filter(|(begun, _)| *begun > asked) {
            return outcome.clone();
        }
        if let Some(ready) = self.find(&boarding.key) {
            return Ok(ready);
        }
        let (begun, before) = (Instant::now(), self.changes.state());
        let outcome = read.await;
        if let Ok((ready, names)) = &outcome {
            self.keep(boarding.key.clone(), ready.clone(), begun, before.stamps(names));
        }
        let outcome = outcome.map(|(ready, _)| ready);
        *last = Some((begun, outcome.clone()));
        outcome
    }

    fn find(&self, key: &K) -> Option<Ready<T>> {
        let mut kept = lock(&self.kept);
        let fresh = |answer: &&Answer<T>| answer.begun.elapsed() < FRESH && self.changes.are(&answer.stamps);
        kept.get(key).filter(fresh).map(|answer| answer.ready.clone())
    }

    fn keep(&self, key: K, ready: Ready<T>, begun: Instant, stamps: Stamps) {
        let size = key.size() + ready.size() + size_of_val(&*stamps);
        lock(&self.kept).put(key, Answer { ready, begun, stamps }, size);
    }
}

/// A place in the flight to `key`; the last one who leaves takes it down.
struct Boarding<'c, K: Eq + Hash, T> {
    flights: &'c Mutex<HashMap<K, Flight<T>>>,
    key: K,
    flight: Flight<T>,
}

impl<'c, K: Clone + Eq + Hash, T> Boarding<'c, K, T> {
    fn new(flights: &'c Mutex<HashMap<K, Flight<T>>>, key: K) -> Self {
        let flight = Arc::clone(lock(flights).entry(key.clone()).or_default());
        Self { flights, key, flight }
    }
}

impl<K: Eq + Hash, T> Drop for Boarding<'_, K, T> {
    fn drop(&mut self) {
        let mut flights = lock(self.flights);
        // Under the lock: whoever leaves at the same time has left, or has yet to look.
        self.flight = Flight::default();
        if flights.get(&self.key).is_some_and(|flight| Arc::strong_count(flight) == 1) {
            flights.remove(&self.key);
        }
    }
}

/// How many bytes a key takes up beside itself.
pub(crate) trait Size {
    fn size(&self) -> usize;
}

impl Size for String {
    fn size(&self) -> usize {
        self.len()
    }
}

impl Size for ProductQuery {
    fn size(&self) -> usize {
        [&self.q, &self.category, &self.sort, &self.cursor].into_iter().flatten().map(String::len).sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
