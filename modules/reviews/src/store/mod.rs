//! The SQL of reviews. Locks are taken in one order: the review, then its product's rating.
pub(crate) mod purchases;
pub(crate) mod ratings;

use std::ops::Sub;

use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, Executor, Fault, Tx};
use products::ProductId;
use uuid::Uuid;

use crate::{Answer, Error, Review, ReviewId, Visibility};

/// A row of `reviews`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) id: ReviewId,
    pub(crate) product_id: ProductId,
    customer_id: Uuid,
    pub(crate) request: String,
    pub(crate) author: String,
    pub(crate) rating: i64,
    pub(crate) text: String,
    pub(crate) answer: Option<String>,
    pub(crate) answered_at: Option<DateTime<Utc>>,
    pub(crate) visibility: Visibility,
    pub(crate) version: i64,
    created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What reviews count for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Worth {
    pub(crate) reviews: i64,
    pub(crate) points: i64,
}

impl Sub for Worth {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { reviews: self.reviews - other.reviews, points: self.points - other.points }
    }
}

impl Row {
    /// A new review, of which its writer says `(author, rating, text)`.
    pub(crate) fn new(
        product_id: ProductId,
        customer_id: Uuid,
        request: String,
        (author, rating, text): (String, i64, String),
        visibility: Visibility,
        now: DateTime<Utc>,
    ) -> Self {
        let (id, answer, answered_at, version) = (ReviewId::new(), None, None, 1);
        Self {
            id,
            product_id,
            customer_id,
            request,
            author,
            rating,
            text,
            answer,
            answered_at,
            visibility,
            version,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether `caller` wrote it.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        caller.account() == Ok(self.customer_id)
    }

    /// What it counts for; nothing where it is hidden.
    pub(crate) fn worth(&self) -> Worth {
        match self.visibility {
            Visibility::Visible => Worth { reviews: 1, points: self.rating },
            Visibility::Hidden => Worth::default(),
        }
    }

    /// Refuses another version than was asked for.
    pub(crate) fn fresh(&self, if_match: &Condition) -> Result<(), Error> {
        let version = self.version;
        if if_match.holds(Some(version)) { Ok(()) } else { Err(Error::Stale { version }) }
    }
}

impl From<Row> for Review {
    fn from(row: Row) -> Self {
        let Row { id, product_id, author, rating, text, visibility, version, created_at, updated_at, .. } = row;
        let answer = row.answer.zip(row.answered_at).map(|(text, answered_at)| Answer { text, answered_at });
        Self { id, product_id, author, rating, text, answer, visibility, version, created_at, updated_at }
    }
}

/// So many of a product's reviews before `before`, the latest first.
pub(crate) async fn list(
    on: impl Executor<'_>,
    product: ProductId,
    hidden_too: bool,
    before: ReviewId,
    limit: i64,
) -> Result<Vec<Row>, Fault> {
    let rows = on
        .query(
            "SELECT id, product_id, customer_id, request, author, rating, text, answer, answered_at, visibility,
                    version, created_at, updated_at
               FROM reviews
              WHERE product_id = $1 AND id < $2 AND ($3 OR visibility = 'visible')
              ORDER BY id DESC
              LIMIT $4",
        )
        .bind(product)
        .bind(before)
        .bind(hidden_too)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows)
}

pub(crate) async fn find(on: impl Executor<'_>, id: ReviewId) -> Result<Option<Row>, Fault> {
    Ok(one(on, id).fetch_optional().await?)
}

/// The same, and nobody else changes it until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, id: ReviewId) -> Result<Option<Row>, Fault> {
    Ok(one(tx, id).for_update().fetch_optional().await?)
}

fn one<'c>(on: impl Executor<'c>, id: ReviewId) -> kernel::Statement<'c> {
    on.query(
        "SELECT id, product_id, customer_id, request, author, rating, text, answer, answered_at, visibility,
                version, created_at, updated_at
           FROM reviews
          WHERE id = $1",
    )
    .bind(id)
}

/// What stands in the way of `row`: what its request made, or what its customer said of its product.
pub(crate) async fn in_the_way(tx: &mut Tx, row: &Row) -> Result<Option<Row>, Fault> {
    let row = tx
        .query(
            "SELECT id, product_id, customer_id, request, author, rating, text, answer, answered_at, visibility,
                    version, created_at, updated_at
               FROM reviews
              WHERE request = $3 OR (product_id = $1 AND customer_id = $2)
              ORDER BY request = $3 DESC
              LIMIT 1",
        )
        .bind(row.product_id)
        .bind(row.customer_id)
        .bind(row.request.clone())
        .fetch_optional()
        .await?;
    Ok(row)
}

/// Adds a review; false where its customer has reviewed the product, or its request has made another.
pub(crate) async fn insert(tx: &mut Tx, row: &Row) -> Result<bool, Fault> {
    let added = tx
        .query(
            "INSERT INTO reviews (id, product_id, customer_id, request, author, rating, text, visibility, version,
                                  created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT DO NOTHING",
        )
        .bind(row.id)
        .bind(row.product_id)
        .bind(row.customer_id)
        .bind(row.request.clone())
        .bind(row.author.clone())
        .bind(row.rating)
        .bind(row.text.clone())
        .bind(row.visibility)
        .bind(row.version)
        .bind(row.created_at)
        .bind(row.updated_at)
        .execute()
        .await?;
    Ok(added == 1)
}

/// Writes what may change of a review, whose lock the transaction holds.
pub(crate) async fn update(tx: &mut Tx, row: &Row) -> Result<(), Fault> {
    tx.query(
        "UPDATE reviews
            SET author = $2, rating = $3, text = $4, answer = $5, answered_at = $6, visibility = $7, version = $8,
                updated_at = $9
          WHERE id = $1",
    )
    .bind(row.id)
    .bind(row.author.clone())
    .bind(row.rating)
    .bind(row.text.clone())
    .bind(row.answer.clone())
    .bind(row.answered_at)
    .bind(row.visibility)
    .bind(row.version)
    .bind(row.updated_at)
    .execute()
    .await?;
    Ok(())
}

pub(crate) async fn delete(tx: &mut Tx, id: ReviewId) -> Result<(), Fault> {
    tx.query("DELETE FROM reviews WHERE id = $1").bind(id).execute().await?;
    Ok(())
}
