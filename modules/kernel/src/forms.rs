//! What a value may be, once for the code that checks it and for the API's description.
use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::{Flaw, input};

/// Text of `MIN` to `MAX` characters once trimmed, without control characters; see [`text`](crate::text).
#[derive(Debug)]
pub struct Text<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text without stray blanks, or what is wrong with it.
    pub fn read(given: &str) -> Result<String, Flaw> {
        input::text(given, MIN, MAX)
    }
}

/// No control character but tabs and line breaks, and where something must be there, something to be seen.
const ANYTHING: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
const SOMETHING: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";

/// A schema that stands where it is used, and so has no name.
macro_rules! inline {
    ($Form:ident<$(const $limit:ident: $kind:ty),*>, $schema:expr) => {
        impl<$(const $limit: $kind),*> PartialSchema for $Form<$($limit),*> {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.into()
            }
        }
        impl<$(const $limit: $kind),*> ToSchema for $Form<$($limit),*> {
            fn name() -> Cow<'static, str> {
                let limits: &[String] = &[$($limit.to_string()),*];
                format!("{}_{}", stringify!($Form), limits.join("_")).into()
            }
        }
    };
}

inline!(
    Text<const MIN: usize, const MAX: usize>,
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length((MIN > 0).then_some(MIN))
        .max_length(Some(MAX))
        .pattern(Some(if MIN > 0 { SOMETHING } else { ANYTHING }))
);

/// Visible ASCII characters, `MIN` to `MAX` of them: a name that is only compared.
#[derive(Debug)]
pub struct Visible<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Visible<MIN, MAX> {
    /// Whether it is such a name.
    #[must_use]
    pub fn fits(given: &[u8]) -> bool {
        (MIN..=MAX).contains(&given.len()) && given.iter().all(u8::is_ascii_graphic)
    }
}

inline!(
    Visible<const MIN: usize, const MAX: usize>,
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length((MIN > 0).then_some(MIN))
        .max_length(Some(MAX))
        .pattern(Some(format!("^[!-~]{{{MIN},{MAX}}}$")))
);

/// A whole number from `MIN` to `MAX`.
#[derive(Debug)]
pub struct Whole<const MIN: i64, const MAX: i64>;

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// The number, or what is wrong with it.
    pub fn read(given: i64) -> Result<i64, Flaw> {
        if (MIN..=MAX).contains(&given) {
            Ok(given)
        } else {
            Err(Flaw::new("out_of_range", format!("must be {MIN} to {MAX}")))
        }
    }
}

inline!(
    Whole<const MIN: i64, const MAX: i64>,
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(MIN)).maximum(Some(MAX))
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_described_as_it_is_checked() {
        let text = serde_json::to_value(Text::<1, 3>::schema()).unwrap();
        assert_eq!((&text["minLength"], &text["maxLength"]), (&json!(1), &json!(3)));
        assert!(Text::<1, 3>::read("abc").is_ok() && Text::<1, 3>::read("abcd").is_err());
        let visible = serde_json::to_value(Visible::<1, 255>::schema()).unwrap();
        assert_eq!(visible["pattern"], "^[!-~]{1,255}$");
        assert!(Visible::<1, 2>::fits(b"!~") && !Visible::<1, 2>::fits(b"a b") && !Visible::<1, 2>::fits(b"abc"));
        let whole = serde_json::to_value(Whole::<0, 999>::schema()).unwrap();
        assert_eq!(whole, json!({"type": "integer", "minimum": 0, "maximum": 999}));
        assert!(Whole::<0, 999>::read(999).is_ok() && Whole::<0, 999>::read(1000).is_err());
    }
}
