//! What may be asked for: the form of an order and of a quote.
use kernel::{Caller, Country, Digest, EmailAddress, Fault, Money, Violation, Violations};
use payments::PaymentChoice;

use crate::{
    Error, NewOrder, NewQuote,
    settings::{Method, Settings},
};

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
