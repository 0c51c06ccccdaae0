//! What the other modules see of the catalogue and its stock.
mod changes;

use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, Money, Page, PageQuery, Ready};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{Error, Sku, forms, forms::Slug};

pub use changes::*;

kernel::id! {
    /// Identifies a product for as long as anything refers to it.
    pub struct ProductId;
}

/// Whether customers see a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ProductStatus {
    /// On sale.
    Active,
    /// Not yet.
    Draft,
    /// No longer; orders still refer to it.
    Archived,
}

/// What happens when a variant is out of stock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum StockPolicy {
    /// It is sold out.
    #[default]
    Deny,
    /// It is sold all the same, and delivered later.
    Continue,
}

/// Something that is sold, in one or more variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// Its identifier.
    pub id: ProductId,
    /// Its name in addresses: lower case, unique.
    #[schema(example = "ocean-blue-shirt")]
    pub slug: String,
    /// What the customer sees.
    pub name: String,
    /// HTML, sanitised.
    pub description: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// The slug of its category.
    pub category: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Pictures, the main one first.
    pub images: Vec<Image>,
    /// What can be bought, at least one.
    pub variants: Vec<Variant>,
    /// Whether customers see it.
    pub status: ProductStatus,
    /// How customers rate it; null while none has.
    #[serde(default)]
    pub rating: Option<Rating>,
    /// Counts changes, but not of its rating; the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// How customers rate a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rating {
    /// The mean in hundredths of a point, 100 to 500, rounded half up: 433 is 4.33.
    #[schema(example = 433)]
    pub average: i64,
    /// Of how many.
    pub count: i64,
}

/// A picture, by address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// http or https.
    #[schema(value_type = forms::Web, inline)]
    pub url: String,
    /// What it shows, for those who cannot see it.
    #[serde(default)]
    #[schema(value_type = forms::Alt, inline, required = false)]
    pub alt: String,
}

/// One form in which a product is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// Its stock keeping unit; unique in the shop.
    pub sku: Sku,
    /// What tells it from its siblings, as `Small / Red`; empty for an only one.
    pub name: String,
    /// The same as pairs.
    pub options: Vec<OptionValue>,
    /// The price of one, tax as configured.
    pub price: Money,
    /// The price it had before.
    pub compare_at_price: Option<Money>,
    /// In grams.
    pub weight_g: i64,
    /// The number under its bar code.
    pub barcode: Option<String>,
    /// How many are there to be sold now: on hand less reserved, and never below 0.
    pub available: i64,
    /// What happens when there are none.
    #[serde(default)]
    pub stock_policy: StockPolicy,
    /// Whether it is taxed.
    #[serde(default = "yes")]
    pub taxable: bool,
    /// Whether it can be bought. One that cannot is shown to staff alone.
    #[serde(default = "yes")]
    pub on_sale: bool,
}

/// What an answer of an earlier release means by saying nothing.
fn yes() -> bool {
    true
}

/// One choice: `Size` is `Small`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OptionValue {
    /// What is chosen.
    #[schema(value_type = forms::OptionName, inline)]
    pub name: String,
    /// The choice.
    #[schema(value_type = forms::OptionChoice, inline)]
    pub value: String,
}

/// A shelf of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Category {
    /// Its name in addresses.
    pub slug: String,
    /// What the customer sees.
    pub name: String,
    /// How many active products are on it.
    pub products: i64,
}

/// A category to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCategory {
    /// Its name in addresses, in any script; made from the name, in Latin letters, where absent.
    #[schema(value_type = Option<Slug>)]
    pub slug: Option<String>,
    /// What the customer sees.
    #[schema(value_type = forms::CategoryName, inline)]
    pub name: String,
}

/// Which products, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ProductQuery {
    /// Words of the name, vendor, tags, SKUs, options, bar codes or description; all of them, the first eight.
    #[param(value_type = Option<forms::Question>, inline)]
    pub q: Option<String>,
    /// The slug of a category.
    #[param(value_type = Option<Slug>)]
    pub category: Option<String>,
    /// `newest` (default), `name`, `price` or `-price`.
    #[param(value_type = Option<forms::Sort>, inline)]
    pub sort: Option<String>,
    /// Active ones only, but for staff.
    pub status: Option<ProductStatus>,
    /// How many at the most; 20 where absent.
    #[param(value_type = Option<kernel::Limit>, inline)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<kernel::Cursor>, inline)]
    pub cursor: Option<String>,
}

/// How many of a variant there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stock {
    /// The variant.
    pub sku: Sku,
    /// How many are in the house.
    pub on_hand: i64,
    /// How many of them are promised to orders.
    pub reserved: i64,
    /// How many can be sold now.
    pub available: i64,
    /// Counts the ledger's movements, and not what is reserved; the `ETag`.
    #[serde(default)]
    pub version: i64,
}

/// Why the level of a variant's stock changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum MovementReason {
    /// Its first count.
    Initial,
    /// Somebody counted again.
    Adjustment,
    /// Sold to an order.
    Sale,
    /// Came back from an order.
    Return,
}

/// A line of the stock ledger; the deltas of a variant add up to its `on_hand`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::FromRow)]
pub struct StockMovement {
    /// Its place in the variant's ledger, from 1.
    pub number: i64,
    /// The variant.
    pub sku: Sku,
    /// More or less.
    pub delta: i64,
    /// Why.
    pub reason: MovementReason,
    /// The order, where there is one.
    pub order_id: Option<Uuid>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A variant as a cart or an order needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The variant.
    pub sku: Sku,
    /// Its product.
    pub product_id: ProductId,
    /// Its product's name in addresses.
    pub slug: String,
    /// Its product's name.
    pub name: String,
    /// What tells it from its siblings; empty for an only one.
    pub variant: String,
    /// The price of one.
    pub price: Money,
    /// In grams.
    pub weight_g: i64,
    /// The main picture.
    pub image: Option<Image>,
    /// How many are there to be sold now.
    pub available: i64,
    /// What happens when there are none.
    #[serde(default)]
    pub stock_policy: StockPolicy,
    /// Whether it is taxed.
    #[serde(default = "yes")]
    pub taxable: bool,
}

/// So many of one variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLine {
    /// The variant.
    pub sku: Sku,
    /// How many, at least 1.
    pub quantity: i64,
}

/// A variant of which fewer are left than were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shortage {
    /// The variant.
    pub sku: Sku,
    /// How many were asked for.
    pub requested: i64,
    /// How many are left.
    pub available: i64,
}

/// Stock that is kept for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The order.
    pub order_id: Uuid,
    /// After this it may be given to somebody else.
    pub expires_at: DateTime<Utc>,
}

kernel::api! {
    /// The catalogue: products, variants, categories, search, and their stock.
    pub trait Products("products") {
        /// Lists products; what is not active only to staff who ask for it.
        ///
        /// What others than staff are shown may be a second old, here and in `get`; nothing is decided by it.
        read async fn list(&self, caller: Caller, query: ProductQuery) -> Result<Ready<Page<Product>>, Error>;

        /// Lists every product whatever its status, the first created first: what an export takes. Staff.
        ///
        /// The order never changes, so that what changes meanwhile is neither left out nor there twice.
        read async fn every(&self, caller: Caller, page: PageQuery) -> Result<Page<Product>, Error>;

        /// Looks up one product by its identifier or its slug.
        read async fn get(&self, caller: Caller, id_or_slug: String) -> Result<Ready<Product>, Error>;

        /// Creates a product. Staff.
        once async fn create(&self, caller: Caller, product: NewProduct) -> Result<Product, Error>;

        /// Changes a product, if its version is as `if_match` asks. Staff.
        once async fn update(&self, caller: Caller, id_or_slug: String, patch: ProductPatch, if_match: Condition) -> Result<Product, Error>;

        /// Archives a product, if its version is as `if_match` asks: customers no longer see it. Staff.
        ///
        /// One that is archived already is fine at any version, so that asking twice is too.
        idempotent async fn archive(&self, caller: Caller, id_or_slug: String, if_match: Condition) -> Result<(), Error>;

        /// Lists the categories by name.
        read async fn categories(&self) -> Result<Vec<Category>, Error>;

        /// Creates a category. Staff.
        once async fn create_category(&self, caller: Caller, category: NewCategory) -> Result<Category, Error>;

        /// Brings in products by slug; doing it twice changes nothing, and each stands or falls alone. Staff.
        idempotent async fn import(&self, caller: Caller, products: Vec<ImportedProduct>) -> Result<ImportReport, Error>;

        /// Tells how many of a variant there are. Staff.
        read async fn stock(&self, caller: Caller, sku: Sku) -> Result<Stock, Error>;

        /// Sets how many of a variant are on hand, if its version is as `if_match` asks; not fewer than are reserved. Staff.
        ///
        /// What is so already is fine at any version, so that asking twice is too.
        idempotent async fn set_stock(&self, caller: Caller, sku: Sku, on_hand: i64, if_match: Condition) -> Result<Stock, Error>;

        /// Changes how many of a variant are on hand by a difference, once for each of the caller's keys. Staff.
        ///
        /// Another difference, or another variant, under the same key is refused with [`Error::KeyReused`].
        idempotent async fn adjust_stock(&self, caller: Caller, sku: Sku, key: String, delta: i64, if_match: Condition) -> Result<Stock, Error>;

        /// Lists a variant's ledger, the latest movement first. Staff.
        read async fn ledger(&self, caller: Caller, sku: Sku, page: PageQuery) -> Result<Page<StockMovement>, Error>;

        /// What the shop asks for these variants now; those that are not on sale are left out.
        read async fn offers(&self, skus: Vec<Sku>) -> Result<Vec<Offer>, Error>;

        /// Keeps stock for an order: all lines or none. Again, it renews what is kept.
        ///
        /// An order that was released is refused with [`Error::Released`]; one that is committed stays so.
        idempotent async fn reserve(&self, order_id: Uuid, lines: Vec<StockLine>) -> Result<Reservation, Error>;

        /// Takes an order's reserved stock off the shelf for good.
        idempotent async fn commit(&self, order_id: Uuid) -> Result<(), Error>;

        /// Notes how a product is rated, unless a later `version` of that has come before.
        idempotent async fn rate(&self, id: ProductId, rating: Option<Rating>, version: i64) -> Result<(), Error>;

        /// Gives back what an order reserved or took; it can no longer reserve.
        idempotent async fn release(&self, order_id: Uuid) -> Result<(), Error>;
    }
}
