//! What this process has written and leased to itself, from the commit until somebody sends it.
use std::{
    collections::VecDeque,
    mem::take,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::NotificationId;

/// So many may wait: others are sent by whoever looks once their lease is over.
const ROOM: usize = 1024;

/// The way from the subscriber to the senders.
#[derive(Default)]
pub(crate) struct Outgoing {
    queue: Mutex<Queue>,
    /// Told when there is something to take.
    pub(crate) ready: Notify,
    /// Told when something is due that is not in here.
    pub(crate) due: Arc<Notify>,
}

#[derive(Default)]
struct Queue {
    /// In a transaction that is open, or was undone: who sends them looks whether they are there.
    written: Vec<NotificationId>,
    committed: VecDeque<NotificationId>,
}

impl Outgoing {
    /// A message was written in a transaction that is open.
    pub(crate) fn write(&self, id: NotificationId) {
        let written = &mut self.queue().written;
        if written.len() < ROOM {
            written.push(id);
        }
    }

    /// What was written is committed, unless its transaction was undone.
    pub(crate) fn commit(&self) {
        let mut queue = self.queue();
        let (room, written) = (ROOM - queue.committed.len(), take(&mut queue.written));
        queue.committed.extend(written.into_iter().take(room));
        drop(queue);
        self.ready.notify_one();
    }

    /// Up to `limit` messages to send; another sender is told of those that are left.
    pub(crate) fn take(&self, limit: usize) -> Vec<NotificationId> {
        let mut queue = self.queue();
        let limit = limit.min(queue.committed.len());
        let taken = queue.committed.drain(..limit).collect();
        if !queue.committed.is_empty() {
            self.ready.notify_one();
        }
        taken
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
