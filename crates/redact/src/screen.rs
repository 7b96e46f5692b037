//! Personal data in the output that the model was not given.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::allow::Allowed;
use crate::cues::CONTEXT_CHARS;
use crate::custom;
use crate::detect::{Depth, Detector, Scored};
use crate::leaf::grow;
use crate::recognizers::{CANDIDATE_CHARS_MAX, NUMBER_CHARS_MAX, REACH_CHARS, run_start, street_start};
use crate::redactor::count;
use crate::sentences::Sentences;
use crate::vault::{Contents, Secret};
use crate::view::View;
use crate::{Action, Error, Kind, Profile, Redactor, Vault, placeholder};

/// Most a screen holds back, in characters as recognizers see them: the longest candidate and the context after it.
pub const SCREEN_HOLD_CHARS_MAX: usize = CANDIDATE_CHARS_MAX + CONTEXT_CHARS + REACH_CHARS;

/// Most a screen holds back, in bytes of the output. Only invisible characters (which recognizers do not see and
/// which therefore do not count above) can reach it; the stream is then closed.
pub const SCREEN_HOLD_BYTES_MAX: usize = 16 * 1024;

/// Characters kept behind what was passed on, so that the context of what comes is whole.
const KEEP_CHARS: usize = CANDIDATE_CHARS_MAX + CONTEXT_CHARS + REACH_CHARS;

/// Masks personal data in one stream of output, unless the same value was left in the prompt the model was given.
///
/// It reads the model's own text, before placeholders are restored, so what it finds was never given to the model.
/// Whatever the split of the stream, the pieces returned join to the screening of the whole.
pub struct Screen {
    detector: Arc<Detector>,
    profile: Arc<Profile>,
    allowed: Arc<Allowed>,
    known: Arc<Contents>,
    /// The end of what was passed on, as the model wrote it, and what is held back.
    text: Zeroizing<String>,
    /// How much of `text` was passed on (or masked).
    passed: usize,
    /// Candidates that start before this byte of `text` were acted on.
    judged: usize,
    counts: BTreeMap<Kind, u32>,
    closed: bool,
    /// Where names are looked for: what comes after the numbers.
    sentences: Option<Sentences>,
    /// The JSON key that the output stands under.
    label: Option<Zeroizing<String>>,
}

impl Screen {
    pub(crate) fn new(redactor: &Redactor, vault: &Vault) -> Self {
        let (detector, profile, allowed) = redactor.shared();
        let text = Zeroizing::new(String::new());
        let (counts, known) = (BTreeMap::new(), vault.contents());
        let sentences = profile.names().then(|| Sentences::new(redactor, Arc::clone(&known)));
        Self {
            detector,
            profile,
            allowed,
            known,
            text,
            passed: 0,
            judged: 0,
            counts,
            closed: false,
            sentences,
            label: None,
        }
    }

    /// A screen for a leaf of generated JSON that stands under `key`: the key speaks for what is in it.
    #[must_use]
    pub fn under(mut self, key: &str) -> Self {
        self.label = Some(Zeroizing::new(key.to_owned()));
        self
    }

    /// Takes the next piece of output and returns what is certain by now.
    ///
    /// # Errors
    /// Any error closes the stream: nothing of what was held back is passed on.
    pub fn push(&mut self, piece: &str) -> Result<String, Error> {
        let mut out = String::new();
        let mut rest = piece;
        while !rest.is_empty() {
            let at = rest.floor_char_boundary(SCREEN_HOLD_BYTES_MAX / 4);
            let (head, tail) = rest.split_at(at);
            out.push_str(&self.step(head, false)?);
            rest = tail;
        }
        Ok(out)
    }

    /// Ends the stream and returns what was held back.
    ///
    /// # Errors
    /// As [`Screen::push`].
    pub fn finish(&mut self) -> Result<String, Error> {
        let out = self.step("", true);
        self.closed = true;
        out
    }

    /// Number of masked findings by kind, so far.
    pub const fn counts(&self) -> &BTreeMap<Kind, u32> {
        &self.counts
    }

    /// Bytes held back now.
    pub fn held_bytes(&self) -> usize {
        self.undecided_bytes().saturating_add(self.sentences.as_ref().map_or(0, Sentences::held_bytes))
    }

    /// Bytes at the end of what was pushed for which nothing was returned yet; `None` while a mask is among what is held back,
    /// so that it cannot be told.
    pub fn held_as_written(&self) -> Option<usize> {
        let sentences = self.sentences.as_ref().map_or(Some(0), Sentences::held_as_written)?;
        Some(self.undecided_bytes().saturating_add(sentences))
    }

    fn undecided_bytes(&self) -> usize {
        self.text.len().saturating_sub(self.passed)
    }

    fn step(&mut self, piece: &str, last: bool) -> Result<String, Error> {
        if self.closed {
            return Err(Error::StreamClosed);
        }
        self.closed = true;
        grow(&mut self.text, piece.len());
        self.text.push_str(piece);
        let mut out = self.judge(last)?;
        if let Some(sentences) = &mut self.sentences {
            let counts = &mut self.counts;
            out = sentences.push(&out, last, &mut |kind| count(counts, kind))?;
        }
        if self.undecided_bytes() > SCREEN_HOLD_BYTES_MAX {
            return Err(Error::ScreenHold { limit_bytes: SCREEN_HOLD_BYTES_MAX });
        }
        self.forget()?;
        self.closed = false;
        Ok(out)
    }

    /// Passes on what no further output can change.
    fn judge(&mut self, last: bool) -> Result<String, Error> {
        let fault = || Error::Internal("screen offset");
        let label = self.label.as_ref().map(|label| label.as_str());
        let limit = self.profile.limits().findings_max;
        let scored = self.detector.detect(&self.text, label, limit, Depth::Piece)?;
        let horizon = if last { self.text.len() } else { self.horizon(&scored)? };
        // What a list lets through holds back as long as anything else, so that this does not depend on how a stream is split.
        let (_, scored) = self.allowed.part(&self.text, scored)?;
        let mut out = String::new();
        let certain = self.judged..horizon;
        let mut hits: Vec<&Scored> =
            scored.iter().filter(|s| certain.contains(&s.start) && self.masks(s)).collect();
        // Of those that begin at one place, the surest names what is masked to the farthest end.
        hits.sort_by_key(|s| (s.start, Reverse((s.score, s.kind.is_custom()))));
        for s in hits {
            if s.start >= self.passed {
                out.push_str(self.text.get(self.passed..s.start).ok_or_else(fault)?);
                out.push_str(&placeholder::mask(s.kind.label()));
                count(&mut self.counts, s.kind);
            }
            self.passed = self.passed.max(s.end);
        }
        self.judged = self.judged.max(horizon);
        if self.passed < horizon {
            out.push_str(self.text.get(self.passed..horizon).ok_or_else(fault)?);
            self.passed = horizon;
        }
        Ok(out)
    }

    fn masks(&self, s: &Scored) -> bool {
        let rule = self.profile.rule(s.kind);
        s.score >= rule.threshold
            && rule.action != Action::Allow
            && !self.known.left.contains(&(s.kind, Secret::new(s.canonical.as_str())))
    }

    /// The first byte at which a candidate may start that further output could complete, change or rescore.
    fn horizon(&self, scored: &[Scored]) -> Result<usize, Error> {
        let view = View::new(&self.text)?;
        let text = view.text();
        let settled = from_end(text, CONTEXT_CHARS.saturating_add(REACH_CHARS));
        let unsettled = scored
            .iter()
            .filter(|s| s.start >= self.judged && s.end > view.origin(settled))
            .map(|s| s.start)
            .min()
            .unwrap_or(self.text.len());
        let mut live = live_start(text);
        if !self.profile.custom().is_empty() {
            live = live.min(from_end(text, custom::MATCH_BYTES_MAX));
        }
        Ok(unsettled.min(view.origin(live)).max(self.judged.min(self.text.len())))
    }

    /// Drops what lies too far behind to matter as context.
    fn forget(&mut self) -> Result<(), Error> {
        let boundary = self.passed.min(self.judged);
        if boundary < 4 * KEEP_CHARS {
            return Ok(());
        }
        let fault = || Error::Internal("screen offset");
        let behind = self.text.get(..boundary).ok_or_else(fault)?;
        let view = View::new(behind)?;
        let from = view.origin(from_end(view.text(), KEEP_CHARS));
        self.text = Zeroizing::new(self.text.get(from..).ok_or_else(fault)?.to_owned());
        self.passed = self.passed.saturating_sub(from);
        self.judged = self.judged.saturating_sub(from);
        Ok(())
    }
}

/// The byte `chars` characters before the end.
fn from_end(text: &str, chars: usize) -> usize {
    text.char_indices().rev().nth(chars.saturating_sub(1)).map_or(0, |(i, _)| i)
}

/// Where an unfinished candidate may start: in the last word (an address may follow), or in the first word with a
/// digit within reach of the end; before either, in the capitalised words that a house number may follow.
fn live_start(text: &str) -> usize {
    let last_word = text.trim_end().rfind(char::is_whitespace).map_or(0, |i| i.saturating_add(1));
    let last_word = run_start(text, last_word);
    let last_word = last_word.max(from_end(text, CANDIDATE_CHARS_MAX.saturating_add(REACH_CHARS)));
    let near = from_end(text, NUMBER_CHARS_MAX.saturating_add(REACH_CHARS));
    let tail = text.get(near..).unwrap_or_default();
    let first_digit = tail.find(|c: char| c.is_ascii_digit()).map_or(text.len(), |i| near.saturating_add(i));
    let head = text.get(..first_digit).unwrap_or_default();
    let digit_word = head.rfind(char::is_whitespace).map_or(0, |i| i.saturating_add(1));
    let street = street_start(text, digit_word);
    // A country code may stand apart from its digits: `NL 91`.
    let digit_word = from_end(text.get(..digit_word).unwrap_or_default(), 8).min(street);
    let digit_word = if first_digit == text.len() {
        first_digit
    } else {
        digit_word.max(from_end(text, CANDIDATE_CHARS_MAX))
    };
    last_word.min(digit_word)
}
