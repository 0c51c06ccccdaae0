//! Postal addresses: which can be delivered to, as far as that shows.
use kernel::{Checks, Flaw};

use crate::{
    PostalAddress,
    countries::{COUNTRIES, WITHOUT_POSTAL_CODES},
    domain::line,
};

impl PostalAddress {
    /// The address without stray blanks, its country in upper case; or a note of every flaw below `at`.
    ///
    /// `at` is the JSON Pointer of the address in its request: `/shipping_address` makes
    /// `/shipping_address/city`.
    pub fn checked(self, checks: &mut Checks, at: &str) -> Option<Self> {
        let name = checks.field(format!("{at}/name"), line(&self.name, 1, 100));
        let line1 = checks.field(format!("{at}/line1"), line(&self.line1, 1, 200));
        let line2 = checks.field(format!("{at}/line2"), optional(self.line2.as_deref(), 200));
        let city = checks.field(format!("{at}/city"), line(&self.city, 1, 100));
        let region = checks.field(format!("{at}/region"), optional(self.region.as_deref(), 100));
        let country = checks.field(format!("{at}/country"), country(&self.country));
        let least = usize::from(!WITHOUT_POSTAL_CODES.contains(&country.as_deref().unwrap_or_default()));
        let postal_code = checks.field(format!("{at}/postal_code"), line(&self.postal_code, least, 20));
        let phone = checks.field(format!("{at}/phone"), phone(self.phone.as_deref()));
        Some(Self {
            name: name?,
            line1: line1?,
            line2: line2?,
            city: city?,
            region: region?,
            postal_code: postal_code?,
            country: country?,
            phone: phone?,
        })
    }
}

/// A line that may be left out; a blank one is.
fn optional(given: Option<&str>, max: usize) -> Result<Option<String>, Flaw> {
    let line = given.map(|given| line(given, 0, max)).transpose()?;
    Ok(line.filter(|line| !line.is_empty()))
}

fn country(given: &str) -> Result<String, Flaw> {
    let code = line(given, 1, 2).map(|code| code.to_ascii_uppercase());
    code.ok()
        .filter(|code| COUNTRIES.binary_search(&&**code).is_ok())
        .ok_or_else(|| Flaw::new("unknown_country", "must be a country's code of two letters (ISO 3166-1 alpha-2)"))
}

/// Digits, and what people put between them.
fn phone(given: Option<&str>) -> Result<Option<String>, Flaw> {
    let phone = optional(given, 30)?;
    let dialled = |phone: &String| {
        let digits = phone.chars().filter(char::is_ascii_digit).count();
        digits >= 3 && phone.chars().all(|c| c.is_ascii_digit() || "+-()/. ".contains(c))
    };
    match phone {
        Some(phone) if !dialled(&phone) => Err(Flaw::new("not_a_phone_number", "must be a telephone number")),
        phone => Ok(phone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> PostalAddress {
        PostalAddress {
            name: "Ada Lovelace".into(),
            line1: "Market Street 1".into(),
            line2: None,
            city: "Berlin".into(),
            region: None,
            postal_code: "10115".into(),
            country: "DE".into(),
            phone: None,
        }
    }

    fn flaws(address: PostalAddress) -> Vec<(String, String)> {
        let mut checks = Checks::new();
        let checked = address.checked(&mut checks, "/to");
        let invalid = checks.finish(checked).unwrap_err();
        invalid.0.into_iter().map(|flaw| (flaw.pointer, flaw.code)).collect()
    }

    #[test]
    fn an_address_is_tidied() {
        let untidy = PostalAddress {
            name: " Ada Lovelace ".into(),
            line2: Some("  ".into()),
            country: "de".into(),
            phone: Some("+49 (30) 123-45".into()),
            ..address()
        };
        let mut checks = Checks::new();
        let tidy = untidy.checked(&mut checks, "").unwrap();
        assert_eq!(tidy, PostalAddress { phone: Some("+49 (30) 123-45".into()), ..address() });
        assert!(checks.finish(Some(())).is_ok());
    }

    #[test]
    fn every_flaw_is_pointed_at() {
        let broken = PostalAddress {
            name: String::new(),
            line1: "a\nb".into(),
            line2: Some("x".repeat(201)),
            city: "\0".into(),
            region: Some("\u{7f}".into()),
            postal_code: " ".into(),
            country: "XX".into(),
            phone: Some("call me".into()),
        };
        let expected = [
            ("/to/name", "required"),
            ("/to/line1", "control_character"),
            ("/to/line2", "too_long"),
            ("/to/city", "control_character"),
            ("/to/region", "control_character"),
            ("/to/country", "unknown_country"),
            ("/to/postal_code", "required"),
            ("/to/phone", "not_a_phone_number"),
        ];
        assert_eq!(flaws(broken), expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    }

    #[test]
    fn a_country_is_one_there_is() {
        for code in ["DE", "us", " Fr "] {
            assert!(country(code).is_ok(), "{code}");
        }
        for code in ["", "D", "UK", "EU", "DEU", "ß", "D\0"] {
            assert!(country(code).is_err(), "{code}");
        }
        assert!(COUNTRIES.is_sorted() && WITHOUT_POSTAL_CODES.is_sorted());
        assert!(WITHOUT_POSTAL_CODES.iter().all(|code| COUNTRIES.contains(code)));
    }

    #[test]
    fn a_country_without_postal_codes_needs_none() {
        let mut checks = Checks::new();
        let hong_kong = PostalAddress { country: "hk".into(), postal_code: String::new(), ..address() };
        assert!(hong_kong.checked(&mut checks, "").is_some());
    }
}
