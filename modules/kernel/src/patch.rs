//! What a change says of one field: nothing, that it is to be empty, or what it is to hold.
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field of a change: absent, `null`, or a value (as RFC 7396 has it).
///
/// A struct's field of this type says `#[serde(default, skip_serializing_if = "Patch::is_absent")]`, or
/// has the default from its struct, so that what is absent is absent on the wire and back again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Patch<T> {
    /// Not named: it stays as it is.
    #[default]
    Absent,
    /// Named as `null`: it is emptied.
    Empty,
    /// It becomes this.
    Value(T),
}

impl<T> Patch<T> {
    /// Whether the change does not name the field.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// What the field holds afterwards, where `before` is what it holds now.
    #[must_use]
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Absent => before,
            Self::Empty => None,
            Self::Value(value) => Some(value),
        }
    }

    /// The same with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Empty => Patch::Empty,
            Self::Value(value) => Patch::Value(f(value)),
        }
    }

    /// The value, if one is given.
    pub fn value(self) -> Option<T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// A look at it.
    pub fn as_ref(&self) -> Patch<&T> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Empty => Patch::Empty,
            Self::Value(value) => Patch::Value(value),
        }
    }

    /// What the field is to hold, where none of a value is one as well: absent, or `empty` for `null`.
    pub fn or_empty(self, empty: T) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Empty => Some(empty),
            Self::Value(value) => Some(value),
        }
    }
}

/// A field that is named: `None` empties it.
impl<T> From<Option<T>> for Patch<T> {
    fn from(named: Option<T>) -> Self {
        named.map_or(Self::Empty, Self::Value)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            // Not `none`: that is what a call between processes leaves out.
            Self::Empty => serializer.serialize_unit(),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Change {
        #[serde(skip_serializing_if = "Patch::is_absent")]
        name: Patch<String>,
    }

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        for (text, name, after) in [
            ("{}", Patch::Absent, Some("before")),
            (r#"{"name":null}"#, Patch::Empty, None),
            (r#"{"name":"x"}"#, Patch::Value("x".to_owned()), Some("x")),
        ] {
            let change: Change = serde_json::from_str(text).unwrap();
            assert_eq!(change, Change { name }, "{text}");
            assert_eq!(serde_json::to_string(&change).unwrap(), text);
            assert_eq!(change.name.apply(Some("before".into())).as_deref(), after, "{text}");
        }
    }
}
