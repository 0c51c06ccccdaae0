//! A catalogue to look at on the first start.
use kernel::{Caller, StartError};

use crate::{ImportedProduct, Products, service::Service, store};

/// Fills an empty catalogue.
pub(crate) async fn load(service: &Service) -> Result<(), StartError> {
    if store::any(&service.db).await? {
        return Ok(());
    }
    let products: Vec<ImportedProduct> = Vec::new();
    service.import(Caller::System, products).await?;
    Ok(())
}
