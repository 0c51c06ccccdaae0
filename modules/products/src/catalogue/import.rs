//! Bringing in a whole catalogue, again and again if need be.
use kernel::{Patch, Refusal, Tx, Violation, Violations};

use super::{
    apply,
    cache::Name,
    categories::imported_category,
    change::Change,
    create_as,
    product::are_twins,
    store::{self, Key, Row, variants},
};
use crate::{
    Error, ImportRefusal, ImportReport, ImportedProduct, ProductId, Sku, Variant, forms::slug, service::Service,
};

/// The most products of one call.
const MAX_PRODUCTS: usize = 1000;

/// What became of one product.
enum Outcome {
    Created,
    Updated,
    Unchanged,
}

/// Each product in a transaction of its own: one that is refused keeps none of the others out.
pub(crate) async fn import(service: &Service, products: Vec<ImportedProduct>) -> Result<ImportReport, Error> {
    if products.len() > MAX_PRODUCTS {
        return Err(Violation::new("too_many", format!("must be at most {MAX_PRODUCTS} a call"))
            .at("/products")
            .into());
    }
    let mut report = ImportReport::default();
    for imported in products {
        let given = imported.product.clone();
        let slug = given.slug.value().unwrap_or_default();
        let skus: Vec<_> = given.variants.value().into_iter().flatten().map(|variant| variant.sku).collect();
        match import_one(service, imported).await {
            Ok(Outcome::Created) => report.created += 1,
            Ok(Outcome::Updated) => report.updated += 1,
            Ok(Outcome::Unchanged) => report.unchanged += 1,
            Err(Error::Fault(fault)) => return Err(fault.into()),
            Err(error) => report.refused.push(refusal(slug, &skus, error)),
        }
    }
    let ImportReport { created, updated, unchanged, ref refused } = report;
    tracing::info!(created, updated, unchanged, refused = refused.len(), "products were imported");
    Ok(report)
}

async fn import_one(service: &Service, mut imported: ImportedProduct) -> Result<Outcome, Error> {
    // Without a slug it is refused: names that are alike would be one product.
    let slug = imported.product.slug.value().unwrap_or_default();
    imported.product.slug = Patch::Value(slug);
    let mut change = Change::read(imported.product, service.currency)?;
    let slug = change.slug.clone().unwrap_or_default();
    let mut tx = service.db.begin().await?;
    change.category = match (imported.category_name, change.category) {
        (None, Patch::Value(hint)) => Patch::Value(imported_category(service, &mut tx, &hint, &hint).await?),
        (None, category) => category,
        (Some(called), category) => {
            let hint = category.value().unwrap_or_default();
            Patch::Value(imported_category(service, &mut tx, &called, &hint).await?)
        }
    };
    let mut known = spelled_in_latin(service, &mut tx, &slug, &change).await?;
    if known.is_some() {
        change.slug = None;
    } else {
        known = store::lock(&mut tx, &Key::Slug(slug.clone())).await?;
    }
    if known.is_none() {
        change.complete()?;
        if create_as(service, &mut tx, ProductId::new(), &change, std::slice::from_ref(&slug)).await? {
            let _changing = service.shown.changes.of([Name::Lists]);
            tx.commit().await?;
            return Ok(Outcome::Created);
        }
        // Somebody else was faster.
        known = store::lock(&mut tx, &Key::Slug(slug.clone())).await?;
    }
    let row = known.ok_or(Error::SlugTaken { slug })?;
    if !imported.made_skus.is_empty() {
        let has = variants::of_one(&mut tx, row.id, service.currency).await?;
        keep_skus(&mut change, &imported.made_skus, &has)?;
    }
    let changed = apply(service, &mut tx, &row, &change).await?;
    let outcome = if changed { Outcome::Updated } else { Outcome::Unchanged };
    let _changing = changed.then(|| service.shown.changes.of([Name::Lists, Name::Product(row.id)]));
    tx.commit().await?;
    Ok(outcome)
}

/// The product that 0.1.0 made of this handle, which it spelled in Latin letters: one of its SKUs shows that it is.
async fn spelled_in_latin(service: &Service, tx: &mut Tx, slug: &str, change: &Change) -> Result<Option<Row>, Error> {
    let latin = slug::from_name(slug);
    if latin == slug || store::find(&mut *tx, &Key::Slug(slug.to_owned())).await?.is_some() {
        return Ok(None);
    }
    let Some(row) = store::lock(tx, &Key::Slug(latin)).await? else { return Ok(None) };
    let has = variants::of_one(tx, row.id, service.currency).await?;
    let same = has.iter().any(|variant| change.variants.iter().any(|other| other.sku == variant.sku));
    Ok(same.then_some(row))
}

/// Finds the variants whose SKUs were made up: by their choices, or as the only one there is.
fn keep_skus(change: &mut Change, made: &[String], has: &[Variant]) -> Result<(), Violations> {
    let named: Vec<Sku> = change.variants.iter().map(|variant| variant.sku.clone()).collect();
    for (index, variant) in change.variants.iter_mut().enumerate() {
        let known = has.iter().any(|known| known.sku == variant.sku);
        if known || !made.iter().any(|made| made == variant.sku.as_str()) {
            continue;
        }
        let mut free = has.iter().filter(|known| !named.contains(&known.sku));
        let same = match (&variant.options, has.len()) {
            (Some(options), _) => free.find(|known| are_twins(&known.options, options)),
            (None, 0 | 1) => free.next(),
            (None, _) => {
                let detail = "the product has several variants, and the file says neither SKU nor options";
                return Err(Violation::new("required", detail).at(format!("/variants/{index}/sku")));
            }
        };
        if let Some(same) = same {
            variant.sku = same.sku.clone();
        }
    }
    Ok(())
}

/// Why a product was refused: the first flaw, where it stands.
fn refusal(slug: String, skus: &[String], error: Error) -> ImportRefusal {
    let detail = error.to_string();
    let (pointer, detail) = match error {
        Error::Refusal(Refusal::InvalidInput { errors }) => match errors.into_iter().next() {
            Some(first) => (first.pointer, first.detail),
            None => (String::new(), detail),
        },
        Error::SkuTaken { sku } => (place(skus, &sku), detail),
        Error::SlugTaken { .. } => ("/slug".into(), detail),
        _ => (String::new(), detail),
    };
    ImportRefusal { slug, pointer, detail }
}

fn place(skus: &[String], sku: &Sku) -> String {
    let index = skus.iter().position(|given| given == sku.as_str());
    index.map_or_else(|| "/variants".into(), |index| format!("/variants/{index}/sku"))
}
