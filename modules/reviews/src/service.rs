//! What can be done with reviews, and by whom.
use std::sync::Arc;

use kernel::{Caller, Clock, Condition, Context, Db, Failure, Page, PageQuery, StartError, Tx};
use products::{Product, Products};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    Error, NewReview, Review, ReviewId, ReviewPatch, Reviews, Visibility,
    api::Words,
    settings::Settings,
    store::{self, Row, ratings},
    writing,
};

pub(crate) struct Service {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) products: Arc<dyn Products>,
    pub(crate) settings: Settings,
    /// Wakes what tells the catalogue of ratings.
    pub(crate) wake: Notify,
}

impl Service {
    pub(crate) fn new(context: &Context, products: Arc<dyn Products>) -> Result<Self, StartError> {
        let Context { db, clock, .. } = context.clone();
        Ok(Self { db, clock, products, settings: context.config()?, wake: Notify::new() })
    }

    /// The product that this caller calls so.
    pub(crate) async fn product(&self, caller: Caller, product: String) -> Result<Product, Error> {
        let found = self.products.get(caller, product).await;
        found.map_err(|error| {
            error.map_own(|own| match own {
                products::Error::ProductNotFound { product } => Error::ProductNotFound { product },
                other => other.into_fault().into(),
            })
        })
    }

    /// Writes what has become of a locked review, with what it counts for.
    pub(crate) async fn save(&self, mut tx: Tx, before: &Row, mut after: Row) -> Result<Review, Error> {
        after.version += 1;
        after.updated_at = self.clock.now();
        store::update(&mut tx, &after).await?;
        ratings::count(&mut tx, before.product_id, after.worth() - before.worth()).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(after.into())
    }

    /// Locks a review that staff acts on, and changes it unless it is so already.
    async fn act(&self, id: ReviewId, if_match: &Condition, change: impl FnOnce(&mut Row)) -> Result<Review, Error> {
        let mut tx = self.db.begin().await?;
        let before = store::lock(&mut tx, id).await?.ok_or(Error::ReviewNotFound)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(before.into());
        }
        before.fresh(if_match)?;
        self.save(tx, &before, after).await
    }
}

#[kernel::async_trait]
impl Reviews for Service {
    async fn list(&self, caller: Caller, product: String, page: PageQuery) -> Result<Page<Review>, Error> {
        let (limit, before) = page.read()?;
        let product = self.product(caller.clone(), product).await?.id;
        let before = before.unwrap_or(ReviewId(Uuid::max()));
        let rows = store::list(&self.db, product, caller.is_staff(), before, limit + 1).await?;
        Ok(Page::new(rows, limit, |row| row.id).map(Review::from))
    }

    async fn get(&self, caller: Caller, id: ReviewId) -> Result<Review, Error> {
        let row = store::find(&self.db, id).await?.ok_or(Error::ReviewNotFound)?;
        let sees = row.visibility == Visibility::Visible || caller.is_staff() || row.is_of(&caller);
        if sees { Ok(row.into()) } else { Err(Error::ReviewNotFound) }
    }

    async fn create(&self, caller: Caller, product: String, key: String, review: NewReview) -> Result<Review, Error> {
        writing::create(self, caller, product, &key, &review).await
    }

    async fn update(
        &self,
        caller: Caller,
        id: ReviewId,
        patch: ReviewPatch,
        if_match: Condition,
    ) -> Result<Review, Error> {
        writing::update(self, &caller, id, &patch, &if_match).await
    }

    async fn delete(&self, caller: Caller, id: ReviewId, if_match: Condition) -> Result<(), Error> {
        writing::delete(self, &caller, id, &if_match).await
    }

    async fn answer(
        &self,
        caller: Caller,
        id: ReviewId,
        text: Option<String>,
        if_match: Condition,
    ) -> Result<Review, Error> {
        caller.staff()?;
        let text = text.as_deref().map(Words::read).transpose().map_err(|flaw| flaw.at("/text"))?;
        let now = self.clock.now();
        self.act(id, &if_match, |row| {
            if row.answer != text {
                row.answered_at = text.is_some().then_some(now);
                row.answer = text;
            }
        })
        .await
    }

    async fn moderate(
        &self,
        caller: Caller,
        id: ReviewId,
        visibility: Visibility,
        if_match: Condition,
    ) -> Result<Review, Error> {
        caller.staff()?;
        let review = self.act(id, &if_match, |row| row.visibility = visibility).await?;
        tracing::info!(review.id = %id, ?visibility, operator = ?caller.account().ok(), "a review was moderated");
        Ok(review)
    }
}
