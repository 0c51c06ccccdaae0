//! How many there are: levels, the ledger, and what orders hold.
mod reservations;
mod store;

use kernel::{Caller, Condition, Page, PageQuery, Tx, Violation, Violations, line};

use crate::failpoints::{adjust, reach};
use crate::{Error, Sku, Stock, StockMovement, forms, service::Service};

pub(crate) use store::{open, set_policy};

impl Service {
    pub(crate) async fn level(&self, sku: Sku) -> Result<Stock, Error> {
        let level = store::level(&self.db, &sku).await?;
        level.map(|level| level.of(&sku)).ok_or(Error::SkuNotFound { sku })
    }

    /// Notes a count. It is absolute, so the same one again changes nothing, and is fine at any version.
    pub(crate) async fn count(&self, sku: Sku, on_hand: i64, if_match: &Condition) -> Result<Stock, Error> {
        forms::OnHand::read(on_hand).map_err(|flaw| flaw.at("/on_hand"))?;
        let mut tx = self.db.begin().await?;
        let Some(before) = store::lock(&mut tx, &sku).await? else { return Err(Error::SkuNotFound { sku }) };
        let delta = on_hand - before.on_hand;
        if delta == 0 {
            return Ok(before.of(&sku));
        }
        let after = self.shift(&mut tx, &sku, before, delta, None, if_match).await?;
        tx.commit().await?;
        tracing::info!(%sku, delta, on_hand, "stock was counted");
        Ok(after)
    }

    /// Adds a difference, once for each key of a sender: what there is now is the answer to whoever asks again.
    pub(crate) async fn adjust(
        &self,
        caller: &Caller,
        sku: Sku,
        key: &str,
        delta: i64,
        if_match: &Condition,
    ) -> Result<Stock, Error> {
        let mut checks = Violations::new();
        let key = checks.field("Idempotency-Key", line(key, 1, 255));
        let difference = checks.field("/delta", forms::Difference::read(delta));
        checks.ensure(difference != Some(0), "/delta", "out_of_range", "must not be 0");
        let request = caller.scope().name(&checks.finish(key)?);
        let mut tx = self.db.begin().await?;
        let Some(before) = store::lock(&mut tx, &sku).await? else { return Err(Error::SkuNotFound { sku }) };
        // Under the lock: whoever sends the same at once waits here until it is done.
        if let Some(moved) = store::moved(&mut tx, &request).await? {
            return if moved == (sku.clone(), delta) { Ok(before.of(&sku)) } else { Err(Error::KeyReused) };
        }
        let fits = forms::Difference::read(before.on_hand + delta);
        fits.map_err(|flaw| Violation::new(&flaw.code, format!("what is on hand then {flaw}")).at("/delta"))?;
        let after = self.shift(&mut tx, &sku, before, delta, Some(request), if_match).await?;
        reach(adjust::uncommitted);
        tx.commit().await?;
        reach(adjust::committed);
        tracing::info!(%sku, delta, on_hand = after.on_hand, "stock was adjusted");
        Ok(after)
    }

    /// Moves a level that is locked, if it is at the version that was asked for.
    async fn shift(
        &self,
        tx: &mut Tx,
        sku: &Sku,
        before: store::Level,
        delta: i64,
        request: Option<String>,
        if_match: &Condition,
    ) -> Result<Stock, Error> {
        let (version, on_hand) = (before.movements, before.on_hand + delta);
        if !if_match.holds(Some(version)) {
            return Err(Error::Stale { version });
        }
        before.admits(on_hand)?;
        let adjusted = store::adjust(tx, sku, delta, request, self.clock.now()).await;
        adjusted.map_err(|error| match error.as_database_error() {
            // The same key moved another variant meanwhile.
            Some(cause) if cause.is_unique_violation() => Error::KeyReused,
            _ => error.into(),
        })?;
        Ok(store::Level { on_hand, movements: version + 1, ..before }.of(sku))
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
