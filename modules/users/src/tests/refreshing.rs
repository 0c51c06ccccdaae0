//! Refresh tokens that come back: because an answer was lost, because two tabs ask at once, or because of a thief.
use chrono::TimeDelta;
use kernel::{Executor, Fault};

use super::*;

const INVALID: Option<Error> = Some(Error::RefreshTokenInvalid);

impl Shop {
    /// Every exchange of tokens was so long ago.
    pub(super) async fn rotated(&self, ago: TimeDelta) {
        let then = self.context.clock.shared(&self.context.db).await.unwrap() - ago;
        let sql = "UPDATE refresh_tokens SET rotated_at = $1 WHERE rotated_at IS NOT NULL";
        self.context.db.query(sql).bind(then).execute().await.unwrap();
    }

    async fn refresh(&self, token: &str, key: Option<&str>) -> Result<String, Error> {
        let tokens = self.api.refresh(token.into(), key.map(ToOwned::to_owned)).await?;
        Ok(tokens.refresh_token)
    }

    /// How many tokens of all sessions are good.
    async fn unused(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM refresh_tokens WHERE used_at IS NULL";
        self.context.db.query(sql).fetch_one::<(i64,)>().await.unwrap().0
    }
}

#[tokio::test]
async fn a_token_that_is_used_again_at_once_gives_the_same_successor() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        let first = ada.tokens.refresh_token;
        let second = shop.refresh(&first, Some("1")).await.unwrap();
        shop.rotated(TimeDelta::seconds(8)).await;
        for key in [Some("1"), Some("2"), None] {
            assert_eq!(shop.refresh(&first, key).await.as_ref(), Ok(&second), "{key:?}");
        }
        assert!(shop.api.sessions(ada.caller.clone()).await.is_ok());
        let third = shop.refresh(&second, None).await.unwrap();
        assert_ne!(third, second);
        assert_eq!(shop.refresh(&second, None).await, Ok(third), "the chain goes on");
    }
}

#[tokio::test]
async fn under_its_key_a_refresh_may_be_repeated_for_minutes() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        let first = ada.tokens.refresh_token;
        let second = shop.refresh(&first, Some("1")).await.unwrap();
        shop.rotated(TimeDelta::minutes(4)).await;
        assert_eq!(shop.refresh(&first, Some("1")).await.as_ref(), Ok(&second));
        shop.rotated(TimeDelta::minutes(6)).await;
        assert_eq!(shop.refresh(&first, Some("1")).await.err(), INVALID);
        assert!(unauthenticated(shop.api.sessions(ada.caller).await));
    }
}

#[tokio::test]
async fn without_its_key_a_token_that_comes_back_later_is_stolen() {
    for shop in worlds().await {
        for (used_under, comes_under) in [(Some("1"), Some("2")), (Some("1"), None), (None, Some("1")), (None, None)] {
            let ada = shop.customer("ada").await;
            let second = shop.refresh(&ada.tokens.refresh_token, used_under).await.unwrap();
            shop.rotated(TimeDelta::seconds(11)).await;
            assert_eq!(shop.refresh(&ada.tokens.refresh_token, comes_under).await.err(), INVALID, "{comes_under:?}");
            assert_eq!(shop.refresh(&second, None).await.err(), INVALID, "the family has ended");
            assert!(unauthenticated(shop.api.sessions(ada.caller).await));
        }
    }
}

/// Its successor was heard of: whoever still has the token is somebody else, however soon they come.
#[tokio::test]
async fn a_token_whose_successor_was_used_is_stolen_at_once() {
    for shop in worlds().await {
        for key in [Some("1"), None] {
            let ada = shop.customer("ada").await;
            let first = &ada.tokens.refresh_token;
            let second = shop.refresh(first, Some("1")).await.unwrap();
            let third = shop.refresh(&second, None).await.unwrap();
            assert_eq!(shop.refresh(first, key).await.err(), INVALID);
            assert_eq!(shop.refresh(&third, None).await.err(), INVALID, "the family has ended");
            assert!(unauthenticated(shop.api.sessions(ada.caller).await));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_refresh_at_once_go_on_with_one_successor() {
    for shop in shops().await {
        for _ in 0..4 {
            let (before, ada) = (shop.unused().await, shop.customer("ada").await);
            let mut token = ada.tokens.refresh_token;
            for _ in 0..3 {
                let outcomes = crowd(|n, barrier| {
                    let (api, token) = (Arc::clone(&shop.api), token.clone());
                    async move {
                        barrier.wait().await;
                        api.refresh(token, (n % 2 == 0).then(|| format!("{n}")))
                            .await
                            .map(|tokens| tokens.refresh_token)
                    }
                })
                .await;
                assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
                token = outcomes.into_iter().next().unwrap().unwrap();
                assert_eq!(shop.unused().await - before, 1, "one of them is good");
            }
            assert!(shop.api.sessions(ada.caller).await.is_ok());
        }
    }
}

/// Who asked before the first was answered could not have heard of it, however short the grace is.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_grace_those_who_ask_at_once_go_on() {
    for shop in shops_with(Settings { refresh_grace_seconds: 0, ..Settings::cheap() }, false).await {
        let ada = shop.customer("ada").await;
        let token = ada.tokens.refresh_token;
        let mut tx = shop.context.db.begin().await.unwrap();
        let locked: Vec<(SessionId,)> = tx.query("SELECT id FROM sessions").for_update().fetch_all().await.unwrap();
        assert_eq!(locked.len(), 1);
        let ask = |_| {
            shop.context.tasks.spawn({
                let (api, token) = (Arc::clone(&shop.api), token.clone());
                async move { api.refresh(token, None).await.map(|tokens| tokens.refresh_token) }
            })
        };
        let tabs: Vec<_> = (0..4).map(ask).collect();
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        drop(tx);
        let mut successors = Vec::new();
        for tab in tabs {
            successors.push(tab.await.unwrap().unwrap());
        }
        assert!(successors.iter().all(|next| *next == successors[0]), "{successors:?}");
        assert_eq!(shop.refresh(&token, None).await.err(), INVALID, "one who comes when all is done is another");
        assert_eq!(shop.refresh(&successors[0], None).await.err(), INVALID, "the family has ended");
    }
}

#[tokio::test]
async fn a_shop_may_allow_no_second_use() {
    for shop in shops_with(Settings { refresh_grace_seconds: 0, ..Settings::cheap() }, false).await {
        let ada = shop.customer("ada").await;
        let first = ada.tokens.refresh_token;
        let second = shop.refresh(&first, Some("1")).await.unwrap();
        assert_eq!(shop.refresh(&first, Some("1")).await, Ok(second), "an answer may be lost all the same");
        assert_eq!(shop.refresh(&first, None).await.err(), INVALID);
    }
    for shop in shops().await {
        let long = Settings { refresh_grace_seconds: 61, ..Settings::cheap() };
        let refused = Service::new(&shop.context, long).err().unwrap().to_string();
        assert!(refused.contains("`users.refresh_grace_seconds`"), "{refused}");
    }
}

#[tokio::test]
async fn a_successor_can_be_made_again_while_the_secret_is_changed() {
    const OLD: &str = "a signing secret of last year, 1";
    const NEW: &str = "a signing secret of this year, 2";
    for shop in shops().await {
        let replica = |secret: &str, previous: Option<&str>| {
            let (signing_secret, previous_signing_secret) = (Some(secret.to_owned()), previous.map(ToOwned::to_owned));
            let settings = Settings { signing_secret, previous_signing_secret, ..Settings::cheap() };
            Service::new(&shop.context, settings).unwrap()
        };
        let (old, new) = (replica(OLD, None), replica(NEW, Some(OLD)));
        let first = shop.customer("ada").await.tokens.refresh_token;
        let second = old.refresh(first.clone(), None).await.unwrap().refresh_token;
        assert_eq!(new.refresh(first, None).await.unwrap().refresh_token, second);
        let third = new.refresh(second.clone(), None).await.unwrap().refresh_token;
        let unknown = old.refresh(second, None).await.err();
        assert_eq!(unknown, Some(Fault::Unavailable.into()), "another replica can make it");
        assert!(new.refresh(third, None).await.is_ok(), "nobody stole anything");
    }
}

/// The last release makes successors by chance: they cannot be given again, and one that comes back ends its session.
#[tokio::test]
async fn what_0_1_0_exchanged_is_good_once() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let second = shop.refresh(&ada.tokens.refresh_token, None).await.unwrap();
        let sql = "UPDATE refresh_tokens SET rotated_at = NULL, rotation_key = NULL";
        shop.context.db.query(sql).execute().await.unwrap();
        assert_eq!(shop.refresh(&ada.tokens.refresh_token, None).await.err(), INVALID);
        assert_eq!(shop.refresh(&second, None).await.err(), INVALID);
    }
}

#[tokio::test]
async fn nothing_that_is_stored_opens_a_session() {
    for shop in shops().await {
        let first = shop.customer("ada").await.tokens.refresh_token;
        let second = shop.refresh(&first, Some("a-key")).await.unwrap();
        let sql = "SELECT hash, COALESCE(rotation_key, '') FROM refresh_tokens";
        let rows: Vec<(String, String)> = shop.context.db.query(sql).fetch_all().await.unwrap();
        assert_eq!(rows.len(), 2);
        for (hash, key) in rows {
            assert!(![&first, &second].contains(&&hash) && key != "a-key");
            assert_ne!(key, kernel::Digest::of("a-key").base64url(), "the token, which is not stored, salts it");
        }
    }
}
