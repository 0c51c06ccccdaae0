//! What every module wrote down, read from its own database.
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use kernel::{Db, Executor, testing::within};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::world::Shop;

/// The databases of a shop. They are open only while they are read: a process that starts finds the files as the one
/// that died left them.
pub(crate) struct Books {
    pub(crate) orders: Db,
    pub(crate) payments: Db,
    pub(crate) products: Db,
    pub(crate) notifications: Db,
    pub(crate) reviews: Db,
    mailbox: PathBuf,
}

/// A row of `orders`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Order {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) version: i64,
    pub(crate) state: Json<Value>,
}

impl Order {
    /// The number at `pointer` of the order as its module keeps it.
    pub(crate) fn number(&self, pointer: &str) -> i64 {
        self.state.pointer(pointer).and_then(Value::as_i64).unwrap_or_else(|| panic!("{pointer}: {:#}", self.state.0))
    }

    /// The text at `pointer`.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.state.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the customer gets it.
    pub(crate) fn is_sold(&self) -> bool {
        matches!(&*self.status, "confirmed" | "shipped")
    }

    /// What was ordered: each SKU and how many.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, i64)> {
        let lines = self.state["created"]["lines"].as_array().into_iter().flatten();
        lines.map(|line| (line["sku"].as_str().unwrap_or_default(), line["quantity"].as_i64().unwrap_or_default()))
    }
}

/// A row of `order_events`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Decision {
    pub(crate) order_id: Uuid,
    pub(crate) version: i64,
    pub(crate) kind: String,
}

/// A row of an outbox.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Published {
    pub(crate) position: Option<i64>,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) data: Json<Value>,
}

/// A row of `payments`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Payment {
    pub(crate) order_id: Uuid,
    pub(crate) status: String,
    pub(crate) refunded: i64,
    pub(crate) refunding: i64,
}

/// A row of `test_charges`, the provider's own books.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Charge {
    pub(crate) reference: String,
    pub(crate) order_id: Uuid,
    pub(crate) amount: i64,
    pub(crate) state: String,
    pub(crate) refunded: i64,
}

/// A row of `test_operations` that was not refused.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Operation {
    pub(crate) reference: String,
    pub(crate) what: String,
    pub(crate) amount: i64,
}

/// A row of `stock`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Level {
    pub(crate) sku: String,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) movements: i64,
}

/// A row of `stock_ledger`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Movement {
    pub(crate) sku: String,
    pub(crate) number: i64,
    pub(crate) delta: i64,
    pub(crate) reason: String,
    pub(crate) order_id: Option<Uuid>,
}

/// A row of `deliveries`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) status: String,
}

/// Everything, as it is now.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) orders: Vec<Order>,
    pub(crate) decisions: Vec<Decision>,
    /// The outboxes of orders and of payments, each in its order.
    pub(crate) told_by_orders: Vec<Published>,
    pub(crate) told_by_payments: Vec<Published>,
    /// How many events of orders notifications have handled, and of payments orders.
    pub(crate) heard_of_orders: i64,
    pub(crate) heard_of_payments: i64,
    pub(crate) payments: Vec<Payment>,
    pub(crate) charges: Vec<Charge>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) levels: Vec<Level>,
    pub(crate) ledger: Vec<Movement>,
    /// Each order's, and how far it is.
    pub(crate) reservations: Vec<(Uuid, String)>,
    pub(crate) deliveries: Vec<Delivery>,
    /// The messages in the mailbox, by their identifiers.
    pub(crate) mails: BTreeSet<String>,
}

/// What is still to be done, and how to count it: the module, what it is, and the statement.
const UNDER_WAY: [(&str, &str, &str); 12] = [
    ("orders", "sagas", "SELECT COUNT(*) FROM sagas"),
    ("orders", "events without a position", "SELECT COUNT(*) FROM outbox WHERE position IS NULL"),
    ("orders", "events not handled", "SELECT COUNT(*) FROM inbox WHERE state <> 'done'"),
    ("payments", "events without a position", "SELECT COUNT(*) FROM outbox WHERE position IS NULL"),
    ("payments", "refunds", "SELECT COUNT(*) FROM refunds WHERE status = 'pending'"),
    ("payments", "open questions", "SELECT COUNT(*) FROM payments WHERE open IS NOT NULL AND status <> 'voided'"),
    (
        "payments",
        "charges that are held for a cancelled order",
        "SELECT COUNT(*)
           FROM test_charges
           JOIN payments ON payments.order_id = test_charges.order_id
          WHERE payments.given_up AND test_charges.state IN ('authorized', 'action_required')",
    ),
    ("products", "reservations", "SELECT COUNT(*) FROM reservations WHERE state = 'reserved'"),
    ("notifications", "events not handled", "SELECT COUNT(*) FROM inbox WHERE state <> 'done'"),
    ("notifications", "mails to send", "SELECT COUNT(*) FROM deliveries WHERE status = 'queued'"),
    ("reviews", "events not handled", "SELECT COUNT(*) FROM inbox WHERE state <> 'done'"),
    ("reviews", "ratings to tell", "SELECT COUNT(*) FROM ratings WHERE told < version"),
];

/// Payments that were cancelled and are watched for a late charge.
const WATCHED: (&str, &str, &str) =
    ("payments", "watched payments", "SELECT COUNT(*) FROM payments WHERE open IS NOT NULL");

impl Books {
    pub(crate) async fn open(shop: &Shop) -> Self {
        Self {
            orders: shop.database("orders").await,
            payments: shop.database("payments").await,
            products: shop.database("products").await,
            notifications: shop.database("notifications").await,
            reviews: shop.database("reviews").await,
            mailbox: shop.data().join("mailbox"),
        }
    }

    pub(crate) async fn close(self) {
        for db in [self.orders, self.payments, self.products, self.notifications, self.reviews] {
            db.close().await;
        }
    }

    fn of(&self, module: &str) -> &Db {
        match module {
            "orders" => &self.orders,
            "payments" => &self.payments,
            "products" => &self.products,
            "reviews" => &self.reviews,
            _ => &self.notifications,
        }
    }

    /// Waits until nothing is under way any more; else says what is.
    pub(crate) async fn quiet(&self, patience: Duration, watches_too: bool) -> Result<(), String> {
        // Twice in a row: while one looks, work may pass on from where one will look to where one has.
        let clear = AtomicBool::new(false);
        let looked = within(patience, async || match self.under_way(watches_too).await {
            Ok(there) if !(clear.swap(there.is_empty(), Ordering::Relaxed) && there.is_empty()) => {
                Err(there.join(", "))
            }
            quiet => Ok(quiet.map(drop)),
        });
        match looked.await {
            Ok(quiet) => quiet.map_err(|error| error.to_string()),
            Err(there) => {
                let open = self.open_questions().await.map_err(|error| error.to_string())?;
                Err(format!("after {patience:?} there still are {there}; {open:?}"))
            }
        }
    }

    async fn under_way(&self, watches_too: bool) -> sqlx::Result<Vec<String>> {
        let mut found = Vec::new();
        for (module, what, sql) in UNDER_WAY.iter().chain(watches_too.then_some(&WATCHED)) {
            let (count,): (i64,) = self.of(module).query(sql).fetch_one().await?;
            if count > 0 {
                found.push(format!("{count} {what} ({module})"));
            }
        }
        for (reader, writer) in [("orders", "payments"), ("notifications", "orders"), ("reviews", "orders")] {
            let (written,): (i64,) = self.of(writer).query("SELECT COUNT(*) FROM outbox").fetch_one().await?;
            let sql = "SELECT COALESCE(MAX(position), 0) FROM inbox_cursors";
            let (read,): (i64,) = self.of(reader).query(sql).fetch_one().await?;
            if read < written {
                found.push(format!("{} events of {writer} that {reader} have not read", written - read));
            }
        }
        Ok(found)
    }

    /// The payments about which something is not known: the order, how far it is, the question, how often it was asked.
    async fn open_questions(&self) -> sqlx::Result<Vec<(Uuid, String, String, bool, i64)>> {
        let sql = "SELECT order_id, status, open, given_up, tries FROM payments WHERE open IS NOT NULL";
        self.payments.query(sql).fetch_all().await
    }

    /// Reads everything.
    pub(crate) async fn read(&self) -> sqlx::Result<Facts> {
        let Self { orders, payments, products, notifications, .. } = self;
        let outbox = "SELECT position, kind, subject, data FROM outbox ORDER BY position";
        let heard =
            "SELECT COALESCE(MAX(position), 0) - (SELECT COUNT(*) FROM inbox WHERE state <> 'done') FROM inbox_cursors";
        let mails = std::fs::read_dir(&self.mailbox).into_iter().flatten().flatten().map(|file| file.path());
        let mails = mails.filter(|path| path.extension().is_some_and(|kind| kind == "eml"));
        Ok(Facts {
            orders: orders.query("SELECT id, status, version, state FROM orders ORDER BY id").fetch_all().await?,
            decisions: orders
                .query("SELECT order_id, version, kind FROM order_events ORDER BY order_id, version")
                .fetch_all()
                .await?,
            told_by_orders: orders.query(outbox).fetch_all().await?,
            told_by_payments: payments.query(outbox).fetch_all().await?,
            heard_of_orders: notifications.query(heard).fetch_one::<(i64,)>().await?.0,
            heard_of_payments: orders.query(heard).fetch_one::<(i64,)>().await?.0,
            payments: payments.query("SELECT order_id, status, refunded, refunding FROM payments").fetch_all().await?,
            charges: payments
                .query("SELECT reference, order_id, amount, state, refunded FROM test_charges")
                .fetch_all()
                .await?,
            operations: payments
                .query("SELECT reference, what, amount FROM test_operations WHERE refused IS NULL")
                .fetch_all()
                .await?,
            levels: products.query("SELECT sku, on_hand, reserved, movements FROM stock").fetch_all().await?,
            ledger: products
                .query("SELECT sku, number, delta, reason, order_id FROM stock_ledger ORDER BY sku, number")
                .fetch_all()
                .await?,
            reservations: products.query("SELECT order_id, state FROM reservations").fetch_all().await?,
            deliveries: notifications.query("SELECT id, kind, order_id, status FROM deliveries").fetch_all().await?,
            mails: mails.filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect(),
        })
    }
}
