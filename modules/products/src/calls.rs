//! The module behind its trait: who may do what, and in which room it is done.
use kernel::{Caller, Condition, Page, PageQuery, Ready};
use uuid::Uuid;

use crate::{
    Category, Error, ImportReport, ImportedProduct, NewCategory, NewProduct, Offer, Product, ProductId, ProductPatch,
    ProductQuery, Products, Rating, Reservation, Sku, Stock, StockLine, StockMovement,
    catalogue::{self, categories, import},
    service::Service,
    stock::{self, reservations},
};

#[kernel::async_trait]
impl Products for Service {
    async fn list(&self, caller: Caller, query: ProductQuery) -> Result<Ready<Page<Product>>, Error> {
        catalogue::list(self, &caller, query).await
    }

    async fn every(&self, caller: Caller, page: PageQuery) -> Result<Page<Product>, Error> {
        caller.staff()?;
        catalogue::every(self, page).await
    }

    async fn get(&self, caller: Caller, id_or_slug: String) -> Result<Ready<Product>, Error> {
        catalogue::get(self, &caller, id_or_slug).await
    }

    async fn create(&self, caller: Caller, product: NewProduct) -> Result<Product, Error> {
        caller.staff()?;
        catalogue::create(self, product).await
    }

    async fn update(
        &self,
        caller: Caller,
        id_or_slug: String,
        patch: ProductPatch,
        if_match: Condition,
    ) -> Result<Product, Error> {
        caller.staff()?;
        catalogue::update(self, &id_or_slug, patch, &if_match).await
    }

    async fn archive(&self, caller: Caller, id_or_slug: String, if_match: Condition) -> Result<(), Error> {
        caller.staff()?;
        catalogue::archive(self, &id_or_slug, &if_match).await
    }

    async fn categories(&self) -> Result<Vec<Category>, Error> {
        categories::categories(self).await
    }

    async fn create_category(&self, caller: Caller, category: NewCategory) -> Result<Category, Error> {
        caller.staff()?;
        categories::create_category(self, category).await
    }

    async fn import(&self, caller: Caller, products: Vec<ImportedProduct>) -> Result<ImportReport, Error> {
        caller.staff()?;
        import::import(self, products).await
    }

    async fn stock(&self, caller: Caller, sku: Sku) -> Result<Stock, Error> {
        caller.staff()?;
        stock::stock(self, sku).await
    }

    async fn set_stock(&self, caller: Caller, sku: Sku, on_hand: i64, if_match: Condition) -> Result<Stock, Error> {
        caller.staff()?;
        stock::set_stock(self, sku, on_hand, &if_match).await
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
        stock::adjust_stock(self, &caller, sku, &key, delta, &if_match).await
    }

    async fn ledger(&self, caller: Caller, sku: Sku, page: PageQuery) -> Result<Page<StockMovement>, Error> {
        caller.staff()?;
        stock::ledger(self, sku, page).await
    }

    async fn offers(&self, skus: Vec<Sku>) -> Result<Vec<Offer>, Error> {
        catalogue::offers(self, skus).await
    }

    async fn reserve(&self, order_id: Uuid, lines: Vec<StockLine>) -> Result<Reservation, Error> {
        reservations::reserve(self, order_id, lines).await
    }

    async fn commit(&self, order_id: Uuid) -> Result<(), Error> {
        reservations::commit(self, order_id).await
    }

    async fn rate(&self, id: ProductId, rating: Option<Rating>, version: i64) -> Result<(), Error> {
        catalogue::rate(self, id, rating, version).await
    }

    async fn release(&self, order_id: Uuid) -> Result<(), Error> {
        reservations::release(self, order_id).await
    }
}
