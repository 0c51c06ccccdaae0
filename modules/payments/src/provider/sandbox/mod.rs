//! The provider `test`: play money, and every way in which a real provider can answer, or not.
mod store;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{Clock, Context, Db, Fault, StartError, Tasks, Violation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use store::Row;

use super::{Hold, News, Notice, Outcome, Provider, Request, Unknown, Webhook, signature};
use crate::{
    Error,
    forms::Reference,
    payment::{Charge, ChargeState},
    settings::Settings,
};

pub(crate) const NAME: &str = "test";

const METHODS: [&str; 6] = ["ok", "declined", "insufficient_funds", "action_required", "slow", "lost_reply"];

/// A provider that remembers what it did in tables of its own, as somebody else's company would.
#[derive(Clone)]
pub(crate) struct Sandbox {
    db: Db,
    clock: Clock,
    tasks: Tasks,
    /// How long the method `slow` takes.
    slow: Duration,
    /// Where its customers find it; empty for a relative address.
    public_url: String,
    /// Signs its webhooks.
    pub(crate) secret: String,
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
impl Provider for Sandbox {
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

    async fn capture(&self, request: Request) -> Result<Outcome, Unknown> {
        self.operate("capture", request).await
    }

    async fn void(&self, request: Request) -> Result<Outcome, Unknown> {
        self.operate("void", request).await
    }

    async fn refund(&self, request: Request) -> Result<Outcome, Unknown> {
        self.operate("refund", request).await
    }

    async fn find(&self, key: &str) -> Result<Option<Charge>, Unknown> {
        Ok(store::find(&self.db, key).await?.map(|row| self.seen(&row)))
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
        store::act(&self.db, &reference, state, reason).await?;
        let row = store::named(&self.db, &reference).await?.ok_or(Error::PaymentNotFound)?;
        let fits = if approve { !matches!(&*row.state, "declined" | "voided") } else { row.state == "declined" };
        if !fits {
            return Err(Error::WrongState { state: row.state });
        }
        Ok(self.webhook(&row)?)
    }
}

impl Sandbox {
    pub(crate) fn new(context: &Context, settings: &Settings) -> Result<Self, StartError> {
        Ok(Self {
            db: context.db.clone(),
            clock: context.clock.clone(),
            tasks: context.tasks.clone(),
            slow: Duration::from_millis(settings.test_slow_ms),
            public_url: settings.public_url.clone(),
            secret: context.secret("webhook_secret", settings.webhook_secret.clone())?,
        })
    }

    /// One statement makes the charge or finds it, so that one key never charges twice.
    async fn charge(&self, hold: Hold) -> Result<Charge, Unknown> {
        if hold.method == "slow" && store::find(&self.db, &hold.key).await?.is_none() {
            tokio::time::sleep(self.slow).await;
        }
        let (state, reason) = match &*hold.method {
            "declined" => ("declined", Some("card_declined")),
            "insufficient_funds" => ("declined", Some("insufficient_funds")),
            "action_required" => ("action_required", None),
            _ => ("authorized", None),
        };
        let row = store::insert(&self.db, &hold, state, reason, self.clock.now()).await?;
        if row.method == "lost_reply" && row.asked == 1 {
            return Err(Unknown("the connection was reset".into()));
        }
        Ok(self.seen(&row))
    }

    /// Does `what` with a charge, or says again what it said under the same key.
    async fn operate(&self, what: &'static str, request: Request) -> Result<Outcome, Unknown> {
        let mut tx = self.db.begin().await.map_err(Fault::from)?;
        if store::advance(&mut tx, what, &request).await? {
            store::note(&mut tx, what, &request, None, self.clock.now()).await?;
            tx.commit().await.map_err(Fault::from)?;
            return Ok(Outcome::Done);
        }
        let Some(mut row) = store::lock(&mut tx, &request.reference).await? else {
            return Ok(Outcome::Declined { reason: "no_such_charge".into() });
        };
        let refused = if let Some(refused) = store::repeated(&mut tx, &request.key).await? {
            refused
        } else {
            let refused = row.operate(what, request.amount.amount).err();
            store::save(&mut tx, &row).await?;
            store::note(&mut tx, what, &request, refused, self.clock.now()).await?;
            refused.map(ToOwned::to_owned)
        };
        tx.commit().await.map_err(Fault::from)?;
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
