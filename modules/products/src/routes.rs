//! The public endpoints.
use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::LOCATION},
};
use kernel::{Body, Caller, Condition, Page, PageQuery, Path, Problem, Query, Tagged};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Category, Error, NewCategory, NewProduct, Product, ProductPatch, ProductQuery, Products, Sku, Stock, StockMovement,
    slug,
};

type Api = State<Arc<dyn Products>>;
type Answer<T> = Result<T, Problem<Error>>;
type Location = [(HeaderName, String); 1];

pub(crate) fn routes(api: Arc<dyn Products>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, archive))
        .routes(routes!(categories, create_category))
        .routes(routes!(stock, set_stock))
        .routes(routes!(ledger))
        .with_state(api)
}

/// Lists products.
#[utoipa::path(
    get, path = "/v1/products", tag = "products", params(ProductQuery),
    responses((status = 200, body = Page<Product>)),
)]
async fn list(State(api): Api, caller: Caller, Query(query): Query<ProductQuery>) -> Answer<Json<Page<Product>>> {
    Ok(Json(api.list(caller, query).await?))
}

/// Looks up a product by its identifier or its slug.
#[utoipa::path(
    get, path = "/v1/products/{product}", tag = "products", params(("product" = String, Path)),
    responses((status = 200, body = Product)),
)]
async fn get(State(api): Api, caller: Caller, Path(product): Path<String>) -> Answer<Tagged<Product>> {
    let product = api.get(caller, product).await?;
    Ok(Tagged(product.version, product))
}

/// Creates a product. Staff.
#[utoipa::path(
    post, path = "/v1/products", tag = "products", request_body = NewProduct,
    responses((status = 201, body = Product)),
)]
async fn create(
    State(api): Api,
    caller: Caller,
    Body(product): Body<NewProduct>,
) -> Answer<(StatusCode, Location, Tagged<Product>)> {
    let product = api.create(caller, product).await?;
    let location = [(LOCATION, format!("/v1/products/{}", product.id))];
    Ok((StatusCode::CREATED, location, Tagged(product.version, product)))
}

/// Changes a product; what is absent stays. Staff.
#[utoipa::path(
    patch, path = "/v1/products/{product}", tag = "products", request_body = ProductPatch,
    params(("product" = String, Path), ("If-Match" = Option<String>, Header, description = "The `ETag` it had")),
    responses((status = 200, body = Product)),
)]
async fn update(
    State(api): Api,
    caller: Caller,
    Path(product): Path<String>,
    if_match: Condition,
    Body(patch): Body<ProductPatch>,
) -> Answer<Tagged<Product>> {
    let product = api.update(caller, product, patch, if_match).await?;
    Ok(Tagged(product.version, product))
}

/// Archives a product: customers no longer see it. Staff.
#[utoipa::path(
    delete, path = "/v1/products/{product}", tag = "products", params(("product" = String, Path)),
    responses((status = 204)),
)]
async fn archive(
    State(api): Api,
    caller: Caller,
    Path(product): Path<String>,
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
#[utoipa::path(
    get, path = "/v1/categories", tag = "products",
    responses((status = 200, body = Categories)),
)]
async fn categories(State(api): Api) -> Answer<Json<Categories>> {
    Ok(Json(Categories { items: api.categories().await?, next: None }))
}

/// Creates a category. Staff.
#[utoipa::path(
    post, path = "/v1/categories", tag = "products", request_body = NewCategory,
    responses((status = 201, body = Category)),
)]
async fn create_category(
    State(api): Api,
    caller: Caller,
    Body(category): Body<NewCategory>,
) -> Answer<(StatusCode, Location, Json<Category>)> {
    let category = api.create_category(caller, category).await?;
    let location = [(LOCATION, format!("/v1/products?category={}", slug::encoded(&category.slug)))];
    Ok((StatusCode::CREATED, location, Json(category)))
}

/// Tells how many of a variant there are. Staff.
#[utoipa::path(
    get, path = "/v1/variants/{sku}/stock", tag = "products", params(("sku" = String, Path)),
    responses((status = 200, body = Stock)),
)]
async fn stock(State(api): Api, caller: Caller, Path(sku): Path<Sku>) -> Answer<Json<Stock>> {
    Ok(Json(api.stock(caller, sku).await?))
}

/// A count of what is on hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Count {
    /// How many are in the house, those reserved included.
    #[schema(example = 40)]
    on_hand: i64,
}

/// Sets how many of a variant are on hand. Staff.
#[utoipa::path(
    put, path = "/v1/variants/{sku}/stock", tag = "products", params(("sku" = String, Path)), request_body = Count,
    responses((status = 200, body = Stock)),
)]
async fn set_stock(
    State(api): Api,
    caller: Caller,
    Path(sku): Path<Sku>,
    Body(count): Body<Count>,
) -> Answer<Json<Stock>> {
    Ok(Json(api.set_stock(caller, sku, count.on_hand).await?))
}

/// Lists a variant's ledger, the latest movement first. Staff.
#[utoipa::path(
    get, path = "/v1/variants/{sku}/ledger", tag = "products", params(("sku" = String, Path), PageQuery),
    responses((status = 200, body = Page<StockMovement>)),
)]
async fn ledger(
    State(api): Api,
    caller: Caller,
    Path(sku): Path<Sku>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<StockMovement>>> {
    Ok(Json(api.ledger(caller, sku, page).await?))
}
