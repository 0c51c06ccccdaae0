//! What a client sent, read strictly: everything that is wrong is named and pointed at.
mod body;
mod parameters;
mod violations;

use serde::Deserialize;

pub use body::{BODY_LIMIT, Body};
pub use parameters::{Path, Query};
pub use violations::{Violation, Violations};

/// Text without control characters and stray blanks: `min` characters once trimmed, and as it was given at most `max`.
pub fn text(text: &str, min: usize, max: usize) -> Result<String, Violation> {
    let trimmed = text.trim();
    let length = trimmed.chars().count();
    match length {
        _ if trimmed.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => {
            Err(Violation::new("control_character", "must not contain control characters"))
        }
        0 if min > 0 => Err(Violation::new("required", "must not be empty")),
        _ if length < min => Err(Violation::new("too_short", format!("must have at least {min} characters"))),
        _ if text.chars().count() > max => {
            Err(Violation::new("too_long", format!("must have at most {max} characters")))
        }
        _ => Ok(trimmed.to_owned()),
    }
}

/// Text of one line, likewise: it ends up in a mail's header, a cell or a list, which a line break or a tab would break.
pub fn line(line: &str, min: usize, max: usize) -> Result<String, Violation> {
    let line = text(line, min, max)?;
    if line.contains(['\n', '\t', '\u{2028}', '\u{2029}']) {
        return Err(Violation::new("control_character", "must be a single line, without tabs"));
    }
    Ok(line)
}

/// For fields whose null is as good as none: what is absent is there by `#[serde(default)]`.
pub fn or_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one() {
        for (given, read) in [
            (" Ada\n", Ok("Ada")),
            ("Ad\u{e1} \u{200d}L.", Ok("Ad\u{e1} \u{200d}L.")),
            ("Ada\nBob", Err("control_character")),
            ("Ada\r\nBob", Err("control_character")),
            ("Ada\tBob", Err("control_character")),
            ("Ada\u{b}Bob", Err("control_character")),
            ("Ada\u{85}Bob", Err("control_character")),
            ("Ada\u{2028}Bob", Err("control_character")),
            ("Ada\u{2029}Bob", Err("control_character")),
            ("\n", Err("required")),
            ("0123456789", Err("too_long")),
        ] {
            assert_eq!(line(given, 1, 9).as_deref().map_err(|violation| &*violation.code), read, "{given:?}");
        }
        assert_eq!(text("Ada\nBob\tX", 1, 9).as_deref(), Ok("Ada\nBob\tX"), "text has lines");
    }
}
