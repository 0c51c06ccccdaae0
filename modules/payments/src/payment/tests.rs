use chrono::{DateTime, Duration};
use kernel::Money;

use super::{aggregate::LOOKS, *};
use PaymentStatus as Status;

fn states() -> Vec<ChargeState> {
    vec![
        ChargeState::ActionRequired { url: "/act".into() },
        ChargeState::Authorized,
        ChargeState::Captured,
        ChargeState::Declined { reason: "card_declined".into() },
        ChargeState::Voided,
    ]
}

fn aggregate(status: Status, given_up: bool) -> Aggregate {
    let amount = Money::new(1000, "EUR".parse().unwrap());
    Aggregate { status, given_up, ..Aggregate::blank(Uuid::nil(), amount, DateTime::UNIX_EPOCH) }
}

fn says(state: ChargeState) -> Answer {
    Answer::Charge(Charge { reference: "ch_1".into(), state })
}

/// Further means later in a payment's life; what is terminal is furthest.
fn rank(status: Status) -> u8 {
    match status {
        Status::Pending => 0,
        Status::ActionRequired => 1,
        Status::Authorized => 2,
        Status::Captured => 3,
        Status::PartiallyRefunded => 4,
        Status::Declined | Status::Voided | Status::Refunded => 5,
    }
}

const ALL: [Status; 8] = [
    Status::Pending,
    Status::ActionRequired,
    Status::Authorized,
    Status::Captured,
    Status::Declined,
    Status::Voided,
    Status::Refunded,
    Status::PartiallyRefunded,
];

#[test]
fn a_payment_never_goes_back_and_hears_nothing_twice() {
    for status in ALL {
        for given_up in [false, true] {
            for state in states() {
                let mut payment = aggregate(status, given_up);
                payment.apply(&says(state.clone()));
                assert!(rank(payment.status) >= rank(status), "{status} heard {state:?}");
                assert_eq!(payment.apply(&says(state.clone())), None, "{status} heard {state:?} twice");
            }
        }
    }
}

#[test]
fn what_is_terminal_stays() {
    for status in [Status::Declined, Status::Voided, Status::Refunded, Status::PartiallyRefunded, Status::Captured] {
        for state in states() {
            let mut payment = aggregate(status, false);
            assert_eq!((payment.apply(&says(state)), payment.status), (None, status));
        }
    }
}

#[test]
fn the_order_of_news_does_not_matter() {
    let [action, authorized, captured, declined, voided] = states().try_into().unwrap();
    for (life, end) in [
        ([&action, &authorized, &captured], Status::Captured),
        ([&action, &authorized, &voided], Status::Voided),
        ([&action, &action, &declined], Status::Declined),
        ([&authorized, &authorized, &voided], Status::Voided),
    ] {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut payment = aggregate(Status::Pending, false);
            for index in order {
                payment.apply(&says(life[index].clone()));
            }
            assert_eq!(payment.status, end, "{life:?} in the order {order:?}");
        }
    }
}

#[test]
fn what_is_held_for_a_payment_that_was_given_up_is_let_go() {
    for (status, given_up) in [(Status::Pending, true), (Status::Authorized, true), (Status::Voided, false)] {
        let mut payment = aggregate(status, given_up);
        assert_eq!(payment.apply(&says(ChargeState::Authorized)), None);
        assert_eq!((payment.status, payment.compensation()), (status, Compensation::Void));
        assert!(payment.unfinished());
        payment.apply(&says(ChargeState::Voided));
        assert_eq!((payment.status, payment.open, payment.compensation()), (Status::Voided, None, Compensation::Done));
    }
    let mut payment = aggregate(Status::Authorized, true);
    payment.apply(&says(ChargeState::Captured));
    assert_eq!((payment.status, payment.compensation()), (Status::Captured, Compensation::Refund));
}

#[test]
fn a_lost_request_is_watched_for_a_while() {
    let mut payment = aggregate(Status::Pending, false);
    payment.ask(Command::Authorize, DateTime::UNIX_EPOCH, Duration::seconds(5));
    assert_eq!(payment.apply(&Answer::NotFound), None, "somebody may still ask for it");
    payment.void();
    assert_eq!(payment.apply(&Answer::NotFound), Some(Status::Voided));
    for _ in 0..LOOKS {
        assert_eq!(payment.open, Some(Command::Authorize));
        payment.ask(Command::Authorize, DateTime::UNIX_EPOCH, Duration::seconds(5));
        payment.apply(&Answer::NotFound);
    }
    assert_eq!(payment.open, None);
}

#[test]
fn an_answer_that_never_came_changes_nothing() {
    for status in ALL {
        let mut payment = aggregate(status, false);
        let before = payment.clone();
        assert_eq!(payment.apply(&Answer::Unknown), None);
        assert_eq!(payment.apply(&Answer::Refused { reason: "no".into() }), None);
        assert_eq!(payment, before);
    }
}

#[test]
fn refunds_add_up() {
    let mut payment = aggregate(Status::Captured, false);
    payment.refunding = 400;
    assert_eq!(payment.left(), 600);
    payment.refund(400);
    assert_eq!((payment.status, payment.left(), payment.refunded), (Status::PartiallyRefunded, 600, 400));
    payment.refunding = 600;
    payment.refund(600);
    assert_eq!((payment.status, payment.left()), (Status::Refunded, 0));
    assert_eq!(aggregate(Status::Authorized, false).left(), 0, "nothing was taken yet");
}
