//! What is an address of an account, and who is found under it.
use kernel::{Executor, PageQuery};

use super::*;

/// An account as release 0.1.0 opened it: its address as it was typed, its key that in lower case.
async fn opened_before(shop: &Shop, email: &str) -> User {
    let user = shop.api.register(newcomer("before")).await.unwrap();
    let sql = "UPDATE users SET email = $2, email_key = $3 WHERE id = $1";
    let query = shop.context.db.query(sql).bind(user.id).bind(email.to_owned()).bind(email.trim().to_lowercase());
    assert_eq!(query.execute().await.unwrap(), 1);
    User { email: email.into(), ..user }
}

fn with(email: impl Into<String>) -> NewUser {
    NewUser { email: email.into(), ..newcomer("ada") }
}

#[tokio::test]
async fn an_account_has_an_address_that_mail_can_reach() {
    for shop in worlds().await {
        let host = Uuid::now_v7().simple().to_string();
        let user = shop.api.register(with(format!(" Ada@{host}.B\u{fc}cher.DE"))).await.unwrap();
        assert_eq!(user.email, format!("Ada@{host}.xn--bcher-kva.de"));
        assert_eq!(shop.api.contact(user.id).await.unwrap().email, user.email);
        for (bad, code) in [
            ("a@b", "not_an_email"),
            ("Ada <ada@example.com>", "not_an_email"),
            ("ada@[127.0.0.1]", "not_an_email"),
            ("\"ada\"@example.com", "not_an_email"),
            ("j\u{fc}rgen@example.com", "email_not_ascii"),
        ] {
            assert_eq!(flaws(shop.api.register(with(bad)).await), [flaw("/email", code)], "{bad}");
            let appointed = shop.api.create(Caller::System, with(bad), Role::Staff).await;
            assert_eq!(flaws(appointed), [flaw("/email", code)], "{bad}");
        }
    }
}

#[tokio::test]
async fn one_address_has_one_account_however_its_domain_is_spelled() {
    for shop in worlds().await {
        let host = Uuid::now_v7().simple().to_string();
        let spelled = [format!("ada@{host}.b\u{fc}cher.de"), format!("ADA@{host}.xn--bcher-kva.de")];
        for (one, other) in [(&spelled[0], &spelled[1]), (&spelled[1], &spelled[0])] {
            let taken = shop.api.register(with(one)).await.is_err();
            assert_eq!(shop.api.register(with(other)).await, Err(Error::EmailTaken), "{taken}");
            assert!(shop.sign_in(one, PASSWORD).await.is_ok() && shop.sign_in(other, PASSWORD).await.is_ok());
        }
        for attempt in 0..10 {
            let guess = shop.sign_in(&spelled[attempt % 2], "wrong horse").await.err();
            assert_eq!(guess, Some(Error::WrongCredentials));
        }
        for email in &spelled {
            let refused = shop.sign_in(email, PASSWORD).await.err();
            assert!(matches!(refused, Some(Error::TooManyAttempts { .. })), "guesses are counted together");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_register_one_address_in_two_spellings_one_gets_it() {
    for shop in shops().await {
        let host = Uuid::now_v7().simple().to_string();
        let outcomes = crowd(|n, barrier| {
            let domain = if n % 2 == 0 { "b\u{fc}cher.de" } else { "xn--bcher-kva.de" };
            let (api, email) = (Arc::clone(&shop.api), format!("ada@{host}.{domain}"));
            async move {
                barrier.wait().await;
                api.register(with(email)).await
            }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    }
}

#[tokio::test]
async fn an_account_of_the_release_before_is_found_listed_and_not_opened_twice() {
    for shop in worlds().await {
        let staff = shop.appointed("joan", Role::Staff).await;
        let host = Uuid::now_v7().simple().to_string();
        for (then, now) in [
            (
                format!("J\u{fc}rgen@{host}.de"),
                vec![format!("j\u{fc}rgen@{host}.de"), format!("J\u{dc}RGEN@{host}.de")],
            ),
            (format!("Ada@{host}.B\u{fc}cher.de"), vec![format!("ada@{host}.xn--bcher-kva.de")]),
            (format!("eve@{host}.xn--bcher-kva.de"), vec![format!("eve@{host}.b\u{fc}cher.de")]),
            (format!("\"{host}\"@example.com"), vec![]),
        ] {
            let user = opened_before(&shop, &then).await;
            for email in now.iter().chain([&then]) {
                assert_eq!(shop.sign_in(email, PASSWORD).await.unwrap().user, user, "{email}");
                assert!(shop.api.register(with(email)).await.is_err(), "{email}");
            }
        }
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let page = shop.api.list(staff.caller.clone(), PageQuery { limit: Some(1), cursor }).await.unwrap();
            listed.extend(page.items.into_iter().map(|user| user.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let all = listed.len();
        listed.sort();
        listed.dedup();
        assert_eq!((all, listed.len()), (5, 5), "each once, whatever its key");
    }
}
