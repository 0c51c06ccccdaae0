//! Correcting where mail about an order goes.
use kernel::{Caller, Condition, EmailAddress};

use crate::{
    Error, Order, OrderId, OrderPatch,
    order::Aggregate,
    order::event::{Correction, Event},
    service::Service,
};

impl Aggregate {
    /// Mail about it goes elsewhere.
    fn correct(&self, correction: &Correction) -> Option<Event> {
        (self.created.email != correction.email).then(|| Event::OrderCorrected(correction.clone()))
    }
}

impl Service {
    /// In whatever state the order is: also one that is cancelled is written to.
    pub(crate) async fn correct_order(
        &self,
        caller: &Caller,
        id: OrderId,
        patch: OrderPatch,
        if_match: &Condition,
    ) -> Result<Order, Error> {
        caller.staff()?;
        let email: EmailAddress = patch.email.parse().map_err(|flaw: kernel::Violation| flaw.at("/email"))?;
        let correction = Correction { email: email.into(), by: caller.account().ok() };
        let state = self.saga.journal.find(id).await?;
        self.note(state, if_match, |state| Ok(state.correct(&correction))).await
    }
}
