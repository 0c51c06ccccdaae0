use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use kernel::{Condition, Executor};

use super::*;
use crate::{Claims, ISSUER, store::failures};

#[tokio::test]
async fn an_access_token_is_verified_with_the_keys_that_are_listed() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        assert_eq!((&*ada.tokens.token_type, ada.tokens.expires_in), ("Bearer", 900));
        let kid = decode_header(&ada.tokens.access_token).unwrap().kid.unwrap();
        let keys = shop.api.keys().await.unwrap();
        let key = keys.iter().find(|key| key.kid == kid).unwrap();
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        let key = DecodingKey::from_ed_components(&key.x).unwrap();
        let claims = decode::<Claims>(&ada.tokens.access_token, &key, &rules).unwrap().claims;
        assert_eq!((claims.sub, claims.role, claims.exp - claims.iat), (ada.user.id, Role::Customer, 900));
    }
}

#[tokio::test]
async fn another_process_of_the_shop_has_the_same_keys() {
    for shop in shops().await {
        let replica = Service::new(&shop.context, Settings::cheap()).unwrap();
        assert_eq!(replica.keys().await, shop.api.keys().await);
        let rotated = Settings {
            signing_secret: Some("a signing secret of this year, 2".into()),
            previous_signing_secret: Some("a signing secret of last year, 1".into()),
            ..Settings::cheap()
        };
        let keys = Service::new(&shop.context, rotated).unwrap().keys().await.unwrap();
        assert_eq!(keys.len(), 2);
        let weak = Settings { previous_signing_secret: Some("short".into()), ..Settings::cheap() };
        let refused = Service::new(&shop.context, weak).err().unwrap().to_string();
        assert!(refused.contains("`users.previous_signing_secret`"), "{refused}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_for_a_while() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        shop.context.clock.advance(TimeDelta::days(29));
        let second = shop.api.refresh(ada.tokens.refresh_token.clone(), None).await.unwrap();
        assert_eq!((session_of(&second), &second.user), (ada.session, &ada.user));
        shop.context.clock.advance(TimeDelta::days(29));
        let third = shop.api.refresh(second.refresh_token, None).await.unwrap();
        shop.context.clock.advance(TimeDelta::days(30));
        assert_eq!(shop.api.refresh(third.refresh_token, None).await.err(), Some(Error::RefreshTokenInvalid));
        assert!(unauthenticated(shop.api.sessions(ada.caller).await));
        for unknown in ["", "x", &"x".repeat(43), &"\0".repeat(43), &"x".repeat(100_000)] {
            assert_eq!(shop.api.refresh(unknown.into(), None).await.err(), Some(Error::RefreshTokenInvalid));
        }
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_its_session_and_no_other() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        let elsewhere = shop.arrive(ada.user.clone()).await;
        let fresh = shop.api.refresh(ada.tokens.refresh_token.clone(), None).await.unwrap();
        shop.rotated(TimeDelta::seconds(11)).await;
        assert_eq!(shop.api.refresh(ada.tokens.refresh_token, None).await.err(), Some(Error::RefreshTokenInvalid));
        assert_eq!(shop.api.refresh(fresh.refresh_token, None).await.err(), Some(Error::RefreshTokenInvalid));
        assert!(unauthenticated(shop.api.sessions(ada.caller).await));
        assert!(shop.api.refresh(elsewhere.tokens.refresh_token, None).await.is_ok());
    }
}

/// The control of `many_who_refresh_at_once_go_on_with_one_successor`: a token that is looked at and then used up.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_read_and_then_written_has_many_winners() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let winners = crowd(|_, barrier| {
            let (db, session, now) = (shop.context.db.clone(), ada.session, shop.context.clock.now());
            async move {
                let sql = "SELECT hash FROM refresh_tokens WHERE session_id = $1 AND used_at IS NULL";
                let unused = db.query(sql).bind(session).fetch_optional::<(String,)>().await.unwrap();
                barrier.wait().await;
                let Some((hash,)) = unused else { return false };
                let sql = "UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1";
                db.query(sql).bind(hash).bind(now).execute().await.unwrap() == 1
            }
        })
        .await;
        let winners = winners.into_iter().filter(|won| *won).count();
        assert_eq!(winners, CROWD, "the control does not show the race any more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thieves_and_owners_at_once_never_deadlock() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let fresh = shop.api.refresh(ada.tokens.refresh_token.clone(), None).await.unwrap();
        let outcomes = crowd(|n, barrier| {
            let api = Arc::clone(&shop.api);
            let (old, new) = (ada.tokens.refresh_token.clone(), fresh.refresh_token.clone());
            let (caller, email) = (ada.caller.clone(), ada.user.email.clone());
            async move {
                barrier.wait().await;
                match n % 4 {
                    0 => api.refresh(old, None).await.err(),
                    1 => api.refresh(new, None).await.err(),
                    2 => api.sign_out(caller, None).await.err(),
                    _ => api.sign_in(Credentials { email, password: PASSWORD.into() }, String::new()).await.err(),
                }
            }
        })
        .await;
        let faults = outcomes.iter().filter(|error| matches!(error, Some(Error::Fault(_)))).count();
        assert_eq!(faults, 0, "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_session_that_has_ended_is_over_though_its_access_token_is_not() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        shop.api.sign_out(ada.caller.clone(), None).await.unwrap();
        shop.api.sign_out(ada.caller.clone(), None).await.unwrap();
        let caller = || ada.caller.clone();
        assert!(unauthenticated(shop.api.get(caller(), ada.user.id).await));
        assert!(unauthenticated(shop.api.update(caller(), crate::UserPatch::default(), Condition::default()).await));
        assert!(unauthenticated(shop.api.sessions(caller()).await));
        assert!(unauthenticated(shop.api.addresses(caller()).await));
        assert!(unauthenticated(shop.api.sign_out(caller(), Some(SessionId::new())).await));
        assert_eq!(shop.api.refresh(ada.tokens.refresh_token, None).await.err(), Some(Error::RefreshTokenInvalid));
    }
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_sessions_only() {
    for shop in worlds().await {
        let (ada, eve) = (shop.customer("ada").await, shop.customer("eve").await);
        let phone = shop.arrive(ada.user.clone()).await;
        let seen = shop.api.sessions(ada.caller.clone()).await.unwrap();
        let shown: Vec<_> = seen.iter().map(|session| (session.id, session.current, &*session.user_agent)).collect();
        assert_eq!(shown, [(phone.session, false, "curl/8"), (ada.session, true, "curl/8")]);

        let end = |caller: &Caller, id| shop.api.sign_out(caller.clone(), Some(id));
        assert_eq!(end(&eve.caller, phone.session).await, Err(Error::SessionNotFound));
        assert_eq!(end(&ada.caller, SessionId::new()).await, Err(Error::SessionNotFound));
        assert_eq!(end(&ada.caller, phone.session).await, Ok(()));
        assert_eq!(shop.api.sessions(ada.caller.clone()).await.unwrap().len(), 1);
        assert!(unauthenticated(shop.api.sessions(phone.caller).await));
        assert!(unauthenticated(shop.api.sign_out(Caller::Anonymous, None).await));
        assert!(forbidden(shop.api.sign_out(Caller::System, None).await));
    }
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_bounded() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let credentials = || Credentials { email: ada.user.email.clone(), password: PASSWORD.into() };
        shop.api.sign_in(credentials(), "\0x".repeat(1000)).await.unwrap();
        let sessions = shop.api.sessions(ada.caller).await.unwrap();
        assert_eq!(sessions[0].user_agent, "x".repeat(200));
    }
}

#[tokio::test]
async fn what_has_expired_is_swept_and_nothing_else() {
    for shop in shops().await {
        let count = async |sql: &'static str| shop.context.db.query(sql).fetch_one::<(i64,)>().await.unwrap().0;
        let rows = async || {
            (
                count("SELECT COUNT(*) FROM sessions").await,
                count("SELECT COUNT(*) FROM refresh_tokens").await,
                count("SELECT COUNT(*) FROM sign_in_failures").await,
            )
        };
        let ada = shop.customer("ada").await;
        shop.customer("eve").await;
        shop.sign_in(&ada.user.email, "wrong horse").await.err();
        shop.context.clock.advance(TimeDelta::days(20));
        let fresh = shop.api.refresh(ada.tokens.refresh_token, None).await.unwrap();
        assert_eq!(rows().await, (2, 3, 1));
        shop.context.clock.advance(TimeDelta::days(10));
        assert!(!shop.service.sweep().await, "all at once");
        assert_eq!(rows().await, (1, 1, 0));
        assert!(shop.api.refresh(fresh.refresh_token, None).await.is_ok());
    }
}

#[tokio::test]
async fn a_sweep_takes_some_at_a_time() {
    for shop in shops().await {
        let now = shop.context.clock.now();
        let mut tx = shop.context.db.begin().await.unwrap();
        for guess in 0..501 {
            failures::count(&mut tx, &guess.to_string(), now, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        shop.context.clock.advance(TimeDelta::days(1));
        assert!(shop.service.sweep().await, "there is one more");
        assert!(!shop.service.sweep().await);
        let sql = "SELECT COUNT(*) FROM sign_in_failures";
        assert_eq!(shop.context.db.query(sql).fetch_one::<(i64,)>().await.unwrap().0, 0);
    }
}
