//! What a value may be, once for the code that checks it and for the API's description.
use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

use crate::{Violation, input};

/// What stands around a value and is not of it: all that [`str::trim`] takes away, as a regular expression's class.
///
/// Spelled out, for what `\s` means differs from one engine to the next.
pub const BLANKS: &str = r"\t-\r\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
/// Control characters but tabs and line breaks, and all of them with Unicode's ends of lines, likewise.
const CONTROLS: &str = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f";
const NO_LINE: &str = r"\u0000-\u001f\u007f-\u009f\u2028\u2029";

/// Text with none of these characters; where it must not be empty, with something to be seen.
fn without(controls: &str, min: usize) -> String {
    if min == 0 {
        return format!("^[{BLANKS}]*[^{controls}]*[{BLANKS}]*$");
    }
    let seen = format!("[^{NO_LINE}{BLANKS}]");
    format!("^[{BLANKS}]*{seen}([^{controls}]*{seen})?[{BLANKS}]*$")
}

fn text(min: usize, max: usize, pattern: String) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    text.min_length((min > 0).then_some(min)).max_length(Some(max))
}

/// A whole number; a description need not say what its format does.
pub(crate) fn whole(min: i64, max: i64) -> ObjectBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    let number = number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
    number.minimum(Some(min)).maximum((max < i64::MAX).then_some(max))
}

/// Text of `MIN` to `MAX` characters, without control characters but tabs and line breaks; see [`text`](crate::text).
#[derive(Debug)]
pub struct Text<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text without stray blanks, or what is wrong with it.
    pub fn read(given: &str) -> Result<String, Violation> {
        input::text(given, MIN, MAX)
    }
}

/// One line of `MIN` to `MAX` characters, without control characters; see [`line`](crate::line).
#[derive(Debug)]
pub struct Line<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Line<MIN, MAX> {
    /// The line without stray blanks, or what is wrong with it.
    pub fn read(given: &str) -> Result<String, Violation> {
        input::line(given, MIN, MAX)
    }

    /// The line, if there is anything in it.
    pub fn filled(given: &str) -> Result<Option<String>, Violation> {
        Ok(Some(Self::read(given)?).filter(|line| !line.is_empty()))
    }
}

/// A password of `MIN` to `MAX` characters, whichever they are.
#[derive(Debug)]
pub struct Secret<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Secret<MIN, MAX> {
    /// The password as it is, or what is wrong with its length.
    pub fn read(given: String) -> Result<String, Violation> {
        match given.chars().count() {
            0 if MIN > 0 => Err(Violation::new("required", "must not be empty")),
            n if n < MIN => Err(Violation::new("too_short", format!("must have at least {MIN} characters"))),
            n if n > MAX => Err(Violation::new("too_long", format!("must have at most {MAX} characters"))),
            _ => Ok(given),
        }
    }
}

/// A list of `MIN` to `MAX` of `T`, each described where it stands.
#[derive(Debug)]
pub struct List<T, const MIN: usize, const MAX: usize>(std::marker::PhantomData<T>);

/// The same of what has a name in the description.
#[derive(Debug)]
pub struct Listed<T, const MIN: usize, const MAX: usize>(std::marker::PhantomData<T>);

fn array(items: RefOr<Schema>, min: usize, max: usize) -> RefOr<Schema> {
    ArrayBuilder::new().items(items).min_items((min > 0).then_some(min)).max_items(Some(max)).into()
}

impl<T: PartialSchema, const MIN: usize, const MAX: usize> PartialSchema for List<T, MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        array(T::schema(), MIN, MAX)
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> ToSchema for List<T, MIN, MAX> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> PartialSchema for Listed<T, MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        array(RefOr::Ref(Ref::from_schema_name(T::name())), MIN, MAX)
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> ToSchema for Listed<T, MIN, MAX> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

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

inline!(Text<const MIN: usize, const MAX: usize>, text(MIN, MAX, without(CONTROLS, MIN)));
inline!(Line<const MIN: usize, const MAX: usize>, text(MIN, MAX, without(NO_LINE, MIN)));
inline!(
    Secret<const MIN: usize, const MAX: usize>,
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length((MIN > 0).then_some(MIN))
        .max_length(Some(MAX))
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
    text(MIN, MAX, format!("^[!-~]{{{MIN},{MAX}}}$"))
);

/// A whole number from `MIN` to `MAX`.
#[derive(Debug)]
pub struct Whole<const MIN: i64, const MAX: i64>;

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// The number, or what is wrong with it.
    pub fn read(given: i64) -> Result<i64, Violation> {
        if (MIN..=MAX).contains(&given) {
            Ok(given)
        } else {
            Err(Violation::new("out_of_range", format!("must be {MIN} to {MAX}")))
        }
    }
}

inline!(
    Whole<const MIN: i64, const MAX: i64>,
    whole(MIN, MAX)
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_taken_where_its_pattern_matches() {
        let [some, any] = [1, 0].map(|min| regex::Regex::new(&without(NO_LINE, min)).unwrap());
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
        let text = serde_json::to_value(Text::<1, 3>::schema()).unwrap();
        assert_eq!((&text["minLength"], &text["maxLength"]), (&json!(1), &json!(3)));
        assert!(Text::<1, 3>::read("abc").is_ok() && Text::<1, 3>::read("abcd").is_err());
        assert!(Text::<1, 3>::read("abc ").is_err(), "a description counts every character");
        assert!(Line::<1, 9>::read(" a b\n").is_ok() && Line::<1, 9>::read("a\tb").is_err());
        assert!(Secret::<2, 3>::read("  ".into()).is_ok() && Secret::<2, 3>::read("a".into()).is_err());
        let tags = serde_json::to_value(List::<Text<1, 3>, 0, 5>::schema()).unwrap();
        assert_eq!((&tags["maxItems"], &tags["items"]), (&json!(5), &text));
        assert_eq!((Line::<0, 3>::filled(" \n"), Line::<0, 3>::filled(" a ")), (Ok(None), Ok(Some("a".into()))));
        let visible = serde_json::to_value(Visible::<1, 255>::schema()).unwrap();
        assert_eq!(visible["pattern"], "^[!-~]{1,255}$");
        assert!(Visible::<1, 2>::fits(b"!~") && !Visible::<1, 2>::fits(b"a b") && !Visible::<1, 2>::fits(b"abc"));
        let whole = serde_json::to_value(Whole::<0, 999>::schema()).unwrap();
        assert_eq!(whole, json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": 999}));
        assert!(Whole::<0, 999>::read(999).is_ok() && Whole::<0, 999>::read(1000).is_err());
    }
}
