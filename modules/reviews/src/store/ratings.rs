//! The SQL of what a product's reviews add up to.
use kernel::{Executor, Fault, Tx};
use products::ProductId;

use super::Worth;

/// What a product's visible reviews add up to, as of one version.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Total {
    pub(crate) product_id: ProductId,
    pub(crate) reviews: i64,
    pub(crate) points: i64,
    pub(crate) version: i64,
}

/// Adds a difference. Where there is none nobody is told anything.
pub(crate) async fn count(tx: &mut Tx, product: ProductId, more: Worth) -> Result<(), Fault> {
    if more == Worth::default() {
        return Ok(());
    }
    tx.query(
        "INSERT INTO ratings (product_id, reviews, points, version, told)
         VALUES ($1, 0, 0, 0, 0)
         ON CONFLICT (product_id) DO NOTHING",
    )
    .bind(product)
    .execute()
    .await?;
    tx.query(
        "UPDATE ratings SET reviews = reviews + $2, points = points + $3, version = version + 1 WHERE product_id = $1",
    )
    .bind(product)
    .bind(more.reviews)
    .bind(more.points)
    .execute()
    .await?;
    Ok(())
}

/// So many that have changed since the catalogue was told.
pub(crate) async fn untold(on: impl Executor<'_>, limit: i64) -> Result<Vec<Total>, Fault> {
    let sql =
        "SELECT product_id, reviews, points, version FROM ratings WHERE told < version ORDER BY product_id LIMIT $1";
    Ok(on.query(sql).bind(limit).fetch_all().await?)
}

/// Notes that the catalogue knows.
pub(crate) async fn set_told(on: impl Executor<'_>, total: &Total) -> Result<(), Fault> {
    on.query("UPDATE ratings SET told = $2 WHERE product_id = $1 AND told < $2")
        .bind(total.product_id)
        .bind(total.version)
        .execute()
        .await?;
    Ok(())
}
