//! Categories: each has a name, by which files know it, and a slug, by which addresses do.
use kernel::{Tx, Violation, Violations};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::store;
use crate::{
    Category, Error, NewCategory,
    forms::{CategoryName, slug},
    service::Service,
};

/// A category's name; letters that Unicode calls equivalent are the same.
fn name(given: &str) -> Result<String, Violation> {
    let composed: String = given.nfc().collect();
    CategoryName::read(&composed)
}

impl Service {
    pub(crate) async fn shelves(&self) -> Result<Vec<Category>, Error> {
        let mut categories = store::categories(&self.db).await?;
        categories.sort_by_cached_key(|category| (slug::sort_key(&category.name), category.slug.clone()));
        Ok(categories)
    }

    pub(crate) async fn add_category(&self, category: NewCategory) -> Result<Category, Error> {
        let mut checks = Violations::new();
        let name = checks.field("/name", name(&category.name));
        let slug = category.slug.map(|given| checks.field("/slug", slug::parse(&given)));
        let name = checks.finish(name)?;
        let mut tx = self.db.begin().await?;
        let slug = match slug.flatten() {
            Some(slug) if self.put_up(&mut tx, &slug, &name).await? => slug,
            Some(slug) => return Err(Error::SlugTaken { slug }),
            None => match self.shelf(&mut tx, &name, &name).await? {
                (slug, true) => slug,
                (slug, false) => return Err(Error::SlugTaken { slug }),
            },
        };
        tx.commit().await?;
        Ok(Category { slug, name, products: 0 })
    }

    /// The category that an import calls `called`; one of that very name, or a new one.
    ///
    /// `hint` is what its slug is made from where it is new.
    pub(crate) async fn imported_shelf(&self, tx: &mut Tx, called: &str, hint: &str) -> Result<String, Error> {
        let called = name(called).map_err(|flaw| flaw.at("/category"))?;
        let hint = if hint.is_empty() { &called } else { hint };
        Ok(self.shelf(tx, &called, hint).await?.0)
    }

    /// The slug of the category of this name, and whether it was put up just now.
    async fn shelf(&self, tx: &mut Tx, name: &str, hint: &str) -> Result<(String, bool), Error> {
        if let Some(slug) = store::category_named(&mut *tx, name).await? {
            return Ok((slug, false));
        }
        let slugs = slug::candidates(hint, "category", Uuid::now_v7());
        for slug in &slugs {
            if self.put_up(tx, slug, name).await? {
                return Ok((slug.clone(), true));
            }
            // Somebody else may have put up this very one meanwhile.
            if let Some(slug) = store::category_named(&mut *tx, name).await? {
                return Ok((slug, false));
            }
        }
        Err(Error::SlugTaken { slug: slugs.into_iter().next().unwrap_or_default() })
    }

    async fn put_up(&self, tx: &mut Tx, slug: &str, name: &str) -> Result<bool, Error> {
        Ok(store::insert_category(tx, slug, name, self.clock.now()).await?)
    }
}
