//! Words, whatever stands around them and however they are spelled.
use std::iter;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup as Group, UnicodeGeneralCategory};

/// A part of a text between blanks: `T-Shirts,` has the words `t` and `shirts`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// In lower case and Unicode's form NFKC.
    pub(super) words: Vec<String>,
    /// What is no word and no punctuation: ☆, €, 🍵.
    pub(super) symbols: Vec<String>,
}

/// The parts of a text.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let (mut parts, mut part, mut word) = (Vec::new(), Part::default(), String::new());
    // The characters of a word may grow in lower case and in NFKC, so the whole text is put in form first.
    for c in text.nfkc().collect::<String>().to_lowercase().chars().chain([' ']) {
        match kind(c) {
            Kind::Letter => word.push(c),
            Kind::Nothing => {}
            other => {
                part.words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                match other {
                    Kind::Symbol => part.symbols.push(c.into()),
                    Kind::Blank => parts.push(std::mem::take(&mut part)),
                    _ => {}
                }
            }
        }
    }
    parts.retain(|part| *part != Part::default());
    parts
}

enum Kind {
    Letter,
    Symbol,
    Blank,
    Punctuation,
    Nothing,
}

fn kind(c: char) -> Kind {
    match c {
        // Between the words of scripts that write no blanks.
        '\u{200b}' => Kind::Blank,
        // These choose the form of the character before; and letters by name of which nothing is to be seen.
        '\u{34f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{115f}' | '\u{1160}' => Kind::Nothing,
        _ if c.is_whitespace() => Kind::Blank,
        _ => match c.general_category_group() {
            Group::Letter | Group::Mark | Group::Number => Kind::Letter,
            Group::Symbol if !c.is_ascii() && c.general_category() != GeneralCategory::ModifierSymbol => Kind::Symbol,
            Group::Symbol | Group::Punctuation => Kind::Punctuation,
            Group::Other if c.general_category() == GeneralCategory::Format => Kind::Nothing,
            Group::Separator | Group::Other => Kind::Blank,
        },
    }
}

/// A word without accents, in its own script: `käse` and `kase` are `kase`, `maß` and `mass` are `mass`, `茶` is `茶`.
pub(super) fn bare(word: &str) -> String {
    let without = word.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).nfc();
    let spelled = without.flat_map(|c| match c {
        'ς' => vec!['σ'],
        // What Latin letters have besides accents: ß, ø, ł, æ.
        '\u{80}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => latin(c),
        _ => vec![c],
    });
    spelled.flat_map(char::to_lowercase).collect()
}

fn latin(c: char) -> Vec<char> {
    let letters: Vec<_> = deunicode::deunicode_char(c).unwrap_or_default().chars().collect();
    // There are letters that look like punctuation.
    if !letters.is_empty() && letters.iter().all(char::is_ascii_alphanumeric) { letters } else { vec![c] }
}

/// Other ways to spell a word: German umlauts without dots, and every script in Latin letters.
pub(super) fn spellings(word: &str) -> impl Iterator<Item = String> {
    let german = word.contains(['ä', 'ö', 'ü']).then(|| word.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue"));
    let bare = bare(word);
    let latin = iter::once(bare).filter(|bare| !bare.is_ascii()).flat_map(|bare| {
        let latin = deunicode::deunicode_with_tofu(&bare, "").to_ascii_lowercase();
        let latin = latin.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
        iter::once(latin.concat()).chain(latin)
    });
    german.map(|word| self::bare(&word)).into_iter().chain(latin).filter(|word| !word.is_empty())
}

/// Whether a word is of a script without blanks, so that what is looked for may begin anywhere in it.
pub(super) fn is_unspaced(word: &str) -> bool {
    word.chars().any(|c| {
        matches!(c,
            '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
            | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
    })
}

/// The text of HTML as it was cleaned; what separates lines or cells separates words.
pub(super) fn text(html: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(html.len()), html);
    while let Some((before, tag)) = rest.split_once('<') {
        text += before;
        let mut quoted = false;
        let end = tag.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let end = end.unwrap_or(tag.len());
        let name = tag[..end].trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
        if !name.is_some_and(|name| INLINE.contains(&name)) {
            text.push(' ');
        }
        rest = tag.get(end + 1..).unwrap_or_default();
    }
    text += rest;
    text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Tags within a word do not end it.
const INLINE: [&str; 25] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s",
    "samp", "small", "span", "strike", "strong", "sub", "sup", "u",
];
