//! The rules of a payment: what its provider says moves it, and only forward.
use std::fmt;

use chrono::{DateTime, Duration, Utc};
use kernel::{Caller, Currency, Invalid, Money};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Action, Authorization, Error, Payment, PaymentId, PaymentStatus};

/// What a provider is asked to do with a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum Command {
    Authorize,
    Capture,
    Void,
}

impl Command {
    /// The provider's idempotency key: an order has one payment, and each command is given once.
    pub(crate) fn key(self, order_id: Uuid) -> String {
        format!("{order_id}:{}", self.word())
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
        }
    }
}

/// A charge as its provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Charge {
    /// The provider's name for it.
    pub(crate) reference: String,
    pub(crate) state: ChargeState,
}

/// How far a charge is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ChargeState {
    ActionRequired { url: String },
    Authorized,
    Captured,
    Declined { reason: String },
    Voided,
}

/// What came back from a provider, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This is how the charge stands now.
    Charge(Charge),
    /// There is no charge under the key.
    NotFound,
    /// It will not do that.
    Refused { reason: String },
    /// The answer never came; it may have been done.
    Unknown,
}

impl Answer {
    /// For the list of attempts.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Charge(charge) => PaymentStatus::of(&charge.state).word(),
            Self::NotFound => "not_found",
            Self::Refused { reason } => reason,
            Self::Unknown => "unknown",
        }
    }
}

impl PaymentStatus {
    /// Its stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::ActionRequired => "action_required",
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Declined => "declined",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
            Self::PartiallyRefunded => "partially_refunded",
        }
    }

    fn of(state: &ChargeState) -> Self {
        match state {
            ChargeState::ActionRequired { .. } => Self::ActionRequired,
            ChargeState::Authorized => Self::Authorized,
            ChargeState::Captured => Self::Captured,
            ChargeState::Declined { .. } => Self::Declined,
            ChargeState::Voided => Self::Voided,
        }
    }

    /// Where `charge` moves a payment that is here; none where that is no news, because answers and
    /// webhooks come twice and in any order.
    fn after(self, charge: &ChargeState) -> Option<Self> {
        let next = Self::of(charge);
        let forward = match self {
            Self::Pending => true,
            Self::ActionRequired => next != Self::ActionRequired,
            Self::Authorized => matches!(next, Self::Captured | Self::Voided),
            Self::Captured | Self::Declined | Self::Voided | Self::Refunded | Self::PartiallyRefunded => false,
        };
        forward.then_some(next)
    }

    /// Whether the amount was taken, and perhaps given back since.
    pub(crate) fn taken(self) -> bool {
        matches!(self, Self::Captured | Self::PartiallyRefunded | Self::Refunded)
    }

    /// The kind of the event that tells of a payment's coming here.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Pending => "payment.pending",
            Self::ActionRequired => "payment.action_required",
            Self::Authorized => "payment.authorized",
            Self::Captured => "payment.captured",
            Self::Declined => "payment.declined",
            Self::Voided => "payment.voided",
            Self::Refunded | Self::PartiallyRefunded => "payment.refunded",
        }
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A payment as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Entry {
    pub(crate) id: PaymentId,
    pub(crate) order_id: Uuid,
    pub(crate) owner: Option<String>,
    pub(crate) provider: String,
    pub(crate) method: String,
    pub(crate) status: PaymentStatus,
    pub(crate) given_up: bool,
    pub(crate) open: Option<Command>,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) tries: i64,
    pub(crate) reference: Option<String>,
    #[sqlx(try_from = "String")]
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    pub(crate) refunded: i64,
    pub(crate) refunding: i64,
    pub(crate) reason: Option<String>,
    pub(crate) action_url: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What giving up a payment takes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Ask what became of the authorisation.
    Find,
    /// Let go of what is held.
    Void,
    /// Pay back what was taken.
    PayBack,
    /// Nothing is held and nothing was taken.
    Rest,
}

/// A request that was lost sight of is not on its way any more after so many looks, each twice as late as the last.
const LOOKS: i64 = 6;

/// The longest pause between two looks is the first one, doubled so often.
const DOUBLINGS: i64 = 6;

/// When to look next, after `tries` looks.
pub(crate) fn next_look(now: DateTime<Utc>, after: Duration, tries: i64) -> DateTime<Utc> {
    now + after * (1_i32 << tries.clamp(0, DOUBLINGS))
}

impl Entry {
    /// A payment that is about to begin.
    pub(crate) fn new(wish: &Authorization, now: DateTime<Utc>) -> Self {
        Self {
            owner: owner(&wish.payer),
            provider: wish.choice.provider.clone(),
            method: wish.choice.method.clone(),
            ..Self::blank(wish.order_id, wish.amount, now)
        }
    }

    /// What keeps a payment from ever beginning.
    pub(crate) fn tombstone(order_id: Uuid, currency: Currency, now: DateTime<Utc>) -> Self {
        let blank = Self::blank(order_id, Money::zero(currency), now);
        Self { status: PaymentStatus::Voided, given_up: true, ..blank }
    }

    fn blank(order_id: Uuid, amount: Money, now: DateTime<Utc>) -> Self {
        Self {
            id: PaymentId::new(),
            order_id,
            owner: None,
            provider: String::new(),
            method: String::new(),
            status: PaymentStatus::Pending,
            given_up: false,
            open: None,
            due_at: now,
            tries: 0,
            reference: None,
            currency: amount.currency,
            amount: amount.amount,
            refunded: 0,
            refunding: 0,
            reason: None,
            action_url: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Notes that the provider is about to be asked to `command`, at `now` by the database's clock.
    pub(crate) fn ask(&mut self, command: Command, now: DateTime<Utc>, after: Duration) {
        self.tries = if self.open == Some(command) { self.tries + 1 } else { 0 };
        self.open = Some(command);
        self.due_at = next_look(now, after, self.tries);
    }

    /// Takes in what came back; the new status where that moved the payment.
    pub(crate) fn hear(&mut self, answer: &Answer) -> Option<PaymentStatus> {
        match answer {
            Answer::Charge(charge) => self.hear_charge(charge),
            Answer::NotFound => self.hear_of_nothing(),
            Answer::Refused { .. } | Answer::Unknown => None,
        }
    }

    fn hear_charge(&mut self, charge: &Charge) -> Option<PaymentStatus> {
        if self.reference.is_none() {
            self.reference = Some(charge.reference.clone());
        }
        if self.too_late(&charge.state) {
            self.open = Some(Command::Void);
            return None;
        }
        self.open = match (&charge.state, self.open) {
            (ChargeState::Captured, _) => self.given_up.then_some(Command::Void),
            (ChargeState::Declined { .. } | ChargeState::Voided, _)
            | (ChargeState::Authorized, Some(Command::Authorize)) => None,
            (_, open) => open,
        };
        let status = self.status.after(&charge.state)?;
        self.action_url = None;
        match &charge.state {
            ChargeState::ActionRequired { url } => self.action_url = Some(url.clone()),
            ChargeState::Declined { reason } => self.reason = Some(reason.clone()),
            ChargeState::Authorized | ChargeState::Captured | ChargeState::Voided => {}
        }
        self.status = status;
        Some(status)
    }

    /// Whether something is held, or may come to be, for a payment that is over.
    fn too_late(&self, state: &ChargeState) -> bool {
        match self.status {
            PaymentStatus::Voided => matches!(state, ChargeState::Authorized | ChargeState::ActionRequired { .. }),
            PaymentStatus::Declined => *state == ChargeState::Authorized,
            status if status.taken() => false,
            _ => self.given_up && matches!(state, ChargeState::Authorized | ChargeState::ActionRequired { .. }),
        }
    }

    /// Nothing is held, unless by a request still on its way: one that was given up is void, and watched for a while.
    fn hear_of_nothing(&mut self) -> Option<PaymentStatus> {
        if self.status == PaymentStatus::Voided {
            if self.tries >= LOOKS {
                self.open = None;
            }
            return None;
        }
        let over = self.given_up && self.status == PaymentStatus::Pending;
        over.then(|| {
            self.status = PaymentStatus::Voided;
            self.status
        })
    }

    /// Decides that it shall not be paid; the new status where that is so already.
    pub(crate) fn give_up(&mut self) -> Option<PaymentStatus> {
        self.given_up = true;
        // Nothing was to be paid, so nothing is to be paid back.
        let free = self.status == PaymentStatus::Captured && self.amount == 0;
        free.then(|| {
            self.status = PaymentStatus::Refunded;
            self.status
        })
    }

    /// What giving it up takes next.
    pub(crate) fn turn(&self) -> Turn {
        let void = self.open == Some(Command::Void);
        match self.status {
            status if status.taken() && self.refunded < self.amount => Turn::PayBack,
            status if status.taken() => Turn::Rest,
            PaymentStatus::Pending if !void => Turn::Find,
            PaymentStatus::Voided | PaymentStatus::Declined if !void => Turn::Rest,
            _ => Turn::Void,
        }
    }

    /// Whether somebody must still see to it that it stays given up.
    pub(crate) fn unfinished(&self) -> bool {
        self.open == Some(Command::Void) || (self.given_up && self.turn() != Turn::Rest)
    }

    /// Turns what was promised to a refund into what was paid back.
    pub(crate) fn pay_back(&mut self, amount: i64) {
        self.refunding -= amount;
        self.refunded += amount;
        self.status =
            if self.refunded == self.amount { PaymentStatus::Refunded } else { PaymentStatus::PartiallyRefunded };
    }

    /// What can still be promised to a refund, in minor units.
    pub(crate) fn left(&self) -> i64 {
        if self.status.taken() { self.amount - self.refunded - self.refunding } else { 0 }
    }

    /// Whether `wish` is the one that began it.
    pub(crate) fn same_as(&self, wish: &Authorization) -> Result<(), Invalid> {
        let mut checks = kernel::Checks::new();
        let detail = "is not what this order's payment began with";
        let same = self.amount() == wish.amount;
        checks.ensure(same, "/amount", "differs", detail);
        checks.ensure(self.provider == wish.choice.provider, "/payment/provider", "differs", detail);
        checks.ensure(self.method == wish.choice.method, "/payment/method", "differs", detail);
        checks.finish(Some(()))
    }

    /// What somebody who wanted it authorised is told.
    pub(crate) fn authorized(self) -> Result<Payment, Error> {
        match self.status {
            PaymentStatus::Declined => Err(Error::Declined { reason: self.reason.unwrap_or_default() }),
            _ if self.given_up || self.status == PaymentStatus::Voided => Err(Error::Cancelled),
            _ => Ok(self.shown()),
        }
    }

    /// The error of one that is not far enough, or too far.
    pub(crate) fn wrong_state(&self) -> Error {
        Error::WrongState { status: self.status.to_string() }
    }

    /// Whether `caller` may look.
    pub(crate) fn visible_to(&self, caller: &Caller) -> bool {
        caller.is_staff() || owner(caller).is_some_and(|caller| self.owner.as_ref() == Some(&caller))
    }

    /// What is to be paid.
    pub(crate) fn amount(&self) -> Money {
        self.money(self.amount)
    }

    /// `amount` minor units of its currency.
    pub(crate) fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.currency)
    }

    /// As others see it.
    pub(crate) fn shown(&self) -> Payment {
        Payment {
            id: self.id,
            order_id: self.order_id,
            provider: self.provider.clone(),
            status: self.status,
            amount: self.amount(),
            refunded: self.money(self.refunded),
            reason: self.reason.clone(),
            action: self.action_url.clone().map(|url| Action { url }),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// How a payer is kept; none for somebody who cannot be known again.
fn owner(payer: &Caller) -> Option<String> {
    match payer {
        Caller::User { id, .. } => Some(format!("user:{id}")),
        Caller::Guest { cart } => Some(format!("guest:{cart}")),
        Caller::Anonymous | Caller::System => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn entry(status: Status, given_up: bool) -> Entry {
        let amount = Money::new(1000, "EUR".parse().unwrap());
        Entry { status, given_up, ..Entry::blank(Uuid::nil(), amount, DateTime::UNIX_EPOCH) }
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
                    let mut payment = entry(status, given_up);
                    payment.hear(&says(state.clone()));
                    assert!(rank(payment.status) >= rank(status), "{status} heard {state:?}");
                    assert_eq!(payment.hear(&says(state.clone())), None, "{status} heard {state:?} twice");
                }
            }
        }
    }

    #[test]
    fn what_is_terminal_stays() {
        for status in [Status::Declined, Status::Voided, Status::Refunded, Status::PartiallyRefunded, Status::Captured]
        {
            for state in states() {
                let mut payment = entry(status, false);
                assert_eq!((payment.hear(&says(state)), payment.status), (None, status));
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
                let mut payment = entry(Status::Pending, false);
                for index in order {
                    payment.hear(&says(life[index].clone()));
                }
                assert_eq!(payment.status, end, "{life:?} in the order {order:?}");
            }
        }
    }

    #[test]
    fn what_is_held_for_a_payment_that_was_given_up_is_let_go() {
        for (status, given_up) in [(Status::Pending, true), (Status::Authorized, true), (Status::Voided, false)] {
            let mut payment = entry(status, given_up);
            assert_eq!(payment.hear(&says(ChargeState::Authorized)), None);
            assert_eq!((payment.status, payment.turn()), (status, Turn::Void));
            assert!(payment.unfinished());
            payment.hear(&says(ChargeState::Voided));
            assert_eq!((payment.status, payment.open, payment.turn()), (Status::Voided, None, Turn::Rest));
        }
        let mut payment = entry(Status::Authorized, true);
        payment.hear(&says(ChargeState::Captured));
        assert_eq!((payment.status, payment.turn()), (Status::Captured, Turn::PayBack));
    }

    #[test]
    fn a_lost_request_is_watched_for_a_while() {
        let mut payment = entry(Status::Pending, false);
        payment.ask(Command::Authorize, DateTime::UNIX_EPOCH, Duration::seconds(5));
        assert_eq!(payment.hear(&Answer::NotFound), None, "somebody may still ask for it");
        payment.give_up();
        assert_eq!(payment.hear(&Answer::NotFound), Some(Status::Voided));
        for _ in 0..LOOKS {
            assert_eq!(payment.open, Some(Command::Authorize));
            payment.ask(Command::Authorize, DateTime::UNIX_EPOCH, Duration::seconds(5));
            payment.hear(&Answer::NotFound);
        }
        assert_eq!(payment.open, None);
    }

    #[test]
    fn an_answer_that_never_came_changes_nothing() {
        for status in ALL {
            let mut payment = entry(status, false);
            let before = payment.clone();
            assert_eq!(payment.hear(&Answer::Unknown), None);
            assert_eq!(payment.hear(&Answer::Refused { reason: "no".into() }), None);
            assert_eq!(payment, before);
        }
    }

    #[test]
    fn refunds_add_up() {
        let mut payment = entry(Status::Captured, false);
        payment.refunding = 400;
        assert_eq!(payment.left(), 600);
        payment.pay_back(400);
        assert_eq!((payment.status, payment.left(), payment.refunded), (Status::PartiallyRefunded, 600, 400));
        payment.refunding = 600;
        payment.pay_back(600);
        assert_eq!((payment.status, payment.left()), (Status::Refunded, 0));
        assert_eq!(entry(Status::Authorized, false).left(), 0, "nothing was taken yet");
    }
}
