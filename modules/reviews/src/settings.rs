use serde::Deserialize;

use crate::Visibility;

/// The section `[reviews]` of the configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct Settings {
    /// Whether staff looks at what a customer wrote before anyone else does.
    pub(crate) hold: bool,
}

impl Settings {
    /// Who sees what a customer has just written, where `before` is who saw it until then.
    pub(crate) fn visibility(&self, before: Visibility) -> Visibility {
        if self.hold { Visibility::Hidden } else { before }
    }
}
