//! Orders behind their trait.
use std::{sync::Arc, time::Duration};

use kernel::{
    Call, Caller, Clock, CloudEvent, Condition, Currency, Db, DeadLetter, DeadLetters, EmailAddress, Fault,
    LetterQuery, Page, PageQuery, Refusal, Violation, async_trait,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use users::{UserId, Users};
use uuid::Uuid;

use crate::{
    Error, NewOrder, NewQuote, NewRefund, NewShipment, Order, OrderEvent, OrderId, OrderPatch, OrderQuery, Orders,
    Outcome, Quote, StuckOrder,
    checkout::form::{in_stock, number, price},
    checkout::{lease, reconciler::DRIVE, saga::Saga},
    operations::keyed::checked,
    order::Aggregate,
    order::event::{Created, Event, Reason},
    order::journal::{Decided, Saga as Effect},
    order::store,
    refusals::{of_cart, of_choice, of_user},
};

/// What is left of a caller's time when it is told how far the order is.
const MARGIN: Duration = Duration::from_secs(1);
/// How often one looks at an order that somebody else drives.
const LOOK: Duration = Duration::from_millis(100);
/// How often an order gets another number where its number is taken.
const NUMBERS: usize = 8;

/// Orders.
pub(crate) struct Service {
    pub(crate) saga: Arc<Saga>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) tasks: kernel::Tasks,
    pub(crate) currency: Currency,
    pub(crate) letters: DeadLetters,
}

/// What an order is placed as.
#[derive(Clone, Copy)]
struct Name<'a> {
    owner: &'a str,
    key: &'a str,
    /// The order that was placed as this before and came to nothing.
    spent: Option<OrderId>,
}

/// A drive that goes on whoever stops waiting for it; its order's state if it came to rest.
type Driver = JoinHandle<Option<Aggregate>>;

#[async_trait]
impl Orders for Service {
    async fn quote(&self, caller: Caller, quote: NewQuote) -> Result<Quote, Error> {
        let settings = &self.saga.settings;
        let (country, method) = quote.checked(settings)?;
        let cart = self.saga.carts.get(caller).await.map_err(of_cart)?;
        let priced = price(&cart, country.code(), method, settings, self.currency)?;
        Ok(priced.quote(country, settings))
    }

    async fn place(&self, caller: Caller, key: String, order: NewOrder) -> Result<Order, Error> {
        let fingerprint = order.fingerprint()?;
        let order = order.checked(&caller, &self.saga.settings)?;
        let key = checked(key)?;
        if caller == Caller::System {
            return Err(Refusal::Forbidden.into());
        }
        let owner = caller.owner().ok_or(Error::CartEmpty)?.to_string();
        let (spent, placed): (Option<Aggregate>, _) = match self.placed(&owner, &key).await? {
            Some(state) if state.came_to_nothing() => (Some(state), None),
            other => (None, other),
        };
        let spent = spent.map(|state| state.created.id);
        let (state, driver) = match placed {
            Some(state) => (state, None),
            None => match self.begin(caller, Name { owner: &owner, key: &key, spent }, &fingerprint, order).await {
                Ok((state, driver)) => (state, Some(driver)),
                // Whoever sent the same request at the same time may have been quicker: then theirs is the answer.
                Err(error) => {
                    let theirs = self.placed(&owner, &key).await?;
                    (theirs.filter(|state| Some(state.created.id) != spent).ok_or(error)?, None)
                }
            },
        };
        if state.created.fingerprint != fingerprint {
            return Err(Error::KeyReused);
        }
        self.attend(state.created.id, driver).await?.answer()
    }

    async fn get(&self, caller: Caller, id: OrderId) -> Result<Order, Error> {
        Ok(self.visible(&caller, id).await?.view())
    }

    async fn list(&self, caller: Caller, query: OrderQuery) -> Result<Page<Order>, Error> {
        let OrderQuery { status, limit, cursor } = query;
        let (limit, before) = PageQuery { limit, cursor }.read::<Uuid>()?;
        let owner = caller.owner().filter(|_| !caller.is_staff());
        if owner.is_none() {
            caller.staff()?;
        }
        let owner = owner.map(|owner| owner.to_string());
        let before = before.unwrap_or(Uuid::max());
        let orders = store::list(self.db(), owner, status, before, limit + 1).await?;
        Ok(Page::new(orders, limit, |state| state.created.id.0).map(|state| state.view()))
    }

    async fn history(&self, caller: Caller, id: OrderId) -> Result<Vec<OrderEvent>, Error> {
        self.visible(&caller, id).await?;
        let staff = caller.is_staff();
        let history = store::history(self.db(), id).await?;
        let shown = history.into_iter().map(|(version, event, at)| OrderEvent {
            version,
            kind: event.kind().into(),
            at,
            data: event.shown(staff),
        });
        Ok(shown.collect())
    }

    async fn correct(
        &self,
        caller: Caller,
        id: OrderId,
        patch: OrderPatch,
        if_match: Condition,
    ) -> Result<Order, Error> {
        self.correct_order(&caller, id, patch, &if_match).await
    }

    async fn cancel(&self, caller: Caller, id: OrderId, if_match: Condition) -> Result<Order, Error> {
        let state = self.visible(&caller, id).await?;
        let reason = if state.is_of(&caller) { Reason::Customer } else { Reason::Staff };
        self.turn_back(state, &if_match, |state| state.cancel(reason.clone())).await
    }

    async fn ship(
        &self,
        caller: Caller,
        id: OrderId,
        key: String,
        shipment: NewShipment,
        if_match: Condition,
    ) -> Result<Order, Error> {
        self.note_parcel(&caller, id, key, shipment, &if_match).await
    }

    async fn refund(
        &self,
        caller: Caller,
        id: OrderId,
        key: String,
        refund: NewRefund,
        if_match: Condition,
    ) -> Result<Order, Error> {
        self.pay_back(&caller, id, key, refund, &if_match).await
    }

    async fn stuck(&self, caller: Caller, page: PageQuery) -> Result<Page<StuckOrder>, Error> {
        self.list_stuck(&caller, &page).await
    }

    async fn retry(&self, caller: Caller, id: OrderId) -> Result<Order, Error> {
        self.retry_now(&caller, id).await
    }

    async fn force(&self, caller: Caller, id: OrderId, outcome: Outcome, if_match: Condition) -> Result<Order, Error> {
        self.force_to(&caller, id, outcome, &if_match).await
    }

    async fn dead_letters(&self, caller: Caller, query: LetterQuery) -> Result<Page<DeadLetter>, Error> {
        self.letters.list(&caller, query).await
    }

    async fn replay_dead_letter(&self, caller: Caller, event_id: Uuid) -> Result<(), Error> {
        self.letters.replay(&caller, event_id, Error::EventNotFound).await
    }

    async fn events(&self, after: i64, limit: i64, wait_ms: i64) -> Result<Vec<CloudEvent>, Error> {
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
        Ok(self.saga.journal.outbox.read(after, limit, wait).await?)
    }
}

impl Service {
    pub(crate) fn db(&self) -> &Db {
        &self.saga.journal.db
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.saga.journal.clock
    }

    /// The order `id`, which for whoever may not see it does not exist.
    async fn visible(&self, caller: &Caller, id: OrderId) -> Result<Aggregate, Error> {
        let state = self.saga.journal.find(id).await?;
        if state.is_visible_to(caller) { Ok(state) } else { Err(Error::OrderNotFound) }
    }

    /// The order that was placed with this key.
    async fn placed(&self, owner: &str, key: &str) -> Result<Option<Aggregate>, Error> {
        Ok(store::find_by_key(self.db(), owner, key).await?)
    }

    /// Begins an order: everything about it is fixed here, and nothing has happened yet but that.
    async fn begin(
        &self,
        caller: Caller,
        name: Name<'_>,
        fingerprint: &str,
        order: NewOrder,
    ) -> Result<(Aggregate, Driver), Error> {
        let Saga { settings, carts, payments, journal, leases, .. } = &*self.saga;
        payments.check(order.payment.clone()).await.map_err(of_choice)?;
        let cart = carts.get(caller.clone()).await.map_err(of_cart)?;
        let cart_id = cart.id.ok_or(Error::CartEmpty)?;
        if let Err(sold_out) = in_stock(&cart) {
            // It may be this cart's own order that holds what is missing.
            let ordered = store::find_by_cart(self.db(), cart_id).await?;
            return Err(ordered.map_or(sold_out, |order_id| Error::CartOrdered { order_id }));
        }
        let country = &order.shipping_address.country;
        let method = settings.method(&order.shipping_method, country).ok_or_else(|| Fault::internal("no way"))?;
        let priced = price(&cart, country, method, settings, self.currency)?;
        order.expects(priced.totals.total)?;
        let created = Created {
            id: OrderId::new(),
            number: number(),
            key: name.key.into(),
            fingerprint: fingerprint.into(),
            cart_id,
            email: self.email(&caller, order.email).await?,
            payer: caller,
            lines: priced.lines,
            totals: priced.totals,
            shipping_address: order.shipping_address,
            shipping_method: order.shipping_method,
            payment: order.payment,
        };
        for _ in 0..NUMBERS {
            let lease = leases.new_for(created.id, true).await?;
            let created = Created { number: number(), ..created.clone() };
            if let Some(state) = journal.create(created, &lease, name.spent).await? {
                return Ok((state.clone(), self.drive(lease, state)));
            }
            if self.placed(name.owner, name.key).await?.is_some() {
                return Err(Error::KeyReused);
            }
            if let Some(order_id) = store::find_by_cart(self.db(), cart_id).await? {
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

    /// Writes down that an order is given up, takes it from whoever drives it, and gives money and stock back.
    pub(crate) async fn turn_back(
        &self,
        state: Aggregate,
        if_match: &Condition,
        decide: impl Fn(&Aggregate) -> Result<Option<Event>, Error>,
    ) -> Result<Order, Error> {
        let id = state.created.id;
        let decide = |state: &Aggregate| state.fresh(if_match, decide(state)?);
        let lease = self.saga.leases.new_for(id, false).await?;
        let driver = match self.saga.journal.decide(state, Effect::Starts(&lease), decide).await? {
            Decided::Now(state) => Some(self.drive(lease, state)),
            Decided::Moot(_) | Decided::Fenced => None,
        };
        Ok(self.attend(id, driver).await?.view())
    }

    /// Drives an order in a task of its own, for as long as it takes.
    fn drive(&self, lease: lease::Lease, state: Aggregate) -> Driver {
        let saga = Arc::clone(&self.saga);
        let call = Call::current().with_timeout(DRIVE);
        self.tasks.spawn(call.scope(async move { saga.drive(lease, state).await }))
    }

    /// The order once its saga rests, or as it is when the caller's time is nearly up.
    ///
    /// Whoever waits also drives the order, where nobody else does and it is due.
    async fn attend(&self, id: OrderId, mut driver: Option<Driver>) -> Result<Aggregate, Error> {
        let until = Instant::now() + Call::current().left().saturating_sub(MARGIN);
        loop {
            if let Some(driver) = driver.take()
                && let Ok(Ok(Some(state))) = timeout_at(until, driver).await
            {
                return Ok(state);
            }
            let news = self.saga.news.notified();
            let rest = lease::rest(self.db(), id).await?;
            let state = self.saga.journal.find(id).await?;
            if rest.is_none_or(|rest| rest.needs_operator) || Instant::now() >= until {
                return Ok(state);
            }
            if let Some(lease) = self.saga.leases.claim(id).await? {
                driver = Some(self.drive(lease, self.saga.journal.find(id).await?));
            } else if state.awaits_customer() {
                return Ok(state);
            } else {
                timeout_at(until.min(Instant::now() + LOOK), news).await.ok();
            }
        }
    }

    /// Writes down what somebody decided, beside whatever drives the order.
    pub(crate) async fn note(
        &self,
        state: Aggregate,
        if_match: &Condition,
        decide: impl Fn(&Aggregate) -> Result<Option<Event>, Error>,
    ) -> Result<Order, Error> {
        let decide = |state: &Aggregate| state.fresh(if_match, decide(state)?);
        match self.saga.journal.decide(state, Effect::Aside, decide).await? {
            Decided::Now(state) | Decided::Moot(state) => Ok(state.view()),
            Decided::Fenced => Err(Fault::internal("there was no lease to lose").into()),
        }
    }
}
