//! The rows of orders and of their events.
use cart::CartId;
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Aggregate, event::Event};
use crate::{OrderId, OrderStatus};

type Row = (Json<Aggregate>,);

/// The order `id`.
pub(crate) async fn find(db: impl Executor<'_>, id: OrderId) -> Result<Option<Aggregate>, Fault> {
    let row: Option<Row> = db.query("SELECT state FROM orders WHERE id = $1").bind(id).fetch_optional().await?;
    Ok(row.map(|(Json(state),)| state))
}

/// The order `id`, and whether it waits for a person; none where its saga has ended.
pub(crate) async fn find_with_saga(
    db: impl Executor<'_>,
    id: OrderId,
) -> Result<Option<(Aggregate, Option<bool>)>, Fault> {
    let query = db.query("SELECT state, needs_operator FROM orders LEFT JOIN sagas ON order_id = id WHERE id = $1");
    let row: Option<(Json<Aggregate>, Option<bool>)> = query.bind(id).fetch_optional().await?;
    Ok(row.map(|(Json(state), needs_operator)| (state, needs_operator)))
}

/// The order that `owner` placed with `key`.
pub(crate) async fn find_by_key(db: impl Executor<'_>, owner: &str, key: &str) -> Result<Option<Aggregate>, Fault> {
    let query = db.query("SELECT state FROM orders WHERE owner = $1 AND key = $2");
    let row: Option<Row> = query.bind(owner.to_owned()).bind(key.to_owned()).fetch_optional().await?;
    Ok(row.map(|(Json(state),)| state))
}

/// The order that a cart has become, or is becoming.
pub(crate) async fn find_by_cart(db: impl Executor<'_>, cart: CartId) -> Result<Option<OrderId>, Fault> {
    let query = db.query("SELECT id FROM orders WHERE cart_id = $1 AND status <> 'cancelled'");
    let row: Option<(OrderId,)> = query.bind(cart).fetch_optional().await?;
    Ok(row.map(|(id,)| id))
}

/// The latest orders before `before`: everybody's, or those of `owner`.
pub(crate) async fn list(
    db: impl Executor<'_>,
    owner: Option<String>,
    status: Option<OrderStatus>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Aggregate>, Fault> {
    let query = match owner {
        Some(owner) => db
            .query(
                "SELECT state
                   FROM orders
                  WHERE id < $1 AND ($2 IS NULL OR status = $2) AND owner = $4
                  ORDER BY id DESC
                  LIMIT $3",
            )
            .bind(before)
            .bind(status)
            .bind(limit)
            .bind(owner),
        None => db
            .query(
                "SELECT state
                   FROM orders
                  WHERE id < $1 AND ($2 IS NULL OR status = $2)
                  ORDER BY id DESC
                  LIMIT $3",
            )
            .bind(before)
            .bind(status)
            .bind(limit),
    };
    let rows: Vec<Row> = query.fetch_all().await?;
    Ok(rows.into_iter().map(|(Json(state),)| state).collect())
}

/// Adds the row of a new order; false where its key, its cart or its number is taken.
pub(crate) async fn insert(tx: &mut Tx, order: &Aggregate) -> Result<bool, Fault> {
    let created = &order.created;
    let added = tx
        .query(
            "INSERT INTO orders (id, number, owner, key, fingerprint, cart_id, status, version, state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT DO NOTHING",
        )
        .bind(created.id)
        .bind(created.number.clone())
        .bind(created.payer.owner().map(|owner| owner.to_string()))
        .bind(created.key.clone())
        .bind(created.fingerprint.clone())
        .bind(created.cart_id)
        .bind(order.status)
        .bind(order.version)
        .bind(Json(order.clone()))
        .execute()
        .await?;
    Ok(added == 1)
}

/// Gives the key of an order that came to nothing back to its sender.
pub(crate) async fn free_key(tx: &mut Tx, id: OrderId, key: &str) -> Result<(), Fault> {
    tx.query("UPDATE orders SET key = $3 WHERE id = $1 AND key = $2 AND status = 'cancelled'")
        .bind(id)
        .bind(key.to_owned())
        // With a blank, which no key of a request has.
        .bind(format!("{key} {id}"))
        .execute()
        .await?;
    Ok(())
}

/// Moves an order's row on to `order`; false where somebody else has moved it on before, or has its saga by now.
pub(crate) async fn update(tx: &mut Tx, order: &Aggregate, fence: Option<Uuid>) -> Result<bool, Fault> {
    let moved = tx
        .query(
            "UPDATE orders
                SET status = $3, version = $2, state = $4
              WHERE id = $1 AND version = $2 - 1
                AND ($5 IS NULL OR EXISTS (SELECT 1 FROM sagas WHERE order_id = $1 AND fence = $5))",
        )
        .bind(order.created.id)
        .bind(order.version)
        .bind(order.status)
        .bind(Json(order.clone()))
        .bind(fence)
        .execute()
        .await?;
    Ok(moved == 1)
}

/// Adds an event to an order's history.
pub(crate) async fn append(
    tx: &mut Tx,
    id: OrderId,
    version: i64,
    event: &Event,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let mut told = serde_json::to_value(event).map_err(Fault::internal)?;
    tx.query("INSERT INTO order_events (order_id, version, kind, key, body, at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(version)
        .bind(event.kind())
        .bind(event.key().map(ToOwned::to_owned))
        .bind(Json(told["body"].take()))
        .bind(at)
        .execute()
        .await?;
    Ok(())
}

/// An order's history, from its first event.
pub(crate) async fn history(db: impl Executor<'_>, id: OrderId) -> Result<Vec<(i64, Event, DateTime<Utc>)>, Fault> {
    let rows: Vec<(i64, String, Json<Value>, DateTime<Utc>)> = db
        .query("SELECT version, kind, body, at FROM order_events WHERE order_id = $1 ORDER BY version")
        .bind(id)
        .fetch_all()
        .await?;
    let read = |(version, kind, Json(body), at): (i64, String, Json<Value>, DateTime<Utc>)| {
        let event = serde_json::from_value(json!({ "kind": kind, "body": body })).map_err(Fault::internal)?;
        Ok((version, event, at))
    };
    rows.into_iter().map(read).collect()
}
