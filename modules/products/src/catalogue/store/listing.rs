//! The SQL of lists.
use kernel::{Executor, Fault};

use super::Row;
use crate::{
    catalogue::{
        index::Narrowed,
        listing::{After, Listing},
        search::WORDS,
    },
    forms::Sort,
};

/// The products of this page, and one more if there is one; of those alone that the index leads to, where it `narrowed` it.
pub(crate) async fn list(
    on: impl Executor<'_>,
    listing: &Listing,
    narrowed: Option<Narrowed>,
) -> Result<Vec<Row>, Fault> {
    if narrowed.as_ref().is_some_and(|narrowed| *narrowed == Narrowed::default()) {
        return Ok(Vec::new());
    }
    let by = match listing.sort {
        Sort::Newest => &NEWEST,
        Sort::Name => &NAME,
        Sort::Price => &PRICE,
        Sort::PriceDown => &PRICE_DOWN,
    };
    let words = usize::from(listing.words.is_some()) + usize::from(narrowed.is_some());
    let sql = by[words][usize::from(listing.category.is_some())];
    let query = on.query(sql).bind(listing.status).bind(listing.limit + 1);
    let mut query = match listing.after.clone() {
        After::Newest(at, id) => query.bind(at).bind(id),
        After::Name(key, id) => query.bind(key.into_bytes()).bind(id),
        After::Price(price, id) | After::PriceDown(price, id) => query.bind(price).bind(id),
    };
    if let Some(words) = &listing.words {
        let any = std::array::from_fn(|_| "%".to_owned());
        for pattern in words.iter().chain(std::iter::repeat(&any)).take(WORDS).flatten() {
            query = query.bind(pattern.clone());
        }
    }
    if let Some(Narrowed { terms, waiting }) = narrowed {
        query = query.bind_list(terms).bind_list(waiting);
    }
    if let Some(category) = &listing.category {
        query = query.bind_list([category.clone()]);
    }
    Ok(query.fetch_all().await?)
}

/// The text of one list. Each combination has its own, because a condition that may be absent
/// (`$1 IS NULL OR …`) keeps the planner from the index.
macro_rules! listing {
    ($from:literal, $sort:literal, $past:literal, $order:literal, $words:literal, $category:literal) => {
        concat!(
            "SELECT id, slug, name, description, vendor, category, tags, images, status, sort_name, price, version,
                    created_at, updated_at, rating_average, rating_count
               FROM ",
            $from,
            "
              WHERE status = $1
                AND (",
            $sort,
            ", id) ",
            $past,
            " ($3, $4)",
            $words,
            $category,
            "
              ORDER BY ",
            $sort,
            " ",
            $order,
            ", id ",
            $order,
            "
              LIMIT $2"
        )
    };
}

/// The texts of one order: without words, with, and with those that the index leads to alone; each without a category and
/// with.
macro_rules! listings {
    ($sort:literal, $past:literal, $order:literal) => {
        listings!(
            $sort,
            $past,
            $order,
            "
                AND (words LIKE $5 OR prose LIKE $6 OR prose LIKE $7 OR prose LIKE $8)
                AND (words LIKE $9 OR prose LIKE $10 OR prose LIKE $11 OR prose LIKE $12)
                AND (words LIKE $13 OR prose LIKE $14 OR prose LIKE $15 OR prose LIKE $16)
                AND (words LIKE $17 OR prose LIKE $18 OR prose LIKE $19 OR prose LIKE $20)
                AND (words LIKE $21 OR prose LIKE $22 OR prose LIKE $23 OR prose LIKE $24)
                AND (words LIKE $25 OR prose LIKE $26 OR prose LIKE $27 OR prose LIKE $28)
                AND (words LIKE $29 OR prose LIKE $30 OR prose LIKE $31 OR prose LIKE $32)
                AND (words LIKE $33 OR prose LIKE $34 OR prose LIKE $35 OR prose LIKE $36)",
            "
                AND category IN ($*)",
            "(WITH found AS MATERIALIZED (
                SELECT p.*
                  FROM products AS p
                 WHERE p.id IN (SELECT product_id FROM product_terms WHERE term IN ($*)
                                UNION
                                SELECT id FROM products WHERE id IN ($*)))
              SELECT * FROM found) AS products"
        )
    };
    ($sort:literal, $past:literal, $order:literal, $words:literal, $category:literal, $found:literal) => {
        [
            [
                listing!("products", $sort, $past, $order, "", ""),
                listing!("products", $sort, $past, $order, "", $category),
            ],
            [
                listing!("products", $sort, $past, $order, $words, ""),
                listing!("products", $sort, $past, $order, $words, $category),
            ],
            [
                listing!($found, $sort, $past, $order, $words, ""),
                listing!($found, $sort, $past, $order, $words, $category),
            ],
        ]
    };
}

pub(crate) static NEWEST: [[&str; 2]; 3] = listings!("created_at", "<", "DESC");
pub(crate) static NAME: [[&str; 2]; 3] = listings!("sort_name", ">", "ASC");
pub(crate) static PRICE: [[&str; 2]; 3] = listings!("price", ">", "ASC");
pub(crate) static PRICE_DOWN: [[&str; 2]; 3] = listings!("price", "<", "DESC");
