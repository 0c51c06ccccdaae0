//! The provider `test`: play money, and every way in which a real provider can answer, or not.
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{Clock, Db, Executor, Fault, Statement, Tasks, Tx, Violation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Ask, Hold, News, Notice, Outcome, Provider, Unknown, Webhook, signature};
use crate::{
    Error,
    forms::Reference,
    payment::{Charge, ChargeState},
};

pub(crate) const NAME: &str = "test";

const METHODS: [&str; 6] = ["ok", "declined", "insufficient_funds", "action_required", "slow", "lost_reply"];

/// A provider that remembers what it did in tables of its own, as somebody else's company would.
#[derive(Clone)]
pub(crate) struct Test {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    /// How long the method `slow` takes.
    pub(crate) slow: Duration,
    /// Where its customers find it; empty for a relative address.
    pub(crate) public_url: String,
    /// Signs its webhooks.
    pub(crate) secret: String,
}

/// A row of `test_charges`.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    reference: String,
    order_id: Uuid,
    method: String,
    amount: i64,
    state: String,
    reason: Option<String>,
    refunded: i64,
    asked: i64,
}

/// The body of its webhooks.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    id: String,
    r#type: String,
    order_id: Uuid,
    reference: String,
    charge: ChargeState,
}

#[async_trait]
impl Provider for Test {
    fn name(&self) -> &'static str {
        NAME
    }

    fn takes(&self, method: &str) -> bool {
        METHODS.contains(&method)
    }

    /// In a task of its own: a provider goes on when the shop hangs up.
    async fn authorize(&self, hold: Hold) -> Result<Charge, Unknown> {
        let this = self.clone();
        let charged = self.tasks.spawn(async move { this.charge(hold).await });
        charged.await.map_err(|error| Unknown(error.to_string()))?
    }

    async fn capture(&self, command: Ask) -> Result<Outcome, Unknown> {
        self.operate("capture", command).await
    }

    async fn void(&self, command: Ask) -> Result<Outcome, Unknown> {
        self.operate("void", command).await
    }

    async fn refund(&self, command: Ask) -> Result<Outcome, Unknown> {
        self.operate("refund", command).await
    }

    async fn find(&self, key: &str) -> Result<Option<Charge>, Unknown> {
        let row: Option<Row> = by_key(&self.db, key).fetch_optional().await?;
        Ok(row.map(|row| self.seen(&row)))
    }

    fn parse_webhook(&self, signature: &str, body: &str, now: DateTime<Utc>) -> Result<Notice, Error> {
        signature::verify(&self.secret, signature, body, now)?;
        let told: Told = serde_json::from_str(body)
            .map_err(|error| Violation::new("wrong_value", format!("is not a webhook of `{NAME}`: {error}")).at(""))?;
        let charge = Charge { reference: told.reference, state: told.charge };
        let news = Some(News { order_id: told.order_id, charge });
        Ok(Notice { event_id: told.id, kind: told.r#type, news })
    }

    async fn act(&self, reference: &str, approve: bool) -> Result<Webhook, Error> {
        let reference = Reference::read(reference).map_err(|_| Error::PaymentNotFound)?;
        let (state, reason) = if approve { ("authorized", None) } else { ("declined", Some("customer_declined")) };
        decide(&self.db, &reference, state, reason).await?;
        let row: Option<Row> = by_reference(&self.db, &reference).fetch_optional().await?;
        let row = row.ok_or(Error::PaymentNotFound)?;
        let fits = if approve { !matches!(&*row.state, "declined" | "voided") } else { row.state == "declined" };
        if !fits {
            return Err(Error::WrongState { state: row.state });
        }
        Ok(self.webhook(&row)?)
    }
}

impl Test {
    /// One statement makes the charge or finds it, so that one key never charges twice.
    async fn charge(&self, hold: Hold) -> Result<Charge, Unknown> {
        let known: Option<Row> = by_key(&self.db, &hold.key).fetch_optional().await?;
        if hold.method == "slow" && known.is_none() {
            tokio::time::sleep(self.slow).await;
        }
        let (state, reason) = match &*hold.method {
            "declined" => ("declined", Some("card_declined")),
            "insufficient_funds" => ("declined", Some("insufficient_funds")),
            "action_required" => ("action_required", None),
            _ => ("authorized", None),
        };
        let row: Row = insert(&self.db, &hold, state, reason, self.clock.now()).await?;
        if row.method == "lost_reply" && row.asked == 1 {
            return Err(Unknown("the connection was reset".into()));
        }
        Ok(self.seen(&row))
    }

    /// Does `what` with a charge, or says again what it said under the same key.
    async fn operate(&self, what: &'static str, ask: Ask) -> Result<Outcome, Unknown> {
        let mut tx = self.db.begin().await?;
        let row: Option<Row> = by_reference(&mut tx, &ask.reference).for_update().fetch_optional().await?;
        let Some(mut row) = row else { return Ok(Outcome::Declined { reason: "no_such_charge".into() }) };
        let known: Option<(Option<String>,)> = tx
            .query("UPDATE test_operations SET asked = asked + 1 WHERE key = $1 RETURNING refused")
            .bind(&*ask.key)
            .fetch_optional()
            .await?;
        let refused = if let Some((refused,)) = known {
            refused
        } else {
            let refused = row.operate(what, ask.amount.amount).err();
            keep(&mut tx, &row, what, &ask, refused, self.clock.now()).await?;
            refused.map(ToOwned::to_owned)
        };
        tx.commit().await?;
        Ok(refused.map_or(Outcome::Done, |reason| Outcome::Declined { reason }))
    }

    fn seen(&self, row: &Row) -> Charge {
        let state = match &*row.state {
            "action_required" => {
                let url = format!("{}/v1/payments/{NAME}/{}", self.public_url.trim_end_matches('/'), row.reference);
                ChargeState::ActionRequired { url }
            }
            "captured" => ChargeState::Captured,
            "declined" => ChargeState::Declined { reason: row.reason.clone().unwrap_or_default() },
            "voided" => ChargeState::Voided,
            _ => ChargeState::Authorized,
        };
        Charge { reference: row.reference.clone(), state }
    }

    /// The webhook that tells of a charge as it is now; told again, it is the same event.
    fn webhook(&self, row: &Row) -> Result<Webhook, Fault> {
        let told = Told {
            id: format!("evt_{}_{}", row.reference, row.state),
            r#type: format!("charge.{}", row.state),
            order_id: row.order_id,
            reference: row.reference.clone(),
            charge: self.seen(row).state,
        };
        let body = serde_json::to_string(&told).map_err(Fault::internal)?;
        let signature = signature::sign(&self.secret, &body, self.clock.now());
        Ok(Webhook { signature, body })
    }
}

impl Row {
    /// Does it, or says why not.
    fn operate(&mut self, what: &str, amount: i64) -> Result<(), &'static str> {
        let reason = match (what, &*self.state) {
            ("capture", "authorized") => {
                self.state = "captured".into();
                return Ok(());
            }
            ("void", "authorized" | "action_required" | "voided") => {
                self.state = "voided".into();
                return Ok(());
            }
            ("refund", "captured") if self.amount - self.refunded >= amount => {
                self.refunded += amount;
                return Ok(());
            }
            ("refund", "captured") => "refund_too_large",
            (_, "captured") => "already_captured",
            (_, "voided") => "already_voided",
            (_, "declined") => "was_declined",
            _ => "not_captured",
        };
        Err(reason)
    }
}

fn by_key<'c>(executor: impl Executor<'c>, key: &str) -> Statement<'c> {
    executor
        .query(
            "SELECT reference, order_id, method, amount, state, reason, refunded, asked
               FROM test_charges
              WHERE key = $1",
        )
        .bind(key.to_owned())
}

fn by_reference<'c>(executor: impl Executor<'c>, reference: &str) -> Statement<'c> {
    executor
        .query(
            "SELECT reference, order_id, method, amount, state, reason, refunded, asked
               FROM test_charges
              WHERE reference = $1",
        )
        .bind(reference.to_owned())
}

async fn insert(
    db: &Db,
    hold: &Hold,
    state: &'static str,
    reason: Option<&'static str>,
    now: DateTime<Utc>,
) -> sqlx::Result<Row> {
    db.query(
        "INSERT INTO test_charges (reference, key, order_id, method, amount, currency, state, reason,
                                   refunded, asked, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 1, $9)
         ON CONFLICT (key) DO UPDATE SET asked = test_charges.asked + 1
         RETURNING reference, order_id, method, amount, state, reason, refunded, asked",
    )
    .bind(format!("test_{}", Uuid::new_v4().simple()))
    .bind(&*hold.key)
    .bind(hold.order_id)
    .bind(&*hold.method)
    .bind(hold.amount.amount)
    .bind(hold.amount.currency.code())
    .bind(state)
    .bind(reason)
    .bind(now)
    .fetch_one()
    .await
}

/// Keeps what was done with a charge, and how it stands since.
async fn keep(
    tx: &mut Tx,
    row: &Row,
    what: &'static str,
    ask: &Ask,
    refused: Option<&'static str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    tx.query("UPDATE test_charges SET state = $2, refunded = $3 WHERE reference = $1")
        .bind(&*row.reference)
        .bind(&*row.state)
        .bind(row.refunded)
        .execute()
        .await?;
    tx.query(
        "INSERT INTO test_operations (key, reference, what, amount, refused, asked, at)
         VALUES ($1, $2, $3, $4, $5, 1, $6)",
    )
    .bind(&*ask.key)
    .bind(&*row.reference)
    .bind(what)
    .bind(ask.amount.amount)
    .bind(refused)
    .bind(now)
    .execute()
    .await?;
    Ok(())
}

/// The customer's answer, which only the first one gives.
async fn decide(db: &Db, reference: &str, state: &'static str, reason: Option<&'static str>) -> sqlx::Result<u64> {
    db.query("UPDATE test_charges SET state = $2, reason = $3 WHERE reference = $1 AND state = 'action_required'")
        .bind(reference)
        .bind(state)
        .bind(reason)
        .execute()
        .await
}
