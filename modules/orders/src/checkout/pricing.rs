//! What a cart costs: in minor units, and to the cent what was shown.
//!
//! Tax is worked out and rounded once for each line and once for the shipping, half away from zero, so that
//! the parts that a customer sees add up to what is charged.
use cart::{Cart, CartItem};
use kernel::{Country, Currency, Fault, Money, MoneyError};
use products::Shortage;

use crate::{
    Error, OrderLine, Quote, Totals,
    settings::{Method, Settings, TaxRate},
};

/// What a cart costs, sent somewhere in some way.
pub(crate) struct Priced {
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) totals: Totals,
}

/// Prices a cart. What has left the catalogue, or is gone, is sold out: it has no price any more.
pub(crate) fn price(
    cart: &Cart,
    country: &str,
    method: &Method,
    settings: &Settings,
    currency: Currency,
) -> Result<Priced, Error> {
    if cart.items.is_empty() {
        return Err(Error::CartEmpty);
    }
    short(cart, |_| 1)?;
    let rate = settings.tax_rate(country).ok_or_else(|| Fault::internal("no tax rate"))?;
    let lines = lines(&cart.items, rate).map_err(Fault::from)?;
    let shipping = method.price(sum(&lines, currency).map_err(Fault::from)?);
    let totals = totals(&lines, shipping, rate).map_err(Fault::from)?;
    Ok(Priced { lines, totals })
}

/// Refuses a cart that stock would refuse, before there is an order to turn back.
pub(crate) fn in_stock(cart: &Cart) -> Result<(), Error> {
    short(cart, |item| item.quantity)
}

/// Refuses a cart with lines of which there is less than needed.
fn short(cart: &Cart, needed: impl Fn(&CartItem) -> i64) -> Result<(), Error> {
    let short = cart.items.iter().filter(|item| item.lacks(needed(item)));
    let short = short.map(|item| Shortage {
        sku: item.sku.clone(),
        requested: item.quantity,
        available: item.available.max(0),
    });
    let lines: Vec<_> = short.collect();
    if lines.is_empty() { Ok(()) } else { Err(Error::SoldOut { lines }) }
}

impl Priced {
    /// As a quote, with the other ways there.
    pub(crate) fn quote(self, country: Country, settings: &Settings) -> Quote {
        let items = self.totals.items;
        let shipping_methods = settings.methods(country.code()).map(|method| method.offer(items)).collect();
        Quote { lines: self.lines, totals: self.totals, shipping_methods }
    }
}

const WHOLE: i64 = 10_000;

impl TaxRate {
    /// The tax within `amount`, or to be added to it.
    fn of(&self, amount: Money) -> Result<Money, MoneyError> {
        let whole = if self.included { WHOLE + self.basis_points } else { WHOLE };
        let tax = divide(i128::from(amount.amount) * i128::from(self.basis_points), i128::from(whole));
        i64::try_from(tax).map(|tax| Money::new(tax, amount.currency)).map_err(|_| MoneyError::Overflow)
    }
}

/// Rounds half away from zero, as people do.
fn divide(dividend: i128, divisor: i128) -> i128 {
    (2 * dividend.abs() + divisor) / (2 * divisor) * dividend.signum()
}

/// The lines of an order.
fn lines(items: &[CartItem], rate: &TaxRate) -> Result<Vec<OrderLine>, MoneyError> {
    let line = |item: &CartItem| {
        let line_total = item.unit_price.times(item.quantity)?;
        Ok(OrderLine {
            sku: item.sku.clone(),
            name: item.name.clone(),
            variant: item.variant.clone(),
            quantity: item.quantity,
            unit_price: item.unit_price,
            line_total,
            tax: if item.taxable { rate.of(line_total)? } else { Money::zero(line_total.currency) },
        })
    };
    items.iter().map(line).collect()
}

/// The sum of the lines.
fn sum(lines: &[OrderLine], currency: Currency) -> Result<Money, MoneyError> {
    Money::sum(lines.iter().map(|line| line.line_total), currency)
}

/// The totals of an order that consists of `lines` and costs `shipping` to send.
fn totals(lines: &[OrderLine], shipping: Money, rate: &TaxRate) -> Result<Totals, MoneyError> {
    let items = sum(lines, shipping.currency)?;
    let taxes = lines.iter().map(|line| line.tax).chain([rate.of(shipping)?]);
    let tax = Money::sum(taxes, shipping.currency)?;
    let discount = Money::zero(shipping.currency);
    let net = items.plus(shipping)?.minus(discount)?;
    let total = if rate.included { net } else { net.plus(tax)? };
    Ok(Totals { items, shipping, tax, discount, total, tax_included: rate.included })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn eur(amount: i64) -> Money {
        Money::new(amount, "EUR".parse().unwrap())
    }

    fn item(amount: i64, quantity: i64) -> CartItem {
        CartItem {
            sku: "A".parse().unwrap(),
            name: "A".into(),
            variant: String::new(),
            slug: "a".into(),
            image: None,
            quantity,
            unit_price: eur(amount),
            line_total: eur(amount * quantity),
            available: quantity,
            stock_policy: products::StockPolicy::Deny,
            taxable: true,
        }
    }

    fn rate(basis_points: i64, included: bool) -> TaxRate {
        TaxRate { country: "*".into(), basis_points, included }
    }

    #[test]
    fn half_a_cent_goes_away_from_zero() {
        for (dividend, divisor, quotient) in
            [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (0, 10, 0)]
        {
            assert_eq!(divide(dividend, divisor), quotient, "{dividend} / {divisor}");
        }
    }

    #[test]
    fn tax_is_within_the_price_or_beside_it() {
        let items = [item(1999, 1), item(1000, 2)];
        for (included, tax, total) in [(true, 319 + 319 + 78, 4489), (false, 380 + 380 + 93, 4489 + 853)] {
            let rate = rate(1900, included);
            let totals = totals(&lines(&items, &rate).unwrap(), eur(490), &rate).unwrap();
            assert_eq!((totals.items, totals.tax, totals.total), (eur(3999), eur(tax), eur(total)));
        }
    }

    #[test]
    fn what_is_not_taxed_bears_no_tax_and_the_rest_does() {
        let items = [CartItem { taxable: false, ..item(1999, 1) }, item(1000, 2)];
        for (included, tax, total) in [(true, 319 + 78, 4489), (false, 380 + 93, 4489 + 473)] {
            let rate = rate(1900, included);
            let lines = lines(&items, &rate).unwrap();
            assert_eq!(lines[0].tax, eur(0));
            let totals = totals(&lines, eur(490), &rate).unwrap();
            assert_eq!((totals.items, totals.tax, totals.total), (eur(3999), eur(tax), eur(total)));
        }
    }

    #[test]
    fn what_no_number_can_hold_is_an_error() {
        let mut huge = item(1, 1);
        huge.unit_price = eur(i64::MAX);
        huge.quantity = 2;
        assert_eq!(lines(&[huge], &rate(0, true)), Err(MoneyError::Overflow));
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_what_was_shown(
            wished in prop::collection::vec((0..=100_000_000_i64, 1..=999_i64, any::<bool>()), 1..20),
            shipping in 0..=100_000_i64,
            basis_points in 0..=10_000_i64,
            included: bool,
        ) {
            let rate = rate(basis_points, included);
            let items: Vec<_> = wished
                .iter()
                .map(|(amount, quantity, taxable)| CartItem { taxable: *taxable, ..item(*amount, *quantity) })
                .collect();
            let lines = lines(&items, &rate).unwrap();
            let totals = totals(&lines, eur(shipping), &rate).unwrap();
            let shown = |part: fn(&OrderLine) -> Money| lines.iter().map(|line| part(line).amount).sum::<i64>();
            prop_assert_eq!(totals.items.amount, shown(|line| line.line_total));
            prop_assert_eq!(totals.tax.amount, shown(|line| line.tax) + rate.of(eur(shipping)).unwrap().amount);
            let beside = if included { 0 } else { totals.tax.amount };
            let sum = totals.items.amount + totals.shipping.amount + beside - totals.discount.amount;
            prop_assert_eq!(totals.total.amount, sum);
            // Rounded once: no line is off by more than half a cent.
            let whole = i128::from(if included { 10_000 + basis_points } else { 10_000 });
            for (line, (_, _, taxable)) in lines.iter().zip(&wished) {
                if !taxable {
                    prop_assert_eq!(line.tax.amount, 0);
                    continue;
                }
                let exact = i128::from(line.line_total.amount) * i128::from(basis_points);
                prop_assert!((i128::from(line.tax.amount) * whole - exact).abs() * 2 <= whole);
            }
        }
    }
}
