//! What every module shares: how it is called, how it fails, how it is hosted, where it stores and
//! publishes. It knows no noun of the shop but [`Money`], [`Email`] and [`Country`].
mod bus;
pub mod call;
mod caller;
mod clock;
mod condition;
mod country;
mod db;
mod digest;
mod email;
mod etag;
mod event;
pub mod failpoint;
mod fault;
mod given;
mod id;
mod inbox;
mod input;
mod later;
mod letters;
mod module;
mod money;
mod owner;
mod page;
mod patch;
mod primary;
mod remote;
pub mod rpc;
mod seal;
mod settings;
mod tasks;
pub mod testing;

pub use async_trait::async_trait;
pub use call::Call;
pub use caller::{Caller, Role};
pub use clock::Clock;
pub use condition::Condition;
pub use country::{Country, PostalCode};
pub use db::{Bind, Db, Executor, Query as Statement, Record, Tx};
pub use digest::Digest;
pub use email::Email;
pub use etag::{EntityTag, EntityTags, IdempotencyKey, PACKED, Tagged};
pub use event::{Event, Outbox};
pub use fault::{Failure, Fault, Problem, Refusal};
pub use inbox::{Handler, Verdict};
pub use input::{
    BODY_LIMIT, Body, Checks, Flaw, Invalid, Malformed, Path, Query, Violation, or_default, problem, text,
};
pub use later::Later;
pub use letters::{DeadLetter, DeadLetters, LetterQuery, LetterState};
pub use module::{Context, Host, Module, StartError};
pub use money::{Currency, Money, MoneyError};
pub use owner::{Owner, Scope};
pub use page::{MAX_LIMIT, Page, PageQuery};
pub use patch::Patch;
pub use primary::Primary;
pub use remote::Remote;
pub use rpc::{Delivery, Local, Wire};
pub use seal::Seal;
pub use settings::{Bulkhead, Database, Events, Mode, Settings, Testing};
pub use tasks::Tasks;
#[doc(hidden)]
pub use {axum, serde, sqlx, uuid};
