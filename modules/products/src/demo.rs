//! A catalogue to look at on the first start.
use kernel::{Caller, StartError};

use crate::{Products, catalogue::store, csv, service::Service};

/// Fills an empty catalogue.
pub(crate) async fn load(service: &Service) -> Result<(), StartError> {
    if store::any(&service.db).await? {
        return Ok(());
    }
    let report = service.import(Caller::System, csv::demo(service.currency)).await?;
    tracing::info!(products = report.created, "the demo catalogue is in");
    Ok(())
}
