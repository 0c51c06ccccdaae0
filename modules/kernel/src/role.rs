//! Roles: what there is to run, and what of it runs in this process.
use std::collections::BTreeSet;

use crate::StartError;

/// What a role is made of, and what one Deployment runs: a module, or an edge that faces the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployable {
    /// Its name: role, config section, schema and Deployment.
    pub name: &'static str,
    /// Whether it is an edge: it takes what comes from outside, and is nobody's peer.
    pub edge: bool,
    /// What it calls.
    pub calls: &'static [&'static str],
    /// What it publishes: the type of its events, or nothing.
    pub publishes: &'static [&'static str],
    /// Whose events it hears of.
    pub hears: &'static [&'static str],
}

impl Deployable {
    /// A module that is called and calls nobody.
    #[must_use]
    pub const fn module(name: &'static str) -> Self {
        Self { name, edge: false, calls: &[], publishes: &[], hears: &[] }
    }

    /// An edge that calls nobody.
    #[must_use]
    pub const fn edge(name: &'static str) -> Self {
        Self { edge: true, ..Self::module(name) }
    }
}

/// What of `known` runs in a process whose role is `role`: `all`, or some names with commas.
pub(crate) fn hosted(role: &str, known: &[Deployable]) -> Result<BTreeSet<&'static str>, StartError> {
    let mut hosted = BTreeSet::new();
    for name in role.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match known.iter().find(|known| known.name == name) {
            Some(known) => drop(hosted.insert(known.name)),
            None if name == "all" => hosted.extend(known.iter().map(|known| known.name)),
            None => {
                return Err(format!("`role` (ROLE) names `{name}`, but there are only all, {}", names(known)).into());
            }
        }
    }
    if hosted.is_empty() {
        return Err(format!("`role` (ROLE) is empty; say all, or some of {}", names(known)).into());
    }
    Ok(hosted)
}

/// Their names, for a sentence.
pub(crate) fn names(known: &[Deployable]) -> String {
    known.iter().map(|known| known.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_all_or_some_of_the_known() {
        let known = [Deployable::module("cart"), Deployable::module("orders")];
        let parse = |role: &str| hosted(role, &known).map(|roles| roles.into_iter().collect::<Vec<_>>().join("+"));
        assert_eq!(parse("all").unwrap(), "cart+orders");
        assert_eq!(parse("orders, cart").unwrap(), "cart+orders");
        assert!(parse("carts").unwrap_err().to_string().contains("`carts`"));
        assert!(parse(" ").unwrap_err().to_string().contains("`role`"));
    }
}
