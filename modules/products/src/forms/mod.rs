//! What each field of a product may hold, for the code that checks it and for the API's description.
pub(crate) mod limits;
mod sku;
pub(crate) mod slug;

use kernel::{Amount, BLANKS, Line, List, Text, Violation, Whole};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, Type},
    },
};

pub use sku::Sku;
pub(crate) use slug::Slug;

pub(crate) type Name = Line<1, { limits::NAME }>;
pub(crate) type CategoryName = Line<1, { limits::CATEGORY }>;
pub(crate) type Vendor = Line<0, { limits::VENDOR }>;
pub(crate) type Tag = Line<1, { limits::TAG }>;
pub(crate) type Tags = List<Tag, 0, { limits::TAGS }>;
type Address = Line<1, { limits::ADDRESS }>;
pub(crate) type Alt = Line<0, { limits::ALT }>;
pub(crate) type OptionName = Line<1, { limits::OPTION }>;
pub(crate) type OptionChoice = Line<1, { limits::VALUE }>;
pub(crate) type Barcode = Line<0, { limits::BARCODE }>;
pub(crate) type Price = Amount<0, { limits::PRICE }>;
pub(crate) type Weight = Whole<0, { limits::WEIGHT }>;
pub(crate) type OnHand = Whole<0, { limits::QUANTITY }>;
/// By how much what is on hand may change at a time.
pub(crate) type Difference = Whole<{ -limits::QUANTITY }, { limits::QUANTITY }>;
pub(crate) type Question = Text<0, { limits::QUESTION }>;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// HTML of a description.
pub(crate) struct Html;

impl PartialSchema for Html {
    fn schema() -> RefOr<Schema> {
        let pattern = format!(r"^[{BLANKS}]*([^\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\r\n)*[{BLANKS}]*$");
        text().max_length(Some(limits::DESCRIPTION)).pattern(Some(pattern)).into()
    }
}

impl ToSchema for Html {}

/// The slug of a category, or nothing.
pub(crate) struct Shelf;

impl PartialSchema for Shelf {
    fn schema() -> RefOr<Schema> {
        let slug = RefOr::Ref(Ref::from_schema_name(Slug::name()));
        OneOfBuilder::new().item(slug).item(text().enum_values(Some([""]))).into()
    }
}

impl ToSchema for Shelf {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Slug::name().into_owned(), Slug::schema()));
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Newest,
    Name,
    Price,
    PriceDown,
}

/// What each order is called in requests.
const SORTS: [(&str, Sort); 4] =
    [("newest", Sort::Newest), ("name", Sort::Name), ("price", Sort::Price), ("-price", Sort::PriceDown)];

impl Sort {
    pub(crate) fn read(given: &str) -> Result<Self, Violation> {
        let known = SORTS.into_iter().find(|(name, _)| *name == given);
        known
            .map(|(_, sort)| sort)
            .ok_or_else(|| Violation::new("unknown_value", "must be newest, name, price or -price"))
    }
}

impl PartialSchema for Sort {
    fn schema() -> RefOr<Schema> {
        text().enum_values(Some(SORTS.map(|(name, _)| name))).into()
    }
}

impl ToSchema for Sort {}

/// The address of a picture; [`is_web`] in other words.
pub(crate) struct Web;

impl PartialSchema for Web {
    fn schema() -> RefOr<Schema> {
        let user = r"[A-Za-z0-9._~!$&'()*+,;=%:\-]*@";
        let host = r"([A-Za-z0-9._~\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?";
        let rest = format!(r"[/?#][^\u0000-\u001f\u007f-\u009f{BLANKS}]*");
        let pattern = format!("^[{BLANKS}]*[Hh][Tt][Tt][Pp][Ss]?://({user})?{host}({rest})?[{BLANKS}]*$");
        let address = text().min_length(Some(1)).max_length(Some(limits::ADDRESS)).pattern(Some(pattern));
        address.examples(["https://example.com/shirt.jpg"]).into()
    }
}

impl ToSchema for Web {}

impl Web {
    /// The address without stray blanks, or what is wrong with it.
    pub(crate) fn read(given: &str) -> Result<String, Violation> {
        let given = Address::read(given)?;
        if is_web(&given) {
            Ok(given)
        } else {
            Err(Violation::new("malformed_url", "must be the address of a picture, beginning with https:// or http://"))
        }
    }
}

/// Whether it is an address on the web, and so nothing that a browser would run.
fn is_web(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let all = |text: &str, signs: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c));
    let (host, port) = match place.strip_prefix('[').map(|place| place.split_once(']')) {
        Some(Some((host, port))) => {
            (!host.is_empty() && host.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c)), port)
        }
        Some(None) => (false, ""),
        None => {
            let (host, port) = place.split_at(place.find(':').unwrap_or(place.len()));
            (!host.is_empty() && all(host, "._~-"), port)
        }
    };
    let port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()));
    ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
        && all(user, "._~!$&'()*+,;=%:-")
        && host
        && port
        && !rest.contains(|c: char| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_on_the_web() {
        for good in ["https://example.com/a.jpg", "http://[::1]:80/a?b=c"] {
            assert_eq!(Web::read(good), Ok(good.into()));
        }
        let long = format!("https://example.com/{}", "x".repeat(2000));
        for bad in
            ["", "a.jpg", "/a.jpg", "javascript:alert(1)", "data:image/png;base64,AA", "https://", "https://a b", &long]
        {
            assert!(Web::read(bad).is_err(), "{bad}");
        }
    }
}
