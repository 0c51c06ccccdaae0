//! What the process tells of itself: its log and its metrics.
use figment::Figment;
use kernel::StartError;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

#[derive(Deserialize)]
struct Log {
    filter: String,
    format: Format,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Text,
    Json,
}

/// Begins to log to standard error, as `[log]` says.
pub(crate) fn log(config: &Figment) -> Result<(), StartError> {
    let Log { filter, format } = config.extract_inner("log")?;
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("`log.filter` is no filter: {error}"))?;
    // A line that cannot be written is lost. Complaining of it on standard error, which is full, would panic.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        Format::Text => log.init(),
        Format::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Begins to count; the handle renders what was counted in Prometheus's text format.
pub(crate) fn metrics() -> Result<PrometheusHandle, StartError> {
    const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    Ok(PrometheusBuilder::new().set_buckets(SECONDS)?.install_recorder()?)
}
