//! The module on both engines: stories of staff, customers and orders.
mod backup;
mod catalogue;
mod import;
mod listing;
mod policy;
mod races;
mod ratings;
mod reservations;
mod routes;
mod shown;
mod stock;

use std::sync::Arc;

use kernel::{
    Caller, Condition, Context, Currency, Executor, Module as _, Money, Page, PageQuery, Patch, Role, testing::Folder,
};
use uuid::Uuid;

use crate::{
    Error, Module, NewProduct, NewVariant, OptionValue, Product, ProductQuery, Products, Service, Sku, Stock,
    StockLine, VariantPatch, stock::reservations::expire,
};

/// One engine's shop, and what keeps its files.
struct Shop {
    context: Context,
    service: Arc<Service>,
    _folder: Folder,
}

impl std::ops::Deref for Shop {
    type Target = Service;
    fn deref(&self) -> &Service {
        &self.service
    }
}

/// An empty shop on SQLite and one on PostgreSQL.
async fn shops() -> Vec<Shop> {
    let mut shops = Vec::new();
    for (context, folder) in kernel::testing::contexts("products", &Module::MIGRATIONS).await {
        let service = Arc::new(Service::new(&context, context.config().unwrap()).unwrap());
        shops.push(Shop { context, service, _folder: folder });
    }
    shops
}

impl Shop {
    async fn get(&self, caller: Caller, id_or_slug: String) -> Result<Product, Error> {
        Ok(self.service.get(caller, id_or_slug).await?.value()?)
    }

    async fn list(&self, caller: Caller, query: ProductQuery) -> Result<Page<Product>, Error> {
        Ok(self.service.list(caller, query).await?.value()?)
    }

    /// A product with one variant, of which so many are on hand.
    async fn stocked(&self, sku: &str, on_hand: i64) -> Sku {
        self.create(staff(), NewProduct { variants: vec![variant(sku, 1999, on_hand)], ..product(sku) }).await.unwrap();
        sku.parse().unwrap()
    }

    async fn of(&self, sku: &str) -> Stock {
        self.service.stock(staff(), sku.parse().unwrap()).await.unwrap()
    }

    async fn levels(&self, sku: &str) -> (i64, i64) {
        let Stock { on_hand, reserved, .. } = self.of(sku).await;
        (on_hand, reserved)
    }

    /// Puts a reservation past its time; the clock of the expiry is the database's, which a test cannot set.
    async fn let_expire(&self, order: Uuid) {
        let long_ago = self.context.clock.now() - chrono::TimeDelta::days(1);
        let late = self
            .db
            .query("UPDATE reservations SET expires_at = $2 WHERE order_id = $1 AND state = 'reserved'")
            .bind(order)
            .bind(long_ago);
        assert_eq!(late.execute().await.unwrap(), 1);
        expire(self).await.unwrap();
    }

    /// The ledger adds up to the level, and is numbered without gaps.
    async fn audit(&self, sku: &str) {
        let (mut cursor, mut movements) = (None, Vec::new());
        loop {
            let page = kernel::PageQuery { limit: Some(100), cursor };
            let page = self.ledger(staff(), sku.parse().unwrap(), page).await.unwrap();
            movements.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let count = i64::try_from(movements.len()).unwrap();
        assert!(movements.iter().map(|movement| movement.number).eq((1..=count).rev()), "{movements:?}");
        let sum: i64 = movements.iter().map(|movement| movement.delta).sum();
        assert_eq!(sum, self.of(sku).await.on_hand, "{movements:?}");
    }
}

fn staff() -> Caller {
    Caller::User { id: Uuid::nil(), role: Role::Staff, session: Uuid::nil() }
}

fn customer() -> Caller {
    Caller::User { id: Uuid::nil(), role: Role::Customer, session: Uuid::nil() }
}

fn euro(amount: i64) -> Money {
    Money::new(amount, "EUR".parse::<Currency>().unwrap())
}

/// A product without variants yet.
fn product(name: &str) -> NewProduct {
    NewProduct {
        slug: None,
        name: name.into(),
        description: String::new(),
        vendor: None,
        category: None,
        tags: vec![],
        images: vec![],
        variants: vec![],
        status: None,
    }
}

fn variant(sku: &str, price: i64, on_hand: i64) -> NewVariant {
    NewVariant {
        sku: sku.into(),
        options: vec![],
        price: euro(price),
        compare_at_price: None,
        weight_g: 0,
        barcode: None,
        on_hand,
        stock_policy: None,
        taxable: None,
        on_sale: None,
    }
}

fn sized(sku: &str, size: &str, price: i64) -> NewVariant {
    NewVariant { options: vec![OptionValue { name: "Size".into(), value: size.into() }], ..variant(sku, price, 0) }
}

/// A change of a variant that says nothing of it yet.
fn named(sku: &str) -> VariantPatch {
    VariantPatch { sku: sku.into(), ..VariantPatch::default() }
}

fn line(sku: &str, quantity: i64) -> StockLine {
    StockLine { sku: sku.parse().unwrap(), quantity }
}

fn skus(product: &Product) -> Vec<&str> {
    product.variants.iter().map(|variant| variant.sku.as_str()).collect()
}
