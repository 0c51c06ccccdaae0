//! The public endpoints of reviews.
use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use kernel::{Body, Caller, Condition, IdempotencyKey, Location, Page, PageQuery, Path, Problem, Query, Tagged};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::{Error, NewReview, Review, ReviewId, ReviewPatch, Reviews, Visibility, api::Words};

type Api = State<Arc<dyn Reviews>>;
type Answer<T> = Result<T, Problem<Error>>;

pub(crate) fn routes(api: Arc<dyn Reviews>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(kernel::routes!(list, create))
        .routes(kernel::routes!(get, update, delete))
        .routes(kernel::routes!(answer))
        .routes(kernel::routes!(moderate))
        .with_state(api)
}

fn tagged(review: Review) -> Tagged<Review> {
    Tagged(review.version, review)
}

/// Lists a product's reviews, the latest first.
#[utoipa::path(get, path = "/v1/products/{product}/reviews",
    responses((status = 200, body = Page<Review>)))]
async fn list(
    State(api): Api,
    caller: Caller,
    Path(product): Path<String>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Review>>> {
    Ok(Json(api.list(caller, product, page).await?))
}

/// Reviews a product that one bought, once.
#[utoipa::path(post, path = "/v1/products/{product}/reviews",
    responses((status = 201, body = Review)))]
async fn create(
    State(api): Api,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Path(product): Path<String>,
    Body(review): Body<NewReview>,
) -> Answer<(StatusCode, Location, Tagged<Review>)> {
    let review = api.create(caller, product, key, review).await?;
    Ok((StatusCode::CREATED, Location(format!("/v1/reviews/{}", review.id)), tagged(review)))
}

/// Looks up a review.
#[utoipa::path(get, path = "/v1/reviews/{id}", responses((status = 200, body = Review)))]
async fn get(State(api): Api, caller: Caller, Path(id): Path<ReviewId>) -> Answer<Tagged<Review>> {
    Ok(tagged(api.get(caller, id).await?))
}

/// Changes one's own review; what is absent stays.
#[utoipa::path(patch, path = "/v1/reviews/{id}", responses((status = 200, body = Review)))]
async fn update(
    State(api): Api,
    caller: Caller,
    Path(id): Path<ReviewId>,
    if_match: Condition,
    Body(patch): Body<ReviewPatch>,
) -> Answer<Tagged<Review>> {
    Ok(tagged(api.update(caller, id, patch, if_match).await?))
}

/// Deletes one's own review.
#[utoipa::path(delete, path = "/v1/reviews/{id}", responses((status = 204)))]
async fn delete(State(api): Api, caller: Caller, Path(id): Path<ReviewId>, if_match: Condition) -> Answer<StatusCode> {
    api.delete(caller, id, if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the shop says to a review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAnswer {
    /// The answer; null takes it back.
    #[schema(value_type = Option<Words>, inline)]
    text: Option<String>,
}

/// Answers a review, or takes the answer back. Staff.
#[utoipa::path(put, path = "/v1/reviews/{id}/answer", responses((status = 200, body = Review)))]
async fn answer(
    State(api): Api,
    caller: Caller,
    Path(id): Path<ReviewId>,
    if_match: Condition,
    Body(answer): Body<NewAnswer>,
) -> Answer<Tagged<Review>> {
    Ok(tagged(api.answer(caller, id, answer.text, if_match).await?))
}

/// Who is to see a review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Moderation {
    /// Hidden, it does not count.
    visibility: Visibility,
}

/// Hides a review, or shows it again. Staff.
#[utoipa::path(put, path = "/v1/reviews/{id}/visibility", responses((status = 200, body = Review)))]
async fn moderate(
    State(api): Api,
    caller: Caller,
    Path(id): Path<ReviewId>,
    if_match: Condition,
    Body(wish): Body<Moderation>,
) -> Answer<Tagged<Review>> {
    Ok(tagged(api.moderate(caller, id, wish.visibility, if_match).await?))
}
