use super::*;
use crate::{Error, ProductId, Rating};

#[tokio::test]
async fn a_rating_that_comes_late_changes_nothing_and_refuses_nobodys_change() {
    for shop in shops().await {
        shop.stocked("CUP", 1).await;
        let before = shop.get(customer(), "cup".into()).await.unwrap();
        assert_eq!(before.rating, None);
        let (early, late) = (Some(Rating { average: 500, count: 1 }), Some(Rating { average: 433, count: 3 }));
        for (rating, version, shown) in [(early, 1, early), (late, 3, late), (early, 2, late), (early, 3, late)] {
            shop.rate(before.id, rating, version).await.unwrap();
            let product = shop.get(customer(), "cup".into()).await.unwrap();
            assert_eq!((product.rating, product.version), (shown, before.version), "{version}");
        }
        assert_eq!(shop.list(customer(), crate::ProductQuery::default()).await.unwrap().items[0].rating, late);
        shop.rate(before.id, None, 4).await.unwrap();
        assert_eq!(shop.get(customer(), "cup".into()).await.unwrap(), before);
        let nothing = shop.rate(ProductId(Uuid::nil()), early, 1).await;
        assert!(matches!(nothing, Err(Error::ProductNotFound { .. })), "{nothing:?}");
    }
}
