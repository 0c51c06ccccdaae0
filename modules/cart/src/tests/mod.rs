//! Carts on both engines, with a catalogue made of paper.
mod fake;
mod http;
mod races;

use std::sync::Arc;

use chrono::TimeDelta;
use kernel::{Caller, Condition, Context, Fault, Local, Refusal, Role, Wire, testing::Folder};
use products::Sku;
use uuid::Uuid;

use self::fake::Shelf;
use crate::{
    Added, Cart, Carts, Error, Module, NewItem, OrderedItem,
    service::Service,
    store::{self, guests},
};

struct Shop {
    carts: Arc<dyn Carts>,
    shelf: Arc<Shelf>,
    context: Context,
    _folder: Folder,
}

/// A shop on each engine that sells A for 1.00, B for 2.50, and V0 to V149 for 0.01.
///
/// They are called as in a checked process: through serde, and what may be repeated is.
async fn shops() -> Vec<Shop> {
    let contexts = kernel::testing::contexts("cart", &<Module as kernel::Module>::MIGRATIONS).await;
    let open = |(context, folder)| {
        let shelf = Arc::new(Shelf::new());
        let carts = Arc::new(Service::new(&context, context.config().unwrap(), shelf.clone()).unwrap());
        let carts = <dyn Carts>::local(carts, Local::new(&context, true, 64, 256));
        Shop { carts, shelf, context, _folder: folder }
    };
    contexts.into_iter().map(open).collect()
}

fn user() -> Caller {
    Caller::User { id: Uuid::now_v7(), role: Role::Customer, session: Uuid::now_v7() }
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

/// The hash by which the edge knows a token.
fn hash(token: &str) -> String {
    kernel::Digest::of(token).hex()
}

fn guest(token: &str) -> Caller {
    Caller::Guest { cart: hash(token) }
}

fn ordered(items: &[(&str, i64)]) -> Vec<OrderedItem> {
    items.iter().map(|&(name, quantity)| OrderedItem { sku: sku(name), quantity }).collect()
}

fn lines(cart: &Cart) -> Vec<(&str, i64)> {
    cart.items.iter().map(|item| (item.sku.as_str(), item.quantity)).collect()
}

impl Shop {
    async fn add(&self, caller: &Caller, sku: &str, quantity: i64) -> Result<Added, Error> {
        self.carts.add(caller.clone(), NewItem { sku: sku.into(), quantity }, Condition::default()).await
    }

    async fn put(&self, caller: &Caller, sku: &str, quantity: i64) -> Cart {
        self.add(caller, sku, quantity).await.ok().unwrap().cart
    }

    async fn get(&self, caller: &Caller) -> Cart {
        self.carts.get(caller.clone()).await.unwrap()
    }

    /// A new guest with one line, and the token.
    async fn guest(&self, sku: &str, quantity: i64) -> (Caller, String) {
        let token = self.add(&Caller::Anonymous, sku, quantity).await.ok().unwrap().token.unwrap();
        (guest(&token), hash(&token))
    }
}

fn account(caller: &Caller) -> Uuid {
    caller.account().unwrap()
}

#[tokio::test]
async fn a_cart_is_filled_changed_and_emptied() {
    for shop in shops().await {
        let ada = user();
        let cart = shop.get(&ada).await;
        assert_eq!((cart.id, cart.version, cart.subtotal.amount, cart.items.len()), (None, 0, 0, 0));
        shop.put(&ada, "B", 1).await;
        shop.put(&ada, "A", 1).await;
        let cart = shop.put(&ada, "B", 2).await;
        assert_eq!(lines(&cart), [("B", 3), ("A", 1)], "in the order in which they were put in");
        assert_eq!((cart.version, cart.subtotal.amount), (3, 850));
        assert_eq!(cart, shop.get(&ada).await);
        let cart = shop.carts.set_quantity(ada.clone(), "B".into(), 2, Condition::version(3)).await.unwrap();
        assert_eq!((lines(&cart), cart.version), (vec![("B", 2), ("A", 1)], 4));
        let cart = shop.carts.set_quantity(ada.clone(), "B".into(), 0, Condition::default()).await.unwrap();
        assert_eq!((lines(&cart), cart.version), (vec![("A", 1)], 5));
        shop.carts.clear(ada.clone(), Condition::default()).await.unwrap();
        shop.carts.clear(ada.clone(), Condition::default()).await.unwrap();
        let cleared = shop.get(&ada).await;
        assert_eq!((cleared.id, cleared.version, cleared.items.len()), (cart.id, 6, 0), "cleared once");
        assert_eq!(lines(&shop.get(&user()).await), [], "and nobody else sees any of it");
    }
}

#[tokio::test]
async fn a_change_meant_for_an_older_version_is_refused_but_may_come_twice() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 1).await;
        let set = |quantity, version: Option<i64>| {
            let if_match = version.map(Condition::version).unwrap_or_default();
            shop.carts.set_quantity(ada.clone(), "A".into(), quantity, if_match)
        };
        assert_eq!(set(5, Some(1)).await.unwrap().version, 2);
        assert_eq!(set(5, Some(1)).await.unwrap().version, 2, "the same again");
        assert_eq!(set(6, Some(1)).await, Err(Error::Stale { version: 2 }));
        assert_eq!(set(0, Some(2)).await.unwrap().version, 3);
        assert_eq!(set(0, Some(2)).await.unwrap().version, 3, "the same again");
        assert_eq!(set(1, None).await, Err(Error::ItemNotFound { sku: sku("A") }));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_leaves_nothing_behind() {
    for shop in shops().await {
        let ada = user();
        assert_eq!(
            shop.add(&ada, "NO-SUCH-SKU", 1).await.err(),
            Some(Error::SkuNotFound { sku: "NO-SUCH-SKU".into() })
        );
        for (sku, quantity, pointer) in
            [("A", 0, "/quantity"), ("A", i64::MAX, "/quantity"), ("\0", 1, "/sku"), (&"x".repeat(1 << 20), 1, "/sku")]
        {
            let Some(Error::Refusal(Refusal::InvalidInput { errors })) = shop.add(&ada, sku, quantity).await.err()
            else {
                panic!("it passed")
            };
            assert_eq!(errors[0].pointer, pointer);
        }
        for quantity in [-1, 1000, i64::MIN] {
            assert!(shop.carts.set_quantity(ada.clone(), "A".into(), quantity, Condition::default()).await.is_err());
        }
        assert_eq!(
            shop.carts.set_quantity(ada.clone(), "\0".into(), 1, Condition::default()).await,
            Err(Error::SkuNotFound { sku: "\0".into() })
        );
        assert_eq!(shop.get(&ada).await.id, None);
    }
}

#[tokio::test]
async fn a_line_and_a_cart_can_be_full() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 998).await;
        let Some(Error::Refusal(Refusal::InvalidInput { errors })) = shop.add(&ada, "A", 2).await.err() else {
            panic!("it passed")
        };
        assert_eq!(errors[0].pointer, "/quantity");
        assert_eq!(lines(&shop.put(&ada, "A", 1).await), [("A", 999)]);
        for n in 0..99 {
            shop.put(&ada, &format!("V{n}"), 1).await;
        }
        assert_eq!(shop.add(&ada, "B", 1).await.err(), Some(Error::CartFull { limit: 100 }));
        let cart = shop.put(&ada, "V7", 1).await;
        assert_eq!((cart.items.len(), cart.version), (100, 102), "more of what is in still fits");
    }
}

#[tokio::test]
async fn a_line_that_is_no_longer_on_sale_stays_and_costs_nothing() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 2).await;
        shop.put(&ada, "B", 2).await;
        shop.shelf.take_off("B");
        let cart = shop.get(&ada).await;
        let gone = &cart.items[1];
        assert_eq!(
            (&*gone.name, gone.unit_price.amount, gone.line_total.amount, gone.available),
            ("Thing B", 250, 0, 0)
        );
        assert_eq!(cart.subtotal.amount, 200);
        assert!(matches!(shop.add(&ada, "B", 1).await.err(), Some(Error::SkuNotFound { .. })));
        assert_eq!(shop.carts.set_quantity(ada, "B".into(), 0, Condition::default()).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn a_catalogue_that_fails_makes_a_cart_unavailable_and_changes_nothing() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 2).await;
        shop.shelf.break_down();
        assert_eq!(shop.add(&ada, "A", 1).await.err(), Some(Error::Fault(Fault::Unavailable)));
        assert_eq!(shop.carts.get(ada.clone()).await, Err(Error::Fault(Fault::Unavailable)));
        shop.shelf.repair();
        assert_eq!(lines(&shop.get(&ada).await), [("A", 2)]);
    }
}

#[tokio::test]
async fn a_guest_comes_back_with_the_token_that_the_shop_made() {
    for shop in shops().await {
        assert_eq!(shop.get(&Caller::Anonymous).await.id, None);
        let first = shop.add(&Caller::Anonymous, "A", 1).await.ok().unwrap();
        let ours = guest(&first.token.unwrap());
        let second = shop.add(&ours, "A", 2).await.ok().unwrap();
        assert_eq!((second.token, lines(&second.cart)), (None, vec![("A", 3)]));
        assert_eq!(second.cart.id, first.cart.id);

        let chosen = guest("letmein");
        let third = shop.add(&chosen, "B", 1).await.ok().unwrap();
        assert_eq!(shop.get(&chosen).await.id, None, "a token that the client chose opens nothing");
        assert_eq!(lines(&shop.get(&guest(&third.token.unwrap())).await), [("B", 1)]);
        assert_eq!(shop.carts.set_quantity(chosen, "B".into(), 0, Condition::default()).await.unwrap().id, None);
    }
}

#[tokio::test]
async fn the_shop_itself_has_no_cart() {
    for shop in shops().await {
        let refused = || Error::Refusal(Refusal::Forbidden);
        assert_eq!(shop.carts.get(Caller::System).await, Err(refused()));
        assert_eq!(shop.add(&Caller::System, "A", 1).await.err(), Some(refused()));
        assert_eq!(shop.carts.set_quantity(Caller::System, "A".into(), 1, Condition::default()).await, Err(refused()));
        assert_eq!(shop.carts.clear(Caller::System, Condition::default()).await, Err(refused()));
    }
}

#[tokio::test]
async fn signing_in_brings_the_lines_along_and_ends_the_token() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 600).await;
        let (guest, token) = shop.guest("A", 600).await;
        shop.put(&guest, "B", 1).await;
        for _ in 0..2 {
            shop.carts.merge(token.clone(), account(&ada)).await.unwrap();
            let cart = shop.get(&ada).await;
            assert_eq!((lines(&cart), cart.version), (vec![("A", 999), ("B", 1)], 2));
        }
        assert_eq!(shop.get(&guest).await.id, None);
        shop.carts.merge(token.clone(), account(&user())).await.unwrap();
        assert_eq!(lines(&shop.get(&ada).await).len(), 2, "nor does it lead anywhere else");
        let fresh = shop.add(&guest, "B", 5).await.ok().unwrap();
        assert!(fresh.token.is_some(), "whoever goes on with it is a new guest");
        assert_eq!(lines(&fresh.cart), [("B", 5)]);
        for unknown in ["", "0", &"f".repeat(64), "\u{fffd}"] {
            shop.carts.merge(unknown.into(), account(&ada)).await.unwrap();
        }
        assert_eq!(shop.get(&ada).await.version, 2);
    }
}

#[tokio::test]
async fn two_full_carts_become_one_full_cart() {
    for shop in shops().await {
        let ada = user();
        let (guest, token) = shop.guest("V149", 1).await;
        for n in 0..100 {
            shop.put(&ada, &format!("V{n}"), 1).await;
        }
        for n in 50..149 {
            shop.put(&guest, &format!("V{n}"), 1).await;
        }
        shop.carts.merge(token, account(&ada)).await.unwrap();
        let cart = shop.get(&ada).await;
        assert_eq!((cart.items.len(), lines(&cart)[0]), (100, ("V149", 1)), "the earliest are kept");
    }
}

#[tokio::test]
async fn what_was_put_in_since_the_order_goes_on_in_a_new_cart() {
    for shop in shops().await {
        let (guest, _) = shop.guest("A", 1).await;
        for owner in [user(), guest] {
            shop.put(&owner, "A", 1).await;
            let old = shop.put(&owner, "B", 1).await;
            let bought: Vec<_> = lines(&old);
            let bought = ordered(&bought);
            shop.put(&owner, "B", 2).await;
            shop.put(&owner, "V1", 4).await;
            let order = Uuid::now_v7();
            let mut versions = Vec::new();
            for _ in 0..2 {
                shop.carts.close(old.id.unwrap(), order, bought.clone()).await.unwrap();
                let new = shop.get(&owner).await;
                assert_eq!(lines(&new), [("B", 2), ("V1", 4)]);
                assert_ne!(new.id, old.id);
                assert!(new.version > old.version + 2, "no ETag is used twice");
                versions.push(new.version);
            }
            assert_eq!(versions[0], versions[1], "closing again changes nothing");
            let another = shop.carts.close(old.id.unwrap(), Uuid::now_v7(), bought).await;
            assert_eq!(another, Err(Error::Fault(Fault::Internal)), "a cart is sold once");
            let added = shop.add(&owner, "A", 1).await.ok().unwrap();
            assert_eq!((added.token, lines(&added.cart).len()), (None, 3), "the token still opens it");
        }
    }
}

#[tokio::test]
async fn a_cart_that_was_ordered_whole_is_empty() {
    for shop in shops().await {
        let (guest, _) = shop.guest("A", 2).await;
        let old = shop.get(&guest).await;
        shop.carts.close(old.id.unwrap(), Uuid::now_v7(), ordered(&[("A", 2)])).await.unwrap();
        assert_eq!(shop.get(&guest).await.id, None);
        let next = shop.add(&guest, "B", 1).await.ok().unwrap();
        assert_eq!((next.token, lines(&next.cart)), (None, vec![("B", 1)]));
        assert!(next.cart.version > old.version && next.cart.id != old.id);
    }
}

#[tokio::test]
async fn a_guest_who_signs_in_while_ordering_has_what_was_ordered_taken_out() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "B", 1).await;
        let (guest, token) = shop.guest("A", 2).await;
        shop.put(&guest, "B", 1).await;
        let (cart, order) = (shop.get(&guest).await.id.unwrap(), Uuid::now_v7());
        shop.carts.merge(token, account(&ada)).await.unwrap();
        for _ in 0..2 {
            shop.carts.close(cart, order, ordered(&[("A", 2), ("B", 1)])).await.unwrap();
            assert_eq!(lines(&shop.get(&ada).await), [("B", 1)]);
        }
    }
}

#[tokio::test]
async fn a_cart_that_is_gone_is_closed() {
    for shop in shops().await {
        shop.carts.close(crate::CartId::new(), Uuid::now_v7(), ordered(&[("A", 2)])).await.unwrap();
    }
}

#[tokio::test]
async fn a_guest_is_forgotten_and_an_account_is_not() {
    for shop in shops().await {
        let ada = user();
        shop.put(&ada, "A", 1).await;
        let (gone, token) = shop.guest("A", 1).await;
        shop.carts.merge(token, account(&ada)).await.unwrap();
        let (idle, _) = shop.guest("A", 1).await;
        let (busy, _) = shop.guest("A", 1).await;
        shop.context.clock.advance(TimeDelta::days(20));
        shop.carts.set_quantity(busy.clone(), "A".into(), 2, Condition::default()).await.unwrap();
        shop.context.clock.advance(TimeDelta::days(11));
        let before = shop.context.clock.now() - TimeDelta::days(30);
        assert_eq!(guests::sweep(&shop.context.db, before).await.unwrap(), 2, "the idle one and the merged one");
        assert_eq!(lines(&shop.get(&ada).await), [("A", 2)]);
        assert_eq!(lines(&shop.get(&busy).await), [("A", 2)]);
        for lost in [idle, gone] {
            assert_eq!(shop.get(&lost).await.id, None);
            assert!(shop.add(&lost, "A", 1).await.ok().unwrap().token.is_some());
        }
    }
}

#[tokio::test]
async fn of_an_accounts_ended_carts_the_latest_is_kept() {
    for shop in shops().await {
        let (ada, (_, token)) = (user(), shop.guest("B", 1).await);
        let mut carts = Vec::new();
        for _ in 0..3 {
            let cart = shop.put(&ada, "A", 1).await.id.unwrap();
            if carts.is_empty() {
                // A guest is known whose lines went to the first.
                shop.carts.merge(token.clone(), account(&ada)).await.unwrap();
            }
            shop.carts.close(cart, Uuid::now_v7(), ordered(&[("A", 1), ("B", 1)])).await.unwrap();
            carts.push(cart);
        }
        let version = shop.put(&ada, "A", 1).await.version;
        let open = shop.get(&ada).await;
        shop.carts.close(open.id.unwrap(), Uuid::now_v7(), ordered(&[("A", 1)])).await.unwrap();
        let swept = async |days: i64| {
            shop.context.clock.advance(TimeDelta::days(days));
            store::sweep(&shop.context.db, shop.context.clock.now() - TimeDelta::days(30)).await.unwrap()
        };
        assert_eq!((swept(29).await, swept(2).await), (0, 2), "not the first, nor the last");
        guests::sweep(&shop.context.db, shop.context.clock.now()).await.unwrap();
        assert_eq!((swept(0).await, swept(0).await), (1, 0));
        assert!(shop.put(&ada, "A", 1).await.version > version + 1, "no ETag is used twice");
    }
}
