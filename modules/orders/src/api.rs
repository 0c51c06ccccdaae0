//! What the other modules see of orders.
use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, DomainEvent, Money, Page, PageQuery};
use payments::{Action, PaymentChoice, PaymentEvent, PaymentStatus};
use products::Sku;
use serde::{Deserialize, Serialize};
use users::PostalAddress;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{Error, forms};

kernel::id! {
    /// Identifies an order.
    pub struct OrderId;
}

kernel::id! {
    /// Identifies a shipment.
    pub struct ShipmentId;
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum OrderStatus {
    /// Stock and money are being held.
    Pending,
    /// It will be delivered.
    Confirmed,
    /// Everything is on its way.
    Shipped,
    /// Stock and money are being given back.
    Cancelling,
    /// It never was, or is no more.
    Cancelled,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Its identifier.
    pub id: OrderId,
    /// The number that people use.
    #[schema(example = "7K3F-9QXM")]
    pub number: String,
    /// How far it is.
    pub status: OrderStatus,
    /// The account that placed it; none for a guest's.
    pub customer_id: Option<Uuid>,
    /// Where mail about it goes.
    pub email: String,
    /// What was bought, as it was then.
    pub lines: Vec<OrderLine>,
    /// What it costs, as it was shown.
    pub totals: Totals,
    /// Where it goes.
    pub shipping_address: PostalAddress,
    /// How it goes.
    #[schema(example = "standard")]
    pub shipping_method: String,
    /// How it is paid.
    pub payment: PaymentSummary,
    /// What has left the house.
    pub shipments: Vec<Shipment>,
    /// Why it was cancelled.
    pub cancellation: Option<Cancellation>,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts its events; the `ETag`.
    pub version: i64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderLine {
    /// The variant.
    pub sku: Sku,
    /// Its product's name then.
    pub name: String,
    /// What told it from its siblings then; empty for an only one.
    pub variant: String,
    /// How many.
    pub quantity: i64,
    /// The price of one then.
    pub unit_price: Money,
    /// The price of all.
    pub line_total: Money,
    /// The tax on the line, within `line_total` or beside it as `totals.tax_included` says.
    pub tax: Money,
}

/// What an order costs.
///
/// `total = items + shipping + tax - discount`, or without `+ tax` where it is included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// The sum of the lines.
    pub items: Money,
    /// For bringing it.
    pub shipping: Money,
    /// The sum of the lines' and the shipping's tax, each rounded once.
    pub tax: Money,
    /// What is taken off.
    pub discount: Money,
    /// What is charged.
    pub total: Money,
    /// Whether `items` and `shipping` contain the tax already.
    pub tax_included: bool,
}

/// How an order is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentSummary {
    /// Who moves the money.
    pub provider: String,
    /// How far it is.
    pub status: PaymentStatus,
    /// What is to be paid.
    pub amount: Money,
    /// What was paid back of it.
    pub refunded: Money,
    /// What the customer has to do.
    pub action: Option<Action>,
}

/// Something that has left the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shipment {
    /// Its identifier.
    pub id: ShipmentId,
    /// Who carries it.
    pub carrier: String,
    /// The carrier's number.
    pub tracking_number: Option<String>,
    /// When it left.
    pub shipped_at: DateTime<Utc>,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancellation {
    /// `declined`, `sold_out`, `customer`, `staff` or `payment_expired`.
    pub reason: String,
    /// The same for a person.
    pub detail: String,
}

/// An order to place: the caller's cart, at this address, paid like this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Where it goes.
    pub shipping_address: PostalAddress,
    /// How it goes.
    #[schema(value_type = forms::MethodCode, inline)]
    pub shipping_method: String,
    /// How it is paid.
    pub payment: PaymentChoice,
    /// Where mail about it goes: one address, ASCII before the `@`; a guest must say.
    #[schema(value_type = Option<kernel::EmailAddress>)]
    pub email: Option<String>,
    /// Refuses the order if this is not its total: what was shown is what is charged.
    pub expected_total: Option<Money>,
}

/// What to ask the price of: the caller's cart, there and like this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuote {
    /// ISO 3166-1 alpha-2, in either case.
    #[schema(value_type = kernel::Country)]
    pub country: String,
    /// How it goes.
    #[schema(value_type = forms::MethodCode, inline)]
    pub shipping_method: String,
}

/// What an order would cost now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// Its lines.
    pub lines: Vec<OrderLine>,
    /// Its totals.
    pub totals: Totals,
    /// The ways it could go to that country.
    pub shipping_methods: Vec<ShippingMethod>,
}

/// A way to send an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippingMethod {
    /// Its name in requests.
    pub code: String,
    /// Its name for people.
    pub name: String,
    /// What it costs for this cart.
    pub price: Money,
}

/// Which orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OrderQuery {
    /// Only those that are so far.
    pub status: Option<OrderStatus>,
    /// How many at the most; 20 where absent.
    #[param(value_type = Option<kernel::Limit>, inline)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<kernel::Cursor>, inline)]
    pub cursor: Option<String>,
}

/// What to correct of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPatch {
    /// Where mail about it goes: one address, ASCII before the `@`.
    #[schema(value_type = kernel::EmailAddress)]
    pub email: String,
}

/// A shipment to note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShipment {
    /// Who carries it.
    #[schema(value_type = forms::Carrier, inline)]
    pub carrier: String,
    /// The carrier's number.
    #[schema(value_type = Option<forms::TrackingNumber>, inline)]
    pub tracking_number: Option<String>,
}

/// An amount to pay back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// How much; what is left where absent.
    #[schema(value_type = Option<forms::Refundable>, inline)]
    pub amount: Option<Money>,
    /// Why.
    #[schema(value_type = Option<forms::Reason>, inline)]
    pub reason: Option<String>,
}

/// A line of an order's audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// From 1, without gaps.
    pub version: i64,
    /// What happened, as `OrderConfirmed`.
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What belongs to it.
    pub data: serde_json::Value,
}

/// An order that does not get on: it has failed too often, or is about to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StuckOrder {
    /// The order.
    pub order_id: OrderId,
    /// The number that people use.
    #[schema(example = "7K3F-9QXM")]
    pub number: String,
    /// How far it is.
    pub status: OrderStatus,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Whether it waits for a person; if not, it is tried again by itself.
    pub needs_operator: bool,
    /// How often it has failed in a row.
    pub attempts: i64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it is due again, unless it waits for a person.
    pub due_at: DateTime<Utc>,
}

/// What an order can be forced to: a direction, never a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is turned back: money and stock are given back, and when that is known it is cancelled.
    Cancel,
}

/// What happens to orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum OrderEvent {
    /// Stock is taken and money is held.
    #[serde(rename = "order.confirmed")]
    Confirmed(OrderChanged),
    /// Stock and money were given back, or never taken.
    #[serde(rename = "order.cancelled")]
    Cancelled(OrderChanged),
    /// A parcel left the house.
    #[serde(rename = "order.shipped")]
    Shipped(OrderChanged),
    /// Some of the money was paid back.
    #[serde(rename = "order.refunded")]
    Refunded(OrderChanged),
    /// Mail about it goes elsewhere.
    #[serde(rename = "order.corrected")]
    Corrected(OrderChanged),
}

/// What an event of orders carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderChanged {
    /// The order as it is after the change.
    pub order: Order,
}

impl OrderEvent {
    /// What it carries.
    #[must_use]
    pub fn changed(&self) -> &OrderChanged {
        let (Self::Confirmed(changed)
        | Self::Cancelled(changed)
        | Self::Shipped(changed)
        | Self::Refunded(changed)
        | Self::Corrected(changed)) = self;
        changed
    }
}

impl DomainEvent for OrderEvent {
    type Publisher = dyn Orders;

    fn subject(&self) -> String {
        self.changed().order.id.to_string()
    }
}

kernel::api! {
    /// Orders, from the checkout to the parcel, and their history.
    pub trait Orders("orders") publishes OrderEvent hears PaymentEvent {
        /// What the caller's cart would cost. What is quoted now is charged now.
        read async fn quote(&self, caller: Caller, quote: NewQuote) -> Result<Quote, Error>;

        /// Orders the caller's cart. The same `key` gives the same order.
        ///
        /// The order is confirmed, or still pending where a step takes longer than a customer waits. One that is new
        /// is called `id`, if that is given: so its caller knows it from one that was placed before.
        idempotent async fn place(&self, caller: Caller, key: String, id: Option<OrderId>, order: NewOrder) -> Result<Order, Error>;

        /// Looks up an order: one's own, or any for staff.
        read async fn get(&self, caller: Caller, id: OrderId) -> Result<Order, Error>;

        /// Lists orders, the latest first: one's own, or everybody's to staff.
        read async fn list(&self, caller: Caller, query: OrderQuery) -> Result<Page<Order>, Error>;

        /// The audit trail of an order.
        read async fn history(&self, caller: Caller, id: OrderId) -> Result<Vec<HistoryEntry>, Error>;

        /// Corrects where mail about an order goes, if its version is as `if_match` asks. Staff.
        idempotent async fn correct(&self, caller: Caller, id: OrderId, patch: OrderPatch, if_match: Condition) -> Result<Order, Error>;

        /// Cancels an order that has not been shipped; money and stock go back.
        ///
        /// This, and what is done to an order below, if its version is as `if_match` asks. What was done already is
        /// fine at any version, so that asking twice is too.
        idempotent async fn cancel(&self, caller: Caller, id: OrderId, if_match: Condition) -> Result<Order, Error>;

        /// Notes that an order has left the house. The same `key` notes it once. Staff.
        idempotent async fn ship(&self, caller: Caller, id: OrderId, key: String, shipment: NewShipment, if_match: Condition) -> Result<Order, Error>;

        /// Pays some of an order back. The same `key` pays once. Staff.
        idempotent async fn refund(&self, caller: Caller, id: OrderId, key: String, refund: NewRefund, if_match: Condition) -> Result<Order, Error>;

        /// Lists orders that do not get on, the oldest first. Staff.
        read async fn stuck(&self, caller: Caller, page: PageQuery) -> Result<Page<StuckOrder>, Error>;

        /// Makes an order due at once, with every attempt before it; one that is settled stays so. Staff.
        idempotent async fn retry(&self, caller: Caller, id: OrderId) -> Result<Order, Error>;

        /// Forces an order that is not confirmed to `outcome`. Admins.
        idempotent async fn force(&self, caller: Caller, id: OrderId, outcome: Outcome, if_match: Condition) -> Result<Order, Error>;
    }
}
