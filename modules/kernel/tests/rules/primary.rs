//! An address that names several servers is that of the one that takes writes, whichever it is by now.
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use kernel::{
    Db, Executor, Fault,
    testing::{Server, address},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};

/// What may pass from a promotion until the shop writes again.
const SOON: Duration = Duration::from_secs(4);

/// A way to `server` that can be made to drop everything: those that are connected wait, and so do new ones.
async fn wire(server: &Server) -> (String, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (way, host) = (listener.local_addr().unwrap().to_string(), server.host.clone());
    let (cut, seen) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (host, mut seen) = (host.clone(), seen.clone());
            tokio::spawn(async move {
                let passes = async {
                    if let Ok(mut server) = TcpStream::connect(host).await {
                        copy_bidirectional(&mut client, &mut server).await.ok();
                    }
                };
                let dropped = async { seen.wait_for(|cut| *cut).await.is_ok() };
                tokio::select! {
                    biased;
                    true = dropped => std::future::pending().await,
                    () = passes => {}
                }
            });
        }
    });
    (way, cut)
}

/// A pair of servers, and the module's database on it.
struct Pair {
    primary: Server,
    standby: Server,
    db: Db,
    cut: watch::Sender<bool>,
    _silent: TcpListener,
}

impl Pair {
    /// The address names a server that is silent and the standby first.
    async fn start() -> Self {
        let primary = Server::start().await;
        let standby = Server::follow(&primary, "standby").await;
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (way, cut) = wire(&primary).await;
        let begun = Instant::now();
        let url = address(&[&silent.local_addr().unwrap().to_string(), &standby.host, &way]);
        let db = Db::postgres(&url, "sample", 3).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "a silent server holds nobody up: {:?}", begun.elapsed());
        db.query("CREATE TABLE marks (n BIGINT NOT NULL PRIMARY KEY)").execute().await.unwrap();
        mark(&db, 0).await.unwrap();
        Self { primary, standby, db, cut, _silent: silent }
    }
}

/// Writes `n` in a transaction; a standby is never asked.
async fn mark(db: &Db, n: i64) -> sqlx::Result<()> {
    let work = async {
        let recovers: (bool,) = db.query("SELECT pg_is_in_recovery()").fetch_one().await?;
        assert!(!recovers.0, "a standby was asked");
        let mut tx = db.begin().await?;
        tx.query("INSERT INTO marks (n) VALUES ($1) ON CONFLICT DO NOTHING").bind(n).execute().await?;
        tx.commit().await
    };
    // As the gateway does: whoever waits gives up, and what they asked is dropped half-way.
    timeout(Duration::from_secs(3), work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Writers, while `lose` takes the primary away and the standby is promoted: what was acknowledged is there, what was
/// not is unavailable, and soon all write again.
async fn is_followed(pair: &Pair, lose: impl Future<Output = ()>) {
    let promoted = watch::Sender::new(None);
    let change = async {
        sleep(Duration::from_millis(200)).await;
        lose.await;
        // For a while there is none.
        sleep(Duration::from_millis(1500)).await;
        pair.standby.told("promote").await;
        promoted.send_replace(Some(Instant::now()));
    };
    let writer = async |writer: i64| {
        let (mut kept, mut refused) = (Vec::new(), 0);
        for n in 1000 * writer.. {
            let late = promoted.borrow().is_some();
            match mark(&pair.db, n).await {
                Ok(()) => kept.push(n),
                Err(error) => {
                    let why = error.to_string();
                    assert_eq!(Fault::from(error), Fault::Unavailable, "{why}");
                    refused += 1;
                }
            }
            if late && kept.last() == Some(&n) {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        (kept, refused)
    };
    let write = timeout(Duration::from_secs(20), join_all((1..=6).map(writer)));
    let ((), writers) = join(change, write).await;
    let took = promoted.borrow().unwrap().elapsed();
    let (kept, refused): (Vec<_>, Vec<_>) = writers.unwrap().into_iter().unzip();
    let kept = kept.concat();
    println!("followed {took:?} after the promotion: {} written, {refused:?} refused", kept.len());
    assert!(took < SOON, "{took:?}");
    let sql = "SELECT COUNT(*) FROM marks WHERE n IN ($*)";
    let found = pair.db.query(sql).bind_list(kept.iter().copied()).fetch_one::<(i64,)>().await.unwrap();
    assert_eq!(found.0, i64::try_from(kept.len()).unwrap(), "nothing that was acknowledged is lost");
}

/// Which server the database is on.
async fn port(db: &Db) -> String {
    let sql = "SELECT setting FROM pg_settings WHERE name = 'port'";
    db.query(sql).fetch_one::<(String,)>().await.unwrap().0
}

#[tokio::test]
async fn a_primary_that_dies_is_followed_and_not_taken_back() {
    let pair = Pair::start().await;
    is_followed(&pair, pair.primary.told("stop")).await;
    // The old primary as it was: nobody told it that its time is over.
    pair.primary.told("start").await;
    sleep(Duration::from_millis(2500)).await;
    assert!(pair.standby.host.ends_with(&port(&pair.db).await), "the new primary is kept");
}

#[tokio::test]
async fn a_primary_that_steps_back_under_open_connections_is_followed() {
    let pair = Pair::start().await;
    is_followed(&pair, pair.primary.told("read-only")).await;
}

#[tokio::test]
async fn a_primary_that_is_silent_is_followed() {
    let pair = Pair::start().await;
    is_followed(&pair, async { _ = pair.cut.send_replace(true) }).await;
}

/// One name for all, as a Kubernetes Service is, with libpq's word for what is wanted.
#[tokio::test]
async fn a_single_server_that_takes_no_writes_is_refused_where_the_address_says_so() {
    let server = Server::start().await;
    server.told("read-only").await;
    let url = address(&[&server.host]);
    let refused = Db::postgres(&format!("{url}?target_session_attrs=read-write"), "sample", 3).await.unwrap_err();
    assert!(refused.to_string().contains("takes no writes"), "{refused}");
    let refused = Db::postgres(&url, "sample", 3).await.unwrap_err();
    assert!(refused.to_string().contains("read-only"), "the control, which finds out later: {refused}");
}
