//! Which column is where, and what stands in a row.
use csv::ByteRecord;
use kernel::{Patch, Violation};

use super::{RowReport, formulas, limits};

/// A column that means something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Handle,
    Title,
    Body,
    Vendor,
    ProductCategory,
    Type,
    Tags,
    Published,
    Status,
    Option1Name,
    Option1Value,
    Option2Name,
    Option2Value,
    Option3Name,
    Option3Value,
    Option4Name,
    Option4Value,
    Option5Name,
    Option5Value,
    Sku,
    Grams,
    Quantity,
    Price,
    CompareAtPrice,
    Barcode,
    ImageSrc,
    ImagePosition,
    ImageAlt,
    Policy,
    Tracker,
    Taxable,
    OnSale,
    RequiresShipping,
    GiftCard,
}

/// Each column with its name, and the name that the newer template gives it where that differs.
const COLUMNS: [(Column, &str, &str); 34] = [
    (Column::Handle, "Handle", "URL handle"),
    (Column::Title, "Title", ""),
    (Column::Body, "Body (HTML)", "Description"),
    (Column::Vendor, "Vendor", ""),
    (Column::ProductCategory, "Product Category", ""),
    (Column::Type, "Type", ""),
    (Column::Tags, "Tags", ""),
    (Column::Published, "Published", "Published on online store"),
    (Column::Status, "Status", ""),
    (Column::Option1Name, "Option1 Name", ""),
    (Column::Option1Value, "Option1 Value", ""),
    (Column::Option2Name, "Option2 Name", ""),
    (Column::Option2Value, "Option2 Value", ""),
    (Column::Option3Name, "Option3 Name", ""),
    (Column::Option3Value, "Option3 Value", ""),
    (Column::Option4Name, "Option4 Name", ""),
    (Column::Option4Value, "Option4 Value", ""),
    (Column::Option5Name, "Option5 Name", ""),
    (Column::Option5Value, "Option5 Value", ""),
    (Column::Sku, "Variant SKU", "SKU"),
    (Column::Grams, "Variant Grams", "Weight value (grams)"),
    (Column::Quantity, "Variant Inventory Qty", "Inventory quantity"),
    (Column::Price, "Variant Price", "Price"),
    (Column::CompareAtPrice, "Variant Compare At Price", "Compare-at price"),
    (Column::Barcode, "Variant Barcode", "Barcode"),
    (Column::ImageSrc, "Image Src", "Product image URL"),
    (Column::ImagePosition, "Image Position", ""),
    (Column::ImageAlt, "Image Alt Text", ""),
    (Column::Policy, "Variant Inventory Policy", "Continue selling when out of stock"),
    (Column::Tracker, "Variant Inventory Tracker", "Inventory tracker"),
    (Column::Taxable, "Variant Taxable", "Charge tax"),
    (Column::OnSale, "Variant On Sale", ""),
    (Column::RequiresShipping, "Variant Requires Shipping", "Requires shipping"),
    (Column::GiftCard, "Gift Card", "Gift card"),
];

/// What every export says where it has nothing to say, so that nothing is lost with it.
const FILLING: [(&str, &[&str]); 2] = [
    ("Variant Fulfillment Service", &["manual"]),
    // Grams are grams, in whatever unit they are shown.
    ("Variant Weight Unit", &["g", "kg", "oz", "lb"]),
];

/// A row with any of these has a variant.
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
/// So has one with any of these, in a file without those: some exporters fill them in everywhere.
const SILENT: [Column; 4] = [Column::Grams, Column::Policy, Column::Taxable, Column::OnSale];
/// What rows say of a product as a whole.
const PRODUCT: [Column; 9] = [
    Column::Title,
    Column::Body,
    Column::Vendor,
    Column::ProductCategory,
    Column::Type,
    Column::Tags,
    Column::Published,
    Column::Status,
    Column::ImageSrc,
];

impl Column {
    /// The name and the value of each option.
    pub(super) const OPTIONS: [(Self, Self); 5] = [
        (Self::Option1Name, Self::Option1Value),
        (Self::Option2Name, Self::Option2Value),
        (Self::Option3Name, Self::Option3Value),
        (Self::Option4Name, Self::Option4Value),
        (Self::Option5Name, Self::Option5Value),
    ];

    /// What the file calls it.
    pub(super) fn name(self) -> &'static str {
        COLUMNS[self as usize].1
    }

    fn called(name: &str) -> Option<Self> {
        let known =
            COLUMNS.iter().find(|(_, old, new)| name.eq_ignore_ascii_case(old) || name.eq_ignore_ascii_case(new));
        known.filter(|_| !name.is_empty()).map(|(column, ..)| *column)
    }
}

/// A cell that breaks a rule.
#[derive(Debug)]
pub(super) struct Broken(pub(super) Column, pub(super) Violation);

/// The first row: where each column is.
#[derive(Debug)]
pub(super) struct Header {
    places: [Option<usize>; COLUMNS.len()],
    /// What the file calls its columns.
    names: Vec<String>,
}

impl Default for Header {
    fn default() -> Self {
        Self { places: [None; COLUMNS.len()], names: Vec::new() }
    }
}

impl Header {
    /// Reads the first row, or says what makes the whole file unreadable.
    pub(super) fn parse(names: &ByteRecord, line: u64) -> Result<Self, RowReport> {
        let refuse =
            |column: &str, code, detail: String| Err(RowReport::new(line, column, "", Violation::new(code, detail)));
        if names.len() > limits::COLUMNS {
            return refuse("", "too_many_columns", format!("a file has at most {} columns", limits::COLUMNS));
        }
        let mut header = Self { places: [None; COLUMNS.len()], names: Vec::with_capacity(names.len()) };
        for (place, name) in names.iter().enumerate() {
            // In UTF-16 every other byte of a Latin letter is zero.
            let Some(name) = str::from_utf8(name).ok().filter(|name| !name.contains('\0')) else {
                return refuse("", "not_utf8", "the file is not UTF-8; save it as “CSV UTF-8”".into());
            };
            let name = name.trim().trim_matches('"');
            header.names.push(name.to_owned());
            let Some(column) = Column::called(name) else { continue };
            if header.places[column as usize].replace(place).is_some() {
                return refuse(
                    column.name(),
                    "duplicate_column",
                    format!("the column {} is there twice", column.name()),
                );
            }
        }
        if !header.has(Column::Handle) {
            let hint = if names.len() == 1 && names.as_slice().contains(&b';') {
                "; the file seems to be separated by semicolons, save it with commas"
            } else {
                ""
            };
            let column = Column::Handle.name();
            return refuse(column, "missing_column", format!("there is no column {column}{hint}"));
        }
        if !header.sells() && !header.describes() {
            return refuse("", "missing_column", "no column beside the handle's means anything".into());
        }
        Ok(header)
    }

    /// What the file calls the column at `place`.
    pub(super) fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// Whether this cell says something that means nothing to us.
    pub(super) fn is_lost(&self, place: usize, cell: &[u8]) -> bool {
        let Some(name) = self.names.get(place) else { return false };
        let cell = String::from_utf8_lossy(cell);
        let filling =
            FILLING.iter().any(|(column, words)| name.eq_ignore_ascii_case(column) && words.contains(&&*cell));
        !self.places.contains(&Some(place)) && !name.is_empty() && !cell.trim().is_empty() && !filling
    }

    /// Whether this shop wrote the file: Shopify knows no fourth option.
    pub(super) fn is_ours(&self) -> bool {
        self.has(Column::Option4Name)
    }

    /// Whether its rows say anything of variants.
    pub(super) fn sells(&self) -> bool {
        self.variant().iter().any(|column| self.has(*column))
    }

    /// Whether its rows say anything of products as a whole.
    pub(super) fn describes(&self) -> bool {
        PRODUCT.into_iter().any(|column| self.has(column))
    }

    /// Whether its rows say which choices a variant is.
    pub(super) fn chooses(&self) -> bool {
        Column::OPTIONS.into_iter().any(|(name, value)| self.has(name) || self.has(value))
    }

    /// The columns that show that a row has a variant.
    fn variant(&self) -> &'static [Column] {
        if VARIANT.into_iter().any(|column| self.has(column)) { &VARIANT } else { &SILENT }
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.places[column as usize].is_some()
    }
}

/// A row below the header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) header: &'a Header,
    pub(super) cells: &'a ByteRecord,
    pub(super) line: u64,
}

impl<'a> Row<'a> {
    /// The handle, if the row is as wide as the header.
    pub(super) fn handle(self) -> Result<String, Broken> {
        let (cells, width) = (self.cells.len(), self.header.names.len());
        if cells != width {
            let detail = format!("the row has {cells} cells, the header {width}; look for a stray quote or comma");
            return Err(Broken(Column::Handle, Violation::new("wrong_width", detail)));
        }
        self.line(Column::Handle, 1, limits::HANDLE)
    }

    /// The cell as it was before it was made safe; empty where the file has no such column.
    pub(super) fn raw(self, column: Column) -> Result<&'a str, Broken> {
        let cell = self.header.places[column as usize].and_then(|place| self.cells.get(place)).unwrap_or_default();
        let utf8 = str::from_utf8(cell).map(formulas::bare);
        utf8.map_err(|_| Broken(column, Violation::new("not_utf8", "not UTF-8; save the file as “CSV UTF-8”")))
    }

    /// The cell without the space around it.
    pub(super) fn cell(self, column: Column) -> Result<&'a str, Broken> {
        self.raw(column).map(str::trim)
    }

    /// The cell as one line of `min` to `max` characters.
    pub(super) fn line(self, column: Column, min: usize, max: usize) -> Result<String, Broken> {
        kernel::line(self.cell(column)?, min, max).map_err(|flaw| Broken(column, flaw))
    }

    /// The cell as `parse` reads it; `None` where it is empty.
    pub(super) fn parsed<T>(
        self,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, Violation>,
    ) -> Result<Option<T>, Broken> {
        let cell = self.cell(column)?;
        if cell.is_empty() { Ok(None) } else { parse(cell).map(Some).map_err(|flaw| Broken(column, flaw)) }
    }

    /// Whether anything at all stands in this cell.
    pub(super) fn has(self, column: Column) -> bool {
        self.cell(column).map_or(true, |cell| !cell.is_empty())
    }

    /// Whether it has a variant.
    pub(super) fn sells(self) -> bool {
        self.header.variant().iter().any(|column| self.has(*column))
    }

    /// What the file says in this column: nothing, where it has no such column.
    pub(super) fn says<T>(self, column: Column, value: Option<T>) -> Patch<T> {
        if self.header.has(column) { value.into() } else { Patch::Absent }
    }

    /// What is wrong with it, for the one who wrote it.
    pub(super) fn report(self, Broken(column, flaw): Broken) -> RowReport {
        let handle = self.header.places[Column::Handle as usize].and_then(|place| self.cells.get(place));
        let handle = String::from_utf8_lossy(handle.unwrap_or_default());
        let handle: String = handle.trim().chars().filter(|letter| !letter.is_control()).take(limits::HANDLE).collect();
        RowReport::new(self.line, column.name(), handle, flaw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Result<Header, (String, String)> {
        Header::parse(&ByteRecord::from(names.to_vec()), 1).map_err(|report| (report.column, report.code))
    }

    #[test]
    fn the_table_is_in_the_order_of_the_columns() {
        for (place, (column, ..)) in COLUMNS.into_iter().enumerate() {
            assert_eq!(column as usize, place);
        }
    }

    #[test]
    fn columns_are_found_in_any_order_and_case() {
        let header = header(&["variant price", "\"HANDLE\"", " title ", "Favourite Colour", "", ""]).unwrap();
        assert_eq!((header.places[Column::Handle as usize], header.names.len()), (Some(1), 6));
        assert!(super::tests::header(&["URL handle", "Title", "Price", "Compare-at price"]).is_ok());
    }

    #[test]
    fn a_file_without_a_required_column_is_refused_with_its_name() {
        for (names, column, code) in [
            (["Title", "Variant Price", "x"], "Handle", "missing_column"),
            (["Handle;Title;Variant Price", "", ""], "Handle", "missing_column"),
            (["Handle", "Price of old", "Title;"], "", "missing_column"),
            (["Handle", "Title", "TITLE"], "Title", "duplicate_column"),
            (["Handle", "SKU", "Variant SKU"], "Variant SKU", "duplicate_column"),
        ] {
            assert_eq!(header(&names).unwrap_err(), (column.into(), code.into()), "{names:?}");
        }
        for names in [["Handle", "Variant SKU", "Price"], ["Handle", "Variant Grams", ""], ["Tags", "Handle", "x"]] {
            assert!(header(&names).is_ok(), "{names:?}");
        }
    }
}
