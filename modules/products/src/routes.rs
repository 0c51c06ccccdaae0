//! The public endpoints.
use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::CACHE_CONTROL},
};
use kernel::{Body, Caller, Condition, IdempotencyKey, Location, Page, PageQuery, Path, Problem, Query, Ready, Tagged};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Ref, RefOr, Schema},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Category, Error, NewCategory, NewProduct, Product, ProductPatch, ProductQuery, Products, Sku, Stock, StockMovement,
    forms,
    forms::{Slug, slug},
};

type Api = State<Arc<dyn Products>>;
type Answer<T> = Result<T, Problem<Error>>;

pub(crate) fn routes(api: Arc<dyn Products>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(kernel::routes!(list, create))
        .routes(kernel::routes!(get, update, archive))
        .routes(kernel::routes!(categories, create_category))
        .routes(kernel::routes!(stock, set_stock))
        .routes(kernel::routes!(adjust_stock))
        .routes(kernel::routes!(ledger))
        .with_state(api)
}

/// A product's identifier or its slug; what is neither is no product's.
#[derive(Debug, Deserialize)]
struct Key(String);

impl PartialSchema for Key {
    fn schema() -> RefOr<Schema> {
        RefOr::Ref(Ref::from_schema_name(Slug::name()))
    }
}

/// What may be kept by whoever is shown it, and by caches on the way if it is for everybody; but not shown again unasked:
/// prices and stock change, and to ask costs a 304.
type Kept<T> = ([(HeaderName, &'static str); 1], Ready<T>);

fn kept<T>(everybodys: bool, ready: Ready<T>) -> Kept<T> {
    ([(CACHE_CONTROL, if everybodys { "public, no-cache" } else { "private, no-cache" })], ready)
}

/// Lists products.
#[utoipa::path(get, path = "/v1/products", responses((status = 200, body = Page<Product>)))]
async fn list(State(api): Api, caller: Caller, Query(query): Query<ProductQuery>) -> Answer<Kept<Page<Product>>> {
    let everybodys = caller == Caller::Anonymous;
    Ok(kept(everybodys, api.list(caller, query).await?))
}

/// Looks up a product by its identifier or its slug.
#[utoipa::path(get, path = "/v1/products/{product}", responses((status = 200, body = Product)))]
async fn get(State(api): Api, caller: Caller, Path(Key(product)): Path<Key>) -> Answer<Kept<Product>> {
    let everybodys = caller == Caller::Anonymous;
    Ok(kept(everybodys, api.get(caller, product).await?))
}

/// Creates a product. Staff.
#[utoipa::path(post, path = "/v1/products", responses((status = 201, body = Product)))]
async fn create(
    State(api): Api,
    caller: Caller,
    Body(product): Body<NewProduct>,
) -> Answer<(StatusCode, Location, Tagged<Product>)> {
    let product = api.create(caller, product).await?;
    let location = Location(format!("/v1/products/{}", product.id));
    Ok((StatusCode::CREATED, location, Tagged(product.version, product)))
}

/// Changes a product; what is absent stays. Staff.
#[utoipa::path(patch, path = "/v1/products/{product}", responses((status = 200, body = Product)))]
async fn update(
    State(api): Api,
    caller: Caller,
    Path(Key(product)): Path<Key>,
    if_match: Condition,
    Body(patch): Body<ProductPatch>,
) -> Answer<Tagged<Product>> {
    let product = api.update(caller, product, patch, if_match).await?;
    Ok(Tagged(product.version, product))
}

/// Archives a product: customers no longer see it. Staff.
#[utoipa::path(delete, path = "/v1/products/{product}", responses((status = 204)))]
async fn archive(
    State(api): Api,
    caller: Caller,
    Path(Key(product)): Path<Key>,
    if_match: Condition,
) -> Answer<StatusCode> {
    api.archive(caller, product, if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The categories there are.
#[derive(Debug, Serialize, ToSchema)]
struct Categories {
    /// By name.
    items: Vec<Category>,
    /// Always null: there is one page.
    next: Option<String>,
}

/// Lists the categories by name.
#[utoipa::path(get, path = "/v1/categories", responses((status = 200, body = Categories)))]
async fn categories(State(api): Api) -> Answer<Json<Categories>> {
    Ok(Json(Categories { items: api.categories().await?, next: None }))
}

/// Creates a category. Staff.
#[utoipa::path(post, path = "/v1/categories", responses((status = 201, body = Category)))]
async fn create_category(
    State(api): Api,
    caller: Caller,
    Body(category): Body<NewCategory>,
) -> Answer<(StatusCode, Location, Json<Category>)> {
    let category = api.create_category(caller, category).await?;
    let location = Location(format!("/v1/products?category={}", slug::encoded(&category.slug)));
    Ok((StatusCode::CREATED, location, Json(category)))
}

/// Tells how many of a variant there are. Staff.
#[utoipa::path(get, path = "/v1/variants/{sku}/stock", responses((status = 200, body = Stock)))]
async fn stock(State(api): Api, caller: Caller, Path(sku): Path<Sku>) -> Answer<Tagged<Stock>> {
    Ok(tagged(api.stock(caller, sku).await?))
}

/// With the ledger's length for a version: what is reserved is nobody's count, and refuses none.
fn tagged(stock: Stock) -> Tagged<Stock> {
    Tagged(stock.version, stock)
}

/// A count of what is on hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Count {
    /// How many are in the house, those reserved included.
    #[schema(value_type = forms::OnHand, inline)]
    on_hand: i64,
}

/// Sets how many of a variant are on hand; with `If-Match` only if none came or went meanwhile. Staff.
#[utoipa::path(put, path = "/v1/variants/{sku}/stock", responses((status = 200, body = Stock)))]
async fn set_stock(
    State(api): Api,
    caller: Caller,
    Path(sku): Path<Sku>,
    if_match: Condition,
    Body(count): Body<Count>,
) -> Answer<Tagged<Stock>> {
    Ok(tagged(api.set_stock(caller, sku, count.on_hand, if_match).await?))
}

/// A difference in what is on hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Adjustment {
    /// How many came, or, below 0, went; not 0.
    #[schema(value_type = forms::Difference, inline)]
    delta: i64,
}

/// Changes how many of a variant are on hand by a difference. Staff.
#[utoipa::path(post, path = "/v1/variants/{sku}/stock/adjustments",
    responses((status = 201, body = Stock)))]
async fn adjust_stock(
    State(api): Api,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Path(sku): Path<Sku>,
    if_match: Condition,
    Body(Adjustment { delta }): Body<Adjustment>,
) -> Answer<(StatusCode, Tagged<Stock>)> {
    Ok((StatusCode::CREATED, tagged(api.adjust_stock(caller, sku, key, delta, if_match).await?)))
}

/// Lists a variant's ledger, the latest movement first. Staff.
#[utoipa::path(get, path = "/v1/variants/{sku}/ledger",
    responses((status = 200, body = Page<StockMovement>)))]
async fn ledger(
    State(api): Api,
    caller: Caller,
    Path(sku): Path<Sku>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<StockMovement>>> {
    Ok(Json(api.ledger(caller, sku, page).await?))
}
