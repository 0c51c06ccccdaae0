//! The SQL of carts.
//!
//! Locks are taken in one order, so that no two transactions wait for each other: the guest, the
//! guest's cart, the account's cart.
pub(crate) mod guests;

use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Owner, Tx};
use products::Sku;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    CartId,
    contents::{Contents, Line, Snapshot},
    forms::MOST,
};

/// A cart whose row is locked until the transaction ends.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Locked {
    pub(crate) id: CartId,
    pub(crate) version: i64,
    pub(crate) state: State,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) merged_into: Option<CartId>,
}

/// How far a cart is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Ordered,
    Merged,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: CartId,
    version: i64,
    updated_at: DateTime<Utc>,
    sku: Option<Sku>,
    quantity: Option<i64>,
    label: Option<Json<Snapshot>>,
}

/// The owner's open cart, in one statement: cart and lines are of one moment.
pub(crate) async fn contents(db: impl Executor<'_>, owner: &Owner) -> Result<Option<Contents>, Fault> {
    let rows: Vec<Row> = db
        .query(
            "SELECT carts.id, carts.version, carts.updated_at, cart_items.sku, cart_items.quantity, cart_items.label
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
        Some(Line { sku: row.sku?, quantity: row.quantity?, snapshot })
    });
    Ok(Some(Contents { id, version, updated_at, lines: lines.collect() }))
}

/// Whose a cart is.
pub(crate) async fn owner(tx: &mut Tx, id: CartId) -> Result<Option<Owner>, Fault> {
    let row: Option<(Option<Uuid>, Option<String>)> =
        tx.query("SELECT user_id, guest FROM carts WHERE id = $1").bind(id).fetch_optional().await?;
    Ok(row.and_then(|(user, guest)| user.map(Owner::User).or(guest.map(Owner::Guest))))
}

/// Locks a cart.
pub(crate) async fn lock(tx: &mut Tx, id: CartId) -> Result<Option<Locked>, Fault> {
    Ok(tx
        .query("SELECT id, version, state, order_id, merged_into FROM carts WHERE id = $1")
        .bind(id)
        .for_update()
        .fetch_optional()
        .await?)
}

/// Locks the owner's open cart.
pub(crate) async fn lock_open(tx: &mut Tx, owner: &Owner) -> Result<Option<Locked>, Fault> {
    Ok(tx
        .query(
            "SELECT id, version, state, order_id, merged_into
           FROM carts
          WHERE state = 'open' AND (user_id = $1 OR guest = $2)",
        )
        .bind(owner.user())
        .bind(owner.guest().map(ToOwned::to_owned))
        .for_update()
        .fetch_optional()
        .await?)
}

/// Locks the owner's open cart, and makes it where there is none.
pub(crate) async fn open(tx: &mut Tx, owner: &Owner, now: DateTime<Utc>) -> Result<Locked, Fault> {
    // One that was found may have been closed before the lock was had; then there is a newer one, or none.
    for _ in 0..8 {
        if let Some(cart) = lock_open(tx, owner).await? {
            return Ok(cart);
        }
        tx.query(
            "INSERT INTO carts (id, user_id, guest, state, version, updated_at)
             SELECT $1, $2, $3, 'open', COALESCE(MAX(version), 0), $4 FROM carts WHERE user_id = $2 OR guest = $3
             ON CONFLICT DO NOTHING",
        )
        .bind(CartId::new())
        .bind(owner.user())
        .bind(owner.guest().map(ToOwned::to_owned))
        .bind(now)
        .execute()
        .await?;
    }
    Err(Fault::unavailable("a cart is closed again and again"))
}

/// Counts a change of a locked cart.
pub(crate) async fn touch(tx: &mut Tx, id: CartId, now: DateTime<Utc>) -> Result<(), Fault> {
    let sql = "UPDATE carts SET version = version + 1, updated_at = $2 WHERE id = $1";
    tx.query(sql).bind(id).bind(now).execute().await?;
    Ok(())
}

/// Ends a locked cart with an order.
pub(crate) async fn close(tx: &mut Tx, id: CartId, order_id: Uuid, now: DateTime<Utc>) -> Result<(), Fault> {
    tx.query(
        "UPDATE carts
            SET state = CASE state WHEN 'open' THEN 'ordered' ELSE state END, order_id = $2,
                version = version + 1, updated_at = $3
          WHERE id = $1",
    )
    .bind(id)
    .bind(order_id)
    .bind(now)
    .execute()
    .await?;
    Ok(())
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

/// How many of a variant are in a locked cart.
pub(crate) async fn quantity(tx: &mut Tx, id: CartId, sku: &Sku) -> Result<Option<i64>, Fault> {
    let sql = "SELECT quantity FROM cart_items WHERE cart_id = $1 AND sku = $2";
    Ok(tx.query(sql).bind(id).bind(sku.as_str()).fetch_optional().await?.map(|(quantity,): (i64,)| quantity))
}

/// How many lines a locked cart has.
pub(crate) async fn count(tx: &mut Tx, id: CartId) -> Result<i64, Fault> {
    let (count,): (i64,) = tx.query("SELECT COUNT(*) FROM cart_items WHERE cart_id = $1").bind(id).fetch_one().await?;
    Ok(count)
}

/// Puts so many in, or so many more; false if there would be more than [`MOST`].
pub(crate) async fn add(
    tx: &mut Tx,
    id: CartId,
    sku: &Sku,
    quantity: i64,
    snapshot: &Snapshot,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let changed = tx
        .query(
            "INSERT INTO cart_items (cart_id, sku, quantity, label, added_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (cart_id, sku) DO UPDATE
                SET quantity = cart_items.quantity + excluded.quantity, label = excluded.label
              WHERE cart_items.quantity + excluded.quantity <= $6",
        )
        .bind(id)
        .bind(sku.as_str())
        .bind(quantity)
        .bind(Json(snapshot))
        .bind(now)
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

/// A locked cart's lines, in the order in which they were put in.
pub(crate) async fn lines(tx: &mut Tx, id: CartId) -> Result<Vec<Line>, Fault> {
    let rows: Vec<(Sku, i64, Json<Snapshot>)> = tx
        .query("SELECT sku, quantity, label FROM cart_items WHERE cart_id = $1 ORDER BY added_at, sku")
        .bind(id)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(sku, quantity, Json(snapshot))| Line { sku, quantity, snapshot }).collect())
}

/// Moves a line to another locked cart, which has no such line.
pub(crate) async fn move_line(tx: &mut Tx, from: CartId, to: CartId, sku: &Sku, left: i64) -> Result<(), Fault> {
    tx.query("UPDATE cart_items SET cart_id = $2, quantity = $4 WHERE cart_id = $1 AND sku = $3")
        .bind(from)
        .bind(to)
        .bind(sku.as_str())
        .bind(left)
        .execute()
        .await?;
    Ok(())
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
