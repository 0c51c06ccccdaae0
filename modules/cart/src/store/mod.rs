//! The SQL of carts.
//!
//! Locks are taken in one order, so that no two transactions wait for each other: the guest, the
//! guest's cart, the account's cart.
pub(crate) mod guests;

use chrono::{DateTime, Utc};
use kernel::{Db, Executor, Fault, Owner, Tx};
use products::Sku;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    CartId,
    contents::{Contents, Line, Snapshot},
    forms::MOST,
};

/// An open cart whose row is locked until the transaction ends.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Locked {
    pub(crate) id: CartId,
    pub(crate) version: i64,
    pub(crate) updated_at: DateTime<Utc>,
}

/// An open cart that is locked and counted as changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed {
    pub(crate) id: CartId,
    /// Its version from now on.
    pub(crate) version: i64,
    /// Whether it has just been made, and so has no lines.
    pub(crate) is_new: bool,
}

/// A cart that has just been ended with an order.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Closed {
    user_id: Option<Uuid>,
    guest: Option<String>,
    /// The account's cart that its lines had gone to.
    pub(crate) merged_into: Option<CartId>,
}

impl Closed {
    /// Whose it was.
    pub(crate) fn owner(self) -> Option<Owner> {
        self.user_id.map(Owner::User).or(self.guest.map(Owner::Guest))
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: CartId,
    version: i64,
    updated_at: DateTime<Utc>,
    sku: Option<Sku>,
    quantity: Option<i64>,
    label: Option<Json<Snapshot>>,
    added_at: Option<DateTime<Utc>>,
}

/// The owner's open cart, in one statement: cart and lines are of one moment.
pub(crate) async fn contents(db: impl Executor<'_>, owner: &Owner) -> Result<Option<Contents>, Fault> {
    let rows: Vec<Row> = db
        .query(
            "SELECT carts.id, carts.version, carts.updated_at,
                    cart_items.sku, cart_items.quantity, cart_items.label, cart_items.added_at
               FROM carts
               LEFT JOIN cart_items ON cart_items.cart_id = carts.id
              WHERE carts.state = 'open' AND (carts.user_id = $1 OR carts.guest = $2)
              ORDER BY cart_items.added_at, cart_items.sku",
        )
        .bind(owner.user())
        .bind(owner.guest().map(ToOwned::to_owned))
        .fetch_all()
        .await?;
    let Some(&Row { id, version, updated_at, .. }) = rows.first() else { return Ok(None) };
    let lines = rows.into_iter().filter_map(|row| {
        let Json(snapshot) = row.label?;
        Some(Line { sku: row.sku?, quantity: row.quantity?, snapshot, added_at: row.added_at? })
    });
    Ok(Some(Contents { id, version, updated_at, lines: lines.collect() }))
}

/// Locks a cart, if it is open.
pub(crate) async fn lock(tx: &mut Tx, id: CartId) -> Result<Option<Locked>, Fault> {
    let locked = tx.query("SELECT id, version, updated_at FROM carts WHERE id = $1 AND state = 'open'");
    Ok(locked.bind(id).for_update().fetch_optional().await?)
}

/// Locks the owner's open cart.
pub(crate) async fn lock_open(tx: &mut Tx, owner: &Owner) -> Result<Option<Locked>, Fault> {
    let locked =
        tx.query("SELECT id, version, updated_at FROM carts WHERE state = 'open' AND (user_id = $1 OR guest = $2)");
    let locked = locked.bind(owner.user()).bind(owner.guest().map(ToOwned::to_owned));
    Ok(locked.for_update().fetch_optional().await?)
}

/// Locks the owner's open cart and counts a change of it; makes it where there is none.
pub(crate) async fn change(tx: &mut Tx, owner: &Owner, now: DateTime<Utc>) -> Result<Changed, Fault> {
    // One that is waited for may have been closed by then; then there is a newer one, or none.
    for _ in 0..8 {
        let open = tx.query(
            "UPDATE carts
                SET version = version + 1, updated_at = $3
              WHERE state = 'open' AND (user_id = $1 OR guest = $2)
              RETURNING id, version",
        );
        let open = open.bind(owner.user()).bind(owner.guest().map(ToOwned::to_owned)).bind(now);
        if let Some((id, version)) = open.fetch_optional().await? {
            return Ok(Changed { id, version, is_new: false });
        }
        if let Some(made) = create(tx, owner, now).await? {
            return Ok(made);
        }
    }
    Err(Fault::unavailable("a cart is closed again and again"))
}

/// Makes the owner's open cart; none where there is one.
pub(crate) async fn create(tx: &mut Tx, owner: &Owner, now: DateTime<Utc>) -> Result<Option<Changed>, Fault> {
    let made: Option<(CartId, i64)> = tx
        .query(
            "INSERT INTO carts (id, user_id, guest, state, version, updated_at)
             SELECT $1, $2, $3, 'open', COALESCE(MAX(version), 0) + 1, $4 FROM carts WHERE user_id = $2 OR guest = $3
             ON CONFLICT DO NOTHING
             RETURNING id, version",
        )
        .bind(CartId::new())
        .bind(owner.user())
        .bind(owner.guest().map(ToOwned::to_owned))
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(made.map(|(id, version)| Changed { id, version, is_new: true }))
}

/// Counts a change of a locked cart.
pub(crate) async fn touch(tx: &mut Tx, id: CartId, now: DateTime<Utc>) -> Result<(), Fault> {
    let sql = "UPDATE carts SET version = version + 1, updated_at = $2 WHERE id = $1";
    tx.query(sql).bind(id).bind(now).execute().await?;
    Ok(())
}

/// Ends a cart with an order; none where it has been, or is gone.
pub(crate) async fn close(
    tx: &mut Tx,
    id: CartId,
    order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Closed>, Fault> {
    let closed = tx.query(
        "UPDATE carts
            SET state = CASE state WHEN 'open' THEN 'ordered' ELSE state END, order_id = $2,
                version = version + 1, updated_at = $3
          WHERE id = $1 AND order_id IS NULL
          RETURNING user_id, guest, merged_into",
    );
    Ok(closed.bind(id).bind(order_id).bind(now).fetch_optional().await?)
}

/// The order that ended a cart.
pub(crate) async fn order(tx: &mut Tx, id: CartId) -> Result<Option<Uuid>, Fault> {
    let row: Option<(Option<Uuid>,)> =
        tx.query("SELECT order_id FROM carts WHERE id = $1").bind(id).fetch_optional().await?;
    Ok(row.and_then(|(order,)| order))
}

/// Ends a locked guest's cart whose lines went to an account's.
pub(crate) async fn set_merged(tx: &mut Tx, id: CartId, into: CartId, now: DateTime<Utc>) -> Result<(), Fault> {
    tx.query(
        "UPDATE carts SET state = 'merged', merged_into = $2, version = version + 1, updated_at = $3 WHERE id = $1",
    )
    .bind(id)
    .bind(into)
    .bind(now)
    .execute()
    .await?;
    Ok(())
}

/// Puts a line in, or so many more of it; false if there would be more than [`MOST`].
pub(crate) async fn add(tx: &mut Tx, id: CartId, line: &Line) -> Result<bool, Fault> {
    let changed = tx
        .query(
            "INSERT INTO cart_items (cart_id, sku, quantity, label, added_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (cart_id, sku) DO UPDATE
                SET quantity = cart_items.quantity + excluded.quantity, label = excluded.label
              WHERE cart_items.quantity + excluded.quantity <= $6",
        )
        .bind(id)
        .bind(line.sku.as_str())
        .bind(line.quantity)
        .bind(Json(&line.snapshot))
        .bind(line.added_at)
        .bind(MOST)
        .execute()
        .await?;
    Ok(changed == 1)
}

/// Sets how many of a variant are in; 0 takes it out.
pub(crate) async fn set_quantity(tx: &mut Tx, id: CartId, sku: &Sku, quantity: i64) -> Result<(), Fault> {
    let statement = if quantity == 0 {
        tx.query("DELETE FROM cart_items WHERE cart_id = $1 AND sku = $2").bind(id).bind(sku.as_str())
    } else {
        let sql = "UPDATE cart_items SET quantity = $3 WHERE cart_id = $1 AND sku = $2";
        tx.query(sql).bind(id).bind(sku.as_str()).bind(quantity)
    };
    statement.execute().await?;
    Ok(())
}

/// Takes everything out; how many lines there were.
pub(crate) async fn clear(tx: &mut Tx, id: CartId) -> Result<u64, Fault> {
    Ok(tx.query("DELETE FROM cart_items WHERE cart_id = $1").bind(id).execute().await?)
}

/// Takes everything out of a locked cart: what was in it.
pub(crate) async fn take(tx: &mut Tx, id: CartId) -> Result<Vec<Line>, Fault> {
    let taken = tx.query("DELETE FROM cart_items WHERE cart_id = $1 RETURNING sku, quantity, label, added_at");
    Ok(taken.bind(id).fetch_all().await?.into_iter().map(line).collect())
}

/// A locked cart's lines, in the order in which they were put in.
pub(crate) async fn lines(tx: &mut Tx, id: CartId) -> Result<Vec<Line>, Fault> {
    let lines =
        tx.query("SELECT sku, quantity, label, added_at FROM cart_items WHERE cart_id = $1 ORDER BY added_at, sku");
    Ok(lines.bind(id).fetch_all().await?.into_iter().map(line).collect())
}

fn line((sku, quantity, Json(snapshot), added_at): (Sku, i64, Json<Snapshot>, DateTime<Utc>)) -> Line {
    Line { sku, quantity, snapshot, added_at }
}

/// Adds the lines of one locked cart to another's; of a variant that is in both, up to [`MOST`].
pub(crate) async fn merge(tx: &mut Tx, from: CartId, to: CartId) -> Result<(), Fault> {
    tx.query(
        "INSERT INTO cart_items (cart_id, sku, quantity, label, added_at)
         SELECT $2, sku, quantity, label, added_at FROM cart_items WHERE cart_id = $1
         ON CONFLICT (cart_id, sku) DO UPDATE
            SET quantity = CASE WHEN cart_items.quantity + excluded.quantity > $3 THEN $3
                                ELSE cart_items.quantity + excluded.quantity END",
    )
    .bind(from)
    .bind(to)
    .bind(MOST)
    .execute()
    .await?;
    clear(tx, from).await?;
    Ok(())
}

/// Takes out the latest lines beyond `most`; how many there were.
pub(crate) async fn trim(tx: &mut Tx, id: CartId, most: i64) -> Result<u64, Fault> {
    Ok(tx
        .query(
            "DELETE FROM cart_items
          WHERE cart_id = $1
            AND sku IN (SELECT sku
                          FROM (SELECT sku, ROW_NUMBER() OVER (ORDER BY added_at, sku) AS place
                                  FROM cart_items
                                 WHERE cart_id = $1) AS placed
                         WHERE place > $2)",
        )
        .bind(id)
        .bind(most)
        .execute()
        .await?)
}

/// Forgets up to 500 carts of accounts that ended before `before`; how many there were.
///
/// The latest of each account stays: the next one's version goes on from there. So does one to which a guest's lines
/// went, as long as the guest is known.
pub(crate) async fn sweep(db: &Db, before: DateTime<Utc>) -> Result<u64, Fault> {
    // Looked for without the writer of SQLite: those that stay are looked at each time.
    let ended: Vec<(CartId,)> = db
        .query(
            "SELECT id
               FROM carts
              WHERE user_id IS NOT NULL AND state <> 'open' AND updated_at < $1
                AND EXISTS (SELECT 1 FROM carts AS later
                             WHERE later.user_id = carts.user_id AND later.version > carts.version)
                AND NOT EXISTS (SELECT 1 FROM carts AS merged WHERE merged.merged_into = carts.id)
              ORDER BY updated_at
              LIMIT 500",
        )
        .bind(before)
        .fetch_all()
        .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let ended = ended.into_iter().map(|(id,)| id);
    Ok(db.query("DELETE FROM carts WHERE id IN ($*)").bind_list(ended).execute().await?)
}
