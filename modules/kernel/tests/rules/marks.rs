//! A module that publishes marks, and hears of its own.
use std::sync::Arc;

use kernel::{Context, DomainEvent, Fault, Local, Wire};
use serde::{Deserialize, Serialize};

/// What happens to marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[expect(unreachable_pub, reason = "what a public trait publishes is public")]
pub enum MarkEvent {
    #[serde(rename = "mark.made")]
    Made { subject: String, n: i64, bad: bool },
    #[serde(rename = "mark.erased")]
    Erased { subject: String },
}

impl DomainEvent for MarkEvent {
    type Publisher = dyn Marking;

    fn subject(&self) -> String {
        let (Self::Made { subject, .. } | Self::Erased { subject }) = self;
        subject.clone()
    }
}

/// That a mark was made.
pub(crate) fn made(subject: &str, n: i64) -> MarkEvent {
    MarkEvent::Made { subject: subject.to_owned(), n, bad: false }
}

kernel::api! {
    /// Publishes marks, and hears of its own.
    pub trait Marking("sample") publishes MarkEvent hears MarkEvent {
        /// Says nothing.
        read async fn ping(&self) -> Result<(), Fault>;
    }
}

struct Nothing;
impl Double for Nothing {}

/// The module as `context` hosts it.
pub(crate) fn hosted(context: &Context) -> Arc<dyn Marking> {
    <dyn Marking>::local(Arc::new(Nothing), Local::new(context, true, 64, 64))
}
