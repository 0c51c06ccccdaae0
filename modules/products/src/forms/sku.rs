use std::{fmt, str::FromStr};

use kernel::Violation;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// The most characters of a SKU.
const SKU_LENGTH: usize = 64;

/// A stock keeping unit: 1 to 64 letters, digits, `.`, `_` or `-`; case counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct Sku(String);

impl Sku {
    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialSchema for Sku {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(SKU_LENGTH));
        let text = text.pattern(Some("^[A-Za-z0-9._-]+$")).examples(["TEE-BLUE-M"]);
        text.description(Some("A stock keeping unit; case counts.")).into()
    }
}

impl ToSchema for Sku {}

impl FromStr for Sku {
    type Err = Violation;
    fn from_str(text: &str) -> Result<Self, Violation> {
        let fits = (1..=SKU_LENGTH).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Violation::new("malformed_sku", "a SKU has 1 to 64 letters, digits, dots, underscores or hyphens"))
        }
    }
}

impl TryFrom<String> for Sku {
    type Error = Violation;
    fn try_from(text: String) -> Result<Self, Violation> {
        text.parse()
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
