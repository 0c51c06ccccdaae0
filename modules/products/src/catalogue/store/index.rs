//! The SQL of the index of words.
use kernel::{Executor, Fault, Tx};

use crate::ProductId;

/// What has changed since it was indexed, the first first; where, and which product.
pub(crate) async fn unindexed(tx: &mut Tx, limit: i64) -> Result<Vec<(i64, ProductId)>, Fault> {
    let oldest = tx.query("SELECT id, product_id FROM products_unindexed ORDER BY id LIMIT $1").bind(limit);
    Ok(oldest.for_update_skip_locked().fetch_all().await?)
}

/// So many of the products that are not indexed, each as often as it was written.
pub(crate) async fn waiting(on: impl Executor<'_>, limit: i64) -> Result<Vec<ProductId>, Fault> {
    let rows: Vec<(ProductId,)> =
        on.query("SELECT product_id FROM products_unindexed LIMIT $1").bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What products are found by.
pub(crate) async fn words(tx: &mut Tx, ids: Vec<ProductId>) -> Result<Vec<(ProductId, String, String)>, Fault> {
    Ok(tx.query("SELECT id, words, prose FROM products WHERE id IN ($*)").bind_list(ids).fetch_all().await?)
}

/// Those of `terms`, each with its first part, that there are; and whether they are common.
pub(crate) async fn known(tx: &mut Tx, firsts: Vec<Vec<u8>>) -> Result<Vec<(String, bool)>, Fault> {
    Ok(tx.query("SELECT term, common FROM term_parts WHERE part IN ($*)").bind_list(firsts).fetch_all().await?)
}

pub(crate) async fn add_parts(tx: &mut Tx, parts: Vec<(Vec<u8>, String)>) -> Result<(), Fault> {
    let insert = tx.query("INSERT INTO term_parts (part, term) VALUES $* ON CONFLICT (part, term) DO NOTHING");
    insert.bind_pairs(parts).execute().await?;
    Ok(())
}

pub(crate) async fn add_terms(tx: &mut Tx, terms: Vec<(String, ProductId)>) -> Result<(), Fault> {
    let insert =
        tx.query("INSERT INTO product_terms (term, product_id) VALUES $* ON CONFLICT (term, product_id) DO NOTHING");
    insert.bind_pairs(terms).execute().await?;
    Ok(())
}

/// Those of `terms` that more than so many products have.
pub(crate) async fn frequent(tx: &mut Tx, count: i64, terms: Vec<String>) -> Result<Vec<String>, Fault> {
    let rows: Vec<(String,)> = tx
        .query("SELECT term FROM product_terms WHERE term IN ($*) GROUP BY term HAVING COUNT(*) > $1")
        .bind(count)
        .bind_list(terms)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(term,)| term).collect())
}

pub(crate) async fn set_common(tx: &mut Tx, term: &str, parts: Vec<Vec<u8>>) -> Result<(), Fault> {
    tx.query("UPDATE term_parts SET common = TRUE WHERE term = $1 AND part IN ($*)")
        .bind(term.to_owned())
        .bind_list(parts)
        .execute()
        .await?;
    Ok(())
}

pub(crate) async fn set_indexed(tx: &mut Tx, places: Vec<i64>) -> Result<(), Fault> {
    tx.query("DELETE FROM products_unindexed WHERE id IN ($*)").bind_list(places).execute().await?;
    Ok(())
}

/// The terms in [places](crate::catalogue::search::places) of the index, and whether they are common; some at the most.
pub(crate) async fn terms_in(
    on: impl Executor<'_>,
    places: [Vec<u8>; 7],
    limit: i64,
) -> Result<Vec<(String, bool)>, Fault> {
    let mut query = on.query(
        "SELECT term, common FROM (
            SELECT term, common FROM term_parts WHERE part >= $1 AND part < $2 ORDER BY part LIMIT $8) AS own
         UNION ALL
         SELECT term, common FROM (
            SELECT term, common FROM term_parts WHERE part >= $3 AND part < $4 ORDER BY part LIMIT $8) AS told
         UNION ALL
         SELECT term, common FROM term_parts WHERE part IN ($5, $6, $7)",
    );
    for place in places {
        query = query.bind(place);
    }
    Ok(query.bind(limit).fetch_all().await?)
}
