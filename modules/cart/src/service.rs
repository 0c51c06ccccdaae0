//! What can be done with carts. Every change is one transaction that holds the cart's row.
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{Caller, Clock, Condition, Context, Currency, Db, Failure, Fault, Owner, StartError, Tx};
use products::{Offer, Products, Sku};
use uuid::Uuid;

use crate::failpoints::{close, reach};
use crate::{
    Added, Cart, CartId, Carts, Error, NewItem, OrderedItem,
    contents::{self, Contents, Snapshot},
    forms::LINES,
    settings::Settings,
    store::{self, Locked, State, guests},
    token::Token,
};

pub(crate) struct Service {
    db: Db,
    clock: Clock,
    currency: Currency,
    settings: Settings,
    products: Arc<dyn Products>,
}

impl Service {
    pub(crate) fn new(context: &Context, settings: Settings, products: Arc<dyn Products>) -> Result<Self, StartError> {
        let Context { db, clock, currency, .. } = context.clone();
        Ok(Self { db, clock, currency, settings: settings.checked()?, products })
    }

    /// Forgets some of the guests who have not touched their cart for long; true if there may be more.
    pub(crate) async fn sweep(&self) -> bool {
        let swept = guests::sweep(&self.db, self.clock.now() - self.settings.idle()).await.unwrap_or(0);
        if swept > 0 {
            tracing::info!(swept, "forgot guests and their carts");
        }
        swept > 0
    }

    /// What is on sale of these now. Asked with no lock held.
    async fn offers(&self, skus: Vec<Sku>) -> Result<Vec<Offer>, Fault> {
        if skus.is_empty() { Ok(Vec::new()) } else { self.products.offers(skus).await.map_err(Failure::into_fault) }
    }

    /// The cart at today's prices, of which `known` have been asked for already.
    async fn priced(&self, contents: Option<Contents>, mut known: Vec<Offer>) -> Result<Cart, Error> {
        let Some(contents) = contents else { return Ok(contents::empty(self.currency)) };
        let unknown = contents.lines.iter().map(|line| &line.sku).filter(|sku| known.iter().all(|o| o.sku != **sku));
        let unknown = unknown.cloned().collect();
        known.extend(self.offers(unknown).await?);
        Ok(contents.priced(&known, self.currency).map_err(Fault::from)?)
    }

    /// The owner to put something in for; whoever brings no token of ours becomes a guest with a new one.
    async fn admit(
        &self,
        tx: &mut Tx,
        owner: Option<Owner>,
        now: DateTime<Utc>,
    ) -> Result<(Owner, Option<String>), Fault> {
        let known = match owner {
            Some(Owner::Guest(hash)) => guests::touch(tx, &hash, now).await?.then_some(Owner::Guest(hash)),
            other => other,
        };
        if let Some(owner) = known {
            return Ok((owner, None));
        }
        let token = Token::new();
        guests::create(tx, &token.hash(), now).await?;
        Ok((Owner::Guest(token.hash()), Some(token.reveal())))
    }

    /// Locks the cart that there is.
    async fn lock(&self, tx: &mut Tx, owner: Option<&Owner>, now: DateTime<Utc>) -> Result<Option<Locked>, Fault> {
        let Some(owner) = owner else { return Ok(None) };
        if let Owner::Guest(hash) = owner
            && !guests::touch(tx, hash, now).await?
        {
            return Ok(None);
        }
        store::lock_open(tx, owner).await
    }

    /// Ends an open cart; what is left of it goes on in the owner's next.
    async fn end(
        &self,
        tx: &mut Tx,
        owner: &Owner,
        cart: CartId,
        order_id: Uuid,
        ordered: &[OrderedItem],
    ) -> Result<(), Fault> {
        let now = self.clock.now();
        store::close(tx, cart, order_id, now).await?;
        let lines = store::lines(tx, cart).await?;
        let mut left = contents::left(&lines, ordered);
        left.retain(|&(_, quantity)| quantity > 0);
        if !left.is_empty() {
            let next = store::open(tx, owner, now).await?.id;
            for (sku, quantity) in left {
                store::move_line(tx, cart, next, sku, quantity).await?;
            }
            store::touch(tx, next, now).await?;
        }
        store::clear(tx, cart).await.map(drop)
    }

    /// Takes what was ordered out of the cart that its lines have gone to, if that is still open.
    async fn take_out(&self, tx: &mut Tx, cart: CartId, ordered: &[OrderedItem]) -> Result<(), Fault> {
        if store::lock(tx, cart).await?.is_none_or(|cart| cart.state != State::Open) {
            return Ok(());
        }
        let lines = store::lines(tx, cart).await?;
        for ((sku, left), line) in contents::left(&lines, ordered).into_iter().zip(&lines) {
            if left != line.quantity {
                store::set_quantity(tx, cart, sku, left).await?;
            }
        }
        store::touch(tx, cart, self.clock.now()).await
    }
}

#[kernel::async_trait]
impl Carts for Service {
    async fn get(&self, caller: Caller) -> Result<Cart, Error> {
        let contents = match contents::owner(&caller)? {
            Some(owner) => store::contents(&self.db, &owner).await?,
            None => None,
        };
        self.priced(contents, Vec::new()).await
    }

    async fn add(&self, caller: Caller, item: NewItem, if_match: Condition) -> Result<Added, Error> {
        let owner = contents::owner(&caller)?;
        let (sku, quantity) = contents::item(&item)?;
        let offers = self.offers(vec![sku.clone()]).await?;
        let Some(offer) = offers.iter().find(|offer| offer.sku == sku) else {
            return Err(Error::SkuNotFound { sku: item.sku });
        };
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let (owner, token) = self.admit(&mut tx, owner, now).await?;
        let version = store::lock_open(&mut tx, &owner).await?.map_or(contents::EMPTY, |cart| cart.version);
        contents::fresh(version, &if_match)?;
        let cart = store::open(&mut tx, &owner, now).await?.id;
        if !store::add(&mut tx, cart, &sku, quantity, &Snapshot::from(offer), now).await? {
            return Err(contents::too_many());
        }
        if store::count(&mut tx, cart).await? > LINES {
            return Err(Error::CartFull { limit: LINES });
        }
        store::touch(&mut tx, cart, now).await?;
        let contents = store::contents(&mut tx, &owner).await?;
        tx.commit().await?;
        Ok(Added { cart: self.priced(contents, offers).await?, token })
    }

    async fn set_quantity(
        &self,
        caller: Caller,
        sku: String,
        quantity: i64,
        if_match: Condition,
    ) -> Result<Cart, Error> {
        let owner = contents::owner(&caller)?;
        let wished = contents::quantity(quantity, 0).map_err(|flaw| flaw.at("/quantity"))?;
        let sku: Sku = sku.parse().map_err(|_| Error::SkuNotFound { sku })?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let cart = self.lock(&mut tx, owner.as_ref(), now).await?;
        let line = match &cart {
            Some(cart) => store::quantity(&mut tx, cart.id, &sku).await?,
            None => None,
        };
        let version = cart.as_ref().map_or(contents::EMPTY, |cart| cart.version);
        let changes = contents::changes(&sku, line, wished, version, &if_match)?;
        let (Some(owner), Some(cart)) = (owner, cart) else { return Ok(contents::empty(self.currency)) };
        if changes {
            store::set_quantity(&mut tx, cart.id, &sku, wished).await?;
            store::touch(&mut tx, cart.id, now).await?;
        }
        let contents = store::contents(&mut tx, &owner).await?;
        tx.commit().await?;
        self.priced(contents, Vec::new()).await
    }

    async fn clear(&self, caller: Caller, if_match: Condition) -> Result<(), Error> {
        let owner = contents::owner(&caller)?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let cart = self.lock(&mut tx, owner.as_ref(), now).await?;
        let Some(cart) = cart else { return Ok(()) };
        if store::clear(&mut tx, cart.id).await? > 0 {
            contents::fresh(cart.version, &if_match)?;
            store::touch(&mut tx, cart.id, now).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn merge(&self, guest: String, user: Uuid) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if !guests::end(&mut tx, &guest, user).await? {
            return Ok(());
        }
        if let Some(from) = store::lock_open(&mut tx, &Owner::Guest(guest)).await? {
            let into = store::open(&mut tx, &Owner::User(user), now).await?.id;
            store::merge(&mut tx, from.id, into).await?;
            let dropped = store::trim(&mut tx, into, LINES).await?;
            if dropped > 0 {
                tracing::warn!(customer.id = %user, dropped, "two carts had more lines than one can hold");
            }
            store::touch(&mut tx, into, now).await?;
            store::set_merged(&mut tx, from.id, into, now).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn close(&self, id: CartId, order_id: Uuid, ordered: Vec<OrderedItem>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let owner = store::owner(&mut tx, id).await?;
        if let Some(Owner::Guest(hash)) = &owner {
            guests::touch(&mut tx, hash, self.clock.now()).await?;
        }
        let (Some(owner), Some(cart)) = (owner, store::lock(&mut tx, id).await?) else {
            tracing::warn!(cart.id = %id, order.id = %order_id, "the cart of an order is gone");
            return Ok(());
        };
        match (cart.state, cart.order_id) {
            (_, Some(earlier)) if earlier == order_id => return Ok(()),
            (_, Some(earlier)) => {
                return Err(Fault::internal(format!("cart {id} was ordered by {earlier} and {order_id}")).into());
            }
            (State::Merged, None) => {
                store::close(&mut tx, id, order_id, self.clock.now()).await?;
                if let Some(into) = cart.merged_into {
                    self.take_out(&mut tx, into, &ordered).await?;
                }
            }
            (State::Open | State::Ordered, None) => self.end(&mut tx, &owner, id, order_id, &ordered).await?,
        }
        reach(close::uncommitted);
        tx.commit().await?;
        reach(close::committed);
        Ok(())
    }
}
