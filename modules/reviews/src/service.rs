//! What can be done with reviews, and by whom. Each change is one transaction that holds the review's row, then its
//! product's rating.
use std::sync::Arc;

use kernel::{
    Caller, Clock, Condition, Context, Db, Failure, Page, PageQuery, Refusal, StartError, Tx, Violations, line,
};
use products::{Product, Products};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    Error, NewReview, Review, ReviewId, ReviewPatch, Reviews, Visibility,
    api::{Author, Points, Words},
    failpoints::{create, reach},
    settings::Settings,
    store::{self, Row, Worth, purchases, ratings},
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
        let found = found.and_then(|product| Ok(product.value()?));
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
        let customer = caller.account()?;
        let mut checks = Violations::new();
        let key = checks.field("Idempotency-Key", line(&key, 1, 255));
        let rating = checks.field("/rating", Points::read(review.rating));
        let text = checks.field("/text", Words::read(&review.text));
        let author = checks.field("/author", Author::read(&review.author));
        let ((key, rating), (text, author)) = checks.finish(key.zip(rating).zip(text.zip(author)))?;
        let request = caller.scope().name(&key);
        let product = self.product(caller, product).await?.id;
        // The shop itself also sees the variants that are no longer on sale.
        let variants = self.product(Caller::System, product.to_string()).await?.variants;
        let skus = variants.into_iter().map(|variant| variant.sku);
        let mut tx = self.db.begin().await?;
        if !purchases::any(&mut tx, customer, skus).await? {
            return Err(Error::NotPurchased);
        }
        let (now, visibility) = (self.clock.now(), self.settings.visibility(Visibility::Visible));
        let row = Row::new(product, customer, request, (author, rating, text), visibility, now);
        // Whoever sends the same at once waits here until it is done.
        while !store::insert(&mut tx, &row).await? {
            let Some(known) = store::in_the_way(&mut tx, &row).await? else {
                // It was taken back meanwhile.
                continue;
            };
            return match known.request == row.request {
                true if known.product_id == product => Ok(known.into()),
                true => Err(Error::KeyReused),
                false => Err(Error::AlreadyReviewed { review_id: known.id }),
            };
        }
        ratings::count(&mut tx, product, row.worth()).await?;
        reach(create::uncommitted);
        tx.commit().await?;
        reach(create::committed);
        self.wake.notify_one();
        tracing::info!(review.id = %row.id, product.id = %product, "a product was reviewed");
        Ok(row.into())
    }

    async fn update(
        &self,
        caller: Caller,
        id: ReviewId,
        patch: ReviewPatch,
        if_match: Condition,
    ) -> Result<Review, Error> {
        caller.account()?;
        let mut checks = Violations::new();
        let rating = checks.field("/rating", patch.rating.map(Points::read).transpose());
        let text = checks.field("/text", patch.text.as_deref().map(Words::read).transpose());
        let author = checks.field("/author", patch.author.as_deref().map(Author::read).transpose());
        let ((rating, text), author) = checks.finish(rating.zip(text).zip(author))?;
        let mut tx = self.db.begin().await?;
        let before = store::lock(&mut tx, id).await?.ok_or(Error::ReviewNotFound)?;
        own(&before, &caller)?;
        let mut after = before.clone();
        after.rating = rating.unwrap_or(before.rating);
        after.text = text.unwrap_or(after.text);
        after.author = author.unwrap_or(after.author);
        if after == before {
            return Ok(before.into());
        }
        before.fresh(&if_match)?;
        after.visibility = self.settings.visibility(before.visibility);
        self.save(tx, &before, after).await
    }

    async fn delete(&self, caller: Caller, id: ReviewId, if_match: Condition) -> Result<(), Error> {
        caller.account()?;
        let mut tx = self.db.begin().await?;
        let Some(row) = store::lock(&mut tx, id).await? else { return Ok(()) };
        own(&row, &caller)?;
        row.fresh(&if_match)?;
        store::delete(&mut tx, id).await?;
        ratings::count(&mut tx, row.product_id, Worth::default() - row.worth()).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(())
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

/// Refuses what is another's; one that is hidden is not there for them.
fn own(row: &Row, caller: &Caller) -> Result<(), Error> {
    match row.visibility {
        _ if row.is_of(caller) => Ok(()),
        Visibility::Visible => Err(Refusal::Forbidden.into()),
        Visibility::Hidden if caller.is_staff() => Err(Refusal::Forbidden.into()),
        Visibility::Hidden => Err(Error::ReviewNotFound),
    }
}
