use super::{world::shops_that_hold, *};

#[tokio::test]
async fn who_bought_a_product_reviews_it_once() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        let made = shop.create(&ada, "a", 5).await.unwrap();
        assert_eq!(shop.create(&ada, "a", 5).await, Ok(made.clone()), "one key, one review");
        assert_eq!(shop.create(&ada, "b", 1).await, Err(Error::AlreadyReviewed { review_id: made.id }));
        assert_eq!(shop.create(&customer(), "a", 1).await, Err(Error::NotPurchased));
        assert_eq!(shop.create(&Caller::Anonymous, "a", 1).await, Err(Refusal::Unauthenticated.into()));
        let jug = shop.reviews.create(ada.clone(), "jug".into(), "c".into(), review(5, "?")).await;
        assert_eq!(jug, Err(Error::NotPurchased));
        let none = shop.reviews.create(ada, "hat".into(), "c".into(), review(5, "?")).await;
        assert_eq!(none, Err(Error::ProductNotFound { product: "hat".into() }));
    }
}

#[tokio::test]
async fn one_key_is_not_good_for_two_products() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        shop.create(&ada, "a", 5).await.unwrap();
        let mut tx = shop.tx().await;
        crate::store::purchases::add(&mut tx, &world::order(&ada, "JUG"), false).await.unwrap();
        tx.commit().await.unwrap();
        let jug = shop.reviews.create(ada, "jug".into(), "a".into(), review(5, "Pours.")).await;
        assert_eq!(jug, Err(Error::KeyReused));
    }
}

#[tokio::test]
async fn a_review_says_something_within_limits() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-L").await;
        let wrong = NewReview { rating: 6, text: " ".into(), author: "A\nB".into() };
        let refused = shop.reviews.create(ada.clone(), "cup".into(), "a".into(), wrong).await;
        let Err(Error::Refusal(Refusal::InvalidInput { errors })) = refused else { panic!("{refused:?}") };
        let told: Vec<_> = errors.iter().map(|flaw| (&*flaw.pointer, &*flaw.code)).collect();
        assert_eq!(told, [("/rating", "out_of_range"), ("/text", "required"), ("/author", "control_character")]);
        assert!(shop.create(&ada, "a", 0).await.is_err());
        shop.create(&ada, "a", 1).await.unwrap();
    }
}

#[tokio::test]
async fn its_writer_changes_and_deletes_it_and_nobody_else() {
    for shop in shops().await {
        let (ada, eve) = (shop.buyer("CUP-S").await, shop.buyer("CUP-S").await);
        let id = shop.create(&ada, "a", 2).await.unwrap().id;
        let better = ReviewPatch { rating: Some(4), ..ReviewPatch::default() };
        let change = |who: &Caller, patch: &ReviewPatch, version| {
            shop.reviews.update(who.clone(), id, patch.clone(), Condition::version(version))
        };
        assert_eq!(change(&eve, &better, 1).await, Err(Refusal::Forbidden.into()));
        assert_eq!(change(&staff(), &better, 1).await, Err(Refusal::Forbidden.into()));
        let changed = change(&ada, &better, 1).await.unwrap();
        assert_eq!((changed.rating, &*changed.text, changed.version), (4, "Holds tea.", 2));
        assert_eq!(change(&ada, &better, 1).await.unwrap(), changed, "what is so already is fine");
        let worse = ReviewPatch { text: Some("Leaks.".into()), ..ReviewPatch::default() };
        assert_eq!(change(&ada, &worse, 1).await, Err(Error::Stale { version: 2 }));
        let delete = |who: &Caller, version| shop.reviews.delete(who.clone(), id, Condition::version(version));
        assert_eq!(delete(&eve, 2).await, Err(Refusal::Forbidden.into()));
        assert_eq!(delete(&ada, 1).await, Err(Error::Stale { version: 2 }));
        assert_eq!((delete(&ada, 2).await, delete(&ada, 2).await), (Ok(()), Ok(())));
        assert_eq!(shop.reviews.get(ada.clone(), id).await, Err(Error::ReviewNotFound));
        assert_ne!(shop.create(&ada, "b", 5).await.unwrap().id, id, "and then writes another");
    }
}

#[tokio::test]
async fn staff_answers_and_takes_it_back() {
    for shop in shops().await {
        let ada = shop.buyer("CUP-S").await;
        let id = shop.create(&ada, "a", 2).await.unwrap().id;
        let say = |who: Caller, text: Option<&str>| shop.reviews.answer(who, id, text.map(Into::into), any());
        assert_eq!(say(ada.clone(), Some("Mine.")).await, Err(Refusal::Forbidden.into()));
        let answered = say(staff(), Some(" Thank you. ")).await.unwrap();
        assert_eq!(
            (answered.answer.clone().map(|answer| answer.text), answered.version),
            (Some("Thank you.".into()), 2)
        );
        assert_eq!(say(staff(), Some("Thank you.")).await.unwrap(), answered);
        let taken = say(staff(), None).await.unwrap();
        assert_eq!((taken.answer, taken.version), (None, 3));
    }
}

#[tokio::test]
async fn what_is_hidden_is_seen_by_staff_and_its_writer() {
    for shop in shops().await {
        let (ada, eve) = (shop.buyer("CUP-S").await, shop.buyer("CUP-S").await);
        let id = shop.create(&ada, "a", 1).await.unwrap().id;
        shop.create(&eve, "a", 5).await.unwrap();
        let moderate = |who, visibility| shop.reviews.moderate(who, id, visibility, any());
        assert_eq!(moderate(eve.clone(), Visibility::Hidden).await, Err(Refusal::Forbidden.into()));
        moderate(staff(), Visibility::Hidden).await.unwrap();
        assert_eq!(shop.page(Caller::Anonymous, 9, None).await.0, [5]);
        assert_eq!(shop.page(staff(), 9, None).await.0, [5, 1]);
        let sees = async |who: &Caller| shop.reviews.get(who.clone(), id).await.is_ok();
        assert_eq!((sees(&ada).await, sees(&staff()).await, sees(&eve).await), (true, true, false));
        let patch = ReviewPatch::default();
        assert_eq!(shop.reviews.update(eve, id, patch, any()).await, Err(Error::ReviewNotFound));
        moderate(staff(), Visibility::Visible).await.unwrap();
        assert_eq!(shop.page(Caller::Anonymous, 9, None).await.0, [5, 1]);
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_the_latest_first() {
    for shop in shops().await {
        for rating in 1..=5 {
            let buyer = shop.buyer("CUP-S").await;
            shop.create(&buyer, "a", rating).await.unwrap();
        }
        let (first, next) = shop.page(Caller::Anonymous, 2, None).await;
        // One that comes meanwhile moves nothing.
        let buyer = shop.buyer("CUP-S").await;
        shop.create(&buyer, "a", 1).await.unwrap();
        let (second, next) = shop.page(Caller::Anonymous, 2, next).await;
        let (third, next) = shop.page(Caller::Anonymous, 2, next).await;
        assert_eq!([first, second, third].concat(), [5, 4, 3, 2, 1]);
        assert_eq!(next, None);
    }
}

#[tokio::test]
async fn where_staff_looks_first_nothing_is_shown_before() {
    for shop in shops_that_hold(true).await {
        let ada = shop.buyer("CUP-S").await;
        let id = shop.create(&ada, "a", 5).await.unwrap().id;
        assert_eq!((shop.page(Caller::Anonymous, 9, None).await.0, shop.rating().await), (vec![], None));
        shop.reviews.moderate(staff(), id, Visibility::Visible, any()).await.unwrap();
        assert_eq!(shop.rating().await, Some((500, 1)));
        let patch = ReviewPatch { text: Some("Buy pills!".into()), ..ReviewPatch::default() };
        let changed = shop.reviews.update(ada, id, patch, any()).await.unwrap();
        assert_eq!((changed.visibility, shop.rating().await), (Visibility::Hidden, None));
    }
}
