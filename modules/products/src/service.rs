//! What the module works with.
use kernel::{Clock, Context, Currency, Db, StartError};

use crate::settings::Settings;

/// The catalogue and its stock, in a database of their own.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) currency: Currency,
    pub(crate) settings: Settings,
}

impl Service {
    pub(crate) fn new(context: &Context, settings: Settings) -> Result<Self, StartError> {
        let Context { db, clock, currency, .. } = context.clone();
        Ok(Self { db, clock, currency, settings: settings.checked()? })
    }
}
