//! Bringing in a whole catalogue, again and again if need be.
use kernel::{Invalid, Refusal, text};

use crate::{
    Error, ImportRefusal, ImportReport, ImportedProduct, Sku,
    domain::Change,
    fields,
    service::Service,
    slug,
    store::{self, Key},
};

/// The most products of one call.
const MAX_PRODUCTS: usize = 1000;

/// What became of one product.
enum Outcome {
    Created,
    Updated,
    Unchanged,
}

impl Service {
    /// Each product in a transaction of its own: one that is refused keeps none of the others out.
    pub(crate) async fn bring_in(&self, products: Vec<ImportedProduct>) -> Result<ImportReport, Error> {
        if products.len() > MAX_PRODUCTS {
            return Err(Invalid::one("/products", "too_many", format!("must be at most {MAX_PRODUCTS} a call")).into());
        }
        let mut report = ImportReport::default();
        for imported in products {
            let slug = imported.product.slug.clone().unwrap_or_else(|| slug::from_name(&imported.product.name));
            let skus: Vec<_> = imported.product.variants.iter().map(|variant| variant.sku.clone()).collect();
            match self.bring(&slug, imported).await {
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

    async fn bring(&self, slug: &str, mut imported: ImportedProduct) -> Result<Outcome, Error> {
        imported.product.slug = Some(slug.to_owned());
        let change = Change::of_new(imported.product, self.currency)?;
        let mut tx = self.db.begin().await?;
        if let Some(category) = change.category.as_deref().filter(|category| !category.is_empty()) {
            let name = text(imported.category_name.as_deref().unwrap_or(category), 1, fields::MAX_CATEGORY)
                .map_err(|flaw| Invalid::one("/category", flaw.code, flaw.detail))?;
            store::insert_category(&mut tx, category, &name, self.clock.now()).await?;
        }
        let outcome = if self.insert(&mut tx, &change, &[slug.to_owned()]).await?.is_some() {
            Outcome::Created
        } else {
            let row = store::lock(&mut tx, &Key::Slug(slug.to_owned())).await?;
            let row = row.ok_or_else(|| Error::SlugTaken { slug: slug.to_owned() })?;
            if self.apply(&mut tx, &row, &change).await? { Outcome::Updated } else { Outcome::Unchanged }
        };
        tx.commit().await?;
        Ok(outcome)
    }
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
