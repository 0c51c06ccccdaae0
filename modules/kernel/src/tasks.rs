//! Work that outlives the call that asked for it, and is awaited at shutdown.
use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures_util::FutureExt;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of this process.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    running: TaskTracker,
    stop: CancellationToken,
    drain: CancellationToken,
    /// Nothing is repeated.
    idle: bool,
}

impl Tasks {
    /// Those of a process that does what it is asked to and nothing by itself, as a command is.
    #[must_use]
    pub fn idle() -> Self {
        Self { idle: true, ..Self::default() }
    }

    /// Runs `work` to its end, whoever stops waiting for it; shutdown waits.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        tokio::spawn(self.running.track_future(work))
    }

    /// Runs `step` again and again until shutdown: at once after `true`, else after `pause` or once `wake` is done.
    ///
    /// A step that panics is logged and not the last. In an [idle](Tasks::idle) process there is no first.
    pub fn repeat<S, W>(
        &self,
        pause: Duration,
        step: impl Fn() -> S + Send + Sync + 'static,
        wake: impl Fn() -> W + Send + Sync + 'static,
    ) where
        S: Future<Output = bool> + Send,
        W: Future<Output = ()> + Send,
    {
        if self.idle {
            return;
        }
        let stop = self.stop.clone();
        self.spawn(async move {
            while !stop.is_cancelled() {
                let more = AssertUnwindSafe(async { step().await }).catch_unwind().await;
                let more = more.inspect_err(|_| tracing::error!("a background step panicked")).unwrap_or(false);
                if !more {
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(pause) => {}
                        () = wake() => {}
                    }
                }
            }
        });
    }

    /// Runs `step`, which does what is due and says in how long there is more, as soon as there is, or once it is `told`;
    /// `look` later at the latest, for what others have left behind.
    pub fn repeat_due<S>(&self, look: Duration, step: impl Fn() -> S + Send + Sync + 'static, told: Arc<Notify>)
    where
        S: Future<Output = TimeDelta> + Send,
    {
        let next = watch::Sender::new(TimeDelta::MAX);
        let left = next.subscribe();
        let step = move || {
            let (running, next) = (step(), next.clone());
            async move {
                let left = running.await;
                next.send_replace(left);
                left <= TimeDelta::zero()
            }
        };
        let due = move || {
            let (told, left) = (Arc::clone(&told), left.borrow().to_std().unwrap_or_default());
            async move { timeout(left, told.notified()).await.unwrap_or_default() }
        };
        self.repeat(look, step, due);
    }

    /// Done once shutdown has begun.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Whether shutdown has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Says that shutdown is about to begin: nobody new should come.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Whether shutdown is about to begin, or has.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Begins shutdown and waits for what runs, `grace` at the most; false if something still runs.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        self.drain.cancel();
        self.stop.cancel();
        self.running.close();
        tokio::time::timeout(grace, self.running.wait()).await.is_ok()
    }
}
