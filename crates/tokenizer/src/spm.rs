//! SentencePiece-style BPE: the adjacent pair whose joined text has the best score merges first, the leftmost of equals;
//! what is left over and is no token falls back to bytes.
//!
//! `tokenizers` cannot say exactly this. Its BPE ranks *pairs*, so a token with several splits, or two tokens of
//! equal score, get an order the vocabulary does not have, and where such pairs overlap ("aa" "a" "aa") other ids come
//! out than the model was trained with; its Unigram maximises a whole sentence's score, which is another algorithm.
//! Building the list of pairs also costs a look-up for every split of every token at every start (Gemma: 262,144 tokens).
//! So the merge loop is written here, some sixty lines; the property test compares it with a naive one.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap},
};

use crate::{
    Error, Vocabulary,
    vocabulary::{Checked, Kind, wrong},
};

/// A SentencePiece-style model.
pub(crate) struct Spm {
    /// Tokens a text may become. Control, unknown and byte tokens are not among them: typing `</s>` or `<0x0A>` gives text.
    tokens: HashMap<String, (u32, f32)>,
    bytes: [u32; 256],
    token_bytes_max: usize,
}

/// A piece of the text; empty once it was merged into the one before it.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    end: usize,
    prev: usize,
    next: usize,
}

const NONE: usize = usize::MAX;

/// A pair that could merge.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    bytes: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| Reverse(self.left).cmp(&Reverse(other.left)))
    }
}
impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Pair {}

impl Spm {
    pub(crate) fn new(vocabulary: &Vocabulary, checked: &Checked) -> Result<Self, Error> {
        if vocabulary.scores.is_empty() {
            return Err(wrong("model llama needs scores, and the file has none".to_owned()));
        }
        let mut bytes = [0; 256];
        for (byte, slot) in (0u8..=255).zip(bytes.iter_mut()) {
            let text = format!("<0x{byte:02X}>");
            let raw = (byte < 0x80).then(|| char::from(byte).to_string());
            let id = checked.ids.get(&text).or_else(|| checked.ids.get(&raw?));
            *slot = *id.ok_or_else(|| wrong(format!("byte token {text} is missing")))?;
        }
        let mut tokens = HashMap::with_capacity(checked.texts.len());
        let rows = (0u32..).zip(&checked.texts).zip(&checked.kinds).zip(&vocabulary.scores);
        for (((id, text), kind), score) in rows {
            if !kind.is_control() && *kind != Kind::Byte {
                // Adding zero turns -0.0 into 0.0, so that equal scores are equal.
                tokens.insert(text.clone(), (id, *score + 0.0));
            }
        }
        let token_bytes_max = tokens.keys().map(String::len).max().unwrap_or(0);
        Ok(Self { tokens, bytes, token_bytes_max })
    }

    /// Appends the ids of `text`, in which spaces are U+2581 already.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let mut symbols = Vec::with_capacity(text.len());
        for (at, letter) in text.char_indices() {
            let index = symbols.len();
            let prev = index.checked_sub(1).unwrap_or(NONE);
            symbols.push(Symbol { start: at, end: at + letter.len_utf8(), prev, next: index + 1 });
        }
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        let mut pairs = BinaryHeap::with_capacity(symbols.len());
        for right in 1..symbols.len() {
            pairs.extend(self.pair(text, &symbols, right - 1, right));
        }
        while let Some(pair) = pairs.pop() {
            let (Some(&left), Some(&right)) = (symbols.get(pair.left), symbols.get(pair.right)) else {
                continue;
            };
            let stale = left.start == left.end || right.start == right.end;
            if stale || left.next != pair.right || right.end - left.start != pair.bytes {
                continue;
            }
            if let Some(left) = symbols.get_mut(pair.left) {
                left.end = right.end;
                left.next = right.next;
            }
            if let Some(right) = symbols.get_mut(pair.right) {
                right.start = right.end;
            }
            if let Some(after) = symbols.get_mut(right.next) {
                after.prev = pair.left;
            }
            pairs.extend(self.pair(text, &symbols, left.prev, pair.left));
            pairs.extend(self.pair(text, &symbols, pair.left, right.next));
        }
        for piece in symbols.iter().filter_map(|symbol| text.get(symbol.start..symbol.end)) {
            match self.tokens.get(piece) {
                Some((id, _)) => ids.push(*id),
                None => {
                    ids.extend(piece.bytes().filter_map(|byte| self.bytes.get(usize::from(byte)).copied()))
                }
            }
        }
    }

    fn pair(&self, text: &str, symbols: &[Symbol], left: usize, right: usize) -> Option<Pair> {
        let (start, end) = (symbols.get(left)?.start, symbols.get(right)?.end);
        let bytes = end - start;
        if bytes > self.token_bytes_max {
            return None;
        }
        let (_, score) = self.tokens.get(text.get(start..end)?)?;
        Some(Pair { score: *score, left, right, bytes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(words: &[(&str, f32)]) -> Spm {
        let mut vocabulary = Vocabulary { model: "llama".to_owned(), ..Vocabulary::default() };
        for byte in 0..=255u8 {
            vocabulary.tokens.push(format!("<0x{byte:02X}>"));
            vocabulary.scores.push(0.0);
            vocabulary.token_types.push(6);
        }
        for (word, score) in words {
            vocabulary.tokens.push((*word).to_owned());
            vocabulary.scores.push(*score);
            vocabulary.token_types.push(1);
        }
        let checked = vocabulary.check().unwrap();
        Spm::new(&vocabulary, &checked).unwrap()
    }

    /// The same rule, written as it is said: look at all adjacent pairs, merge the best, begin again.
    fn naive(model: &Spm, text: &str) -> Vec<u32> {
        let mut pieces: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let mut best: Option<(f32, usize)> = None;
            for at in 1..pieces.len() {
                let joined = format!("{}{}", pieces[at - 1], pieces[at]);
                if let Some((_, score)) = model.tokens.get(&joined)
                    && best.is_none_or(|(found, _)| *score > found)
                {
                    best = Some((*score, at));
                }
            }
            let Some((_, at)) = best else { break };
            let right = pieces.remove(at);
            pieces[at - 1].push_str(&right);
        }
        let id = |piece: &String| match model.tokens.get(piece) {
            Some((id, _)) => vec![*id],
            None => piece.bytes().map(|byte| model.bytes[byte as usize]).collect(),
        };
        pieces.iter().flat_map(id).collect()
    }

    proptest! {
        #[test]
        fn merges_as_the_naive_model_does(
            words in proptest::collection::btree_map("[abé▁]{1,5}", -4i8..4, 1..30),
            text in "[abcé▁😀]{0,60}",
        ) {
            let words: Vec<(&str, f32)> = words.iter().map(|(word, score)| (word.as_str(), f32::from(*score))).collect();
            let model = model(&words);
            let mut ids = Vec::new();
            model.encode(&text, &mut ids);
            prop_assert_eq!(ids, naive(&model, &text));
        }
    }

    #[test]
    fn overlapping_splits_of_one_token_merge_from_the_left() {
        let model = model(&[("a", -9.0), ("aa", -1.0), ("aaa", -2.0)]);
        let mut ids = Vec::new();
        model.encode("aaaaa", &mut ids);
        assert_eq!(ids, vec![257, 258]);
    }

    #[test]
    fn a_typed_byte_token_is_text() {
        let model = model(&[("<", -1.0), ("0x0A", -1.0), ("<0x0A", -1.0), (">", -1.0)]);
        let mut ids = Vec::new();
        model.encode("<0x0A>", &mut ids);
        assert!(!ids.contains(&10));
    }
}
