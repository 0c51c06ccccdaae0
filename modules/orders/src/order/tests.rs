//! Every decision in every state that an order can be in, and at the edge of what may be paid back.
use cart::CartId;
use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, Money, Refusal, Role};
use payments::{Action, Payment, PaymentChoice, PaymentId, PaymentStatus};
use uuid::Uuid;

use super::{
    Aggregate,
    event::{Cancelling, Correction, Created, Event, Reason, Refund},
};
use crate::{Error, NewShipment, OrderId, Totals, tests::shop::address};

fn eur(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().unwrap())
}

fn at() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// An order of 10.00 to which `events` have happened.
pub(crate) fn after(events: &[Event]) -> Aggregate {
    let id = OrderId::new();
    let created = Created {
        id,
        number: id.to_string(),
        payer: Caller::User { id: Uuid::now_v7(), role: Role::Customer, session: Uuid::now_v7() },
        key: "1".into(),
        fingerprint: String::new(),
        cart_id: CartId::new(),
        email: "ada@example.com".into(),
        lines: Vec::new(),
        totals: Totals {
            items: eur(1000),
            shipping: eur(0),
            tax: eur(0),
            discount: eur(0),
            total: eur(1000),
            tax_included: true,
        },
        shipping_address: address(),
        shipping_method: "standard".into(),
        payment: PaymentChoice { provider: "test".into(), method: "ok".into() },
    };
    events.iter().fold(Aggregate::new(created, at()), |order, event| order.after(event, at()))
}

fn action() -> Action {
    Action { url: "https://bank.example".into() }
}

fn cancelling(reason: Reason) -> Event {
    Event::OrderCancelling(Cancelling { reason, undo_payment: true })
}

fn refund(key: &str, amount: i64) -> Refund {
    Refund { key: key.into(), amount: eur(amount), reason: None }
}

fn parcel(carrier: &str) -> NewShipment {
    NewShipment { carrier: carrier.into(), tracking_number: None }
}

/// `+` where a decision calls for an event, `.` where for none, `!` where the order is too far, or not far enough.
fn sign(decided: Result<Option<Event>, Error>) -> &'static str {
    match decided {
        Ok(Some(_)) => "+",
        Ok(None) => ".",
        Err(Error::WrongState { .. }) => "!",
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn each_decision_is_for_its_states_and_no_others() {
    let (asked, confirmed) = (Event::PaymentActionRequired { action: action() }, Event::OrderConfirmed {});
    let (captured, customer) = (Event::PaymentCaptured {}, cancelling(Reason::Customer));
    let cancelled = |payment| Event::OrderCancelled { payment, refunded: eur(0) };
    let shipped = after(&[confirmed.clone(), captured.clone()]).ship("1", &parcel("DHL"), at()).unwrap().unwrap();
    let some = Event::OrderRefunded(refund("earlier", 400));
    // await, confirm, capture, refuse, compensate; cancel, force, ship, what is refundable, refund.
    for (name, events, expected) in [
        ("pending", vec![], "+ + . + . + + ! ! ."),
        ("asked for an action", vec![asked.clone()], ". + . + . + + ! ! ."),
        ("confirmed", vec![confirmed.clone()], ". . + . . + ! ! ! +"),
        ("captured", vec![confirmed.clone(), captured.clone()], ". . . . . + ! + + +"),
        ("shipped", vec![confirmed.clone(), captured.clone(), shipped.clone()], ". . . . . ! ! + + +"),
        ("refunded in part", vec![confirmed.clone(), captured.clone(), some.clone()], ". . . . . + ! + + +"),
        ("shipped, not captured", vec![confirmed.clone(), shipped], ". . + . . ! ! ! ! +"),
        ("cancelling", vec![customer.clone()], ". . . . + . . ! ! ."),
        ("cancelling once captured", vec![confirmed, captured, customer.clone()], ". . . . + . . ! ! ."),
        ("cancelled", vec![customer.clone(), cancelled(PaymentStatus::Voided)], ". . . . . . . ! ! ."),
        ("cancelled and paid back", vec![customer, cancelled(PaymentStatus::Refunded)], ". . . . . . . ! ! ."),
    ] {
        let order = after(&events);
        let decided = [
            Ok(order.await_customer(action())),
            Ok(order.confirm()),
            Ok(order.capture()),
            Ok(order.refuse(Reason::PaymentExpired, true)),
            Ok(order.compensate(None)),
            order.cancel(Reason::Customer),
            order.force(),
            order.ship("2", &parcel("DHL"), at()),
            order.refundable("now", Some(eur(1))).map(|amount| amount.map(|_| Event::PaymentCaptured {})),
            Ok(order.refund(&refund("now", 1))),
        ];
        assert_eq!(decided.map(sign).join(" "), expected, "{name}");
    }
}

#[test]
fn what_is_decided_says_why_and_for_whom() {
    let order = after(&[]);
    let because = |event: Option<Event>| match event {
        Some(Event::OrderCancelling(Cancelling { reason, undo_payment })) => (reason, undo_payment),
        event => panic!("{event:?}"),
    };
    assert_eq!(because(order.refuse(Reason::PaymentExpired, false)), (Reason::PaymentExpired, false));
    assert_eq!(because(order.refuse(Reason::PaymentExpired, true)), (Reason::PaymentExpired, true));
    assert_eq!(because(order.cancel(Reason::Customer).unwrap()), (Reason::Customer, true));
    assert_eq!(because(order.force().unwrap()), (Reason::Staff, true));
    // Another action is news to the customer.
    let asked = after(&[Event::PaymentActionRequired { action: action() }]);
    let other = Action { url: "https://other.example".into() };
    assert_eq!(asked.await_customer(other.clone()), Some(Event::PaymentActionRequired { action: other }));
    let correction = |email: &str| Correction { email: email.into(), by: None };
    assert_eq!(order.correct(&correction("ada@example.com")), None);
    let elsewhere = correction("ada@example.org");
    assert_eq!(order.correct(&elsewhere), Some(Event::OrderCorrected(elsewhere)));
}

#[test]
fn a_compensation_tells_what_became_of_the_payment() {
    let (id, created_at) = (PaymentId::new(), at());
    let payment = |status, refunded| Payment {
        id,
        order_id: Uuid::nil(),
        provider: "test".into(),
        status,
        amount: eur(1000),
        refunded: eur(refunded),
        reason: None,
        action: None,
        created_at,
        updated_at: created_at,
    };
    let (customer, declined) = (cancelling(Reason::Customer), cancelling(Reason::Declined { reason: "no".into() }));
    for (event, payment, expected, refunded) in [
        (&customer, None, PaymentStatus::Voided, 0),
        (&declined, None, PaymentStatus::Declined, 0),
        (&customer, Some(payment(PaymentStatus::Voided, 0)), PaymentStatus::Voided, 0),
        (&customer, Some(payment(PaymentStatus::Refunded, 1000)), PaymentStatus::Refunded, 1000),
        (&declined, Some(payment(PaymentStatus::Voided, 0)), PaymentStatus::Voided, 0),
    ] {
        let decided = after(std::slice::from_ref(event)).compensate(payment.as_ref());
        assert_eq!(decided, Some(Event::OrderCancelled { payment: expected, refunded: eur(refunded) }));
    }
}

#[test]
fn a_decision_on_another_version_is_stale_unless_it_changes_nothing() {
    let (order, first) = (after(&[Event::OrderConfirmed {}]), Condition::version(1));
    assert_eq!(order.version, 2);
    let event = order.capture();
    assert_eq!(order.fresh(&first, event.clone()), Err(Error::Stale { version: 2 }));
    assert_eq!(order.fresh(&Condition::version(2), event.clone()), Ok(event.clone()));
    assert_eq!(order.fresh(&Condition::default(), event.clone()), Ok(event));
    assert_eq!(order.fresh(&first, None), Ok(None));
}

#[test]
fn what_is_left_can_be_paid_back_and_not_a_cent_more() {
    let paid = |refunds: &[(&str, i64)]| {
        let refunds = refunds.iter().map(|(key, amount)| Event::OrderRefunded(refund(key, *amount)));
        after(&[Event::OrderConfirmed {}, Event::PaymentCaptured {}].into_iter().chain(refunds).collect::<Vec<_>>())
    };
    let (none, some, all) = (paid(&[]), paid(&[("a", 400)]), paid(&[("a", 400), ("b", 600)]));
    for (order, asked, expected) in [
        (&none, None, Ok(1000)),
        (&none, Some(1), Ok(1)),
        (&none, Some(999), Ok(999)),
        (&none, Some(1000), Ok(1000)),
        (&none, Some(1001), Err(1000)),
        (&some, None, Ok(600)),
        (&some, Some(600), Ok(600)),
        (&some, Some(601), Err(600)),
        (&all, None, Err(0)),
        (&all, Some(1), Err(0)),
        (&paid(&[("a", 999)]), None, Ok(1)),
        (&paid(&[("a", 1001)]), None, Err(-1)),
    ] {
        let expected = expected.map(|amount| Some(eur(amount)));
        let expected = expected.map_err(|left| Error::RefundTooLarge { left: eur(left) });
        assert_eq!(order.refundable("new", asked.map(eur)), expected, "{asked:?} of {}", order.refunded);
    }
    // The same key once more.
    for (asked, expected) in [(None, Ok(None)), (Some(400), Ok(None)), (Some(401), Err(Error::KeyReused))] {
        assert_eq!(some.refundable("a", asked.map(eur)), expected);
        assert_eq!(all.refundable("a", asked.map(eur)), expected, "even where nothing is left");
    }
    assert_eq!((some.refund(&refund("a", 400)), some.refund(&refund("b", 1)).is_some()), (None, true));
    let dollars = Money::new(1, "USD".parse().unwrap());
    let Err(Error::Refusal(Refusal::InvalidInput { errors })) = none.refundable("new", Some(dollars)) else { panic!() };
    assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/amount/currency", "wrong_currency"));
}

#[test]
fn a_key_is_one_parcel() {
    let paid = after(&[Event::OrderConfirmed {}, Event::PaymentCaptured {}]);
    let order = paid.clone().after(&paid.ship("1", &parcel("DHL"), at()).unwrap().unwrap(), at());
    assert_eq!(order.ship("1", &parcel("DHL"), at()), Ok(None));
    assert_eq!(order.ship("1", &parcel("UPS"), at()), Err(Error::KeyReused));
    let numbered = NewShipment { tracking_number: Some("1Z".into()), ..parcel("DHL") };
    assert_eq!(order.ship("1", &numbered, at()), Err(Error::KeyReused));
    let order = order.clone().after(&order.ship("2", &parcel("DHL"), at()).unwrap().unwrap(), at());
    assert_eq!((order.parcels.len(), order.ship("2", &parcel("DHL"), at())), (2, Ok(None)));
}
