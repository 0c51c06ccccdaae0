//! What must hold when many do it at once, and what happens without the guard.
use std::sync::Arc;

use kernel::{Executor, testing::at_once};

use super::*;
use crate::store::{purchases, ratings};

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_reviews_many_times_at_once_reviews_once() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        let made = at_once(16, |n, start| {
            let (reviews, ada) = (Arc::clone(&shop.reviews), ada.clone());
            async move {
                start.wait().await;
                reviews.create(ada, "cup".into(), format!("key-{n}"), review(5, "Holds tea.")).await
            }
        })
        .await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
        let refused = |made: &&Result<Review, Error>| matches!(made, Err(Error::AlreadyReviewed { .. }));
        assert_eq!(made.iter().filter(refused).count(), 15, "{made:?}");
        assert_eq!((shop.page(staff(), 100, None).await.0, shop.rating().await), (vec![5], Some((500, 1))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_new_however_often_reviews_are_made_and_taken_back_meanwhile() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        let made = at_once(8, |n, start| {
            let (reviews, ada) = (Arc::clone(&shop.reviews), ada.clone());
            async move {
                start.wait().await;
                let mut made = Vec::new();
                for round in 0..25 {
                    let review = review(5, "Holds tea.");
                    let review = reviews.create(ada.clone(), "cup".into(), format!("{n}-{round}"), review).await;
                    if let Ok(Review { id, .. }) = &review {
                        reviews.delete(ada.clone(), *id, any()).await.unwrap();
                    }
                    made.push(review);
                }
                made
            }
        })
        .await;
        let refused = |made: &&Result<Review, Error>| !matches!(made, Ok(_) | Err(Error::AlreadyReviewed { .. }));
        assert_eq!(made.iter().flatten().find(refused), None);
        assert_eq!(shop.rating().await.map_or(0, |(_, count)| count), 0);
    }
}

/// The control: the same, looked up and then written, where the table has no such rule.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_reviews_many_times_at_once_reviews_often_without_the_rule() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await.account().unwrap();
        shop.context.db.query("CREATE TABLE opinions (customer_id UUID NOT NULL)").execute().await.unwrap();
        at_once(8, |_, start| {
            let db = shop.context.db.clone();
            async move {
                let sql = "SELECT COUNT(*) FROM opinions WHERE customer_id = $1";
                let (known,): (i64,) = db.query(sql).bind(ada).fetch_one().await.unwrap();
                start.wait().await;
                if known == 0 {
                    db.query("INSERT INTO opinions (customer_id) VALUES ($1)").bind(ada).execute().await.unwrap();
                }
            }
        })
        .await;
        let (often,): (i64,) = shop.context.db.query("SELECT COUNT(*) FROM opinions").fetch_one().await.unwrap();
        assert_eq!(often, 8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reviews_of_one_product_at_once_are_all_counted() {
    for shop in shops().await {
        let mut buyers = Vec::new();
        for _ in 0..16 {
            buyers.push(shop.buyer("CUP-S").await);
        }
        at_once(16, |n, start| {
            let (reviews, buyer) = (Arc::clone(&shop.reviews), buyers[n].clone());
            async move {
                start.wait().await;
                let rating = i64::try_from(n).unwrap() % 5 + 1;
                let made =
                    reviews.create(buyer.clone(), "cup".into(), "a".into(), review(rating, "So.")).await.unwrap();
                if n % 4 == 0 {
                    reviews.delete(buyer, made.id, any()).await.unwrap();
                }
            }
        })
        .await;
        let kept: Vec<i64> = (0..16).filter(|n| n % 4 != 0).map(|n| n % 5 + 1).collect();
        let (count, points) = (12, kept.iter().sum::<i64>());
        assert_eq!(shop.rating().await, Some(((200 * points + count) / (2 * count), count)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_changes_meant_for_a_version_is_made() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        let id = shop.create(&ada, "a", 3).await.unwrap().id;
        let made = at_once(8, |n, start| {
            let (reviews, ada) = (Arc::clone(&shop.reviews), ada.clone());
            let patch = ReviewPatch { text: Some(format!("Text {n}.")), ..ReviewPatch::default() };
            async move {
                start.wait().await;
                reviews.update(ada, id, patch, Condition::version(1)).await.is_ok()
            }
        })
        .await;
        assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
        assert_eq!(shop.reviews.get(ada, id).await.unwrap().version, 2);
    }
}

#[tokio::test]
async fn an_earlier_total_that_is_told_late_is_not_noted_over_a_later_one() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        shop.create(&ada, "a", 5).await.unwrap();
        let early = ratings::untold(&shop.context.db, 9).await.unwrap().remove(0);
        let bob = shop.buyer("CUP-S").await;
        shop.create(&bob, "a", 4).await.unwrap();
        let late = ratings::untold(&shop.context.db, 9).await.unwrap().remove(0);
        ratings::set_told(&shop.context.db, &early).await.unwrap();
        assert_eq!(ratings::untold(&shop.context.db, 9).await.unwrap().len(), 1, "the later one is still to be told");
        ratings::set_told(&shop.context.db, &late).await.unwrap();
        ratings::set_told(&shop.context.db, &early).await.unwrap();
        assert!(ratings::untold(&shop.context.db, 9).await.unwrap().is_empty());
        let mut tx = shop.tx().await;
        assert!(!purchases::any(&mut tx, uuid::Uuid::nil(), []).await.unwrap(), "nobody bought nothing");
    }
}
