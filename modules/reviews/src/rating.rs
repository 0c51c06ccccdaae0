//! Tells the catalogue how products are rated. What has changed is noted with the change, and told until it is known.
use std::{sync::Arc, time::Duration};

use kernel::{Failure, Fault, Tasks};
use products::Rating;

use crate::{
    failpoints::{rate, reach},
    service::Service,
    store::ratings::{self, Total},
};

/// How many products at a time.
const BATCH: i64 = 100;
/// How often to look without being woken: for other replicas' reviews, and what could not be told.
const LOOK: Duration = Duration::from_secs(2);

impl Total {
    /// The mean in hundredths, rounded half up; none where nobody has rated.
    pub(crate) fn rating(&self) -> Option<Rating> {
        let (count, points) = (self.reviews, self.points);
        (count > 0).then(|| Rating { average: (200 * points + count) / (2 * count), count })
    }
}

/// Tells what has changed; true if there may be more. What fails is told again, and holds up no other.
pub(crate) async fn tell(service: &Service) -> Result<bool, Fault> {
    let totals = ratings::untold(&service.db, BATCH).await?;
    let mut told = 0;
    for total in &totals {
        match tell_one(service, total).await {
            Ok(()) => told += 1,
            Err(fault) => tracing::warn!(product.id = %total.product_id, %fault, "a rating was not told; trying again"),
        }
    }
    Ok(told == BATCH)
}

/// The catalogue takes none but the latest, so two replicas may tell the same, in any order.
async fn tell_one(service: &Service, total: &Total) -> Result<(), Fault> {
    reach(rate::before);
    let told = service.products.rate(total.product_id, total.rating(), total.version).await;
    match told {
        Err(products::Error::ProductNotFound { .. }) => {
            tracing::error!(product.id = %total.product_id, "a product is rated that there is not");
        }
        told => told.map_err(Failure::into_fault)?,
    }
    reach(rate::after);
    ratings::set_told(&service.db, total).await
}

/// Tells the catalogue until shutdown.
pub(crate) fn keep_telling(tasks: &Tasks, service: &Arc<Service>) {
    let (teller, sleeper) = (Arc::clone(service), Arc::clone(service));
    let step = move || {
        let service = Arc::clone(&teller);
        async move { tell(&service).await.unwrap_or_default() }
    };
    let wake = move || {
        let service = Arc::clone(&sleeper);
        async move { service.wake.notified().await }
    };
    tasks.repeat(LOOK, step, wake);
}

#[cfg(test)]
mod tests {
    use products::ProductId;

    use super::*;

    #[test]
    fn a_mean_is_rounded_half_up_to_hundredths() {
        for (reviews, points, average) in [
            (1, 5, Some(500)),
            (3, 13, Some(433)),
            (3, 14, Some(467)),
            (8, 33, Some(413)),
            (7, 7, Some(100)),
            (0, 0, None),
        ] {
            let total = Total { product_id: ProductId::new(), reviews, points, version: 1 };
            assert_eq!(total.rating().map(|rating| rating.average), average, "{points} / {reviews}");
        }
    }
}
