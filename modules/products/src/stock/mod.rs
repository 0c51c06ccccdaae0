//! How many there are: levels, the ledger, and what orders hold.
mod reservations;
mod store;

use kernel::{Invalid, Page, PageQuery};

use crate::{Error, Sku, Stock, StockMovement, fields, service::Service};

pub(crate) use store::{open, set_policy};

impl Service {
    pub(crate) async fn level(&self, sku: Sku) -> Result<Stock, Error> {
        let level = store::level(&self.db, &sku).await?;
        level.map(|level| level.of(&sku)).ok_or(Error::SkuNotFound { sku })
    }

    /// Notes a count. It is absolute, so the same one again changes nothing.
    pub(crate) async fn count(&self, sku: Sku, on_hand: i64) -> Result<Stock, Error> {
        fields::within(on_hand, fields::MAX_STOCK).map_err(|flaw| Invalid::one("/on_hand", flaw.code, flaw.detail))?;
        let mut tx = self.db.begin().await?;
        let Some(before) = store::lock(&mut tx, &sku).await? else { return Err(Error::SkuNotFound { sku }) };
        let delta = on_hand - before.on_hand;
        if delta != 0 {
            before.admits(on_hand)?;
            store::adjust(&mut tx, &sku, delta, self.clock.now()).await?;
            tx.commit().await?;
            tracing::info!(%sku, delta, on_hand, "stock was counted");
        }
        Ok(store::Level { on_hand, ..before }.of(&sku))
    }

    pub(crate) async fn movements(&self, sku: Sku, page: PageQuery) -> Result<Page<StockMovement>, Error> {
        let (limit, before) = page.read::<(i64,)>()?;
        let before = before.map_or(i64::MAX, |(number,)| number);
        let movements = store::ledger(&self.db, &sku, before, limit + 1).await?;
        // Every variant's ledger begins with its first count.
        if movements.is_empty() && store::level(&self.db, &sku).await?.is_none() {
            return Err(Error::SkuNotFound { sku });
        }
        Ok(Page::new(movements, limit, |movement| (movement.number,)))
    }
}
