//! The rows of refunds that staff ask for: written down before payments are asked, so that a lost answer is known.
use kernel::{Condition, Currency, Db, Executor, Fault, Money, Scope, Tx};

use super::event::Refund;
use crate::{Error, OrderId};

/// What is to be paid back under a key.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Requested {
    key: String,
    amount: i64,
    pub(crate) reason: Option<String>,
}

impl Requested {
    fn refund(self, currency: Currency) -> Refund {
        Refund { key: self.key, amount: Money::new(self.amount, currency), reason: self.reason }
    }
}

/// Writes down that money is to be paid back, before anybody is asked to: what was meant first under a key stays.
///
/// What is new is meant only for an order as `if_match` asks, and while nothing else is meant and not yet done: that
/// would change the order as well.
pub(crate) async fn insert(
    db: &Db,
    id: OrderId,
    refund: Refund,
    sender: Scope,
    if_match: &Condition,
) -> Result<Refund, Error> {
    let currency = refund.amount.currency;
    let mut tx = db.begin().await?;
    if *if_match != Condition::default() && find(&mut tx, id, &refund.key).await?.is_none() {
        let locked = tx.query("SELECT version FROM orders WHERE id = $1").bind(id).for_update();
        let (version,): (i64,) = locked.fetch_one().await?;
        if !if_match.holds(Some(version)) || any_pending(&mut tx, id).await? {
            return Err(Error::Stale { version });
        }
    }
    tx.query(
        "INSERT INTO refunds (order_id, key, amount, reason, sender) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(refund.key.clone())
    .bind(refund.amount.amount)
    .bind(refund.reason)
    .bind(sender.to_string())
    .execute()
    .await?;
    let gone = || Fault::unavailable("a refund that was written down was withdrawn meanwhile");
    let requested = find(&mut tx, id, &refund.key).await?.ok_or_else(gone)?;
    tx.commit().await?;
    Ok(requested.refund(currency))
}

/// Whether money is to be paid back of which the order does not know yet.
async fn any_pending(tx: &mut Tx, id: OrderId) -> Result<bool, Fault> {
    let query = tx.query(
        "SELECT COUNT(*)
           FROM refunds
           LEFT JOIN order_events ON order_events.order_id = refunds.order_id
                                 AND order_events.kind = 'OrderRefunded' AND order_events.key = refunds.key
          WHERE refunds.order_id = $1 AND order_events.at IS NULL",
    );
    let (pending,): (i64,) = query.bind(id).fetch_one().await?;
    Ok(pending > 0)
}

/// What was to be paid back under a key.
pub(crate) async fn find(db: impl Executor<'_>, id: OrderId, key: &str) -> Result<Option<Requested>, Fault> {
    let query = db.query("SELECT key, amount, reason FROM refunds WHERE order_id = $1 AND key = $2");
    Ok(query.bind(id).bind(key.to_owned()).fetch_optional().await?)
}

/// Forgets what was to be paid back and cannot be.
pub(crate) async fn delete(db: &Db, id: OrderId, key: &str) -> Result<(), Fault> {
    let query = db.query("DELETE FROM refunds WHERE order_id = $1 AND key = $2");
    query.bind(id).bind(key.to_owned()).execute().await?;
    Ok(())
}
