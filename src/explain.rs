//! Refusals, for people at a terminal.
use kernel::StartError;

/// What a module refused, with each flaw.
pub(crate) fn explain(error: impl std::error::Error + serde::Serialize) -> StartError {
    let value = serde_json::to_value(&error).unwrap_or_default();
    let flaws = value["errors"].as_array().into_iter().flatten();
    let flaws: Vec<_> = flaws
        .filter_map(|flaw| {
            Some(format!("{} {}", flaw["pointer"].as_str()?.trim_start_matches('/'), flaw["detail"].as_str()?))
        })
        .collect();
    if flaws.is_empty() { error.to_string().into() } else { format!("{error}: {}", flaws.join("; ")).into() }
}
