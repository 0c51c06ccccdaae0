//! What the other modules see of reviews.
use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, Line, Page, PageQuery, Text, Whole};
use orders::OrderEvent;
use products::ProductId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Error;

kernel::id! {
    /// Identifies a review.
    pub struct ReviewId;
}

/// How good it is, from 1 to 5.
pub(crate) type Points = Whole<1, 5>;
/// What a review or an answer may say.
pub(crate) type Words = Text<1, 5000>;
/// What a writer may be called.
pub(crate) type Author = Line<1, 60>;

/// Who sees a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Visibility {
    /// Anyone.
    Visible,
    /// Staff and its writer; it does not count.
    Hidden,
}

/// What a customer says of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// Its identifier.
    pub id: ReviewId,
    /// The product.
    pub product_id: ProductId,
    /// What its writer wants to be called.
    #[schema(example = "Ada")]
    pub author: String,
    /// How good it is, from 1 to 5.
    #[schema(value_type = Points, inline)]
    pub rating: i64,
    /// Why.
    pub text: String,
    /// What the shop says to it.
    pub answer: Option<Answer>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Counts changes; the `ETag`.
    pub version: i64,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What the shop says to a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// The answer.
    pub text: String,
    /// When it was given.
    pub answered_at: DateTime<Utc>,
}

/// A review to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// How good it is, from 1 to 5.
    #[schema(value_type = Points, inline)]
    pub rating: i64,
    /// Why.
    #[schema(value_type = Words, inline)]
    pub text: String,
    /// What to call its writer, for anyone to see.
    #[schema(value_type = Author, inline)]
    pub author: String,
}

/// What to change of a review: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewPatch {
    /// How good it is, from 1 to 5.
    #[schema(value_type = Option<Points>, inline)]
    pub rating: Option<i64>,
    /// Why.
    #[schema(value_type = Option<Words>, inline)]
    pub text: Option<String>,
    /// What to call its writer, for anyone to see.
    #[schema(value_type = Option<Author>, inline)]
    pub author: Option<String>,
}

kernel::api! {
    /// What customers say of what they bought, and how they rate it.
    pub trait Reviews("reviews") hears OrderEvent {
        /// Lists a product's reviews, the latest first; hidden ones to staff alone.
        read async fn list(&self, caller: Caller, product: String, page: PageQuery) -> Result<Page<Review>, Error>;

        /// Looks up a review; a hidden one only for staff and its writer.
        read async fn get(&self, caller: Caller, id: ReviewId) -> Result<Review, Error>;

        /// Reviews a product that the caller bought. The same `key` writes one review.
        idempotent async fn create(&self, caller: Caller, product: String, key: String, review: NewReview) -> Result<Review, Error>;

        /// Changes one's own review, if its version is as `if_match` asks. What is so already is fine at any.
        idempotent async fn update(&self, caller: Caller, id: ReviewId, patch: ReviewPatch, if_match: Condition) -> Result<Review, Error>;

        /// Deletes one's own review, if its version is as `if_match` asks. One that is gone is fine.
        idempotent async fn delete(&self, caller: Caller, id: ReviewId, if_match: Condition) -> Result<(), Error>;

        /// Says what the shop says to a review, or takes it back; if its version is as `if_match` asks. Staff.
        idempotent async fn answer(&self, caller: Caller, id: ReviewId, text: Option<String>, if_match: Condition) -> Result<Review, Error>;

        /// Hides a review, or shows it again; if its version is as `if_match` asks. Staff.
        idempotent async fn moderate(&self, caller: Caller, id: ReviewId, visibility: Visibility, if_match: Condition) -> Result<Review, Error>;
    }
}
