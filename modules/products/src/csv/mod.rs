//! The catalogue as a file: the product CSV that Shopify exports, which the trade has made its own.
//!
//! A product is one or more rows with the same `Handle`, one after the other. Its first row says what
//! the product is; each row may carry one variant, one picture, or both. Columns are found by name,
//! in any order and case; those not listed here that say something are named in a note.
//!
//! | column | becomes |
//! | --- | --- |
//! | `Handle`* | the slug, as it is given: in any script, and two that differ in anything are two |
//! | `Title`*, `Body (HTML)`, `Vendor`, `Tags` | name, description, vendor, tags (split by commas) |
//! | `Type`, else the last part of `Product Category` | the category of that very name; see below |
//! | `Status`, `Published` | the status: active only if neither says otherwise; `unlisted` is a draft |
//! | `Option1 Name` … `Option5 Value` | the options; `Title` with `Default Title` means none |
//! | `Variant SKU` | the SKU; made from handle and options where empty, the same in every run |
//! | `Variant Price`*, `Variant Compare At Price` | decimal text in the shop's currency; before `0`: none |
//! | `Variant Grams` | the weight, rounded to grams |
//! | `Variant Inventory Qty` | on hand; what was oversold (below zero) counts as none |
//! | `Variant Inventory Policy`, `Variant Inventory Tracker` | `deny` or `continue`; where the tracker is blank nobody counts, so `continue` |
//! | `Variant Taxable` | whether it is taxed |
//! | `Variant Barcode` | the bar code |
//! | `Image Src`, `Image Position`, `Image Alt Text` | pictures, in order of position, then of the file |
//!
//! `*` must be there for a product that is new; of one that there is, nothing but the handle. The names of
//! Shopify's newer template (`URL handle`, `Price`, …) are known, too.
//!
//! **What is absent.** A column that the file does not have leaves what it would say as it is; one that is there and
//! blank empties it (a name, a price and a status cannot be empty). So `Handle`, `Variant SKU` and `Variant Price` are
//! enough to change prices. A row without a SKU means the variant with its options, or the only one there is.
//!
//! **Category.** Exports from before 2022 have no column `Product Category`, and many of those shops
//! sorted by tag. So in a file without that column, a product whose `Type` is blank goes to its only tag.
//!
//! **What is bad.** Nothing is dropped in silence: each flaw is a [`RowReport`] with line and column.
//! - a bad variant cell costs that variant; its siblings and the row's picture come in;
//! - a bad picture cell costs that picture;
//! - a bad product cell (in the first row) costs the product; its other rows are passed over;
//! - a product that is left without any variant is refused as a whole;
//! - a handle that comes again after another one is refused row by row, or a part would replace the whole; only
//!   files that say nothing but of variants may have their rows in any order;
//! - a SKU that comes again in the file is refused: stock is kept by SKU;
//! - a quote that is not closed where a cell ends costs its product; the next line is read as a row.
//!
//! **Lines** end with LF, CR LF or CR, and are counted from 1 as an editor counts them.
//!
//! **Formulas.** What a spreadsheet would run (a cell that begins with `=`, `+`, `-`, `@` or the like) is written with
//! an apostrophe before it, and read back without. Other apostrophes stay as they are.
//!
//! **What has no place here.** A gift card is refused. A variant that need not be sent comes in as one that is sent, and
//! columns that mean nothing to us are left out: each is a note ([`RowReport::note`]), and no flaw.
//!
//! **What is our own.** `Variant On Sale`; a fourth and a fifth option; names of options in a later row, where a variant has others than
//! the first; quotes around a tag that has a comma. So an export holds whatever the catalogue does.
mod cells;
mod draft;
mod formulas;
mod header;
mod price;
mod read;
mod rows;
mod sku;
mod tags;
#[cfg(test)]
mod tests;
mod write;

use kernel::{Currency, Money, Patch};
pub use read::{Read, Reader, RowReport, read};
pub use write::{Unwritable, Writer, write};

use crate::{ImportedProduct, forms::limits};

/// The demo catalogue, in the shop's currency.
///
/// It is written in euros; another currency keeps the number of minor units: 4.50 EUR is 450 JPY.
pub fn demo(currency: Currency) -> Vec<ImportedProduct> {
    let euro = "EUR".parse().unwrap_or(currency);
    let mut products = read(include_bytes!("../../demo.csv").as_slice(), euro).products;
    let ours = |price: Money| Money::new(price.amount, currency);
    for imported in &mut products {
        let Patch::Value(variants) = &mut imported.product.variants else { continue };
        for variant in variants {
            variant.price = variant.price.map(ours);
            variant.compare_at_price = variant.compare_at_price.map(ours);
        }
    }
    products
}
