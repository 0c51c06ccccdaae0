//! The module behind its trait: who may do what, and where it is done.
use chrono::TimeDelta;
use kernel::{Caller, Clock, Condition, Context, Currency, Db, Page, PageQuery, Patch, StartError};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Category, Error, ImportReport, ImportedProduct, NewCategory, NewProduct, Offer, Product, ProductPatch,
    ProductQuery, ProductStatus, Products, Reservation, Sku, Stock, StockLine, StockMovement,
    catalogue::store::variants,
};

/// The section `[products]` of the configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    reservation_minutes: u32,
    pub(crate) demo: bool,
}

/// The catalogue and its stock, in a database of their own.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) currency: Currency,
    /// How long stock is kept for an order.
    pub(crate) hold_for: TimeDelta,
}

impl Service {
    /// Refuses a currency that is not that of the prices there are: their amounts would mean something else.
    pub(crate) async fn new(context: &Context, config: &Config) -> Result<Self, StartError> {
        let Context { db, clock, currency, .. } = context.clone();
        if config.reservation_minutes == 0 {
            return Err("`products.reservation_minutes` must be 1 or more".into());
        }
        if let Some(other) = variants::currency(&db).await?.filter(|code| code != currency.code()) {
            return Err(format!("`currency` is {currency}, but the catalogue's prices are in {other}").into());
        }
        let hold_for = TimeDelta::minutes(config.reservation_minutes.into());
        Ok(Self { db, clock, currency, hold_for })
    }
}

/// A product as customers see it.
fn shown(mut product: Product) -> Product {
    product.variants.retain(|variant| variant.on_sale);
    product
}

#[kernel::async_trait]
impl Products for Service {
    async fn list(&self, caller: Caller, query: ProductQuery) -> Result<Page<Product>, Error> {
        if query.status.is_some_and(|status| status != ProductStatus::Active) {
            caller.staff()?;
        }
        let page = self.page(query).await?;
        Ok(if caller.is_staff() { page } else { page.map(shown) })
    }

    async fn every(&self, caller: Caller, page: PageQuery) -> Result<Page<Product>, Error> {
        caller.staff()?;
        self.whole(page).await
    }

    async fn get(&self, caller: Caller, id_or_slug: String) -> Result<Product, Error> {
        let product = self.find(&id_or_slug).await?;
        // A product that customers do not see is to them as if it were not there.
        if caller.is_staff() {
            Ok(product)
        } else if product.status == ProductStatus::Active {
            Ok(shown(product))
        } else {
            Err(Error::ProductNotFound { product: id_or_slug })
        }
    }

    async fn create(&self, caller: Caller, product: NewProduct) -> Result<Product, Error> {
        caller.staff()?;
        self.add(product).await
    }

    async fn update(
        &self,
        caller: Caller,
        id_or_slug: String,
        patch: ProductPatch,
        if_match: Condition,
    ) -> Result<Product, Error> {
        caller.staff()?;
        self.change(&id_or_slug, patch, &if_match).await
    }

    async fn archive(&self, caller: Caller, id_or_slug: String, if_match: Condition) -> Result<(), Error> {
        caller.staff()?;
        let status = Patch::Value(ProductStatus::Archived);
        let patch = ProductPatch { status, ..ProductPatch::default() };
        self.change(&id_or_slug, patch, &if_match).await.map(drop)
    }

    async fn categories(&self) -> Result<Vec<Category>, Error> {
        self.shelves().await
    }

    async fn create_category(&self, caller: Caller, category: NewCategory) -> Result<Category, Error> {
        caller.staff()?;
        self.add_category(category).await
    }

    async fn import(&self, caller: Caller, products: Vec<ImportedProduct>) -> Result<ImportReport, Error> {
        caller.staff()?;
        self.bring_in(products).await
    }

    async fn stock(&self, caller: Caller, sku: Sku) -> Result<Stock, Error> {
        caller.staff()?;
        self.level(sku).await
    }

    async fn set_stock(&self, caller: Caller, sku: Sku, on_hand: i64, if_match: Condition) -> Result<Stock, Error> {
        caller.staff()?;
        self.count(sku, on_hand, &if_match).await
    }

    async fn adjust_stock(
        &self,
        caller: Caller,
        sku: Sku,
        key: String,
        delta: i64,
        if_match: Condition,
    ) -> Result<Stock, Error> {
        caller.staff()?;
        self.adjust(&caller, sku, &key, delta, &if_match).await
    }

    async fn ledger(&self, caller: Caller, sku: Sku, page: PageQuery) -> Result<Page<StockMovement>, Error> {
        caller.staff()?;
        self.movements(sku, page).await
    }

    async fn offers(&self, skus: Vec<Sku>) -> Result<Vec<Offer>, Error> {
        self.on_sale(skus).await
    }

    async fn reserve(&self, order_id: Uuid, lines: Vec<StockLine>) -> Result<Reservation, Error> {
        self.hold(order_id, lines).await
    }

    async fn commit(&self, order_id: Uuid) -> Result<(), Error> {
        self.sell(order_id).await
    }

    async fn release(&self, order_id: Uuid) -> Result<(), Error> {
        self.give_back(order_id).await
    }
}
