//! What else the model might have said in a token's place, as far as a caller may see it.
//!
//! An alternative was never screened, for it was never said. It is judged as if it had been: what was written before it and
//! then the alternative go through a screen of their own. Where that masks more than it masks without the alternative, its
//! text is left out and its score stays.

use std::sync::Arc;

use engine::Scored;
use redact::{Redactor, Vault};
use tokenizer::Tokenizer;
use zeroize::Zeroizing;

use crate::answer::Alternative;

/// Stands for the text of an alternative that may not be seen.
const HIDDEN: &str = "⟦…⟧";

/// How much of what was written before is read again, in bytes: a sentence, or the number that a token may complete.
const BEFORE_BYTES: usize = 160;

/// Judges the alternatives in one text.
pub(crate) struct Likely {
    redactor: Arc<Redactor>,
    vault: Arc<Vault>,
    before: Zeroizing<String>,
}

impl Likely {
    pub(crate) fn new(redactor: Arc<Redactor>, vault: Arc<Vault>) -> Self {
        Self { redactor, vault, before: Zeroizing::default() }
    }

    /// Notes what was written.
    pub(crate) fn follow(&mut self, text: &str) {
        self.before.push_str(text);
        if self.before.len() > 4 * BEFORE_BYTES {
            let from = self.before.floor_char_boundary(self.before.len().saturating_sub(BEFORE_BYTES));
            self.before = Zeroizing::new(self.before.get(from..).unwrap_or_default().to_owned());
        }
    }

    /// The likeliest tokens of a score, with their ids.
    pub(crate) fn told(&self, tokenizer: &Tokenizer, scored: &Scored) -> Vec<(u32, Alternative)> {
        let from = self.before.floor_char_boundary(self.before.len().saturating_sub(BEFORE_BYTES));
        let before = self.before.get(from..).unwrap_or_default();
        let mut masked = None;
        let told = scored.top.iter().map(|&(id, logprob)| {
            // What was said is screened as all that is said.
            let hidden = id != scored.id
                && std::str::from_utf8(&tokenizer.token_bytes(id))
                    .is_ok_and(|text| has_words(text) && self.hides(before, text, &mut masked));
            let text = if hidden { HIDDEN.as_bytes().to_vec() } else { bytes(tokenizer, id) };
            (id, Alternative { text, logprob })
        });
        told.collect()
    }

    /// Whether a screen masks something of `text` after `before`; `masked` is what it masks of `before` alone, once known. A
    /// screen that fails hides.
    fn hides(&self, before: &str, text: &str, masked: &mut Option<u32>) -> bool {
        let alone = match *masked {
            Some(alone) => alone,
            None => self.screened(before).map_or(0, |(count, _)| count),
        };
        *masked = Some(alone);
        let whole = Zeroizing::new([before, text].concat());
        self.screened(&whole).is_none_or(|(count, out)| count > alone || !out.ends_with(text))
    }

    /// How much is masked in a text, and what is left.
    fn screened(&self, text: &str) -> Option<(u32, Zeroizing<String>)> {
        let mut screen = self.redactor.screen(&self.vault);
        let mut out = Zeroizing::new(screen.push(text).ok()?);
        out.push_str(&screen.finish().ok()?);
        Some((screen.counts().values().fold(0, |sum, count| sum.saturating_add(*count)), out))
    }
}

/// Spaces and marks alone say nothing of anybody.
fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// What a token would add to a text, or a control token's name.
fn bytes(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    match tokenizer.token_text(id).filter(|_| tokenizer.is_control(id)) {
        Some(name) => name.as_bytes().to_vec(),
        None => tokenizer.token_bytes(id).into_owned(),
    }
}
