//! Lists of products: which ones, in which order, and where a page begins.
use chrono::{DateTime, Datelike, Utc};
use kernel::{Db, Executor, PageQuery, Violation, Violations};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    search::{self, Patterns, WORDS},
    store::Row,
};
use crate::{
    ProductId, ProductQuery, ProductStatus,
    forms::{Question, Sort, slug},
};

/// Where a page begins: after the product with this key. It says of which order it is, so that a cursor of
/// another order is refused and not misread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum After {
    #[serde(rename = "n")]
    Newest(DateTime<Utc>, ProductId),
    #[serde(rename = "a")]
    Name(String, ProductId),
    #[serde(rename = "p")]
    Price(i64, ProductId),
    #[serde(rename = "d")]
    PriceDown(i64, ProductId),
}

impl Sort {
    /// Before every product: the first page needs no statement of its own.
    fn start(self) -> After {
        let (first, last) = (ProductId(Uuid::nil()), ProductId(Uuid::max()));
        match self {
            Self::Newest => After::Newest(DateTime::from_timestamp_nanos(i64::MAX), last),
            Self::Name => After::Name(String::new(), first),
            Self::Price => After::Price(-1, first),
            Self::PriceDown => After::PriceDown(i64::MAX, last),
        }
    }

    /// The key of a product that ends a page.
    fn key(self, row: &Row) -> After {
        match self {
            Self::Newest => After::Newest(row.created_at, row.id),
            // The sort key is ASCII.
            Self::Name => After::Name(String::from_utf8_lossy(&row.sort_name).into_owned(), row.id),
            Self::Price => After::Price(row.price, row.id),
            Self::PriceDown => After::PriceDown(row.price, row.id),
        }
    }

    /// Whether `after` is of this order, and a value that both engines can store.
    fn admits(self, after: &After) -> bool {
        match after {
            After::Newest(at, _) => self == Self::Newest && (1970..=2262).contains(&at.year()),
            After::Name(..) => self == Self::Name,
            After::Price(..) => self == Self::Price,
            After::PriceDown(..) => self == Self::PriceDown,
        }
    }
}

/// A list that was asked for, and may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) status: ProductStatus,
    pub(crate) limit: i64,
    category: Option<String>,
    /// Each word that is asked for; none where everything is.
    words: Option<Vec<Patterns>>,
    sort: Sort,
    after: After,
}

impl Listing {
    /// What `query` asks for, or what is wrong with it.
    pub(crate) fn read(query: ProductQuery) -> Result<Self, Violations> {
        let named = |pointer: &'static str| move |flaw: kernel::Violation| flaw.at(pointer);
        let sort = query.sort.as_deref().map_or(Ok(Sort::Newest), Sort::read).map_err(named("?sort"))?;
        let page = PageQuery { limit: query.limit, cursor: query.cursor };
        let (limit, after) = page.read::<After>()?;
        let after = after.unwrap_or_else(|| sort.start());
        if !sort.admits(&after) {
            return Err(Violation::new("broken_cursor", "is of a list in another order").at("?cursor"));
        }
        let category = query.category.map(|given| slug::parse(&given)).transpose().map_err(named("?category"))?;
        let words = search::asked(&Question::read(&query.q.unwrap_or_default()).map_err(named("?q"))?);
        Ok(Self { status: query.status.unwrap_or(ProductStatus::Active), limit, category, words, sort, after })
    }

    /// The key after which the next page begins, where `row` ends this one.
    pub(crate) fn key(&self, row: &Row) -> After {
        self.sort.key(row)
    }

    /// The products of this page, and one more if there is one.
    pub(crate) async fn rows(&self, db: &Db) -> sqlx::Result<Vec<Row>> {
        // A question without a word in it: there is nothing like that.
        if self.words.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let by = match self.sort {
            Sort::Newest => &NEWEST,
            Sort::Name => &NAME,
            Sort::Price => &PRICE,
            Sort::PriceDown => &PRICE_DOWN,
        };
        let sql = by[usize::from(self.words.is_some())][usize::from(self.category.is_some())];
        let query = db.query(sql).bind(self.status).bind(self.limit + 1);
        let mut query = match self.after.clone() {
            After::Newest(at, id) => query.bind(at).bind(id),
            After::Name(key, id) => query.bind(key.into_bytes()).bind(id),
            After::Price(price, id) | After::PriceDown(price, id) => query.bind(price).bind(id),
        };
        if let Some(words) = &self.words {
            let any = std::array::from_fn(|_| "%".to_owned());
            for pattern in words.iter().chain(std::iter::repeat(&any)).take(WORDS).flatten() {
                query = query.bind(pattern.clone());
            }
        }
        match &self.category {
            Some(category) => query.bind_list([category.clone()]).fetch_all().await,
            None => query.fetch_all().await,
        }
    }
}

/// The text of one list. Each combination has its own, because a condition that may be absent
/// (`$1 IS NULL OR …`) keeps the planner from the index.
macro_rules! listing {
    ($sort:literal, $past:literal, $order:literal, $words:literal, $category:literal) => {
        concat!(
            "SELECT id, slug, name, description, vendor, category, tags, images, status, sort_name, price, version,
                    created_at, updated_at
               FROM products
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

/// The texts of one order: without words and with, each without a category and with.
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
                AND category IN ($*)"
        )
    };
    ($sort:literal, $past:literal, $order:literal, $words:literal, $category:literal) => {
        [
            [listing!($sort, $past, $order, "", ""), listing!($sort, $past, $order, "", $category)],
            [listing!($sort, $past, $order, $words, ""), listing!($sort, $past, $order, $words, $category)],
        ]
    };
}

pub(crate) static NEWEST: [[&str; 2]; 2] = listings!("created_at", "<", "DESC");
pub(crate) static NAME: [[&str; 2]; 2] = listings!("sort_name", ">", "ASC");
pub(crate) static PRICE: [[&str; 2]; 2] = listings!("price", ">", "ASC");
pub(crate) static PRICE_DOWN: [[&str; 2]; 2] = listings!("price", "<", "DESC");

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: ProductQuery) -> (String, String) {
        let Violations(errors) = Listing::read(query).unwrap_err();
        (errors[0].pointer.clone(), errors[0].code.clone())
    }

    fn cursor(after: &After) -> Option<String> {
        kernel::Page::new(vec![0, 1], 1, |_| after.clone()).next
    }

    #[test]
    fn a_cursor_leads_on_in_its_own_order_only() {
        let id = ProductId::new();
        let keys = [
            ("newest", After::Newest(DateTime::from_timestamp_nanos(1_000), id)),
            ("name", After::Name("shirt".into(), id)),
            ("price", After::Price(1999, id)),
            ("-price", After::PriceDown(1999, id)),
        ];
        for (sort, _) in &keys {
            for (own, key) in &keys {
                let query = ProductQuery { sort: Some((*sort).into()), cursor: cursor(key), ..ProductQuery::default() };
                match Listing::read(query.clone()) {
                    Ok(listing) => assert_eq!((sort, listing.after), (own, key.clone())),
                    Err(_) => assert_eq!(refused(query), ("?cursor".into(), "broken_cursor".into()), "{sort} {own}"),
                }
                assert_eq!(sort == own, Sort::read(sort).unwrap().admits(key));
            }
        }
    }

    #[test]
    fn what_no_list_can_be_is_named() {
        let with = |change: fn(&mut ProductQuery)| {
            let mut query = ProductQuery::default();
            change(&mut query);
            refused(query).0
        };
        assert_eq!(with(|query| query.sort = Some("stock".into())), "?sort");
        assert_eq!(with(|query| query.limit = Some(0)), "?limit");
        assert_eq!(with(|query| query.limit = Some(101)), "?limit");
        assert_eq!(with(|query| query.cursor = Some("x".into())), "?cursor");
        assert_eq!(with(|query| query.category = Some("a\0b".into())), "?category");
        assert_eq!(with(|query| query.q = Some("a\0b".into())), "?q");
        assert_eq!(with(|query| query.q = Some("x".repeat(201))), "?q");
        let beyond = After::Newest(DateTime::<Utc>::MAX_UTC, ProductId::new());
        let query = ProductQuery { cursor: cursor(&beyond), ..ProductQuery::default() };
        assert_eq!(refused(query).0, "?cursor");
    }
}
