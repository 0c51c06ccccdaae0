//! PostgreSQL under one address, however many servers it names: the pool of the one that takes writes.
use std::{future::Future, io, time::Duration};

use futures_util::future::{BoxFuture, join_all, select_all};
use sqlx::{
    ConnectOptions, Executor, PgConnection, PgPool, Postgres, Row, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::StartError;

/// A server that does not answer for so long is as good as gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the primary is asked whether it still is one.
const PERIOD: Duration = Duration::from_secs(1);
/// How long to wait, where no server is a primary, before all are asked again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a request waits for a connection, and a start for a primary.
const WAIT: Duration = Duration::from_secs(5);

/// The pool of the primary; once that was lost, the next one gets a pool of its own.
///
/// The old pool is not pointed elsewhere: its connections may hang on a server that no longer answers, and would keep
/// their places in it until TCP gives up.
#[derive(Debug, Clone)]
pub struct Primary(watch::Receiver<PgPool>);

/// A pool that stays what it is.
impl From<PgPool> for Primary {
    fn from(pool: PgPool) -> Self {
        Self(watch::channel(pool).1)
    }
}

impl Primary {
    /// Connects to the server at `url`, or to whichever of its servers takes writes, and stays with that.
    pub(crate) async fn open(
        url: &str,
        connections: u32,
        setup: impl Fn(PgConnectOptions) -> PgConnectOptions,
    ) -> Result<Self, StartError> {
        let (servers, write) = parse(url)?;
        let servers: Vec<_> = servers.into_iter().map(setup).collect();
        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(WAIT).test_before_acquire(false);
        if !write {
            return Ok(pool.connect_with(servers[0].clone()).await?.into());
        }
        let Ok((at, connection)) = timeout(WAIT, find(&servers)).await else { return Err(refusals(&servers).await) };
        let pool = pool.after_connect(|connection, _| Box::pin(writes(connection)));
        let (pools, current) = watch::channel(pool.connect_lazy_with(servers[at].clone()));
        #[expect(clippy::disallowed_methods, reason = "it ends by itself, with the last handle to the database")]
        tokio::spawn(async move {
            tokio::select! {
                () = pools.closed() => {}
                () = follow(&servers, at, connection, &pools) => {}
            }
        });
        Ok(Self(current))
    }

    /// The pool as of now.
    #[must_use]
    pub fn pool(&self) -> PgPool {
        self.0.borrow().clone()
    }

    /// A handle that knows when there is another primary than now.
    pub(crate) fn as_of_now(&self) -> Self {
        let mut now = self.clone();
        now.0.mark_unchanged();
        now
    }

    /// Whether there has been another one since this handle was made.
    pub(crate) fn has_changed(&self) -> bool {
        self.0.has_changed().unwrap_or(false)
    }

    /// Done once there is another one than when this handle was made.
    pub(crate) async fn replaced(mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A connection to the primary; boxed, as every statement's future has it inside.
    pub(crate) fn acquire(&self) -> BoxFuture<'_, sqlx::Result<PoolConnection<Postgres>>> {
        Box::pin(self.patiently(async |pool| pool.acquire().await))
    }

    /// A transaction on the primary.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        self.patiently(async |pool| pool.begin().await).await
    }

    /// Who waits for a server that is given up waits for the next one instead.
    async fn patiently<T, F: Future<Output = sqlx::Result<T>>>(&self, ask: impl Fn(PgPool) -> F) -> sqlx::Result<T> {
        let mut pools = self.0.clone();
        loop {
            let pool = pools.borrow_and_update().clone();
            tokio::select! {
                // First, so that a pool that was closed for another one is not an error.
                biased;
                Ok(()) = pools.changed() => {}
                got = ask(pool) => return got,
            }
        }
    }
}

/// Gives `pools` a new pool whenever the primary was lost and there is one again, be it the same server.
///
/// So a connection that is to a standby by now, or that hangs, is not used again.
async fn follow(
    servers: &[PgConnectOptions],
    mut at: usize,
    mut connection: PgConnection,
    pools: &watch::Sender<PgPool>,
) {
    loop {
        let reason = lost(connection).await;
        tracing::warn!(server = name(&servers[at]), %reason, "the primary is lost");
        (at, connection) = find(servers).await;
        let old = pools.borrow().clone();
        if old.is_closed() {
            return;
        }
        tracing::warn!(server = name(&servers[at]), "there is a primary again");
        pools.send_replace(old.options().clone().connect_lazy_with(servers[at].clone()));
        #[expect(clippy::disallowed_methods, reason = "nobody waits for connections to a server that is gone")]
        tokio::spawn(async move { old.close().await });
    }
}

/// Why the server behind `connection` is the primary no longer, once it is not.
async fn lost(mut connection: PgConnection) -> sqlx::Error {
    loop {
        sleep(PERIOD).await;
        if let Err(reason) = in_time(writes(&mut connection)).await {
            return reason;
        }
    }
}

/// The first server to say that it takes writes; each is asked until one does, and none that is silent holds up others.
async fn find(servers: &[PgConnectOptions]) -> (usize, PgConnection) {
    let insist = async |server| {
        loop {
            match ask(server).await {
                Ok(connection) => return connection,
                Err(_) => sleep(PAUSE).await,
            }
        }
    };
    let (connection, at, _) = select_all(servers.iter().map(|server| Box::pin(insist(server)))).await;
    (at, connection)
}

/// What each server says instead.
async fn refusals(servers: &[PgConnectOptions]) -> StartError {
    let answers = join_all(servers.iter().map(ask)).await;
    let reasons = servers.iter().zip(answers).filter_map(|(server, answer)| Some((name(server), answer.err()?)));
    let reasons: Vec<_> = reasons.map(|(name, reason)| format!("{name}: {reason}")).collect();
    format!("none of its servers is a primary ({})", reasons.join("; ")).into()
}

/// A connection to a server that takes writes.
async fn ask(server: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    in_time(async {
        let mut connection = server.connect().await?;
        writes(&mut connection).await?;
        Ok(connection)
    })
    .await
}

/// Refuses a server that takes no writes: a standby, or a primary that was told to step back.
async fn writes(connection: &mut PgConnection) -> sqlx::Result<()> {
    let row = connection.fetch_one("SHOW transaction_read_only").await?;
    if row.try_get::<String, _>(0)? == "off" { Ok(()) } else { Err(io::Error::other("it takes no writes").into()) }
}

async fn in_time<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late().into()))
}

fn name(server: &PgConnectOptions) -> String {
    format!("{}:{}", server.get_host(), server.get_port())
}

/// The servers of an address as libpq has it, `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME?…`, and whether only
/// one that takes writes will do: where there are several, or `target_session_attrs` says so.
fn parse(url: &str) -> Result<(Vec<PgConnectOptions>, bool), StartError> {
    let (scheme, rest) = url.split_once("://").ok_or("it is not a URL")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (target, query): (Vec<_>, Vec<_>) =
        query.split('&').partition(|setting| setting.starts_with("target_session_attrs="));
    for setting in &target {
        if !setting.ends_with("=read-write") && !setting.ends_with("=primary") {
            return Err(format!("the shop needs a server that takes writes, so `{setting}` cannot be").into());
        }
    }
    let query = query.join("&");
    let several = hosts.contains(',');
    let server = |host: &str| match host {
        "" if several => Err("a host is missing beside a comma".into()),
        _ => Ok(format!("{scheme}://{user}{host}{path}?{query}").parse()?),
    };
    let servers: Result<_, StartError> = hosts.split(',').map(server).collect();
    Ok((servers?, several || !target.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (Vec<String>, bool) {
        let (servers, write) = parse(url).unwrap();
        for server in &servers {
            assert_eq!((server.get_username(), server.get_database()), ("shop", Some("stoa")), "{url}");
        }
        (servers.iter().map(name).collect(), write)
    }

    #[test]
    fn an_address_names_one_server_or_several() {
        for (url, servers, write) in [
            ("postgres://shop:p,w@db/stoa", "db:5432", false),
            ("postgresql://shop@db:6432/stoa?target_session_attrs=read-write", "db:6432", true),
            ("postgres://shop:a@b@one:5433,two/stoa?sslmode=disable", "one:5433 two:5432", true),
            (
                "postgres://shop@10.0.0.1,[::1]:7,c/stoa?target_session_attrs=primary",
                "10.0.0.1:5432 [::1]:7 c:5432",
                true,
            ),
        ] {
            assert_eq!(read(url), (servers.split(' ').map(str::to_owned).collect(), write), "{url}");
        }
    }

    #[test]
    fn an_address_that_cannot_work_is_refused() {
        for (url, why) in [
            ("postgres://shop@one,/stoa", "comma"),
            ("postgres://shop@,two/stoa", "comma"),
            ("postgres://shop@one:x,two/stoa", "port"),
            ("postgres://shop@one,two/stoa?target_session_attrs=standby", "target_session_attrs=standby"),
        ] {
            let refused = parse(url).unwrap_err().to_string();
            assert!(refused.contains(why), "{url}: {refused}");
        }
    }
}
