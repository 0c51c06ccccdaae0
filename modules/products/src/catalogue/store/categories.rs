//! The SQL of categories.
use chrono::{DateTime, Utc};
use kernel::{Executor, Fault};

use crate::Category;

pub(crate) async fn categories(on: impl Executor<'_>) -> Result<Vec<Category>, Fault> {
    let rows: Vec<(String, String, i64)> = on
        .query(
            "SELECT c.slug, c.name, COUNT(p.id)
               FROM categories AS c
               LEFT JOIN products AS p ON p.category = c.slug AND p.status = 'active'
              GROUP BY c.slug, c.name",
        )
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(slug, name, products)| Category { slug, name, products }).collect())
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
