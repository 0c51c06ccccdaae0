//! What is wrong with a request.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One broken rule, and where; a value that is read on its own does not know where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, ToSchema)]
#[error("{detail}")]
pub struct Violation {
    /// Where: a JSON Pointer (RFC 6901) into the body, or the parameter's name after `?` or `:`.
    pub pointer: String,
    /// Which rule was broken; stable.
    pub code: String,
    /// The same for a person.
    pub detail: String,
}

impl Violation {
    /// The rule `code` is broken; [`Violation::at`] says where.
    pub fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: String::new(), code: code.into(), detail: detail.into() }
    }

    /// It alone is wrong with a request, at `pointer`.
    pub fn at(self, pointer: impl Into<String>) -> Violations {
        Violations(vec![Self { pointer: pointer.into() + &self.pointer, ..self }])
    }
}

/// Everything that is wrong with a request: collected instead of stopping at the first, and refused together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// Nothing wrong so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, or a note of what is wrong at `pointer`.
    pub fn field<T>(&mut self, pointer: impl Into<String>, parsed: Result<T, Violation>) -> Option<T> {
        parsed.map_err(|violation| self.0.extend(violation.at(pointer).0)).ok()
    }

    /// Notes a broken rule where `holds` is false.
    pub fn ensure(&mut self, holds: bool, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        if !holds {
            self.0.extend(Violation::new(code, detail).at(pointer).0);
        }
    }

    /// Everything that is wrong, or `value`. `None` stands for a field that has been noted.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}
