//! Giving values back, in a stream that may be cut anywhere.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Kind;
use crate::placeholder::{CLOSE, OPEN};
use crate::vault::{Contents, Entry};

/// Which kinds may be given back to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestorePolicy {
    /// `None`: every kind.
    kinds: Option<BTreeSet<Kind>>,
}

impl RestorePolicy {
    /// Every kind is given back.
    pub const fn all() -> Self {
        Self { kinds: None }
    }

    /// No personal data is given back; placeholders stay.
    pub const fn none() -> Self {
        Self { kinds: Some(BTreeSet::new()) }
    }

    /// Only these kinds are given back.
    pub fn only(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self { kinds: Some(kinds.into_iter().collect()) }
    }
}

impl Default for RestorePolicy {
    fn default() -> Self {
        Self::none()
    }
}

/// Restores placeholders in one stream of text.
///
/// Whatever the split of the stream, the pieces returned join to the restoration of the whole. It holds back at
/// most the beginning of a placeholder that was issued in this request and may be restored.
pub struct Restorer {
    contents: Arc<Contents>,
    policy: RestorePolicy,
    json: bool,
    held: Zeroizing<String>,
    restored: u32,
}

impl Restorer {
    pub(crate) fn new(contents: Arc<Contents>, policy: &RestorePolicy) -> Self {
        Self {
            contents,
            policy: policy.clone(),
            json: false,
            held: Zeroizing::new(String::new()),
            restored: 0,
        }
    }

    /// Values are written as the inside of a JSON string: for streamed tool-call arguments.
    #[must_use]
    pub const fn in_json(mut self) -> Self {
        self.json = true;
        self
    }

    /// Takes the next piece of output and returns what is certain by now.
    pub fn push(&mut self, piece: &str) -> String {
        let mut text = std::mem::replace(&mut self.held, Zeroizing::new(String::new()));
        let joined;
        let work: &str = if text.is_empty() {
            piece
        } else {
            text.reserve_exact(piece.len());
            text.push_str(piece);
            joined = text;
            &joined
        };
        let (out, rest, restored) = self.restore(work);
        self.restored = self.restored.saturating_add(restored);
        self.held = Zeroizing::new(rest.to_owned());
        out
    }

    /// Ends the stream and returns what was held back: the beginning of a placeholder that never ended.
    #[must_use = "the end of the stream may have been held back"]
    pub fn finish(mut self) -> String {
        std::mem::take(&mut *self.held)
    }

    /// Restores a whole text.
    #[must_use]
    pub fn restore_all(mut self, text: &str) -> String {
        let mut out = self.push(text);
        out.push_str(&self.finish());
        out
    }

    /// Bytes held back now.
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Placeholders of personal data given back so far; the user's own look-alikes do not count.
    pub const fn restored(&self) -> u32 {
        self.restored
    }

    /// The restored text, the tail that may still become a placeholder, and how many values were given back.
    fn restore<'t>(&self, text: &'t str) -> (String, &'t str, u32) {
        let mut restored = 0_u32;
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(OPEN) {
            let (before, tail) = rest.split_at(at);
            out.push_str(before);
            match self.match_token(tail) {
                Match::Token(len, entry) => {
                    self.write_value(&mut out, entry.value.as_str());
                    restored = restored.saturating_add(u32::from(entry.kind.is_some()));
                    rest = tail.get(len..).unwrap_or_default();
                }
                Match::Prefix => return (out, tail, restored),
                Match::Nothing => {
                    out.push(OPEN);
                    rest = tail.get(OPEN.len_utf8()..).unwrap_or_default();
                }
            }
        }
        out.push_str(rest);
        (out, "", restored)
    }

    /// What `tail`, which begins with [`OPEN`], begins with.
    fn match_token(&self, tail: &str) -> Match<'_> {
        // A token has one CLOSE, at its end, and no second OPEN, so the first of either decides.
        let inside = tail.get(OPEN.len_utf8()..).unwrap_or_default();
        if let Some(end) = inside.find([OPEN, CLOSE]) {
            let len = OPEN.len_utf8().saturating_add(end).saturating_add(CLOSE.len_utf8());
            let found = tail.get(..len).and_then(|token| self.contents.tokens.get(token));
            return match found {
                Some(entry) if self.allowed(entry) => Match::Token(len, entry),
                _ => Match::Nothing,
            };
        }
        let from = (Bound::Included(tail), Bound::Unbounded);
        let live = self
            .contents
            .tokens
            .range::<str, _>(from)
            .take_while(|(token, _)| token.starts_with(tail))
            .any(|(_, entry)| self.allowed(entry));
        if live { Match::Prefix } else { Match::Nothing }
    }

    fn allowed(&self, entry: &Entry) -> bool {
        let allowed = |kind| self.policy.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind));
        entry.kind.is_none_or(allowed)
    }

    fn write_value(&self, out: &mut String, value: &str) {
        if self.json {
            crate::json::push_escaped(out, value);
        } else {
            out.push_str(value);
        }
    }
}

enum Match<'a> {
    Token(usize, &'a Entry),
    Prefix,
    Nothing,
}
