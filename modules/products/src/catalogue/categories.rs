//! Categories: each has a name, by which files know it, and a slug, by which addresses do.
use std::collections::BTreeMap;

use kernel::{Tx, Violation, Violations};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::store;
use crate::{
    Category, Error, NewCategory,
    forms::{CategoryName, slug},
    service::Service,
};

/// So many lines are added up at a time.
const LINES: i64 = 1000;

/// A category's name; letters that Unicode calls equivalent are the same.
fn name(given: &str) -> Result<String, Violation> {
    let composed: String = given.nfc().collect();
    CategoryName::read(&composed)
}

pub(crate) async fn categories(service: &Service) -> Result<Vec<Category>, Error> {
    let mut categories = store::categories(&service.db).await?;
    categories.sort_by_cached_key(|category| (slug::sort_key(&category.name), category.slug.clone()));
    Ok(categories)
}

/// Adds up what has come and gone in categories, some at a time; true where there may be more.
pub(crate) async fn add_up(service: &Service) -> Result<bool, Error> {
    let mut tx = service.db.begin().await?;
    let changes = store::uncounted(&mut tx, LINES).await?;
    let (mut sums, mut lines) = (BTreeMap::<_, i64>::new(), Vec::new());
    for (line, category, delta) in changes {
        *sums.entry(category).or_default() += delta;
        lines.push(line);
    }
    let more = i64::try_from(lines.len()).is_ok_and(|count| count == LINES);
    // In the order of their slugs: two who add up do not wait for each other.
    for (category, delta) in sums {
        store::count(&mut tx, &category, delta).await?;
    }
    store::set_counted(&mut tx, lines).await?;
    tx.commit().await?;
    Ok(more)
}

pub(crate) async fn create_category(service: &Service, category: NewCategory) -> Result<Category, Error> {
    let mut checks = Violations::new();
    let name = checks.field("/name", name(&category.name));
    let slug = category.slug.map(|given| checks.field("/slug", slug::parse(&given)));
    let name = checks.finish(name)?;
    let mut tx = service.db.begin().await?;
    let slug = match slug.flatten() {
        Some(slug) if store::create_category(&mut tx, &slug, &name, service.clock.now()).await? => slug,
        Some(slug) => return Err(Error::SlugTaken { slug }),
        None => match find_or_create(service, &mut tx, &name, &name).await? {
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
pub(crate) async fn imported_category(
    service: &Service,
    tx: &mut Tx,
    called: &str,
    hint: &str,
) -> Result<String, Error> {
    let called = name(called).map_err(|flaw| flaw.at("/category"))?;
    let hint = if hint.is_empty() { &called } else { hint };
    Ok(find_or_create(service, tx, &called, hint).await?.0)
}

/// The slug of the category of this name, and whether it was created just now.
async fn find_or_create(service: &Service, tx: &mut Tx, name: &str, hint: &str) -> Result<(String, bool), Error> {
    if let Some(slug) = store::category_named(&mut *tx, name).await? {
        return Ok((slug, false));
    }
    let slugs = slug::candidates(hint, "category", Uuid::now_v7());
    for slug in &slugs {
        if store::create_category(&mut *tx, slug, name, service.clock.now()).await? {
            return Ok((slug.clone(), true));
        }
        // Somebody else may have created this very one meanwhile.
        if let Some(slug) = store::category_named(&mut *tx, name).await? {
            return Ok((slug, false));
        }
    }
    Err(Error::SlugTaken { slug: slugs.into_iter().next().unwrap_or_default() })
}
