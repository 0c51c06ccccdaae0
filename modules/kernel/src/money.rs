//! Money: integer minor units of one currency.
use std::{fmt, str::FromStr, sync::LazyLock};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::{Violation, forms::whole};

/// A currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// How many digits its minor unit has: 2 for EUR, 0 for JPY.
    #[must_use]
    pub fn digits(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Its three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

/// Every code there is: the library has no list of them.
static CODES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let letters = || 'A'..='Z';
    let pairs = letters().flat_map(|one| letters().map(move |two| (one, two)));
    let codes = pairs.flat_map(|(one, two)| letters().map(move |three| String::from_iter([one, two, three])));
    codes.filter_map(|code| code.parse::<Currency>().ok()).map(Currency::code).collect()
});

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(CODES.iter().copied()));
        code.description(Some("A currency of ISO 4217.")).examples(["EUR"]).into()
    }
}

impl ToSchema for Currency {}

/// An amount from `MIN` to `MAX` minor units, as [`Money`] is written.
#[derive(Debug)]
pub struct Amount<const MIN: i64, const MAX: i64>;

impl<const MIN: i64, const MAX: i64> PartialSchema for Amount<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        let amount = whole(MIN, MAX);
        let amount = amount.description(Some("In minor units: 1999 is 19.99 EUR.")).examples([1999]);
        let money = ObjectBuilder::new().property("amount", amount).required("amount");
        money.property("currency", Ref::from_schema_name(Currency::name())).required("currency").into()
    }
}

impl<const MIN: i64, const MAX: i64> ToSchema for Amount<MIN, MAX> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Currency::name().into_owned(), Currency::schema()));
    }
}

impl FromStr for Currency {
    type Err = Violation;
    fn from_str(text: &str) -> Result<Self, Violation> {
        iso_currency::Currency::from_code(text).map(Self).ok_or_else(|| {
            Violation::new("unknown_currency", format!("`{}` is not a currency of ISO 4217", text.escape_debug()))
        })
    }
}

impl TryFrom<String> for Currency {
    type Error = Violation;
    fn try_from(text: String) -> Result<Self, Violation> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().into()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// In minor units: 1999 is 19.99 EUR.
    #[schema(example = 1999)]
    pub amount: i64,
    /// Its currency.
    pub currency: Currency,
}

/// Two amounts that do not add up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// They are of two currencies.
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
    /// The sum is beyond 2^63 minor units.
    #[error("the amount is too large")]
    Overflow,
}

impl From<MoneyError> for crate::Fault {
    fn from(error: MoneyError) -> Self {
        Self::internal(error)
    }
}

impl Money {
    /// `amount` minor units of `currency`.
    #[must_use]
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// None of `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum of two amounts of one currency.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        self.amount.checked_add(other.amount).map(|amount| Self::new(amount, self.currency)).ok_or(MoneyError::Overflow)
    }

    /// The difference of two amounts of one currency.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        self.amount.checked_sub(other.amount).map(|amount| Self::new(amount, self.currency)).ok_or(MoneyError::Overflow)
    }

    /// This amount `quantity` times.
    pub fn times(self, quantity: i64) -> Result<Self, MoneyError> {
        self.amount.checked_mul(quantity).map(|amount| Self::new(amount, self.currency)).ok_or(MoneyError::Overflow)
    }

    /// The sum of all, in `currency` where there are none.
    pub fn sum(all: impl IntoIterator<Item = Self>, currency: Currency) -> Result<Self, MoneyError> {
        all.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::Mixed(self.currency, other.currency)) }
    }
}

impl fmt::Display for Money {
    /// As people write it: `19.99 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.digits();
        let unit = 10_u64.pow(digits);
        let (sign, amount) = (if self.amount < 0 { "-" } else { "" }, self.amount.unsigned_abs());
        write!(f, "{sign}{}", amount / unit)?;
        if digits > 0 {
            write!(f, ".{:0width$}", amount % unit, width = digits as usize)?;
        }
        write!(f, " {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64, currency: &str) -> Money {
        Money::new(amount, currency.parse().unwrap())
    }

    #[test]
    fn money_reads_as_people_write_it() {
        for (amount, currency, text) in [
            (1999, "EUR", "19.99 EUR"),
            (5, "EUR", "0.05 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (500, "JPY", "500 JPY"),
            (1, "KWD", "0.001 KWD"),
        ] {
            assert_eq!(money(amount, currency).to_string(), text);
        }
    }

    #[test]
    fn currencies_do_not_mix_and_sums_do_not_wrap() {
        assert!(matches!(money(1, "EUR").plus(money(1, "USD")), Err(MoneyError::Mixed(..))));
        assert_eq!(money(i64::MAX, "EUR").plus(money(1, "EUR")), Err(MoneyError::Overflow));
        assert_eq!(money(i64::MAX, "EUR").times(2), Err(MoneyError::Overflow));
        assert!("EURO".parse::<Currency>().is_err() && "eur".parse::<Currency>().is_err());
    }
}
