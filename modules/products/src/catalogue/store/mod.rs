//! The SQL of products.
mod categories;
pub(crate) mod index;
mod listing;
pub(crate) mod variants;

pub(crate) use categories::*;
pub(crate) use listing::list;
#[cfg(test)]
pub(crate) use listing::{NAME, NEWEST, PRICE, PRICE_DOWN};

use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Statement, Tx};
use sqlx::types::Json;

use super::{
    product::{Details, Draft, lowest_price},
    search::Found,
};
use crate::{Image, Product, ProductId, ProductStatus, Rating, Variant, forms::slug};

/// A row of `products`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) id: ProductId,
    slug: String,
    name: String,
    description: String,
    vendor: Option<String>,
    category: Option<String>,
    tags: Json<Vec<String>>,
    images: Json<Vec<Image>>,
    status: ProductStatus,
    pub(crate) sort_name: Vec<u8>,
    pub(crate) price: i64,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    rating_average: Option<i64>,
    rating_count: i64,
}

impl Row {
    pub(crate) fn details(&self) -> Details {
        Details {
            slug: self.slug.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            vendor: self.vendor.clone(),
            category: self.category.clone(),
            tags: self.tags.0.clone(),
            images: self.images.0.clone(),
            status: self.status,
        }
    }

    pub(crate) fn product(self, variants: Vec<Variant>) -> Product {
        Product {
            id: self.id,
            slug: self.slug,
            name: self.name,
            description: self.description,
            vendor: self.vendor,
            category: self.category,
            tags: self.tags.0,
            images: self.images.0,
            variants,
            status: self.status,
            rating: self.rating_average.map(|average| Rating { average, count: self.rating_count }),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// What names a product: its identifier or its slug.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    Id(ProductId),
    Slug(String),
}

impl Key {
    /// None where no product can have such a name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self::Id).ok().or_else(|| slug::parse(text).map(Self::Slug).ok())
    }
}

pub(crate) async fn find(on: impl Executor<'_>, key: &Key) -> Result<Option<Row>, Fault> {
    Ok(one(on, key).fetch_optional().await?)
}

/// The same, and nobody else changes it until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, key: &Key) -> Result<Option<Row>, Fault> {
    Ok(one(tx, key).for_update().fetch_optional().await?)
}

fn one<'c>(on: impl Executor<'c>, key: &Key) -> Statement<'c> {
    macro_rules! select {
        ($key:literal) => {
            concat!(
                "SELECT id, slug, name, description, vendor, category, tags, images, status, sort_name, price, version,
                        created_at, updated_at, rating_average, rating_count
                   FROM products
                  WHERE ",
                $key,
                " = $1"
            )
        };
    }
    match key {
        Key::Id(id) => on.query(select!("id")).bind(*id),
        Key::Slug(slug) => on.query(select!("slug")).bind(slug.clone()),
    }
}

/// So many products of every status, from the first after `id` on.
pub(crate) async fn every(on: impl Executor<'_>, id: ProductId, count: i64) -> Result<Vec<Row>, Fault> {
    Ok(on
        .query(
            "SELECT id, slug, name, description, vendor, category, tags, images, status, sort_name, price, version,
                created_at, updated_at, rating_average, rating_count
           FROM products
          WHERE id > $1
          ORDER BY id
          LIMIT $2",
        )
        .bind(id)
        .bind(count)
        .fetch_all()
        .await?)
}

/// Whether there is any product at all.
pub(crate) async fn any(on: impl Executor<'_>) -> Result<bool, Fault> {
    Ok(on.query("SELECT EXISTS (SELECT 1 FROM products)").fetch_one::<(bool,)>().await?.0)
}

/// Adds a product; false where its slug is taken.
pub(crate) async fn create(
    tx: &mut Tx,
    id: ProductId,
    details: &Details,
    variants: &[Draft],
    at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let insert = tx.query(
        "INSERT INTO products (id, slug, name, description, vendor, category, tags, images, status,
                               search, sort_name, price, version, created_at, updated_at,
                               words, prose, words_version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $13, $14, $15, 1)
         ON CONFLICT (slug) DO NOTHING",
    );
    Ok(of(insert, id, details, variants, at).execute().await? == 1)
}

/// Changes a product, whose lock the transaction holds; false where its new slug is taken, and the transaction of no more
/// use then.
pub(crate) async fn update(
    tx: &mut Tx,
    id: ProductId,
    details: &Details,
    variants: &[Draft],
    at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let update = tx.query(
        "UPDATE products
            SET slug = $2, name = $3, description = $4, vendor = $5, category = $6, tags = $7, images = $8,
                status = $9, search = $10, sort_name = $11, price = $12, updated_at = $13, version = version + 1,
                words = $14, prose = $15, words_version = version + 1
          WHERE id = $1",
    );
    match of(update, id, details, variants, at).execute().await {
        Err(sqlx::Error::Database(cause)) if cause.is_unique_violation() => Ok(false),
        updated => Ok(updated.map(|_| true)?),
    }
}

/// A statement that writes what a product is, from `$1` to `$15`.
fn of<'c>(
    statement: Statement<'c>,
    id: ProductId,
    details: &Details,
    variants: &[Draft],
    at: DateTime<Utc>,
) -> Statement<'c> {
    let Found { words, prose } = Found::of(details, variants);
    statement
        .bind(id)
        .bind(details.slug.clone())
        .bind(details.name.clone())
        .bind(details.description.clone())
        .bind(details.vendor.clone())
        .bind(details.category.clone())
        .bind(Json(details.tags.clone()))
        .bind(Json(details.images.clone()))
        .bind(details.status)
        .bind(details.search())
        .bind(slug::sort_key(&details.name))
        .bind(lowest_price(variants))
        .bind(at)
        .bind(words)
        .bind(prose)
}

/// Notes how a product is rated; false where a later version of that is known, or there is no such product.
pub(crate) async fn rate(
    on: impl Executor<'_>,
    id: ProductId,
    rating: Option<Rating>,
    version: i64,
) -> Result<bool, Fault> {
    let rated = on
        .query(
            "UPDATE products
                SET rating_average = $2, rating_count = $3, rating_version = $4
              WHERE id = $1 AND rating_version < $4",
        )
        .bind(id)
        .bind(rating.map(|rating| rating.average))
        .bind(rating.map_or(0, |rating| rating.count))
        .bind(version)
        .execute()
        .await?;
    Ok(rated == 1)
}

/// Whether there are products whose words are not prepared, any that are not indexed, and changes of categories that are
/// not added up.
pub(crate) async fn untidy(on: impl Executor<'_>) -> Result<(bool, bool, bool), Fault> {
    Ok(on
        .query(
            "SELECT EXISTS (SELECT 1 FROM products WHERE words_version <> version),
                    EXISTS (SELECT 1 FROM products_unindexed),
                    EXISTS (SELECT 1 FROM category_changes)",
        )
        .fetch_one()
        .await?)
}

/// Products whose words are of an older version, or were never prepared.
pub(crate) async fn unprepared(on: impl Executor<'_>, limit: i64) -> Result<Vec<Row>, Fault> {
    Ok(on
        .query(
            "SELECT id, slug, name, description, vendor, category, tags, images, status, sort_name, price, version,
                created_at, updated_at, rating_average, rating_count
           FROM products
          WHERE words_version <> version
          LIMIT $1",
        )
        .bind(limit)
        .fetch_all()
        .await?)
}

/// Keeps the words of a product, if it is still as `row` was read; how many rows that changed.
pub(crate) async fn set_words(on: impl Executor<'_>, row: &Row, found: Found) -> Result<u64, Fault> {
    Ok(on
        .query("UPDATE products SET words = $3, prose = $4, words_version = $2 WHERE id = $1 AND version = $2")
        .bind(row.id)
        .bind(row.version)
        .bind(found.words)
        .bind(found.prose)
        .execute()
        .await?)
}
