//! Stories of payments, on both engines.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{
    Caller, Context, Executor, Money, Role, Tasks,
    testing::{Folder, until},
};
use uuid::Uuid;

use crate::{
    Authorization, Error, Module, Payment, PaymentChanged, PaymentChoice, PaymentEvent, Payments,
    payment::{Charge, Journal},
    provider::{Hold, Notice, Outcome, Provider, Providers, Request, Sandbox, Unknown, Webhook},
    reconciler,
    service::Service,
    settings::Settings,
};

mod edge;
mod races;
mod stories;
mod unknown;

/// A shop's payments on one engine, and the `test` provider's books to look into.
struct Shop {
    payments: Arc<Service>,
    context: Context,
    line: Arc<Line>,
    _folder: Folder,
}

/// A shop on each engine.
async fn shops() -> Vec<Shop> {
    let contexts = kernel::testing::contexts("payments", &<Module as kernel::Module>::MIGRATIONS).await;
    contexts.into_iter().map(|(context, folder)| Shop::new(context, folder)).collect()
}

impl Shop {
    fn new(context: Context, folder: Folder) -> Self {
        let mut settings: Settings = context.config().unwrap();
        settings.test_slow_ms = 400;
        let line = Arc::new(Line::new(Sandbox::new(&context, &settings).unwrap()));
        let providers = Providers { all: vec![Arc::clone(&line) as _], timeout: settings.provider_timeout() };
        let payments = Service { journal: Journal::new(&context, &settings), providers };
        Self { payments: Arc::new(payments), context, line, _folder: folder }
    }

    fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.context.currency)
    }

    fn wish(&self, order_id: Uuid, amount: i64, method: &str) -> Authorization {
        let choice = PaymentChoice { provider: "test".into(), method: method.into() };
        Authorization { order_id, payer: ada(), amount: self.money(amount), choice }
    }

    async fn authorize(&self, order_id: Uuid, method: &str) -> Result<Payment, Error> {
        self.payments.authorize(self.wish(order_id, 1000, method)).await
    }

    /// An order of 10.00 that is paid.
    async fn paid(&self) -> Uuid {
        let order_id = Uuid::now_v7();
        self.authorize(order_id, "ok").await.unwrap();
        self.payments.capture(order_id).await.unwrap();
        order_id
    }

    async fn refund(&self, order_id: Uuid, key: &str, amount: i64) -> Result<Payment, Error> {
        self.payments.refund(order_id, key.into(), self.money(amount)).await
    }

    async fn status(&self, order_id: Uuid) -> String {
        self.payments.get(Caller::System, order_id).await.unwrap().status.to_string()
    }

    /// What was told of an order.
    async fn events(&self, order_id: Uuid) -> Vec<PaymentChanged> {
        let events = self.context.outbox.read(0, 1000, Duration::ZERO).await.unwrap();
        let own = events.into_iter().filter(|event| event.subject == order_id.to_string());
        own.map(|event| {
            let told: PaymentEvent = event.read().unwrap().unwrap();
            let changed = told.changed().clone();
            assert_eq!(changed.payment.status.event(changed.clone()), Some(told));
            changed
        })
        .collect()
    }

    /// The statuses that an order's events tell of.
    async fn told(&self, order_id: Uuid) -> String {
        let events = self.events(order_id).await;
        events.iter().map(|event| event.payment.status.word()).collect::<Vec<_>>().join(" ")
    }

    /// The provider's charges for an order.
    async fn charges(&self, order_id: Uuid) -> i64 {
        let sql = "SELECT COUNT(*) FROM test_charges WHERE order_id = $1";
        self.context.db.query(sql).bind(order_id).fetch_one::<(i64,)>().await.unwrap().0
    }

    /// What the provider did with them: how often, and for how much.
    async fn done(&self, order_id: Uuid, what: &'static str) -> (i64, i64) {
        let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(done.amount), 0) AS BIGINT)
                     FROM test_operations AS done
                     JOIN test_charges AS charge ON charge.reference = done.reference
                    WHERE charge.order_id = $1 AND done.what = $2 AND done.refused IS NULL";
        self.context.db.query(sql).bind(order_id).bind(what).fetch_one().await.unwrap()
    }

    /// How the provider's only charge for an order stands.
    async fn held(&self, order_id: Uuid) -> String {
        let sql = "SELECT state FROM test_charges WHERE order_id = $1";
        self.context.db.query(sql).bind(order_id).fetch_one::<(String,)>().await.unwrap().0
    }

    /// Lets the reconciler look, `minutes` from now.
    async fn reconcile_in(&self, minutes: i64) {
        let now = self.payments.journal.database_time().await.unwrap();
        reconcile(&self.payments, &self.context.tasks, now + TimeDelta::minutes(minutes)).await;
    }

    async fn webhook(&self, told: &Webhook) -> Result<(), Error> {
        self.payments.webhook("test".into(), told.signature.clone(), told.body.clone()).await
    }

    /// The provider's name for the charge that a customer is to act on.
    async fn reference(&self, order_id: Uuid) -> String {
        let payment = self.payments.get(Caller::System, order_id).await.unwrap();
        payment.action.unwrap().url.rsplit('/').next().unwrap().to_owned()
    }
}

/// Lets one reconciler look at what is due at `now`.
async fn reconcile(payments: &Service, tasks: &Tasks, now: DateTime<Utc>) {
    reconciler::reconcile(&payments.journal, &payments.providers, tasks, now).await.unwrap();
}

fn ada() -> Caller {
    Caller::User { id: Uuid::from_u128(1), role: Role::Customer, session: Uuid::from_u128(11) }
}

/// The line to the provider, which loses answers and forgets keys when it is told to.
struct Line {
    provider: Sandbox,
    /// So many answers get lost after the provider has done what it was asked.
    lose: AtomicUsize,
    /// So many questions get lost on their way.
    cut: AtomicUsize,
    /// Above 0, keys are made up: what a shop without idempotency keys would see.
    keyless: AtomicUsize,
    /// How often it was asked anything.
    asked: AtomicUsize,
}

impl Line {
    fn new(provider: Sandbox) -> Self {
        Self { provider, lose: 0.into(), cut: 0.into(), keyless: 0.into(), asked: 0.into() }
    }

    fn lose_answers(&self, count: usize) {
        self.lose.store(count, Ordering::SeqCst);
    }

    fn cut(&self, count: usize) {
        self.cut.store(count, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn key(&self, key: String) -> String {
        if self.keyless.load(Ordering::SeqCst) > 0 { format!("{key}-{}", Uuid::now_v7()) } else { key }
    }

    async fn carry<T>(&self, question: impl Future<Output = Result<T, Unknown>>) -> Result<T, Unknown> {
        let spend = |left: &AtomicUsize| {
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        };
        self.asked.fetch_add(1, Ordering::SeqCst);
        if spend(&self.cut) {
            return Err(Unknown("cut".into()));
        }
        let answer = question.await;
        if spend(&self.lose) { Err(Unknown("lost".into())) } else { answer }
    }
}

#[async_trait]
impl Provider for Line {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn takes(&self, method: &str) -> bool {
        self.provider.takes(method)
    }

    async fn authorize(&self, hold: Hold) -> Result<Charge, Unknown> {
        let hold = Hold { key: self.key(hold.key), ..hold };
        self.carry(self.provider.authorize(hold)).await
    }

    async fn capture(&self, request: Request) -> Result<Outcome, Unknown> {
        self.carry(self.provider.capture(request)).await
    }

    async fn void(&self, request: Request) -> Result<Outcome, Unknown> {
        self.carry(self.provider.void(request)).await
    }

    async fn refund(&self, request: Request) -> Result<Outcome, Unknown> {
        let request = Request { key: self.key(request.key), ..request };
        self.carry(self.provider.refund(request)).await
    }

    async fn find(&self, key: &str) -> Result<Option<Charge>, Unknown> {
        self.carry(self.provider.find(key)).await
    }

    fn parse_webhook(&self, signature: &str, body: &str, now: DateTime<Utc>) -> Result<Notice, Error> {
        self.provider.parse_webhook(signature, body, now)
    }

    async fn act(&self, reference: &str, approve: bool) -> Result<Webhook, Error> {
        self.provider.act(reference, approve).await
    }
}
