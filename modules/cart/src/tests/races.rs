//! What must hold when many do it at once, and what happens without the guard.
use std::sync::Arc;

use kernel::{Condition, Db, Executor, testing::at_once};
use uuid::Uuid;

use super::*;

async fn carts_of(db: &Db, user: Uuid) -> i64 {
    let (carts,): (i64,) =
        db.query("SELECT COUNT(*) FROM carts WHERE user_id = $1").bind(user).fetch_one().await.unwrap();
    carts
}

#[tokio::test(flavor = "multi_thread")]
async fn many_adds_at_once_lose_nothing_and_make_one_cart() {
    for shop in shops().await {
        let ada = user();
        let tokens = at_once(32, |n, start| {
            let (carts, ada) = (Arc::clone(&shop.carts), ada.clone());
            let sku = if n % 2 == 0 { "A" } else { "B" };
            async move {
                start.wait().await;
                carts.add(ada, NewItem { sku: sku.into(), quantity: 3 }, Condition::default()).await.ok().unwrap().token
            }
        })
        .await;
        assert!(tokens.iter().all(Option::is_none));
        let cart = shop.get(&ada).await;
        let mut lines = lines(&cart);
        lines.sort_unstable();
        assert_eq!((lines, cart.version), (vec![("A", 48), ("B", 48)], 32));
        assert_eq!(carts_of(&shop.context.db, account(&ada)).await, 1);
    }
}

/// The control: the same adds, read and then written.
#[tokio::test(flavor = "multi_thread")]
async fn many_adds_at_once_that_read_and_then_write_lose_some() {
    for shop in shops().await {
        let ada = user();
        let cart = shop.put(&ada, "A", 1).await.id.unwrap();
        at_once(32, |_, start| {
            let db = shop.context.db.clone();
            async move {
                let sql = "SELECT quantity FROM cart_items WHERE cart_id = $1";
                let (quantity,): (i64,) = db.query(sql).bind(cart).fetch_one().await.unwrap();
                start.wait().await;
                let sql = "UPDATE cart_items SET quantity = $2 WHERE cart_id = $1";
                db.query(sql).bind(cart).bind(quantity + 3).execute().await.unwrap();
            }
        })
        .await;
        assert_eq!(lines(&shop.get(&ada).await), [("A", 4)], "31 of 32 are lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_adds_to_a_full_line_those_that_fit_are_taken() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 990).await;
        let taken = at_once(16, |_, start| {
            let (carts, ada) = (Arc::clone(&shop.carts), ada.clone());
            async move {
                start.wait().await;
                carts.add(ada, NewItem { sku: "A".into(), quantity: 1 }, Condition::default()).await.is_ok()
            }
        })
        .await;
        assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 9);
        assert_eq!(lines(&shop.get(&ada).await), [("A", 999)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_changes_meant_for_a_version_is_made() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 100).await;
        let made = at_once(16, |n, start| {
            let (carts, ada) = (Arc::clone(&shop.carts), ada.clone());
            async move {
                start.wait().await;
                let quantity = i64::try_from(n).unwrap();
                carts.set_quantity(ada, "A".into(), quantity, Condition::version(1)).await.is_ok()
            }
        })
        .await;
        assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
        assert_eq!(shop.get(&ada).await.version, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_merges_of_one_guest_count_once() {
    for shop in shops().await {
        let ada = user();
        let (_, token) = shop.guest("A", 2).await;
        at_once(8, |_, start| {
            let (carts, token, user) = (Arc::clone(&shop.carts), token.clone(), account(&ada));
            async move {
                start.wait().await;
                carts.merge(token, user).await.unwrap();
            }
        })
        .await;
        let cart = shop.get(&ada).await;
        assert_eq!((lines(&cart), cart.version), (vec![("A", 2)], 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guests_who_are_one_customer_lose_nothing() {
    for shop in shops().await {
        let ada = user();
        let mut guests = Vec::new();
        for _ in 0..8 {
            guests.push(shop.guest("A", 2).await);
        }
        at_once(24, |n, start| {
            let (carts, ada, (guest, token)) = (Arc::clone(&shop.carts), ada.clone(), guests[n % 8].clone());
            async move {
                start.wait().await;
                let item = NewItem { sku: "B".into(), quantity: 1 };
                match n / 8 {
                    0 => carts.merge(token, account(&ada)).await.unwrap(),
                    1 => drop(carts.add(ada, item, Condition::default()).await.ok().unwrap()),
                    // It comes before the merge, or is the first of a new guest.
                    _ => drop(carts.add(guest, item, Condition::default()).await.ok().unwrap()),
                }
            }
        })
        .await;
        let cart = shop.get(&ada).await;
        let quantity = |name: &str| cart.items.iter().find(|item| item.sku.as_str() == name).unwrap().quantity;
        assert_eq!(quantity("A"), 16);
        assert!((8..=16).contains(&quantity("B")));
        let sql = "SELECT CAST(SUM(quantity) AS BIGINT) FROM cart_items WHERE sku = 'B'";
        let (all,): (i64,) = shop.context.db.query(sql).fetch_one().await.unwrap();
        assert_eq!(all, 16, "wherever they went, none is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_in_while_the_cart_is_closed_is_kept() {
    for shop in shops().await {
        let ada = user();
        let cart = shop.put(&ada, "A", 5).await.id.unwrap();
        let order = Uuid::now_v7();
        at_once(24, |n, start| {
            let (carts, ada) = (Arc::clone(&shop.carts), ada.clone());
            async move {
                start.wait().await;
                if n % 3 == 0 {
                    carts.close(cart, order, ordered(&[("A", 5)])).await.unwrap();
                } else {
                    carts.add(ada, NewItem { sku: "A".into(), quantity: 1 }, Condition::default()).await.ok().unwrap();
                }
            }
        })
        .await;
        assert_eq!(lines(&shop.get(&ada).await), [("A", 16)]);
        assert_eq!(carts_of(&shop.context.db, account(&ada)).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_guests_order_goes_along_when_they_sign_in_meanwhile() {
    for shop in shops().await {
        for _ in 0..16 {
            let (ada, (guest, token)) = (user(), shop.guest("A", 5).await);
            let (cart, order) = (shop.get(&guest).await.id.unwrap(), Uuid::now_v7());
            at_once(2, |n, start| {
                let (carts, token, user) = (Arc::clone(&shop.carts), token.clone(), account(&ada));
                async move {
                    start.wait().await;
                    match n {
                        0 => carts.close(cart, order, ordered(&[("A", 3)])).await.unwrap(),
                        _ => carts.merge(token, user).await.unwrap(),
                    }
                }
            })
            .await;
            assert_eq!(lines(&shop.get(&ada).await), [("A", 2)]);
        }
    }
}

/// The control: the same without the guest's lock. A sign-in that waits for the cart does not see the next one.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_guests_order_is_lost_to_a_sign_in_that_waited_for_the_cart_alone() {
    for shop in shops().await {
        let Db::Postgres(_) = &shop.context.db else { continue };
        let (ada, (guest, token)) = (user(), shop.guest("A", 5).await);
        let (cart, now) = (shop.get(&guest).await.id.unwrap(), shop.context.clock.now());
        let mut tx = shop.context.db.begin().await.unwrap();
        store::close(&mut tx, cart, Uuid::now_v7(), now).await.unwrap();
        let left = store::take(&mut tx, cart).await.unwrap();
        let next = store::change(&mut tx, &guest.owner().unwrap(), now).await.unwrap();
        store::add(&mut tx, next.id, &left[0]).await.unwrap();
        let (carts, user) = (Arc::clone(&shop.carts), account(&ada));
        let merged = shop.context.tasks.spawn(async move { carts.merge(token, user).await });
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        tx.commit().await.unwrap();
        merged.await.unwrap().unwrap();
        assert_eq!(shop.get(&ada).await.id, None, "nobody has it any more");
    }
}
