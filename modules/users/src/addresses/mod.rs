//! Address books.
mod postal;

use chrono::TimeDelta;
use kernel::{Caller, Refusal, Tx, Violation, Violations};

use crate::{
    Address, AddressId, Error, NewAddress, UserId,
    service::Service,
    store::{accounts, addresses},
};

/// How many addresses a book has room for.
const ROOM: i64 = 50;
/// How long taking an address out again is answered like the first time.
pub(crate) const MEMORY: TimeDelta = TimeDelta::days(1);

impl Service {
    /// Puts an address into the caller's book, in the place of `id` if that is given.
    ///
    /// The first one becomes the default, and the default stays it until another one takes its place.
    pub(crate) async fn put_address(
        &self,
        caller: &Caller,
        id: Option<AddressId>,
        new: NewAddress,
    ) -> Result<Address, Error> {
        let (owner, _) = self.vouched(caller).await?;
        let mut checks = Violations::new();
        let address = new.address.checked(&mut checks, "");
        let address = checks.finish(address)?;
        let mut tx = self.open_book(owner).await?;
        let was_default = match id {
            Some(id) => addresses::is_default(&mut tx, owner, id).await?.ok_or(Error::AddressNotFound)?,
            None => match addresses::count(&mut tx, owner).await? {
                0 => true,
                ROOM.. => {
                    return Err(Violation::new("too_many", format!("a book has room for {ROOM} addresses"))
                        .at("")
                        .into());
                }
                _ => false,
            },
        };
        if new.is_default {
            addresses::clear_default(&mut tx, owner).await?;
        }
        let is_default = new.is_default || was_default;
        let entry = Address { id: id.unwrap_or_else(AddressId::new), address, is_default };
        addresses::put(&mut tx, owner, &entry, self.clock.now()).await?;
        tx.commit().await?;
        Ok(entry)
    }

    /// Takes an address out of the caller's book; if it was the default, the oldest becomes it.
    pub(crate) async fn drop_address(&self, caller: &Caller, id: AddressId) -> Result<(), Error> {
        let (owner, _) = self.vouched(caller).await?;
        let mut tx = self.open_book(owner).await?;
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
    async fn open_book(&self, owner: UserId) -> Result<Tx, Error> {
        let mut tx = self.db.begin().await?;
        accounts::lock(&mut tx, owner).await?.ok_or(Refusal::Unauthenticated)?;
        Ok(tx)
    }
}
