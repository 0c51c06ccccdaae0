//! Cells that a spreadsheet would run: written so that it does not, and read back as they were.
//!
//! An apostrophe before a cell makes it text. Only what would be run gets one, and what looks as if it had one
//! already: so each text is written in one way only, and a file of another program keeps its apostrophes.
use std::borrow::Cow;

/// The text, with an apostrophe before it if it needs one.
pub(super) fn guard(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_run(&text) { Cow::Owned(format!("'{text}")) } else { text }
}

/// What [`guard`] was given.
pub(super) fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_run(text)).unwrap_or(cell)
}

/// Whether a spreadsheet may take it for a formula, however many apostrophes stand before it.
///
/// OWASP, “CSV Injection”: `=`, `+`, `-`, `@`, their full-width forms, tab and the line ends; some programs pass over
/// blanks and quotes to get there.
fn is_run(text: &str) -> bool {
    let passed = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\'' | '"' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let sign = |letter| matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    text.trim_start_matches('\'').starts_with(['\t', '\r', '\n']) || text.trim_start_matches(passed).starts_with(sign)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_be_run_is_text_and_the_rest_is_as_it_was() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            ("\t=1", "'\t=1"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("\n", "'\n"),
            ("  =1", "'  =1"),
            ("\"=1", "'\"=1"),
            ("' =1", "'' =1"),
            ("'=1", "''=1"),
            ("''=1", "'''=1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("'n Sync", "'n Sync"),
            ("'", "'"),
            ("", ""),
            ("1-1=0", "1-1=0"),
            ("<p>=1</p>", "<p>=1</p>"),
        ] {
            assert_eq!(guard(text.into()), cell);
            assert_eq!(bare(cell), text);
        }
        assert_eq!(bare("'0042"), "'0042", "another program's");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_none_begins_with_a_sign(text in "['\" \t\n=+@-]{0,4}\\PC{0,3}") {
            let cell = guard(text.as_str().into());
            prop_assert_eq!(bare(&cell), &*text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
        }

        #[test]
        fn two_texts_are_two_cells(one in "'{0,3}[ =x]{0,2}", two in "'{0,3}[ =x]{0,2}") {
            prop_assert_eq!(guard(one.as_str().into()) == guard(two.as_str().into()), one == two);
        }
    }
}
