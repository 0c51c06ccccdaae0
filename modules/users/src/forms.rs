//! What each field of an account and of an address may hold, for the code that checks it and for the API's description.
use std::sync::LazyLock;

use kernel::{EMAIL_LENGTH, Line, Secret, Visible};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

/// How many characters a password has at the most: nobody hashes more.
pub(crate) const PASSWORD_MAX: usize = 256;
/// The longest telephone number, in characters: people write beside it when, and for whom, to call.
const PHONE_LENGTH: usize = 60;
/// The shortest, in digits.
pub(crate) const PHONE_DIGITS: usize = 3;

/// What to call somebody. One line: it ends up in the headers of a mail.
pub(crate) type Name = Line<1, 100>;
/// A password that is new (NIST SP 800-63B, section 3.1.1.2).
pub(crate) type Password = Secret<10, PASSWORD_MAX>;
/// What somebody says their password is: it may be older than the rules.
pub(crate) type Attempt = Secret<1, PASSWORD_MAX>;
/// What somebody says their address is: whether it is one says nothing about whether it has an account.
pub(crate) type Login = Line<1, EMAIL_LENGTH>;
/// A refresh token: 32 bytes in base64url.
pub(crate) type Token = Visible<43, 43>;

/// A street, or what it has no room for.
pub(crate) type Street = Line<1, 200>;
pub(crate) type MoreStreet = Line<0, 200>;
pub(crate) type City = Line<1, 100>;
pub(crate) type Region = Line<0, 100>;
/// Where mail does not arrive without, it must not be empty.
pub(crate) type PostalCode<const MIN: usize> = Line<MIN, 20>;
pub(crate) type AnyPostalCode = PostalCode<0>;

/// A telephone number, or none.
pub(crate) type PhoneLine = Line<0, PHONE_LENGTH>;

/// The same, with so many digits of any script.
pub(crate) struct Phone;

impl PartialSchema for Phone {
    fn schema() -> RefOr<Schema> {
        let (digit, none) = (&*DIGIT, kernel::BLANKS);
        let controls = r"\u0000-\u001f\u007f-\u009f";
        let digits = format!("([^{controls}]*[{digit}]){{{PHONE_DIGITS}}}");
        let pattern = format!("^[{none}]*({digits}[^{controls}]*[{none}]*)?$");
        let phone = ObjectBuilder::new().schema_type(Type::String).max_length(Some(PHONE_LENGTH));
        phone.pattern(Some(pattern)).examples(["+49 30 1234567"]).into()
    }
}

impl ToSchema for Phone {}

/// Looked for once, not for each operation that takes a telephone number.
static DIGIT: LazyLock<String> = LazyLock::new(|| class(char::is_numeric));

/// The characters of the first plane that `are` such, as a regular expression's class.
fn class(are: impl Fn(char) -> bool) -> String {
    let (mut class, mut begun) = (String::new(), None);
    for code in 0..=0x1_0000_u32 {
        let is = code <= 0xffff && char::from_u32(code).is_some_and(&are);
        match begun {
            None if is => begun = Some(code),
            Some(first) if !is => {
                class.push_str(&format!("\\u{first:04x}"));
                if code - 1 > first {
                    class.push_str(&format!("-\\u{:04x}", code - 1));
                }
                begun = None;
            }
            _ => {}
        }
    }
    class
}
