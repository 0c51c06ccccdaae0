//! What each field of a product may hold, for the code that checks it and for the API's description.
pub(crate) mod limits;
mod sku;
pub(crate) mod slug;

use kernel::{Amount, BLANKS, Line, List, Listed, Text, Whole};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, Type},
    },
};

use crate::{Image, NewVariant, OptionValue, VariantPatch, catalogue::listing};

pub use sku::Sku;
pub(crate) use slug::Slug;

pub(crate) type Name = Line<1, { limits::NAME }>;
pub(crate) type CategoryName = Line<1, { limits::CATEGORY }>;
pub(crate) type Vendor = Line<0, { limits::VENDOR }>;
pub(crate) type Tag = Line<1, { limits::TAG }>;
pub(crate) type Tags = List<Tag, 0, { limits::TAGS }>;
pub(crate) type Address = Line<1, { limits::ADDRESS }>;
pub(crate) type Alt = Line<0, { limits::ALT }>;
pub(crate) type Images = Listed<Image, 0, { limits::IMAGES }>;
pub(crate) type OptionName = Line<1, { limits::OPTION }>;
pub(crate) type OptionChoice = Line<1, { limits::VALUE }>;
pub(crate) type Options = Listed<OptionValue, 0, { limits::OPTIONS }>;
pub(crate) type Barcode = Line<0, { limits::BARCODE }>;
pub(crate) type Price = Amount<0, { limits::PRICE }>;
pub(crate) type Weight = Whole<0, { limits::WEIGHT }>;
pub(crate) type OnHand = Whole<0, { limits::QUANTITY }>;
pub(crate) type NewVariants = Listed<NewVariant, 1, { limits::VARIANTS }>;
pub(crate) type Variants = Listed<VariantPatch, 0, { limits::VARIANTS }>;
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
pub(crate) struct Order;

impl PartialSchema for Order {
    fn schema() -> RefOr<Schema> {
        text().enum_values(Some(listing::ORDERS.map(|(name, _)| name))).into()
    }
}

impl ToSchema for Order {}

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

/// Whether it is an address on the web, and so nothing that a browser would run.
pub(crate) fn is_web(address: &str) -> bool {
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
