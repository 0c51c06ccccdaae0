//! What orders hold: reserved, then committed, expired or released.
//!
//! A transaction locks the order's row first and then stock in the order of its SKUs, so that no two of
//! them wait for each other.
mod store;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kernel::{Fault, Tx, Violation, Violations};
use uuid::Uuid;

use super::store as stock;
use crate::failpoints::{commit, reach, release, reserve};
use crate::{Error, Reservation, Shortage, StockLine, forms::limits::QUANTITY, service::Service};
use store::State;

/// The most lines of one order.
const MAX_LINES: usize = 500;
/// So many reservations are looked for at a time.
const BATCH: i64 = 100;

/// Keeps all lines or none, for a while.
pub(crate) async fn reserve(service: &Service, order_id: Uuid, lines: Vec<StockLine>) -> Result<Reservation, Error> {
    let lines = sorted(lines)?;
    let expires_at = service.clock.shared(&service.db).await? + service.settings.reservation();
    let mut tx = service.db.begin().await?;
    if store::create(&mut tx, order_id, State::Reserved, expires_at).await? {
        reserve_lines(&mut tx, &lines).await?;
        store::add_lines(&mut tx, order_id, &lines).await?;
    } else {
        let (state, expiry) = store::lock(&mut tx, order_id).await?.ok_or_else(|| vanished(order_id))?;
        match state {
            State::Released => return Err(Error::Released),
            State::Committed => return Ok(Reservation { order_id, expires_at: expiry }),
            State::Reserved | State::Expired if held(&mut tx, order_id).await? != lines => {
                return Err(Violation::new("differs", "is not what the order reserved before").at("/lines").into());
            }
            State::Reserved => {}
            State::Expired => reserve_lines(&mut tx, &lines).await?,
        }
        store::set(&mut tx, order_id, State::Reserved, expires_at).await?;
    }
    let _changing = service.changing(&lines);
    reach(reserve::uncommitted);
    tx.commit().await?;
    reach(reserve::committed);
    Ok(Reservation { order_id, expires_at })
}

/// Takes what an order holds off the shelf; what it lost to its expiry, it has to get again.
pub(crate) async fn commit(service: &Service, order_id: Uuid) -> Result<(), Error> {
    let mut tx = service.db.begin().await?;
    let (state, expires_at) = store::lock(&mut tx, order_id).await?.ok_or(Error::Released)?;
    let lines = match state {
        State::Released => return Err(Error::Released),
        State::Committed => return Ok(()),
        State::Reserved | State::Expired => held(&mut tx, order_id).await?,
    };
    if state == State::Expired {
        reserve_lines(&mut tx, &lines).await?;
    }
    for line in &lines {
        stock::commit(&mut tx, line, order_id, service.clock.now()).await?;
    }
    store::set(&mut tx, order_id, State::Committed, expires_at).await?;
    // What is sold as it was reserved leaves as many as before.
    let _changing = (state == State::Expired).then(|| service.changing(&lines));
    reach(commit::uncommitted);
    tx.commit().await?;
    reach(commit::committed);
    Ok(())
}

/// Gives everything back. An order that is not known yet leaves a tombstone for a late `reserve` to find.
pub(crate) async fn release(service: &Service, order_id: Uuid) -> Result<(), Error> {
    let now = service.clock.now();
    let mut tx = service.db.begin().await?;
    if store::create(&mut tx, order_id, State::Released, now).await? {
        return Ok(tx.commit().await?);
    }
    let (state, expires_at) = store::lock(&mut tx, order_id).await?.ok_or_else(|| vanished(order_id))?;
    let lines = held(&mut tx, order_id).await?;
    for line in &lines {
        match state {
            State::Reserved => stock::release(&mut tx, line).await?,
            State::Committed => stock::restock(&mut tx, line, order_id, now).await?,
            // It has nothing any more.
            State::Expired | State::Released => {}
        }
    }
    store::set(&mut tx, order_id, State::Released, expires_at).await?;
    let _changing = service.changing(&lines);
    reach(release::uncommitted);
    tx.commit().await?;
    reach(release::committed);
    Ok(())
}

/// Ends reservations that are past their time, some at a time; true if there may be more.
pub(crate) async fn expire(service: &Service) -> Result<bool, Fault> {
    let now = service.clock.shared(&service.db).await?;
    let due = store::due(&service.db, now, BATCH).await?;
    let mut more = i64::try_from(due.len()).is_ok_and(|found| found == BATCH);
    for order_id in due {
        // One that cannot be ended keeps none of the others waiting; the fault has been logged.
        more &= expire_one(service, order_id, now).await.is_ok();
    }
    Ok(more)
}

async fn expire_one(service: &Service, order_id: Uuid, now: DateTime<Utc>) -> Result<(), Fault> {
    let mut tx = service.db.begin().await?;
    // It may have been renewed, committed or released since we looked.
    if store::expire(&mut tx, order_id, now).await? {
        let lines = held(&mut tx, order_id).await?;
        for line in &lines {
            stock::release(&mut tx, line).await?;
        }
        let _changing = service.changing(&lines);
        tx.commit().await?;
        metrics::counter!("stoa_reservations_expired_total").increment(1);
        tracing::info!(order.id = %order_id, "its reservation expired");
    }
    Ok(())
}

/// The lines of an order, one for each SKU, in the order in which they are locked.
fn sorted(lines: Vec<StockLine>) -> Result<Vec<StockLine>, Violations> {
    let mut checks = Violations::new();
    checks.ensure(
        (1..=MAX_LINES).contains(&lines.len()),
        "/lines",
        "out_of_range",
        format!("must be 1 to {MAX_LINES}"),
    );
    let mut sums = BTreeMap::new();
    for (index, line) in lines.into_iter().take(MAX_LINES).enumerate() {
        let sum = sums.entry(line.sku).or_insert(0_i64);
        *sum = sum.saturating_add(line.quantity);
        let fits = line.quantity >= 1 && *sum <= QUANTITY;
        checks.ensure(fits, format!("/lines/{index}/quantity"), "out_of_range", format!("must be 1 to {QUANTITY}"));
    }
    checks.finish(Some(sums.into_iter().map(|(sku, quantity)| StockLine { sku, quantity }).collect()))
}

/// What an order holds or held, in the order in which it is locked.
async fn held(tx: &mut Tx, order_id: Uuid) -> Result<Vec<StockLine>, Fault> {
    let mut lines = store::lines(tx, order_id).await?;
    // Here and not in SQL, whose order depends on the engine's locale.
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    Ok(lines)
}

/// Promises all lines, or names every one that is short. The transaction is of no more use then.
async fn reserve_lines(tx: &mut Tx, lines: &[StockLine]) -> Result<(), Error> {
    let mut short = Vec::new();
    for line in lines {
        short.extend(reserve_line(tx, line).await?);
    }
    if short.is_empty() { Ok(()) } else { Err(Error::SoldOut { lines: short }) }
}

async fn reserve_line(tx: &mut Tx, line: &StockLine) -> Result<Option<Shortage>, Error> {
    let StockLine { sku, quantity: requested } = line.clone();
    while !stock::reserve(tx, line).await? {
        let level = stock::find(&mut *tx, &sku).await?;
        let available = level.ok_or_else(|| Error::SkuNotFound { sku: sku.clone() })?.available();
        // Where there is enough now, somebody gave some back in between: it is worth another try.
        if available < requested {
            return Ok(Some(Shortage { sku, requested, available: available.max(0) }));
        }
    }
    Ok(None)
}

fn vanished(order_id: Uuid) -> Fault {
    Fault::internal(format!("the reservation of order {order_id} vanished"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: i64) -> StockLine {
        StockLine { sku: sku.parse().unwrap(), quantity }
    }

    #[test]
    fn lines_of_one_sku_are_summed_and_all_are_sorted() {
        let lines = sorted(vec![line("B", 1), line("a", 2), line("B", 3)]).unwrap();
        assert_eq!(lines, [line("B", 4), line("a", 2)]);
    }

    #[test]
    fn absurd_lines_are_named() {
        for (lines, pointer) in [
            (vec![], "/lines"),
            (vec![line("A", 0)], "/lines/0/quantity"),
            (vec![line("A", 1), line("B", -1)], "/lines/1/quantity"),
            (vec![line("A", i64::MIN), line("A", i64::MIN)], "/lines/0/quantity"),
            (vec![line("A", i64::MAX), line("A", i64::MAX)], "/lines/0/quantity"),
            (vec![line("A", QUANTITY), line("A", 1)], "/lines/1/quantity"),
            ((0..=MAX_LINES).map(|n| line(&n.to_string(), 1)).collect(), "/lines"),
        ] {
            assert_eq!(sorted(lines).unwrap_err().0[0].pointer, pointer);
        }
    }
}
