//! What must hold in a shop that has come to rest, whatever happened before.
use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use uuid::Uuid;

use crate::{
    books::{Books, Charge, Facts, Order, Published},
    shopper::Shopper,
    stories::product,
    world::Shop,
};

/// What an event of an order is published as.
const PUBLISHED: [(&str, &str); 5] = [
    ("OrderConfirmed", "order.confirmed"),
    ("OrderCancelled", "order.cancelled"),
    ("OrderShipped", "order.shipped"),
    ("OrderRefunded", "order.refunded"),
    ("OrderCorrected", "order.corrected"),
];

/// What does not hold, each in a sentence.
#[derive(Debug, Default)]
struct Violations(Vec<String>);

impl Violations {
    fn ensure(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.0.push(otherwise());
        }
    }
}

/// Everything that does not hold of what was written down.
pub(crate) fn violations(facts: &Facts) -> Vec<String> {
    let mut found = Violations::default();
    stock(facts, &mut found);
    for order in &facts.orders {
        ends(order, &mut found);
        goods(facts, order, &mut found);
        money(facts, order, &mut found);
        history(facts, order, &mut found);
        mail(facts, order, &mut found);
    }
    strangers(facts, &mut found);
    positions("orders", &facts.told_by_orders, facts.heard_of_orders, &mut found);
    positions("payments", &facts.told_by_payments, facts.heard_of_payments, &mut found);
    found.0
}

/// Nothing is sold that was not there: what is on hand and what was sold are what was counted.
fn stock(facts: &Facts, found: &mut Violations) {
    for level in &facts.levels {
        let sku = &*level.sku;
        let ledger: Vec<_> = facts.ledger.iter().filter(|movement| movement.sku == sku).collect();
        let sum: i64 = ledger.iter().map(|movement| movement.delta).sum();
        found.ensure(sum == level.on_hand, || format!("{sku}: {} on hand, but its ledger says {sum}", level.on_hand));
        let numbered = ledger.iter().zip(1..).all(|(movement, number)| movement.number == number);
        let counted = i64::try_from(ledger.len()).is_ok_and(|lines| lines == level.movements);
        found.ensure(numbered && counted, || format!("{sku}: its ledger has gaps"));
        found.ensure(level.reserved == 0, || format!("{sku}: {} are kept for nobody", level.reserved));
        let counts = ledger.iter().filter(|movement| matches!(&*movement.reason, "initial" | "adjustment"));
        let counted: i64 = counts.map(|movement| movement.delta).sum();
        let sold = facts.orders.iter().filter(|order| order.is_sold());
        let sold: i64 =
            sold.flat_map(Order::lines).filter(|(line, _)| *line == sku).map(|(_, quantity)| quantity).sum();
        found.ensure(level.on_hand + sold == counted, || {
            format!("{sku}: {} on hand and {sold} sold are not the {counted} that there were", level.on_hand)
        });
    }
}

/// An order comes to an end.
fn ends(order: &Order, found: &mut Violations) {
    let (status, payment) = (&*order.status, order.text("/payment"));
    let paid = matches!(payment, "captured" | "partially_refunded" | "refunded");
    let ended = match status {
        "confirmed" | "shipped" => paid,
        "cancelled" => matches!(payment, "voided" | "declined" | "refunded"),
        _ => false,
    };
    found.ensure(ended, || format!("order {}: {status}, with a payment that is {payment}", order.id));
}

/// Goods leave the shelf once for an order that is delivered, and for no other.
fn goods(facts: &Facts, order: &Order, found: &mut Violations) {
    let id = order.id;
    for (sku, quantity) in order.lines() {
        let moved = facts.ledger.iter().filter(|movement| movement.order_id == Some(id) && movement.sku == sku);
        let moved: i64 = moved.map(|movement| movement.delta).sum();
        let due = if order.is_sold() { -quantity } else { 0 };
        found.ensure(moved == due, || format!("order {id} ({}): {sku} moved by {moved}, not {due}", order.status));
    }
    let state = facts.reservations.iter().find(|(order_id, _)| *order_id == id).map(|(_, state)| &**state);
    let due = if order.is_sold() { "committed" } else { "released" };
    found.ensure(state == Some(due), || format!("order {id} ({}): its reservation is {state:?}", order.status));
}

/// One charge at the most; for an order that is delivered the total is taken, for any other nothing is kept.
fn money(facts: &Facts, order: &Order, found: &mut Violations) {
    let (id, status) = (order.id, &*order.status);
    let charges: Vec<_> = facts.charges.iter().filter(|charge| charge.order_id == id).collect();
    found.ensure(charges.len() <= 1, || format!("order {id}: charged {} times", charges.len()));
    found.ensure(!order.is_sold() || charges.len() == 1, || format!("order {id}: delivered, and never charged"));
    for charge in charges {
        let total = order.number("/created/totals/total/amount");
        found.ensure(charge.amount == total, || format!("order {id}: charged {}, not {total}", charge.amount));
        found.ensure(!matches!(&*charge.state, "authorized" | "action_required"), || {
            format!("order {id} ({status}): money is still held: {}", charge.state)
        });
        let kept = if charge.state == "captured" { charge.amount - charge.refunded } else { 0 };
        let due = if order.is_sold() { total - order.number("/refunded/amount") } else { 0 };
        found.ensure(kept == due, || format!("order {id} ({status}): {kept} is kept, not {due}"));
        operations(facts, charge, found);
        let payment = facts.payments.iter().find(|payment| payment.order_id == id);
        let noted = payment.is_some_and(|payment| payment.refunded == charge.refunded && payment.refunding == 0);
        found.ensure(noted, || format!("order {id}: the provider paid back {}, not {payment:?}", charge.refunded));
        let payment = payment.map_or("", |payment| &*payment.status);
        found.ensure(payment == order.text("/payment"), || {
            format!("order {id}: its payment is {payment}, the order says {}", order.text("/payment"))
        });
    }
}

/// The provider did each thing once.
fn operations(facts: &Facts, charge: &Charge, found: &mut Violations) {
    let done = |what: &str| {
        let operations = facts.operations.iter().filter(|operation| operation.reference == charge.reference);
        operations.filter(|operation| operation.what == what).map(|operation| operation.amount).collect::<Vec<_>>()
    };
    let id = charge.order_id;
    let captures = done("capture").len();
    found.ensure(captures == usize::from(charge.state == "captured"), || {
        format!("order {id}: captured {captures} times")
    });
    let refunded: i64 = done("refund").into_iter().sum();
    found.ensure(refunded == charge.refunded, || format!("order {id}: {refunded} paid back, not {}", charge.refunded));
}

/// What happened to an order is told, in its order, once each.
fn history(facts: &Facts, order: &Order, found: &mut Violations) {
    let id = order.id;
    let decisions: Vec<_> = facts.decisions.iter().filter(|decision| decision.order_id == id).collect();
    let numbered = decisions.iter().zip(1..).all(|(decision, version)| decision.version == version);
    let whole = i64::try_from(decisions.len()).is_ok_and(|events| events == order.version);
    found.ensure(numbered && whole, || format!("order {id}: its history has gaps"));
    let due: Vec<_> = decisions
        .iter()
        .filter_map(|decision| {
            let (_, kind) = PUBLISHED.iter().find(|(kind, _)| *kind == decision.kind)?;
            Some(((*kind).to_owned(), decision.version))
        })
        .collect();
    let subject = id.to_string();
    let told = facts.told_by_orders.iter().filter(|event| event.subject == subject);
    let version = |event: &Published| event.data["order"]["version"].as_i64().unwrap_or_default();
    let told: Vec<_> = told.map(|event| (event.kind.clone(), version(event))).collect();
    found.ensure(told == due, || format!("order {id}: it told {told:?}, not {due:?}"));
}

/// Each customer hears of each thing once.
fn mail(facts: &Facts, order: &Order, found: &mut Violations) {
    let id = order.id;
    // Whoever was declined or came too late saw it on the screen.
    let seen = matches!(order.text("/cancelling/reason/code"), "declined" | "sold_out");
    for (decided, published) in PUBLISHED {
        let kind = published.replace('.', "_");
        let decisions = facts.decisions.iter().filter(|decision| decision.order_id == id && decision.kind == decided);
        // Of a correction nobody is told: it says where to tell.
        let untold = decided == "OrderCorrected" || decided == "OrderCancelled" && seen;
        let due = if untold { 0 } else { decisions.count() };
        let mails: Vec<_> =
            facts.deliveries.iter().filter(|mail| mail.order_id == Some(id) && mail.kind == kind).collect();
        found.ensure(mails.len() == due, || format!("order {id}: {} mails {kind}, not {due}", mails.len()));
        for mail in mails {
            let arrived = mail.status == "sent" && facts.mails.contains(&mail.id.to_string());
            found.ensure(arrived, || format!("order {id}: the mail {kind} is {}", mail.status));
        }
    }
}

/// Nothing belongs to an order that there is not.
fn strangers(facts: &Facts, found: &mut Violations) {
    let known = |id: Uuid| facts.orders.iter().any(|order| order.id == id);
    for charge in facts.charges.iter().filter(|charge| !known(charge.order_id)) {
        found.0.push(format!("the charge {} is of no order", charge.reference));
    }
    for (order_id, _) in facts.reservations.iter().filter(|(order_id, _)| !known(*order_id)) {
        found.0.push(format!("a reservation is of no order: {order_id}"));
    }
    found.ensure(facts.mails.len() == facts.deliveries.len(), || {
        format!("{} mails arrived, {} were written", facts.mails.len(), facts.deliveries.len())
    });
}

/// Events have positions without gaps, and each was handled once.
fn positions(module: &str, told: &[Published], heard: i64, found: &mut Violations) {
    let numbered = told.iter().zip(1..).all(|(event, position)| event.position == Some(position));
    found.ensure(numbered, || format!("{module}: the positions of its events have gaps"));
    let told = told.len();
    let all = i64::try_from(told).is_ok_and(|told| told == heard);
    found.ensure(all, || format!("{module}: {told} events were told and {heard} heard"));
}

/// What the public API says otherwise than the books.
pub(crate) async fn contradictions(facts: &Facts, staff: &Shopper) -> Result<Vec<String>, String> {
    let mut found = Violations::default();
    let mut shown = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = staff.get(&format!("/v1/orders?limit=100{cursor}")).await?;
        for order in page["items"].as_array().into_iter().flatten() {
            shown.insert(order["id"].as_str().unwrap_or_default().to_owned(), order.clone());
        }
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    found.ensure(shown.len() == facts.orders.len(), || {
        format!("{} orders are shown, there are {}", shown.len(), facts.orders.len())
    });
    for order in &facts.orders {
        let shown = shown.get(&order.id.to_string()).unwrap_or(&Value::Null);
        let same = shown["status"] == *order.status && shown["payment"]["status"] == order.text("/payment");
        found.ensure(same, || format!("order {} is shown as {shown}", order.id));
        if facts.charges.iter().any(|charge| charge.order_id == order.id) {
            let payment = staff.get(&format!("/v1/orders/{}/payment", order.id)).await?;
            let same = payment["status"] == order.text("/payment");
            found.ensure(same, || format!("the payment of order {} is shown as {payment}", order.id));
        }
    }
    for level in &facts.levels {
        let shown = staff.get(&format!("/v1/variants/{}/stock", level.sku)).await?;
        let same = shown["on_hand"] == level.on_hand && shown["reserved"] == level.reserved;
        found.ensure(same, || format!("{}: its stock is shown as {shown}", level.sku));
    }
    Ok(found.0)
}

/// Waits until the shop has come to rest, and says what does not hold.
pub(crate) async fn audit(shop: &Shop, patience: Duration, watches_too: bool) -> Result<Facts, String> {
    let books = Books::open(shop).await;
    let outcome = async {
        books.quiet(patience, watches_too).await?;
        let facts = books.read().await.map_err(|error| error.to_string())?;
        let found = violations(&facts);
        if found.is_empty() { Ok(facts) } else { Err(found.join("; ")) }
    };
    let outcome = outcome.await;
    books.close().await;
    outcome
}

/// A product of which there is plenty, and somebody who runs the shop.
pub(crate) async fn furnish(shop: &Shop) -> Shopper {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 100_000)]).await;
    Shopper::new(&shop.bases, Some(("authorization", &staff.header("authorization"))))
}
