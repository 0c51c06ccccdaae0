//! Postal addresses: which can be delivered to, as far as that shows.
use kernel::{Country, PostalCode, Violation, Violations};

use crate::{
    PostalAddress,
    forms::{self, PHONE_DIGITS},
};

impl PostalAddress {
    /// The address without stray blanks, its country in upper case; or a note of every flaw below `at`.
    ///
    /// `at` is the JSON Pointer of the address in its request: `/shipping_address` makes
    /// `/shipping_address/city`.
    pub fn checked(self, checks: &mut Violations, at: &str) -> Option<Self> {
        let name = checks.field(format!("{at}/name"), forms::Name::read(&self.name));
        let line1 = checks.field(format!("{at}/line1"), forms::Street::read(&self.line1));
        let line2 = checks.field(format!("{at}/line2"), optional(self.line2.as_deref(), forms::MoreStreet::read));
        let city = checks.field(format!("{at}/city"), forms::City::read(&self.city));
        let region = checks.field(format!("{at}/region"), optional(self.region.as_deref(), forms::Region::read));
        let country = checks.field(format!("{at}/country"), self.country.parse::<Country>());
        // Its form is not looked at: an order that is stopped wrongly costs more than a code that the post corrects.
        let needed = country.is_some_and(|country| country.postal_code() == PostalCode::Required);
        let code = if needed { forms::PostalCode::<1>::read } else { forms::PostalCode::<0>::read };
        let postal_code = checks.field(format!("{at}/postal_code"), code(&self.postal_code));
        let phone = checks.field(format!("{at}/phone"), phone(self.phone.as_deref()));
        Some(Self {
            name: name?,
            line1: line1?,
            line2: line2?,
            city: city?,
            region: region?,
            postal_code: postal_code?,
            country: country?.code().into(),
            phone: phone?,
        })
    }
}

/// A line that may be left out; a blank one is.
fn optional(given: Option<&str>, read: fn(&str) -> Result<String, Violation>) -> Result<Option<String>, Violation> {
    let line = given.map(read).transpose()?;
    Ok(line.filter(|line| !line.is_empty()))
}

/// A line with digits in it, of any script: what else people write there, whoever dials can read.
fn phone(given: Option<&str>) -> Result<Option<String>, Violation> {
    let phone = optional(given, forms::PhoneLine::read)?;
    let digits = |phone: &String| phone.chars().filter(|c| c.is_numeric()).count();
    match phone {
        Some(phone) if digits(&phone) < PHONE_DIGITS => {
            Err(Violation::new("not_a_phone_number", "must be a telephone number"))
        }
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
        let mut checks = Violations::new();
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
        let mut checks = Violations::new();
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
            postal_code: "x".repeat(21),
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
            ("/to/postal_code", "too_long"),
            ("/to/phone", "not_a_phone_number"),
        ];
        assert_eq!(flaws(broken), expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    }

    /// The flaws of an address with this postal code in that country.
    fn with_code(country: &str, postal_code: &str) -> Vec<(String, String)> {
        let mut checks = Violations::new();
        let given = PostalAddress { country: country.into(), postal_code: postal_code.into(), ..address() };
        match given.checked(&mut checks, "") {
            Some(_) => Vec::new(),
            None => checks.finish(None::<()>).unwrap_err().0.into_iter().map(|f| (f.pointer, f.code)).collect(),
        }
    }

    #[test]
    fn a_postal_code_is_asked_for_where_mail_needs_one_and_its_form_is_not_judged() {
        for country in ["JM", "CD", "CW", "SX", "BQ", "hk", "IE", "XK"] {
            assert_eq!(with_code(country, ""), [], "{country}");
            assert_eq!(with_code(country, "00000"), [], "what a form demanded of somebody: {country}");
        }
        for country in ["DE", "us", "GB"] {
            assert_eq!(with_code(country, " "), [("/postal_code".into(), "required".into())], "{country}");
            assert_eq!(with_code(country, "SW1A\u{a0}1AA"), [], "{country}");
        }
        assert_eq!(with_code("DE", &"1".repeat(21)), [("/postal_code".into(), "too_long".into())]);
        assert_eq!(with_code("ZZ", ""), [("/country".into(), "unknown_country".into())], "one flaw, not two");
    }

    #[test]
    fn a_telephone_number_is_taken_as_people_write_it() {
        for good in [
            "+49 (30) 123-45",
            "+1 (555) 010-0199 ext. 89",
            "555-0100 x89",
            "030\u{a0}12\u{2013}34\u{202f}56",
            "\u{ff0b}\u{ff18}\u{ff11} \u{ff13}\u{ff0d}\u{ff11}\u{ff12}\u{ff13}\u{ff14}",
            "\u{660}\u{665}\u{660} \u{661}\u{662}\u{663}",
            "1-800-FLOWERS",
            "0171/1234567 (M\u{fc}ller, after 6 p.m.)",
            "112",
        ] {
            assert_eq!(phone(Some(good)).unwrap().as_deref(), Some(good));
        }
        assert_eq!(phone(Some(" \u{a0} ")).unwrap(), None);
        for (bad, code) in [
            ("call me", "not_a_phone_number"),
            ("12", "not_a_phone_number"),
            ("030 123\n456", "control_character"),
            ("030\x00123", "control_character"),
            (&*"1".repeat(61), "too_long"),
            (&*"1".repeat(10_000), "too_long"),
        ] {
            assert_eq!(phone(Some(bad)).unwrap_err().code, code, "{bad}");
        }
    }
}
