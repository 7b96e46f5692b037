//! Byte-level BPE on the `tokenizers` crate.

use std::collections::{HashMap, HashSet};

use tokenizers::{
    Model, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior,
    models::bpe::BPE, pre_tokenizers::byte_level::ByteLevel,
};

use crate::{
    Error, Vocabulary,
    pre_tokenizer::{Cut, family},
    vocabulary::{Checked, wrong},
};

/// Cuts, maps bytes to letters, merges. The model's cache is off: it would keep words of prompts.
pub(crate) struct ByteLevelBpe {
    cuts: Vec<Cut>,
    byte_level: ByteLevel,
    /// Letters of bytes that have no token. Such a byte is dropped, and nothing merges across its place, as in llama.cpp.
    missing: HashSet<char>,
    model: BPE,
}

impl ByteLevelBpe {
    pub(crate) fn new(vocabulary: &Vocabulary, checked: &Checked) -> Result<Self, Error> {
        let family = family(vocabulary.pre.as_deref())?;
        // Control tokens are not in the model at all: no merge and no whole-word look-up can produce one.
        let texts = || (0u32..).zip(&checked.texts).zip(&checked.kinds);
        let ids: HashMap<&str, u32> = texts()
            .filter(|(_, kind)| !kind.is_control())
            .map(|((id, text), _)| (text.as_str(), id))
            .collect();
        let mut merges = Vec::with_capacity(vocabulary.merges.len());
        for (rank, merge) in vocabulary.merges.iter().enumerate() {
            let (left, right) =
                split_merge(merge).ok_or_else(|| wrong(format!("merge {rank} is not a pair")))?;
            let whole = format!("{left}{right}");
            if let Some(unknown) =
                [left, right, whole.as_str()].iter().position(|text| !ids.contains_key(text))
            {
                if checked.ids.contains_key(&whole) && unknown == 2 {
                    continue;
                }
                let part = ["left part", "right part", "result"].get(unknown).copied().unwrap_or("part");
                return Err(wrong(format!("the {part} of merge {rank} is not a token")));
            }
            merges.push((left.to_owned(), right.to_owned()));
        }
        let missing =
            byte_letters().into_iter().filter(|letter| !ids.contains_key(letter.to_string().as_str()));
        let missing = missing.collect();
        let model = BPE::builder()
            .vocab_and_merges(
                ids.into_iter()
                    .map(|(text, id)| (text.to_owned(), id))
                    .collect::<tokenizers::models::bpe::Vocab>(),
                merges,
            )
            .ignore_merges(family.ignore_merges)
            .cache_capacity(0)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { cuts: family.cuts()?, byte_level: ByteLevel::new(false, false, false), missing, model })
    }

    /// Appends the ids of `text`.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) -> tokenizers::Result<()> {
        let mut pieces = PreTokenizedString::from(text);
        for cut in &self.cuts {
            pieces.split(|_, piece| piece.split(cut, SplitDelimiterBehavior::Isolated))?;
        }
        self.byte_level.pre_tokenize(&mut pieces)?;
        if !self.missing.is_empty() {
            let missing = |letter: char| self.missing.contains(&letter);
            pieces.split(|_, piece| piece.split(missing, SplitDelimiterBehavior::Removed))?;
        }
        pieces.tokenize(|piece| self.model.tokenize(piece.get()))?;
        for (_, _, tokens) in pieces.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            ids.extend(tokens.iter().flatten().map(|token| token.id));
        }
        Ok(())
    }
}

/// The two parts of a merge; the left one may itself start with a space.
fn split_merge(merge: &str) -> Option<(&str, &str)> {
    let first = merge.chars().next()?.len_utf8();
    let at = first + merge.get(first..)?.find(' ')?;
    Some((merge.get(..at)?, merge.get(at + 1..)?)).filter(|(_, right)| !right.is_empty())
}

/// GPT-2's printable letter for each byte: itself where printable in Latin-1, else U+0100 and up in order.
pub(crate) fn byte_letters() -> [char; 256] {
    let mut letters = ['\0'; 256];
    let mut next = 0x100u32;
    for (byte, letter) in (0u8..=255).zip(letters.iter_mut()) {
        *letter = if matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) {
            char::from(byte)
        } else {
            next += 1;
            char::from_u32(next - 1).unwrap_or('\0')
        };
    }
    letters
}

/// The bytes a byte-level token stands for. A letter that is no byte's stands for itself.
pub(crate) fn letters_to_bytes(text: &str, bytes: &HashMap<char, u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match bytes.get(&letter) {
            Some(byte) => out.push(*byte),
            None => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

/// The inverse of [`byte_letters`].
pub(crate) fn letter_bytes() -> HashMap<char, u8> {
    byte_letters().into_iter().zip(0u8..=255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_letters_are_the_ones_of_the_crate() {
        let ours: HashSet<char> = byte_letters().into_iter().collect();
        let theirs: HashSet<char> = ByteLevel::alphabet().into_iter().collect();
        assert_eq!(ours, theirs);
        assert_eq!(byte_letters()[b' ' as usize], 'Ġ');
        assert_eq!(byte_letters()[b'\n' as usize], 'Ċ');
    }

    #[test]
    fn merges_split_at_the_space_between() {
        assert_eq!(split_merge("a b"), Some(("a", "b")));
        assert_eq!(split_merge("  b"), Some((" ", "b")));
        assert_eq!(split_merge("é b"), Some(("é", "b")));
        for bad in ["", "a", "ab", "a "] {
            assert_eq!(split_merge(bad), None, "{bad:?}");
        }
    }
}
