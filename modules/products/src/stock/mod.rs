//! How many there are: levels, the ledger, and what orders hold.
pub(crate) mod reservations;
mod store;

use kernel::{Caller, Condition, Page, PageQuery, Tx, Violation, Violations, line};

use crate::failpoints::{adjust, reach};
use crate::{Error, Sku, Stock, StockMovement, catalogue::cache::Name, forms, service::Service};

pub(crate) use store::{open, set_policy};

pub(crate) async fn stock(service: &Service, sku: Sku) -> Result<Stock, Error> {
    let level = store::find(&service.db, &sku).await?;
    level.map(|level| level.of(&sku)).ok_or(Error::SkuNotFound { sku })
}

/// Notes a count. It is absolute, so the same one again changes nothing, and is fine at any version.
pub(crate) async fn set_stock(service: &Service, sku: Sku, on_hand: i64, if_match: &Condition) -> Result<Stock, Error> {
    forms::OnHand::read(on_hand).map_err(|flaw| flaw.at("/on_hand"))?;
    let mut tx = service.db.begin().await?;
    let Some(before) = store::lock(&mut tx, &sku).await? else { return Err(Error::SkuNotFound { sku }) };
    let delta = on_hand - before.on_hand;
    if delta == 0 {
        return Ok(before.of(&sku));
    }
    let after = adjust(service, &mut tx, &sku, before, delta, None, if_match).await?;
    let _changing = service.shown.changes.of([Name::Stock(sku.clone())]);
    tx.commit().await?;
    tracing::info!(%sku, delta, on_hand, "stock was counted");
    Ok(after)
}

/// Adds a difference, once for each key of a sender: what there is now is the answer to whoever asks again.
pub(crate) async fn adjust_stock(
    service: &Service,
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
    let mut tx = service.db.begin().await?;
    let Some(before) = store::lock(&mut tx, &sku).await? else { return Err(Error::SkuNotFound { sku }) };
    // Under the lock: whoever sends the same at once waits here until it is done.
    if let Some(moved) = store::moved(&mut tx, &request).await? {
        return if moved == (sku.clone(), delta) { Ok(before.of(&sku)) } else { Err(Error::KeyReused) };
    }
    let fits = forms::Difference::read(before.on_hand + delta);
    fits.map_err(|flaw| Violation::new(&flaw.code, format!("what is on hand then {flaw}")).at("/delta"))?;
    let after = adjust(service, &mut tx, &sku, before, delta, Some(request), if_match).await?;
    reach(adjust::uncommitted);
    let _changing = service.shown.changes.of([Name::Stock(sku.clone())]);
    tx.commit().await?;
    reach(adjust::committed);
    tracing::info!(%sku, delta, on_hand = after.on_hand, "stock was adjusted");
    Ok(after)
}

/// Moves a level that is locked, if it is at the version that was asked for.
async fn adjust(
    service: &Service,
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
    if !store::adjust(tx, sku, delta, request, service.clock.now()).await? {
        return Err(Error::KeyReused);
    }
    Ok(store::Level { on_hand, movements: version + 1, ..before }.of(sku))
}

pub(crate) async fn ledger(service: &Service, sku: Sku, page: PageQuery) -> Result<Page<StockMovement>, Error> {
    let (limit, before) = page.read::<(i64,)>()?;
    let before = before.map_or(i64::MAX, |(number,)| number);
    let movements = store::ledger(&service.db, &sku, before, limit + 1).await?;
    // Every variant's ledger begins with its first count.
    if movements.is_empty() && store::find(&service.db, &sku).await?.is_none() {
        return Err(Error::SkuNotFound { sku });
    }
    Ok(Page::new(movements, limit, |movement| (movement.number,)))
}
