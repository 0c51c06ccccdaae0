//! Prices as decimal text, without ever being a float.
use kernel::{Currency, Money, Violation};

use super::limits;

/// `19.99` as 1999 minor units of `currency`.
///
/// More decimals than the currency has are refused even if they are zeros: `1.000` is a thousand in Athens.
pub(super) fn parse(text: &str, currency: Currency) -> Result<Money, Violation> {
    let digits = currency.digits() as usize;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    if text.starts_with('-') {
        return Err(Violation::new("negative_price", "a price is not below zero"));
    }
    if !number(whole) || !fraction.is_none_or(number) {
        return Err(Violation::new(
            "malformed_price",
            "write the price as 1299.50, without spaces, commas or a symbol",
        ));
    }
    let fraction = fraction.unwrap_or_default();
    if fraction.len() > digits {
        return Err(Violation::new("too_many_decimals", format!("{currency} has {digits} decimals")));
    }
    let minor = format!("{whole}{fraction:0<digits$}");
    let amount = minor.parse::<i64>().ok().filter(|amount| *amount <= limits::PRICE);
    let amount = amount.ok_or_else(|| Violation::new("price_too_high", "the price is beyond any belief"))?;
    Ok(Money::new(amount, currency))
}

/// The same text again: `19.99`.
pub(super) fn text(money: Money) -> String {
    money.to_string().split(' ').next().unwrap_or_default().to_owned()
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_in_every_currency() {
        for (text, code, amount) in [
            ("19.99", "EUR", 1999),
            ("50", "EUR", 5000),
            ("0.5", "EUR", 50),
            ("0.07", "EUR", 7),
            ("0", "EUR", 0),
            ("007.10", "EUR", 710),
            ("9007199254.99", "EUR", 900_719_925_499),
            ("500", "JPY", 500),
            ("1.234", "KWD", 1234),
            ("1.2", "KWD", 1200),
            ("9999999999.99", "EUR", 999_999_999_999),
        ] {
            let currency = code.parse().unwrap();
            let money = parse(text, currency).unwrap();
            assert_eq!(money, Money::new(amount, currency), "{text}");
            assert_eq!(parse(&super::text(money), currency), Ok(money), "{text}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_price_is_refused() {
        for (text, code, flaw) in [
            ("19.999", "EUR", "too_many_decimals"),
            ("1.000", "EUR", "too_many_decimals"),
            ("500.00", "JPY", "too_many_decimals"),
            ("-1", "EUR", "negative_price"),
            ("12,50", "EUR", "malformed_price"),
            ("1,299.00", "EUR", "malformed_price"),
            ("€5", "EUR", "malformed_price"),
            ("1e3", "EUR", "malformed_price"),
            ("+5", "EUR", "malformed_price"),
            ("5.", "EUR", "malformed_price"),
            (".5", "EUR", "malformed_price"),
            ("1.2.3", "EUR", "malformed_price"),
            ("٣", "EUR", "malformed_price"),
            ("NaN", "EUR", "malformed_price"),
            ("10000000000.00", "EUR", "price_too_high"),
            ("99999999999999999999999999", "EUR", "price_too_high"),
        ] {
            assert_eq!(parse(text, code.parse().unwrap()).unwrap_err().code, flaw, "{text}");
        }
    }
}
