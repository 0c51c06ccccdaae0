//! An event: as its module means it, and as it travels.
use std::{fmt::Display, iter::once};

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Serialize,
    de::{self, DeserializeOwned, value::MapDeserializer},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Call, Wire, call::DEFAULT_TIMEOUT};

/// What happens in a module: one enum, adjacently tagged as `type` and `data`.
///
/// ```ignore
/// #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
/// #[serde(tag = "type", content = "data")]
/// pub enum OrderEvent {
///     #[serde(rename = "order.confirmed")]
///     Confirmed(OrderChanged),
/// }
/// ```
pub trait DomainEvent: Serialize + DeserializeOwned + PartialEq + Send + Sync + 'static {
    /// The module that publishes it; its trait says `publishes` and this type.
    type Publisher: Publisher<Event = Self> + ?Sized;

    /// The aggregate that it happened to: order holds within one.
    fn subject(&self) -> String;

    /// What happened, as `order.confirmed`.
    fn kind(&self) -> String {
        Tagged::of(self).map(|Tagged { kind, .. }| kind).unwrap_or_default()
    }

    /// Every kind that this release knows.
    #[must_use]
    fn kinds() -> &'static [&'static str] {
        let none = MapDeserializer::new(once(("type", "")));
        Self::deserialize(none).err().map_or(&[], |Kinds(kinds)| kinds)
    }
}

/// A module that publishes: [`api!`](crate::api) writes it where the trait says `publishes`.
pub trait Publisher: Wire {
    /// What it publishes.
    type Event: DomainEvent<Publisher = Self>;
}

/// An event in its two parts.
#[derive(Deserialize)]
pub(crate) struct Tagged {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) data: Value,
}

impl Tagged {
    pub(crate) fn of(event: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::from_value(serde_json::to_value(event)?)
    }
}

/// What an enum says of its variants to who asks for one that it does not have.
#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
struct Kinds(&'static [&'static str]);

impl de::Error for Kinds {
    fn custom<T: Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self(known)
    }
}

/// An event as it travels: CloudEvents 1.0, JSON format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique; the same when it is delivered again.
    pub id: Uuid,
    /// The module, as `/orders`.
    pub source: String,
    /// What happened, as `order.confirmed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The aggregate it happened to; order holds within one.
    pub subject: String,
    /// When.
    pub time: DateTime<Utc>,
    /// The event itself.
    pub data: Value,
    /// Where it stands among all of its source, from 1 and without gaps.
    pub position: i64,
    /// The trace of the call that caused it (32 hex digits).
    pub traceid: String,
}

impl CloudEvent {
    /// What its module meant; none where only a later release knows its kind.
    pub fn read<E: DomainEvent>(&self) -> serde_json::Result<Option<E>> {
        if E::kinds().contains(&&*self.kind) {
            serde_json::from_value(json!({ "type": self.kind, "data": self.data })).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The call that its handling is: of the trace that caused it, with time of its own.
    pub(crate) fn call(&self) -> Call {
        u128::from_str_radix(&self.traceid, 16)
            .map_or_else(|_| Call::fresh(DEFAULT_TIMEOUT), |trace| Call::new(trace, DEFAULT_TIMEOUT))
    }
}
