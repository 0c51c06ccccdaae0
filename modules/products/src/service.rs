//! What the module works with.
use std::sync::Arc;

use kernel::{Clock, Context, Currency, Db, StartError};

use crate::{
    StockLine,
    catalogue::cache::{Changing, Name, Shown},
    settings::Settings,
};

/// The catalogue and its stock, in a database of their own.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) currency: Currency,
    pub(crate) settings: Settings,
    pub(crate) shown: Arc<Shown>,
}

impl Service {
    pub(crate) fn new(context: &Context, settings: Settings) -> Result<Self, StartError> {
        let Context { db, clock, currency, .. } = context.clone();
        let settings = settings.checked()?;
        let shown = Arc::new(Shown::new(settings.cache()));
        Ok(Self { db, clock, currency, settings, shown })
    }

    /// To be held while it is committed that another number of these is left.
    pub(crate) fn changing(&self, lines: &[StockLine]) -> Changing {
        self.shown.changes.of(lines.iter().map(|line| Name::Stock(line.sku.clone())))
    }
}
