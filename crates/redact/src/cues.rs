//! Context: words near a candidate that speak for or against it.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::Error;
use crate::finding::Reason;

/// Characters of context on either side of a candidate.
pub const CONTEXT_CHARS: usize = 40;

/// Points for a cue before (or a JSON key), and for one after.
const BEFORE_POINTS: i16 = 40;
const AFTER_POINTS: i16 = 30;

/// The cues of one recognizer. A cue begins at a word boundary, ends at one unless written with `*`, and ignores ASCII case.
pub(crate) struct Cues {
    automaton: AhoCorasick,
    words: Vec<Word>,
}

struct Word {
    text: &'static str,
    open_end: bool,
    positive: bool,
}

impl Cues {
    pub(crate) fn new(positive: &[&'static str], negative: &[&'static str]) -> Result<Self, Error> {
        let words: Vec<Word> = positive
            .iter()
            .map(|w| (w, true))
            .chain(negative.iter().map(|w| (w, false)))
            .map(|(w, positive)| Word { text: w.trim_end_matches('*'), open_end: w.ends_with('*'), positive })
            .collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(words.iter().map(|w| w.text))
            .map_err(|_| Error::Internal("cue table"))?;
        Ok(Self { automaton, words })
    }

    /// Every cue, for the detector digest.
    pub(crate) fn canonical(&self) -> String {
        self.words
            .iter()
            .map(|w| {
                format!(
                    "{}{}{}\n",
                    if w.positive { '+' } else { '-' },
                    w.text,
                    if w.open_end { "*" } else { "" }
                )
            })
            .collect()
    }

    /// What the surroundings of `start..end` say. The nearest cue before decides; then the label (a JSON key);
    /// then the nearest cue after.
    pub(crate) fn judge(&self, text: &str, start: usize, end: usize, label: Option<&str>) -> Option<Reason> {
        let before = text.get(back(text, start)..start).unwrap_or_default();
        if let Some(word) = self.last(before) {
            return Some(reason(word, BEFORE_POINTS, "before"));
        }
        if let Some(word) = label.and_then(|label| self.last(label)) {
            return Some(reason(word, BEFORE_POINTS, "as key"));
        }
        let after = text.get(end..forward(text, end)).unwrap_or_default();
        self.first(after).map(|word| reason(word, AFTER_POINTS, "after"))
    }

    fn last<'a>(&'a self, text: &'a str) -> Option<&'a Word> {
        self.hits(text).max_by_key(|&(_, end, word)| (end, word.text.len())).map(|(_, _, word)| word)
    }

    fn first<'a>(&'a self, text: &'a str) -> Option<&'a Word> {
        self.hits(text)
            .min_by_key(|&(start, _, word)| (start, usize::MAX.saturating_sub(word.text.len())))
            .map(|(_, _, word)| word)
    }

    fn hits<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize, &'a Word)> {
        self.automaton.find_overlapping_iter(text).filter_map(move |m| {
            let word = self.words.get(m.pattern().as_usize())?;
            let left = text.get(..m.start())?.chars().next_back();
            let right = text.get(m.end()..)?.chars().next();
            let first_is_word = word.text.starts_with(char::is_alphanumeric);
            let last_is_word = word.text.ends_with(char::is_alphanumeric);
            let left_ok = !first_is_word || !left.is_some_and(char::is_alphanumeric);
            let right_ok = word.open_end || !last_is_word || !right.is_some_and(char::is_alphanumeric);
            (left_ok && right_ok).then_some((m.start(), m.end(), word))
        })
    }
}

fn reason(word: &Word, points: i16, place: &str) -> Reason {
    let (sign, points) =
        if word.positive { ("cue", points) } else { ("counter-cue", points.saturating_neg()) };
    Reason { what: Cow::Owned(format!("{sign} \"{}\" {place}", word.text)), points }
}

/// The byte [`CONTEXT_CHARS`] characters before `at`.
pub(crate) fn back(text: &str, at: usize) -> usize {
    let head = text.get(..at).unwrap_or_default();
    head.char_indices().rev().nth(CONTEXT_CHARS.saturating_sub(1)).map_or(0, |(i, _)| i)
}

/// The byte [`CONTEXT_CHARS`] characters after `at`.
pub(crate) fn forward(text: &str, at: usize) -> usize {
    let tail = text.get(at..).unwrap_or_default();
    tail.char_indices().nth(CONTEXT_CHARS).map_or(text.len(), |(i, _)| at.saturating_add(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str, label: Option<&str>) -> i16 {
        let cues = Cues::new(&["bsn", "burgerservice*"], &["order*", "€"]).unwrap();
        let start = text.find('#').unwrap();
        cues.judge(text, start, start + 1, label).map_or(0, |r| r.points)
    }

    #[test]
    fn the_nearest_cue_before_decides() {
        assert_eq!(points("BSN: #", None), 40);
        assert_eq!(points("BSN of ordernummer #", None), -40);
        assert_eq!(points("order, BSN #", None), 40);
        assert_eq!(points("burgerservicenummer #", None), 40);
        assert_eq!(points("absn #", None), 0);
        assert_eq!(points("bsns #", None), 0);
        assert_eq!(points("# is mijn bsn", None), 30);
        assert_eq!(points("€ #", None), -40);
        assert_eq!(points("#", Some("bsn")), 40);
        assert_eq!(points(&format!("BSN {} #", "x ".repeat(20)), None), 0);
        assert_eq!(points(&format!("{} BSN #", "é".repeat(60)), None), 40);
    }
}
