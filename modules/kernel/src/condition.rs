//! What a change asks of the version that it finds.
use serde::{Deserialize, Serialize};

use crate::EntityTags;

/// What a request asks of an entity's version before it changes it (RFC 9110, section 13); nothing, most often.
///
/// It compares the version of each [`Tagged`](crate::Tagged) entity's `ETag`, not its digest: nobody's change is lost
/// if it is made beside another that does not touch the version, and an editor is not refused because something was
/// sold meanwhile. A weak tag, or one that is not ours, is the version of nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<Sent>", into = "Option<Sent>")]
pub struct Condition {
    /// `If-Match`.
    matching: Option<Versions>,
    /// `If-None-Match`.
    none_matching: Option<Versions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Versions {
    /// Whatever there is.
    Any,
    These(Vec<i64>),
}

impl Versions {
    fn contain(&self, version: Option<i64>) -> bool {
        match self {
            Self::Any => version.is_some(),
            Self::These(versions) => version.is_some_and(|version| versions.contains(&version)),
        }
    }
}

/// How it is sent: one version as release 0.1 reads it, everything else as only later ones do.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Sent {
    Version(i64),
    Lists { matching: Option<Versions>, none_matching: Option<Versions> },
}

impl From<Option<Sent>> for Condition {
    fn from(sent: Option<Sent>) -> Self {
        match sent {
            None => Self::default(),
            Some(Sent::Version(version)) => Self::version(version),
            Some(Sent::Lists { matching, none_matching }) => Self { matching, none_matching },
        }
    }
}

impl From<Condition> for Option<Sent> {
    fn from(Condition { matching, none_matching }: Condition) -> Self {
        match (matching, none_matching) {
            (None, None) => None,
            (Some(Versions::These(versions)), None) if versions.len() == 1 => Some(Sent::Version(versions[0])),
            (matching, none_matching) => Some(Sent::Lists { matching, none_matching }),
        }
    }
}

impl Condition {
    /// Only what is at this version.
    #[must_use]
    pub fn version(version: i64) -> Self {
        Self { matching: Some(Versions::These(vec![version])), none_matching: None }
    }

    /// What the two headers ask for.
    #[must_use]
    pub fn new(if_match: Option<&EntityTags>, if_none_match: Option<&EntityTags>) -> Self {
        let versions = |tags: &EntityTags, strong: bool| match tags {
            EntityTags::Any => Versions::Any,
            EntityTags::These(tags) => {
                let counted = tags.iter().filter(|tag| !(strong && tag.weak));
                Versions::These(counted.filter_map(crate::etag::EntityTag::version).collect())
            }
        };
        Self {
            matching: if_match.map(|tags| versions(tags, true)),
            none_matching: if_none_match.map(|tags| versions(tags, false)),
        }
    }

    /// Whether what is at `version` now may be changed; none where there is nothing.
    #[must_use]
    pub fn holds(&self, version: Option<i64>) -> bool {
        self.matching.as_ref().is_none_or(|versions| versions.contain(version))
            && self.none_matching.as_ref().is_none_or(|versions| !versions.contain(version))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{IF_MATCH, IF_NONE_MATCH},
    };

    use super::*;

    fn condition(headers: &[(&HeaderName, &'static str)]) -> Condition {
        let mut lines = HeaderMap::new();
        for (name, line) in headers {
            lines.append(*name, HeaderValue::from_static(line));
        }
        let tags = |name| EntityTags::read(&lines, name).unwrap();
        Condition::new(tags(&IF_MATCH).as_ref(), tags(&IF_NONE_MATCH).as_ref())
    }

    #[test]
    fn a_change_is_made_if_its_condition_holds() {
        for (headers, at_3, at_nothing) in [
            (&[][..], true, true),
            (&[(&IF_MATCH, "*")], true, false),
            (&[(&IF_MATCH, "\"3\"")], true, false),
            (&[(&IF_MATCH, "\"3-ab\"")], true, false),
            (&[(&IF_MATCH, "\"2\", \"3\"")], true, false),
            (&[(&IF_MATCH, "\"2\""), (&IF_MATCH, "\"3\"")], true, false),
            (&[(&IF_MATCH, "\"2\", \"4\"")], false, false),
            (&[(&IF_MATCH, "W/\"3\"")], false, false),
            (&[(&IF_MATCH, "\"theirs\"")], false, false),
            (&[(&IF_NONE_MATCH, "*")], false, true),
            (&[(&IF_NONE_MATCH, "\"3\"")], false, true),
            (&[(&IF_NONE_MATCH, "W/\"3\"")], false, true),
            (&[(&IF_NONE_MATCH, "\"4\"")], true, true),
            (&[(&IF_MATCH, "\"3\""), (&IF_NONE_MATCH, "\"3\"")], false, false),
        ] {
            let condition = condition(headers);
            assert_eq!((condition.holds(Some(3)), condition.holds(None)), (at_3, at_nothing), "{headers:?}");
            let sent = serde_json::to_string(&condition).unwrap();
            assert_eq!(serde_json::from_str::<Condition>(&sent).unwrap(), condition, "{sent}");
        }
    }

    #[derive(Deserialize)]
    struct Args {
        if_match: Condition,
    }

    #[test]
    fn the_last_release_reads_a_version_and_nothing() {
        for (headers, sent) in [(&[][..], "null"), (&[(&IF_MATCH, "\"3-ab\"")], "3")] {
            assert_eq!(serde_json::to_string(&condition(headers)).unwrap(), sent);
        }
        assert_eq!(serde_json::from_str::<Args>("{}").unwrap().if_match, Condition::default());
    }
}
