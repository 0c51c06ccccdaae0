//! Pages of a list, by keyset: where the last page ended, never how many to skip.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use crate::{Violation, Violations, Visible, Whole};

/// The most items a page may have.
pub const MAX_LIMIT: u32 = 100;

/// How many items a page may have at the most.
pub type Limit = Whole<1, { MAX_LIMIT as i64 }>;
/// The most characters of a cursor.
const CURSOR: usize = 4096;
/// The `next` of a page, in base64url.
pub type Cursor = Visible<1, CURSOR>;

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// How many items at the most; 20 where absent.
    #[param(value_type = Option<Limit>, inline)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<Cursor>, inline)]
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The limit, and the key after which the page begins.
    pub fn read<K: DeserializeOwned>(&self) -> Result<(i64, Option<K>), Violations> {
        let limit = self.limit.unwrap_or(20);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Violation::new("out_of_range", format!("must be 1 to {MAX_LIMIT}")).at("?limit"));
        }
        let key = self.cursor.as_deref().map(|cursor| {
            let cursor = Some(cursor).filter(|cursor| Cursor::fits(cursor.as_bytes()))?;
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
            serde_json::from_slice(&bytes).ok()
        });
        match key {
            Some(None) => {
                Err(Violation::new("broken_cursor", "is not the `next` of any page of this list").at("?cursor"))
            }
            key => Ok((i64::from(limit), key.flatten())),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of `rows`, which were asked for with `limit + 1`.
    pub fn new<K: Serialize>(mut rows: Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).and_then(|last| {
            let key = serde_json::to_vec(&key(last)).ok()?;
            Some(BASE64_URL_SAFE_NO_PAD.encode(key))
        });
        Self { items: rows, next }
    }

    /// The same page with each item turned into another.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(turn).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_key_it_was_made_of() {
        let page = Page::new(vec![1_i64, 2, 3], 2, |n| (*n, "x".to_owned()));
        assert_eq!(page.items, [1, 2]);
        let query = PageQuery { limit: Some(2), cursor: page.next };
        assert_eq!(query.read::<(i64, String)>(), Ok((2, Some((2, "x".to_owned())))));
        assert_eq!(Page::new(vec![1], 2, |n| *n).next, None);
    }

    #[test]
    fn a_broken_cursor_and_an_absurd_limit_are_named() {
        for (limit, cursor, pointer) in [
            (Some(0), None, "?limit"),
            (Some(101), None, "?limit"),
            (None, Some("%"), "?cursor"),
            (None, Some("e30"), "?cursor"),
        ] {
            let query = PageQuery { limit, cursor: cursor.map(Into::into) };
            assert_eq!(query.read::<(i64,)>().unwrap_err().0[0].pointer, pointer);
        }
    }
}
