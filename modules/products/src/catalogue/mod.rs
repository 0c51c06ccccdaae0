//! Products: how they are read, created and changed.
mod categories;
mod change;
mod fields;
mod import;
pub(crate) mod listing;
pub(crate) mod product;
mod search;
pub(crate) mod store;

use kernel::{Condition, Fault, Page, PageQuery, Tx, Violation};
use uuid::Uuid;

use crate::{
    Error, NewProduct, Offer, Product, ProductId, ProductPatch, ProductQuery, Sku, forms::slug, service::Service, stock,
};
use change::Change;
use listing::Listing;
use product::{Details, Draft};
use search::Found;
use store::{Key, Row, variants};

/// The most variants that are looked up at a time.
const MAX_OFFERS: usize = 1000;
/// How many products are prepared at a time.
const BATCH: i64 = 100;

impl Service {
    /// One query for the products of the page, one for all their variants.
    pub(crate) async fn page(&self, query: ProductQuery) -> Result<Page<Product>, Error> {
        let listing = Listing::read(query)?;
        self.filled(Page::new(listing.rows(&self.db).await?, listing.limit, |row| listing.key(row))).await
    }

    /// A page of everything there is.
    pub(crate) async fn whole(&self, page: PageQuery) -> Result<Page<Product>, Error> {
        let (limit, after) = page.read::<ProductId>()?;
        let after = after.unwrap_or(ProductId(Uuid::nil()));
        self.filled(Page::new(store::after(&self.db, after, limit + 1).await?, limit, |row| row.id)).await
    }

    async fn filled(&self, page: Page<Row>) -> Result<Page<Product>, Error> {
        let ids: Vec<_> = page.items.iter().map(|row| row.id).collect();
        let mut of = variants::of(&self.db, ids, self.currency).await?;
        Ok(page.map(|row| {
            let variants = of.remove(&row.id).unwrap_or_default();
            row.product(variants)
        }))
    }

    pub(crate) async fn find(&self, id_or_slug: &str) -> Result<Product, Error> {
        let found = match Key::parse(id_or_slug) {
            Some(key) => store::find(&self.db, &key).await?,
            None => None,
        };
        let row = found.ok_or_else(|| Error::ProductNotFound { product: id_or_slug.into() })?;
        let mut of = variants::of(&self.db, [row.id], self.currency).await?;
        let variants = of.remove(&row.id).unwrap_or_default();
        Ok(row.product(variants))
    }

    pub(crate) async fn on_sale(&self, mut skus: Vec<Sku>) -> Result<Vec<Offer>, Error> {
        skus.sort_unstable();
        skus.dedup();
        match skus.len() {
            0 => Ok(Vec::new()),
            1..=MAX_OFFERS => {
                let mut offers = variants::offers(&self.db, skus, self.currency).await?;
                offers.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
                Ok(offers)
            }
            _ => Err(Violation::new("too_many", format!("must be at most {MAX_OFFERS}")).at("/skus").into()),
        }
    }

    pub(crate) async fn add(&self, product: NewProduct) -> Result<Product, Error> {
        let (id, change) = (ProductId::new(), Change::of_new(product, self.currency)?);
        let mut tx = self.db.begin().await?;
        let slugs = match &change.slug {
            Some(slug) => vec![slug.clone()],
            None => slug::candidates(change.name.as_deref().unwrap_or_default(), "product", id.0),
        };
        if !self.insert(&mut tx, id, &change, &slugs).await? {
            return Err(Error::SlugTaken { slug: slugs.into_iter().next().unwrap_or_default() });
        }
        let product = self.read(&mut tx, id).await?;
        tx.commit().await?;
        tracing::info!(product.id = %id, slug = product.slug, "a product was created");
        Ok(product)
    }

    pub(crate) async fn change(
        &self,
        id_or_slug: &str,
        patch: ProductPatch,
        if_match: &Condition,
    ) -> Result<Product, Error> {
        let change = Change::read(patch, self.currency)?;
        let not_found = || Error::ProductNotFound { product: id_or_slug.into() };
        let key = Key::parse(id_or_slug).ok_or_else(not_found)?;
        let mut tx = self.db.begin().await?;
        let row = store::lock(&mut tx, &key).await?.ok_or_else(not_found)?;
        let (id, version) = (row.id, row.version);
        // What is so already is fine at any version: the same request may come twice (RFC 9110, section 13.1.1).
        let moot = change.variants.is_empty() && change.apply(row.details()) == row.details();
        if !moot && !if_match.holds(Some(version)) {
            return Err(Error::Stale { version });
        }
        let changed = self.apply(&mut tx, &row, &change).await?;
        let product = self.read(&mut tx, id).await?;
        tx.commit().await?;
        if changed {
            tracing::info!(product.id = %id, slug = product.slug, "a product was changed");
        }
        Ok(product)
    }

    /// Writes a new product under the first of `slugs` that is free; false if all are taken.
    pub(crate) async fn insert(
        &self,
        tx: &mut Tx,
        id: ProductId,
        change: &Change,
        slugs: &[String],
    ) -> Result<bool, Error> {
        let drafts = change.merge(Vec::new())?;
        for slug in slugs {
            let details = change.apply(Details::empty(slug.clone()));
            self.on_a_shelf(tx, &details).await?;
            if store::insert(tx, id, &details, &drafts, self.clock.now()).await? {
                self.write(tx, id, change, &[], &drafts).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes what `change` makes of a product that is locked; false where that is what it is already.
    pub(crate) async fn apply(&self, tx: &mut Tx, row: &Row, change: &Change) -> Result<bool, Error> {
        let mut of = variants::of(&mut *tx, [row.id], self.currency).await?;
        let before: Vec<_> = of.remove(&row.id).unwrap_or_default().into_iter().map(Draft::from).collect();
        let (details, after) = (change.apply(row.details()), change.merge(before.clone())?);
        if details == row.details() && after == before {
            return Ok(false);
        }
        self.on_a_shelf(tx, &details).await?;
        let written = store::update(tx, row.id, &details, &after, self.clock.now()).await;
        written.map_err(|error| match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() => Error::SlugTaken { slug: details.slug },
            _ => error.into(),
        })?;
        self.write(tx, row.id, change, &before, &after).await?;
        Ok(true)
    }

    /// Writes the variants that are new or have changed.
    async fn write(
        &self,
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
            } else if variants::insert(tx, id, place, draft, self.currency).await? {
                stock::open(tx, &draft.sku, change.on_hand(&draft.sku), draft.stock_policy, self.clock.now()).await?;
            } else {
                return Err(Error::SkuTaken { sku: draft.sku.clone() });
            }
        }
        Ok(())
    }

    /// Refuses a category that there is not.
    async fn on_a_shelf(&self, tx: &mut Tx, details: &Details) -> Result<(), Error> {
        match &details.category {
            Some(slug) if !store::category_exists(tx, slug).await? => {
                Err(Violation::new("unknown_category", format!("there is no category `{slug}`")).at("/category").into())
            }
            _ => Ok(()),
        }
    }

    /// The product as the transaction leaves it.
    async fn read(&self, tx: &mut Tx, id: ProductId) -> Result<Product, Error> {
        let row = store::find(&mut *tx, &Key::Id(id)).await?;
        let row = row.ok_or_else(|| Fault::internal(format!("product {id} vanished")))?;
        let mut of = variants::of(tx, [id], self.currency).await?;
        Ok(row.product(of.remove(&id).unwrap_or_default()))
    }
    /// Prepares the words of products that 0.1.0 has written; true where there may be more of them.
    pub(crate) async fn prepare(&self) -> Result<bool, Error> {
        let rows = store::unprepared(&self.db, BATCH).await?;
        let mut of = variants::of(&self.db, rows.iter().map(|row| row.id), self.currency).await?;
        let mut prepared = 0;
        for row in &rows {
            let variants: Vec<_> = of.remove(&row.id).unwrap_or_default().into_iter().map(Draft::from).collect();
            prepared += store::set_words(&self.db, row, Found::of(&row.details(), &variants)).await?;
        }
        Ok(prepared > 0)
    }
}
