//! What customers are shown from memory is as it is now.
use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    time::{Duration, Instant},
};

use kernel::testing::{at_once, until};

use super::*;
use crate::{NewCategory, ProductPatch, ProductStatus, Rating};

fn priced(sku: &str, price: i64) -> ProductPatch {
    let variant = VariantPatch { price: Patch::Value(euro(price)), ..named(sku) };
    ProductPatch { variants: Patch::Value(vec![variant]), ..ProductPatch::default() }
}

/// What a stranger is shown of a product, by itself and in a list.
async fn shown(shop: &Service, slug: &str) -> Option<Product> {
    let one = shop.get(Caller::Anonymous, slug.into()).await.ok().map(|ready| ready.value().unwrap());
    let list = shop.list(Caller::Anonymous, ProductQuery::default()).await.unwrap().value().unwrap();
    assert_eq!(list.items.into_iter().find(|listed| listed.slug == slug), one, "alone and in a list");
    one
}

#[tokio::test]
async fn what_was_shown_before_needs_no_statement() {
    for shop in shops().await {
        shop.stocked("TEE", 5).await;
        let before = shown(&shop, "tee").await;
        shop.db.close().await;
        assert_eq!(shown(&shop, "tee").await, before);
        assert!(shop.get(staff(), "tee".into()).await.is_err(), "staff reads the database");
        assert!(shop.offers(vec!["TEE".parse().unwrap()]).await.is_err(), "and so does what decides");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(shop.get(Caller::Anonymous, "tee".into()).await.is_err(), "for a second");
    }
}

#[tokio::test]
async fn whatever_this_process_changes_is_shown_at_once() {
    for shop in shops().await {
        shop.create_category(staff(), NewCategory { slug: None, name: "Men".into() }).await.unwrap();
        let sku = shop.stocked("TEE", 5).await;
        let id = shown(&shop, "tee").await.unwrap().id;
        let change = async |patch| shop.update(staff(), id.to_string(), patch, Condition::default()).await.unwrap();
        let left = async || shown(&shop, "tee").await.unwrap().variants[0].available;

        change(priced("TEE", 5)).await;
        assert_eq!(shown(&shop, "tee").await.unwrap().variants[0].price, euro(5));
        shop.set_stock(staff(), sku.clone(), 7, Condition::default()).await.unwrap();
        assert_eq!(left().await, 7);
        shop.adjust_stock(staff(), sku.clone(), "k".into(), -1, Condition::default()).await.unwrap();
        assert_eq!(left().await, 6);
        let [kept, given, late] = std::array::from_fn(|_| Uuid::now_v7());
        for order in [kept, given, late] {
            shop.reserve(order, vec![line("TEE", 1)]).await.unwrap();
        }
        assert_eq!(left().await, 3);
        shop.commit(kept).await.unwrap();
        shop.release(given).await.unwrap();
        assert_eq!(left().await, 4);
        shop.let_expire(late).await;
        assert_eq!(left().await, 5);
        shop.commit(late).await.unwrap();
        assert_eq!(left().await, 4);
        shop.release(kept).await.unwrap();
        assert_eq!(left().await, 5);

        let rating = Some(Rating { average: 400, count: 1 });
        shop.rate(id, rating, 1).await.unwrap();
        assert_eq!(shown(&shop, "tee").await.unwrap().rating, rating);
        change(ProductPatch { slug: Patch::Value("shirt".into()), ..ProductPatch::default() }).await;
        assert!(shown(&shop, "tee").await.is_none() && shown(&shop, "shirt").await.is_some());
        shop.stocked("CAP", 1).await;
        assert!(shown(&shop, "cap").await.is_some());
        change(ProductPatch { status: Patch::Value(ProductStatus::Archived), ..ProductPatch::default() }).await;
        assert!(shown(&shop, "shirt").await.is_none());
    }
}

#[tokio::test]
async fn what_another_process_changes_is_shown_within_a_second() {
    for shop in shops().await {
        let other = Service::new(&shop.context, shop.context.config().unwrap()).unwrap();
        shop.stocked("TEE", 5).await;
        for service in [&shop.service, &other] {
            assert_eq!(shown(service, "tee").await.unwrap().variants[0].available, 5);
        }
        let patch = priced("TEE", 7);
        shop.update(staff(), "tee".into(), patch, Condition::default()).await.unwrap();
        shop.reserve(Uuid::now_v7(), vec![line("TEE", 2)]).await.unwrap();
        let changed = Instant::now();
        until("the other process shows it", async || {
            let seen = shown(&other, "tee").await.unwrap().variants.remove(0);
            (seen.price, seen.available) == (euro(7), 3)
        })
        .await;
        assert!(changed.elapsed() < Duration::from_millis(1500), "{:?}", changed.elapsed());
    }
}

#[tokio::test]
async fn nobody_else_is_shown_what_staff_sees() {
    for shop in shops().await {
        let off = NewVariant { on_sale: Some(false), ..sized("OFF", "L", 5) };
        let draft = Some(ProductStatus::Draft);
        shop.create(staff(), NewProduct { variants: vec![sized("ON", "S", 5), off], ..product("tee") }).await.unwrap();
        let hidden = NewProduct { status: draft, variants: vec![variant("X", 5, 0)], ..product("hidden") };
        shop.create(staff(), hidden).await.unwrap();
        for _ in 0..2 {
            for (caller, variants, seen) in [(staff(), 2, true), (customer(), 1, false), (Caller::Anonymous, 1, false)]
            {
                assert_eq!(shop.get(caller.clone(), "tee".into()).await.unwrap().variants.len(), variants);
                let list = shop.list(caller.clone(), ProductQuery::default()).await.unwrap();
                assert!(list.items.len() == 1 && list.items[0].variants.len() == variants);
                assert_eq!(shop.get(caller.clone(), "hidden".into()).await.is_ok(), seen);
                let query = ProductQuery { status: draft, ..ProductQuery::default() };
                assert_eq!(shop.list(caller, query).await.is_ok(), seen);
            }
        }
    }
}

/// Some raise a price, one after the other, while others look at it; how often one was shown a price that was older than
/// the last that was answered when they asked.
async fn outdated(shop: &Shop, told: bool) -> usize {
    shop.create(staff(), NewProduct { variants: vec![variant("TEE", 0, 1)], ..product("tee") }).await.unwrap();
    let (answered, over) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let late = at_once(6, |n, start| {
        let (service, answered, over) = (Arc::clone(&shop.service), Arc::clone(&answered), Arc::clone(&over));
        async move {
            start.wait().await;
            let mut late = 0;
            for price in (1..=100).filter(|_| n == 0) {
                if told {
                    service.update(staff(), "tee".into(), priced("TEE", price), Condition::default()).await.unwrap();
                } else {
                    let sql = "UPDATE variants SET price = $1 WHERE sku = 'TEE'";
                    service.db.query(sql).bind(price).execute().await.unwrap();
                }
                answered.store(price, SeqCst);
                over.store(price == 100, SeqCst);
            }
            while n > 0 && !over.load(SeqCst) {
                let last = answered.load(SeqCst);
                let seen = if n % 2 == 0 {
                    service.get(Caller::Anonymous, "tee".into()).await.unwrap().value().unwrap()
                } else {
                    let list = service.list(Caller::Anonymous, ProductQuery::default()).await.unwrap();
                    list.value().unwrap().items.remove(0)
                };
                late += usize::from(last > 0 && seen.variants[0].price.amount < last);
                tokio::task::yield_now().await;
            }
            late
        }
    });
    late.await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_an_old_price_once_its_writer_was_answered() {
    for shop in shops().await {
        assert_eq!(outdated(&shop, true).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_told_of_changes_many_do() {
    for shop in shops().await {
        assert!(outdated(&shop, false).await > 0);
    }
}
