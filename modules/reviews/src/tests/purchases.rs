use super::{world::order, *};
use crate::store::purchases;

#[tokio::test]
async fn a_cancelled_order_is_no_purchase_whichever_is_heard_of_first() {
    for shop in shops().await {
        for events in [&[false, true][..], &[true, false], &[false, true, false], &[true]] {
            let ada = customer();
            let order = order(&ada, "CUP-S");
            for cancelled in events {
                let mut tx = shop.tx().await;
                purchases::add(&mut tx, &order, *cancelled).await.unwrap();
                tx.commit().await.unwrap();
            }
            assert_eq!(shop.create(&ada, "a", 1).await, Err(Error::NotPurchased), "{events:?}");
        }
    }
}

#[tokio::test]
async fn another_order_of_the_same_is_a_purchase_still_and_a_guests_is_nobodys() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        let mut tx = shop.tx().await;
        purchases::add(&mut tx, &order(&ada, "CUP-S"), true).await.unwrap();
        purchases::add(&mut tx, &order(&Caller::Anonymous, "CUP-S"), false).await.unwrap();
        tx.commit().await.unwrap();
        shop.create(&ada, "a", 4).await.unwrap();
    }
}
