//! The one way in which a test lets many do the same at once.
use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

/// Does the same in so many tasks at once, each of which is told which it is, and where to wait for the others; the
/// results in no order.
pub async fn at_once<T, F>(tasks: usize, work: impl Fn(usize, Arc<Barrier>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(tasks));
    let mut running = JoinSet::new();
    for n in 0..tasks {
        running.spawn(work(n, Arc::clone(&start)));
    }
    running.join_all().await
}
