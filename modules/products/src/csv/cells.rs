//! What the cells of a product and a variant mean.
use std::collections::HashSet;

use kernel::{Patch, Violation};

use super::{
    header::{Broken, Column, Row},
    limits,
};
use crate::{ImportedProduct, OptionValue, ProductPatch, ProductStatus, StockPolicy, forms::slug::from_name as slug};

/// What the row says of the product, but for its variants and pictures.
pub(super) fn product(row: Row, slug: String) -> Result<ImportedProduct, Broken> {
    if row.parsed(Column::GiftCard, truth)? == Some(true) {
        let detail = "the product is refused: a gift card would be sold as goods that are sent";
        return Err(Broken(Column::GiftCard, Violation::new("gift_card", detail)));
    }
    let tags = tags(row)?;
    let category_name = category(row, &tags)?;
    let name = if row.header.has(Column::Title) { Some(row.line(Column::Title, 1, limits::NAME)?) } else { None };
    let vendor = Some(row.line(Column::Vendor, 0, limits::VENDOR)?).filter(|vendor| !vendor.is_empty());
    let category = match &category_name {
        Some(name) => Patch::Value(self::slug(name)),
        None if row.header.has(Column::Type) => Patch::Empty,
        None => row.says(Column::ProductCategory, None),
    };
    let product = ProductPatch {
        slug: Patch::Value(slug),
        name: name.map_or(Patch::Absent, Patch::Value),
        description: row.says(Column::Body, Some(description(row)?)),
        vendor: row.says(Column::Vendor, vendor),
        category,
        tags: row.says(Column::Tags, Some(tags)),
        images: Patch::Absent,
        variants: Patch::Absent,
        status: status(row)?.map_or(Patch::Absent, Patch::Value),
    };
    Ok(ImportedProduct { product, category_name, made_skus: Vec::new() })
}

/// HTML is not trimmed, so that an export comes back as it was; every end of line is made one character.
fn description(row: Row) -> Result<String, Broken> {
    let html = row.raw(Column::Body)?.replace("\r\n", "\n").replace('\r', "\n");
    let refuse = |code, detail| Err(Broken(Column::Body, Violation::new(code, detail)));
    if html.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        return refuse("control_character", "must not contain control characters".into());
    }
    if html.chars().count() > limits::DESCRIPTION {
        return refuse("too_long", format!("must have at most {} characters", limits::DESCRIPTION));
    }
    Ok(html)
}

fn tags(row: Row) -> Result<Vec<String>, Broken> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for tag in super::tags::split(row.cell(Column::Tags)?) {
        let tag = kernel::line(&tag, 1, limits::TAG).map_err(|flaw| Broken(Column::Tags, flaw))?;
        if seen.insert(tag.to_lowercase()) {
            tags.push(tag);
        }
    }
    if tags.len() > limits::TAGS {
        let detail = format!("a product has at most {} tags", limits::TAGS);
        return Err(Broken(Column::Tags, Violation::new("too_many_tags", detail)));
    }
    Ok(tags)
}

/// The name of the category: the shop's own type, else the last part of Shopify's, else an only tag.
fn category(row: Row, tags: &[String]) -> Result<Option<String>, Broken> {
    let own = row.line(Column::Type, 0, limits::NAME)?;
    let standard = row.cell(Column::ProductCategory)?.rsplit('>').next().unwrap_or_default();
    let standard = kernel::line(standard, 0, limits::NAME).map_err(|flaw| Broken(Column::ProductCategory, flaw))?;
    let only = match tags {
        [only] if row.header.has(Column::Type) && !row.header.has(Column::ProductCategory) => only.clone(),
        _ => String::new(),
    };
    // A dash in the column is as good as nothing.
    Ok([own, standard, only].into_iter().find(|name| name.chars().any(char::is_alphanumeric)))
}

/// Active only if neither column says otherwise; `None` if both say nothing.
fn status(row: Row) -> Result<Option<ProductStatus>, Broken> {
    let published = row.parsed(Column::Published, truth)?;
    let published = published.map(|yes| if yes { ProductStatus::Active } else { ProductStatus::Draft });
    let status = row.parsed(Column::Status, |text| match text.to_ascii_lowercase().as_str() {
        "active" => Ok(ProductStatus::Active),
        "draft" | "unlisted" => Ok(ProductStatus::Draft),
        "archived" => Ok(ProductStatus::Archived),
        _ => Err(unknown(text, "active, draft, archived, unlisted")),
    })?;
    Ok(match status {
        Some(ProductStatus::Active) | None => published.or(status),
        _ => status,
    })
}

fn unknown(text: &str, known: &str) -> Violation {
    let text: String = text.chars().take(40).collect();
    Violation::new("unknown_value", format!("`{}` is none of {known}", text.escape_debug()))
}

/// What spreadsheets call true and false.
pub(super) fn truth(text: &str) -> Result<bool, Violation> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(unknown(text, "TRUE, FALSE")),
    }
}

/// What happens when there are none. What nobody counts is never out of stock, whatever its policy says.
pub(super) fn policy(row: Row) -> Result<Option<StockPolicy>, Broken> {
    let policy = row.parsed(Column::Policy, |text| match text.to_ascii_lowercase().as_str() {
        "deny" | "false" => Ok(StockPolicy::Deny),
        "continue" | "true" => Ok(StockPolicy::Continue),
        _ => Err(unknown(text, "deny, continue")),
    })?;
    let uncounted = row.header.has(Column::Tracker) && !row.has(Column::Tracker);
    Ok(if uncounted { Some(StockPolicy::Continue) } else { policy })
}

/// What options are called, and what is chosen of each; empty where there is none.
pub(super) type Texts = [String; Column::OPTIONS.len()];

/// What an only variant has for a choice: none, in the words of the trade.
const NONE: (&str, &str) = ("Title", "Default Title");

/// A variant's choices. The names stand in the product's first row; in our own files a row may have others.
pub(super) fn options(row: Row, names: &mut Texts, first: bool) -> Result<Vec<OptionValue>, Broken> {
    let (mut said, mut values) = (Texts::default(), Texts::default());
    for (place, (name, value)) in Column::OPTIONS.into_iter().enumerate() {
        said[place] = row.line(name, 0, limits::OPTION)?;
        values[place] = row.line(value, 0, limits::VALUE)?;
    }
    if first {
        let named = names.iter_mut().zip(&said).filter(|(_, said)| !said.is_empty());
        named.for_each(|(name, said)| name.clone_from(said));
    }
    let own = !first && row.header.is_ours() && said.iter().any(|said| !said.is_empty());
    let names = if own { &said } else { &*names };
    let mut options: Vec<OptionValue> = Vec::new();
    for (place, (name_column, value_column)) in Column::OPTIONS.into_iter().enumerate() {
        let (name, value) = (&names[place], &values[place]);
        let refuse = |column, code, detail| Err(Broken(column, Violation::new(code, detail)));
        match (name.is_empty(), value.is_empty()) {
            _ if !said[place].is_empty() && said[place] != *name => {
                return refuse(name_column, "option_renamed", "the product's first row names it otherwise");
            }
            (true, true) => {}
            (false, _) if options.iter().any(|option| option.name == *name) => {
                return refuse(name_column, "duplicate_option", "the product has two options of that name");
            }
            (true, false) => return refuse(name_column, "required", "the option has no name"),
            (false, true) => return refuse(value_column, "required", "the option has no value"),
            (false, false) => options.push(OptionValue { name: name.clone(), value: value.clone() }),
        }
    }
    if matches!(&*options, [only] if (&*only.name, &*only.value) == NONE) {
        options.clear();
    }
    for option in &mut options {
        option.value = chosen(&option.value).to_owned();
    }
    Ok(options)
}

/// The cells of a variant's choices, as [`options`] reads them.
pub(super) fn option_cells(options: &[OptionValue]) -> (Texts, Texts) {
    let (mut names, mut values) = (Texts::default(), Texts::default());
    if options.is_empty() {
        (names[0], values[0]) = (NONE.0.into(), NONE.1.into());
    }
    for (place, option) in options.iter().take(names.len()).enumerate() {
        names[place].clone_from(&option.name);
        values[place] = if is_none(&option.value) { format!("'{}", option.value) } else { option.value.clone() };
    }
    (names, values)
}

/// A choice that is called like none has an apostrophe before it.
fn chosen(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|value| is_none(value)).unwrap_or(cell)
}

fn is_none(value: &str) -> bool {
    value.trim_start_matches('\'') == NONE.1
}

/// Whole grams; what is after the point is rounded.
pub(super) fn grams(text: &str) -> Result<i64, Violation> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let up = i64::from(fraction.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    let grams = whole.parse::<i64>().ok().filter(|_| digits(whole) && digits(fraction));
    grams
        .map(|grams| grams.saturating_add(up))
        .filter(|grams| *grams <= limits::WEIGHT)
        .ok_or_else(|| malformed(limits::WEIGHT))
}

/// How many are on hand; whoever sold more than there were has none.
pub(super) fn quantity(text: &str) -> Result<i64, Violation> {
    let quantity =
        text.parse::<i64>().ok().filter(|quantity| quantity.unsigned_abs() <= limits::QUANTITY.unsigned_abs());
    quantity.map(|quantity| quantity.max(0)).ok_or_else(|| malformed(limits::QUANTITY))
}

fn malformed(most: i64) -> Violation {
    Violation::new("malformed_number", format!("write a number up to {most}, without spaces, commas or a unit"))
}

/// A bar code without the apostrophe that keeps spreadsheets from making a sum of it.
pub(super) fn barcode(text: &str) -> Result<String, Violation> {
    kernel::line(text.strip_prefix('\'').unwrap_or(text), 1, limits::BARCODE)
}

/// The cell of a bar code: one that begins with an apostrophe has another, or it would lose it.
pub(super) fn barcode_cell(barcode: &str) -> String {
    if barcode.starts_with('\'') { format!("'{barcode}") } else { barcode.to_owned() }
}
