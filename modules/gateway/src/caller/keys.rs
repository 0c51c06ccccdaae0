//! The keys that access tokens are verified with, as users publishes them.
use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use jsonwebtoken::DecodingKey;
use kernel::{Call, Fault, Tasks};
use tokio::sync::Mutex;
use users::{Users, VerifyingKey};

/// How often they are fetched without being asked for: a key that was withdrawn is refused after so long.
const REFRESH: Duration = Duration::from_mins(5);
/// How often they are fetched for an unknown `kid`, which anybody can make up.
const PAUSE: Duration = Duration::from_secs(1);
/// How long users may take to answer; whoever waits for the same answer waits too.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of users' keys.
pub(crate) struct Keys {
    users: Arc<dyn Users>,
    known: RwLock<HashMap<String, DecodingKey>>,
    /// When they were last fetched, and whether that worked. One request fetches, the others wait for it.
    last: Mutex<Option<(Instant, Result<(), Fault>)>>,
    pause: Duration,
}

impl Keys {
    /// None known yet.
    pub(crate) fn new(users: Arc<dyn Users>) -> Self {
        Self { users, known: RwLock::default(), last: Mutex::default(), pause: PAUSE }
    }

    /// The key `kid`; none if users knows of none, and a fault if users cannot be asked.
    pub(crate) async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, Fault> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        // A failure is the answer of those who waited for it; whoever comes later asks again, as users may be up by now.
        let outcome = match &*last {
            Some((at, outcome)) if *at >= asked || (outcome.is_ok() && at.elapsed() < self.pause) => *outcome,
            _ => {
                let outcome = self.fetch().await;
                last.insert((Instant::now(), outcome)).1
            }
        };
        outcome.map(|()| self.known(kid))
    }

    async fn refresh(&self) -> Result<(), Fault> {
        let mut last = self.last.lock().await;
        let outcome = self.fetch().await;
        last.insert((Instant::now(), outcome)).1
    }

    fn known(&self, kid: &str) -> Option<DecodingKey> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned()
    }

    /// Replaces what is known. Without an answer the old keys stay good: better than nobody being known.
    async fn fetch(&self) -> Result<(), Fault> {
        let call = Call::current();
        let answer = call.with_timeout(call.left().min(PATIENCE)).run(self.users.keys()).await;
        let keys = answer.map_err(|error| Fault::unavailable(format!("the keys of access tokens: {error}")))?;
        let usable = |VerifyingKey { kid, x }| match DecodingKey::from_ed_components(&x) {
            Ok(key) => Some((kid, key)),
            Err(error) => {
                tracing::error!(kid, %error, "a key of access tokens is not usable");
                None
            }
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys.into_iter().filter_map(usable).collect();
        Ok(())
    }
}

/// Fetches them now and every few minutes, and until it works where it does not.
pub(crate) fn keep_fresh(keys: Arc<Keys>, tasks: &Tasks) {
    let own = tasks.clone();
    let step = move || {
        let (keys, tasks) = (Arc::clone(&keys), own.clone());
        async move {
            while keys.refresh().await.is_err() {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = tasks.stopping() => break,
                }
            }
            false
        }
    };
    tasks.repeat(REFRESH, step, pending);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Accounts;

    fn keys(accounts: &Arc<Accounts>, pause: Duration) -> Keys {
        Keys { pause, ..Keys::new(Arc::clone(accounts) as Arc<dyn Users>) }
    }

    #[tokio::test]
    async fn an_unknown_key_is_asked_for_at_most_once_a_while() {
        let accounts = Accounts::new();
        let keys = keys(&accounts, Duration::from_hours(1));
        for _ in 0..10 {
            assert!(keys.find("made up").await.unwrap().is_none());
        }
        assert!(keys.find(accounts.kid()).await.unwrap().is_some());
        assert_eq!(accounts.asked(), 1);
    }

    #[tokio::test]
    async fn a_new_key_is_found_and_a_withdrawn_one_forgotten() {
        let accounts = Accounts::new();
        let keys = keys(&accounts, Duration::ZERO);
        let old = accounts.kid().to_owned();
        assert!(keys.find(&old).await.unwrap().is_some());
        accounts.publish("next");
        assert!(keys.find("next").await.unwrap().is_some());
        assert!(keys.find(&old).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_users_module_that_has_just_come_up_is_asked_at_once() {
        let accounts = Accounts::new();
        let keys = keys(&accounts, Duration::from_hours(1));
        accounts.go(false);
        assert_eq!(keys.find(accounts.kid()).await.err(), Some(Fault::Unavailable));
        accounts.go(true);
        assert!(keys.find(accounts.kid()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn while_users_is_down_known_keys_hold_and_unknown_ones_are_nobodys_fault() {
        let accounts = Accounts::new();
        let keys = keys(&accounts, Duration::ZERO);
        accounts.go(false);
        assert_eq!(keys.find("any").await.err(), Some(Fault::Unavailable));
        accounts.go(true);
        assert!(keys.find(accounts.kid()).await.unwrap().is_some());
        accounts.go(false);
        assert_eq!(keys.refresh().await, Err(Fault::Unavailable));
        assert!(keys.find(accounts.kid()).await.unwrap().is_some());
        assert_eq!(keys.find("other").await.err(), Some(Fault::Unavailable));
    }
}
