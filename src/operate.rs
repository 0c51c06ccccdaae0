//! What those who run the shop do about what does not get on by itself.
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use kernel::{Call, Caller, Condition, DeadLetter, Host, LetterQuery, LetterState, Page, PageQuery, StartError};
use orders::{OrderId, Outcome, StuckOrder};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::{self, App},
    calls::{PATIENCE, call},
    explain::explain,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Orders {
    /// Lists orders that have failed repeatedly or wait for a person, the oldest first
    Stuck,
    /// Lets an order be gone on with at once, with every attempt before it
    Retry {
        /// The order
        id: Uuid,
    },
    /// Turns back an order that is not confirmed: money and stock are given back
    Force {
        /// The order
        id: Uuid,
        /// What to force it to
        #[arg(long, value_enum)]
        outcome: Force,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Force {
    /// It is cancelled, once it is known that money and stock are back
    Cancel,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Lists what no attempt could handle, of every module or of one
    Dead {
        /// Only what this module could not handle
        #[arg(long, value_enum)]
        module: Option<Module>,
    },
    /// Lets events be handled again, within seconds, or be sent again to the broker
    Replay {
        /// Only what this module could not handle
        #[arg(long, value_enum)]
        module: Option<Module>,
        /// The event
        #[arg(required_unless_present_any = ["all", "source"], conflicts_with_all = ["all", "source"])]
        id: Option<Uuid>,
        /// Every dead one
        #[arg(long)]
        all: bool,
        /// Deletes what the broker has of this module's events; it is filled again from the outbox by the shop
        #[arg(long, value_enum, conflicts_with_all = ["all", "module"])]
        source: Option<Source>,
    },
}

/// A module that hears of others by their events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Module {
    Orders,
    Notifications,
}

/// A module that publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Orders,
    Payments,
}

/// How many are asked for at a time.
pub(crate) const PAGE: u32 = 100;

/// Does what was asked about orders.
pub(crate) async fn orders(host: &mut Host, command: Orders) -> Result<ExitCode, StartError> {
    let App { orders, .. } = app::start(host).await?;
    match command {
        Orders::Stuck => {
            let page = async |cursor| call(orders.stuck(Caller::System, PageQuery { limit: Some(PAGE), cursor })).await;
            let all = every(page).await?;
            for order in &all {
                println!("{}", stuck(order));
            }
            eprintln!("{} orders do not get on", all.len());
        }
        Orders::Retry { id } => {
            let order = call(orders.retry(Caller::System, OrderId(id))).await?;
            println!("{} is to be gone on with", order.number);
        }
        Orders::Force { id, outcome: Force::Cancel } => {
            let order = call(orders.force(Caller::System, OrderId(id), Outcome::Cancel, Condition::default())).await?;
            println!("{} is {}", order.number, word(&order.status));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Does what was asked about events.
pub(crate) async fn events(host: &mut Host, command: Events) -> Result<ExitCode, StartError> {
    if let Events::Replay { source: Some(source), .. } = command {
        host.replay(&word(&source)).await?;
        println!("the events of {} are to be sent again", word(&source));
        return Ok(ExitCode::SUCCESS);
    }
    let app = app::start(host).await?;
    match command {
        Events::Dead { module } => {
            for module in modules(module) {
                let all = every(async |cursor| module.dead(&app, cursor).await).await?;
                for letter in &all {
                    println!("{}", dead(module, letter));
                }
                eprintln!("{} could not handle {} events", word(&module), all.len());
            }
        }
        Events::Replay { module, id: Some(id), .. } => {
            let mut known = false;
            for module in modules(module) {
                known |= module.replay(&app, id).await?;
            }
            if !known {
                return Err("no such event was received".into());
            }
            println!("{id} is to be handled again");
        }
        Events::Replay { module, id: None, .. } => {
            for module in modules(module) {
                // In the order of publishing, so that those of one aggregate stay in order among themselves.
                for letter in every(async |cursor| module.dead(&app, cursor).await).await? {
                    module.replay(&app, letter.event_id).await?;
                    println!("{} is to be handled again", letter.event_id);
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn modules(only: Option<Module>) -> impl Iterator<Item = Module> {
    [Module::Orders, Module::Notifications].into_iter().filter(move |module| only.is_none_or(|only| only == *module))
}

impl Module {
    /// A page of what it could not handle.
    async fn dead(self, app: &App, cursor: Option<String>) -> Result<Page<DeadLetter>, StartError> {
        let query = LetterQuery { state: Some(LetterState::Dead), limit: Some(PAGE), cursor };
        match self {
            Self::Orders => call(app.orders.dead_letters(Caller::System, query)).await,
            Self::Notifications => call(app.notifications.dead_letters(Caller::System, query)).await,
        }
    }

    /// Lets it handle an event again; false if it never received it.
    async fn replay(self, app: &App, id: Uuid) -> Result<bool, StartError> {
        let call = Call::fresh(PATIENCE);
        match self {
            Self::Orders => match call.run(app.orders.replay_dead_letter(Caller::System, id)).await {
                Err(orders::Error::EventNotFound) => Ok(false),
                outcome => outcome.map(|()| true).map_err(explain),
            },
            Self::Notifications => match call.run(app.notifications.replay_dead_letter(Caller::System, id)).await {
                Err(notifications::Error::EventNotFound) => Ok(false),
                outcome => outcome.map(|()| true).map_err(explain),
            },
        }
    }
}

/// The items of every page.
pub(crate) async fn every<T>(
    page: impl AsyncFn(Option<String>) -> Result<Page<T>, StartError>,
) -> Result<Vec<T>, StartError> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let Page { items, next } = page(cursor).await?;
        all.extend(items);
        cursor = next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// A line of fields with tabs between them.
fn stuck(order: &StuckOrder) -> String {
    let StuckOrder { order_id, number, status, updated_at, attempts, .. } = order;
    let next = if order.needs_operator { "waits for a person".into() } else { format!("again at {}", order.due_at) };
    let error = order.last_error.as_deref().unwrap_or_default();
    format!("{order_id}\t{number}\t{} since {updated_at}\t{attempts} failures\t{next}\t{error}", word(status))
}

fn dead(module: Module, letter: &DeadLetter) -> String {
    let DeadLetter { source, event_id, kind, subject, at, attempts, .. } = letter;
    let reason = letter.reason.as_deref().unwrap_or_default();
    let module = word(&module);
    format!("{event_id}\t{source} to {module}\t{kind}\t{subject}\t{at}\t{attempts} attempts\t{reason}")
}

/// A name, as the API has it.
pub(crate) fn word(name: &impl Serialize) -> String {
    serde_json::to_value(name).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
