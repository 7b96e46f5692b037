//! Names in a stream: a sentence is held back from the first word that may begin a name, because a name is judged by the
//! sentence around it; and all of it where somebody is known of whom something may be said.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::allow::Allowed;
use crate::detect::{Detector, Scored};
use crate::leaf::grow;
use crate::names::Known;
use crate::placeholder::{self, CLOSE, OPEN};
use crate::vault::{Contents, Secret};
use crate::{Action, Error, Kind, Profile, Redactor};

/// Most of a sentence that is held back, in bytes; a longer one is judged in parts.
pub(crate) const SENTENCE_BYTES_MAX: usize = 1024;

/// How much of what was passed on is read again, in bytes: whom the sentence before named.
const BEHIND_BYTES: usize = 480;

/// Longest word before a full stop that may be an abbreviation, in bytes.
const ABBREVIATION_BYTES_MAX: usize = 4;

/// Masks names, and what is said of people, in one stream, unless the prompt had them.
pub(crate) struct Sentences {
    detector: Arc<Detector>,
    profile: Arc<Profile>,
    allowed: Arc<Allowed>,
    prompt: Arc<Contents>,
    /// Names of this stream so far.
    known: Known,
    /// The end of what was passed on, as the model wrote it, and what is held back.
    text: Zeroizing<String>,
    passed: usize,
    /// Where the sentence that is not over begins; some of it may have been passed on.
    sentence: usize,
}

impl Sentences {
    pub(crate) fn new(redactor: &Redactor, prompt: Arc<Contents>) -> Self {
        let (detector, profile, allowed) = redactor.shared();
        let (known, text) = (Known::default(), Zeroizing::new(String::new()));
        Self { detector, profile, allowed, prompt, known, text, passed: 0, sentence: 0 }
    }

    /// Bytes held back now.
    pub(crate) fn held_bytes(&self) -> usize {
        self.text.len().saturating_sub(self.passed)
    }

    /// The same, where no mask can be among them.
    pub(crate) fn held_as_written(&self) -> Option<usize> {
        let held = self.text.get(self.passed..).unwrap_or_default();
        (!held.contains(OPEN)).then_some(held.len())
    }

    /// Takes the next piece and returns the sentences that are over, `masked` being told of each finding.
    pub(crate) fn push(
        &mut self,
        piece: &str,
        last: bool,
        masked: &mut dyn FnMut(Kind),
    ) -> Result<String, Error> {
        grow(&mut self.text, piece.len());
        self.text.push_str(piece);
        let mut out = String::new();
        while let Some(length) = self.text.get(self.sentence..).and_then(|held| sentence(held, last)) {
            let end = self.sentence.saturating_add(length);
            self.judge(end, &mut out, masked)?;
            (self.passed, self.sentence) = (end, end);
            self.forget();
        }
        let free = self.free(self.text.len());
        if free > self.passed {
            out.push_str(self.text.get(self.passed..free).ok_or(Error::Internal("sentence offset"))?);
            self.passed = free;
        }
        Ok(out)
    }

    /// Whether somebody is known, so that what is said may be of them.
    fn identified(&self) -> bool {
        self.prompt.tokens.values().any(|e| e.kind.is_some_and(Kind::identifies))
    }

    /// Up to where the sentence that goes until `end`, or further, can be passed on whatever follows.
    fn free(&self, end: usize) -> usize {
        if self.identified() || !self.known.is_empty() {
            return self.sentence;
        }
        let sentence = self.text.get(self.sentence..end).unwrap_or_default();
        self.sentence.saturating_add(self.detector.ordinary(sentence))
    }

    fn judge(&mut self, end: usize, out: &mut String, masked: &mut dyn FnMut(Kind)) -> Result<(), Error> {
        let fault = || Error::Internal("sentence offset");
        let read = self.text.get(..end).ok_or_else(fault)?;
        let limit = self.profile.limits().findings_max;
        let scored = self.detector.names_in(read, &self.known, self.identified(), limit)?;
        let (_, scored) = self.allowed.part(read, scored)?;
        // What may be passed on before the end is not masked at the end, so that the pieces in which a stream comes do not matter.
        let from = self.free(end).max(self.passed);
        let mut hits: Vec<(usize, usize, Kind)> = scored
            .iter()
            .filter(|s| s.end > from && self.masks(s, read))
            .flat_map(|s| outside_brackets(read, s.start.max(from), s.end).map(|(a, b)| (a, b, s.kind)))
            .collect();
        hits.sort_by_key(|&(start, end, _)| (start, usize::MAX.saturating_sub(end)));
        let mut at = self.passed;
        for (start, end, kind) in hits {
            if start >= at {
                out.push_str(read.get(at..start).ok_or_else(fault)?);
                out.push_str(&placeholder::mask(kind.label()));
                masked(kind);
            }
            at = at.max(end);
        }
        out.push_str(read.get(at..).ok_or_else(fault)?);
        self.detector.learn(read.get(self.sentence..).ok_or_else(fault)?, &mut self.known)?;
        Ok(())
    }

    fn masks(&self, s: &Scored, read: &str) -> bool {
        let rule = self.profile.rule(s.kind);
        let named = matches!(s.kind, Kind::Person | Kind::Place);
        let given = named && self.prompt.has_words(read.get(s.start..s.end).unwrap_or_default());
        s.score >= rule.threshold
            && rule.action != Action::Allow
            && !given
            && !self.prompt.left.contains(&(s.kind, Secret::new(s.canonical.as_str())))
    }

    fn forget(&mut self) {
        let from = self.text.floor_char_boundary(self.passed.saturating_sub(BEHIND_BYTES));
        if from < BEHIND_BYTES {
            return;
        }
        self.text = Zeroizing::new(self.text.get(from..).unwrap_or_default().to_owned());
        self.passed = self.passed.saturating_sub(from);
        self.sentence = self.passed;
    }
}

/// How long the first sentence of `held` is; `None` while it is not over. The answer depends on the text alone, not on
/// how much of it has come.
fn sentence(held: &str, last: bool) -> Option<usize> {
    let mut signs = held.char_indices().peekable();
    let mut word = 0_usize;
    while let Some((at, sign)) = signs.next() {
        let end = at.saturating_add(sign.len_utf8());
        if end > SENTENCE_BYTES_MAX {
            return Some(cut(held));
        }
        let over = match sign {
            '\n' => true,
            '.' | '!' | '?' => {
                let apart = match signs.peek() {
                    Some((_, next)) => next.is_whitespace(),
                    None => return last.then_some(held.len()),
                };
                apart && (sign != '.' || word > ABBREVIATION_BYTES_MAX)
            }
            _ => false,
        };
        if over {
            return Some(end);
        }
        word = if sign.is_alphanumeric() { word.saturating_add(sign.len_utf8()) } else { 0 };
    }
    (last && !held.is_empty()).then_some(held.len())
}

/// Where a sentence that is too long is cut: between words, and not within a placeholder.
fn cut(held: &str) -> usize {
    let most = held.get(..held.floor_char_boundary(SENTENCE_BYTES_MAX)).unwrap_or(held);
    let between = most.rfind(char::is_whitespace).filter(|&at| at > 0).unwrap_or(most.len());
    let before = most.get(..between).unwrap_or(most);
    match (before.rfind(OPEN), before.rfind(CLOSE)) {
        (Some(open), close) if open > 0 && close.is_none_or(|close| close < open) => open,
        _ => between,
    }
}

/// The parts of `start..end` that no placeholder covers and that have a letter.
fn outside_brackets(text: &str, start: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut parts = Vec::new();
    let mut at = start;
    let opened = text.match_indices(OPEN).filter_map(|(open, _)| {
        let close = text.get(open..)?.find(CLOSE)?;
        Some((open, open.saturating_add(close).saturating_add(CLOSE.len_utf8())))
    });
    for (open, close) in opened.filter(|&(open, close)| open < end && close > start) {
        if at < open {
            parts.push((at, open));
        }
        at = at.max(close);
    }
    if at < end {
        parts.push((at, end));
    }
    let lettered = |&(start, end): &(usize, usize)| {
        text.get(start..end).is_some_and(|part| part.contains(char::is_alphanumeric))
    };
    parts.into_iter().filter(lettered).collect::<Vec<_>>().into_iter()
}
