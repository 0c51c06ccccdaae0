//! The SQL of categories.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault, Tx};

use crate::Category;

pub(crate) async fn categories(on: impl Executor<'_>) -> Result<Vec<Category>, Fault> {
    let rows: Vec<(String, String, i64)> = on
        .query(
            "SELECT c.slug, c.name, CAST(c.products + COALESCE(SUM(n.delta), 0) AS BIGINT)
               FROM categories AS c
               LEFT JOIN category_changes AS n ON n.category = c.slug
              GROUP BY c.slug, c.name, c.products",
        )
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(slug, name, products)| Category { slug, name, products }).collect())
}

/// What has come and gone in categories and is not added up, some at a time: each line, the category, and how many.
pub(crate) async fn uncounted(tx: &mut Tx, limit: i64) -> Result<Vec<(i64, String, i64)>, Fault> {
    let oldest = tx.query("SELECT id, category, delta FROM category_changes ORDER BY id LIMIT $1").bind(limit);
    Ok(oldest.for_update_skip_locked().fetch_all().await?)
}

/// Adds what has come and gone to what a category has.
pub(crate) async fn count(tx: &mut Tx, category: &str, delta: i64) -> Result<(), Fault> {
    let add = tx.query("UPDATE categories SET products = products + $2 WHERE slug = $1");
    add.bind(category.to_owned()).bind(delta).execute().await?;
    Ok(())
}

/// Forgets lines that are added up.
pub(crate) async fn set_counted(tx: &mut Tx, lines: Vec<i64>) -> Result<(), Fault> {
    tx.query("DELETE FROM category_changes WHERE id IN ($*)").bind_list(lines).execute().await?;
    Ok(())
}

/// Adds a category; false where its slug is taken.
pub(crate) async fn create_category(
    on: impl Executor<'_>,
    slug: &str,
    name: &str,
    at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = on
        .query("INSERT INTO categories (slug, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING")
        .bind(slug.to_owned())
        .bind(name.to_owned())
        .bind(at)
        .execute()
        .await?;
    Ok(inserted == 1)
}

/// The category of this name, as it is written; where several have it, the first by the bytes of its slug.
pub(crate) async fn category_named(on: impl Executor<'_>, name: &str) -> Result<Option<String>, Fault> {
    let slugs: Vec<(String,)> =
        on.query("SELECT slug FROM categories WHERE name = $1").bind(name.to_owned()).fetch_all().await?;
    Ok(slugs.into_iter().map(|(slug,)| slug).min())
}

pub(crate) async fn category_exists(on: impl Executor<'_>, slug: &str) -> Result<bool, Fault> {
    let found: (bool,) =
        on.query("SELECT EXISTS (SELECT 1 FROM categories WHERE slug = $1)").bind(slug.to_owned()).fetch_one().await?;
    Ok(found.0)
}
