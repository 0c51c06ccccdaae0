//! The matrix against the shop: whoever can die somewhere does.
use std::collections::BTreeSet;

use crate::{
    matrix::rows,
    world::{
        Bus::{Direct, Nats},
        Topology::Apart,
    },
};

#[test]
fn the_matrix_forgets_no_place() {
    let said = kernel::testing::said(env!("CARGO_BIN_EXE_stoa"), "failpoints");
    let (places, deaths): (BTreeSet<_>, _) = (said.lines().collect(), deaths());
    assert!(places.len() > 50, "{said}");
    assert_eq!(forgotten(&said), [""; 0], "where nobody dies");
    assert_eq!(deaths.difference(&places).collect::<Vec<_>>(), [] as [&&str; 0], "where there is no such place");
}

/// Those of the places that `stoa failpoints` has `said` at which nobody dies.
///
/// The kernel's own are the same code in every module: it is enough that some module dies there.
pub(crate) fn forgotten(said: &str) -> Vec<&str> {
    let deaths = deaths();
    let step = |place: &&str| place.split_once('.').map(|(_, step)| step.to_owned()).unwrap_or_default();
    let steps: BTreeSet<_> = deaths.iter().map(step).collect();
    let is_kernels = |place: &&str| ["outbox.", "relay.", "inbox."].iter().any(|own| step(place).starts_with(own));
    let dies = |place: &&str| deaths.contains(place) || (is_kernels(place) && steps.contains(&step(place)));
    said.lines().filter(|place| !dies(place)).collect()
}

/// Where the matrix lets somebody die.
fn deaths() -> BTreeSet<&'static str> {
    let rows = [Direct, Nats].into_iter().flat_map(|bus| rows(Apart, bus));
    rows.flat_map(|row| row.points).map(unnumbered).collect()
}

fn unnumbered(point: &str) -> &str {
    point.split(':').next().unwrap_or_default()
}
