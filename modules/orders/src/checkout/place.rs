//! Placing an order: from a request and a cart to an order, and its saga's first drive.
use std::sync::Arc;

use kernel::{Caller, Country, Digest, EmailAddress, Fault, Money, Refusal, Violation, Violations};
use payments::PaymentChoice;
use users::UserId;

use super::{
    Checkout,
    drive::Driver,
    lease::Seize,
    pricing::{in_stock, price},
};
use crate::{
    Error, NewOrder, NewQuote, Order, OrderId, Quote,
    order::{Aggregate, event::Created, key, store},
    refusals::{of_cart, of_choice, of_user},
    settings::{Method, Settings},
};

/// How often an order gets another number where its number is taken.
const NUMBERS: usize = 8;

/// What an order is placed as.
#[derive(Clone, Copy)]
struct Name<'a> {
    owner: &'a str,
    key: &'a str,
    /// What it is called, unless that is another by now.
    id: Option<OrderId>,
    /// The order that was placed as this before and came to nothing.
    spent: Option<OrderId>,
}

impl Name<'_> {
    fn id(&self) -> OrderId {
        self.id.filter(|id| Some(*id) != self.spent).unwrap_or_else(OrderId::new)
    }
}

impl Checkout {
    pub(crate) async fn quote(&self, caller: Caller, quote: NewQuote) -> Result<Quote, Error> {
        let (country, method) = quote.checked(&self.settings)?;
        let cart = self.carts.get(caller).await.map_err(of_cart)?;
        let priced = price(&cart, country.code(), method, &self.settings, self.currency)?;
        Ok(priced.quote(country, &self.settings))
    }

    pub(crate) async fn place(
        self: &Arc<Self>,
        caller: Caller,
        key: String,
        id: Option<OrderId>,
        order: NewOrder,
    ) -> Result<Order, Error> {
        let fingerprint = order.fingerprint()?;
        let wish = order.checked(&caller, &self.settings)?;
        let key = key::checked(key)?;
        if caller == Caller::System {
            return Err(Refusal::Forbidden.into());
        }
        let owner = caller.owner().ok_or(Error::CartEmpty)?.to_string();
        let mut spent = None;
        let (order, driver) = loop {
            let name = Name { owner: &owner, key: &key, id, spent };
            let error = match self.create(caller.clone(), name, &fingerprint, wish.clone()).await {
                Ok((order, driver)) => break (order, Some(driver)),
                Err(error) => error,
            };
            // Whatever is in the way now, the same request may have been done before, or by somebody quicker.
            let placed = self.placed(&owner, &key).await?;
            match placed.filter(|order| Some(order.created.id) != spent) {
                Some(order) if spent.is_some() || !order.came_to_nothing() => break (order, None),
                Some(order) if error == Error::KeyReused => spent = Some(order.created.id),
                _ => return Err(error),
            }
        };
        if order.created.fingerprint != fingerprint {
            return Err(Error::KeyReused);
        }
        self.wait(order.created.id, driver).await?.answer()
    }

    /// The order that was placed with this key.
    async fn placed(&self, owner: &str, key: &str) -> Result<Option<Aggregate>, Fault> {
        store::find_by_key(&self.journal.db, owner, key).await
    }

    /// Creates an order: everything about it is fixed here, and nothing has happened yet but that.
    async fn create(
        self: &Arc<Self>,
        caller: Caller,
        name: Name<'_>,
        fingerprint: &str,
        wish: NewOrder,
    ) -> Result<(Aggregate, Driver), Error> {
        self.payments.check(wish.payment.clone()).await.map_err(of_choice)?;
        let cart = self.carts.get(caller.clone()).await.map_err(of_cart)?;
        let cart_id = cart.id.ok_or(Error::CartEmpty)?;
        if let Err(sold_out) = in_stock(&cart) {
            // It may be this cart's own order that holds what is missing.
            let ordered = store::find_by_cart(&self.journal.db, cart_id).await?;
            return Err(ordered.map_or(sold_out, |order_id| Error::CartOrdered { order_id }));
        }
        let country = &wish.shipping_address.country;
        let method = self.settings.method(&wish.shipping_method, country).ok_or_else(|| Fault::internal("no way"))?;
        let priced = price(&cart, country, method, &self.settings, self.currency)?;
        wish.expects(priced.totals.total)?;
        let created = Created {
            id: name.id(),
            number: number(),
            key: name.key.into(),
            fingerprint: fingerprint.into(),
            cart_id,
            email: self.email(&caller, wish.email).await?,
            payer: caller,
            lines: priced.lines,
            totals: priced.totals,
            shipping_address: wish.shipping_address,
            shipping_method: wish.shipping_method,
            payment: wish.payment,
        };
        for _ in 0..NUMBERS {
            let lease = self.leases.issue(created.id, true).await?;
            let created = Created { number: number(), ..created.clone() };
            if let Some(order) = self.journal.create(created, Seize(&lease), name.spent).await? {
                return Ok((order.clone(), self.spawn(lease, order)));
            }
            if self.placed(name.owner, name.key).await?.is_some() {
                return Err(Error::KeyReused);
            }
            if let Some(order_id) = store::find_by_cart(&self.journal.db, cart_id).await? {
                return Err(Error::CartOrdered { order_id });
            }
        }
        Err(Fault::internal("no number is free").into())
    }

    /// Where mail about an order goes: as asked for, or to the account's address, if mail can reach that.
    async fn email(&self, caller: &Caller, given: Option<String>) -> Result<String, Error> {
        if let Some(given) = given {
            return Ok(given);
        }
        let contact = self.users.contact(UserId(caller.account()?)).await.map_err(of_user)?;
        // An account may be older than the rule.
        let email = contact.email.parse::<EmailAddress>().map_err(|flaw| {
            let detail = format!("the account's {}; say where mail about the order goes", flaw.detail);
            Violation::new(flaw.code, detail).at("/email")
        })?;
        Ok(email.into())
    }
}

impl NewQuote {
    /// The country and the way there, where both exist.
    fn checked<'a>(&self, settings: &'a Settings) -> Result<(Country, &'a Method), Violations> {
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
    fn fingerprint(&self) -> Result<String, Fault> {
        serde_json::to_vec(self).map(|text| Digest::of(text).base64url()).map_err(Fault::internal)
    }

    /// The order without stray blanks, or everything that is wrong with its form.
    fn checked(self, caller: &Caller, settings: &Settings) -> Result<Self, Violations> {
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
    fn expects(&self, total: Money) -> Result<(), Error> {
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
fn number() -> String {
    let digits: [u8; 8] = rand::random();
    let mut number: String = digits.iter().map(|digit| ALPHABET[usize::from(digit % 32)]).collect();
    number.insert(4, '-');
    number
}
