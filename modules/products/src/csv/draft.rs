//! A product while its rows come in.
use std::collections::{HashSet, VecDeque};

use kernel::{Currency, Flaw};

use super::{
    ADDRESS, ALT, AMOUNT, DESCRIPTION, LIST, NAME, RowReport, VARIANTS,
    header::{Broken, Column, Row},
    price,
    slug::{sku, slug},
};
use crate::{Image, ImportedProduct, NewProduct, NewVariant, OptionValue, ProductStatus, Sku};

/// Where what is done and what is wrong waits to be asked for.
type Ready = VecDeque<Result<ImportedProduct, RowReport>>;

/// The product of one handle, as far as it has been read.
#[derive(Debug)]
pub(super) struct Draft {
    /// As the file has it.
    pub(super) handle: String,
    line: u64,
    /// `None` once it is refused: its other rows are passed over.
    imported: Option<ImportedProduct>,
    /// What its options are called, as its first rows say.
    options: [String; 3],
    /// The option values of its variants.
    choices: HashSet<Vec<String>>,
    /// By position; those without one last.
    images: Vec<(u64, Image)>,
}

impl Draft {
    /// What the first row says of the product.
    pub(super) fn new(handle: String, slug: String, row: Row, ready: &mut Ready) -> Self {
        let imported = product(row, slug).map_err(|broken| ready.push_back(Err(row.report(broken)))).ok();
        Self {
            handle,
            line: row.line,
            imported,
            options: <[String; 3]>::default(),
            choices: HashSet::new(),
            images: Vec::new(),
        }
    }

    /// Takes in a row's variant and picture, whichever it has; what is wrong with them is reported.
    pub(super) fn add(&mut self, row: Row, currency: Currency, skus: &mut HashSet<String>, ready: &mut Ready) {
        if self.imported.is_none() {
            return;
        }
        let (variant, image) = (row.any(&VARIANT), row.any(&[Column::ImageSrc]));
        if variant && let Err(broken) = self.variant(row, currency, skus) {
            ready.push_back(Err(row.report(broken)));
        }
        if image && let Err(broken) = self.image(row) {
            ready.push_back(Err(row.report(broken)));
        }
        if !variant && !image && row.line != self.line {
            let flaw = Flaw::new("empty_row", "the row has neither a variant nor a picture");
            ready.push_back(Err(row.report(Broken(Column::Price, flaw))));
        }
    }

    /// The product, or why there is none; nothing more if that has been said.
    pub(super) fn finish(self) -> Option<Result<ImportedProduct, RowReport>> {
        let Self { mut images, line, handle, .. } = self;
        let mut imported = self.imported?;
        if imported.product.variants.is_empty() {
            let flaw = Flaw::new("no_variant", "the product is refused: it has no variant that can be sold");
            return Some(Err(RowReport::new(line, "", handle, flaw)));
        }
        images.sort_by_key(|(position, _)| *position);
        imported.product.images = images.into_iter().map(|(_, image)| image).collect();
        Some(Ok(imported))
    }

    fn variant(&mut self, row: Row, currency: Currency, skus: &mut HashSet<String>) -> Result<(), Broken> {
        let Some(imported) = &mut self.imported else { return Ok(()) };
        let variants = &mut imported.product.variants;
        if variants.len() == VARIANTS {
            let flaw = Flaw::new("too_many_variants", format!("a product has at most {VARIANTS} variants"));
            return Err(Broken(Column::Handle, flaw));
        }
        let options = options(row, &mut self.options, variants.is_empty())?;
        let values: Vec<String> = options.iter().map(|option| option.value.clone()).collect();
        let price = row.parsed(Column::Price, |text| price::parse(text, currency))?;
        let price = price.ok_or_else(|| Broken(Column::Price, Flaw::new("required", "a variant needs a price")))?;
        let compare_at_price = row.parsed(Column::CompareAtPrice, |text| price::parse(text, currency))?;
        let weight_g = row.parsed(Column::Grams, grams)?.unwrap_or_default();
        let on_hand = row.parsed(Column::Quantity, quantity)?.unwrap_or_default();
        let barcode = Some(row.text(Column::Barcode, 0, NAME)?).filter(|barcode| !barcode.is_empty());
        let given = row.parsed(Column::Sku, |text| spelled(text).parse::<Sku>())?;
        if self.choices.contains(&values) {
            let flaw = Flaw::new("duplicate_variant", "the product has a variant with these options already");
            return Err(Broken(Column::Option1Value, flaw));
        }
        let slug = imported.product.slug.as_deref().unwrap_or_default();
        let made = || {
            let make = |other| sku(slug, values.iter().map(String::as_str), other);
            make(false).filter(|sku| !skus.contains(sku.as_str())).or_else(|| make(true))
        };
        let sku = given.or_else(made).map(String::from).unwrap_or_default();
        if !skus.insert(sku.clone()) {
            let flaw = Flaw::new("sku_repeated", format!("the SKU `{sku}` is another variant's"));
            return Err(Broken(Column::Sku, flaw));
        }
        self.choices.insert(values);
        let barcode = barcode.map(|barcode| spelled(&barcode).to_owned());
        let compare_at_price = compare_at_price.filter(|before| before.amount > 0);
        variants.push(NewVariant { sku, options, price, compare_at_price, weight_g, barcode, on_hand });
        Ok(())
    }

    fn image(&mut self, row: Row) -> Result<(), Broken> {
        let url = row.text(Column::ImageSrc, 1, ADDRESS)?;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if rest.is_none_or(str::is_empty) || url.contains(char::is_whitespace) {
            let flaw = Flaw::new("malformed_url", "an address begins with https:// or http:// and has no spaces");
            return Err(Broken(Column::ImageSrc, flaw));
        }
        let number = |text: &str| text.parse().map_err(|_| Flaw::new("malformed_number", "write a position from 1"));
        let position = row.parsed(Column::ImagePosition, number)?.unwrap_or(u64::MAX);
        let alt = row.text(Column::ImageAlt, 0, ALT)?;
        if self.images.iter().any(|(place, image)| *place == position && image.url == url) {
            return Ok(()); // Some exporters repeat the picture in the row of every variant.
        }
        if self.images.len() == LIST {
            let flaw = Flaw::new("too_many_images", format!("a product has at most {LIST} pictures"));
            return Err(Broken(Column::ImageSrc, flaw));
        }
        self.images.push((position, Image { url, alt }));
        Ok(())
    }
}

/// A row with any of these has a variant. Grams are not among them: some exporters fill them in everywhere.
const VARIANT: [Column; 8] = [
    Column::Option1Value,
    Column::Option2Value,
    Column::Option3Value,
    Column::Sku,
    Column::Price,
    Column::CompareAtPrice,
    Column::Barcode,
    Column::Quantity,
];

/// The product without its variants and pictures.
fn product(row: Row, slug: String) -> Result<ImportedProduct, Broken> {
    let tags = tags(row)?;
    let category_name = category(row, &tags)?;
    let product = NewProduct {
        slug: Some(slug),
        name: row.text(Column::Title, 1, NAME)?,
        description: description(row)?,
        vendor: Some(row.text(Column::Vendor, 0, NAME)?).filter(|vendor| !vendor.is_empty()),
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
    if html.chars().count() > DESCRIPTION {
        return refuse("too_long", format!("must have at most {DESCRIPTION} characters"));
    }
    Ok(html.to_owned())
}

fn tags(row: Row) -> Result<Vec<String>, Broken> {
    let mut tags: Vec<String> = Vec::new();
    for tag in row.cell(Column::Tags)?.split(',').filter(|tag| !tag.trim().is_empty()) {
        let tag = kernel::text(tag, 1, NAME).map_err(|flaw| Broken(Column::Tags, flaw))?;
        if tags.len() == LIST {
            return Err(Broken(Column::Tags, Flaw::new("too_many_tags", format!("a product has at most {LIST} tags"))));
        }
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// The name of the category: the shop's own type, else the last part of Shopify's, else an only tag.
fn category(row: Row, tags: &[String]) -> Result<Option<String>, Broken> {
    let own = row.text(Column::Type, 0, NAME)?;
    let standard = row.cell(Column::ProductCategory)?.rsplit('>').next().unwrap_or_default();
    let standard = kernel::text(standard, 0, NAME).map_err(|flaw| Broken(Column::ProductCategory, flaw))?;
    Ok(match (own.is_empty(), standard.is_empty(), tags) {
        (false, ..) => Some(own),
        (_, false, _) => Some(standard),
        (_, _, [only]) if !row.header.has(Column::ProductCategory) => Some(only.clone()),
        _ => None,
    })
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
fn options(row: Row, names: &mut [String; 3], first: bool) -> Result<Vec<OptionValue>, Broken> {
    let mut options = Vec::new();
    for ((name_column, value_column), name) in Column::OPTIONS.into_iter().zip(names) {
        let (said, value) = (row.text(name_column, 0, NAME)?, row.text(value_column, 0, NAME)?);
        if first && !said.is_empty() {
            name.clone_from(&said);
        }
        if !said.is_empty() && said != *name {
            return Err(Broken(name_column, Flaw::new("option_renamed", "the product's first row names it otherwise")));
        }
        match (name.is_empty(), value.is_empty()) {
            (true, true) => {}
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
fn grams(text: &str) -> Result<i64, Flaw> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let up = i64::from(fraction.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    let grams = whole.parse::<i64>().ok().filter(|_| digits(whole) && digits(fraction));
    grams.map(|grams| grams.saturating_add(up)).filter(|grams| *grams <= AMOUNT).ok_or_else(malformed)
}

/// How many are on hand; whoever sold more than there were has none.
fn quantity(text: &str) -> Result<i64, Flaw> {
    let quantity = text.parse::<i64>().ok().filter(|quantity| quantity.unsigned_abs() <= AMOUNT.unsigned_abs());
    quantity.map(|quantity| quantity.max(0)).ok_or_else(malformed)
}

fn malformed() -> Flaw {
    Flaw::new("malformed_number", format!("write a number up to {AMOUNT}, without spaces, commas or a unit"))
}

/// The number without the apostrophe that keeps spreadsheets from making a sum of it.
fn spelled(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}
