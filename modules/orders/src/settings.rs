//! What the shop decides about its orders: shipping, tax, and how patient it is.
use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;
use kernel::{Country, Money, StartError};
use serde::Deserialize;

use crate::ShippingMethod;

/// The section `[orders]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    payment_minutes: i64,
    lease_seconds: u32,
    attempts: i64,
    shipping_methods: Vec<Method>,
    tax_rates: Vec<TaxRate>,
}

/// A way to send an order, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Method {
    code: String,
    name: String,
    /// In minor units of the shop's currency.
    price: i64,
    /// What is in the cart must be worth so much for it to cost nothing.
    free_from: Option<i64>,
    /// Where it goes; everywhere where absent.
    countries: Option<Vec<String>>,
}

/// How a country taxes what is sold to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxRate {
    /// ISO 3166-1 alpha-2, or `*` for every other.
    pub(crate) country: String,
    /// Hundredths of a per cent: 1900 is 19 %.
    pub(crate) basis_points: i64,
    /// Whether prices contain it already.
    pub(crate) included: bool,
}

impl Settings {
    /// Refuses what cannot be meant, in a sentence that names the setting.
    pub(crate) fn checked(mut self) -> Result<Self, StartError> {
        let ensure = |holds: bool, rule: &str| if holds { Ok(()) } else { Err(StartError::from(rule.to_owned())) };
        ensure((1..=1440).contains(&self.payment_minutes), "`orders.payment_minutes` must be 1 to 1440")?;
        ensure((3..=300).contains(&self.lease_seconds), "`orders.lease_seconds` must be 3 to 300")?;
        ensure((1..=1000).contains(&self.attempts), "`orders.attempts` must be 1 to 1000")?;
        ensure(!self.shipping_methods.is_empty(), "`orders.shipping_methods` must name at least one")?;
        let codes: BTreeSet<_> = self.shipping_methods.iter().map(|method| &method.code).collect();
        ensure(codes.len() == self.shipping_methods.len(), "`orders.shipping_methods` has the same `code` twice")?;
        for method in &mut self.shipping_methods {
            let at = |rule: &str| format!("`orders.shipping_methods` `{}`: {rule}", method.code);
            ensure((1..=50).contains(&method.code.len()), &at("`code` must have 1 to 50 characters"))?;
            kernel::line(&method.name, 1, 100).map_err(|flaw| at(&format!("`name` {flaw}")))?;
            ensure(method.price >= 0, &at("`price` must not be negative"))?;
            ensure(method.free_from.is_none_or(|from| from >= 0), &at("`free_from` must not be negative"))?;
            for country in method.countries.iter_mut().flatten() {
                *country = known(country).map_err(|rule| at(&format!("`countries` {rule}")))?;
            }
        }
        for rate in self.tax_rates.iter_mut().filter(|rate| rate.country != "*") {
            let at = |rule| format!("`orders.tax_rates`: `country` {rule}, or `*`");
            rate.country = known(&rate.country).map_err(at)?;
        }
        let taxed: BTreeSet<_> = self.tax_rates.iter().map(|rate| &*rate.country).collect();
        ensure(taxed.contains("*"), "`orders.tax_rates` must have a rate for `*`, every other country")?;
        ensure(taxed.len() == self.tax_rates.len(), "`orders.tax_rates` has the same `country` twice")?;
        for rate in &self.tax_rates {
            let at = |rule: &str| format!("`orders.tax_rates` `{}`: {rule}", rate.country);
            ensure((0..=10_000).contains(&rate.basis_points), &at("`basis_points` must be 0 to 10000"))?;
        }
        Ok(self)
    }

    /// How long a customer has for what a payment asks of them.
    pub(crate) fn patience(&self) -> TimeDelta {
        TimeDelta::minutes(self.payment_minutes)
    }

    /// How long a saga belongs to whoever drives it.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    /// How often a saga fails before a person has to look.
    pub(crate) fn attempts(&self) -> i64 {
        self.attempts
    }

    /// The tax of what goes to `country`.
    pub(crate) fn tax_rate(&self, country: &str) -> Option<&TaxRate> {
        let rate = |country: &str| self.tax_rates.iter().find(|rate| rate.country == country);
        rate(country).or_else(|| rate("*"))
    }

    /// The way `code` to `country`, if there is one.
    pub(crate) fn method(&self, code: &str, country: &str) -> Option<&Method> {
        self.methods(country).find(|method| method.code == code)
    }

    /// The ways to `country`.
    pub(crate) fn methods(&self, country: &str) -> impl Iterator<Item = &Method> {
        self.shipping_methods.iter().filter(move |method| {
            method.countries.as_ref().is_none_or(|countries| countries.iter().any(|one| one == country))
        })
    }
}

/// The code of a country in a setting, or what is wrong with it.
fn known(given: &str) -> Result<String, String> {
    let country = given.parse::<Country>();
    let country = country.map_err(|_| format!("names `{given}`, and no country has that code; Germany's is `DE`"));
    country.map(|country| country.code().into())
}

impl Method {
    /// What it costs where what is sent is worth `items`.
    pub(crate) fn price(&self, items: Money) -> Money {
        let free = self.free_from.is_some_and(|from| items.amount >= from);
        Money::new(if free { 0 } else { self.price }, items.currency)
    }

    /// As a customer chooses it.
    pub(crate) fn offer(&self, items: Money) -> ShippingMethod {
        ShippingMethod { code: self.code.clone(), name: self.name.clone(), price: self.price(items) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(change: impl FnOnce(&mut Value)) -> Result<Settings, StartError> {
        let mut given = json!({
            "payment_minutes": 20, "lease_seconds": 15, "attempts": 30,
            "shipping_methods": [
                { "code": "standard", "name": "Standard", "price": 490, "free_from": 6000 },
                { "code": "bike", "name": "Bicycle", "price": 0, "countries": ["DE"] },
            ],
            "tax_rates": [
                { "country": "DE", "basis_points": 1900, "included": true },
                { "country": "*", "basis_points": 0, "included": false },
            ],
        });
        change(&mut given);
        serde_json::from_value::<Settings>(given)?.checked()
    }

    #[test]
    fn what_cannot_be_meant_stops_the_start_with_the_setting_s_name() {
        for (change, name) in [
            ((|all| all["payment_minutes"] = json!(0)) as fn(&mut Value), "`orders.payment_minutes`"),
            (|all| all["lease_seconds"] = json!(1), "`orders.lease_seconds`"),
            (|all| all["attempts"] = json!(0), "`orders.attempts`"),
            (|all| all["shipping_methods"] = json!([]), "`orders.shipping_methods`"),
            (|all| all["shipping_methods"][1]["code"] = json!("standard"), "`orders.shipping_methods`"),
            (|all| all["shipping_methods"][0]["price"] = json!(-1), "`price`"),
            (|all| all["shipping_methods"][0]["name"] = json!("By\nbike"), "`standard`: `name` must be a single line"),
            (|all| all["shipping_methods"][0]["name"] = json!(" "), "`standard`: `name` must not be empty"),
            (|all| all["shipping_methods"][1]["countries"] = json!(["DE", "UK"]), "`bike`: `countries` names `UK`"),
            (|all| all["shipping_methods"][1]["countries"] = json!(["Germany"]), "`countries` names `Germany`"),
            (|all| all["tax_rates"][1]["country"] = json!("FR"), "`*`"),
            (|all| all["tax_rates"][0]["country"] = json!("*"), "`orders.tax_rates`"),
            (|all| all["tax_rates"][0]["country"] = json!("EU"), "`orders.tax_rates`: `country` names `EU`"),
            (|all| all["tax_rates"][0]["country"] = json!(""), "`orders.tax_rates`: `country` names ``"),
            (
                |all| {
                    let rate = json!({ "country": "de", "basis_points": 700, "included": true });
                    all["tax_rates"].as_array_mut().unwrap().push(rate);
                },
                "same `country` twice",
            ),
            (|all| all["tax_rates"][0]["basis_points"] = json!(10_001), "`basis_points`"),
        ] {
            let refused = settings(change).unwrap_err().to_string();
            assert!(refused.contains(name), "{name}: {refused}");
        }
    }

    #[test]
    fn a_way_serves_its_countries_and_is_free_for_a_full_cart() {
        let settings = settings(|_| {}).unwrap();
        let eur = |amount| Money::new(amount, "EUR".parse().unwrap());
        let codes = |country| settings.methods(country).map(|method| &*method.code).collect::<Vec<_>>();
        assert_eq!((codes("DE"), codes("US")), (vec!["standard", "bike"], vec!["standard"]));
        let standard = settings.method("standard", "US").unwrap();
        assert_eq!((standard.price(eur(5999)), standard.price(eur(6000))), (eur(490), eur(0)));
        assert!(settings.method("bike", "US").is_none());
        let rate = |country| settings.tax_rate(country).unwrap().basis_points;
        assert_eq!((rate("DE"), rate("US")), (1900, 0));
    }

    #[test]
    fn a_country_may_be_written_small() {
        let settings = settings(|all| {
            all["shipping_methods"][1]["countries"] = json!(["de", "XK"]);
            all["tax_rates"][0]["country"] = json!("de");
        });
        let settings = settings.unwrap();
        assert!(settings.method("bike", "DE").is_some() && settings.method("bike", "XK").is_some());
        assert_eq!(settings.tax_rate("DE").unwrap().basis_points, 1900);
    }
}
