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

/// One line of `MIN` to `MAX` characters once trimmed, without control characters; see [`line`](crate::line).
#[derive(Debug)]
pub struct Line<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Line<MIN, MAX> {
    /// The most characters.
    pub const MAX: usize = MAX;

    /// The line without stray blanks, or what is wrong with it.
    pub fn read(given: &str) -> Result<String, Flaw> {
        input::line(given, MIN, MAX)
    }

    /// The line, if there is anything in it.
    pub fn filled(given: &str) -> Result<Option<String>, Flaw> {
        Ok(Some(Self::read(given)?).filter(|line| !line.is_empty()))
    }
}

/// No control character and no end of line but around it, and where something must be there, something to be seen.
const ANYTHING: &str = r"^\s*[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*\s*$";
const SOMETHING: &str = r"^\s*[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f\u2028\u2029]*\s*$";

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
    Line<const MIN: usize, const MAX: usize>,
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
    fn a_line_is_taken_where_its_pattern_matches() {
        let [some, any] = [SOMETHING, ANYTHING].map(|pattern| regex::Regex::new(pattern).unwrap());
        for text in [
            "",
            " ",
            "a",
            " a b\n",
            "a\nb",
            "a\tb",
            "a\r\nb",
            "\u{7}",
            "a\u{2028}b",
            "\u{2029}a",
            "é\u{301}\u{200b}",
            "\n\n",
        ] {
            assert_eq!(some.is_match(text), Line::<1, 9>::read(text).is_ok(), "{text:?}");
            assert_eq!(any.is_match(text), Line::<0, 9>::read(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_form_is_described_as_it_is_checked() {
        let line = serde_json::to_value(Line::<1, 3>::schema()).unwrap();
        assert_eq!((&line["minLength"], &line["maxLength"]), (&json!(1), &json!(3)));
        assert!(Line::<1, 3>::read("abc").is_ok() && Line::<1, 3>::read("abcd").is_err());
        assert_eq!((Line::<0, 3>::filled(" \n"), Line::<0, 3>::filled(" a ")), (Ok(None), Ok(Some("a".into()))));
        let visible = serde_json::to_value(Visible::<1, 255>::schema()).unwrap();
        assert_eq!(visible["pattern"], "^[!-~]{1,255}$");
        assert!(Visible::<1, 2>::fits(b"!~") && !Visible::<1, 2>::fits(b"a b") && !Visible::<1, 2>::fits(b"abc"));
        let whole = serde_json::to_value(Whole::<0, 999>::schema()).unwrap();
        assert_eq!(whole, json!({"type": "integer", "minimum": 0, "maximum": 999}));
        assert!(Whole::<0, 999>::read(999).is_ok() && Whole::<0, 999>::read(1000).is_err());
    }
}
