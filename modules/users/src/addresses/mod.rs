//! Address books.
mod postal;

use chrono::TimeDelta;
use kernel::{Clock, Context, Db, Fault, Refusal, Tx, Violation, Violations};

use crate::{
    Address, AddressId, Error, NewAddress, PostalAddress, UserId,
    store::{accounts, addresses},
};

/// How many addresses a book has room for.
const ROOM: i64 = 50;
/// How long taking an address out again is answered like the first time.
const MEMORY: TimeDelta = TimeDelta::days(1);

/// What address books are kept with.
pub(crate) struct Addresses {
    db: Db,
    clock: Clock,
}

impl Addresses {
    pub(crate) fn new(context: &Context) -> Self {
        Self { db: context.db.clone(), clock: context.clock.clone() }
    }

    pub(crate) async fn list(&self, owner: UserId) -> Result<Vec<Address>, Error> {
        Ok(addresses::list(&self.db, owner).await?)
    }

    /// The first one becomes the default, and the default stays it until another one takes its place.
    pub(crate) async fn add_address(&self, owner: UserId, new: NewAddress) -> Result<Address, Error> {
        let address = checked(new.address)?;
        let mut tx = self.lock(owner).await?;
        let count = addresses::count(&mut tx, owner).await?;
        if count >= ROOM {
            let full = Violation::new("too_many", format!("a book has room for {ROOM} addresses"));
            return Err(full.at("").into());
        }
        let entry = Address { id: AddressId::new(), address, is_default: new.is_default || count == 0 };
        self.put(tx, owner, entry, new.is_default).await
    }

    pub(crate) async fn set_address(&self, owner: UserId, id: AddressId, new: NewAddress) -> Result<Address, Error> {
        let address = checked(new.address)?;
        let mut tx = self.lock(owner).await?;
        let was_default = addresses::is_default(&mut tx, owner, id).await?.ok_or(Error::AddressNotFound)?;
        let entry = Address { id, address, is_default: new.is_default || was_default };
        self.put(tx, owner, entry, new.is_default).await
    }

    /// Writes an entry; where it is `the` default from now on, no other is.
    async fn put(&self, mut tx: Tx, owner: UserId, entry: Address, the: bool) -> Result<Address, Error> {
        if the {
            addresses::clear_default(&mut tx, owner).await?;
        }
        addresses::put(&mut tx, owner, &entry, self.clock.now()).await?;
        tx.commit().await?;
        Ok(entry)
    }

    /// Forgets some of what was taken out long ago; how much.
    pub(crate) async fn sweep(&self, tx: &mut Tx, most: i64) -> Result<u64, Fault> {
        addresses::sweep(tx, self.clock.now() - MEMORY, most).await
    }

    /// Takes an address out of the caller's book; if it was the default, the oldest becomes it.
    pub(crate) async fn remove_address(&self, owner: UserId, id: AddressId) -> Result<(), Error> {
        let mut tx = self.lock(owner).await?;
        let Some(was_default) = addresses::is_default(&mut tx, owner, id).await? else {
            let removed = addresses::was_removed(&mut tx, owner, id).await?;
            return if removed { Ok(()) } else { Err(Error::AddressNotFound) };
        };
        addresses::remove(&mut tx, owner, id, self.clock.now()).await?;
        if was_default {
            addresses::promote(&mut tx, owner).await?;
        }
        Ok(tx.commit().await?)
    }

    /// A transaction that alone writes in the book of `owner`.
    async fn lock(&self, owner: UserId) -> Result<Tx, Error> {
        let mut tx = self.db.begin().await?;
        accounts::lock(&mut tx, owner).await?.ok_or(Refusal::Unauthenticated)?;
        Ok(tx)
    }
}

fn checked(address: PostalAddress) -> Result<PostalAddress, Violations> {
    let mut checks = Violations::new();
    let address = address.checked(&mut checks, "");
    checks.finish(address)
}
