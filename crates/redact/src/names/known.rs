//! A name found is found everywhere: words of names that were told by a sentence are names in the others too.

use std::collections::HashSet;

use super::gazetteer::{self, COMMON, PARTICLE, TITLE};
use super::tokens::{self, Shape};
use super::{Label, SEGMENT_TOKENS_MAX, Span, Tagger};

/// Fewest characters of a word that is looked for elsewhere: "Bo" would be found in too much.
const WORD_CHARS_MIN: usize = 3;
/// How sure the model has to be of a name before its words are looked for.
const SURE: f32 = 0.6;

/// Words of names, by hash. No text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    words: HashSet<u64>,
    /// Those that are no words of the language, so that they are names without a capital too.
    uncommon: HashSet<u64>,
}

impl Known {
    /// Takes up the words of the people among `spans`.
    pub(crate) fn learn(&mut self, tagger: &Tagger, text: &str, spans: &[Span]) {
        let people = spans.iter().filter(|span| span.label == Label::Person && span.confidence >= SURE);
        for name in people.filter_map(|span| text.get(span.start..span.end)) {
            for token in tokens::segments(name, SEGMENT_TOKENS_MAX).flatten() {
                let word = name.get(token.start..token.end).unwrap_or_default();
                let hash = gazetteer::hash_lower(word);
                let flags = tagger.gazetteer.flags(word, hash);
                let long = word.chars().count() >= WORD_CHARS_MIN;
                if flags & (PARTICLE | TITLE) != 0 || !long || !is_word(token.shape) {
                    continue;
                }
                if is_name_word(token.shape) {
                    self.words.insert(hash);
                }
                if flags & COMMON == 0 {
                    self.uncommon.insert(hash);
                }
            }
        }
    }

    /// Whether no name was learnt.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.uncommon.is_empty()
    }

    fn has(&self, hash: u64, shape: Shape) -> bool {
        self.uncommon.contains(&hash) || (is_name_word(shape) && self.words.contains(&hash))
    }

    /// Known words outside of `spans`, written with a capital or no other words; neighbours are one name.
    pub(crate) fn find(&self, text: &str, spans: &[Span]) -> Vec<Span> {
        let mut found: Vec<Span> = Vec::new();
        if self.is_empty() {
            return found;
        }
        for token in tokens::segments(text, SEGMENT_TOKENS_MAX).flatten() {
            let next = spans.partition_point(|span| span.end <= token.start);
            let inside =
                spans.get(next).is_some_and(|span| span.start < token.end && span.label == Label::Person);
            let word = text.get(token.start..token.end).unwrap_or_default();
            if inside || !is_word(token.shape) || !self.has(gazetteer::hash_lower(word), token.shape) {
                continue;
            }
            match found.last_mut() {
                Some(last) if text.get(last.end..token.start).is_some_and(|gap| gap == " ") => {
                    last.end = token.end
                }
                _ => found.push(Span {
                    start: token.start,
                    end: token.end,
                    label: Label::Person,
                    confidence: SURE,
                }),
            }
        }
        found
    }
}

fn is_word(shape: Shape) -> bool {
    is_name_word(shape) || shape == Shape::Lower
}

fn is_name_word(shape: Shape) -> bool {
    matches!(shape, Shape::Capital | Shape::Upper | Shape::Mixed)
}
