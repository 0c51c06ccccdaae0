//! What every module shares: how it is called, how it fails, how it is hosted, where it stores and
//! publishes. It knows no noun of the shop but [`Money`], [`EmailAddress`] and [`Country`].
extern crate self as kernel;

pub mod call;
mod caller;
mod clock;
mod condition;
mod country;
mod db;
pub mod describe;
mod digest;
mod email_address;
mod etag;
pub mod events;
pub mod failpoint;
mod failure;
mod forms;
mod given;
mod id;
mod input;
mod module;
mod money;
mod owner;
mod page;
mod patch;
mod primary;
mod ready;
mod remote;
mod role;
pub mod rpc;
mod service_tokens;
mod settings;
mod tasks;
pub mod testing;

pub use async_trait::async_trait;
pub use call::Call;
pub use caller::{CART_TOKEN, Caller, CartToken, Role, Shopper, SignedIn};
pub use clock::Clock;
pub use condition::Condition;
pub use country::{Country, PostalCode};
pub use db::{Bind, Db, Executor, Query as Statement, Record, Tx};
pub use describe::{Answer, Argument, Describe, Described, Location, NoStore, Replayed};
pub use digest::Digest;
pub use email_address::{EMAIL_LENGTH, EmailAddress};
pub use etag::{EntityTag, EntityTags, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, IdempotencyKey, PACKED, Tagged};
pub use events::{
    CloudEvent, DomainEvent, HandlingError, Inbox, InboxError, Messaging, Outbox, Publisher, Subscriber,
    UnhandledEvent, UnhandledQuery, UnhandledState,
};
pub use failure::{Failure, Fault, Problem, Refusal, Sampler, problem};
pub use forms::{BLANKS, Line, List, Listed, Secret, Text, Visible, Whole};
pub use id::ForeignId;
pub use input::{BODY_LIMIT, Body, Path, Query, Violation, Violations, line, or_default, text};
pub use module::{Context, Edge, Host, Module, StartError};
pub use money::{Amount, Currency, Money, MoneyError};
pub use owner::{Owner, Scope};
pub use page::{Cursor, Limit, MAX_LIMIT, Page, PageQuery};
pub use patch::Patch;
pub use primary::Primary;
pub use ready::Ready;
pub use remote::Remote;
pub use role::Deployable;
pub use rpc::{CallSemantics, Local, Reply, Wire};
pub use service_tokens::ServiceTokens;
pub use settings::{Bulkhead, Database, Events, Mode, Settings, Testing};
pub use tasks::Tasks;
#[doc(hidden)]
pub use {axum, serde, sqlx, utoipa_axum, uuid};
