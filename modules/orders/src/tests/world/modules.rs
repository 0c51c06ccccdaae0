//! What each module does where the world lets it.

use cart::{Cart, CartId, OrderedItem};
use kernel::{Caller, Money, async_trait};
use payments::{Action, Authorization, Payment, PaymentChoice, PaymentId, PaymentStatus};
use products::{Reservation, Shortage, StockLine};
use users::{Contact, UserId};
use uuid::Uuid;

use super::{Hold, Scene, World, at, eur, whose};

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

fn payment(order_id: Uuid, status: PaymentStatus, amount: Money) -> Payment {
    let url = "https://bank.example/1".into();
    Payment {
        id: PaymentId::new(),
        order_id,
        provider: "test".into(),
        status,
        amount,
        refunded: eur(0),
        reason: None,
        action: (status == PaymentStatus::ActionRequired).then_some(Action { url }),
        created_at: at(),
        updated_at: at(),
    }
}

#[async_trait]
impl products::Double for World {
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
}

#[async_trait]
impl payments::Double for World {
    async fn check(&self, choice: PaymentChoice) -> Result<(), payments::Error> {
        if choice.provider == "test" {
            return Ok(());
        }
        Err(kernel::Violation::new("unknown_value", "there is no such provider").at("/provider").into())
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
            let payment = payment(asked.order_id, status, asked.amount);
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

    async fn void(&self, order_id: Uuid) -> Result<Payment, payments::Error> {
        self.play("cancel", |scene| {
            // One that never began can no longer begin.
            let payment =
                scene.payments.entry(order_id).or_insert_with(|| payment(order_id, PaymentStatus::Voided, eur(0)));
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
}

#[async_trait]
impl cart::Double for World {
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
}

#[async_trait]
impl users::Double for World {
    async fn contact(&self, _: UserId) -> Result<Contact, users::Error> {
        let email = self.scene(|scene| scene.contact.clone());
        Ok(Contact { email: email.unwrap_or_else(|| "ada@example.com".into()), name: "Ada".into() })
    }
}
