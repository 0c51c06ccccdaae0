//! What customers do with their own reviews. Each is one transaction that holds the review's row, then its product's rating.
use kernel::{Caller, Condition, Refusal, Violations, line};

use crate::{
    Error, NewReview, Review, ReviewId, ReviewPatch, Visibility,
    api::{Author, Points, Words},
    failpoints::{create, reach},
    service::Service,
    store::{self, Row, Worth, purchases, ratings},
};

pub(crate) async fn create(
    service: &Service,
    caller: Caller,
    product: String,
    key: &str,
    review: &NewReview,
) -> Result<Review, Error> {
    let customer = caller.account()?;
    let mut checks = Violations::new();
    let key = checks.field("Idempotency-Key", line(key, 1, 255));
    let rating = checks.field("/rating", Points::read(review.rating));
    let text = checks.field("/text", Words::read(&review.text));
    let author = checks.field("/author", Author::read(&review.author));
    let ((key, rating), (text, author)) = checks.finish(key.zip(rating).zip(text.zip(author)))?;
    let request = caller.scope().name(&key);
    let product = service.product(caller, product).await?.id;
    // The shop itself also sees the variants that are no longer on sale.
    let variants = service.product(Caller::System, product.to_string()).await?.variants;
    let skus = variants.into_iter().map(|variant| variant.sku);
    let mut tx = service.db.begin().await?;
    if !purchases::any(&mut tx, customer, skus).await? {
        return Err(Error::NotPurchased);
    }
    let (now, visibility) = (service.clock.now(), service.settings.visibility(Visibility::Visible));
    let row = Row::new(product, customer, request, (author, rating, text), visibility, now);
    // Whoever sends the same at once waits here until it is done.
    if !store::insert(&mut tx, &row).await? {
        let known = store::of_customer(&mut tx, product, customer).await?;
        return match known {
            Some(known) if known.request == row.request => Ok(known.into()),
            Some(known) => Err(Error::AlreadyReviewed { review_id: known.id }),
            None => Err(Error::KeyReused),
        };
    }
    ratings::count(&mut tx, product, row.worth()).await?;
    reach(create::uncommitted);
    tx.commit().await?;
    reach(create::committed);
    service.wake.notify_one();
    tracing::info!(review.id = %row.id, product.id = %product, "a product was reviewed");
    Ok(row.into())
}

pub(crate) async fn update(
    service: &Service,
    caller: &Caller,
    id: ReviewId,
    patch: &ReviewPatch,
    if_match: &Condition,
) -> Result<Review, Error> {
    caller.account()?;
    let mut checks = Violations::new();
    let rating = checks.field("/rating", patch.rating.map(Points::read).transpose());
    let text = checks.field("/text", patch.text.as_deref().map(Words::read).transpose());
    let author = checks.field("/author", patch.author.as_deref().map(Author::read).transpose());
    let ((rating, text), author) = checks.finish(rating.zip(text).zip(author))?;
    let mut tx = service.db.begin().await?;
    let before = store::lock(&mut tx, id).await?.ok_or(Error::ReviewNotFound)?;
    own(&before, caller)?;
    let mut after = before.clone();
    after.rating = rating.unwrap_or(before.rating);
    after.text = text.unwrap_or(after.text);
    after.author = author.unwrap_or(after.author);
    if after == before {
        return Ok(before.into());
    }
    before.fresh(if_match)?;
    after.visibility = service.settings.visibility(before.visibility);
    service.save(tx, &before, after).await
}

pub(crate) async fn delete(
    service: &Service,
    caller: &Caller,
    id: ReviewId,
    if_match: &Condition,
) -> Result<(), Error> {
    caller.account()?;
    let mut tx = service.db.begin().await?;
    let Some(row) = store::lock(&mut tx, id).await? else { return Ok(()) };
    own(&row, caller)?;
    row.fresh(if_match)?;
    store::delete(&mut tx, id).await?;
    ratings::count(&mut tx, row.product_id, Worth::default() - row.worth()).await?;
    tx.commit().await?;
    service.wake.notify_one();
    Ok(())
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
