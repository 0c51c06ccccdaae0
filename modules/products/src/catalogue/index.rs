//! The index of words: it leads a search to the few products that may have a word, and past all others.
use std::collections::{BTreeMap, BTreeSet};

use kernel::Tx;

use super::{
    search::{self, Patterns},
    store::index as store,
};
use crate::{Error, ProductId, service::Service};

/// So many changes are indexed at a time.
const BATCH: i64 = 20;
/// A statement writes so many rows.
const ROWS: usize = 500;
/// A term that more products have is common: so many are not looked at one by one.
const COMMON: i64 = 500;
/// So many terms lead to products; a word that is in more is looked for in all products.
const TERMS: usize = 32;
/// So many products that are not indexed are looked at with those that are.
const WAITING: i64 = 200;

/// Where a search has to look: behind these terms, and at these products, which are not indexed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Narrowed {
    pub(crate) terms: Vec<String>,
    pub(crate) waiting: Vec<ProductId>,
}

/// Where one has to look for `words`; none where that is everywhere, since the index tells too little.
///
/// First what waits and then the terms: what is indexed meanwhile is found by one or the other.
pub(crate) async fn narrow(service: &Service, words: &[Patterns]) -> Result<Option<Narrowed>, Error> {
    let waiting = store::waiting(&service.db, WAITING + 1).await?;
    if i64::try_from(waiting.len()).is_ok_and(|count| count > WAITING) {
        return Ok(None);
    }
    let mut best: Option<BTreeSet<String>> = None;
    for word in words {
        let most = best.as_ref().map_or(TERMS, BTreeSet::len);
        let limit = i64::try_from(4 * TERMS).unwrap_or_default();
        let found = store::terms_in(&service.db, search::places(word), limit).await?;
        // Where there are more, not all are known.
        let told = found.len() < 4 * TERMS && found.iter().all(|(_, common)| !common);
        let terms: BTreeSet<_> = found.into_iter().map(|(term, _)| term).collect();
        if told && terms.len() <= most {
            best = Some(terms);
        }
        if best.as_ref().is_some_and(BTreeSet::is_empty) {
            break;
        }
    }
    Ok(best.map(|terms| Narrowed { terms: terms.into_iter().collect(), waiting }))
}

/// Indexes what has changed, some at a time; true where there may be more.
pub(crate) async fn index(service: &Service) -> Result<bool, Error> {
    let mut tx = service.db.begin().await?;
    let changed = store::unindexed(&mut tx, BATCH).await?;
    if changed.is_empty() {
        return Ok(false);
    }
    let (places, mut ids): (Vec<_>, Vec<_>) = changed.into_iter().unzip();
    ids.sort_unstable_by_key(|id| id.0);
    ids.dedup();
    let mut products = BTreeMap::<String, Vec<ProductId>>::new();
    for (id, words, prose) in store::words(&mut tx, ids).await? {
        for term in search::terms(&words, &prose) {
            products.entry(term).or_default().push(id);
        }
    }
    add(&mut tx, products).await?;
    store::set_indexed(&mut tx, places).await?;
    tx.commit().await?;
    Ok(true)
}

/// Adds these terms, and of those that are not common which products have them. All in one order: two who add the same ones
/// do not wait for each other.
async fn add(tx: &mut Tx, mut products: BTreeMap<String, Vec<ProductId>>) -> Result<(), Error> {
    let terms: Vec<String> = products.keys().cloned().collect();
    let mut known = BTreeMap::new();
    for some in terms.chunks(ROWS) {
        let firsts = some.iter().map(|term| search::first_part(term)).collect();
        known.extend(store::known(tx, firsts).await?);
    }
    let new = terms.iter().map(|term| (term, search::name(term))).filter(|(_, name)| !known.contains_key(name));
    let parts = new.flat_map(|(term, name)| search::term_parts(term).into_iter().map(move |part| (part, name.clone())));
    for some in parts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().chunks(ROWS) {
        store::add_parts(tx, some.to_vec()).await?;
    }
    products.retain(|term, _| known.get(&search::name(term)) != Some(&true));
    let rows = products.iter().flat_map(|(term, ids)| ids.iter().map(|id| (search::name(term), *id)));
    for some in rows.collect::<Vec<_>>().chunks(ROWS) {
        store::add_terms(tx, some.to_vec()).await?;
    }
    for some in products.into_keys().collect::<Vec<_>>().chunks(ROWS) {
        let names = some.iter().map(|term| search::name(term)).collect();
        let frequent: BTreeSet<_> = store::frequent(tx, COMMON, names).await?.into_iter().collect();
        for term in some.iter().filter(|term| frequent.contains(&search::name(term))) {
            store::set_common(tx, &search::name(term), search::term_parts(term).into_iter().collect()).await?;
        }
    }
    Ok(())
}
