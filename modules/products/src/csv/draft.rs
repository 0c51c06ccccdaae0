//! A product while its rows come in.
use std::collections::{HashSet, VecDeque};

use kernel::{Currency, Flaw, Patch};

use super::{
    RowReport,
    cells::{Texts, barcode, grams, options, product, quantity, url},
    header::{Broken, Column, Row},
    limits, price,
    sku::sku,
};
use crate::{Image, ImportedProduct, NewVariant, Sku, VariantPatch};

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
    options: Texts,
    /// The choices that its variants are.
    choices: HashSet<Vec<(String, String)>>,
    /// By position; those without one last.
    images: Vec<(u64, Image)>,
    variants: Vec<VariantPatch>,
}

impl Draft {
    /// What the first row says of the product.
    pub(super) fn new(handle: String, slug: String, row: Row, ready: &mut Ready) -> Self {
        let imported = product(row, slug).map_err(|broken| ready.push_back(Err(row.report(broken)))).ok();
        Self { imported, ..Self::refused(handle, row.line) }
    }

    /// A product that is refused before any of its rows is read.
    pub(super) fn refused(handle: String, line: u64) -> Self {
        let (options, choices, images, variants) = (Texts::default(), HashSet::new(), Vec::new(), Vec::new());
        Self { handle, line, imported: None, options, choices, images, variants }
    }

    /// Refuses it as a whole; why is for the caller to say.
    pub(super) fn refuse(&mut self) {
        self.imported = None;
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
        let Self { mut images, line, handle, variants, .. } = self;
        let mut imported = self.imported?;
        if variants.is_empty() {
            let flaw = Flaw::new("no_variant", "the product is refused: it has no variant that can be sold");
            return Some(Err(RowReport::new(line, "", handle, flaw)));
        }
        images.sort_by_key(|(position, _)| *position);
        imported.product.images = Patch::Value(images.into_iter().map(|(_, image)| image).collect());
        imported.product.variants = Patch::Value(variants);
        Some(Ok(imported))
    }

    fn variant(&mut self, row: Row, currency: Currency, skus: &mut HashSet<String>) -> Result<(), Broken> {
        let Some(imported) = &self.imported else { return Ok(()) };
        let variants = &mut self.variants;
        if variants.len() == limits::VARIANTS {
            let flaw = Flaw::new("too_many_variants", format!("a product has at most {} variants", limits::VARIANTS));
            return Err(Broken(Column::Handle, flaw));
        }
        let options = options(row, &mut self.options, variants.is_empty())?;
        let choices: Vec<_> = options.iter().map(|option| (option.name.clone(), option.value.clone())).collect();
        let price = row.parsed(Column::Price, |text| price::parse(text, currency))?;
        let price = price.ok_or_else(|| Broken(Column::Price, Flaw::new("required", "a variant needs a price")))?;
        let compare_at_price = row.parsed(Column::CompareAtPrice, |text| price::parse(text, currency))?;
        let weight_g = row.parsed(Column::Grams, grams)?.unwrap_or_default();
        let on_hand = row.parsed(Column::Quantity, quantity)?.unwrap_or_default();
        let barcode = row.parsed(Column::Barcode, barcode)?;
        let given = row.parsed(Column::Sku, |text| text.trim_start_matches('\'').parse::<Sku>())?;
        if self.choices.contains(&choices) {
            let flaw = Flaw::new("duplicate_variant", "the product has a variant with these options already");
            return Err(Broken(Column::Option1Value, flaw));
        }
        let slug = imported.product.slug.as_ref().value().map_or("", String::as_str);
        let made = || {
            let make = |other| sku(slug, options.iter().map(|option| &*option.value), other);
            make(false).filter(|sku| !skus.contains(sku.as_str())).or_else(|| make(true))
        };
        let sku = given.or_else(made).map(String::from).unwrap_or_default();
        if !skus.insert(sku.clone()) {
            let flaw = Flaw::new("sku_repeated", format!("the SKU `{sku}` is another variant's"));
            return Err(Broken(Column::Sku, flaw));
        }
        self.choices.insert(choices);
        let compare_at_price = compare_at_price.filter(|before| before.amount > 0);
        let variant = NewVariant { sku, options, price, compare_at_price, weight_g, barcode, on_hand };
        variants.push(variant.into());
        Ok(())
    }

    fn image(&mut self, row: Row) -> Result<(), Broken> {
        let Some(url) = row.parsed(Column::ImageSrc, url)? else { return Ok(()) };
        let number = |text: &str| text.parse().map_err(|_| Flaw::new("malformed_number", "write a position from 1"));
        let position = row.parsed(Column::ImagePosition, number)?.unwrap_or(u64::MAX);
        let alt = row.text(Column::ImageAlt, 0, limits::ALT)?;
        if self.images.iter().any(|(place, image)| *place == position && image.url == url) {
            return Ok(()); // Some exporters repeat the picture in the row of every variant.
        }
        if self.images.len() == limits::IMAGES {
            let flaw = Flaw::new("too_many_images", format!("a product has at most {} pictures", limits::IMAGES));
            return Err(Broken(Column::ImageSrc, flaw));
        }
        self.images.push((position, Image { url, alt }));
        Ok(())
    }
}

/// A row with any of these has a variant. Grams are not among them: some exporters fill them in everywhere.
const VARIANT: [Column; 10] = [
    Column::Option1Value,
    Column::Option2Value,
    Column::Option3Value,
    Column::Option4Value,
    Column::Option5Value,
    Column::Sku,
    Column::Price,
    Column::CompareAtPrice,
    Column::Barcode,
    Column::Quantity,
];
