mod files;
mod rows;
mod writing;

use std::io;

use kernel::Currency;

use super::*;
use crate::{NewVariant, Product, ProductId, ProductStatus, Variant};

fn euro() -> Currency {
    "EUR".parse().unwrap()
}

/// Reads rows under the columns that matter most.
fn rows(rows: &[&str]) -> Read {
    let header = "Handle,Title,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Image Position";
    read([&[header], rows].concat().join("\n").as_bytes(), euro())
}

/// A product of one variant, with one column more.
fn with(column: &str, cell: &str) -> Read {
    let file = format!("Handle,Title,Variant Price,Product Category,{column}\ntee,Tee,5,,\"{cell}\"\n");
    read(file.as_bytes(), euro())
}

fn only(read: Read) -> ImportedProduct {
    assert_eq!((read.products.len(), &*read.refused), (1, [].as_slice()));
    read.products.into_iter().next().unwrap()
}

fn variant(read: Read) -> NewVariant {
    only(read).product.variants.remove(0)
}

fn codes(read: &Read) -> Vec<(u64, &str, &str)> {
    read.refused.iter().map(|report| (report.line, &*report.column, &*report.code)).collect()
}

fn skus(read: &Read) -> Vec<&str> {
    read.products.iter().flat_map(|imported| &imported.product.variants).map(|variant| &*variant.sku).collect()
}

/// What the catalogue makes of an import.
fn stored(ImportedProduct { product, .. }: ImportedProduct) -> Product {
    let variants = product.variants.into_iter().map(|variant| Variant {
        sku: variant.sku.parse().unwrap(),
        name: String::new(),
        options: variant.options,
        price: variant.price,
        compare_at_price: variant.compare_at_price,
        weight_g: variant.weight_g,
        barcode: variant.barcode,
        available: variant.on_hand,
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
