//! The one way in which a test waits for what happens elsewhere.
use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// What a test waits at the most where it has no time of its own to hold somebody to.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until it `holds`, and fails with `what` it waits for where it never does.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    found(|| {
        let holds = holds();
        async move { if holds.await { Ok(()) } else { Err(format!("in vain: {what}")) } }
    })
    .await;
}

/// Looks until there is what it looks for, and fails with what there was last where there never is.
pub async fn found<F, T, E>(look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, E>>,
    E: Display,
{
    within(PATIENCE, look).await.unwrap_or_else(|last| panic!("{last}"))
}

/// Looks for no longer than `patience`, and gives what there was last where there never is what it looks for.
///
/// # Errors
/// That of the last look.
pub async fn within<F, T, E>(patience: Duration, mut look: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let begun = Instant::now();
    loop {
        // Boxed, as a look may be a long story.
        let seen = Box::pin(look()).await;
        let waited = begun.elapsed();
        if seen.is_ok() || waited > patience {
            return seen;
        }
        // What comes soon is seen soon, and what takes long is not disturbed.
        tokio::time::sleep((waited / 32).clamp(Duration::from_millis(5), Duration::from_millis(50))).await;
    }
}
