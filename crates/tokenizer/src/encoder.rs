//! Text for encoders: WordPiece with the bytes that each token stands for, framed, in windows.

use std::ops::Range;

use sha2::{Digest, Sha256};
use tokenizers::{ModelWrapper, tokenizer::Encoding};
use zeroize::Zeroizing;

use crate::{Error, json};

/// The most bytes of one text. At four bytes a token that is more windows than anybody waits for.
pub const ENCODER_TEXT_BYTES_MAX: usize = 1 << 20;

/// A WordPiece `tokenizer.json` (Wu et al. 2016), as the `tokenizers` crate runs it. It keeps no text.
pub struct EncoderTokenizer {
    inner: tokenizers::Tokenizer,
    opening: u32,
    closing: u32,
    digest: [u8; 32],
}

/// A text as tokens, without the two that frame it.
pub struct Encoded {
    /// The ids.
    pub ids: Zeroizing<Vec<u32>>,
    /// For each id the bytes of the text that it stands for, always whole characters, ascending.
    pub offsets: Vec<Range<usize>>,
    /// For each id the number of the word that it is a piece of.
    pub words: Vec<u32>,
}

/// A stretch of tokens that is looked at together, and the part of it that has enough around it to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Which tokens are seen.
    pub seen: Range<usize>,
    /// Which of them are judged here; over all windows each token once.
    pub judged: Range<usize>,
}

impl EncoderTokenizer {
    /// Builds from a `tokenizer.json` with a WordPiece model and a post-processor that puts one token before a text and
    /// one behind it.
    ///
    /// # Errors
    /// [`Error::Json`] says what could not be read or is not supported.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        json::checked_json(json)?;
        let refused = |error: tokenizers::Error| json::refused(error.to_string());
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(refused)?;
        if !matches!(inner.get_model(), ModelWrapper::WordPiece(_)) {
            return Err(json::refused("an encoder's model must be WordPiece".to_owned()));
        }
        inner.set_encode_special_tokens(true);
        inner.with_padding(None);
        inner.with_truncation(None).map_err(refused)?;
        let frame = inner.encode("", true).map_err(refused)?;
        let &[opening, closing] = frame.get_ids() else {
            let what = "its post-processor must put one token before a text and one behind it, such as [CLS] and [SEP]";
            return Err(json::refused(what.to_owned()));
        };
        Ok(Self { inner, opening, closing, digest: Sha256::digest(json).into() })
    }

    /// SHA-256 of the `tokenizer.json`.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// One more than the largest id.
    pub fn vocab_len(&self) -> usize {
        self.inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1)
    }

    /// The tokens of a text from anyone; special tokens in it are text.
    ///
    /// # Errors
    /// [`Error::Encode`] for a text that is too long or that a step of the tokenizer refuses; [`Error::Offsets`] where a
    /// token does not stand for whole characters of the text.
    pub fn encode(&self, text: &str) -> Result<Encoded, Error> {
        let bytes = text.len();
        if bytes > ENCODER_TEXT_BYTES_MAX {
            return Err(Error::Encode {
                bytes,
                what: "an encoder reads at most 1 MiB of one text; split it",
            });
        }
        let what = "the tokenizer's own steps refused it";
        let encoding = self.inner.encode(text, false).map_err(|_| Error::Encode { bytes, what })?;
        checked(text, &encoding)
    }

    /// The ids with what frames them: what a model reads.
    pub fn framed(&self, ids: &[u32]) -> Zeroizing<Vec<u32>> {
        let mut framed = Zeroizing::new(Vec::with_capacity(ids.len().saturating_add(2)));
        framed.push(self.opening);
        framed.extend_from_slice(ids);
        framed.push(self.closing);
        framed
    }
}

/// Holds the offsets to the text: whoever cuts by them must not cut a character, or another text.
fn checked(text: &str, encoding: &Encoding) -> Result<Encoded, Error> {
    let words = encoding.get_word_ids().iter();
    let words = words.map(|word| word.ok_or(Error::Offsets)).collect::<Result<Vec<u32>, _>>()?;
    let offsets = whole_characters(text, encoding.get_offsets())?;
    let ids = Zeroizing::new(encoding.get_ids().to_vec());
    if offsets.len() != ids.len() || words.len() != ids.len() {
        return Err(Error::Offsets);
    }
    Ok(Encoded { ids, offsets, words })
}

fn whole_characters(text: &str, offsets: &[(usize, usize)]) -> Result<Vec<Range<usize>>, Error> {
    let mut before = 0;
    let check = |&(start, end): &(usize, usize)| {
        let ascending = start >= std::mem::replace(&mut before, start);
        (ascending && text.get(start..end).is_some()).then_some(start..end).ok_or(Error::Offsets)
    };
    offsets.iter().map(check).collect()
}

/// Windows of at most `tokens_max` of `tokens` tokens, so that each token is judged in one that has `overlap / 2` tokens
/// around it, or the text's end.
pub fn windows(tokens: usize, tokens_max: usize, overlap: usize) -> Vec<Window> {
    let tokens_max = tokens_max.max(1);
    let overlap = overlap.min(tokens_max / 2);
    let margin = overlap / 2;
    let (mut windows, mut start, mut judged) = (Vec::new(), 0_usize, 0);
    while judged < tokens {
        let end = tokens.min(start.saturating_add(tokens_max));
        let until = if end == tokens { tokens } else { end.saturating_sub(margin) };
        windows.push(Window { seen: start..end, judged: judged..until });
        judged = until;
        start = end.saturating_sub(overlap);
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_within_a_character_is_an_error() {
        let text = "José";
        assert_eq!(whole_characters(text, &[(0, 3), (3, 5)]).unwrap(), [0..3, 3..5]);
        for wrong in
            [[(0, 4), (4, 5)], [(0, 3), (4, 5)], [(0, 3), (3, 6)], [(3, 5), (0, 3)], [(2, 1), (3, 5)]]
        {
            assert!(matches!(whole_characters(text, &wrong), Err(Error::Offsets)), "{wrong:?}");
        }
    }

    #[test]
    fn windows_judge_every_token_once_and_with_neighbours() {
        for (tokens, most, overlap) in
            [(0, 8, 4), (1, 8, 4), (8, 8, 4), (9, 8, 4), (100, 8, 4), (1000, 510, 64), (5, 1, 0), (7, 3, 9)]
        {
            let windows = windows(tokens, most, overlap);
            let mut next = 0;
            for Window { seen, judged } in &windows {
                assert!(seen.len() <= most && judged.start == next && judged.start < judged.end);
                assert!(seen.start <= judged.start && judged.end <= seen.end);
                let margin = overlap.min(most / 2) / 2;
                assert!(seen.start == 0 || judged.start - seen.start >= margin);
                assert!(seen.end == tokens || seen.end - judged.end >= margin);
                next = judged.end;
            }
            assert_eq!(next, tokens);
        }
    }
}
