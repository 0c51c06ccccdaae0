//! What may be in a cart, and what it costs.
use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, Currency, Money, MoneyError, Owner, Refusal, Violation, Violations};
use products::{Image, Offer, Sku};
use serde::{Deserialize, Serialize};

use crate::{Cart, CartId, CartItem, Error, NewItem, OrderedItem, forms::MOST};

/// Whose cart the caller means; nobody's yet where they are not known. The shop itself has none.
pub(crate) fn owner(caller: &Caller) -> Result<Option<Owner>, Refusal> {
    if *caller == Caller::System { Err(Refusal::Forbidden) } else { Ok(caller.owner()) }
}

/// A variant as it was last put in, to show a line whose variant is no longer on sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) variant: String,
    pub(crate) slug: String,
    pub(crate) image: Option<Image>,
    pub(crate) price: Money,
}

impl From<&Offer> for Snapshot {
    fn from(offer: &Offer) -> Self {
        let Offer { slug, name, variant, price, image, .. } = offer.clone();
        Self { name, variant, slug, image, price }
    }
}

/// A line as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) sku: Sku,
    pub(crate) quantity: i64,
    pub(crate) snapshot: Snapshot,
    /// When it was first put in.
    pub(crate) added_at: DateTime<Utc>,
}

impl Line {
    /// The line at today's price. What is not on sale is shown as it was, and costs nothing.
    fn priced(self, offer: Option<&Offer>) -> Result<CartItem, MoneyError> {
        let Self { sku, quantity, snapshot, .. } = self;
        let on_sale = offer.is_some();
        let available = offer.map_or(0, |offer| offer.available);
        let stock_policy = offer.map(|offer| offer.stock_policy).unwrap_or_default();
        let taxable = offer.is_none_or(|offer| offer.taxable);
        let Snapshot { name, variant, slug, image, price } = offer.map_or(snapshot, Snapshot::from);
        let line_total = if on_sale { price.times(quantity)? } else { Money::zero(price.currency) };
        Ok(CartItem {
            sku,
            name,
            variant,
            slug,
            image,
            quantity,
            unit_price: price,
            line_total,
            available,
            stock_policy,
            taxable,
        })
    }
}

/// A cart as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub(crate) id: CartId,
    pub(crate) version: i64,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) lines: Vec<Line>,
}

impl Contents {
    /// The cart at today's prices.
    pub(crate) fn priced(self, offers: &[Offer], currency: Currency) -> Result<Cart, MoneyError> {
        let Self { id, version, updated_at, lines } = self;
        let mut items = Vec::with_capacity(lines.len());
        let mut subtotal = Money::zero(currency);
        for line in lines {
            let offer = offers.iter().find(|offer| offer.sku == line.sku);
            let item = line.priced(offer)?;
            // A price that was last seen in another currency is not added to anything.
            if offer.is_some() {
                subtotal = subtotal.plus(item.line_total)?;
            }
            items.push(item);
        }
        Ok(Cart { id: Some(id), items, subtotal, version, updated_at: Some(updated_at) })
    }
}

/// The version of the [`empty`] cart.
pub(crate) const EMPTY: i64 = 0;

/// The cart of somebody who never put anything in.
pub(crate) fn empty(currency: Currency) -> Cart {
    Cart { id: None, items: Vec::new(), subtotal: Money::zero(currency), version: EMPTY, updated_at: None }
}

/// What is to be put in.
pub(crate) fn item(item: &NewItem) -> Result<(Sku, i64), Violations> {
    let mut checks = Violations::new();
    let sku = checks.field("/sku", item.sku.parse());
    let quantity = checks.field("/quantity", quantity(item.quantity, 1));
    checks.finish(sku.zip(quantity))
}

/// How many there may be.
pub(crate) fn quantity(quantity: i64, least: i64) -> Result<i64, Violation> {
    if (least..=MOST).contains(&quantity) {
        Ok(quantity)
    } else {
        Err(Violation::new("out_of_range", format!("must be {least} to {MOST}")))
    }
}

/// More than [`MOST`] would be in.
pub(crate) fn too_many() -> Error {
    Violation::new("out_of_range", format!("a cart holds at most {MOST} of one variant")).at("/quantity").into()
}

/// Whether a line of which there are `line` must change to be as `wished`, in a cart at `version`.
///
/// What is as wished already is fine at any version: the same request may come twice, and RFC 9110
/// (section 13.1.1) lets a change that was applied before succeed.
pub(crate) fn changes(
    sku: &Sku,
    line: Option<i64>,
    wished: i64,
    version: i64,
    if_match: &Condition,
) -> Result<bool, Error> {
    match (line.unwrap_or(0), wished) {
        (now, wished) if now == wished => Ok(false),
        _ if !if_match.holds(Some(version)) => Err(Error::Stale { version }),
        (0, _) => Err(Error::ItemNotFound { sku: sku.clone() }),
        _ => Ok(true),
    }
}

/// Passes what may be done to a cart at `version`.
pub(crate) fn fresh(version: i64, if_match: &Condition) -> Result<(), Error> {
    if if_match.holds(Some(version)) { Ok(()) } else { Err(Error::Stale { version }) }
}

/// How many of a line are left once `ordered` is taken out.
pub(crate) fn left(line: &Line, ordered: &[OrderedItem]) -> i64 {
    let taken = ordered.iter().filter(|item| item.sku == line.sku);
    let taken = taken.fold(0_i64, |sum, item| sum.saturating_add(item.quantity.max(0)));
    line.quantity.saturating_sub(taken).max(0)
}

#[cfg(test)]
mod tests {
    use kernel::Role;

    use uuid::Uuid;

    use super::*;

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    fn eur(amount: i64) -> Money {
        Money::new(amount, "EUR".parse().unwrap())
    }

    fn line(name: &str, quantity: i64) -> Line {
        let snapshot =
            Snapshot { name: name.into(), variant: String::new(), slug: name.into(), image: None, price: eur(100) };
        Line { sku: sku(name), quantity, snapshot, added_at: DateTime::UNIX_EPOCH }
    }

    fn offer(name: &str, price: Money) -> Offer {
        Offer {
            sku: sku(name),
            product_id: products::ProductId::new(),
            slug: name.into(),
            name: format!("{name} now"),
            variant: String::new(),
            price,
            weight_g: 0,
            image: None,
            available: 7,
            stock_policy: products::StockPolicy::Deny,
            taxable: true,
        }
    }

    #[test]
    fn a_cart_is_priced_as_of_today_and_counts_what_is_on_sale() {
        let contents = Contents {
            id: CartId::new(),
            version: 3,
            updated_at: DateTime::UNIX_EPOCH,
            lines: vec![line("A", 2), line("GONE", 5)],
        };
        let cart = contents.priced(&[offer("A", eur(250))], "EUR".parse().unwrap()).unwrap();
        let shown: Vec<_> = cart.items.iter().map(|i| (&*i.name, i.unit_price.amount, i.available)).collect();
        assert_eq!(shown, [("A now", 250, 7), ("GONE", 100, 0)]);
        assert_eq!(cart.subtotal, eur(500));
        assert_eq!(cart.subtotal, Money::sum(cart.items.iter().map(|i| i.line_total), cart.subtotal.currency).unwrap());
    }

    #[test]
    fn what_continues_is_never_lacking_and_what_is_off_sale_always_is() {
        let contents = |lines| Contents { id: CartId::new(), version: 1, updated_at: DateTime::UNIX_EPOCH, lines };
        let policy = |stock_policy| Offer { stock_policy, available: 1, taxable: false, ..offer("A", eur(1)) };
        for (offers, lacks, taxable) in [
            (vec![policy(products::StockPolicy::Deny)], true, false),
            (vec![policy(products::StockPolicy::Continue)], false, false),
            (vec![], true, true),
        ] {
            let cart = contents(vec![line("A", 2)]).priced(&offers, "EUR".parse().unwrap()).unwrap();
            assert_eq!((cart.items[0].lacks(2), cart.items[0].taxable), (lacks, taxable));
        }
    }

    #[test]
    fn a_price_beyond_all_bounds_is_an_error_and_not_a_wrong_sum() {
        let contents =
            Contents { id: CartId::new(), version: 1, updated_at: DateTime::UNIX_EPOCH, lines: vec![line("A", 2)] };
        assert_eq!(contents.priced(&[offer("A", eur(i64::MAX))], "EUR".parse().unwrap()), Err(MoneyError::Overflow));
    }

    #[test]
    fn every_flaw_of_an_item_is_named() {
        let Err(Violations(flaws)) = item(&NewItem { sku: "no sku".into(), quantity: 0 }) else { panic!("it passed") };
        assert_eq!(flaws.iter().map(|flaw| &*flaw.pointer).collect::<Vec<_>>(), ["/sku", "/quantity"]);
        for wrong in [i64::MIN, -1, 0, 1000, i64::MAX] {
            assert!(item(&NewItem { sku: "A".into(), quantity: wrong }).is_err(), "{wrong}");
        }
        assert_eq!(item(&NewItem { sku: "A".into(), quantity: 999 }), Ok((sku("A"), 999)));
    }

    #[test]
    fn a_change_needs_the_line_and_the_version_unless_it_was_made_before() {
        let a = sku("A");
        let (any, seventh) = (Condition::default(), Condition::version(7));
        assert_eq!(changes(&a, Some(2), 3, 7, &seventh), Ok(true));
        assert_eq!(changes(&a, Some(2), 3, 7, &any), Ok(true));
        assert_eq!(changes(&a, Some(2), 0, 7, &any), Ok(true));
        assert_eq!(changes(&a, Some(2), 3, 8, &seventh), Err(Error::Stale { version: 8 }));
        assert_eq!(changes(&a, Some(3), 3, 8, &seventh), Ok(false), "sent twice");
        assert_eq!(changes(&a, None, 0, 8, &seventh), Ok(false), "taken out twice");
        assert_eq!(changes(&a, None, 1, 7, &any), Err(Error::ItemNotFound { sku: a.clone() }));
    }

    #[test]
    fn what_was_put_in_since_is_left() {
        let ordered = [("A", 2), ("B", 5), ("X", 1)].map(|(name, quantity)| OrderedItem { sku: sku(name), quantity });
        let lines = [line("A", 3), line("B", 1), line("C", 2)];
        assert_eq!(lines.each_ref().map(|line| left(line, &ordered)), [1, 0, 2]);
    }

    #[test]
    fn the_shop_itself_has_no_cart() {
        assert_eq!(owner(&Caller::System), Err(Refusal::Forbidden));
        assert_eq!(owner(&Caller::Anonymous), Ok(None));
        let id = Uuid::now_v7();
        let admin = Caller::User { id, role: Role::Admin, session: Uuid::now_v7() };
        assert_eq!(owner(&admin), Ok(Some(Owner::User(id))));
    }
}
