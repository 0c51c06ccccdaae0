//! The modules around orders, played by hand: they keep count of what happens, and fail when they are told to.
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use cart::{Added, Cart, CartId, CartItem, Carts, NewItem, OrderedItem};
use chrono::{DateTime, Utc};
use kernel::{Caller, CloudEvent, Condition, Fault, Money, Page, PageQuery, Role, async_trait};
use payments::{Action, Authorization, Payment, PaymentChoice, PaymentId, PaymentStatus, Payments};
use products::{
    Category, ImportReport, ImportedProduct, NewCategory, NewProduct, Offer, Product, ProductPatch, ProductQuery,
    Products, Reservation, Shortage, Sku, Stock, StockLine, StockMovement,
};
use tokio::sync::Semaphore;
use users::{
    Address, AddressId, Contact, Credentials, NewAddress, NewUser, Session, SessionId, Tokens, User, UserId, UserPatch,
    Users, VerifyingKey,
};
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

impl Scene {
    fn short(&self, lines: &[StockLine]) -> Vec<Shortage> {
        let short = lines.iter().filter_map(|StockLine { sku, quantity }| {
            let available = self.stock.get(sku).copied().unwrap_or_default();
            (available < *quantity).then(|| Shortage { sku: sku.clone(), requested: *quantity, available })
        });
        short.collect()
    }

    fn take(&mut self, lines: &[StockLine], sign: i64) {
        for line in lines {
            *self.stock.entry(line.sku.clone()).or_default() -= sign * line.quantity;
        }
    }
}

#[async_trait]
impl Products for World {
    async fn reserve(&self, order_id: Uuid, lines: Vec<StockLine>) -> Result<Reservation, products::Error> {
        self.play("reserve", |scene| {
            match scene.holds.get(&order_id) {
                Some(Hold::Released) => return Err(products::Error::Released),
                Some(_) => {}
                None => {
                    let short = scene.short(&lines);
                    if !short.is_empty() {
                        return Err(products::Error::SoldOut { lines: short });
                    }
                    scene.take(&lines, 1);
                    scene.holds.insert(order_id, Hold::Reserved(lines));
                    scene.effects.push("reserve");
                }
            }
            Ok(Reservation { order_id, expires_at: at() })
        })
        .await
    }

    async fn commit(&self, order_id: Uuid) -> Result<(), products::Error> {
        self.play("commit", |scene| match scene.holds.get(&order_id).cloned() {
            Some(Hold::Reserved(lines)) => {
                scene.holds.insert(order_id, Hold::Taken(lines));
                scene.effects.push("commit");
                Ok(())
            }
            Some(Hold::Taken(_)) => Ok(()),
            Some(Hold::Released) => Err(products::Error::Released),
            // The reservation ran out, and somebody else was given the stock.
            None => Err(products::Error::SoldOut { lines: Vec::new() }),
        })
        .await
    }

    async fn release(&self, order_id: Uuid) -> Result<(), products::Error> {
        self.play("release", |scene| {
            match scene.holds.insert(order_id, Hold::Released) {
                Some(Hold::Reserved(lines) | Hold::Taken(lines)) => {
                    scene.take(&lines, -1);
                    scene.effects.push("release");
                }
                Some(Hold::Released) | None => {}
            }
            Ok(())
        })
        .await
    }

    async fn list(&self, _: Caller, _: ProductQuery) -> Result<Page<Product>, products::Error> {
        unreachable!()
    }
    async fn get(&self, _: Caller, _: String) -> Result<Product, products::Error> {
        unreachable!()
    }
    async fn create(&self, _: Caller, _: NewProduct) -> Result<Product, products::Error> {
        unreachable!()
    }
    async fn update(&self, _: Caller, _: String, _: ProductPatch, _: Condition) -> Result<Product, products::Error> {
        unreachable!()
    }
    async fn every(&self, _: Caller, _: PageQuery) -> Result<Page<Product>, products::Error> {
        unreachable!()
    }
    async fn archive(&self, _: Caller, _: String, _: Condition) -> Result<(), products::Error> {
        unreachable!()
    }
    async fn categories(&self) -> Result<Vec<Category>, products::Error> {
        unreachable!()
    }
    async fn create_category(&self, _: Caller, _: NewCategory) -> Result<Category, products::Error> {
        unreachable!()
    }
    async fn import(&self, _: Caller, _: Vec<ImportedProduct>) -> Result<ImportReport, products::Error> {
        unreachable!()
    }
    async fn stock(&self, _: Caller, _: Sku) -> Result<Stock, products::Error> {
        unreachable!()
    }
    async fn set_stock(&self, _: Caller, _: Sku, _: i64, _: Condition) -> Result<Stock, products::Error> {
        unreachable!()
    }

    async fn adjust_stock(&self, _: Caller, _: Sku, _: String, _: i64, _: Condition) -> Result<Stock, products::Error> {
        unreachable!()
    }
    async fn ledger(&self, _: Caller, _: Sku, _: PageQuery) -> Result<Page<StockMovement>, products::Error> {
        unreachable!()
    }
    async fn offers(&self, _: Vec<Sku>) -> Result<Vec<Offer>, products::Error> {
        unreachable!()
    }
}

#[async_trait]
impl Payments for World {
    async fn check(&self, choice: PaymentChoice) -> Result<(), payments::Error> {
        if choice.provider == "test" {
            return Ok(());
        }
        Err(kernel::Invalid::one("/provider", "unknown_value", "there is no such provider").into())
    }

    async fn authorize(&self, asked: Authorization) -> Result<Payment, payments::Error> {
        self.play("authorize", |scene| {
            if let Some(payment) = scene.payments.get(&asked.order_id) {
                return match payment.status {
                    PaymentStatus::Declined => Err(payments::Error::Declined { reason: "declined".into() }),
                    PaymentStatus::Voided | PaymentStatus::Refunded => Err(payments::Error::Cancelled),
                    _ => Ok(payment.clone()),
                };
            }
            let status = match &*asked.choice.method {
                "declined" => PaymentStatus::Declined,
                "action_required" => PaymentStatus::ActionRequired,
                "slow" => PaymentStatus::Pending,
                _ => PaymentStatus::Authorized,
            };
            let url = "https://bank.example/1".into();
            let payment = Payment {
                id: PaymentId::new(),
                order_id: asked.order_id,
                provider: "test".into(),
                status,
                amount: asked.amount,
                refunded: eur(0),
                reason: None,
                action: (status == PaymentStatus::ActionRequired).then_some(Action { url }),
                created_at: at(),
                updated_at: at(),
            };
            scene.payments.insert(asked.order_id, payment.clone());
            match status {
                PaymentStatus::Declined => return Err(payments::Error::Declined { reason: "declined".into() }),
                PaymentStatus::Authorized => scene.effects.push("authorize"),
                _ => {}
            }
            Ok(payment)
        })
        .await
    }

    async fn capture(&self, order_id: Uuid) -> Result<Payment, payments::Error> {
        self.play("capture", |scene| {
            let payment = scene.payments.get_mut(&order_id).unwrap();
            match payment.status {
                PaymentStatus::Authorized => {
                    payment.status = PaymentStatus::Captured;
                    scene.effects.push("capture");
                    Ok(payment.clone())
                }
                PaymentStatus::Voided | PaymentStatus::Refunded => Err(payments::Error::Cancelled),
                _ => Ok(payment.clone()),
            }
        })
        .await
    }

    async fn cancel(&self, order_id: Uuid) -> Result<Payment, payments::Error> {
        self.play("cancel", |scene| {
            // One that never began can no longer begin.
            let payment = scene.payments.entry(order_id).or_insert_with(|| Payment {
                id: PaymentId::new(),
                order_id,
                provider: "test".into(),
                status: PaymentStatus::Voided,
                amount: eur(0),
                refunded: eur(0),
                reason: None,
                action: None,
                created_at: at(),
                updated_at: at(),
            });
            match payment.status {
                PaymentStatus::Captured | PaymentStatus::PartiallyRefunded => {
                    (payment.status, payment.refunded) = (PaymentStatus::Refunded, payment.amount);
                    scene.effects.push("pay back");
                }
                PaymentStatus::Authorized => {
                    payment.status = PaymentStatus::Voided;
                    scene.effects.push("void");
                }
                PaymentStatus::Pending | PaymentStatus::ActionRequired => payment.status = PaymentStatus::Voided,
                _ => {}
            }
            Ok(payment.clone())
        })
        .await
    }

    async fn refund(&self, order_id: Uuid, key: String, amount: Money) -> Result<Payment, payments::Error> {
        self.play("refund", |scene| {
            if let Some(refusal) = scene.no_refund.take() {
                return Err(refusal);
            }
            let payment = scene.payments.get_mut(&order_id).unwrap();
            if scene.refunds.insert(key, amount).is_none() {
                payment.refunded = payment.refunded.plus(amount).unwrap();
                scene.effects.push("refund");
            }
            Ok(payment.clone())
        })
        .await
    }

    async fn get(&self, _: Caller, _: Uuid) -> Result<Payment, payments::Error> {
        unreachable!()
    }
    async fn webhook(&self, _: String, _: String, _: String) -> Result<(), payments::Error> {
        unreachable!()
    }
    async fn act(&self, _: String, _: String, _: bool) -> Result<(), payments::Error> {
        unreachable!()
    }
    async fn events(&self, _: i64, _: i64, wait_ms: i64) -> Result<Vec<CloudEvent>, payments::Error> {
        tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
        Ok(Vec::new())
    }
}

#[async_trait]
impl Carts for World {
    async fn get(&self, caller: Caller) -> Result<Cart, cart::Error> {
        let nothing = Cart { id: None, items: Vec::new(), subtotal: eur(0), version: 0, updated_at: None };
        let cart = self.scene(|scene| {
            let mut cart = scene.carts.get(&whose(&caller)).cloned()?;
            cart.items.iter_mut().for_each(|item| item.available = scene.stock[&item.sku]);
            Some(cart)
        });
        Ok(cart.unwrap_or(nothing))
    }

    async fn close(&self, id: CartId, _: Uuid, _: Vec<OrderedItem>) -> Result<(), cart::Error> {
        self.play("close", |scene| {
            let open = scene.carts.len();
            scene.carts.retain(|_, cart| cart.id != Some(id));
            if scene.carts.len() < open {
                scene.effects.push("close");
            }
            Ok(())
        })
        .await
    }

    async fn add(&self, _: Caller, _: NewItem, _: Condition) -> Result<Added, cart::Error> {
        unreachable!()
    }
    async fn set_quantity(&self, _: Caller, _: String, _: i64, _: Condition) -> Result<Cart, cart::Error> {
        unreachable!()
    }
    async fn clear(&self, _: Caller, _: Condition) -> Result<(), cart::Error> {
        unreachable!()
    }
    async fn merge(&self, _: String, _: Uuid) -> Result<(), cart::Error> {
        unreachable!()
    }
}

#[async_trait]
impl Users for World {
    async fn contact(&self, _: UserId) -> Result<Contact, users::Error> {
        let email = self.scene(|scene| scene.contact.clone());
        Ok(Contact { email: email.unwrap_or_else(|| "ada@example.com".into()), name: "Ada".into() })
    }

    async fn register(&self, _: NewUser) -> Result<User, users::Error> {
        unreachable!()
    }
    async fn create(&self, _: Caller, _: NewUser, _: Role) -> Result<User, users::Error> {
        unreachable!()
    }
    async fn sign_in(&self, _: Credentials, _: String) -> Result<Tokens, users::Error> {
        unreachable!()
    }
    async fn refresh(&self, _: String, _: Option<String>) -> Result<Tokens, users::Error> {
        unreachable!()
    }
    async fn sign_out(&self, _: Caller, _: Option<SessionId>) -> Result<(), users::Error> {
        unreachable!()
    }
    async fn sessions(&self, _: Caller) -> Result<Vec<Session>, users::Error> {
        unreachable!()
    }
    async fn get(&self, _: Caller, _: UserId) -> Result<User, users::Error> {
        unreachable!()
    }
    async fn list(&self, _: Caller, _: PageQuery) -> Result<Page<User>, users::Error> {
        unreachable!()
    }
    async fn update(&self, _: Caller, _: UserPatch, _: Condition) -> Result<User, users::Error> {
        unreachable!()
    }
    async fn set_role(&self, _: Caller, _: UserId, _: Role, _: Condition) -> Result<User, users::Error> {
        unreachable!()
    }
    async fn addresses(&self, _: Caller) -> Result<Vec<Address>, users::Error> {
        unreachable!()
    }
    async fn add_address(&self, _: Caller, _: NewAddress) -> Result<Address, users::Error> {
        unreachable!()
    }
    async fn set_address(&self, _: Caller, _: AddressId, _: NewAddress) -> Result<Address, users::Error> {
        unreachable!()
    }
    async fn remove_address(&self, _: Caller, _: AddressId) -> Result<(), users::Error> {
        unreachable!()
    }
    async fn keys(&self) -> Result<Vec<VerifyingKey>, users::Error> {
        unreachable!()
    }
}
