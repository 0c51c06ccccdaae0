//! The file cut into rows: on which line each begins, and whether its quotes leave open where it ends.
//!
//! What the cells of a row are is for the `csv` crate to say. It has no word for a quote that nobody
//! closes: the rest of the file would be that cell.
use std::{
    io::{self, BufRead, BufReader},
    ops::Range,
};

use kernel::Violation;

/// The most bytes of a row; more is a quote that nobody closed.
const ROW: usize = 16 * 1024 * 1024;
/// How many bytes are read at a time.
const CHUNK: usize = 64 * 1024;
/// What some programs put before the first byte.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The rows of a file, one at a time.
#[derive(Debug)]
pub(super) struct Rows<R> {
    source: BufReader<R>,
    held: Vec<u8>,
    /// Where in `held` the next row begins, and on which line.
    next: usize,
    line: u64,
    /// How many bytes were held before those that are.
    dropped: u64,
}

/// A row, or what there is of it.
#[derive(Debug)]
pub(super) enum Cut {
    /// It begins on this line, and ends where its line does: line breaks within quotes are its own.
    Whole { line: u64, row: Range<usize> },
    /// The quote on this line is not closed where a cell ends: what is before it, and on its line after it.
    Torn { line: u64, before: Range<usize>, after: Range<usize> },
}

/// Where in a row a byte stands (RFC 4180 §2).
#[derive(Debug, Clone, Copy)]
enum Place {
    /// At the beginning of a cell.
    Start,
    /// In a cell without quotes; those within it are text.
    Plain,
    /// In a cell within quotes.
    Quoted,
    /// After a quote within quotes: the cell's end, or the first of two that stand for one.
    Closed,
    /// After a cell within quotes, where there may be blanks.
    After,
}

impl<R: io::Read> Rows<R> {
    pub(super) fn new(source: R) -> Self {
        let source = BufReader::with_capacity(CHUNK, source);
        let mut rows = Self { source, held: Vec::new(), next: 0, line: 1, dropped: 0 };
        // A source that fails will do so again when its first row is asked for.
        while matches!(rows.byte(rows.next + MARK.len() - 1), Ok(Some(_))) && rows.held[rows.next..].starts_with(MARK) {
            rows.next += MARK.len();
        }
        rows
    }

    /// How many bytes of the file have been given out.
    pub(super) fn bytes(&self) -> u64 {
        self.dropped + self.next as u64
    }

    /// What stands in a part of the row that was given out last.
    pub(super) fn text(&self, part: Range<usize>) -> &[u8] {
        &self.held[part]
    }

    /// The next row that is not empty; none at the end. The line and the flaw that end the file early.
    pub(super) fn advance(&mut self) -> Result<Option<Cut>, (u64, Violation)> {
        loop {
            if self.next >= CHUNK.max(self.held.len() / 2) {
                self.dropped += self.next as u64;
                self.held.drain(..self.next);
                self.next = 0;
            }
            match self.cut()? {
                Some(Cut::Whole { row, .. }) if row.is_empty() => {}
                cut => return Ok(cut),
            }
        }
    }

    fn cut(&mut self) -> Result<Option<Cut>, (u64, Violation)> {
        let (first, begun) = (self.next, self.line);
        let (mut place, mut quote) = (Place::Start, (first, begun));
        for at in first.. {
            let byte = self.byte(at).map_err(|cause| {
                (begun, Violation::new("unreadable", format!("the file cannot be read any further: {cause}")))
            })?;
            if at - first > ROW {
                return self.torn(first, quote).map(Some);
            }
            let end = byte.is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
            place = match (place, byte) {
                (Place::Quoted, None) => return self.torn(first, quote).map(Some),
                (Place::Quoted, Some(b'"')) => Place::Closed,
                (Place::Quoted, _) => {
                    self.line += u64::from(end && !(byte == Some(b'\n') && self.held[at - 1] == b'\r'));
                    Place::Quoted
                }
                (_, None) if at == first => return Ok(None),
                _ if end => {
                    let line = begun;
                    self.pass(at);
                    return Ok(Some(Cut::Whole { line, row: first..at }));
                }
                (Place::Start, Some(b'"')) => {
                    quote = (at, self.line);
                    Place::Quoted
                }
                (Place::Closed, Some(b'"')) => Place::Quoted,
                (_, Some(b',')) => Place::Start,
                (Place::Closed | Place::After, Some(b' ' | b'\t')) => Place::After,
                (Place::Closed | Place::After, _) => return self.torn(first, quote).map(Some),
                (Place::Start | Place::Plain, _) => Place::Plain,
            };
        }
        Ok(None)
    }

    /// Gives up the row, and goes on with the line after that of its quote.
    fn torn(&mut self, first: usize, (quote, line): (usize, u64)) -> Result<Cut, (u64, Violation)> {
        let too_long = || Violation::new("row_too_long", "a row is over 16 MiB; look for a quote that is not closed");
        let ends = |byte: &u8| matches!(byte, b'\n' | b'\r');
        loop {
            if let Some(length) = self.held[quote..].iter().position(ends) {
                self.line = line;
                self.pass(quote + length);
                return Ok(Cut::Torn { line, before: first..quote, after: quote + 1..quote + length });
            }
            let held = self.held.len();
            if held - first > ROW {
                return Err((line, too_long()));
            }
            if !matches!(self.byte(held), Ok(Some(_))) {
                self.next = held;
                return Ok(Cut::Torn { line, before: first..quote, after: quote + 1..held });
            }
        }
    }

    /// The next row begins after the end of line at `end`: LF, CR LF, or CR alone.
    fn pass(&mut self, end: usize) {
        let both = self.held.get(end) == Some(&b'\r') && matches!(self.byte(end + 1), Ok(Some(b'\n')));
        self.next = (end + 1 + usize::from(both)).min(self.held.len());
        self.line += 1;
    }

    /// The byte at `at`; none behind the end of the file.
    #[inline]
    fn byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        while at >= self.held.len() {
            let count = match self.source.fill_buf() {
                Ok([]) => return Ok(None),
                Ok(chunk) => {
                    self.held.extend_from_slice(chunk);
                    chunk.len()
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
            };
            self.source.consume(count);
        }
        Ok(Some(self.held[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row by its line; a torn one by what is before and after its quote.
    fn rows(file: &str) -> Vec<(u64, String)> {
        let mut rows = Rows::new(file.as_bytes());
        let mut told = Vec::new();
        while let Some(cut) = rows.advance().unwrap() {
            let text = |part| String::from_utf8_lossy(rows.text(part)).into_owned();
            told.push(match cut {
                Cut::Whole { line, row } => (line, text(row)),
                Cut::Torn { line, before, after } => (line, format!("{} | {}", text(before), text(after))),
            });
        }
        assert_eq!(rows.bytes(), file.len() as u64);
        told
    }

    #[test]
    fn a_row_ends_with_its_line_but_for_line_breaks_within_quotes() {
        let file = "a,b\n\"c\nd\",e\n\n\n\"\"\"f\"\"\",\"g,h\" \ni\"j,";
        let expected = [(1, "a,b"), (2, "\"c\nd\",e"), (6, "\"\"\"f\"\"\",\"g,h\" "), (7, "i\"j,")];
        for end in ["\n", "\r\n", "\r"] {
            let told = expected.map(|(line, row)| (line, row.replace('\n', end)));
            for close in ["", end] {
                assert_eq!(rows(&format!("\u{feff}\u{feff}{}{close}", file.replace('\n', end))), told, "{end:?}");
            }
        }
        assert_eq!(rows(""), []);
        assert_eq!(rows("\r\n\r\n"), []);
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_its_line() {
        for end in ["\n", "\r\n", "\r"] {
            for (file, expected) in [
                ("a,\"b,c\nd,e\n", vec![(1, "a, | b,c"), (2, "d,e")]),
                ("a,\"b,c\nd,\"e\"\n", vec![(1, "a, | b,c"), (2, "d,\"e\"")]),
                ("a,\"b\"c,d\ne", vec![(1, "a, | b\"c,d"), (2, "e")]),
                ("\"a\nb\",\"c\nd", vec![(2, "\"a\nb\", | c"), (3, "d")]),
                ("a,\"", vec![(1, "a, | ")]),
                ("a,\"\n\"\n", vec![(1, "a,\"\n\"")]),
            ] {
                let told: Vec<_> = expected.iter().map(|(line, row)| (*line, row.replace('\n', end))).collect();
                assert_eq!(rows(&file.replace('\n', end)), told, "{file:?}");
            }
        }
    }

    #[test]
    fn a_row_has_an_end() {
        let endless = |head: &'static str| {
            let mut rows = Rows::new(io::Read::chain(head.as_bytes(), io::repeat(b'x')));
            let cut = rows.advance();
            (cut.map(|cut| matches!(cut, Some(Cut::Torn { line: 1, .. }))), rows.advance().unwrap_err().0)
        };
        let (plain, line) = endless("a");
        assert_eq!((&*plain.unwrap_err().1.code, line), ("row_too_long", 1));
        let (quoted, line) = endless("a,\"b\nc");
        assert_eq!((quoted.unwrap(), line), (true, 2));
    }
}
