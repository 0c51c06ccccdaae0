//! What has changed in this process: a counter for each thing, or for some that share it.
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{ProductId, Sku};

/// So many counters; two things that share one are read again when either has changed.
const COUNTERS: usize = 8192;

/// What may change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// Which products there are, in which order, and by which words they are found.
    Lists,
    /// What a product says of itself and its variants, and its rating.
    Product(ProductId),
    /// How many are left of a variant.
    Stock(Sku),
}

impl Name {
    fn counter(&self) -> u16 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        u16::try_from(hasher.finish() % COUNTERS as u64).unwrap_or_default()
    }
}

/// How often each thing has changed.
#[derive(Debug)]
pub(crate) struct Changes(Box<[AtomicU32]>);

/// How often each had, at one time.
pub(crate) struct State(Box<[u32]>);

/// How often some had.
pub(crate) type Stamps = Box<[(u16, u32)]>;

impl Default for Changes {
    fn default() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Changes {
    /// To be had before what is changed is committed, and held until then: dropped, it tells of the change. So it does
    /// where the commit fails, since that may have gone through all the same.
    pub(crate) fn of(self: &Arc<Self>, names: impl IntoIterator<Item = Name>) -> Changing {
        Changing { changes: Arc::clone(self), counters: names.into_iter().map(|name| name.counter()).collect() }
    }

    /// As it is now: to be had before anything is read.
    pub(super) fn state(&self) -> State {
        State(self.0.iter().map(|counter| counter.load(Ordering::Acquire)).collect())
    }

    /// Whether nothing has changed since.
    pub(super) fn are(&self, stamps: &Stamps) -> bool {
        stamps.iter().all(|(counter, then)| self.0[usize::from(*counter)].load(Ordering::Acquire) == *then)
    }
}

impl State {
    pub(super) fn stamps(&self, names: &[Name]) -> Stamps {
        let counters = names.iter().map(Name::counter);
        counters.map(|counter| (counter, self.0[usize::from(counter)])).collect()
    }
}

/// What is about to be committed.
#[must_use = "dropped, it says that the change was committed"]
#[derive(Debug)]
pub(crate) struct Changing {
    changes: Arc<Changes>,
    counters: Vec<u16>,
}

impl Drop for Changing {
    fn drop(&mut self) {
        for counter in &self.counters {
            self.changes.0[usize::from(*counter)].fetch_add(1, Ordering::AcqRel);
        }
    }
}
