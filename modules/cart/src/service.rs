//! What can be done with carts. Every change is one transaction that holds the cart's row.
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{Caller, Clock, Condition, Context, Currency, Db, Failure, Fault, Owner, StartError, Tx};
use products::{Offer, Products, Sku};
use uuid::Uuid;

use crate::failpoints::{close, reach};
use crate::{
    Added, Cart, CartId, Carts, Error, NewItem, OrderedItem,
    contents::{self, Contents, Line, Snapshot},
    forms::LINES,
    settings::Settings,
    store::{self, Changed, Locked, guests},
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

    /// Forgets some of the guests who have not touched their cart for long, and of the carts that accounts had before
    /// their present one; true if there may be more.
    pub(crate) async fn sweep(&self) -> bool {
        let before = self.clock.now() - self.settings.idle();
        let guests = guests::sweep(&self.db, before).await.unwrap_or(0);
        let ended = store::sweep(&self.db, before).await.unwrap_or(0);
        if guests + ended > 0 {
            tracing::info!(guests, ended, "forgot guests with their carts, and ended carts");
        }
        guests + ended > 0
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

    /// The owner to put something in for, where they are known.
    async fn known(&self, tx: &mut Tx, owner: Option<Owner>, now: DateTime<Utc>) -> Result<Option<Owner>, Fault> {
        match owner {
            Some(Owner::Guest(hash)) if !guests::touch(tx, &hash, now).await? => Ok(None),
            known => Ok(known),
        }
    }

    /// Locks the cart that there is.
    async fn lock(&self, tx: &mut Tx, owner: Option<Owner>, now: DateTime<Utc>) -> Result<Option<Locked>, Fault> {
        match self.known(tx, owner, now).await? {
            Some(owner) => store::lock_open(tx, &owner).await,
            None => Ok(None),
        }
    }

    /// Closes a cart; nothing is done where a guest is to be locked first, who is the answer.
    ///
    /// That is where something is left and goes on in a new cart, which a sign-in at the same time must find.
    async fn end(
        &self,
        (id, order_id): (CartId, Uuid),
        ordered: &[OrderedItem],
        first: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if let Some(guest) = first {
            guests::touch(&mut tx, guest, now).await?;
        }
        let Some(closed) = store::close(&mut tx, id, order_id, now).await? else {
            return match store::order(&mut tx, id).await? {
                Some(other) if other != order_id => {
                    Err(Fault::internal(format!("cart {id} was ordered by {other} and {order_id}")).into())
                }
                Some(_) => Ok(None),
                None => {
                    tracing::warn!(cart.id = %id, order.id = %order_id, "the cart of an order is gone");
                    Ok(None)
                }
            };
        };
        if let Some(into) = closed.merged_into {
            self.take_out(&mut tx, into, ordered).await?;
        } else {
            let lines = store::take(&mut tx, id).await?.into_iter();
            let left = lines.map(|line| Line { quantity: contents::left(&line, ordered), ..line });
            let left: Vec<_> = left.filter(|line| line.quantity > 0).collect();
            if let (false, Some(owner)) = (left.is_empty(), closed.owner()) {
                if let (Owner::Guest(guest), None) = (&owner, first) {
                    return Ok(Some(guest.clone()));
                }
                let next = store::change(&mut tx, &owner, now).await?.id;
                for line in left {
                    store::add(&mut tx, next, &line).await?;
                }
            }
        }
        reach(close::uncommitted);
        tx.commit().await?;
        reach(close::committed);
        Ok(None)
    }

    /// Takes what was ordered out of the cart that its lines have gone to, if that is still open.
    async fn take_out(&self, tx: &mut Tx, cart: CartId, ordered: &[OrderedItem]) -> Result<(), Fault> {
        if store::lock(tx, cart).await?.is_none() {
            return Ok(());
        }
        for line in store::lines(tx, cart).await? {
            let left = contents::left(&line, ordered);
            if left != line.quantity {
                store::set_quantity(tx, cart, &line.sku, left).await?;
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
        // Whoever brings no token of ours becomes a guest with a new one, who has no cart yet.
        let (owner, token, made) = if let Some(owner) = self.known(&mut tx, owner, now).await? {
            (owner, None, None)
        } else {
            let token = Token::new();
            guests::create(&mut tx, &token.hash(), now).await?;
            let owner = Owner::Guest(token.hash());
            let made = store::create(&mut tx, &owner, now).await?;
            (owner, Some(token.reveal()), made)
        };
        let Changed { id, version, is_new } = match made {
            Some(made) => made,
            None => store::change(&mut tx, &owner, now).await?,
        };
        contents::fresh(if is_new { contents::EMPTY } else { version - 1 }, &if_match)?;
        let line = Line { sku, quantity, snapshot: Snapshot::from(offer), added_at: now };
        if !store::add(&mut tx, id, &line).await? {
            return Err(contents::too_many());
        }
        let lines = if is_new { vec![line] } else { store::lines(&mut tx, id).await? };
        if i64::try_from(lines.len()).is_ok_and(|lines| lines > LINES) {
            return Err(Error::CartFull { limit: LINES });
        }
        tx.commit().await?;
        let contents = Contents { id, version, updated_at: now, lines };
        Ok(Added { cart: self.priced(Some(contents), offers).await?, token })
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
        let cart = self.lock(&mut tx, owner, now).await?;
        let mut lines = match &cart {
            Some(cart) => store::lines(&mut tx, cart.id).await?,
            None => Vec::new(),
        };
        let line = lines.iter_mut().find(|line| line.sku == sku);
        let version = cart.as_ref().map_or(contents::EMPTY, |cart| cart.version);
        let changes = contents::changes(&sku, line.as_ref().map(|line| line.quantity), wished, version, &if_match)?;
        let Some(Locked { id, mut version, mut updated_at }) = cart else { return Ok(contents::empty(self.currency)) };
        if let (true, Some(line)) = (changes, line) {
            store::set_quantity(&mut tx, id, &sku, wished).await?;
            store::touch(&mut tx, id, now).await?;
            line.quantity = wished;
            (version, updated_at) = (version + 1, now);
        }
        tx.commit().await?;
        lines.retain(|line| line.quantity > 0);
        self.priced(Some(Contents { id, version, updated_at, lines }), Vec::new()).await
    }

    async fn clear(&self, caller: Caller, if_match: Condition) -> Result<(), Error> {
        let owner = contents::owner(&caller)?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let cart = self.lock(&mut tx, owner, now).await?;
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
            let into = store::change(&mut tx, &Owner::User(user), now).await?;
            store::merge(&mut tx, from.id, into.id).await?;
            let dropped = if into.is_new { 0 } else { store::trim(&mut tx, into.id, LINES).await? };
            if dropped > 0 {
                tracing::warn!(customer.id = %user, dropped, "two carts had more lines than one can hold");
            }
            store::set_merged(&mut tx, from.id, into.id, now).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn close(&self, id: CartId, order_id: Uuid, ordered: Vec<OrderedItem>) -> Result<(), Error> {
        if let Some(guest) = self.end((id, order_id), &ordered, None).await? {
            self.end((id, order_id), &ordered, Some(&guest)).await?;
        }
        Ok(())
    }
}
