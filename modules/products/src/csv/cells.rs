//! What the cells of a product and a variant mean.
use std::collections::HashSet;

use kernel::Flaw;

use super::{
    header::{Broken, Column, Row},
    limits,
};
use crate::{ImportedProduct, NewProduct, OptionValue, ProductStatus, slug::from_name as slug};

/// The product without its variants and pictures.
pub(super) fn product(row: Row, slug: String) -> Result<ImportedProduct, Broken> {
    let tags = tags(row)?;
    let category_name = category(row, &tags)?;
    let product = NewProduct {
        slug: Some(slug),
        name: row.text(Column::Title, 1, limits::NAME)?,
        description: description(row)?,
        vendor: Some(row.text(Column::Vendor, 0, limits::VENDOR)?).filter(|vendor| !vendor.is_empty()),
        category: category_name.as_deref().map(self::slug),
        tags,
        images: Vec::new(),
        variants: Vec::new(),
        status: status(row)?,
    };
    Ok(ImportedProduct { product, category_name })
}

/// HTML is not trimmed, so that an export comes back as it was; Windows' line ends are made one character.
fn description(row: Row) -> Result<String, Broken> {
    let html = row.raw(Column::Body)?.replace("\r\n", "\n");
    let html = html.strip_suffix('\r').unwrap_or(&html);
    let refuse = |code, detail| Err(Broken(Column::Body, Flaw::new(code, detail)));
    if html.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        return refuse("control_character", "must not contain control characters".into());
    }
    if html.chars().count() > limits::DESCRIPTION {
        return refuse("too_long", format!("must have at most {} characters", limits::DESCRIPTION));
    }
    Ok(html.to_owned())
}

fn tags(row: Row) -> Result<Vec<String>, Broken> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for tag in row.cell(Column::Tags)?.split(',').filter(|tag| !tag.trim().is_empty()) {
        let tag = kernel::text(tag, 1, limits::TAG).map_err(|flaw| Broken(Column::Tags, flaw))?;
        if seen.insert(tag.to_lowercase()) {
            tags.push(tag);
        }
    }
    if tags.len() > limits::TAGS {
        let detail = format!("a product has at most {} tags", limits::TAGS);
        return Err(Broken(Column::Tags, Flaw::new("too_many_tags", detail)));
    }
    Ok(tags)
}

/// The name of the category: the shop's own type, else the last part of Shopify's, else an only tag.
fn category(row: Row, tags: &[String]) -> Result<Option<String>, Broken> {
    let own = row.text(Column::Type, 0, limits::NAME)?;
    let standard = row.cell(Column::ProductCategory)?.rsplit('>').next().unwrap_or_default();
    let standard = kernel::text(standard, 0, limits::NAME).map_err(|flaw| Broken(Column::ProductCategory, flaw))?;
    let only = match tags {
        [only] if !row.header.has(Column::ProductCategory) => only.clone(),
        _ => String::new(),
    };
    // A dash in the column is as good as nothing.
    Ok([own, standard, only].into_iter().find(|name| name.chars().any(char::is_alphanumeric)))
}

/// Active only if neither column says otherwise; `None` if both say nothing.
fn status(row: Row) -> Result<Option<ProductStatus>, Broken> {
    let unknown = |text: &str, known: &str| {
        let text: String = text.chars().take(40).collect();
        Flaw::new("unknown_value", format!("`{}` is none of {known}", text.escape_debug()))
    };
    let published = row.parsed(Column::Published, |text| match text.to_ascii_lowercase().as_str() {
        "true" => Ok(ProductStatus::Active),
        "false" => Ok(ProductStatus::Draft),
        _ => Err(unknown(text, "TRUE, FALSE")),
    })?;
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

/// A variant's choices. The names stand in the first row and hold for the product.
pub(super) fn options(row: Row, names: &mut [String; 3], first: bool) -> Result<Vec<OptionValue>, Broken> {
    let mut options: Vec<OptionValue> = Vec::new();
    for ((name_column, value_column), name) in Column::OPTIONS.into_iter().zip(names) {
        let (said, value) = (row.text(name_column, 0, limits::OPTION)?, row.text(value_column, 0, limits::VALUE)?);
        if first && !said.is_empty() {
            name.clone_from(&said);
        }
        if !said.is_empty() && said != *name {
            return Err(Broken(name_column, Flaw::new("option_renamed", "the product's first row names it otherwise")));
        }
        match (name.is_empty(), value.is_empty()) {
            (true, true) => {}
            (false, _) if options.iter().any(|option| option.name == *name) => {
                return Err(Broken(
                    name_column,
                    Flaw::new("duplicate_option", "the product has two options of that name"),
                ));
            }
            (true, false) => return Err(Broken(name_column, Flaw::new("required", "the option has no name"))),
            (false, true) => return Err(Broken(value_column, Flaw::new("required", "the option has no value"))),
            (false, false) => options.push(OptionValue { name: name.clone(), value }),
        }
    }
    if let [only] = &*options
        && only.name == "Title"
        && only.value == "Default Title"
    {
        options.clear();
    }
    Ok(options)
}

/// Whole grams; what is after the point is rounded.
pub(super) fn grams(text: &str) -> Result<i64, Flaw> {
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
pub(super) fn quantity(text: &str) -> Result<i64, Flaw> {
    let quantity =
        text.parse::<i64>().ok().filter(|quantity| quantity.unsigned_abs() <= limits::QUANTITY.unsigned_abs());
    quantity.map(|quantity| quantity.max(0)).ok_or_else(|| malformed(limits::QUANTITY))
}

fn malformed(most: i64) -> Flaw {
    Flaw::new("malformed_number", format!("write a number up to {most}, without spaces, commas or a unit"))
}

/// A bar code without the apostrophe that keeps spreadsheets from making a sum of it.
pub(super) fn barcode(text: &str) -> Result<String, Flaw> {
    kernel::text(text.strip_prefix('\'').unwrap_or(text), 1, limits::BARCODE)
}

/// An address on the web, and so nothing that a browser would run.
pub(super) fn url(text: &str) -> Result<String, Flaw> {
    let url = kernel::text(text, 1, limits::ADDRESS)?;
    let uri: Option<axum::http::Uri> = url.parse().ok();
    let web = |uri: axum::http::Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if uri.is_some_and(web) {
        Ok(url)
    } else {
        Err(Flaw::new("malformed_url", "must be the address of a picture, beginning with https:// or http://"))
    }
}
