//! What those who run the shop do about what does not get on by itself.
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum, builder::PossibleValuesParser};
use kernel::{
    Caller, Condition, Deployable, Host, InboxError, Messaging, Page, PageQuery, StartError, UnhandledEvent,
    UnhandledQuery, UnhandledState,
};
use orders::{OrderId, Outcome, StuckOrder};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::{self, App},
    calls::call,
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
        #[arg(long, value_parser = names(|role| !role.hears.is_empty()))]
        module: Option<String>,
    },
    /// Lets events be handled again, within seconds, or be sent again to the broker
    Replay {
        /// Only what this module could not handle
        #[arg(long, value_parser = names(|role| !role.hears.is_empty()))]
        module: Option<String>,
        /// The event
        #[arg(required_unless_present_any = ["all", "source"], conflicts_with_all = ["all", "source"])]
        id: Option<Uuid>,
        /// Every dead one
        #[arg(long)]
        all: bool,
        /// Deletes what the broker has of this module's events; it is filled again from the outbox by the shop
        #[arg(long, value_parser = names(|role| !role.publishes.is_empty()), conflicts_with_all = ["all", "module"])]
        source: Option<String>,
    },
}

/// The names of some roles.
fn names(of: impl Fn(&Deployable) -> bool) -> PossibleValuesParser {
    app::ROLES.iter().filter(|role| of(role)).map(|role| role.name).collect::<Vec<_>>().into()
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

/// Does what was asked about events, of each module that can be reached.
pub(crate) async fn events(host: &mut Host, command: Events) -> Result<ExitCode, StartError> {
    if let Events::Replay { source: Some(source), .. } = command {
        host.replay(&source).await?;
        println!("the events of {source} are to be sent again");
        return Ok(ExitCode::SUCCESS);
    }
    let app = app::start(host).await?;
    let (Events::Dead { module: only } | Events::Replay { module: only, .. }) = &command;
    let hears = |name: &str| app::ROLES.iter().any(|role| role.name == name && !role.hears.is_empty());
    let (mut known, mut failed) = (false, false);
    for (module, messaging) in app.messaging() {
        if !hears(module) || only.as_ref().is_some_and(|only| only != module) {
            continue;
        }
        match one(module, &messaging, &command).await {
            Ok(found) => known |= found,
            Err(error) => {
                eprintln!("{module} cannot be asked: {error}");
                failed = true;
            }
        }
    }
    if failed {
        return Ok(ExitCode::FAILURE);
    }
    match command {
        Events::Replay { id: Some(_), .. } if !known => Err("no such event was received".into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Does it with one module; true where it has received what was asked for.
async fn one(module: &str, messaging: &Messaging, command: &Events) -> Result<bool, StartError> {
    match command {
        Events::Replay { id: Some(id), .. } => return replay(messaging, *id).await,
        Events::Replay { id: None, .. } => {
            // In the order of publishing, so that those of one aggregate stay in order among themselves.
            for event in dead(messaging).await? {
                replay(messaging, event.event_id).await?;
            }
        }
        Events::Dead { .. } => {
            let all = dead(messaging).await?;
            for event in &all {
                println!("{}", line(module, event));
            }
            eprintln!("{module} could not handle {} events", all.len());
        }
    }
    Ok(true)
}

/// Everything that no attempt could handle.
async fn dead(messaging: &Messaging) -> Result<Vec<UnhandledEvent>, StartError> {
    every(async |cursor| {
        let query = UnhandledQuery { state: Some(UnhandledState::Dead), limit: Some(PAGE), cursor };
        call(messaging.unhandled(Caller::System, query)).await
    })
    .await
}

/// Lets an event be handled again; false if it was never received.
async fn replay(messaging: &Messaging, id: Uuid) -> Result<bool, StartError> {
    let replayed = async {
        match messaging.replay(Caller::System, id).await {
            Err(InboxError::EventNotFound) => Ok(false),
            outcome => outcome.map(|()| true),
        }
    };
    let known = call(replayed).await?;
    if known {
        println!("{id} is to be handled again");
    }
    Ok(known)
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

fn line(module: &str, event: &UnhandledEvent) -> String {
    let UnhandledEvent { source, event_id, kind, subject, at, attempts, reason, .. } = event;
    let reason = reason.as_deref().unwrap_or_default();
    format!("{event_id}\t{source} to {module}\t{kind}\t{subject}\t{at}\t{attempts} attempts\t{reason}")
}

/// A name, as the API has it.
pub(crate) fn word(name: &impl Serialize) -> String {
    serde_json::to_value(name).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
