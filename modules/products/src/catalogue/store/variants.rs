//! The SQL of variants, and of what the shop asks for them.
use std::collections::HashMap;

use kernel::{Currency, Executor, Fault, Money, Tx};
use sqlx::types::Json;

use crate::{
    Image, Offer, OptionValue, ProductId, Sku, StockPolicy, Variant,
    catalogue::product::{Draft, variant_name},
};

/// A row of `variants` with what is left of it.
#[derive(Debug, sqlx::FromRow)]
struct VariantRow {
    product_id: ProductId,
    sku: Sku,
    options: Json<Vec<OptionValue>>,
    price: i64,
    compare_at_price: Option<i64>,
    weight_g: i64,
    barcode: Option<String>,
    available: i64,
    stock_policy: StockPolicy,
    taxable: bool,
    on_sale: bool,
}

/// The variants of some products, by product, in their order.
pub(crate) async fn of(
    on: impl Executor<'_>,
    products: impl IntoIterator<Item = ProductId>,
    currency: Currency,
) -> Result<HashMap<ProductId, Vec<Variant>>, Fault> {
    let rows: Vec<VariantRow> = on
        .query(
            "SELECT v.product_id, v.sku, v.options, v.price, v.compare_at_price, v.weight_g, v.barcode,
                    v.taxable, v.on_sale, s.policy AS stock_policy, s.on_hand - s.reserved AS available
               FROM variants AS v
               JOIN stock AS s ON s.sku = v.sku
              WHERE v.product_id IN ($*)
              ORDER BY v.product_id, v.position",
        )
        .bind_list(products)
        .fetch_all()
        .await?;
    let mut variants: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let variant = Variant {
            sku: row.sku,
            name: variant_name(&row.options),
            options: row.options.0,
            price: Money::new(row.price, currency),
            compare_at_price: row.compare_at_price.map(|amount| Money::new(amount, currency)),
            weight_g: row.weight_g,
            barcode: row.barcode,
            available: row.available.max(0),
            stock_policy: row.stock_policy,
            taxable: row.taxable,
            on_sale: row.on_sale,
        };
        variants.entry(row.product_id).or_default().push(variant);
    }
    Ok(variants)
}

/// The variants of one product, in their order.
pub(crate) async fn of_one(
    on: impl Executor<'_>,
    product: ProductId,
    currency: Currency,
) -> Result<Vec<Variant>, Fault> {
    Ok(of(on, [product], currency).await?.remove(&product).unwrap_or_default())
}

/// Adds a variant; false where its SKU is taken.
pub(crate) async fn create(
    tx: &mut Tx,
    product: ProductId,
    position: i64,
    draft: &Draft,
    currency: Currency,
) -> Result<bool, Fault> {
    let inserted = tx
        .query(
            "INSERT INTO variants (sku, product_id, position, options, price, compare_at_price, currency, weight_g, barcode,
                                   taxable, on_sale)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (sku) DO NOTHING",
        )
        .bind(draft.sku.clone())
        .bind(product)
        .bind(position)
        .bind(Json(draft.options.clone()))
        .bind(draft.price)
        .bind(draft.compare_at_price)
        .bind(currency.code().to_owned())
        .bind(draft.weight_g)
        .bind(draft.barcode.clone())
        .bind(draft.taxable)
        .bind(draft.on_sale)
        .execute()
        .await?;
    Ok(inserted == 1)
}

pub(crate) async fn update(tx: &mut Tx, draft: &Draft) -> Result<(), Fault> {
    tx.query(
        "UPDATE variants
            SET options = $2, price = $3, compare_at_price = $4, weight_g = $5, barcode = $6, taxable = $7,
                on_sale = $8
          WHERE sku = $1",
    )
    .bind(draft.sku.clone())
    .bind(Json(draft.options.clone()))
    .bind(draft.price)
    .bind(draft.compare_at_price)
    .bind(draft.weight_g)
    .bind(draft.barcode.clone())
    .bind(draft.taxable)
    .bind(draft.on_sale)
    .execute()
    .await?;
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct OfferRow {
    sku: Sku,
    product_id: ProductId,
    slug: String,
    name: String,
    options: Json<Vec<OptionValue>>,
    price: i64,
    weight_g: i64,
    images: Json<Vec<Image>>,
    available: i64,
    stock_policy: StockPolicy,
    taxable: bool,
}

/// What is on sale of `skus`, in one query: every look into a cart takes it.
pub(crate) async fn offers(on: impl Executor<'_>, skus: Vec<Sku>, currency: Currency) -> Result<Vec<Offer>, Fault> {
    let rows: Vec<OfferRow> = on
        .query(
            "SELECT v.sku, v.product_id, p.slug, p.name, v.options, v.price, v.weight_g, p.images, v.taxable,
                    s.policy AS stock_policy, s.on_hand - s.reserved AS available
               FROM variants AS v
               JOIN products AS p ON p.id = v.product_id
               JOIN stock    AS s ON s.sku = v.sku
              WHERE p.status = 'active'
                AND v.on_sale
                AND v.sku IN ($*)",
        )
        .bind_list(skus)
        .fetch_all()
        .await?;
    let offers = rows.into_iter().map(|row| Offer {
        sku: row.sku,
        product_id: row.product_id,
        slug: row.slug,
        name: row.name,
        variant: variant_name(&row.options),
        price: Money::new(row.price, currency),
        weight_g: row.weight_g,
        image: row.images.0.into_iter().next(),
        available: row.available.max(0),
        stock_policy: row.stock_policy,
        taxable: row.taxable,
    });
    Ok(offers.collect())
}

/// The currency of the prices there are.
pub(crate) async fn currency(on: impl Executor<'_>) -> Result<Option<String>, Fault> {
    let row: Option<(String,)> = on.query("SELECT currency FROM variants LIMIT 1").fetch_optional().await?;
    Ok(row.map(|(code,)| code))
}
