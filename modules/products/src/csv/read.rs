//! Reading: one product at a time, in bounded memory.
use std::{
    collections::{HashSet, VecDeque},
    io,
};

use csv::{ByteRecord, ReaderBuilder, Terminator};
use kernel::{Currency, Flaw};
use serde::{Deserialize, Serialize};

use super::{
    draft::Draft,
    header::{Broken, Column, Header, Row},
};
use crate::{ImportedProduct, slug};

/// The most bytes of a row; more is a quote that nobody closed.
const ROW: usize = 16 * 1024 * 1024;

/// What is wrong with a row, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("line {line}, {column}: {detail}")]
pub struct RowReport {
    /// The line on which the row begins, as an editor counts them, from 1.
    pub line: u64,
    /// The column by its name; empty where the whole file or row is meant.
    pub column: String,
    /// The product's handle as the file has it; empty where there is none.
    pub handle: String,
    /// Which rule is broken; stable.
    pub code: String,
    /// The same for a person.
    pub detail: String,
}

impl RowReport {
    pub(super) fn new(line: u64, column: impl Into<String>, handle: impl Into<String>, flaw: Flaw) -> Self {
        Self { line, column: column.into(), handle: handle.into(), code: flaw.code.into(), detail: flaw.detail }
    }
}

/// What a file held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The products that can be imported, in the order of the file.
    pub products: Vec<ImportedProduct>,
    /// What was wrong, in the order of the file; a single one if the file could not be read at all.
    pub refused: Vec<RowReport>,
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
                    Err(report) => read.refused.push(report),
                }
            }
        }
    }
    read
}

/// Yields the products of a file one by one, and a report for each flaw, in the order of the file.
///
/// It holds one product, and of those before it only handles and SKUs. It blocks as its source does.
#[derive(Debug)]
pub struct Reader<R> {
    csv: csv::Reader<Source<R>>,
    currency: Currency,
    header: Header,
    record: ByteRecord,
    draft: Option<Draft>,
    ready: VecDeque<Result<ImportedProduct, RowReport>>,
    slugs: HashSet<String>,
    skus: HashSet<String>,
    done: bool,
}

impl<R: io::Read> Reader<R> {
    /// Reads the header; the report says what makes the whole file useless.
    pub fn new(source: R, currency: Currency) -> Result<Self, RowReport> {
        let source = Source { inner: source, allowance: ROW, read: 0, last: b'\n' };
        // With `\n` alone as the end of a row, line numbers are exact; `\r` is trimmed with the cells.
        let mut builder = ReaderBuilder::new();
        let csv = builder.has_headers(false).flexible(true).terminator(Terminator::Any(b'\n')).from_reader(source);
        let mut reader = Self {
            csv,
            currency,
            header: Header::default(),
            record: ByteRecord::new(),
            draft: None,
            ready: VecDeque::new(),
            slugs: HashSet::new(),
            skus: HashSet::new(),
            done: false,
        };
        match reader.advance()? {
            None => Err(RowReport::new(1, "", "", Flaw::new("empty_file", "the file is empty"))),
            Some(line) => {
                reader.header = Header::parse(&reader.record, line)?;
                Ok(reader)
            }
        }
    }

    /// How many bytes of the file have been read: against its length, the progress.
    pub fn bytes(&self) -> u64 {
        self.csv.position().byte()
    }

    /// Reads a row into `record` and gives its line, or `None` at the end.
    fn advance(&mut self) -> Result<Option<u64>, RowReport> {
        self.csv.get_mut().allowance = ROW;
        match self.csv.read_byte_record(&mut self.record) {
            Ok(true) => Ok(Some(self.line())),
            Ok(false) => Ok(None),
            Err(cause) => {
                let flaw = if self.csv.get_ref().allowance == 0 {
                    Flaw::new("row_too_long", "a row is over 16 MiB; look for a quote that is not closed")
                } else {
                    Flaw::new("unreadable", format!("the file cannot be read any further: {cause}"))
                };
                Err(RowReport::new(self.csv.position().line(), "", "", flaw))
            }
        }
    }

    /// The line on which the row just read begins.
    fn line(&self) -> u64 {
        let inside = self.record.as_slice().split(|byte| *byte == b'\n').skip(1).count() as u64;
        let source = self.csv.get_ref();
        let ended = self.bytes() < source.read || source.last == b'\n';
        self.csv.position().line().saturating_sub(inside + u64::from(ended)).max(1)
    }

    /// Takes in one more row.
    fn step(&mut self) {
        let line = match self.advance() {
            Ok(Some(line)) => line,
            end => {
                self.done = true;
                self.ready.extend(self.draft.take().and_then(Draft::finish));
                self.ready.extend(end.err().map(Err));
                return;
            }
        };
        let row = Row { header: &self.header, cells: &self.record, line };
        if row.is_blank() {
            return;
        }
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
            if !self.slugs.insert(slug.clone()) {
                let flaw =
                    Flaw::new("handle_repeated", format!("`{slug}` came before; keep a product's rows together"));
                return self.ready.push_back(Err(row.report(Broken(Column::Handle, flaw))));
            }
            self.draft = Some(Draft::new(handle, slug, row, &mut self.ready));
        }
        if let Some(draft) = &mut self.draft {
            draft.add(row, self.currency, &mut self.skus, &mut self.ready);
        }
    }
}

impl<R: io::Read> Iterator for Reader<R> {
    type Item = Result<ImportedProduct, RowReport>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.ready.pop_front() {
                None if self.done => return None,
                None => self.step(),
                item => return item,
            }
        }
    }
}

/// The file, which gives no more than `allowance` bytes until it is renewed.
#[derive(Debug)]
struct Source<R> {
    inner: R,
    allowance: usize,
    read: u64,
    last: u8,
}

impl<R: io::Read> io::Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the row does not end"));
        }
        let count = self.inner.read(buffer)?;
        self.allowance = self.allowance.saturating_sub(count);
        self.read += count as u64;
        self.last = buffer[..count].last().copied().unwrap_or(self.last);
        Ok(count)
    }
}
