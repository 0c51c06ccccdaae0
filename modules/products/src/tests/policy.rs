use super::{races::all, *};
use crate::{Error, ProductPatch, StockPolicy};

/// A product with one variant that is sold when it is out of stock, too.
async fn endless(shop: &Shop, sku: &str, on_hand: i64) -> Sku {
    let endless = NewVariant { stock_policy: Some(StockPolicy::Continue), ..variant(sku, 100, on_hand) };
    shop.create(staff(), NewProduct { variants: vec![endless], ..product(sku) }).await.unwrap();
    sku.parse().unwrap()
}

async fn change(shop: &Shop, slug: &str, variant: VariantPatch) -> Result<Product, Error> {
    let patch = ProductPatch { variants: Patch::Value(vec![variant]), ..ProductPatch::default() };
    shop.update(staff(), slug.into(), patch, Condition::default()).await
}

async fn set_policy(shop: &Shop, slug: &str, sku: &str, policy: StockPolicy) -> Result<Product, Error> {
    change(shop, slug, VariantPatch { stock_policy: Patch::Value(policy), ..named(sku) }).await
}

#[tokio::test]
async fn what_is_off_sale_is_for_staff_to_see_and_for_nobody_to_buy() {
    for shop in shops().await {
        let variants = vec![sized("S", "Small", 1), sized("L", "Large", 2)];
        shop.create(staff(), NewProduct { variants, ..product("Tee") }).await.unwrap();
        let switch = async |on_sale| {
            let on_sale = Patch::Value(on_sale);
            change(&shop, "tee", VariantPatch { on_sale, ..named("S") }).await.unwrap()
        };
        let off = switch(false).await;
        assert_eq!((skus(&off), off.version, off.variants[0].on_sale), (vec!["S", "L"], 2, false));
        assert_eq!(skus(&shop.get(customer(), "tee".into()).await.unwrap()), ["L"]);
        let listed = async |caller| shop.list(caller, crate::ProductQuery::default()).await.unwrap().items.remove(0);
        assert_eq!(skus(&listed(Caller::Anonymous).await), ["L"]);
        assert_eq!(skus(&listed(staff()).await), ["S", "L"]);
        let asked = || vec!["S".parse().unwrap(), "L".parse().unwrap()];
        assert_eq!(shop.offers(asked()).await.unwrap().len(), 1);
        assert_eq!(switch(true).await.variants[0].price, euro(1), "nothing else changed");
        assert_eq!(shop.offers(asked()).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_variant_that_continues_is_sold_below_nothing_and_the_ledger_adds_up() {
    for shop in shops().await {
        endless(&shop, "A", 1).await;
        let (one, other, third) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        shop.reserve(one, vec![line("A", 3)]).await.unwrap();
        assert_eq!(shop.levels("A").await, (1, 3));
        shop.commit(one).await.unwrap();
        assert_eq!(shop.levels("A").await, (-2, 0));
        shop.reserve(other, vec![line("A", 2)]).await.unwrap();
        shop.let_expire(other).await;
        assert_eq!(shop.levels("A").await, (-2, 0));
        shop.commit(other).await.unwrap();
        shop.reserve(third, vec![line("A", 1)]).await.unwrap();
        shop.release(third).await.unwrap();
        assert_eq!(shop.levels("A").await, (-4, 0));
        shop.release(one).await.unwrap();
        assert_eq!(shop.levels("A").await, (-1, 0));
        let offer = &shop.offers(vec!["A".parse().unwrap()]).await.unwrap()[0];
        assert_eq!((offer.available, offer.stock_policy), (0, StockPolicy::Continue));
        shop.set_stock(staff(), "A".parse().unwrap(), 5, Condition::default()).await.unwrap();
        assert_eq!(shop.levels("A").await, (5, 0));
        shop.audit("A").await;
    }
}

#[tokio::test]
async fn what_is_oversold_and_denied_again_sells_no_more_until_there_is_some() {
    for shop in shops().await {
        let sku = endless(&shop, "A", 1).await;
        let promised = Uuid::now_v7();
        shop.reserve(promised, vec![line("A", 3)]).await.unwrap();
        let denied = set_policy(&shop, "a", "A", StockPolicy::Deny).await.unwrap();
        assert_eq!(denied.variants[0].stock_policy, StockPolicy::Deny);
        let short = vec![crate::Shortage { sku: sku.clone(), requested: 1, available: 0 }];
        assert_eq!(
            shop.reserve(Uuid::now_v7(), vec![line("A", 1)]).await,
            Err(Error::SoldOut { lines: short.clone() })
        );
        let count = async |on_hand| shop.set_stock(staff(), sku.clone(), on_hand, Condition::default()).await;
        assert_eq!(count(0).await, Err(Error::BelowReserved { reserved: 3 }));
        assert_eq!(count(2).await.unwrap().available, -1, "more than before is fine");
        assert_eq!(count(1).await, Err(Error::BelowReserved { reserved: 3 }), "and not fewer again");
        shop.commit(promised).await.unwrap();
        assert_eq!(shop.levels("A").await, (-1, 0), "what was promised is kept");
        assert!(shop.reserve(Uuid::now_v7(), vec![line("A", 1)]).await.is_err());
        count(1).await.unwrap();
        shop.reserve(Uuid::now_v7(), vec![line("A", 1)]).await.unwrap();
        assert_eq!(shop.reserve(Uuid::now_v7(), vec![line("A", 1)]).await, Err(Error::SoldOut { lines: short }));
        shop.audit("A").await;
    }
}

#[tokio::test]
async fn the_database_refuses_what_the_policy_does_not_allow() {
    for shop in shops().await {
        shop.stocked("A", 1).await;
        let promise = async || shop.db.query("UPDATE stock SET reserved = 2 WHERE sku = 'A'").execute().await;
        assert!(promise().await.is_err(), "nothing is promised that is not there");
        set_policy(&shop, "a", "A", StockPolicy::Continue).await.unwrap();
        assert_eq!(promise().await.unwrap(), 1);
        set_policy(&shop, "a", "A", StockPolicy::Deny).await.unwrap();
        let more = shop.db.query("UPDATE stock SET reserved = 3 WHERE sku = 'A'").execute().await;
        assert!(more.is_err(), "and no more than had been");
    }
}

/// Many buy while the policy changes to and fro: none is sold beyond what is there once it is `deny` for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_changes_under_those_who_buy_is_obeyed() {
    for shop in shops().await {
        endless(&shop, "A", 3).await;
        let crowd = || {
            all(&shop, 12, |shop, _| async move {
                let order = Uuid::now_v7();
                let kept = shop.reserve(order, vec![line("A", 1)]).await;
                if kept.is_ok() {
                    shop.commit(order).await.unwrap();
                }
                kept
            })
        };
        let (sold, denied) = tokio::join!(crowd(), set_policy(&shop, "a", "A", StockPolicy::Deny));
        denied.unwrap();
        let sold = i64::try_from(sold.iter().filter(|one| one.is_ok()).count()).unwrap();
        assert_eq!(shop.levels("A").await, (3 - sold, 0));
        let (on_hand, _) = shop.levels("A").await;
        let after = crowd().await.iter().filter(|one| one.is_ok()).count();
        assert_eq!(i64::try_from(after).unwrap(), on_hand.max(0), "denied, no more is sold than there is");
        // The control: without the guard all of them would have been.
        set_policy(&shop, "a", "A", StockPolicy::Continue).await.unwrap();
        assert!(crowd().await.iter().all(Result::is_ok));
        shop.audit("A").await;
    }
}
