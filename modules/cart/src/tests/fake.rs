//! A catalogue made of paper.
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use kernel::{Caller, Condition, Fault, Money, Page, PageQuery};
use products::{
    Category, Error, ImportReport, ImportedProduct, NewCategory, NewProduct, Offer, Product, ProductId, ProductPatch,
    ProductQuery, Products, Reservation, Sku, Stock, StockLine, StockMovement,
};
use uuid::Uuid;

pub(super) struct Shelf {
    offers: Mutex<BTreeMap<Sku, Offer>>,
    broken: AtomicBool,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let many = (0..150).map(|n| (format!("V{n}"), 1));
        let offers = [("A".into(), 100), ("B".into(), 250)].into_iter().chain(many).map(|(name, amount)| {
            let sku: Sku = name.parse().unwrap();
            let offer = Offer {
                sku: sku.clone(),
                product_id: ProductId::new(),
                slug: name.to_lowercase(),
                name: format!("Thing {name}"),
                variant: String::new(),
                price: Money::new(amount, "EUR".parse().unwrap()),
                weight_g: 1,
                image: None,
                available: 10,
                stock_policy: products::StockPolicy::Deny,
                taxable: true,
            };
            (sku, offer)
        });
        Self { offers: Mutex::new(offers.collect()), broken: AtomicBool::new(false) }
    }

    pub(super) fn take_off(&self, name: &str) {
        self.offers.lock().unwrap().remove(&name.parse().unwrap());
    }

    pub(super) fn break_down(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    pub(super) fn repair(&self) {
        self.broken.store(false, Ordering::Relaxed);
    }
}

#[kernel::async_trait]
impl Products for Shelf {
    async fn offers(&self, skus: Vec<Sku>) -> Result<Vec<Offer>, Error> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Fault::Unavailable.into());
        }
        let offers = self.offers.lock().unwrap();
        Ok(skus.iter().filter_map(|sku| offers.get(sku).cloned()).collect())
    }
    async fn list(&self, _: Caller, _: ProductQuery) -> Result<Page<Product>, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn get(&self, _: Caller, _: String) -> Result<Product, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn create(&self, _: Caller, _: NewProduct) -> Result<Product, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn update(&self, _: Caller, _: String, _: ProductPatch, _: Condition) -> Result<Product, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn every(&self, _: Caller, _: PageQuery) -> Result<Page<Product>, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn archive(&self, _: Caller, _: String, _: Condition) -> Result<(), Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn categories(&self) -> Result<Vec<Category>, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn create_category(&self, _: Caller, _: NewCategory) -> Result<Category, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn import(&self, _: Caller, _: Vec<ImportedProduct>) -> Result<ImportReport, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn stock(&self, _: Caller, _: Sku) -> Result<Stock, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn set_stock(&self, _: Caller, _: Sku, _: i64, _: Condition) -> Result<Stock, Error> {
        unreachable!("a cart asks for offers alone")
    }

    async fn adjust_stock(&self, _: Caller, _: Sku, _: String, _: i64, _: Condition) -> Result<Stock, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn ledger(&self, _: Caller, _: Sku, _: PageQuery) -> Result<Page<StockMovement>, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn reserve(&self, _: Uuid, _: Vec<StockLine>) -> Result<Reservation, Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn commit(&self, _: Uuid) -> Result<(), Error> {
        unreachable!("a cart asks for offers alone")
    }
    async fn release(&self, _: Uuid) -> Result<(), Error> {
        unreachable!("a cart asks for offers alone")
    }
}
