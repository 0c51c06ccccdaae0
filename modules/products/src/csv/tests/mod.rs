mod files;
mod rows;
mod writing;

use std::io;

use kernel::Currency;

use super::*;
use crate::{NewProduct, NewVariant, Product, ProductId, ProductStatus, Variant, VariantPatch};

fn euro() -> Currency {
    "EUR".parse().unwrap()
}

/// Reads rows under the columns that matter most.
fn rows(rows: &[&str]) -> Told {
    let header = "Handle,Title,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Image Position";
    read([&[header], rows].concat().join("\n").as_bytes(), euro())
}

/// A product of one variant, with one column more.
fn with(column: &str, cell: &str) -> Told {
    let file = format!("Handle,Title,Variant Price,Product Category,{column}\ntee,Tee,5,,\"{cell}\"\n");
    read(file.as_bytes(), euro())
}

fn only(read: Told) -> Whole {
    assert_eq!((read.products.len(), &*read.refused), (1, [].as_slice()));
    read.products.into_iter().next().unwrap()
}

fn variant(told: Told) -> NewVariant {
    only(told).product.variants.remove(0)
}

/// What a file makes of a catalogue that has nothing yet.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    products: Vec<Whole>,
    refused: Vec<RowReport>,
}

/// A product of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Whole {
    product: NewProduct,
    category_name: Option<String>,
}

fn read(reader: impl io::Read, currency: Currency) -> Told {
    let Read { products, refused, .. } = super::read(reader, currency);
    Told { products: products.into_iter().map(Whole::from).collect(), refused }
}

fn demo(currency: Currency) -> Vec<Whole> {
    super::demo(currency).into_iter().map(Whole::from).collect()
}

impl From<ImportedProduct> for Whole {
    fn from(ImportedProduct { product, category_name, .. }: ImportedProduct) -> Self {
        let variant = |variant: VariantPatch| NewVariant {
            sku: variant.sku,
            options: variant.options.value().unwrap_or_default(),
            price: variant.price.value().unwrap(),
            compare_at_price: variant.compare_at_price.value(),
            weight_g: variant.weight_g.value().unwrap_or_default(),
            barcode: variant.barcode.value(),
            on_hand: variant.on_hand.value().unwrap_or_default(),
            stock_policy: variant.stock_policy.value(),
            taxable: variant.taxable.value(),
            on_sale: variant.on_sale.value(),
        };
        let product = NewProduct {
            slug: product.slug.value(),
            name: product.name.value().unwrap(),
            description: product.description.value().unwrap_or_default(),
            vendor: product.vendor.value(),
            category: product.category.value(),
            tags: product.tags.value().unwrap_or_default(),
            images: product.images.value().unwrap_or_default(),
            variants: product.variants.value().unwrap_or_default().into_iter().map(variant).collect(),
            status: product.status.value(),
        };
        Self { product, category_name }
    }
}

fn codes(read: &Told) -> Vec<(u64, &str, &str)> {
    read.refused.iter().map(|report| (report.line, &*report.column, &*report.code)).collect()
}

fn skus(read: &Told) -> Vec<&str> {
    read.products.iter().flat_map(|imported| &imported.product.variants).map(|variant| &*variant.sku).collect()
}

/// What the catalogue makes of an import.
fn stored(Whole { product, .. }: Whole) -> Product {
    let variants = product.variants.into_iter().map(|variant| Variant {
        sku: variant.sku.parse().unwrap(),
        name: String::new(),
        options: variant.options,
        price: variant.price,
        compare_at_price: variant.compare_at_price,
        weight_g: variant.weight_g,
        barcode: variant.barcode,
        available: variant.on_hand,
        stock_policy: variant.stock_policy.unwrap_or_default(),
        taxable: variant.taxable.unwrap_or(true),
        on_sale: variant.on_sale.unwrap_or(true),
    });
    Product {
        id: ProductId::new(),
        slug: product.slug.unwrap(),
        name: product.name,
        description: product.description,
        vendor: product.vendor,
        category: product.category,
        tags: product.tags,
        images: product.images,
        variants: variants.collect(),
        status: product.status.unwrap_or(ProductStatus::Active),
        rating: None,
        version: 1,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// A source that gives one byte at a time.
struct OneByOne<'a>(&'a [u8]);

impl io::Read for OneByOne<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}
