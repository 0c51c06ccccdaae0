use chrono::TimeDelta;

use super::*;
use crate::{Address, AddressId, NewAddress, PostalAddress};

fn address(city: &str, is_default: bool) -> NewAddress {
    let address = PostalAddress {
        name: "Ada Lovelace".into(),
        line1: "Market Street 1".into(),
        line2: Some("c/o Babbage".into()),
        city: city.into(),
        region: None,
        postal_code: "10115".into(),
        country: "de".into(),
        phone: None,
    };
    NewAddress { address, is_default }
}

fn shown(book: &[Address]) -> Vec<(&str, bool)> {
    book.iter().map(|entry| (&*entry.address.city, entry.is_default)).collect()
}

#[tokio::test]
async fn whoever_has_an_address_has_one_default() {
    for shop in worlds().await {
        let ada = shop.customer("ada").await;
        let add = |city: &str, default| shop.api.add_address(ada.caller.clone(), address(city, default));
        let set = |id, city: &str, default| shop.api.set_address(ada.caller.clone(), id, address(city, default));
        let book = async || shop.api.addresses(ada.caller.clone()).await.unwrap();

        let berlin = add("Berlin", false).await.unwrap();
        assert_eq!((berlin.is_default, &*berlin.address.country), (true, "DE"));
        let london = add("London", false).await.unwrap();
        add("Paris", true).await.unwrap();
        assert_eq!(shown(&book().await), [("Paris", true), ("Berlin", false), ("London", false)]);

        assert_eq!(set(london.id, "Londres", true).await.unwrap().id, london.id);
        assert_eq!(shown(&book().await), [("Londres", true), ("Berlin", false), ("Paris", false)]);
        assert!(set(london.id, "London", false).await.unwrap().is_default, "until another takes its place");

        shop.api.remove_address(ada.caller.clone(), london.id).await.unwrap();
        shop.api.remove_address(ada.caller.clone(), london.id).await.unwrap();
        assert_eq!(shown(&book().await), [("Berlin", true), ("Paris", false)]);
        assert_eq!(set(london.id, "London", true).await, Err(Error::AddressNotFound));
    }
}

#[tokio::test]
async fn an_address_book_is_its_owners() {
    for shop in worlds().await {
        let (ada, eve) = (shop.customer("ada").await, shop.customer("eve").await);
        let berlin = shop.api.add_address(ada.caller.clone(), address("Berlin", true)).await.unwrap();
        let set = shop.api.set_address(eve.caller.clone(), berlin.id, address("Eve's", true)).await;
        assert_eq!(set, Err(Error::AddressNotFound));
        assert_eq!(shop.api.remove_address(eve.caller.clone(), berlin.id).await, Err(Error::AddressNotFound));
        assert_eq!(shop.api.addresses(eve.caller.clone()).await, Ok(vec![]));
        assert_eq!(shop.api.addresses(ada.caller.clone()).await, Ok(vec![berlin]));
        assert!(unauthenticated(shop.api.add_address(Caller::Anonymous, address("Berlin", true)).await));
        let unknown = shop.api.remove_address(ada.caller, AddressId::new()).await;
        assert_eq!(unknown, Err(Error::AddressNotFound));
    }
}

#[tokio::test]
async fn the_flaws_of_an_address_are_pointed_at_and_a_book_is_bounded() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let mut broken = address("", false);
        broken.address.country = "UK".into();
        let refused = shop.api.add_address(ada.caller.clone(), broken).await;
        assert_eq!(flaws(refused), [flaw("/city", "required"), flaw("/country", "unknown_country")]);
        for _ in 0..50 {
            shop.api.add_address(ada.caller.clone(), address("Berlin", false)).await.unwrap();
        }
        assert_eq!(flaws(shop.api.add_address(ada.caller, address("Berlin", false)).await), [flaw("", "too_many")]);
    }
}

#[tokio::test]
async fn what_was_removed_is_forgotten_after_a_while() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let berlin = shop.api.add_address(ada.caller.clone(), address("Berlin", false)).await.unwrap();
        shop.api.remove_address(ada.caller.clone(), berlin.id).await.unwrap();
        shop.context.clock.advance(TimeDelta::days(1));
        shop.service.sweep().await;
        assert_eq!(shop.api.remove_address(ada.caller, berlin.id).await, Err(Error::AddressNotFound));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_defaults_at_once_leave_one() {
    for shop in shops().await {
        let ada = shop.customer("ada").await;
        let outcomes = crowd(|n, barrier| {
            let (api, caller) = (Arc::clone(&shop.api), ada.caller.clone());
            async move {
                barrier.wait().await;
                api.add_address(caller, address(&format!("City {n}"), true)).await
            }
        })
        .await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let book = shop.api.addresses(ada.caller).await.unwrap();
        assert_eq!((book.len(), book.iter().filter(|entry| entry.is_default).count()), (CROWD, 1));
    }
}
