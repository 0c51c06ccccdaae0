//! What may be decided about an order: no I/O, no clock.
//!
//! A decision looks at the order and answers the event that it calls for, or none where it has been taken already.
use chrono::{DateTime, Utc};
use kernel::{Condition, Fault, Money, Violation};
use payments::{Action, Payment, PaymentStatus};

use super::{
    Aggregate,
    event::{Cancelling, Correction, Event, Parcel, Reason, Refund},
};
use crate::{Error, NewShipment, OrderStatus, Shipment, ShipmentId};

/// What the saga decides.
impl Aggregate {
    /// The customer has to act.
    pub(crate) fn await_customer(&self, action: Action) -> Option<Event> {
        let news = self.status == OrderStatus::Pending && self.action.as_ref() != Some(&action);
        news.then_some(Event::PaymentActionRequired { action })
    }

    /// Everything is held: the pivot.
    pub(crate) fn confirm(&self) -> Option<Event> {
        (self.status == OrderStatus::Pending).then_some(Event::OrderConfirmed {})
    }

    /// The money is ours.
    pub(crate) fn capture(&self) -> Option<Event> {
        (self.is_confirmed() && !self.is_captured()).then_some(Event::PaymentCaptured {})
    }

    /// It cannot be, and the pivot has not been passed.
    pub(crate) fn refuse(&self, reason: Reason, undo_payment: bool) -> Option<Event> {
        let cancelling = Cancelling { reason, undo_payment };
        (self.status == OrderStatus::Pending).then_some(Event::OrderCancelling(cancelling))
    }

    /// All is given back; `payment` is what became of the payment, where one had begun.
    pub(crate) fn compensate(&self, payment: Option<&Payment>) -> Option<Event> {
        if self.status != OrderStatus::Cancelling {
            return None;
        }
        let untouched = if self.payment == PaymentStatus::Declined { self.payment } else { PaymentStatus::Voided };
        let (payment, refunded) =
            payment.map_or((untouched, self.refunded), |payment| (payment.status, payment.refunded));
        Some(Event::OrderCancelled { payment, refunded })
    }
}

/// What people decide.
impl Aggregate {
    /// The event, if the order it happens to is as `if_match` asks; what calls for none is fine at any version.
    pub(crate) fn fresh(&self, if_match: &Condition, event: Option<Event>) -> Result<Option<Event>, Error> {
        let holds = event.is_none() || if_match.holds(Some(self.version));
        if holds { Ok(event) } else { Err(Error::Stale { version: self.version }) }
    }

    /// It is not wanted any more.
    pub(crate) fn cancel(&self, reason: Reason) -> Result<Option<Event>, Error> {
        match self.status {
            OrderStatus::Pending | OrderStatus::Confirmed => {
                Ok(Some(Event::OrderCancelling(Cancelling { reason, undo_payment: true })))
            }
            OrderStatus::Cancelling | OrderStatus::Cancelled => Ok(None),
            OrderStatus::Shipped => Err(self.wrong()),
        }
    }

    /// Whoever runs the shop gives it up. Past the pivot it was promised: then it is cancelled as any order is.
    pub(crate) fn force(&self) -> Result<Option<Event>, Error> {
        match self.status {
            OrderStatus::Pending | OrderStatus::Cancelling | OrderStatus::Cancelled => self.cancel(Reason::Staff),
            OrderStatus::Confirmed | OrderStatus::Shipped => Err(self.wrong()),
        }
    }

    /// Mail about it goes elsewhere.
    pub(crate) fn correct(&self, correction: &Correction) -> Option<Event> {
        (self.created.email != correction.email).then(|| Event::OrderCorrected(correction.clone()))
    }

    /// A parcel has left the house. The same `key` is the same parcel.
    pub(crate) fn ship(&self, key: &str, new: &NewShipment, at: DateTime<Utc>) -> Result<Option<Event>, Error> {
        if let Some(Parcel { shipment, .. }) = self.parcels.iter().find(|parcel| parcel.key == key) {
            let same = (&shipment.carrier, &shipment.tracking_number) == (&new.carrier, &new.tracking_number);
            return if same { Ok(None) } else { Err(Error::KeyReused) };
        }
        if !(self.is_confirmed() && self.is_captured()) {
            return Err(self.wrong());
        }
        let NewShipment { carrier, tracking_number } = new.clone();
        let shipment = Shipment { id: ShipmentId::new(), carrier, tracking_number, shipped_at: at };
        Ok(Some(Event::OrderShipped(Parcel { key: key.into(), shipment })))
    }

    /// How much to pay back for `key`: what was asked for, or all that is left; none where it has been.
    pub(crate) fn refundable(&self, key: &str, asked: Option<Money>) -> Result<Option<Money>, Error> {
        if let Some(refund) = self.refunds.iter().find(|refund| refund.key == key) {
            let same = asked.is_none_or(|asked| asked == refund.amount);
            return if same { Ok(None) } else { Err(Error::KeyReused) };
        }
        if !(self.is_confirmed() && self.is_captured()) {
            return Err(self.wrong());
        }
        let left = self.total().minus(self.refunded).map_err(Fault::from)?;
        let amount = asked.unwrap_or(left);
        if amount.currency != left.currency {
            return Err(Violation::new("wrong_currency", "is not the order's").at("/amount/currency").into());
        }
        if left.amount <= 0 || amount.amount > left.amount {
            return Err(Error::RefundTooLarge { left });
        }
        Ok(Some(amount))
    }

    /// Money was paid back. The same key is the same refund.
    pub(crate) fn refund(&self, refund: &Refund) -> Option<Event> {
        let news = self.refunds.iter().all(|known| known.key != refund.key);
        (news && self.is_confirmed()).then(|| Event::OrderRefunded(refund.clone()))
    }
}
