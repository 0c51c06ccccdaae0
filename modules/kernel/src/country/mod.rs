//! The countries that a parcel can be addressed to, and which of them have postal codes.
//!
//! `country/countries.tsv` is taken from libaddressinput's metadata, what Android and Chromium lay out address forms
//! by, through `country/regenerate.py`. No crate keeps it: those of ISO 3166 know no postal codes, or only that there
//! are some, which would stop every order to Ireland or Chile whose customer does not know theirs.
use std::{collections::BTreeMap, fmt, str::FromStr, sync::LazyLock};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::{BLANKS, Violation};

const TABLE: &str = include_str!("countries.tsv");

static COUNTRIES: LazyLock<BTreeMap<&str, Country>> = LazyLock::new(|| {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    let country = |row: &'static str| {
        let mut cells = row.split('\t');
        let code = cells.next()?;
        let postal_code = match cells.next()? {
            "required" => PostalCode::Required,
            "optional" => PostalCode::Optional,
            _ => PostalCode::None,
        };
        Some((code, Country { code, postal_code }))
    };
    rows.filter_map(country).collect()
});

/// A country of ISO 3166-1, or a place that the post treats as one: Kosovo (`XK`), Ascension (`AC`), Tristan (`TA`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country {
    code: &'static str,
    postal_code: PostalCode,
}

/// Whether an address in a country has a postal code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PostalCode {
    /// Mail does not arrive without.
    Required,
    /// There are some, and mail arrives without.
    Optional,
    /// There are none.
    None,
}

impl Country {
    /// Its two letters (ISO 3166-1 alpha-2).
    #[must_use]
    pub fn code(self) -> &'static str {
        self.code
    }

    /// Whether an address there has a postal code.
    #[must_use]
    pub fn postal_code(self) -> PostalCode {
        self.postal_code
    }
}

/// Each country there is, by its first letter.
impl PartialSchema for Country {
    fn schema() -> RefOr<Schema> {
        let mut letters: BTreeMap<char, String> = BTreeMap::new();
        for (first, second) in COUNTRIES.keys().filter_map(|code| code.chars().next().zip(code.chars().nth(1))) {
            letters.entry(first).or_default().extend([second, second.to_ascii_lowercase()]);
        }
        let either = |(first, second): (char, String)| format!("[{first}{}][{second}]", first.to_ascii_lowercase());
        let codes: Vec<_> = letters.into_iter().map(either).collect();
        let code = ObjectBuilder::new().schema_type(Type::String).min_length(Some(2)).examples(["DE"]);
        let code = code.pattern(Some(format!("^[{BLANKS}]*({})[{BLANKS}]*$", codes.join("|"))));
        code.description(Some("A country's code of two letters (ISO 3166-1 alpha-2), in either case.")).into()
    }
}

impl ToSchema for Country {}

impl FromStr for Country {
    type Err = Violation;

    /// The country with these two letters, in either case.
    fn from_str(given: &str) -> Result<Self, Violation> {
        let code = given.trim().to_ascii_uppercase();
        COUNTRIES.get(&*code).copied().ok_or_else(|| {
            Violation::new("unknown_country", "must be a country's code of two letters (ISO 3166-1 alpha-2)")
        })
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn postal_code(code: &str) -> PostalCode {
        code.parse::<Country>().unwrap().postal_code()
    }

    #[test]
    fn a_country_is_one_that_there_is_in_either_case() {
        for (given, code) in
            [("DE", "DE"), ("us", "US"), (" Fr ", "FR"), ("gB", "GB"), ("XK", "XK"), ("\u{a0}SE\n", "SE")]
        {
            assert_eq!(given.parse::<Country>().unwrap().code(), code);
        }
        // An i without its dot, one with two, letters of other scripts that look alike, wide ones.
        let alike = ["t\u{131}", "\u{130}t", "\u{405}E", "\u{412}E", "\u{ff24}\u{ff25}", "\u{1f1e9}\u{1f1ea}"];
        for code in ["", "D", "UK", "EU", "ZZ", "XX", "AA", "DEU", "276", "Germany", "\u{df}", "D\0", "D E", "*", "#"] {
            assert_eq!(code.parse::<Country>().unwrap_err().code, "unknown_country", "{code}");
        }
        assert!(alike.iter().all(|code| code.parse::<Country>().is_err()));
        assert!("DE".repeat(100_000).parse::<Country>().is_err());
    }

    #[test]
    fn a_postal_code_is_demanded_only_where_mail_needs_one() {
        for code in ["JM", "CD", "CW", "SX", "BQ", "HK", "AE", "QA", "PA", "BO", "GH", "TT", "SS", "WS", "MS"] {
            assert_eq!(postal_code(code), PostalCode::None, "{code}");
        }
        for code in ["IE", "CL", "PE", "NG", "VN", "EG", "KP", "XK"] {
            assert_eq!(postal_code(code), PostalCode::Optional, "{code}");
        }
        for code in ["DE", "AT", "US", "GB", "FR", "CA", "NL", "JP", "BR", "IN", "SG"] {
            assert_eq!(postal_code(code), PostalCode::Required, "{code}");
        }
    }

    #[test]
    fn the_table_is_as_its_script_wrote_it() {
        let (head, rows): (Vec<&str>, Vec<&str>) = TABLE.lines().partition(|line| line.starts_with('#'));
        let rows = rows.join("\n") + "\n";
        let digest = Sha256::digest(rows).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(head.last().unwrap().rsplit(' ').next(), Some(&*digest), "run regenerate.py");
        // The 249 of ISO 3166-1, and the three that the post has besides.
        assert_eq!(COUNTRIES.len(), 252);
        assert!(COUNTRIES.keys().all(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())));
    }
}
