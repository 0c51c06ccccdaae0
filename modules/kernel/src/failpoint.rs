//! Named places at which a test lets a process die, to see that nothing is lost and nothing happens twice.
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use crate::{Mode, Module, StartError, Wire};

/// Where this process dies; nowhere, unless a test says so.
static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    name: String,
    /// How often it is still to be passed alive, and this time.
    left: AtomicU64,
}

/// Declares where a module may die, in its `mod failpoints`.
///
/// With `"cart": close => { uncommitted, committed }`, `reach(close::committed)` ends the process at once, as a power cut
/// would, if `testing.failpoint` is `cart.close.committed`. What is reached is declared, or does not compile; what is
/// declared is in [`Module::FAILPOINTS`], from where the matrix knows it, and is reached by a story, or the matrix fails.
#[macro_export]
macro_rules! failpoints {
    ($module:literal: $($($step:ident),+ => $points:tt)+) => {
        /// Their names.
        pub(crate) const NAMES: $crate::failpoint::Names = &[$($($step::NAMES),+),+];
        $($($crate::failpoints! { @step $module $step $points })+)+
    };
    (@step $module:literal $step:ident { $($point:ident),+ }) => {
        #[expect(non_camel_case_types, reason = "called as the place is")]
        #[derive(Clone, Copy)]
        pub(crate) enum $step { $($point),+ }

        impl $step {
            const NAMES: &[&str] = &[$(concat!($module, ".", stringify!($step), ".", stringify!($point))),+];
        }

        impl $crate::failpoint::Place for $step {
            fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}

/// A place at which a process may die.
pub trait Place {
    /// Its module, the step and the point in it, with dots between them.
    fn name(self) -> &'static str;
}

/// The names of places, step by step.
pub type Names = &'static [&'static [&'static str]];

/// Where any module that hears of events may die.
pub(crate) mod hearing {
    failpoints! { "*": inbox => { received, handled, committed } }
}

/// Where any module that publishes may die.
pub(crate) mod publishing {
    failpoints! { "*": outbox => { placing, placed } relay => { sent, published } }
}

/// Where `M` may die: at places of its own, and at the kernel's.
#[must_use]
pub fn of<M: Module>() -> Vec<String> {
    let kernel = [(M::Api::HEARS, hearing::NAMES), (M::Api::PUBLISHES, publishing::NAMES)];
    let kernel = kernel.into_iter().filter(|(has, _)| !has.is_empty()).map(|(_, names)| names);
    let names = [M::FAILPOINTS].into_iter().chain(kernel).flat_map(<[_]>::concat);
    names.map(|name| name.replace('*', <M::Api as Wire>::NAME)).collect()
}

/// Ends the process if this is the place.
#[inline]
pub fn reach(place: impl Place) {
    reach_in("*", place);
}

/// The same, of the kernel's place in `module`.
#[inline]
pub(crate) fn reach_in(module: &str, place: impl Place) {
    if let Some(armed) = ARMED.get()
        && armed.is_up(&place.name().replace('*', module))
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
    fn is_up(&self, place: &str) -> bool {
        self.name == place && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_name() {
        assert_eq!(hearing::inbox::handled.name(), "*.inbox.handled");
        let armed = Armed::parse("orders.inbox.handled").unwrap();
        assert!(!armed.is_up("orders.inbox.received") && !armed.is_up("orders.inbox"));
        assert!(armed.is_up("orders.inbox.handled"));
    }

    #[test]
    fn a_place_may_be_passed_before() {
        let armed = Armed::parse("cart.close:3").unwrap();
        let reached: Vec<_> = (0..4).map(|_| armed.is_up("cart.close")).collect();
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
