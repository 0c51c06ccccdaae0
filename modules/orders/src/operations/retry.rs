//! What people may do about an order that does not get on by itself.
use kernel::{Caller, Condition, Page, PageQuery, Role};
use uuid::Uuid;

use crate::{
    Error, Order, OrderId, OrderStatus, Outcome, StuckOrder, checkout::lease, operations::stuck, order::Aggregate,
    service::Service,
};

impl Service {
    pub(crate) async fn list_stuck(&self, caller: &Caller, page: &PageQuery) -> Result<Page<StuckOrder>, Error> {
        caller.staff()?;
        let (limit, after) = page.read::<Uuid>()?;
        let orders = stuck::list(self.db(), after.unwrap_or_default(), limit + 1).await?;
        Ok(Page::new(orders, limit, |stuck| stuck.order_id.0))
    }

    /// It changes nothing but when: whoever goes on decides as ever.
    pub(crate) async fn retry_now(&self, caller: &Caller, id: OrderId) -> Result<Order, Error> {
        caller.staff()?;
        self.saga.journal.find(id).await?;
        lease::wake(self.db(), id).await?;
        tracing::info!(order.id = %id, operator = ?caller.account().ok(), "order is to be gone on with");
        Ok(self.saga.journal.find(id).await?.view())
    }

    /// It changes the direction, and never says what became of money or stock: that, the compensation finds out.
    pub(crate) async fn force_to(
        &self,
        caller: &Caller,
        id: OrderId,
        outcome: Outcome,
        if_match: &Condition,
    ) -> Result<Order, Error> {
        caller.at_least(Role::Admin)?;
        let Outcome::Cancel = outcome;
        let state = self.saga.journal.find(id).await?;
        if state.status == OrderStatus::Cancelling {
            lease::wake(self.db(), id).await?;
        }
        tracing::warn!(order.id = %id, operator = ?caller.account().ok(), "order is forced to turn back");
        self.turn_back(state, if_match, Aggregate::force_back).await
    }
}
