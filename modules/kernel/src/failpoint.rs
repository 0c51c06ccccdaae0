//! Named places at which a test lets a process die, to see that nothing is lost and nothing happens twice.
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use crate::{Mode, StartError};

/// Where this process dies; nowhere, unless a test says so.
static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    name: String,
    /// How often it is still to be passed alive, and this time.
    left: AtomicU64,
}

/// A place where `testing.failpoint` may end the process at once, as a power cut would.
///
/// Its name are the parts with dots between them, and begins with the module that it is in.
#[macro_export]
macro_rules! failpoint {
    ($($part:expr),+ $(,)?) => {
        $crate::failpoint::reach(&[$($part),+])
    };
}

/// Ends the process if this is the place.
#[doc(hidden)]
#[inline]
pub fn reach(parts: &[&str]) {
    if let Some(armed) = ARMED.get()
        && armed.is_up(parts)
    {
        eprintln!("failpoint {}", armed.name);
        std::process::abort();
    }
}

/// Takes the setting: a name, or `name:3` for the third time that it is reached, or nothing.
pub(crate) fn arm(setting: &str, mode: Mode) -> Result<(), StartError> {
    match (setting, mode) {
        ("", _) => Ok(()),
        (_, Mode::Production) => Err("`testing.failpoint` must not be set outside dev mode".into()),
        (setting, Mode::Dev) => {
            let armed = Armed::parse(setting)?;
            ARMED.set(armed).map_err(|_| "`testing.failpoint` was set before in this process".into())
        }
    }
}

impl Armed {
    fn parse(setting: &str) -> Result<Self, StartError> {
        let (name, times) = setting.split_once(':').unwrap_or((setting, "1"));
        let times = times.parse().ok().filter(|times| *times > 0);
        let left =
            times.ok_or("`testing.failpoint` must be a name, or a name and how often as `orders.reserve.before:2`")?;
        Ok(Self { name: name.into(), left: AtomicU64::new(left) })
    }

    /// Whether this is the place and the time.
    fn is_up(&self, parts: &[&str]) -> bool {
        let here = self.name.split('.').eq(parts.iter().flat_map(|part| part.split('.')));
        here && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_name_however_it_is_put_together() {
        let armed = |setting| Armed::parse(setting).unwrap();
        assert!(armed("orders.reserve.before").is_up(&["orders.reserve.before"]));
        assert!(armed("orders.reserve.before").is_up(&["orders", "reserve", "before"]));
        assert!(!armed("orders.reserve.before").is_up(&["orders", "reserve", "after"]));
        assert!(!armed("orders.reserve").is_up(&["orders", "reserve", "before"]));
    }

    #[test]
    fn a_place_may_be_passed_before() {
        let armed = Armed::parse("cart.close:3").unwrap();
        let reached: Vec<_> = (0..4).map(|_| armed.is_up(&["cart.close"])).collect();
        assert_eq!(reached, [false, false, true, false]);
    }

    #[test]
    fn outside_dev_mode_and_without_sense_it_is_refused_by_name() {
        arm("", Mode::Production).unwrap();
        for refused in [arm("cart.close", Mode::Production), arm("cart.close:0", Mode::Dev), arm("a:b", Mode::Dev)] {
            assert!(refused.unwrap_err().to_string().contains("`testing.failpoint`"));
        }
    }
}
