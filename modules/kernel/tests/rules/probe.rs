//! What a test sees of the work that a module does, and how it holds that work up.
use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

/// How far the calls of a module have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Work that began.
    pub(crate) started: usize,
    /// Work that ran to its end.
    pub(crate) ended: usize,
    /// Work that was dropped half-way.
    pub(crate) cancelled: usize,
}

/// Counts a module's calls, and keeps a gate that some of them wait at.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    counts: Arc<watch::Sender<Counts>>,
    open: Arc<watch::Sender<bool>>,
}

/// One call's work; dropped before its end it counts as cancelled.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    probe: &'a Probe,
    ended: bool,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self { counts: Arc::new(watch::Sender::default()), open: Arc::new(watch::Sender::default()) }
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until the counts are as `wanted` says.
    pub(crate) async fn until(&self, wanted: impl Fn(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.subscribe();
        let seen = tokio::time::timeout(Duration::from_secs(20), counts.wait_for(wanted)).await;
        let Ok(Ok(seen)) = seen.map(|seen| seen.map(|seen| *seen)) else { panic!("it stays at {:?}", self.counts()) };
        seen
    }

    pub(crate) fn start(&self) -> Work<'_> {
        self.counts.send_modify(|counts| counts.started += 1);
        Work { probe: self, ended: false }
    }

    /// Lets go on whoever waits at the gate, and whoever comes.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits for [`Probe::open`].
    pub(crate) async fn gate(&self) {
        self.open.subscribe().wait_for(|open| *open).await.expect("the probe lives");
    }
}

impl Work<'_> {
    pub(crate) fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let ended = self.ended || std::thread::panicking();
        self.probe.counts.send_modify(|counts| if ended { counts.ended += 1 } else { counts.cancelled += 1 });
    }
}
