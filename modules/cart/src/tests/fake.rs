//! A catalogue made of paper.
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use kernel::{Fault, Money};
use products::{Error, Offer, ProductId, Sku};

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
impl products::Double for Shelf {
    async fn offers(&self, skus: Vec<Sku>) -> Result<Vec<Offer>, Error> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Fault::Unavailable.into());
        }
        let offers = self.offers.lock().unwrap();
        Ok(skus.iter().filter_map(|sku| offers.get(sku).cloned()).collect())
    }
}
