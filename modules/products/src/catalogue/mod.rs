//! What is sold: products, their variants and their categories, and how they are listed, found and changed.
pub(crate) mod cache;
pub(crate) mod categories;
mod change;
mod fields;
pub(crate) mod import;
pub(crate) mod index;
mod listing;
pub(crate) mod product;
pub(crate) mod search;
pub(crate) mod store;

use kernel::{Caller, Condition, Fault, Page, PageQuery, Patch, Ready, StartError, Tx, Violation};
use uuid::Uuid;

use crate::{
    Error, NewProduct, Offer, Product, ProductId, ProductPatch, ProductQuery, ProductStatus, Rating, Sku, forms::slug,
    service::Service, stock,
};
use cache::Name;
use change::Change;
use index::Narrowed;
use listing::Listing;
use product::{Details, Draft};
use search::Found;
use store::{Key, Row, variants};

/// The most variants that are looked up at a time.
const MAX_OFFERS: usize = 1000;
/// How many products are prepared at a time.
const BATCH: i64 = 100;

/// A product as customers see it.
fn shown(mut product: Product) -> Product {
    product.variants.retain(|variant| variant.on_sale);
    product
}

/// What a product is shown with.
fn names(product: &Product) -> impl Iterator<Item = Name> {
    let stock = product.variants.iter().map(|variant| Name::Stock(variant.sku.clone()));
    std::iter::once(Name::Product(product.id)).chain(stock)
}

/// Staff reads the database, everybody else what they were shown before, if that is so still.
pub(crate) async fn list(
    service: &Service,
    caller: &Caller,
    query: ProductQuery,
) -> Result<Ready<Page<Product>>, Error> {
    if caller.is_staff() {
        return Ok(Ready::of(&read_list(service, query).await?)?);
    }
    if query.status.is_some_and(|status| status != ProductStatus::Active) {
        caller.staff()?;
    }
    let read = async {
        let page = read_list(service, query.clone()).await?.map(shown);
        Ok((Ready::of(&page)?, page.items.iter().flat_map(names).chain([Name::Lists]).collect()))
    };
    service.shown.lists.get(query.clone(), read).await
}

/// One query for the products of the page, one for all their variants; before them, where words are looked for, what the
/// index knows of each.
async fn read_list(service: &Service, query: ProductQuery) -> Result<Page<Product>, Error> {
    let listing = Listing::read(query)?;
    // Without a word in it, a question asks for nothing that there is.
    let narrowed = match &listing.words {
        Some(words) if words.is_empty() => Some(Narrowed::default()),
        Some(words) => index::narrow(service, words).await?,
        None => None,
    };
    let rows = store::list(&service.db, &listing, narrowed).await?;
    with_variants(service, Page::new(rows, listing.limit, |row| listing.key(row))).await
}

pub(crate) async fn every(service: &Service, page: PageQuery) -> Result<Page<Product>, Error> {
    let (limit, after) = page.read::<ProductId>()?;
    let after = after.unwrap_or(ProductId(Uuid::nil()));
    with_variants(service, Page::new(store::every(&service.db, after, limit + 1).await?, limit, |row| row.id)).await
}

async fn with_variants(service: &Service, page: Page<Row>) -> Result<Page<Product>, Error> {
    if page.items.is_empty() {
        return Ok(page.map(|row| row.product(Vec::new())));
    }
    let ids: Vec<_> = page.items.iter().map(|row| row.id).collect();
    let mut of = variants::of(&service.db, ids, service.currency).await?;
    Ok(page.map(|row| {
        let variants = of.remove(&row.id).unwrap_or_default();
        row.product(variants)
    }))
}

/// A product that customers do not see is to them as if it were not there.
pub(crate) async fn get(service: &Service, caller: &Caller, id_or_slug: String) -> Result<Ready<Product>, Error> {
    if caller.is_staff() {
        return Ok(Ready::of(&read_one(service, &id_or_slug).await?)?);
    }
    let read = async {
        let product = read_one(service, &id_or_slug).await?;
        if product.status != ProductStatus::Active {
            return Err(Error::ProductNotFound { product: id_or_slug.clone() });
        }
        let product = shown(product);
        Ok((Ready::of(&product)?, names(&product).collect()))
    };
    service.shown.products.get(id_or_slug.clone(), read).await
}

async fn read_one(service: &Service, id_or_slug: &str) -> Result<Product, Error> {
    let found = match Key::parse(id_or_slug) {
        Some(key) => store::find(&service.db, &key).await?,
        None => None,
    };
    let row = found.ok_or_else(|| Error::ProductNotFound { product: id_or_slug.to_owned() })?;
    let variants = variants::of_one(&service.db, row.id, service.currency).await?;
    Ok(row.product(variants))
}

/// Notes a rating, unless a later one has come before.
pub(crate) async fn rate(service: &Service, id: ProductId, rating: Option<Rating>, version: i64) -> Result<(), Error> {
    let _changing = service.shown.changes.of([Name::Product(id)]);
    if !store::rate(&service.db, id, rating, version).await? {
        store::find(&service.db, &Key::Id(id)).await?.ok_or(Error::ProductNotFound { product: id.to_string() })?;
    }
    Ok(())
}

pub(crate) async fn offers(service: &Service, mut skus: Vec<Sku>) -> Result<Vec<Offer>, Error> {
    skus.sort_unstable();
    skus.dedup();
    match skus.len() {
        0 => Ok(Vec::new()),
        1..=MAX_OFFERS => {
            let mut offers = variants::offers(&service.db, skus, service.currency).await?;
            offers.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
            Ok(offers)
        }
        _ => Err(Violation::new("too_many", format!("must be at most {MAX_OFFERS}")).at("/skus").into()),
    }
}

pub(crate) async fn create(service: &Service, product: NewProduct) -> Result<Product, Error> {
    let (id, change) = (ProductId::new(), Change::of_new(product, service.currency)?);
    let mut tx = service.db.begin().await?;
    let slugs = match &change.slug {
        Some(slug) => vec![slug.clone()],
        None => slug::candidates(change.name.as_deref().unwrap_or_default(), "product", id.0),
    };
    if !create_as(service, &mut tx, id, &change, &slugs).await? {
        return Err(Error::SlugTaken { slug: slugs.into_iter().next().unwrap_or_default() });
    }
    let product = read(service, &mut tx, id).await?;
    let _changing = service.shown.changes.of([Name::Lists]);
    tx.commit().await?;
    tracing::info!(product.id = %id, slug = product.slug, "a product was created");
    Ok(product)
}

pub(crate) async fn update(
    service: &Service,
    id_or_slug: &str,
    patch: ProductPatch,
    if_match: &Condition,
) -> Result<Product, Error> {
    let change = Change::read(patch, service.currency)?;
    let not_found = || Error::ProductNotFound { product: id_or_slug.into() };
    let key = Key::parse(id_or_slug).ok_or_else(not_found)?;
    let mut tx = service.db.begin().await?;
    let row = store::lock(&mut tx, &key).await?.ok_or_else(not_found)?;
    let (id, version) = (row.id, row.version);
    // What is so already is fine at any version: the same request may come twice (RFC 9110, section 13.1.1).
    let moot = change.variants.is_empty() && change.apply(row.details()) == row.details();
    if !moot && !if_match.holds(Some(version)) {
        return Err(Error::Stale { version });
    }
    let changed = apply(service, &mut tx, &row, &change).await?;
    let product = read(service, &mut tx, id).await?;
    let _changing = changed.then(|| service.shown.changes.of([Name::Lists, Name::Product(id)]));
    tx.commit().await?;
    if changed {
        tracing::info!(product.id = %id, slug = product.slug, "a product was changed");
    }
    Ok(product)
}

pub(crate) async fn archive(service: &Service, id_or_slug: &str, if_match: &Condition) -> Result<(), Error> {
    let status = Patch::Value(ProductStatus::Archived);
    let patch = ProductPatch { status, ..ProductPatch::default() };
    update(service, id_or_slug, patch, if_match).await.map(drop)
}

/// Writes a new product under the first of `slugs` that is free; false if all are taken.
pub(crate) async fn create_as(
    service: &Service,
    tx: &mut Tx,
    id: ProductId,
    change: &Change,
    slugs: &[String],
) -> Result<bool, Error> {
    let drafts = change.merge(Vec::new())?;
    for slug in slugs {
        let details = change.apply(Details::empty(slug.clone()));
        in_a_category(tx, &details).await?;
        if store::create(tx, id, &details, &drafts, service.clock.now()).await? {
            write_variants(service, tx, id, change, &[], &drafts).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes what `change` makes of a product that is locked; false where that is what it is already.
pub(crate) async fn apply(service: &Service, tx: &mut Tx, row: &Row, change: &Change) -> Result<bool, Error> {
    let before = variants::of_one(&mut *tx, row.id, service.currency).await?;
    let before: Vec<_> = before.into_iter().map(Draft::from).collect();
    let (details, after) = (change.apply(row.details()), change.merge(before.clone())?);
    if details == row.details() && after == before {
        return Ok(false);
    }
    in_a_category(tx, &details).await?;
    if !store::update(tx, row.id, &details, &after, service.clock.now()).await? {
        return Err(Error::SlugTaken { slug: details.slug });
    }
    write_variants(service, tx, row.id, change, &before, &after).await?;
    Ok(true)
}

/// Writes the variants that are new or have changed.
async fn write_variants(
    service: &Service,
    tx: &mut Tx,
    id: ProductId,
    change: &Change,
    before: &[Draft],
    after: &[Draft],
) -> Result<(), Error> {
    let mut places: Vec<_> = after.iter().zip(0_i64..).filter(|(draft, _)| !before.contains(draft)).collect();
    // Two who add the same SKUs in opposite orders would wait for each other.
    places.sort_unstable_by(|(a, _), (b, _)| a.sku.cmp(&b.sku));
    for (draft, place) in places {
        if before.iter().any(|known| known.sku == draft.sku) {
            variants::update(tx, draft).await?;
            if before.iter().any(|known| known.sku == draft.sku && known.stock_policy != draft.stock_policy) {
                stock::set_policy(tx, &draft.sku, draft.stock_policy).await?;
            }
        } else if variants::create(tx, id, place, draft, service.currency).await? {
            stock::open(tx, &draft.sku, change.on_hand(&draft.sku), draft.stock_policy, service.clock.now()).await?;
        } else {
            return Err(Error::SkuTaken { sku: draft.sku.clone() });
        }
    }
    Ok(())
}

/// Refuses a category that there is not.
async fn in_a_category(tx: &mut Tx, details: &Details) -> Result<(), Error> {
    match &details.category {
        Some(slug) if !store::category_exists(tx, slug).await? => {
            Err(Violation::new("unknown_category", format!("there is no category `{slug}`")).at("/category").into())
        }
        _ => Ok(()),
    }
}

/// The product as the transaction leaves it.
async fn read(service: &Service, tx: &mut Tx, id: ProductId) -> Result<Product, Error> {
    let row = store::find(&mut *tx, &Key::Id(id)).await?;
    let row = row.ok_or_else(|| Fault::internal(format!("product {id} vanished")))?;
    Ok(row.product(variants::of_one(tx, id, service.currency).await?))
}

/// Does what is left to do for what was written: prepares words, indexes them, adds up categories; true where there may be
/// more of it.
pub(crate) async fn tidy(service: &Service) -> Result<bool, Error> {
    let (unprepared, unindexed, uncounted) = store::untidy(&service.db).await?;
    let prepared = unprepared && prepare(service).await?;
    let indexed = unindexed && index::index(service).await?;
    Ok((uncounted && categories::add_up(service).await?) || prepared || indexed)
}

/// Prepares the words of products that 0.1.0 has written; true where there may be more of them.
pub(crate) async fn prepare(service: &Service) -> Result<bool, Error> {
    let rows = store::unprepared(&service.db, BATCH).await?;
    let mut of = variants::of(&service.db, rows.iter().map(|row| row.id), service.currency).await?;
    let mut prepared = 0;
    let _changing = (!rows.is_empty()).then(|| service.shown.changes.of([Name::Lists]));
    for row in &rows {
        let variants: Vec<_> = of.remove(&row.id).unwrap_or_default().into_iter().map(Draft::from).collect();
        prepared += store::set_words(&service.db, row, Found::of(&row.details(), &variants)).await?;
    }
    Ok(prepared > 0)
}

/// Refuses a currency that is not that of the prices there are: their amounts would mean something else.
pub(crate) async fn ensure_currency(service: &Service) -> Result<(), StartError> {
    let currency = service.currency;
    match variants::currency(&service.db).await? {
        Some(other) if other != currency.code() => {
            Err(format!("`currency` is {currency}, but the catalogue's prices are in {other}").into())
        }
        _ => Ok(()),
    }
}
