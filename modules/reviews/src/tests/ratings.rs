use super::*;

#[tokio::test]
async fn a_rating_follows_every_change_of_what_is_visible() {
    for shop in shops().await {
        let (ada, bob) = (shop.buyer("CUP-S").await, shop.buyer("CUP-L").await);
        let id = shop.create(&ada, "a", 5).await.unwrap().id;
        assert_eq!(shop.rating().await, Some((500, 1)));
        shop.create(&bob, "a", 2).await.unwrap();
        assert_eq!(shop.rating().await, Some((350, 2)));
        let worse = ReviewPatch { rating: Some(1), ..ReviewPatch::default() };
        shop.reviews.update(ada.clone(), id, worse, any()).await.unwrap();
        assert_eq!(shop.rating().await, Some((150, 2)));
        shop.reviews.moderate(staff(), id, Visibility::Hidden, any()).await.unwrap();
        assert_eq!(shop.rating().await, Some((200, 1)));
        shop.reviews.delete(ada, id, any()).await.unwrap();
        assert_eq!(shop.rating().await, Some((200, 1)), "what is hidden did not count");
        let id = shop.reviews.list(staff(), "cup".into(), PageQuery::default()).await.unwrap().items[0].id;
        shop.reviews.delete(bob, id, any()).await.unwrap();
        assert_eq!(shop.rating().await, None);
    }
}

#[tokio::test]
async fn what_is_told_is_told_once_and_an_answer_says_nothing() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        let id = shop.create(&ada, "a", 5).await.unwrap().id;
        shop.rating().await;
        shop.reviews.answer(staff(), id, Some("Thanks.".into()), any()).await.unwrap();
        shop.rating().await;
        assert_eq!(shop.catalogue.rated.lock().unwrap().len(), 1);
    }
}
