//! A product while its rows come in.
use std::collections::{HashSet, VecDeque};

use kernel::{Currency, Patch, Violation};

use super::{
    RowReport,
    cells::{Texts, barcode, grams, options, policy, product, quantity, truth},
    header::{Broken, Column, Row},
    limits, price,
    sku::sku,
};
use crate::{Image, ImportedProduct, Sku, VariantPatch, catalogue::product::are_twins, forms::Web};

/// Where what is done, each product with its first line, and what is wrong waits to be asked for.
pub(super) type Ready = VecDeque<Result<(u64, ImportedProduct), RowReport>>;

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
    /// By position; those without one last.
    images: Vec<(u64, Image)>,
    variants: Vec<VariantPatch>,
    /// Which of their SKUs were made.
    made: Vec<String>,
    /// Whether the file has variants and pictures at all.
    sells: bool,
    shows: bool,
}

impl Draft {
    /// What the first row says of the product.
    pub(super) fn new(handle: String, slug: String, row: Row, ready: &mut Ready) -> Self {
        let imported = product(row, slug).map_err(|broken| ready.push_back(Err(row.report(broken)))).ok();
        let (sells, shows) = (row.header.sells(), row.header.has(Column::ImageSrc));
        Self { imported, sells, shows, ..Self::refused(handle, row.line) }
    }

    /// A product that is refused before any of its rows is read.
    pub(super) fn refused(handle: String, line: u64) -> Self {
        let (options, images, variants) = (Texts::default(), Vec::new(), Vec::new());
        let (imported, made, sells, shows) = (None, Vec::new(), false, false);
        Self { handle, line, imported, options, images, variants, made, sells, shows }
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
        let (variant, image) = (row.sells(), row.has(Column::ImageSrc));
        if variant && let Err(broken) = self.variant(row, currency, skus) {
            ready.push_back(Err(row.report(broken)));
        }
        if variant && let Ok(Some(false)) = row.parsed(Column::RequiresShipping, truth) {
            let flaw =
                Violation::new("always_shipped", "the variant is sent, and sending it is charged, as with any other");
            ready.push_back(Err(RowReport { note: true, ..row.report(Broken(Column::RequiresShipping, flaw)) }));
        }
        if image && let Err(broken) = self.image(row) {
            ready.push_back(Err(row.report(broken)));
        }
        if !variant && !image && row.line != self.line && (self.sells || self.shows) {
            let flaw = Violation::new("empty_row", "the row has neither a variant nor a picture");
            ready.push_back(Err(row.report(Broken(Column::Price, flaw))));
        }
    }

    /// The product, or why there is none; nothing more if that has been said.
    pub(super) fn finish(self) -> Option<Result<(u64, ImportedProduct), RowReport>> {
        let Self { mut images, line, handle, variants, made, sells, shows, .. } = self;
        let mut imported = self.imported?;
        if sells && variants.is_empty() {
            let flaw = Violation::new("no_variant", "the product is refused: it has no variant that can be sold");
            return Some(Err(RowReport::new(line, "", handle, flaw)));
        }
        if shows {
            images.sort_by_key(|(position, _)| *position);
            imported.product.images = Patch::Value(images.into_iter().map(|(_, image)| image).collect());
        }
        if sells {
            imported.product.variants = Patch::Value(variants);
        }
        imported.made_skus = made;
        Some(Ok((line, imported)))
    }

    fn variant(&mut self, row: Row, currency: Currency, skus: &mut HashSet<String>) -> Result<(), Broken> {
        let Some(imported) = &self.imported else { return Ok(()) };
        let first = self.variants.is_empty();
        if self.variants.len() == limits::VARIANTS {
            let flaw =
                Violation::new("too_many_variants", format!("a product has at most {} variants", limits::VARIANTS));
            return Err(Broken(Column::Handle, flaw));
        }
        let options = options(row, &mut self.options, first)?;
        let price = row.parsed(Column::Price, |text| price::parse(text, currency))?;
        if row.header.has(Column::Price) && price.is_none() {
            return Err(Broken(Column::Price, Violation::new("required", "a variant needs a price")));
        }
        let before = row.parsed(Column::CompareAtPrice, |text| price::parse(text, currency))?;
        let weight_g = row.parsed(Column::Grams, grams)?.unwrap_or_default();
        let on_hand = row.parsed(Column::Quantity, quantity)?.unwrap_or_default();
        let barcode = row.parsed(Column::Barcode, barcode)?;
        let (policy, taxable) = (policy(row)?, row.parsed(Column::Taxable, truth)?);
        let on_sale = row.parsed(Column::OnSale, truth)?;
        row.parsed(Column::RequiresShipping, truth)?;
        let given = row.parsed(Column::Sku, |text| text.trim_start_matches('\'').parse::<Sku>())?;
        let chooses = row.header.chooses();
        let twin =
            |known: &VariantPatch| known.options.as_ref().value().is_some_and(|known| are_twins(known, &options));
        if chooses && self.variants.iter().any(twin) {
            let flaw = Violation::new("duplicate_variant", "the product has a variant with these options already");
            return Err(Broken(Column::Option1Value, flaw));
        }
        if !chooses && !first && given.is_none() {
            let flaw = Violation::new("required", "without options, only a SKU tells which variant is meant");
            return Err(Broken(Column::Sku, flaw));
        }
        let slug = imported.product.slug.as_ref().value().map_or("", String::as_str);
        let made = || {
            let make = |other| sku(slug, options.iter().map(|option| &*option.value), other);
            make(false).filter(|sku| !skus.contains(sku.as_str())).or_else(|| make(true))
        };
        let own = given.is_some();
        let sku = given.or_else(made).map(String::from).unwrap_or_default();
        if !skus.insert(sku.clone()) {
            let flaw = Violation::new("sku_repeated", format!("the SKU `{sku}` is another variant's"));
            return Err(Broken(Column::Sku, flaw));
        }
        self.made.extend((!own).then(|| sku.clone()));
        self.variants.push(VariantPatch {
            sku,
            options: if chooses { Patch::Value(options) } else { Patch::Absent },
            price: price.map_or(Patch::Absent, Patch::Value),
            compare_at_price: row.says(Column::CompareAtPrice, before.filter(|before| before.amount > 0)),
            weight_g: row.says(Column::Grams, Some(weight_g)),
            barcode: row.says(Column::Barcode, barcode),
            on_hand: row.says(Column::Quantity, Some(on_hand)),
            stock_policy: policy.map_or(Patch::Absent, Patch::Value),
            taxable: taxable.map_or(Patch::Absent, Patch::Value),
            on_sale: on_sale.map_or(Patch::Absent, Patch::Value),
        });
        Ok(())
    }

    fn image(&mut self, row: Row) -> Result<(), Broken> {
        let Some(url) = row.parsed(Column::ImageSrc, Web::read)? else { return Ok(()) };
        let number =
            |text: &str| text.parse().map_err(|_| Violation::new("malformed_number", "write a position from 1"));
        let position = row.parsed(Column::ImagePosition, number)?.unwrap_or(u64::MAX);
        let alt = row.line(Column::ImageAlt, 0, limits::ALT)?;
        if self.images.iter().any(|(place, image)| *place == position && image.url == url) {
            return Ok(()); // Some exporters repeat the picture in the row of every variant.
        }
        if self.images.len() == limits::IMAGES {
            let flaw = Violation::new("too_many_images", format!("a product has at most {} pictures", limits::IMAGES));
            return Err(Broken(Column::ImageSrc, flaw));
        }
        self.images.push((position, Image { url, alt }));
        Ok(())
    }
}
