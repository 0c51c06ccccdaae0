//! Writing: what an import brings back as it was.
use std::{borrow::Cow, collections::HashMap, io};

use csv::WriterBuilder;
use kernel::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::{
    cells::{barcode_cell, option_cells},
    formulas, price, read, tags,
};
use crate::{
    Category, ImportedProduct, NewProduct, NewVariant, Product, ProductStatus, StockPolicy, Variant,
    forms::slug::from_name as slug,
};

/// The columns of an export, in Shopify's order; the last five are ours.
const COLUMNS: [&str; 37] = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Product Category",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Fulfillment Service",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "Variant Image",
    "Variant Weight Unit",
    "Status",
    "Option4 Name",
    "Option4 Value",
    "Option5 Name",
    "Option5 Value",
    "Variant On Sale",
];

/// A product that the format cannot hold, so that the file is without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{slug}: {detail}")]
pub struct Unwritable {
    /// Which.
    pub slug: String,
    /// Why, for a person.
    pub detail: String,
}

/// Writes a whole file, and tells which products are not in it. For long ones there is [`Writer`].
pub fn write<'a>(
    writer: impl io::Write,
    products: impl IntoIterator<Item = &'a Product>,
    categories: &[Category],
    currency: Currency,
) -> io::Result<Vec<Unwritable>> {
    let mut writer = Writer::new(writer, categories, currency)?;
    for product in products {
        writer.write(product)?;
    }
    writer.finish()
}

/// Writes products one by one.
///
/// Each is read again before it is let into the file. Should the format not hold it, an export that does
/// not come back as it was is worse than one that says what is missing.
#[derive(Debug)]
pub struct Writer<W: io::Write> {
    inner: W,
    header: Vec<u8>,
    categories: HashMap<String, String>,
    currency: Currency,
    unwritable: Vec<Unwritable>,
}

impl<W: io::Write> Writer<W> {
    /// Writes the header. `categories` give the names under which products' categories are written.
    pub fn new(mut inner: W, categories: &[Category], currency: Currency) -> io::Result<Self> {
        let header = rows([COLUMNS.map(Into::into)])?;
        inner.write_all(&header)?;
        let categories = categories.iter().map(|category| (category.slug.clone(), category.name.clone())).collect();
        Ok(Self { inner, header, categories, currency, unwritable: Vec::new() })
    }

    /// Writes a product, or notes why it cannot.
    pub fn write(&mut self, product: &Product) -> io::Result<()> {
        let kind = self.kind(product);
        let count = product.variants.len().max(product.images.len());
        let rows = rows((0..count).map(|row| COLUMNS.map(|column| cell(column, product, &kind, row).into())))?;
        let shadowed = || "another category has the name of its category, and comes before it".to_owned();
        let flaw = self.flaw(&rows, &expected(product, &kind));
        match flaw.or_else(|| (!self.is_named_alone(product, &kind)).then(shadowed)) {
            None => self.inner.write_all(&rows),
            Some(detail) => {
                self.unwritable.push(Unwritable { slug: product.slug.clone(), detail });
                Ok(())
            }
        }
    }

    /// Where it writes to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Ends the file, and tells which products are not in it.
    pub fn finish(mut self) -> io::Result<Vec<Unwritable>> {
        self.inner.flush()?;
        Ok(self.unwritable)
    }

    /// A category by its name, under which an import finds it.
    fn kind(&self, product: &Product) -> String {
        let Some(category) = &product.category else { return String::new() };
        self.categories.get(category).unwrap_or(category).clone()
    }

    /// Whether the product's category has its name for itself, or an import would take it for the other one.
    fn is_named_alone(&self, product: &Product, kind: &str) -> bool {
        let Some(category) = &product.category else { return true };
        self.categories.iter().all(|(slug, name)| name != kind || slug >= category)
    }

    /// Why these rows would not come back as `expected`.
    fn flaw(&self, rows: &[u8], expected: &ImportedProduct) -> Option<String> {
        let read = read([&*self.header, rows].concat().as_slice(), self.currency);
        match (&*read.products, &*read.refused) {
            ([product], []) if product == expected => None,
            (_, [report, ..]) => Some(format!("{}: {}", report.column, report.detail)),
            _ => Some("the format cannot hold it: its own reader would make something else of it".into()),
        }
    }
}

fn rows(rows: impl IntoIterator<Item = [Cow<'static, str>; COLUMNS.len()]>) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.map(|text| formulas::guard(text).into_owned()))?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// The cell of `column` in a product's `row`-th row, which carries the `row`-th variant and picture.
fn cell(column: &str, product: &Product, kind: &str, row: usize) -> String {
    let first = row == 0;
    let (variant, image) = (product.variants.get(row), product.images.get(row));
    let of = |text: fn(&Variant) -> String| variant.map(text).unwrap_or_default();
    match column {
        "Handle" => product.slug.clone(),
        "Title" if first => product.name.clone(),
        "Body (HTML)" if first => product.description.clone(),
        "Vendor" if first => product.vendor.clone().unwrap_or_default(),
        "Type" if first => kind.into(),
        "Tags" if first => tags::join(&product.tags),
        "Published" if first => (product.status == ProductStatus::Active).to_string().to_uppercase(),
        "Status" if first => status(product.status).into(),
        "Gift Card" if first => "false".into(),
        _ if column.starts_with("Option") => option(column, product, row).unwrap_or_default(),
        "Variant SKU" => of(|variant| variant.sku.to_string()),
        "Variant Grams" => of(|variant| variant.weight_g.to_string()),
        "Variant Inventory Tracker" => of(|_| "shopify".into()),
        "Variant Inventory Qty" => of(|variant| variant.available.max(0).to_string()),
        "Variant Inventory Policy" => of(|variant| policy(variant.stock_policy).into()),
        "Variant Fulfillment Service" => of(|_| "manual".into()),
        "Variant Price" => of(|variant| price::text(variant.price)),
        "Variant Compare At Price" => of(|variant| before(variant).map(price::text).unwrap_or_default()),
        "Variant Requires Shipping" => of(|_| "true".into()),
        "Variant Taxable" => of(|variant| variant.taxable.to_string()),
        "Variant On Sale" => of(|variant| variant.on_sale.to_string()),
        "Variant Barcode" => of(|variant| variant.barcode.as_deref().map(barcode_cell).unwrap_or_default()),
        "Variant Weight Unit" => of(|_| "g".into()),
        "Image Src" => image.map(|image| image.url.clone()).unwrap_or_default(),
        "Image Position" => image.map(|_| (row + 1).to_string()).unwrap_or_default(),
        "Image Alt Text" => image.map(|image| image.alt.clone()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// The option whose number is in the column's name. The names stand in the first row, and where a variant has others.
fn option(column: &str, product: &Product, row: usize) -> Option<String> {
    let names = |variant: &Variant| option_cells(&variant.options).0;
    let (first, variant) = (product.variants.first()?, product.variants.get(row)?);
    let place = usize::from(column.bytes().find(u8::is_ascii_digit)? - b'1');
    let (own, values) = option_cells(&variant.options);
    let named = row == 0 || own != names(first);
    let text = if column.ends_with("Value") { Some(values) } else { named.then_some(own) };
    text?.get(place).cloned()
}

/// What it cost before: nothing is no price.
fn before(variant: &Variant) -> Option<Money> {
    variant.compare_at_price.filter(|before| before.amount > 0)
}

fn policy(policy: StockPolicy) -> &'static str {
    match policy {
        StockPolicy::Deny => "deny",
        StockPolicy::Continue => "continue",
    }
}

fn status(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Active => "active",
        ProductStatus::Draft => "draft",
        ProductStatus::Archived => "archived",
    }
}

/// What reading the product's rows must give.
fn expected(product: &Product, kind: &str) -> ImportedProduct {
    let variants = product.variants.iter().map(|variant| NewVariant {
        sku: variant.sku.to_string(),
        options: variant.options.clone(),
        price: variant.price,
        compare_at_price: before(variant),
        weight_g: variant.weight_g,
        barcode: variant.barcode.clone(),
        on_hand: variant.available.max(0),
        stock_policy: Some(variant.stock_policy),
        taxable: Some(variant.taxable),
        on_sale: Some(variant.on_sale),
    });
    let new = NewProduct {
        slug: Some(product.slug.clone()),
        name: product.name.clone(),
        description: product.description.clone(),
        vendor: product.vendor.clone(),
        category: product.category.as_ref().map(|_| slug(kind)),
        tags: product.tags.clone(),
        images: product.images.clone(),
        variants: variants.collect(),
        status: Some(product.status),
    };
    let category_name = product.category.as_ref().map(|_| kind.to_owned());
    ImportedProduct { product: new.into(), category_name, made_skus: Vec::new() }
}
