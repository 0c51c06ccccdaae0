//! What a command asks of modules: each call has time of its own, and the whole as long as it takes.
use std::time::Duration;

use kernel::{Call, Failure, Fault, StartError};

use crate::explain::explain;

/// How long one call of a module may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One call, with time of its own.
pub(crate) async fn call<T, E: Failure + From<Fault>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, StartError> {
    Call::fresh(PATIENCE).run(work).await.map_err(explain)
}
