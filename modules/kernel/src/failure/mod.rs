//! How anything fails: as a value with a stable code, which is the same in a process and between two.
//!
//! | word | is |
//! | --- | --- |
//! | [`Fault`] | the machinery failed: nobody's request is to blame, and the cause is in the log |
//! | [`Refusal`] | what every module and the edge refuse alike |
//! | [`Failure`] | what a module's `Error` is: its own cases, a refusal or a fault; [`failure!`](crate::failure) declares it |
//! | [`Violation`](crate::Violation) | one rule that a request breaks |
//! | [`Violations`](crate::Violations) | all of them, collected field by field; they become a refusal |
//! | [`Problem`] | a failure as HTTP shows it (RFC 9457) |
mod declare;
mod fault;
mod problem;
mod refusal;

use axum::http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};

pub use fault::Fault;
pub use problem::{Problem, problem};
pub use refusal::Refusal;

/// A module's error: its own cases, and what all share.
///
/// [`failure!`](crate::failure) declares one.
pub trait Failure:
    std::error::Error + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The HTTP status of RFC 9110 that tells a caller what to do about it.
    fn status(&self) -> StatusCode;

    /// The fault, where it is one.
    fn fault(&self) -> Option<Fault>;

    /// The refusal that all modules share, where it is one.
    fn refusal_mut(&mut self) -> Option<&mut Refusal>;

    /// What another module's failure is here: `own` says what becomes of its own cases, and what all share is handed on.
    fn map_own<E: From<Fault> + From<Refusal>>(self, own: impl FnOnce(Self) -> E) -> E;

    /// The fault that it is to whoever asked for what cannot be refused.
    fn into_fault(self) -> Fault {
        self.fault().unwrap_or_else(|| Fault::internal(self))
    }

    /// One of each case, for tests; `sampler` makes what they hold.
    fn samples(sampler: &mut impl Sampler) -> Vec<Self>;
}

/// Makes values for [`Failure::samples`].
pub trait Sampler {
    /// A value of any type, for the field of this name.
    fn value<T: DeserializeOwned>(&mut self, field: &'static str) -> T;
}
