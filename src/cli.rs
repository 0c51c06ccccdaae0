//! The command line.
use std::{
    io::{BufRead, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand, ValueEnum};
use figment::{Figment, providers::Serialized};
use kernel::{Caller, Deployable, Edge, Host, Role, StartError};
use users::NewUser;

use crate::{app, calls::call, config, export, import, mail, operate, serve, telemetry};

/// The back end of an online shop: one process or many, one story.
///
/// Without a command it serves: on SQLite under ./data, in dev mode, with a demo catalogue, on
/// <http://localhost:8080>. `stoa config` shows every setting; each can be given in stoa.toml or in the
/// environment (`STOA_DATABASE__URL` is `url` in `[database]`).
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  stoa                                        the whole shop in one process
  DATABASE_URL=postgres://… stoa              the same on PostgreSQL
  ROLE=orders stoa                            one module; the others are called at http://NAME:8081
  stoa user create --email me@example.com --role admin < password.txt
  stoa import products.csv                    what Shopify exports, as often as you like
  stoa orders stuck                           what does not get on by itself; deploy/README.md says what to do"
)]
pub(crate) struct Cli {
    /// Reads settings from FILE instead of ./stoa.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What runs here: all, gateway, a module's name, or several with commas
    #[arg(long = "role", value_name = "ROLE")]
    hosted: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until SIGTERM (the default)
    Serve,
    /// Brings in a product CSV as Shopify exports it; doing it twice changes nothing
    ///
    /// A column that the file does not have leaves what there is, one that is there and blank empties it: Handle, Variant
    /// SKU and Variant Price are enough to change prices. Products that are new need a Title and a price as well.
    ///
    /// Every good row is kept; each bad one is reported with its line and column. It takes as long as it takes; stopped
    /// by a signal or an error, it says how much is in, and the same file once more goes on from there.
    ///
    /// A note is no flaw: it names columns that are not read, and variants that are sent although they need not be. A
    /// gift card is refused. A variant whose inventory tracker is blank is sold without being counted.
    ///
    /// Exits with 0 if all of the file is in; with 1 if a row or a product is not, if there is nothing below the header,
    /// or after an error; with 130 or 143 after SIGINT or SIGTERM.
    Import {
        /// The file; - for standard input
        file: PathBuf,
    },
    /// Writes every product, drafts and archived ones too, as a CSV that `stoa import` (and Shopify) reads
    ///
    /// Imported into an empty shop and exported again, it is the same, byte for byte. What a spreadsheet would take for
    /// a formula has an apostrophe before it, which an import takes away again. FILE is replaced when all of it is
    /// written, and not before. Exits with 1 if a product could not be written (it is named), or after an error.
    Export {
        /// The file; standard output where absent
        file: Option<PathBuf>,
    },
    /// Accounts
    #[command(subcommand)]
    User(User),
    /// Orders that do not get on: list them, let them go on, or turn one back
    #[command(subcommand)]
    Orders(operate::Orders),
    /// Events that a module could not handle: list them, or let it try again; and the broker's copies
    #[command(subcommand)]
    Events(operate::Events),
    /// Messages to customers that were given up: list them, or send them again
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Brings the databases of what runs here up to this release, and exits
    Migrate,
    /// Prints what a role can be made of: for each its name, its kind, what it calls, whose events it hears, what it publishes
    Roles,
    /// Prints the places at which `testing.failpoint` can end a process
    #[command(hide = true)]
    Failpoints,
    /// Prints every setting in force and where it comes from, secrets hidden
    Config,
    /// Prints the description of the public API (OpenAPI 3.1)
    Openapi,
}

#[derive(Debug, Subcommand)]
enum User {
    /// Opens an account; the password is read from standard input
    Create {
        /// Where they get mail
        #[arg(long)]
        email: String,
        /// What it may do
        #[arg(long, value_enum, default_value = "customer")]
        role: Rank,
        /// What to call them; the address where absent
        #[arg(long)]
        name: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rank {
    Customer,
    Staff,
    Admin,
}

impl From<Rank> for Role {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::Customer => Self::Customer,
            Rank::Staff => Self::Staff,
            Rank::Admin => Self::Admin,
        }
    }
}

/// Does what was asked.
#[tokio::main]
pub(crate) async fn run(cli: Cli) -> Result<ExitCode, StartError> {
    let config = config::load(cli.config.as_deref(), cli.hosted.as_deref())?;
    telemetry::log(&config)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config).await?,
        Command::Import { file } => return with_host(config, async |host| import::import(host, &file).await).await,
        Command::Export { file } => {
            return with_host(config, async |host| export::export(host, file.as_deref()).await).await;
        }
        Command::User(User::Create { email, role, name }) => {
            return with_host(config, async |host| create(host, email, role.into(), name).await).await;
        }
        Command::Orders(command) => return with_host(config, async |host| operate::orders(host, command).await).await,
        Command::Events(command) => return with_host(config, async |host| operate::events(host, command).await).await,
        Command::Mail(command) => return with_host(config, async |host| mail::mail(host, command).await).await,
        Command::Migrate => {
            return with_host(config, async |host| app::migrate(host).await.map(|()| ExitCode::SUCCESS)).await;
        }
        Command::Roles => print!("{}", roles()),
        Command::Failpoints => println!("{}", app::failpoints().join("\n")),
        Command::Config => print!("{}", config::describe(&config)?),
        Command::Openapi => openapi(config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A process that hosts what one command needs, does nothing else, and ends in good order.
///
/// It uses the same databases as the processes that serve, and needs none of them; what they do by themselves, it
/// leaves to them. A module outside its role is called where it runs.
async fn with_host(
    config: Figment,
    work: impl AsyncFnOnce(&mut Host) -> Result<ExitCode, StartError>,
) -> Result<ExitCode, StartError> {
    // The demo catalogue comes with the shop, not with a command.
    let mut host = Host::for_command(config.merge(Serialized::default("products.demo", false)), app::ROLES)?;
    let outcome = Box::pin(work(&mut host)).await;
    host.tasks().shutdown(Duration::from_secs(5)).await;
    for (_, db) in host.databases() {
        db.close().await;
    }
    outcome
}

async fn create(host: &mut Host, email: String, role: Role, name: Option<String>) -> Result<ExitCode, StartError> {
    let users = host.module::<users::Module>(()).await?;
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        return Err("the password is read from standard input, and there was none".into());
    }
    let name = name.unwrap_or_else(|| email.clone());
    let user = call(users.create(Caller::System, NewUser { email, password, name }, role)).await?;
    println!("{}", user.id);
    Ok(ExitCode::SUCCESS)
}

/// What a role can be made of, with tabs between the fields of a line.
fn roles() -> String {
    let line = |role: &Deployable| {
        let kind = if role.edge { "edge" } else { "module" };
        let [calls, hears, publishes] = [role.calls, role.hears, role.publishes].map(|names| names.join(","));
        format!("{}\t{kind}\tcalls {calls}\thears {hears}\tpublishes {publishes}\n", role.name)
    };
    app::ROLES.iter().map(line).collect()
}

async fn openapi(config: Figment) -> Result<(), StartError> {
    // As an edge that calls everything elsewhere, it needs no database.
    let mut host = Host::new(config.merge(Serialized::default("role", <gateway::Edge as Edge>::NAME)), app::ROLES)?;
    app::start(&mut host).await?;
    let text = gateway::openapi(host.take_public()).to_pretty_json()?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
