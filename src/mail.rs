//! What those who run the shop do about mail that was given up.
use std::process::ExitCode;

use clap::Subcommand;
use kernel::{Caller, Host, StartError};
use notifications::{Delivery, DeliveryQuery, DeliveryStatus, NotificationId};
use uuid::Uuid;

use crate::{
    app::{self, App},
    calls::call,
    operate::{PAGE, every, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Mail {
    /// Lists messages that were given up, the latest first
    Failed,
    /// Sends messages again that failed, or went to an address that their order no longer has
    Resend {
        /// The message
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<Uuid>,
        /// Every one that failed
        #[arg(long)]
        all: bool,
    },
}

/// Does what was asked about mail.
pub(crate) async fn mail(host: &mut Host, command: Mail) -> Result<ExitCode, StartError> {
    let app = app::start(host).await?;
    match command {
        Mail::Failed => {
            let all = failed(&app).await?;
            for message in &all {
                println!("{}", line(message));
            }
            eprintln!("{} messages were given up", all.len());
        }
        Mail::Resend { id: Some(id), .. } => resend(&app, NotificationId(id)).await?,
        Mail::Resend { id: None, .. } => {
            let all = failed(&app).await?;
            for message in &all {
                resend(&app, message.notification.id).await?;
            }
            eprintln!("{} messages are to be sent again", all.len());
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn failed(app: &App) -> Result<Vec<Delivery>, StartError> {
    every(async |cursor| {
        let query = DeliveryQuery { status: Some(DeliveryStatus::Failed), limit: Some(PAGE), cursor };
        call(app.notifications.deliveries(Caller::System, query)).await
    })
    .await
}

async fn resend(app: &App, id: NotificationId) -> Result<(), StartError> {
    let message = call(app.notifications.resend(Caller::System, id)).await?;
    println!("{id} is {}", word(&message.notification.status));
    Ok(())
}

/// A line of fields with tabs between them; whom it was written to is for the API to say, and for nobody's terminal log.
fn line(message: &Delivery) -> String {
    let Delivery { notification, attempts, last_error, .. } = message;
    let order = notification.order_id.map(|id| id.to_string()).unwrap_or_default();
    let error = last_error.as_deref().unwrap_or_default();
    let (id, kind, at) = (notification.id, &notification.kind, notification.created_at);
    format!("{id}\t{kind}\t{order}\t{at}\t{attempts} attempts\t{error}")
}
