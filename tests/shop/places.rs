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
    let places: BTreeSet<_> = said.lines().collect();
    let rows = [Direct, Nats].into_iter().flat_map(|bus| rows(Apart, bus));
    let deaths: BTreeSet<_> = rows.flat_map(|row| row.points).map(unnumbered).collect();
    assert!(places.len() > 50, "{said}");
    assert_eq!(places.difference(&deaths).collect::<Vec<_>>(), [] as [&&str; 0], "where nobody dies");
    assert_eq!(deaths.difference(&places).collect::<Vec<_>>(), [] as [&&str; 0], "where there is no such place");
}

fn unnumbered(point: &str) -> &str {
    point.split(':').next().unwrap_or_default()
}
