//! What a product is found by.
//!
//! A product's words are stored beside it, prepared once; a query is looked for in them with `LIKE`, word by word.
//! In `words` a word is found by any part of itself: `olivenöl` by `öl`, a SKU by its beginning. `prose` has the
//! description as well, which says much, so there a word is found from its beginning on; and by its singular.
mod index;
mod plural;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashSet;

use super::product::{Details, Draft};
pub(crate) use index::{first_part, name, parts as term_parts, places, terms};
use words::{bare, is_unspaced, parts, spellings, text};

/// So many different words are looked for; further ones are not.
pub(crate) const WORDS: usize = 8;
/// So many different words of a description count.
const DESCRIPTION: usize = 2_000;
/// The longest word that its punctuation is left out of.
const JOINED: usize = 64;

/// What a product is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// By any part of a word.
    pub(crate) words: String,
    /// By the beginning of a word.
    pub(crate) prose: String,
}

impl Found {
    /// The words of its name, vendor and tags, of the SKUs, options and bar codes of its variants on sale, and of its
    /// description. What is off sale is not found: nobody shall guess it letter by letter.
    pub(crate) fn of(details: &Details, variants: &[Draft]) -> Self {
        let own = [&details.name].into_iter().chain(&details.vendor).chain(&details.tags);
        let sold = variants.iter().filter(|variant| variant.on_sale).flat_map(|variant| {
            let options = variant.options.iter().map(|option| option.value.as_str());
            [variant.sku.as_str()].into_iter().chain(options).chain(variant.barcode.as_deref())
        });
        let (mut words, mut prose) = (List::default(), List::default());
        for part in own.map(String::as_str).chain(sold).flat_map(parts) {
            let joined = Some(part.words.concat()).filter(|word| part.words.len() > 1 && word.len() <= JOINED);
            for word in part.words.iter().chain(&joined) {
                let bare = bare(word);
                prose.add(&plural::english(&bare));
                prose.add(&format!("+{}", plural::german(&bare)));
                prose.add(&bare);
                words.add(&bare);
                spellings(word).for_each(|spelling| words.add(&spelling));
            }
            part.symbols.iter().for_each(|symbol| words.add(symbol));
        }
        let described = parts(&text(&details.description));
        let mut seen = HashSet::new();
        let told = described.iter().flat_map(|part| &part.words).filter(|word| seen.insert(*word)).take(DESCRIPTION);
        for bare in told.map(|word| bare(word)) {
            if is_unspaced(&bare) {
                words.add(&bare);
            } else {
                prose.add(&plural::english(&bare));
                prose.add(&bare);
            }
        }
        Self { words: words.0, prose: prose.0 }
    }
}

/// Words between blanks, each once.
#[derive(Debug)]
struct List(String, HashSet<String>);

impl Default for List {
    fn default() -> Self {
        Self(" ".into(), HashSet::new())
    }
}

impl List {
    fn add(&mut self, word: &str) {
        if !word.is_empty() && self.1.insert(word.to_owned()) {
            self.0 += word;
            self.0.push(' ');
        }
    }
}

/// What a word is looked for with: a pattern for `words` and three for `prose`, of which one must fit.
pub(crate) type Patterns = [String; 4];

/// The patterns of each word that `q` asks for. None where it is blank: that asks for everything. Where it has
/// nothing that could be looked for, no word, and nothing is found.
pub(crate) fn asked(q: &str) -> Option<Vec<Patterns>> {
    if q.trim().is_empty() {
        return None;
    }
    let parts = parts(q);
    let mut seen = HashSet::new();
    let words = parts.iter().flat_map(|part| &part.words).map(|word| bare(word)).filter(|word| !word.is_empty());
    let mut words: Vec<_> = words.filter(|word| seen.insert(word.clone())).collect();
    if words.is_empty() {
        words = parts.into_iter().flat_map(|part| part.symbols).collect();
    }
    // No word has a sign that LIKE takes for another.
    let patterns = words.iter().take(WORDS).map(|word| {
        let (english, german) = (plural::english(word), plural::german(word));
        // 8 is not to be found in 18.
        let part = if word.starts_with(char::is_numeric) { format!("% {word}%") } else { format!("%{word}%") };
        [part, format!("% {word}%"), format!("% {english} %"), format!("% +{german} %")]
    });
    Some(patterns.collect())
}
