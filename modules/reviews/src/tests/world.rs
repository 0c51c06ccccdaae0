//! A shop whose catalogue is one cup in two sizes and one jug, and that hears of orders as they are told to it.
use std::sync::{Arc, Mutex};

use kernel::{Caller, Context, Local, Module as _, Money, Ready, Tx, Wire, testing::Folder};
use orders::{Order, OrderLine};
use products::{Product, ProductId, ProductStatus, Rating, Variant};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{Module, Reviews, rating, service::Service, settings::Settings, store::purchases};

/// Notes what it is told of ratings.
pub(super) struct Catalogue {
    products: Vec<Product>,
    pub(super) rated: Mutex<Vec<(ProductId, Option<Rating>, i64)>>,
}

fn product(slug: &str, skus: &[(&str, bool)]) -> Product {
    let price = Money::new(1250, "EUR".parse().unwrap());
    let variant = |(sku, on_sale): &(&str, bool)| Variant {
        sku: sku.parse().unwrap(),
        name: String::new(),
        options: Vec::new(),
        price,
        compare_at_price: None,
        weight_g: 0,
        barcode: None,
        available: 1,
        stock_policy: products::StockPolicy::Deny,
        taxable: true,
        on_sale: *on_sale,
    };
    Product {
        id: ProductId::new(),
        slug: slug.into(),
        name: slug.into(),
        description: String::new(),
        vendor: None,
        category: None,
        tags: Vec::new(),
        images: Vec::new(),
        variants: skus.iter().map(variant).collect(),
        status: ProductStatus::Active,
        rating: None,
        version: 1,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

#[kernel::async_trait]
impl products::Double for Catalogue {
    async fn get(&self, caller: Caller, key: String) -> Result<Ready<Product>, products::Error> {
        let found = self.products.iter().find(|product| product.slug == key || product.id.to_string() == key);
        let mut product = found.cloned().ok_or(products::Error::ProductNotFound { product: key })?;
        product.variants.retain(|variant| variant.on_sale || caller.is_staff());
        Ok(Ready::of(&product)?)
    }

    async fn rate(&self, id: ProductId, rating: Option<Rating>, version: i64) -> Result<(), products::Error> {
        self.rated.lock().unwrap().push((id, rating, version));
        Ok(())
    }
}

/// One engine's shop, called as in a checked process: through serde, and what may be repeated is.
pub(super) struct Shop {
    pub(super) context: Context,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) service: Arc<Service>,
    pub(super) reviews: Arc<dyn Reviews>,
    _folder: Folder,
}

pub(super) async fn shops() -> Vec<Shop> {
    shops_that_hold(false).await
}

pub(super) async fn shops_that_hold(hold: bool) -> Vec<Shop> {
    let open = |(context, folder): (Context, Folder)| {
        let products = vec![product("cup", &[("CUP-S", true), ("CUP-L", false)]), product("jug", &[("JUG", true)])];
        let catalogue = Arc::new(Catalogue { products, rated: Mutex::default() });
        let mut service = Service::new(&context, catalogue.clone()).unwrap();
        service.settings = Settings { hold };
        let service = Arc::new(service);
        let reviews = <dyn Reviews>::local(service.clone(), Local::new(&context, true, 64, 256));
        Shop { context, catalogue, service, reviews, _folder: folder }
    };
    kernel::testing::contexts("reviews", &Module::MIGRATIONS).await.into_iter().map(open).collect()
}

/// An order of one `sku`.
pub(super) fn order(customer: &Caller, sku: &str) -> Order {
    let money = json!({"amount": 1250, "currency": "EUR"});
    let line = json!({"sku": sku, "name": "Cup", "variant": "", "quantity": 1, "unit_price": money,
        "line_total": money, "tax": money});
    let line: OrderLine = serde_json::from_value(line).unwrap();
    let order = json!({
        "id": Uuid::now_v7(), "number": "7K3F-9QXM", "status": "confirmed", "customer_id": customer.account().ok(),
        "email": "ada@example.com", "lines": [line],
        "totals": {"items": money, "shipping": money, "tax": money, "discount": money, "total": money,
            "tax_included": true},
        "shipping_address": {"name": "Ada", "line1": "Market Street 1", "city": "Berlin", "postal_code": "10115",
            "country": "DE"},
        "shipping_method": "standard",
        "payment": {"provider": "test", "status": "captured", "amount": money, "refunded": money, "action": null},
        "shipments": [], "cancellation": null, "placed_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "version": 3,
    });
    serde_json::from_value(order).unwrap()
}

impl Shop {
    pub(super) async fn tx(&self) -> Tx {
        self.context.db.begin().await.unwrap()
    }

    /// Somebody who bought `sku`.
    pub(super) async fn buyer(&self, sku: &str) -> Caller {
        let buyer = customer();
        let mut tx = self.tx().await;
        purchases::add(&mut tx, &order(&buyer, sku), false).await.unwrap();
        tx.commit().await.unwrap();
        buyer
    }

    /// Reviews the cup.
    pub(super) async fn create(&self, caller: &Caller, key: &str, rating: i64) -> Result<Review, Error> {
        self.reviews.create(caller.clone(), "cup".into(), key.into(), review(rating, "Holds tea.")).await
    }

    /// The texts of a page of the cup's reviews.
    pub(super) async fn page(&self, caller: Caller, limit: u32, cursor: Option<String>) -> (Vec<i64>, Option<String>) {
        let page = PageQuery { limit: Some(limit), cursor };
        let page = self.reviews.list(caller, "cup".into(), page).await.unwrap();
        (page.items.into_iter().map(|review| review.rating).collect(), page.next)
    }

    /// The cup's rating as the catalogue was last told, as `(average, count)`.
    pub(super) async fn rating(&self) -> Option<(i64, i64)> {
        rating::tell(&self.service).await.unwrap();
        let rated = self.catalogue.rated.lock().unwrap();
        let (_, rating, _) = rated.iter().max_by_key(|(_, _, version)| *version)?;
        rating.map(|rating| (rating.average, rating.count))
    }
}
