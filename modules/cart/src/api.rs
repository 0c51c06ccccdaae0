//! What the other modules see of carts.
use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, Money};
use products::{Image, Sku, StockPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Error, forms::Most};

kernel::id! {
    /// Identifies a cart, from its first line until it is ordered.
    pub struct CartId;
}

/// What somebody means to buy, at today's prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cart {
    /// Its identifier; null while nothing was ever put in.
    pub id: Option<CartId>,
    /// Its lines, in the order in which they were put in.
    pub items: Vec<CartItem>,
    /// The sum of the lines that are on sale.
    pub subtotal: Money,
    /// Counts changes; the `ETag`.
    pub version: i64,
    /// When it was last changed; null while nothing was ever put in.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CartItem {
    /// The variant.
    pub sku: Sku,
    /// Its product's name.
    pub name: String,
    /// What tells it from its siblings; empty for an only one.
    pub variant: String,
    /// Its product's name in addresses.
    pub slug: String,
    /// The main picture.
    pub image: Option<Image>,
    /// How many are wished for.
    pub quantity: i64,
    /// The price of one; of what is no longer on sale, its last.
    pub unit_price: Money,
    /// The price of all; 0 for what is no longer on sale, so that the lines add up to the subtotal.
    pub line_total: Money,
    /// How many are there to be sold now; 0 for what is no longer on sale.
    pub available: i64,
    /// What happens when there are none; `deny` for what is no longer on sale.
    #[serde(default)]
    pub stock_policy: StockPolicy,
    /// Whether it is taxed.
    #[serde(default = "yes")]
    pub taxable: bool,
}

/// What an answer of an earlier release means by saying nothing.
fn yes() -> bool {
    true
}

impl CartItem {
    /// Whether so many of it cannot be sold now.
    #[must_use]
    pub fn lacks(&self, needed: i64) -> bool {
        self.available < needed && self.stock_policy == StockPolicy::Deny
    }
}

/// A cart, and the token by which a guest comes back to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The cart.
    pub cart: Cart,
    /// Only where the cart is a guest's and new.
    pub token: Option<String>,
}

/// So many of one variant to put into a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// The variant.
    #[schema(value_type = Sku)]
    pub sku: String,
    /// How many.
    #[schema(value_type = Most<1>, inline)]
    pub quantity: i64,
}

/// So many of one variant that were ordered out of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedItem {
    /// The variant.
    pub sku: Sku,
    /// How many.
    pub quantity: i64,
}

kernel::api! {
    /// What a guest or a customer means to buy, at today's prices.
    ///
    /// `merge` and `close` take no caller: they are for the edge, which has seen the guest's token and the
    /// sign-in, and for orders; no public endpoint leads to them.
    pub trait Carts("cart") {
        /// The caller's cart; an empty one where there is none.
        read async fn get(&self, caller: Caller) -> Result<Cart, Error>;

        /// Puts a variant in, or more of it, if the cart's version is as `if_match` asks. A guest without a token of ours gets one, and a new cart.
        once async fn add(&self, caller: Caller, item: NewItem, if_match: Condition) -> Result<Added, Error>;

        /// Sets how many of a variant are in, if the cart's version is as `if_match` asks; 0 takes it out.
        ///
        /// What is so already is fine at any version, so that asking twice is too.
        idempotent async fn set_quantity(&self, caller: Caller, sku: String, quantity: i64, if_match: Condition) -> Result<Cart, Error>;

        /// Takes everything out, if the cart's version is as `if_match` asks. What is empty already is fine at any.
        idempotent async fn clear(&self, caller: Caller, if_match: Condition) -> Result<(), Error>;

        /// Makes a guest's cart the customer's, line by line, in one transaction.
        ///
        /// `guest` is the SHA-256 of the `Cart-Token`, in hex. The token no longer opens anything; one that
        /// opened nothing before changes nothing.
        idempotent async fn merge(&self, guest: String, user: Uuid) -> Result<(), Error>;

        /// Ends a cart that was ordered. What was put in since goes on in a new one.
        ///
        /// Where the lines went to an account's cart in the meantime, they are taken out there.
        idempotent async fn close(&self, id: CartId, order_id: Uuid, ordered: Vec<OrderedItem>) -> Result<(), Error>;
    }
}
