//! The stories. Each is told to every world, and all must leave the same transcript.
mod accounts;
mod carts;
mod catalogue;
mod contact;
mod operators;
mod orders;
mod refusals;
mod reviews;

use serde_json::{Value, json};

use crate::{
    actor::Actor,
    world::{Bus, Engine, Shop, Topology},
};

/// Tells `story` to one world and compares its transcript with the one that all leave.
async fn tell(name: &str, topology: Topology, engine: Engine, bus: Bus, story: impl AsyncFnOnce(&Shop)) {
    let settings = bus.settings().await;
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
    let shop = Shop::open(topology, engine, &settings).await;
    story(&shop).await;
    let transcript = shop.transcript.lock().unwrap();
    insta::with_settings!({
        snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true,
    }, { insta::assert_snapshot!(name, transcript.text()) });
}

/// One test for each story and world.
macro_rules! stories {
    ($($file:ident::$story:ident),* $(,)?) => { $(
        mod $story {
            use super::{Bus::*, Engine::*, Topology::*, tell};
            const NAME: &str = stringify!($story);

            #[tokio::test]
            async fn together_on_sqlite() { tell(NAME, Together, Sqlite, Direct, super::$file::$story).await; }
            #[tokio::test]
            async fn together_on_postgres() { tell(NAME, Together, Postgres, Direct, super::$file::$story).await; }
            #[tokio::test]
            async fn checked_on_sqlite() { tell(NAME, Checked, Sqlite, Direct, super::$file::$story).await; }
            #[tokio::test]
            async fn checked_on_postgres() { tell(NAME, Checked, Postgres, Direct, super::$file::$story).await; }
            #[tokio::test]
            async fn apart_on_sqlite() { tell(NAME, Apart, Sqlite, Direct, super::$file::$story).await; }
            #[tokio::test]
            async fn apart_on_postgres() { tell(NAME, Apart, Postgres, Direct, super::$file::$story).await; }
            #[tokio::test]
            async fn together_on_nats() { tell(NAME, Together, Sqlite, Nats, super::$file::$story).await; }
            #[tokio::test]
            async fn apart_on_nats() { tell(NAME, Apart, Postgres, Nats, super::$file::$story).await; }
        }
    )* };
}

stories! {
    catalogue::browsing,
    catalogue::running_the_catalogue,
    catalogue::finding,
    accounts::registering_and_signing_in,
    accounts::a_refresh_token_used_twice,
    accounts::an_address_book,
    carts::a_guests_cart_becomes_a_customers,
    orders::an_order_that_is_paid_shipped_and_mailed,
    orders::a_guests_order,
    orders::a_declined_payment,
    orders::sold_out,
    orders::two_customers_and_the_last_one,
    orders::a_cancelled_order_is_paid_back,
    orders::a_payment_that_needs_an_action,
    orders::a_reply_that_got_lost,
    orders::one_key_one_order,
    orders::refunds,
    contact::an_address_that_was_wrong,
    contact::where_parcels_and_mail_can_go,
    operators::what_operators_see_and_may_do,
    refusals::every_refusal,
    reviews::what_customers_say_of_what_they_bought,
}

#[tokio::test]
async fn any_other_split_tells_the_same() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let name = "an_order_that_is_paid_shipped_and_mailed";
        tell(name, Topology::Mixed, engine, Bus::Direct, orders::an_order_that_is_paid_shipped_and_mailed).await;
        let name = "a_guests_cart_becomes_a_customers";
        tell(name, Topology::Mixed, engine, Bus::Direct, carts::a_guests_cart_becomes_a_customers).await;
        tell("every_refusal", Topology::Mixed, engine, Bus::Direct, refusals::every_refusal).await;
    }
}

/// A product with one variant for each `(sku, price, on_hand)`.
pub(crate) async fn product(staff: &Actor<'_>, slug: &str, variants: &[(&str, i64, i64)]) {
    let variants: Vec<Value> = variants
        .iter()
        .map(|(sku, price, on_hand)| {
            let options = if variants.len() > 1 { json!([{"name": "Size", "value": sku}]) } else { json!([]) };
            json!({"sku": sku, "price": {"amount": price, "currency": "EUR"}, "on_hand": on_hand, "options": options})
        })
        .collect();
    let body = json!({"slug": slug, "name": slug.replace('-', " "), "variants": variants});
    let made = staff.send(reqwest::Method::POST, "/v1/products", Some(&body), &[]).await;
    assert_eq!(made.status, 201, "{made:?}");
}

/// Where everybody lives.
pub(crate) fn address() -> Value {
    json!({"name": "Ada Lovelace", "line1": "Market Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"})
}

/// An order to that address, paid with `method` of the test provider.
pub(crate) fn wish(method: &str) -> Value {
    json!({"shipping_address": address(), "shipping_method": "standard", "payment": {"provider": "test", "method": method}})
}
