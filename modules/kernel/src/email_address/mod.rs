//! E-mail addresses: those that any mail server can be asked to deliver to.
use std::{fmt, str::FromStr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

use crate::{BLANKS, Violation, line};

/// The longest address (RFC 5321, section 4.5.3.1.3, without its brackets), in bytes.
pub const EMAIL_LENGTH: usize = 254;
/// The longest part before the `@` (RFC 5321, section 4.5.3.1.1), in bytes.
const LOCAL_LENGTH: usize = 64;
/// What may stand before the `@` beside letters, digits and dots (`atext`, RFC 5322, section 3.2.3).
const ATEXT: &str = "!#$%&'*+-/=?^_`{|}~";

/// An address that mail can be sent to: `local@domain`, all of it ASCII.
///
/// The local part is as it was given, and one that needs no quotes (RFC 5321's `Dot-string`). Letters beyond ASCII in
/// it would need SMTPUTF8 (RFC 6531) of every server on the way, so they are refused. The domain is in lower case, and
/// an internationalised one is in A-labels (RFC 5890, as UTS 46 maps them). It has a dot and ends in letters: no
/// `localhost`, and no address of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    address: String,
    /// Where the `@` is.
    at: usize,
}

impl EmailAddress {
    /// What is before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.address[..self.at]
    }

    /// What is behind it.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.address[self.at + 1..]
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// Under which somebody is found who spells it otherwise: lower case, its domain in Unicode.
    ///
    /// In Unicode because release 0.1.0 kept addresses as people type them.
    #[must_use]
    pub fn key(&self) -> String {
        let (domain, _) = idna::domain_to_unicode(self.domain());
        format!("{}@{domain}", self.local().to_ascii_lowercase())
    }

    /// Every key under which `given` may be kept, the first first; `given` may be no address by today's rule.
    ///
    /// Release 0.1.0 kept what was typed, in lower case: an account of that time may have its domain in A-labels, or
    /// letters beyond ASCII before the `@`.
    #[must_use]
    pub fn keys(given: &str) -> Vec<String> {
        let mut keys = vec![given.trim().to_lowercase()];
        if let Ok(email) = given.parse::<Self>() {
            for key in [email.key(), email.address.to_ascii_lowercase()] {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        keys
    }
}

/// Its form tells what is none; that all the rest are some, the format says, as domains have more rules.
impl PartialSchema for EmailAddress {
    fn schema() -> RefOr<Schema> {
        let escape = |sign: char| format!("\\u{:04x}", u32::from(sign));
        let atom = format!("[A-Za-z0-9{}]+", ATEXT.chars().map(escape).collect::<String>());
        let label = r"[^\u0000-\u002c\u002e-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a0]+";
        // What Unicode has for dots beside our own is taken for one, too.
        let pattern = format!(r"^[{BLANKS}]*{atom}(\.{atom})*@{label}([.\u3002\uff0e\uff61]?{label})+[{BLANKS}]*$");
        let address = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
        let address = address.format(Some(SchemaFormat::Custom("idn-email".into())));
        let address = address.min_length(Some(1)).max_length(Some(EMAIL_LENGTH)).examples(["ada@example.com"]);
        address.description(Some("One address that mail can be sent to: ASCII before the `@`.")).into()
    }
}

impl ToSchema for EmailAddress {}

impl FromStr for EmailAddress {
    type Err = Violation;

    fn from_str(given: &str) -> Result<Self, Violation> {
        let given = line(given, 1, EMAIL_LENGTH)?;
        let none = || Violation::new("not_an_email", "must be an e-mail address, as ada@example.com");
        let (local, domain) = given.rsplit_once('@').ok_or_else(none)?;
        if !local.is_ascii() {
            let detail = "must have only ASCII before the @: not every mail server takes more (SMTPUTF8)";
            return Err(Violation::new("email_not_ascii", detail));
        }
        let is_atom = |atom: &str| {
            !atom.is_empty()
                && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || ATEXT.contains(char::from(byte)))
        };
        if !local.split('.').all(is_atom) {
            return Err(none());
        }
        let domain = Uts46::new()
            .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
            .map_err(|_| none())?;
        let (_, top) = domain.rsplit_once('.').ok_or_else(none)?;
        // Top-level domains are letters (RFC 3696, section 2); what ends in digits is an address of IPv4.
        if top.len() < 2 || !(top.bytes().all(|byte| byte.is_ascii_lowercase()) || top.starts_with("xn--")) {
            return Err(none());
        }
        let address = format!("{local}@{domain}");
        if local.len() > LOCAL_LENGTH || address.len() > EMAIL_LENGTH {
            let detail = format!("must have at most {LOCAL_LENGTH} characters before the @ and {EMAIL_LENGTH} in all");
            return Err(Violation::new("too_long", detail));
        }
        Ok(Self { at: local.len(), address })
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl From<EmailAddress> for String {
    fn from(email: EmailAddress) -> Self {
        email.address
    }
}

#[cfg(test)]
mod tests;
