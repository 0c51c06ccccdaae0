//! Passwords: argon2id (RFC 9106), on some of the cores, some at a time.
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use kernel::{Call, Fault, StartError};
use tokio::sync::Semaphore;

use crate::settings::Settings;

/// Hashes passwords without starving the rest of the process.
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    memory: Arc<Memory>,
    running: Arc<Semaphore>,
    waiting: Semaphore,
    /// What a password is compared with where there is no account: that takes as long.
    decoy: String,
}

impl Hasher {
    /// A hasher that leaves one core to everything else.
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartError> {
        let params = Params::new(settings.argon2_memory_kib, settings.argon2_iterations, 1, None).map_err(|error| {
            format!("`users.argon2_memory_kib` and `users.argon2_iterations` do not fit argon2: {error}")
        })?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = decoy(argon2.params());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let running = cores.saturating_sub(1).max(1);
        let waiting = Semaphore::new(running + settings.password_queue);
        Ok(Self { argon2, memory: Arc::default(), running: Arc::new(Semaphore::new(running)), waiting, decoy })
    }

    /// What to store of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Fault> {
        let argon2 = self.argon2.clone();
        self.work(move |memory| hash(&argon2, memory, &password)).await?
    }

    /// Whether `password` is the one that `stored` was made of; with nothing stored it takes as long and is not.
    pub(crate) async fn fits(&self, password: String, stored: Option<&str>) -> Result<bool, Fault> {
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.decoy).to_owned();
        let verdict = self.work(move |memory| verify(memory, &password, &stored)).await??;
        Ok(verdict && known)
    }

    /// Whether `stored` was made under other settings, and so should be made anew.
    pub(crate) fn is_outdated(&self, stored: &str) -> bool {
        let made_with = PasswordHash::new(stored).ok().and_then(|hash| Params::try_from(&hash).ok());
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        made_with.as_ref().map(costs) != Some(costs(self.argon2.params()))
    }

    /// Runs one job once it is its turn; the queue is bounded, and so is the wait.
    async fn work<T: Send + 'static>(&self, job: impl FnOnce(&Memory) -> T + Send + 'static) -> Result<T, Fault> {
        let _place = self.waiting.try_acquire().map_err(|_| Fault::Overloaded)?;
        let turn = Arc::clone(&self.running).acquire_owned();
        let turn = tokio::time::timeout(Call::current().left(), turn).await.map_err(|_| Fault::Overloaded)?;
        let memory = Arc::clone(&self.memory);
        let done = tokio::task::spawn_blocking(move || {
            // Held here, so that a caller who gives up does not let another job start beside this one.
            let _turn = turn;
            job(&memory)
        });
        done.await.map_err(Fault::internal)
    }
}

/// The hash of no password: random bytes under a random salt, in the same form.
fn decoy(params: &Params) -> String {
    let (salt, output) = (rand::random::<[u8; 16]>(), rand::random::<[u8; 32]>());
    let [salt, output] = [&salt[..], &output].map(|bytes| BASE64_STANDARD_NO_PAD.encode(bytes));
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}")
}

/// The memory of hashes that are done, for those to come: as much as run at a time.
///
/// Given back each time it would be left behind all the same, in an arena of each thread that ever hashed.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    /// The hash of `password`.
    fn hash(&self, argon2: &Argon2, password: &str, salt: &[u8], out: &mut [u8]) -> argon2::Result<()> {
        let mut blocks = self.places().pop().unwrap_or_default();
        blocks.resize(argon2.params().block_count(), Block::new());
        let done = argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut blocks);
        // What is in there would let passwords be guessed at the price of a plain hash.
        blocks.fill(Block::new());
        self.places().push(blocks);
        done
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to store of a password: a PHC string.
fn hash(argon2: &Argon2, memory: &Memory, password: &str) -> Result<String, Fault> {
    let (salt, mut out) = (rand::random::<[u8; 16]>(), [0; Params::DEFAULT_OUTPUT_LEN]);
    memory.hash(argon2, password, &salt, &mut out).map_err(Fault::internal)?;
    let stored = || {
        Ok::<_, argon2::password_hash::Error>(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params())?,
            salt: Some(Salt::new(&salt)?),
            hash: Some(Output::new(&out)?),
        })
    };
    Ok(stored().map_err(Fault::internal)?.to_string())
}

/// Whether `stored` was made of `password`, at whatever cost.
fn verify(memory: &Memory, password: &str, stored: &str) -> Result<bool, Fault> {
    let unread = |error| Fault::internal(format!("a stored password cannot be read: {error}"));
    let known = PasswordHash::new(stored).map_err(|error| unread(error.to_string()))?;
    let (Some(salt), Some(hash)) = (&known.salt, &known.hash) else { return Err(unread("it is none".into())) };
    let argon2 = || {
        let algorithm = Algorithm::try_from(known.algorithm.as_str())?;
        let version = known.version.map(Version::try_from).transpose()?.unwrap_or_default();
        Ok::<_, argon2::password_hash::Error>(Argon2::new(algorithm, version, Params::try_from(&known)?))
    };
    let argon2 = argon2().map_err(|error| unread(error.to_string()))?;
    let mut out = vec![0; hash.as_bytes().len()];
    memory.hash(&argon2, password, salt, &mut out).map_err(|error| unread(error.to_string()))?;
    // Compared in constant time.
    Ok(Output::new(&out).map_err(|error| unread(error.to_string()))? == *hash)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use futures_util::poll;

    use super::*;

    fn hasher(memory: u32, queue: usize) -> Hasher {
        let settings = Settings { argon2_memory_kib: memory, password_queue: queue, ..Settings::cheap() };
        Hasher::new(&settings).unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hasher = hasher(64, 8);
        let stored = hasher.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert_ne!(stored, hasher.hash("correct horse".into()).await.unwrap(), "salted");
        assert!(hasher.fits("correct horse".into(), Some(&stored)).await.unwrap());
        assert!(!hasher.fits("Correct horse".into(), Some(&stored)).await.unwrap());
        assert!(!hasher.fits("correct horse".into(), None).await.unwrap());
        assert_eq!(hasher.fits("x".into(), Some("broken")).await, Err(Fault::Internal));
    }

    #[tokio::test]
    async fn a_hash_is_argon2s_own_and_needs_no_new_memory() {
        use argon2::{PasswordHasher, PasswordVerifier};
        let hasher = hasher(64, 8);
        let stored = hasher.hash("correct horse".into()).await.unwrap();
        assert_eq!(hasher.argon2.verify_password(b"correct horse", &*stored), Ok(()));
        assert!(hasher.argon2.verify_password(b"Correct horse", &*stored).is_err());
        // Of other settings, and after those of others: whatever is left in the memory means nothing.
        for memory in [128, 8, 64] {
            let params = Params::new(memory, 2, 1, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let theirs: PasswordHash = argon2.hash_password(b"correct horse").unwrap();
            assert!(hasher.fits("correct horse".into(), Some(&theirs.to_string())).await.unwrap(), "{memory}");
        }
        let places = hasher.memory.places();
        assert_eq!(places.len(), 1, "one at a time, one memory");
        assert!(places[0].iter().flat_map(AsRef::<[u64]>::as_ref).all(|word| *word == 0), "and nothing in it");
    }

    #[tokio::test]
    async fn a_missing_account_takes_as_long_as_a_wrong_password() {
        let hasher = hasher(8192, 8);
        let stored = hasher.hash("correct horse".into()).await.unwrap();
        let mut fastest = [Duration::MAX; 2];
        for _ in 0..5 {
            for (fastest, stored) in fastest.iter_mut().zip([Some(&*stored), None]) {
                let begun = Instant::now();
                assert!(!hasher.fits("wrong horse".into(), stored).await.unwrap());
                *fastest = begun.elapsed().min(*fastest);
            }
        }
        assert!(fastest[1] > fastest[0] / 2, "{fastest:?}");
    }

    #[tokio::test]
    async fn a_hash_of_other_settings_is_outdated() {
        let stored = hasher(64, 8).hash("correct horse".into()).await.unwrap();
        assert!(!hasher(64, 8).is_outdated(&stored));
        assert!(hasher(128, 8).is_outdated(&stored));
        assert!(hasher(128, 8).fits("correct horse".into(), Some(&stored)).await.unwrap(), "and still good");
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused() {
        let hasher = Hasher { waiting: Semaphore::new(2), running: Arc::new(Semaphore::new(0)), ..hasher(64, 0) };
        let ask = || Box::pin(hasher.hash("correct horse".into()));
        let (mut first, mut second) = (ask(), ask());
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        assert_eq!(ask().await, Err(Fault::Overloaded), "at once, not at its deadline");
        drop(first);
        let in_a_hurry = Call::fresh(Duration::from_millis(1)).scope(ask());
        assert_eq!(in_a_hurry.await, Err(Fault::Overloaded), "a place in the queue, but no turn in time");
        hasher.running.add_permits(1);
        assert!(second.await.is_ok());
    }
}
