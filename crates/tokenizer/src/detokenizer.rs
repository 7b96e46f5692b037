//! Text out of tokens, one token at a time.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Tokenizer;

/// Turns a stream of token ids into text, never giving half a character.
///
/// All pieces together are what [`Tokenizer::decode`] makes of all ids. Bytes become U+FFFD only when they can no
/// longer become a character. At most three bytes are held back.
pub struct Detokenizer {
    tokenizer: Arc<Tokenizer>,
    /// Bytes of a character that is not complete.
    held: Zeroizing<Vec<u8>>,
    after_special: bool,
    /// No space is ever taken away.
    verbatim: bool,
}

impl Detokenizer {
    /// A detokenizer at the start of a text: a space that encoding put there is taken away.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self {
            tokenizer,
            held: Zeroizing::new(Vec::with_capacity(256)),
            after_special: true,
            verbatim: false,
        }
    }

    /// A detokenizer for what follows a prompt that ended with `last`: the first word keeps its space, unless `last` is
    /// a token after which encoding puts one.
    pub fn following(tokenizer: Arc<Tokenizer>, last: u32) -> Self {
        let mut following = Self::new(tokenizer);
        following.after_special = false;
        let _ = following.tokenizer.bytes_after(last, &mut following.after_special);
        following
    }

    /// A detokenizer that gives every byte that tokens add: what a grammar has matched.
    pub fn verbatim(tokenizer: Arc<Tokenizer>) -> Self {
        Self { verbatim: true, after_special: false, ..Self::new(tokenizer) }
    }

    /// Takes one token; gives the text that is now certain, if any. Control tokens give nothing.
    pub fn push(&mut self, id: u32) -> Option<String> {
        self.held.extend_from_slice(self.tokenizer.bytes_after(id, &mut self.after_special));
        self.after_special &= !self.verbatim;
        let certain = self.held.len() - incomplete_tail(&self.held);
        self.take(certain)
    }

    /// The name of `id`, if it is a control token, which gives no text.
    pub fn control(&self, id: u32) -> Option<&str> {
        self.tokenizer.token_text(id).filter(|_| self.tokenizer.is_control(id))
    }

    /// Ends the stream; gives what was held back, as U+FFFD.
    pub fn finish(&mut self) -> Option<String> {
        self.take(self.held.len())
    }

    fn take(&mut self, len: usize) -> Option<String> {
        let text = String::from_utf8_lossy(self.held.get(..len)?).into_owned();
        self.held.drain(..len);
        Some(text).filter(|text| !text.is_empty())
    }
}

/// How many bytes at the end may still become a character.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    for at in start..bytes.len() {
        let tail = bytes.get(at..).unwrap_or(&[]);
        if let Err(error) = std::str::from_utf8(tail)
            && error.valid_up_to() == 0
            && error.error_len().is_none()
        {
            return tail.len();
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tail_is_incomplete_only_while_it_can_be_completed() {
        for (bytes, held) in [
            (&b""[..], 0),
            (b"a", 0),
            (b"a\xF0\x9F\x98", 3),
            (b"\xF0\x9F", 2),
            (b"\xC3", 1),
            (b"\xC3\xA9", 0),
            (b"\xFF", 0),
            (b"\xF0\x9F\xFF", 0),
            (b"\xE0\x80", 0),
            (b"\xED\xA0", 0),
            (b"\xF4\x90", 0),
            (b"\xE2\x82", 2),
            (b"\x9F\x98", 0),
        ] {
            assert_eq!(incomplete_tail(bytes), held, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split_of_any_bytes_gives_the_text_of_the_whole(chunks in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xF0), Just(0x9F), Just(0xE2), 0x80u8..0xC0], 0..6), 0..12)) {
            let whole: Vec<u8> = chunks.concat();
            let mut held: Vec<u8> = Vec::new();
            let mut text = String::new();
            for chunk in &chunks {
                held.extend_from_slice(chunk);
                let certain = held.len() - incomplete_tail(&held);
                prop_assert!(held.len() - certain <= 3);
                text.push_str(&String::from_utf8_lossy(&held[..certain]));
                held.drain(..certain);
            }
            text.push_str(&String::from_utf8_lossy(&held));
            prop_assert_eq!(text, String::from_utf8_lossy(&whole).into_owned());
        }
    }
}
