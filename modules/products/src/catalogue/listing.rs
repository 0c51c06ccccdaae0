//! Lists of products: which ones, in which order, and where a page begins.
use chrono::{DateTime, Datelike, Utc};
use kernel::{PageQuery, Violation, Violations};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    search::{self, Patterns},
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
    pub(crate) category: Option<String>,
    /// Each word that is asked for; none where everything is.
    pub(crate) words: Option<Vec<Patterns>>,
    pub(crate) sort: Sort,
    pub(crate) after: After,
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
}

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
