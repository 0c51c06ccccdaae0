//! Reading: one product at a time, in bounded memory.
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    io,
    ops::Range,
};

use csv::{ByteRecord, ReaderBuilder, Terminator};
use kernel::{Currency, Violation};
use serde::{Deserialize, Serialize};

use super::{
    draft::{Draft, Ready},
    header::{Broken, Column, Header, Row},
    limits,
    rows::{Cut, Rows},
};
use crate::{ImportedProduct, forms::slug};

/// So many columns that are not read are named.
const NAMED: usize = 20;

/// What is wrong with a row, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("line {line}, {column}: {detail}")]
pub struct RowReport {
    /// The line on which the row begins, or the quote that is meant, as an editor counts them, from 1.
    pub line: u64,
    /// The column by its name; empty where the whole file or row is meant.
    pub column: String,
    /// The product's handle as the file has it; empty where there is none.
    pub handle: String,
    /// Which rule is broken; stable.
    pub code: String,
    /// The same for a person.
    pub detail: String,
    /// Whether the row comes in all the same: what it says has no place here.
    #[serde(default)]
    pub note: bool,
}

impl RowReport {
    pub(super) fn new(line: u64, column: impl Into<String>, handle: impl Into<String>, flaw: Violation) -> Self {
        let (code, detail) = (flaw.code, flaw.detail);
        Self { line, column: column.into(), handle: handle.into(), code, detail, note: false }
    }
}

/// What a file held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The products that can be imported, in the order of the file.
    pub products: Vec<ImportedProduct>,
    /// What was wrong, in the order of the file; a single one if the file could not be read at all.
    pub refused: Vec<RowReport>,
    /// What came in, but not whole.
    pub notes: Vec<RowReport>,
}

/// Reads a whole file; prices are in `currency`. For long ones there is [`Reader`].
pub fn read(reader: impl io::Read, currency: Currency) -> Read {
    let mut read = Read::default();
    match Reader::new(reader, currency) {
        Err(report) => read.refused.push(report),
        Ok(reader) => {
            for product in reader {
                match product {
                    Ok(product) => read.products.push(product),
                    Err(report) if report.note => read.notes.push(report),
                    Err(report) => read.refused.push(report),
                }
            }
        }
    }
    read
}

/// Yields the products of a file one by one, and a report for each flaw and each note, in the order of the file.
///
/// It holds one product, and of those before it only handles and SKUs. It blocks as its source does.
#[derive(Debug)]
pub struct Reader<R> {
    rows: Rows<R>,
    cells: csv::Reader<io::Cursor<Vec<u8>>>,
    currency: Currency,
    header: Header,
    record: ByteRecord,
    draft: Option<Draft>,
    ready: Ready,
    /// The first line of the product that was given out last.
    line: u64,
    slugs: HashSet<String>,
    skus: HashSet<String>,
    /// The columns that said something which means nothing to us.
    lost: BTreeSet<usize>,
    /// Whether there was a row below the header with anything in it.
    filled: bool,
    done: bool,
}

impl<R: io::Read> Reader<R> {
    /// Reads the header; the report says what makes the whole file useless.
    pub fn new(source: R, currency: Currency) -> Result<Self, RowReport> {
        // A row comes without the end of its line and is given one, so that it is all there is to read.
        let mut builder = ReaderBuilder::new();
        let builder = builder.has_headers(false).flexible(true).terminator(Terminator::Any(b'\n'));
        let mut reader = Self {
            rows: Rows::new(source),
            cells: builder.from_reader(io::Cursor::default()),
            currency,
            header: Header::default(),
            record: ByteRecord::new(),
            draft: None,
            ready: VecDeque::new(),
            line: 1,
            slugs: HashSet::new(),
            skus: HashSet::new(),
            lost: BTreeSet::new(),
            filled: false,
            done: false,
        };
        let report = |(line, flaw)| RowReport::new(line, "", "", flaw);
        loop {
            match reader.rows.advance().map_err(report)? {
                None => return Err(report((1, Violation::new("empty_file", "there is nothing in the file")))),
                Some(Cut::Torn { line, .. }) => {
                    return Err(report((line, unclosed("nothing of the file can be read"))));
                }
                Some(Cut::Whole { line, row, .. }) => {
                    reader.parse(row)?;
                    if !is_blank(&reader.record) {
                        reader.header = Header::parse(&reader.record, line)?;
                        return Ok(reader);
                    }
                }
            }
        }
    }

    /// How many bytes of the file have been read: against its length, the progress.
    pub fn bytes(&self) -> u64 {
        self.rows.bytes()
    }

    /// The line on which the product that was given out last begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Reads the cells of a part of the row that was given out last.
    fn parse(&mut self, part: Range<usize>) -> Result<(), RowReport> {
        let text = self.rows.text(part);
        if text.is_empty() {
            self.record = ByteRecord::from(vec![""]);
            return Ok(());
        }
        let cells = self.cells.get_mut();
        cells.set_position(0);
        cells.get_mut().clear();
        cells.get_mut().extend_from_slice(text);
        cells.get_mut().push(b'\n');
        let unreadable = |cause| RowReport::new(0, "", "", Violation::new("unreadable", format!("{cause}")));
        self.cells.read_byte_record(&mut self.record).map(drop).map_err(unreadable)
    }

    /// Takes in one more row.
    fn step(&mut self) {
        let last = match self.rows.advance() {
            Ok(Some(Cut::Whole { line, row, .. })) => return self.row(line, row),
            Ok(Some(Cut::Torn { line, before, after })) => return self.torn(line, before, after),
            Err((line, flaw)) => Some((line, flaw)),
            Ok(None) if self.filled => None,
            Ok(None) => Some((1, Violation::new("no_rows", "there is nothing below the header"))),
        };
        self.done = true;
        self.ready.extend(self.draft.take().and_then(Draft::finish));
        self.ready.extend(last.map(|(line, flaw)| Err(RowReport::new(line, "", "", flaw))));
        if !self.lost.is_empty() {
            let names: Vec<_> = self.lost.iter().take(NAMED).map(|place| self.header.name(*place)).collect();
            let more = self.lost.len() - names.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let flaw = Violation::new("columns_not_read", format!("not read: {}{more}", names.join(", ")));
            self.ready.push_back(Err(RowReport { note: true, ..RowReport::new(1, "", "", flaw) }));
        }
    }

    fn row(&mut self, line: u64, row: Range<usize>) {
        if let Err(report) = self.parse(row) {
            return self.ready.push_back(Err(RowReport { line, ..report }));
        }
        if is_blank(&self.record) {
            return;
        }
        self.filled = true;
        let lost = self.record.iter().enumerate().filter(|(place, cell)| self.header.is_lost(*place, cell));
        self.lost.extend(lost.map(|(place, _)| place));
        let row = Row { header: &self.header, cells: &self.record, line };
        let handle = match row.handle() {
            Ok(handle) => handle,
            Err(broken) => return self.ready.push_back(Err(row.report(broken))),
        };
        if self.draft.as_ref().is_none_or(|draft| draft.handle != handle) {
            self.ready.extend(self.draft.take().and_then(Draft::finish));
            let slug = match slug::of_handle(&handle) {
                Ok(slug) => slug,
                Err(flaw) => return self.ready.push_back(Err(row.report(Broken(Column::Handle, flaw)))),
            };
            // What is said of variants alone can be said of one after the other.
            if !self.slugs.insert(slug.clone()) && self.header.describes() {
                let flaw =
                    Violation::new("handle_repeated", format!("`{slug}` came before; keep a product's rows together"));
                return self.ready.push_back(Err(row.report(Broken(Column::Handle, flaw))));
            }
            self.draft = Some(Draft::new(handle, slug, row, &mut self.ready));
        }
        if let Some(draft) = &mut self.draft {
            draft.add(row, self.currency, &mut self.skus, &mut self.ready);
        }
    }

    /// Refuses the product whose row has a quote that is not closed.
    fn torn(&mut self, line: u64, before: Range<usize>, after: Range<usize>) {
        self.filled = true;
        // If the quote is the handle's own, the handle is what would stand there without it.
        let word = self.rows.text(after).split(|byte| *byte == b',').next().unwrap_or_default().to_owned();
        if let Err(report) = self.parse(before) {
            return self.ready.push_back(Err(RowReport { line, ..report }));
        }
        let place = self.record.len() - 1;
        self.record.truncate(place);
        self.record.push_field(&word);
        let row = Row { header: &self.header, cells: &self.record, line };
        let handle = row.line(Column::Handle, 1, limits::HANDLE).unwrap_or_default();
        match &mut self.draft {
            Some(draft) if draft.handle == handle => draft.refuse(),
            _ if handle.is_empty() => {}
            _ => {
                self.ready.extend(self.draft.take().and_then(Draft::finish));
                self.slugs.extend(slug::of_handle(&handle));
                self.draft = Some(Draft::refused(handle.clone(), line));
            }
        }
        let flaw = unclosed("the product is refused, and the next line is read as a row");
        self.ready.push_back(Err(RowReport::new(line, self.header.name(place), handle, flaw)));
    }
}

fn unclosed(what: &str) -> Violation {
    let detail = format!("the quote that begins a cell on this line is not closed where a cell ends; {what}");
    Violation::new("unclosed_quote", detail)
}

/// Whether there is nothing in it, as in the rows that spreadsheets leave behind.
fn is_blank(cells: &ByteRecord) -> bool {
    cells.as_slice().iter().all(u8::is_ascii_whitespace)
}

impl<R: io::Read> Iterator for Reader<R> {
    type Item = Result<ImportedProduct, RowReport>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.ready.pop_front() {
                None if self.done => return None,
                None => self.step(),
                Some(Err(report)) => return Some(Err(report)),
                Some(Ok((line, product))) => {
                    self.line = line;
                    return Some(Ok(product));
                }
            }
        }
    }
}
