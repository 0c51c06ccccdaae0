use chrono::TimeDelta;
use kernel::{Condition, Executor, PageQuery};

use super::*;
use crate::{Contact, UserPatch, accounts::throttle, store};

#[tokio::test]
async fn an_address_has_one_account_whatever_its_case() {
    for shop in worlds().await {
        let ada = newcomer("ada");
        let email = ada.email.clone();
        let user = shop.api.register(ada).await.unwrap();
        assert_eq!((user.role, user.version, &user.email), (Role::Customer, 1, &email));
        let shouting = NewUser { email: email.to_uppercase(), ..newcomer("ada") };
        assert_eq!(shop.api.register(shouting).await, Err(Error::EmailTaken));
        let tokens = shop.sign_in(&format!(" {} ", email.to_uppercase()), PASSWORD).await.unwrap();
        assert_eq!(tokens.user, user);
        assert_eq!(shop.api.contact(user.id).await, Ok(Contact { email, name: "ada".into() }));
        assert_eq!(shop.api.contact(UserId::new()).await, Err(Error::UserNotFound));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_register_one_address_at_once_one_gets_it() {
    for shop in shops().await {
        let email = newcomer("ada").email;
        let outcomes = crowd(|_, barrier| {
            let (api, email) = (Arc::clone(&shop.api), email.clone());
            async move {
                barrier.wait().await;
                api.register(NewUser { email, ..newcomer("ada") }).await
            }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(Error::EmailTaken)).count(), CROWD - 1);
    }
}

#[tokio::test]
async fn every_flaw_of_a_registration_is_pointed_at() {
    for shop in worlds().await {
        let broken = NewUser { email: "ada".into(), password: "short".into(), name: "\0".into() };
        let expected =
            [flaw("/email", "not_an_email"), flaw("/password", "too_short"), flaw("/name", "control_character")];
        assert_eq!(flaws(shop.api.register(broken).await), expected);
        let own =
            NewUser { email: "ada.lovelace@example.com".into(), password: "Ada.Lovelace".into(), ..newcomer("ada") };
        assert_eq!(flaws(shop.api.register(own).await), [flaw("/password", "guessable_password")]);
        let huge = NewUser { name: "x".repeat(1_000_000), ..newcomer("ada") };
        assert_eq!(flaws(shop.api.register(huge).await), [flaw("/name", "too_long")]);
    }
}

#[tokio::test]
async fn only_admins_and_the_command_line_open_accounts_with_a_role() {
    for shop in worlds().await {
        let admin = shop.appointed("grace", Role::Admin).await;
        let staff = shop.appointed("joan", Role::Staff).await;
        let ada = shop.customer("ada").await;
        let create = |caller: &Caller| shop.api.create(caller.clone(), newcomer("new"), Role::Staff);
        assert_eq!(create(&admin.caller).await.unwrap().role, Role::Staff);
        assert!(forbidden(create(&staff.caller).await));
        assert!(forbidden(create(&ada.caller).await));
        assert!(unauthenticated(create(&Caller::Anonymous).await));
    }
}

#[tokio::test]
async fn everybody_sees_their_own_account_and_staff_sees_all() {
    for shop in worlds().await {
        let staff = shop.appointed("joan", Role::Staff).await;
        let (ada, eve) = (shop.customer("ada").await, shop.customer("eve").await);
        let get = |caller: &Caller, id| shop.api.get(caller.clone(), id);
        assert_eq!(get(&ada.caller, ada.user.id).await.unwrap(), ada.user);
        assert!(forbidden(get(&eve.caller, ada.user.id).await));
        assert_eq!(get(&staff.caller, ada.user.id).await.unwrap(), ada.user);
        assert_eq!(get(&staff.caller, UserId::new()).await, Err(Error::UserNotFound));
        assert_eq!(get(&Caller::System, ada.user.id).await.unwrap(), ada.user);

        assert!(forbidden(shop.api.list(eve.caller.clone(), PageQuery::default()).await));
        let mut seen = Vec::new();
        let mut query = PageQuery { limit: Some(2), cursor: None };
        loop {
            let page = shop.api.list(staff.caller.clone(), query.clone()).await.unwrap();
            seen.extend(page.items.into_iter().map(|user| user.name));
            let Some(next) = page.next else { break };
            query.cursor = Some(next);
        }
        assert_eq!(seen, ["ada", "eve", "joan"]);
        let nul = PageQuery { limit: None, cursor: Some(crate::encode(b"\"\\u0000\"")) };
        assert_eq!(flaws(shop.api.list(staff.caller, nul).await), [flaw("?cursor", "broken_cursor")]);
    }
}

#[tokio::test]
async fn a_name_changes_for_the_version_it_was_meant_for() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        let rename = |name: &str, version: Option<i64>| {
            let if_match = version.map(Condition::version).unwrap_or_default();
            shop.api.update(ada.caller.clone(), UserPatch { name: Some(name.into()), ..UserPatch::default() }, if_match)
        };
        let renamed = rename(" Countess ", Some(1)).await.unwrap();
        assert_eq!((&*renamed.name, renamed.version), ("Countess", 2));
        assert_eq!(rename("Ada", Some(1)).await, Err(Error::Stale { version: 2 }));
        assert_eq!(rename("Countess", Some(2)).await.unwrap().version, 2, "nothing to change");
        assert_eq!(rename("Ada", None).await.unwrap().version, 3);
        assert_eq!(flaws(rename("", None).await), [flaw("/name", "required")]);
        assert_eq!(flaws(rename("a\nb", None).await), [flaw("/name", "control_character")]);
    }
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_ends_every_other_session() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        let elsewhere = shop.arrive(ada.user.clone()).await;
        let change = |password: &str, current: Option<&str>| {
            let (password, current_password) = (Some(password.to_owned()), current.map(ToOwned::to_owned));
            shop.api.update(
                ada.caller.clone(),
                UserPatch { name: None, password, current_password },
                Condition::default(),
            )
        };
        let new = "battery staple 9";
        assert_eq!(flaws(change(new, None).await), [flaw("/current_password", "required")]);
        assert_eq!(flaws(change(new, Some("wrong horse")).await), [flaw("/current_password", "wrong_password")]);
        assert_eq!(flaws(change("1234567890", Some(PASSWORD)).await), [flaw("/password", "common_password")]);
        assert_eq!(change(new, Some(PASSWORD)).await.unwrap().version, 2);

        assert_eq!(shop.api.sessions(ada.caller.clone()).await.unwrap().len(), 1, "this one goes on");
        assert!(unauthenticated(shop.api.sessions(elsewhere.caller).await));
        assert_eq!(
            shop.api.refresh(elsewhere.tokens.refresh_token, None).await.err(),
            Some(Error::RefreshTokenInvalid)
        );
        assert!(shop.api.refresh(ada.tokens.refresh_token.clone(), None).await.is_ok());
        assert_eq!(shop.sign_in(&ada.user.email, PASSWORD).await.err(), Some(Error::WrongCredentials));
        assert!(shop.sign_in(&ada.user.email, new).await.is_ok());
    }
}

#[tokio::test]
async fn the_present_password_cannot_be_guessed_with_a_stolen_session() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let guess = |current: &str| {
            let patch = UserPatch {
                name: None,
                password: Some("battery staple 9".into()),
                current_password: Some(current.to_owned()),
            };
            shop.api.update(ada.caller.clone(), patch, Condition::default())
        };
        for n in 0..10 {
            assert_eq!(flaws(guess(&format!("guess number {n}")).await), [flaw("/current_password", "wrong_password")]);
        }
        assert!(matches!(guess(PASSWORD).await, Err(Error::TooManyAttempts { .. })));
    }
}

#[tokio::test]
async fn too_many_wrong_passwords_close_an_address_for_a_while() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        let nobody = newcomer("nobody").email;
        for email in [&ada.user.email, &nobody] {
            for n in 0..10 {
                assert_eq!(shop.sign_in(email, "wrong horse").await.err(), Some(Error::WrongCredentials), "{n}");
            }
            let refused = shop.sign_in(&email.to_uppercase(), PASSWORD).await.err();
            let Some(Error::TooManyAttempts { retry_after }) = refused else { panic!("{refused:?}") };
            assert!((890..=900).contains(&retry_after), "{retry_after}");
        }
        shop.customer("eve").await;
        shop.context.clock.advance(TimeDelta::minutes(15));
        assert!(shop.sign_in(&ada.user.email, PASSWORD).await.is_ok());
        assert_eq!(shop.sign_in(&nobody, PASSWORD).await.err(), Some(Error::WrongCredentials));
    }
}

#[tokio::test]
async fn the_right_password_makes_the_wrong_ones_forgotten() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        for _ in 0..3 {
            for _ in 0..9 {
                assert_eq!(shop.sign_in(&ada.user.email, "wrong horse").await.err(), Some(Error::WrongCredentials));
            }
            assert!(shop.sign_in(&ada.user.email, PASSWORD).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_sign_in_is_bounded_but_its_password_is_not_judged() {
    for shop in shops().await {
        assert_eq!(shop.sign_in("not an address", "short").await.err(), Some(Error::WrongCredentials));
        let flaws_of = async |email: &str, password: &str| flaws(shop.sign_in(email, password).await.map(drop));
        assert_eq!(flaws_of("", "").await, [flaw("/email", "required"), flaw("/password", "required")]);
        assert_eq!(flaws_of("a\0@example.com", PASSWORD).await, [flaw("/email", "control_character")]);
        assert_eq!(flaws_of(&"x".repeat(100_000), PASSWORD).await, [flaw("/email", "too_long")]);
        assert_eq!(flaws_of("a@example.com", &"x".repeat(100_000)).await, [flaw("/password", "too_long")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_no_more_than_allowed_are_answered() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let outcomes = crowd(|_, barrier| {
            let (api, email) = (Arc::clone(&shop.api), ada.user.email.clone());
            async move {
                barrier.wait().await;
                api.sign_in(Credentials { email, password: "wrong horse".into() }, String::new()).await.err()
            }
        })
        .await;
        let answered = outcomes.iter().filter(|error| **error == Some(Error::WrongCredentials)).count();
        let refused = outcomes.iter().filter(|error| matches!(error, Some(Error::TooManyAttempts { .. }))).count();
        assert_eq!((answered, refused), (10, CROWD - 10));
    }
}

/// The control of the test above: the same count, read and then written.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_is_read_and_then_written_loses_guesses() {
    for shop in shops().await {
        let count = |naive: bool| {
            let db = shop.context.db.clone();
            let now = shop.context.clock.now();
            let account = throttle::account_key(if naive { "naive" } else { "guarded" });
            crowd(move |_, barrier| {
                let (db, account) = (db.clone(), account.clone());
                async move {
                    if !naive {
                        barrier.wait().await;
                        return store::failures::count(&db, &account, now, now - TimeDelta::minutes(1))
                            .await
                            .unwrap()
                            .0;
                    }
                    let sql = "SELECT failures FROM sign_in_failures WHERE account = $1";
                    let row = db.query(sql).bind(&*account).fetch_optional::<(i64,)>().await.unwrap();
                    let failures = row.map_or(0, |(failures,)| failures) + 1;
                    barrier.wait().await;
                    let sql = "INSERT INTO sign_in_failures (account, failures, began_at) VALUES ($1, $2, $3)
                                   ON CONFLICT (account) DO UPDATE SET failures = excluded.failures";
                    db.query(sql).bind(&*account).bind(failures).bind(now).execute().await.unwrap();
                    failures
                }
            })
        };
        assert_eq!(count(false).await.into_iter().max(), Some(i64::try_from(CROWD).unwrap()));
        assert_eq!(count(true).await.into_iter().max(), Some(1), "the control does not show the race any more");
    }
}

#[tokio::test]
async fn a_new_role_ends_the_sessions_of_the_old_one() {
    for shop in worlds().await {
        let admin = shop.appointed("grace", Role::Admin).await;
        let joan = shop.appointed("joan", Role::Staff).await;
        let ada = shop.customer("ada").await;
        let set = |caller: &Caller, id, role| shop.api.set_role(caller.clone(), id, role, Condition::default());
        assert!(forbidden(set(&joan.caller, joan.user.id, Role::Admin).await));
        assert!(forbidden(set(&ada.caller, ada.user.id, Role::Admin).await));
        assert_eq!(set(&admin.caller, UserId::new(), Role::Staff).await, Err(Error::UserNotFound));

        let stale = shop.api.set_role(admin.caller.clone(), joan.user.id, Role::Customer, Condition::version(7)).await;
        assert_eq!(stale, Err(Error::Stale { version: 1 }));
        let demoted = set(&admin.caller, joan.user.id, Role::Customer).await.unwrap();
        assert_eq!((demoted.role, demoted.version), (Role::Customer, 2));
        assert_eq!(set(&admin.caller, joan.user.id, Role::Customer).await.unwrap().version, 2, "nothing to change");
        assert!(unauthenticated(shop.api.list(joan.caller, PageQuery::default()).await));
        assert_eq!(shop.api.refresh(joan.tokens.refresh_token, None).await.err(), Some(Error::RefreshTokenInvalid));
        assert!(forbidden(shop.api.list(shop.arrive(demoted).await.caller, PageQuery::default()).await));
    }
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    for shop in worlds().await {
        let admin = shop.appointed("grace", Role::Admin).await;
        let demote = |caller: &Caller, id| shop.api.set_role(caller.clone(), id, Role::Customer, Condition::default());
        assert_eq!(demote(&admin.caller, admin.user.id).await, Err(Error::LastAdmin));
        assert_eq!(demote(&Caller::System, admin.user.id).await, Err(Error::LastAdmin));
        let other = shop.appointed("joan", Role::Admin).await;
        assert!(forbidden(demote(&admin.caller, admin.user.id).await));
        assert!(demote(&admin.caller, other.user.id).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_who_demote_each_other_at_once_leave_one() {
    for shop in shops().await {
        let mut admins = Vec::new();
        for n in 0..CROWD {
            admins.push(shop.appointed(&format!("admin{n}"), Role::Admin).await);
        }
        let outcomes = crowd(|n, barrier| {
            let (api, id) = (Arc::clone(&shop.api), admins[(n + 1) % CROWD].user.id);
            async move {
                barrier.wait().await;
                api.set_role(Caller::System, id, Role::Customer, Condition::default()).await.map(|user| user.role)
            }
        })
        .await;
        let left: (i64,) =
            shop.context.db.query("SELECT COUNT(*) FROM users WHERE role = 'admin'").fetch_one().await.unwrap();
        assert_eq!(left, (1,), "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(Error::LastAdmin)).count(), 1, "{outcomes:?}");
    }
}

/// The control of the test above: the admins counted without their lock.
#[tokio::test(flavor = "multi_thread")]
async fn admins_who_are_counted_without_a_lock_demote_them_all() {
    for shop in shops().await {
        let mut admins = Vec::new();
        for n in 0..CROWD {
            admins.push(shop.appointed(&format!("admin{n}"), Role::Admin).await.user.id);
        }
        crowd(|n, barrier| {
            let (db, id) = (shop.context.db.clone(), admins[n]);
            async move {
                let sql = "SELECT COUNT(*) FROM users WHERE role = 'admin'";
                let (count,): (i64,) = db.query(sql).fetch_one().await.unwrap();
                barrier.wait().await;
                if count > 1 {
                    db.query("UPDATE users SET role = 'customer' WHERE id = $1").bind(id).execute().await.unwrap();
                }
            }
        })
        .await;
        let left: (i64,) =
            shop.context.db.query("SELECT COUNT(*) FROM users WHERE role = 'admin'").fetch_one().await.unwrap();
        assert_eq!(left, (0,), "the control does not show the race any more");
    }
}

#[tokio::test]
async fn a_hash_of_former_settings_is_made_anew_at_the_next_sign_in() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let dearer = Settings { argon2_memory_kib: 128, ..Settings::cheap() };
        let dearer = Service::new(&shop.context, dearer).unwrap();
        let credentials = Credentials { email: ada.user.email.clone(), password: PASSWORD.into() };
        dearer.sign_in(credentials, String::new()).await.unwrap();
        let stored = store::accounts::find(&shop.context.db, ada.user.id).await.unwrap().unwrap();
        assert!(stored.password.contains("m=128,"), "{}", stored.password);
        assert_eq!(stored.user.version, 1, "nothing that anybody sees has changed");
        assert!(shop.sign_in(&ada.user.email, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn an_impossible_setting_stops_the_start_and_is_named() {
    let shop = shops().await.remove(0);
    let refused = |config: Settings| Service::new(&shop.context, config).err().unwrap().to_string();
    let cheap = Settings::cheap;
    for (config, setting) in [
        (Settings { access_token_seconds: 0, ..cheap() }, "`users.access_token_seconds`"),
        (Settings { refresh_token_days: u32::MAX, ..cheap() }, "`users.refresh_token_days`"),
        (Settings { sign_in_attempts: 0, ..cheap() }, "`users.sign_in_attempts`"),
        (Settings { sign_in_window_minutes: 0, ..cheap() }, "`users.sign_in_window_minutes`"),
        (Settings { argon2_memory_kib: 1, ..cheap() }, "`users.argon2_memory_kib`"),
        (Settings { signing_secret: Some("short".into()), ..cheap() }, "`users.signing_secret`"),
    ] {
        let message = refused(config);
        assert!(message.contains(setting), "{message}");
    }
    let shipped: Settings = shop.context.config().unwrap();
    assert!(Service::new(&shop.context, shipped).is_ok());
}
