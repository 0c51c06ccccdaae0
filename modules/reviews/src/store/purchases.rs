//! The SQL of what customers bought.
use kernel::{Executor, Fault, Tx};
use orders::Order;
use products::Sku;
use uuid::Uuid;

/// Notes what an order's customer bought, or that it was cancelled, which nothing takes back. A guest is nobody.
pub(crate) async fn add(tx: &mut Tx, order: &Order, cancelled: bool) -> Result<(), Fault> {
    let Some(customer) = order.customer_id else { return Ok(()) };
    for line in &order.lines {
        tx.query(
            "INSERT INTO purchases (customer_id, sku, order_id, cancelled)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (customer_id, sku, order_id) DO UPDATE SET cancelled = purchases.cancelled OR excluded.cancelled",
        )
        .bind(customer)
        .bind(line.sku.clone())
        .bind(order.id.0)
        .bind(cancelled)
        .execute()
        .await?;
    }
    Ok(())
}

/// Whether a customer bought any of these.
pub(crate) async fn any(tx: &mut Tx, customer: Uuid, skus: impl IntoIterator<Item = Sku>) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM purchases WHERE customer_id = $1 AND NOT cancelled AND sku IN ($*))";
    let (any,): (bool,) = tx.query(sql).bind(customer).bind_list(skus).fetch_one().await?;
    Ok(any)
}
