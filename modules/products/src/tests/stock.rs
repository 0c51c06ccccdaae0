//! Stock that staff change by a difference, or count on a condition.
use super::{races::all, *};
use crate::Error;

fn member(id: u128) -> Caller {
    Caller::User { id: Uuid::from_u128(id), role: Role::Staff, session: Uuid::nil() }
}

impl Shop {
    async fn adjust(&self, who: u128, sku: &str, key: &str, delta: i64) -> Result<Stock, Error> {
        let any = Condition::default();
        self.adjust_stock(member(who), sku.parse().unwrap(), key.into(), delta, any).await
    }
}

#[tokio::test]
async fn a_difference_is_added_once_for_each_key_of_a_sender() {
    for shop in shops().await {
        shop.stocked("A", 10).await;
        shop.stocked("B", 10).await;
        let first = shop.adjust(1, "A", "1", -3).await.unwrap();
        assert_eq!((first.on_hand, first.available, first.version), (7, 7, 2));
        assert_eq!(shop.adjust(1, "A", "1", -3).await, Ok(first), "the same request");
        assert_eq!(shop.adjust(1, "A", "1", 3).await, Err(Error::KeyReused));
        assert_eq!(shop.adjust(1, "B", "1", -3).await, Err(Error::KeyReused));
        assert_eq!(shop.adjust(2, "A", "1", -3).await.unwrap().on_hand, 4, "another's key");
        assert_eq!(shop.adjust(1, "A", "2", 6).await.unwrap().on_hand, 10, "another of theirs");
        shop.adjust(1, "A", "3", -1).await.unwrap();
        assert_eq!(shop.adjust(1, "A", "1", -3).await.unwrap().on_hand, 9, "late, it is told what there is now");
        for (key, delta, pointer) in [
            ("4", 0, "/delta"),
            ("4", i64::MIN, "/delta"),
            ("4", i64::MAX, "/delta"),
            ("4", 999_999_992, "/delta"),
            ("", 1, "Idempotency-Key"),
        ] {
            let Err(Error::Refusal(kernel::Refusal::InvalidInput { errors })) = shop.adjust(1, "A", key, delta).await
            else {
                panic!("{key} {delta}")
            };
            assert_eq!(errors[0].pointer, pointer, "{delta}");
        }
        assert_eq!(shop.adjust(1, "A", "4", -1).await.unwrap().on_hand, 8, "what was refused took no key");
        let none = Err(Error::SkuNotFound { sku: "NONE".parse().unwrap() });
        assert_eq!(shop.adjust(1, "NONE", "5", 1).await, none);
        let any = Condition::default();
        assert!(shop.adjust_stock(customer(), "A".parse().unwrap(), "1".into(), 1, any).await.is_err());
        shop.audit("A").await;
    }
}

#[tokio::test]
async fn a_difference_leaves_what_is_promised() {
    for shop in shops().await {
        let sku = shop.stocked("A", 5).await;
        shop.reserve(Uuid::now_v7(), vec![line("A", 4)]).await.unwrap();
        assert_eq!(shop.adjust(1, "A", "1", -2).await, Err(Error::BelowReserved { reserved: 4 }));
        assert_eq!(shop.adjust(1, "A", "1", -1).await.unwrap().available, 0);
        let policy = Patch::Value(crate::StockPolicy::Continue);
        let patch = crate::ProductPatch {
            variants: Patch::Value(vec![VariantPatch { stock_policy: policy, ..named("A") }]),
            ..Default::default()
        };
        shop.update(staff(), "a".into(), patch, Condition::default()).await.unwrap();
        assert_eq!(shop.adjust(1, "A", "2", -6).await.unwrap().on_hand, -2, "where that is the policy, it is owed");
        let owed = shop.set_stock(staff(), sku, 0, Condition::default()).await.unwrap();
        assert_eq!((owed.on_hand, owed.available), (0, -4));
        shop.audit("A").await;
    }
}

#[tokio::test]
async fn a_count_is_refused_if_stock_moved_meanwhile_and_not_if_some_was_promised() {
    for shop in shops().await {
        let sku = shop.stocked("A", 10).await;
        let count =
            async |on_hand, version| shop.set_stock(staff(), sku.clone(), on_hand, Condition::version(version)).await;
        let (order, seen) = (Uuid::now_v7(), shop.of("A").await.version);
        shop.reserve(order, vec![line("A", 2)]).await.unwrap();
        assert_eq!(shop.of("A").await.version, seen, "promised, it is still on the shelf");
        let counted = count(12, seen).await.unwrap();
        assert_eq!((counted.on_hand, counted.reserved, counted.version), (12, 2, seen + 1));
        assert_eq!(count(12, seen).await.as_ref(), Ok(&counted), "it is so already");
        assert_eq!(count(11, seen).await, Err(Error::Stale { version: seen + 1 }));
        shop.commit(order).await.unwrap();
        assert_eq!(count(11, seen + 1).await, Err(Error::Stale { version: seen + 2 }), "some was sold");
        assert_eq!(count(11, seen + 2).await.unwrap().on_hand, 11);
        let stale = Condition::version(seen);
        let late = shop.adjust_stock(member(1), sku.clone(), "1".into(), 1, stale.clone()).await;
        assert_eq!(late, Err(Error::Stale { version: seen + 3 }));
        let done = shop.adjust_stock(member(1), sku.clone(), "1".into(), 1, Condition::version(seen + 3)).await;
        assert_eq!(shop.adjust_stock(member(1), sku.clone(), "1".into(), 1, stale).await, done, "it was done before");
        shop.audit("A").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_differences_at_once_add_up() {
    for shop in shops().await {
        shop.stocked("A", 100).await;
        // Each of 32 requests is sent twice.
        let ended = all(&shop, 64, |shop, n| async move {
            let (key, delta) = ((n / 2).to_string(), if n / 2 % 2 == 0 { 5 } else { -2 });
            shop.adjust_stock(member(1), "A".parse().unwrap(), key, delta, Condition::default()).await
        });
        let ended = ended.await;
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
        assert_eq!(shop.of("A").await.on_hand, 100 + 16 * 5 - 16 * 2);
        assert_eq!(shop.of("A").await.version, 33);
        shop.audit("A").await;
        // The control: whoever reads, and then counts, forgets what others did.
        let all_have_read = std::sync::Arc::new(tokio::sync::Barrier::new(16));
        let naive = all(&shop, 16, move |shop, _| {
            let all_have_read = std::sync::Arc::clone(&all_have_read);
            async move {
                let sku: Sku = "A".parse().unwrap();
                let seen = shop.stock(member(1), sku.clone()).await.unwrap().on_hand;
                all_have_read.wait().await;
                shop.set_stock(member(1), sku, seen + 1, Condition::default()).await
            }
        });
        naive.await;
        assert_eq!(shop.of("A").await.on_hand, 149, "15 of 16 are forgotten");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_counted_the_same_one_is_heard() {
    for shop in shops().await {
        let version = shop.stocked("A", 100).await;
        let seen = shop.of("A").await.version;
        let ended = all(&shop, 16, move |shop, n| {
            let (sku, on_hand) = (version.clone(), 200 + i64::try_from(n).unwrap());
            async move { shop.set_stock(member(1), sku, on_hand, Condition::version(seen)).await }
        });
        let ended = ended.await;
        assert_eq!(ended.iter().filter(|one| one.is_ok()).count(), 1);
        assert_eq!(ended.iter().filter(|one| **one == Err(Error::Stale { version: seen + 1 })).count(), 15);
        shop.audit("A").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_for_two_variants_at_once_moves_one() {
    for shop in shops().await {
        for sku in ["A", "B"] {
            shop.stocked(sku, 10).await;
        }
        for round in 0..8 {
            let ended = all(&shop, 2, move |shop, n| async move {
                let sku: Sku = ["A", "B"][n].parse().unwrap();
                shop.adjust_stock(member(1), sku, format!("k{round}"), 1, Condition::default()).await
            });
            let ended = ended.await;
            assert_eq!(ended.iter().filter(|one| one.is_ok()).count(), 1, "{ended:?}");
            assert!(ended.contains(&Err(Error::KeyReused)), "{ended:?}");
        }
        assert_eq!(shop.of("A").await.on_hand + shop.of("B").await.on_hand, 28);
    }
}
