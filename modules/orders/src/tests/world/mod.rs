//! The modules around orders, played by hand: they keep count of what happens, and fail when they are told to.
mod modules;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use cart::{Cart, CartId, CartItem};
use chrono::{DateTime, Utc};
use kernel::{Caller, Fault, Money};
use payments::{Payment, PaymentStatus};
use products::{Sku, StockLine};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It does not arrive.
    Lost,
    /// Its answer does not arrive.
    ReplyLost,
    /// It hangs before anything happens, until [`World::go_on`].
    HangsBefore,
    /// It hangs once everything has happened, until [`World::go_on`].
    HangsAfter,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hold {
    Reserved(Vec<StockLine>),
    Taken(Vec<StockLine>),
    Released,
}

#[derive(Default)]
pub(crate) struct Scene {
    pub(crate) stock: BTreeMap<Sku, i64>,
    pub(crate) holds: BTreeMap<Uuid, Hold>,
    pub(crate) payments: BTreeMap<Uuid, Payment>,
    pub(crate) refunds: BTreeMap<String, Money>,
    /// What payments say to the next refund.
    pub(crate) no_refund: Option<payments::Error>,
    pub(crate) carts: BTreeMap<String, Cart>,
    /// The address of every account; Ada's where there is none.
    pub(crate) contact: Option<String>,
    /// Each effect as it happens, and not again where a call is repeated.
    pub(crate) effects: Vec<&'static str>,
    mishaps: BTreeMap<&'static str, VecDeque<Mishap>>,
}

pub(crate) struct World {
    scene: Mutex<Scene>,
    /// A permit for each call that hangs.
    hanging: Semaphore,
    /// A permit for each that may go on.
    gate: Semaphore,
}

pub(crate) fn eur(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().unwrap())
}

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn at() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn whose(caller: &Caller) -> String {
    serde_json::to_string(caller).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let stock = BTreeMap::from([(sku("TEA"), 100), (sku("CUP"), 3)]);
        Self {
            scene: Mutex::new(Scene { stock, ..Scene::default() }),
            hanging: Semaphore::new(0),
            gate: Semaphore::new(0),
        }
    }

    /// Looks at everything, or changes it.
    pub(crate) fn scene<T>(&self, look: impl FnOnce(&mut Scene) -> T) -> T {
        look(&mut self.scene.lock().unwrap())
    }

    /// The next call of `step` goes wrong.
    pub(crate) fn mishap(&self, step: &'static str, mishap: Mishap) {
        self.scene(|scene| scene.mishaps.entry(step).or_default().push_back(mishap));
    }

    /// Puts so many into a new cart of `caller`.
    pub(crate) fn fill(&self, caller: &Caller, items: &[(&str, i64, i64)]) -> CartId {
        let id = CartId::new();
        let item = |(name, quantity, price): &(&str, i64, i64)| CartItem {
            sku: sku(name),
            name: (*name).into(),
            variant: String::new(),
            slug: name.to_lowercase(),
            image: None,
            quantity: *quantity,
            unit_price: eur(*price),
            line_total: eur(price * quantity),
            available: self.scene(|scene| scene.stock[&sku(name)]),
            stock_policy: products::StockPolicy::Deny,
            taxable: true,
        };
        let items: Vec<_> = items.iter().map(item).collect();
        let subtotal = Money::sum(items.iter().map(|item| item.line_total), eur(0).currency).unwrap();
        let cart = Cart { id: Some(id), items, subtotal, version: 1, updated_at: Some(at()) };
        self.scene(|scene| scene.carts.insert(whose(caller), cart));
        id
    }

    /// The provider makes up its mind.
    pub(crate) fn resolve(&self, order_id: Uuid, status: PaymentStatus) {
        self.scene(|scene| {
            let payment = scene.payments.get_mut(&order_id).unwrap();
            (payment.status, payment.action) = (status, None);
            if status == PaymentStatus::Authorized {
                scene.effects.push("authorize");
            }
        });
    }

    /// Waits until a call hangs.
    pub(crate) async fn hanging(&self) {
        self.hanging.acquire().await.unwrap().forget();
    }

    /// Lets a call that hangs go on.
    pub(crate) fn go_on(&self) {
        self.gate.add_permits(1);
    }

    async fn play<T, E: From<Fault>>(
        &self,
        step: &'static str,
        effect: impl FnOnce(&mut Scene) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let mishap = self.scene(|scene| scene.mishaps.get_mut(step).and_then(VecDeque::pop_front));
        if mishap == Some(Mishap::Lost) {
            return Err(Fault::Unavailable.into());
        }
        if mishap == Some(Mishap::HangsBefore) {
            self.hang().await;
        }
        let answer = self.scene(effect);
        if mishap == Some(Mishap::ReplyLost) {
            return Err(Fault::Unavailable.into());
        }
        if mishap == Some(Mishap::HangsAfter) {
            self.hang().await;
        }
        answer
    }

    async fn hang(&self) {
        self.hanging.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
    }
}
