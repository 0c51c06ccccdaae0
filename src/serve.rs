//! Serving: two listeners, health, and an end that loses nothing.
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header::CONNECTION},
    response::Response,
    routing::get,
};
use figment::Figment;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use kernel::{Db, Host, Mode, Refusal, StartError, Tasks, problem};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Deserialize;
use tokio::{net::TcpListener, sync::Semaphore};
use tower::ServiceExt;

use crate::{app, stop::Stop};

#[derive(Debug, Deserialize)]
struct Listen {
    public: String,
    internal: String,
    connections: usize,
    internal_age_seconds: u64,
    drain_ms: u64,
    grace_seconds: u64,
}

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// Serves what the role says until SIGTERM or Ctrl-C.
pub(crate) async fn run(config: Figment) -> Result<(), StartError> {
    let listen: Listen = config.extract_inner("listen")?;
    let metrics = crate::telemetry::metrics()?;
    let mut host = Host::new(config, app::ROLES)?;
    let settings = host.settings().clone();
    // Bound first: a port that is taken is better known before anything is started.
    let internal = bind("listen.internal", &listen.internal).await?;
    let public = if host.is_edge() { Some(bind("listen.public", &listen.public).await?) } else { None };
    let app = app::start(&mut host).await?;
    let edge = app::edge(&mut host, app).await?;
    let tasks = host.tasks().clone();

    let inside = health(&host, metrics).merge(host.take_internal()).fallback(async || problem(Refusal::NotFound));
    let place = internal.local_addr()?;
    accept(internal, inside, listen.connections, Some(Duration::from_secs(listen.internal_age_seconds)), &tasks);
    tracing::info!(role = settings.role, "internal calls, health and metrics on http://{place}");
    if let (Some(listener), Some(edge)) = (public, edge) {
        let place = listener.local_addr()?;
        accept(listener, edge, listen.connections, None, &tasks);
        tracing::info!(role = settings.role, "the shop is open on http://{place}");
    }
    if settings.mode == Mode::Dev {
        tracing::warn!(
            "DEV MODE: demo catalogue, play money, secrets made up in `data_dir`; set STOA_MODE=production to sell"
        );
    }

    let signal = Stop::listen()?.signal().await;
    tracing::info!(%signal, "stopping");
    tasks.drain();
    tokio::time::sleep(Duration::from_millis(listen.drain_ms)).await;
    let ended = tasks.shutdown(Duration::from_secs(listen.grace_seconds)).await;
    for (_, db) in host.databases() {
        db.close().await;
    }
    if ended { Ok(()) } else { Err("some calls did not end within `listen.grace_seconds`".into()) }
}

async fn bind(setting: &str, address: &str) -> Result<TcpListener, StartError> {
    Ok(TcpListener::bind(address).await.map_err(|error| format!("`{setting}` {address} cannot be used: {error}"))?)
}

/// `/health/live`, `/health/ready` (its own databases, never a peer, or the start of all would deadlock), `/metrics`.
fn health(host: &Host, metrics: PrometheusHandle) -> Router {
    let databases: Arc<[(&str, Db)]> = host.databases().into();
    let tasks = host.tasks().clone();
    let ready = move || {
        let (databases, tasks) = (Arc::clone(&databases), tasks.clone());
        async move {
            if tasks.is_draining() {
                return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
            }
            for (name, db) in databases.iter() {
                if let Err(error) = db.ping().await {
                    tracing::warn!(module = name, %error, "the database does not answer");
                    return (StatusCode::SERVICE_UNAVAILABLE, format!("{name}: the database does not answer\n"));
                }
            }
            (StatusCode::OK, "ready\n".to_owned())
        }
    };
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(async move || metrics.render()))
}

/// Serves `router` on `listener` until shutdown; then each connection ends with what it is answering.
///
/// An answer on a connection older than `age` is its last, so that a new replica gets its share of callers. It says so
/// (`Connection: close`, RFC 9112 §9.6): closing an idle one could meet the next request on its way.
fn accept(listener: TcpListener, router: Router, connections: usize, age: Option<Duration>, tasks: &Tasks) {
    let places = Arc::new(Semaphore::new(connections));
    let ours = tasks.clone();
    tasks.spawn(async move {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ours.stopping() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: let some connections end.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            stream.set_nodelay(true).ok();
            let (router, tasks) = (router.clone(), ours.clone());
            ours.spawn(async move {
                connection(TokioIo::new(stream), peer, router, age, &tasks).await;
                drop(place);
            });
        }
    });
}

async fn connection(
    stream: TokioIo<tokio::net::TcpStream>,
    peer: SocketAddr,
    router: Router,
    age: Option<Duration>,
    tasks: &Tasks,
) {
    let opened = Instant::now();
    let router = router.map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new));
    let router = router.map_response(move |mut response: Response| {
        if age.is_some_and(|age| opened.elapsed() > age) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(stream, TowerToHyperService::new(router));
    tokio::pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = tasks.stopping() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}
