//! Address books in the database. Whoever writes in one holds the lock of its owner's account.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};

use crate::{Address, AddressId, UserId};

/// The addresses of `owner`, the default first.
pub(crate) async fn list(on: impl Executor<'_>, owner: UserId) -> Result<Vec<Address>, Fault> {
    on.query(
        "SELECT id, name, line1, line2, city, region, postal_code, country, phone, is_default
           FROM addresses
          WHERE user_id = $1
          ORDER BY is_default DESC, id",
    )
    .bind(owner)
    .fetch_all()
    .await
    .map_err(Fault::from)
}

/// How many addresses `owner` has.
pub(crate) async fn count(tx: &mut Tx, owner: UserId) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM addresses WHERE user_id = $1";
    Ok(tx.query(sql).bind(owner).fetch_one::<(i64,)>().await?.0)
}

/// Whether an address of `owner` is their default; none if it is not theirs.
pub(crate) async fn is_default(tx: &mut Tx, owner: UserId, id: AddressId) -> Result<Option<bool>, Fault> {
    let sql = "SELECT is_default FROM addresses WHERE id = $1 AND user_id = $2";
    Ok(tx.query(sql).bind(id).bind(owner).fetch_optional::<(bool,)>().await?.map(|(is,)| is))
}

/// Makes none of the addresses of `owner` the default, for another to become it.
pub(crate) async fn clear_default(tx: &mut Tx, owner: UserId) -> Result<(), Fault> {
    let sql = "UPDATE addresses SET is_default = FALSE WHERE user_id = $1 AND is_default";
    tx.query(sql).bind(owner).execute().await.map(drop).map_err(Fault::from)
}

/// Makes the oldest address of `owner` the default, if there is one.
pub(crate) async fn promote(tx: &mut Tx, owner: UserId) -> Result<(), Fault> {
    tx.query(
        "UPDATE addresses
            SET is_default = TRUE
          WHERE id = (SELECT id FROM addresses WHERE user_id = $1 ORDER BY id LIMIT 1)",
    )
    .bind(owner)
    .execute()
    .await
    .map(drop)
    .map_err(Fault::from)
}

/// Puts an address into the book of `owner`, or changes the one that has its id.
pub(crate) async fn put(tx: &mut Tx, owner: UserId, entry: &Address, now: DateTime<Utc>) -> Result<(), Fault> {
    let Address { id, address, is_default } = entry;
    tx.query(
        "INSERT INTO addresses (id, user_id, name, line1, line2, city, region, postal_code, country, phone,
                                is_default, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (id) DO UPDATE
            SET name = excluded.name, line1 = excluded.line1, line2 = excluded.line2, city = excluded.city,
                region = excluded.region, postal_code = excluded.postal_code, country = excluded.country,
                phone = excluded.phone, is_default = excluded.is_default",
    )
    .bind(*id)
    .bind(owner)
    .bind(&*address.name)
    .bind(&*address.line1)
    .bind(address.line2.clone())
    .bind(&*address.city)
    .bind(address.region.clone())
    .bind(&*address.postal_code)
    .bind(&*address.country)
    .bind(address.phone.clone())
    .bind(*is_default)
    .bind(now)
    .execute()
    .await
    .map(drop)
    .map_err(Fault::from)
}

/// Takes an address of `owner` out, and notes that it was there.
pub(crate) async fn remove(tx: &mut Tx, owner: UserId, id: AddressId, now: DateTime<Utc>) -> Result<(), Fault> {
    let sql = "DELETE FROM addresses WHERE id = $1 AND user_id = $2";
    tx.query(sql).bind(id).bind(owner).execute().await?;
    let sql = "INSERT INTO removed_addresses (id, user_id, removed_at) VALUES ($1, $2, $3)";
    tx.query(sql).bind(id).bind(owner).bind(now).execute().await.map(drop).map_err(Fault::from)
}

/// Whether an address of `owner` was taken out a while ago.
pub(crate) async fn was_removed(tx: &mut Tx, owner: UserId, id: AddressId) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM removed_addresses WHERE id = $1 AND user_id = $2";
    Ok(tx.query(sql).bind(id).bind(owner).fetch_optional::<(i32,)>().await?.is_some())
}

/// Deletes some of the notes made before `until`; how many.
pub(crate) async fn sweep(tx: &mut Tx, until: DateTime<Utc>, most: i64) -> Result<u64, Fault> {
    let swept = tx.query(
        "DELETE FROM removed_addresses
          WHERE id IN (SELECT id FROM removed_addresses WHERE removed_at <= $1 ORDER BY removed_at LIMIT $2)",
    );
    Ok(swept.bind(until).bind(most).execute().await?)
}
