//! A payment as it is kept, and what each answer does to it.
use chrono::{DateTime, Duration, Utc};
use kernel::{Caller, Currency, Fault, Money, Violations};
use uuid::Uuid;

use super::{Answer, Charge, ChargeState, Command};
use crate::{Action, Authorization, Error, Payment, PaymentId, PaymentStatus};

/// A payment as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Aggregate {
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

/// What undoing a payment takes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compensation {
    /// Ask what became of the authorisation.
    Find,
    /// Void what is held.
    Void,
    /// Refund what was taken.
    Refund,
    /// Nothing is held and nothing was taken.
    Done,
}

/// A request that was lost sight of is not on its way any more after so many looks, each twice as late as the last.
pub(super) const LOOKS: i64 = 6;

/// The longest pause between two looks is the first one, doubled so often.
const DOUBLINGS: i64 = 6;

/// When to look next, after `tries` looks.
pub(crate) fn next_look(now: DateTime<Utc>, after: Duration, tries: i64) -> DateTime<Utc> {
    now + after * (1_i32 << tries.clamp(0, DOUBLINGS))
}

impl Aggregate {
    /// A payment that is about to begin.
    pub(crate) fn new(wish: &Authorization, now: DateTime<Utc>) -> Self {
        Self {
            owner: wish.payer.owner().map(|owner| owner.to_string()),
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

    pub(super) fn blank(order_id: Uuid, amount: Money, now: DateTime<Utc>) -> Self {
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
    pub(crate) fn apply(&mut self, answer: &Answer) -> Option<PaymentStatus> {
        match answer {
            Answer::Charge(charge) => self.apply_charge(charge),
            Answer::NotFound => self.apply_not_found(),
            Answer::Refused { .. } | Answer::Unknown => None,
        }
    }

    fn apply_charge(&mut self, charge: &Charge) -> Option<PaymentStatus> {
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
    fn apply_not_found(&mut self) -> Option<PaymentStatus> {
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
    pub(crate) fn void(&mut self) -> Option<PaymentStatus> {
        self.given_up = true;
        // Nothing was to be paid, so nothing is to be paid back.
        let free = self.status == PaymentStatus::Captured && self.amount == 0;
        free.then(|| {
            self.status = PaymentStatus::Refunded;
            self.status
        })
    }

    /// What undoing it takes next.
    pub(crate) fn compensation(&self) -> Compensation {
        let void = self.open == Some(Command::Void);
        match self.status {
            status if status.taken() && self.refunded < self.amount => Compensation::Refund,
            status if status.taken() => Compensation::Done,
            PaymentStatus::Pending if !void => Compensation::Find,
            PaymentStatus::Voided | PaymentStatus::Declined if !void => Compensation::Done,
            _ => Compensation::Void,
        }
    }

    /// Whether somebody must still see to it that it stays given up.
    pub(crate) fn unfinished(&self) -> bool {
        self.open == Some(Command::Void) || (self.given_up && self.compensation() != Compensation::Done)
    }

    /// Turns what was promised to a refund into what was paid back.
    pub(crate) fn refund(&mut self, amount: i64) {
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
    pub(crate) fn same_as(&self, wish: &Authorization) -> Result<(), Violations> {
        let mut checks = Violations::new();
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
            _ => Ok(self.view()),
        }
    }

    /// The error of one that is not far enough, or too far.
    pub(crate) fn wrong_state(&self) -> Error {
        Error::WrongState { state: self.status.to_string() }
    }

    /// Whether `caller` may look.
    pub(crate) fn visible_to(&self, caller: &Caller) -> bool {
        caller.is_staff() || caller.owner().is_some_and(|caller| self.owner.as_ref() == Some(&caller.to_string()))
    }

    /// The provider's name for the charge; whatever is held has one.
    pub(crate) fn charge(&self) -> Result<String, Fault> {
        self.reference.clone().ok_or_else(|| Fault::internal(format!("the payment {} has no charge", self.id)))
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
    pub(crate) fn view(&self) -> Payment {
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
