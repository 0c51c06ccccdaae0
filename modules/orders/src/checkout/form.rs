//! From a cart to an order: what is checked, and what it costs.
use cart::{Cart, CartItem};
use kernel::{Caller, Country, Currency, Digest, EmailAddress, Fault, Money, Violation, Violations};
use payments::PaymentChoice;
use products::Shortage;

use crate::{
    Error, NewOrder, NewQuote, OrderLine, Quote, Totals,
    checkout::totals::{lines, sum, totals},
    settings::{Method, Settings},
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

impl NewQuote {
    /// The country and the way there, where both exist.
    pub(crate) fn checked<'a>(&self, settings: &'a Settings) -> Result<(Country, &'a Method), Violations> {
        let mut checks = Violations::new();
        let country = checks.field("/country", self.country.parse::<Country>());
        let method = country.and_then(|country| {
            checks.field("/shipping_method", method(settings, &self.shipping_method, country.code()))
        });
        checks.finish(country.zip(method))
    }
}

impl Priced {
    /// As a quote, with the other ways there.
    pub(crate) fn quote(self, country: Country, settings: &Settings) -> Quote {
        let items = self.totals.items;
        let shipping_methods = settings.methods(country.code()).map(|method| method.offer(items)).collect();
        Quote { lines: self.lines, totals: self.totals, shipping_methods }
    }
}

impl NewOrder {
    /// What tells it from another order under the same key.
    pub(crate) fn fingerprint(&self) -> Result<String, Fault> {
        serde_json::to_vec(self).map(|text| Digest::of(text).base64url()).map_err(Fault::internal)
    }

    /// The order without stray blanks, or everything that is wrong with its form.
    pub(crate) fn checked(self, caller: &Caller, settings: &Settings) -> Result<Self, Violations> {
        let mut checks = Violations::new();
        let email = match (self.email, caller) {
            (Some(given), _) => checks.field("/email", given.parse::<EmailAddress>()).map(|email| Some(email.into())),
            (None, Caller::User { .. } | Caller::System) => Some(None),
            (None, Caller::Guest { .. } | Caller::Anonymous) => checks
                .field("/email", Err(Violation::new("required", "sign in, or say where mail about the order goes"))),
        };
        let shipping_address = self.shipping_address.checked(&mut checks, "/shipping_address");
        let shipping_method = shipping_address.as_ref().and_then(|address| {
            let found = method(settings, &self.shipping_method, &address.country);
            checks.field("/shipping_method", found.map(|_| self.shipping_method.clone()))
        });
        let provider = checks.field("/payment/provider", payments::forms::Provider::read(&self.payment.provider));
        let means = checks.field("/payment/method", payments::forms::Means::read(&self.payment.method));
        let payment = provider.zip(means).map(|(provider, method)| PaymentChoice { provider, method });
        let expected_total = self.expected_total;
        let whole = email.zip(shipping_address).zip(shipping_method).zip(payment);
        checks.finish(whole.map(|(((email, shipping_address), shipping_method), payment)| Self {
            shipping_address,
            shipping_method,
            payment,
            email,
            expected_total,
        }))
    }

    /// Refuses a total that is not the one that was shown.
    pub(crate) fn expects(&self, total: Money) -> Result<(), Error> {
        if self.expected_total.is_none_or(|expected| expected == total) {
            Ok(())
        } else {
            Err(Error::TotalChanged { total })
        }
    }
}

fn method<'a>(settings: &'a Settings, code: &str, country: &str) -> Result<&'a Method, Violation> {
    settings.method(code, country).ok_or_else(|| Violation::new("unknown_value", "is not a way to that country"))
}

/// Crockford's base 32: no I, L, O or U, so that a number can be read out over a telephone.
const ALPHABET: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N', 'P',
    'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];

/// A number for people, as `7K3F-9QXM`: 40 bits at random.
pub(crate) fn number() -> String {
    let digits: [u8; 8] = rand::random();
    let mut number: String = digits.iter().map(|digit| ALPHABET[usize::from(digit % 32)]).collect();
    number.insert(4, '-');
    number
}
