//! Prompt lookup: tokens a sequence is likely to repeat, proposed from its own prompt and answer (Saxena 2023,
//! "Prompt Lookup Decoding"; the idea of drafts that are verified: Leviathan et al. 2023, arXiv:2211.17192).
//!
//! A draft is a guess that costs a row of the next step and changes no answer: it is kept only where it is the token that
//! is drawn there anyway.

use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// Lengths of the n-grams that are looked up, the longest first in the search.
const NGRAMS: RangeInclusive<usize> = 2..=4;

/// Places in the index, at most: 256 KiB a sequence. Where two n-grams share one, the later is remembered.
const SLOTS_MAX: usize = 1 << 16;

/// After `n` drafts in a row of which nothing was kept, 2ⁿ tokens are drawn without one; n is at most this.
const MISSES_MAX: u32 = 6;

/// One sequence's index and its guesses.
pub(crate) struct Drafter {
    /// Tokens proposed at once, at most; 0 is off.
    most: usize,
    /// Tokens to propose next.
    next: usize,
    /// Drafts in a row of which nothing was kept.
    misses: u32,
    /// Steps to let pass before the next proposal.
    pause: u32,
    /// By an n-gram's hash: the position after its last occurrence, 0 where there was none. A power of two of them.
    ends: Zeroizing<Vec<u32>>,
    /// n-grams that end at or before this position are in the index.
    indexed: usize,
    /// The tokens proposed for the next step.
    draft: Zeroizing<Vec<u32>>,
}

impl Drafter {
    /// Proposes up to `most` tokens at once, beginning with two.
    pub(crate) fn new(most: usize) -> Self {
        Drafter {
            most,
            next: most.min(2),
            misses: 0,
            pause: 0,
            ends: Zeroizing::default(),
            indexed: 0,
            draft: Zeroizing::default(),
        }
    }

    /// What stands to be verified.
    pub(crate) fn draft(&self) -> &[u32] {
        &self.draft
    }

    /// Drops what was proposed beyond `len` tokens.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.draft.truncate(len);
    }

    /// Takes the draft out, to be verified.
    pub(crate) fn take(&mut self) -> Zeroizing<Vec<u32>> {
        std::mem::take(&mut self.draft)
    }

    /// Guesses up to `limit` tokens after `tokens`: what followed the longest n-gram that `tokens` end with, where it
    /// stood last. `tokens` only ever grow; `capacity` is the most they may become.
    pub(crate) fn propose(&mut self, tokens: &[u32], capacity: usize, limit: usize) {
        self.draft.clear();
        if self.most == 0 || limit == 0 {
            return;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        self.index(tokens, capacity);
        let Some(end) = NGRAMS.rev().find_map(|n| self.find(tokens, n)) else { return };
        let period = tokens.len() - end;
        for ahead in 0..self.next.min(limit) {
            // Where the repetition runs into the end of the text, it goes on in the draft itself.
            let known = tokens.get(end + ahead).or_else(|| self.draft.get(ahead - period));
            let Some(token) = known.copied() else { return };
            self.draft.push(token);
        }
    }

    /// Learns from a draft: grows with what is kept whole, shrinks to what was kept, pauses where nothing is.
    pub(crate) fn judge(&mut self, drafted: usize, accepted: usize) {
        if accepted == 0 {
            self.misses = (self.misses + 1).min(MISSES_MAX);
            self.pause = 1 << self.misses;
            self.next = 1;
        } else {
            self.misses = 0;
            self.next = if accepted == drafted { (2 * drafted).max(self.next) } else { accepted };
            self.next = self.next.min(self.most);
        }
    }

    /// Enters every n-gram that ends before the last token; those that end with it are what is looked for.
    fn index(&mut self, tokens: &[u32], capacity: usize) {
        if self.ends.is_empty() {
            let slots = (2 * capacity.max(tokens.len())).next_power_of_two().clamp(64, SLOTS_MAX);
            self.ends = vec![0; slots].into();
        }
        for end in self.indexed + 1..tokens.len() {
            for n in NGRAMS {
                let slot = ending(tokens, end, n).map(|ngram| self.slot(ngram));
                if let Some(slot) = slot.and_then(|slot| self.ends.get_mut(slot)) {
                    *slot = end as u32;
                }
            }
            self.indexed = end;
        }
    }

    /// The position after an earlier occurrence of the last `n` tokens.
    fn find(&self, tokens: &[u32], n: usize) -> Option<usize> {
        let ngram = ending(tokens, tokens.len(), n)?;
        let end = *self.ends.get(self.slot(ngram))? as usize;
        (ending(tokens, end, n)? == ngram).then_some(end)
    }

    /// Multiplicative hashing (Knuth, vol. 3, 6.4): the upper bits of a product by 2⁶⁴ over the golden ratio.
    fn slot(&self, ngram: &[u32]) -> usize {
        let mix = |hash: u64, token: &u32| (hash ^ u64::from(*token)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = ngram.iter().fold(ngram.len() as u64, |hash, token| mix(hash, token).rotate_left(23));
        (hash >> 32) as usize & (self.ends.len() - 1)
    }
}

/// The `n` tokens before position `end`.
fn ending(tokens: &[u32], end: usize, n: usize) -> Option<&[u32]> {
    tokens.get(end.checked_sub(n)?..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By search: the last place where the longest suffix of `longest` to 2 tokens stood before, and what followed.
    fn naive(tokens: &[u32], longest: usize) -> Vec<u32> {
        for n in (2..=longest).rev() {
            let Some(suffix) = tokens.len().checked_sub(n).map(|start| &tokens[start..]) else { continue };
            let found = (n..tokens.len()).rev().find(|&end| &tokens[end - n..end] == suffix);
            if let Some(end) = found {
                let mut text = tokens.to_vec();
                (0..4).for_each(|i| text.push(text[end + i]));
                return text.split_off(tokens.len());
            }
        }
        Vec::new()
    }

    /// The draft after every one of the texts that grow to `tokens`.
    fn drafts(tokens: &[u32], prompt: usize) -> Vec<Vec<u32>> {
        let mut drafter = Drafter::new(4);
        let draft = |len| {
            (drafter.pause, drafter.next) = (0, 4);
            drafter.propose(&tokens[..len], 1 << 14, 4);
            drafter.draft().to_vec()
        };
        (prompt..=tokens.len()).map(draft).collect()
    }

    proptest! {
        /// As a search would, token by token; where two n-grams share a place in the index, as a search for shorter ones.
        #[test]
        fn drafts_are_what_followed_before(
            tokens in prop::collection::vec(0..6u32, 1..120),
            prompt in 1..40usize,
        ) {
            let prompt = prompt.min(tokens.len());
            for (len, draft) in (prompt..).zip(drafts(&tokens, prompt)) {
                let searches = [4, 3, 2].map(|longest| naive(&tokens[..len], longest));
                prop_assert!(draft.is_empty() || searches.contains(&draft), "{draft:?}, not {searches:?}");
            }
        }
    }

    #[test]
    fn hardly_any_place_is_shared() {
        let tokens: Vec<u32> = (0..600u32).map(|i| (i * i * i / 7 + i / 50) % 23).collect();
        let found = (1..).zip(drafts(&tokens, 1)).filter(|(len, draft)| *draft == naive(&tokens[..*len], 4));
        assert!(found.count() >= 590);
    }

    #[test]
    fn a_repetition_that_runs_into_the_end_goes_on() {
        let mut drafter = Drafter::new(8);
        drafter.next = 8;
        drafter.propose(&[9, 1, 2, 1, 2, 1], 16, 8);
        assert_eq!(drafter.draft(), [2, 1, 2, 1, 2, 1, 2, 1]);
        drafter.propose(&[9, 1, 2, 1, 2, 1, 2], 16, 3);
        assert_eq!(drafter.draft(), [1, 2, 1]);
    }

    #[test]
    fn text_without_repetition_is_left_alone() {
        let mut drafter = Drafter::new(4);
        let tokens: Vec<u32> = (0..500).collect();
        for len in 1..500 {
            drafter.propose(&tokens[..len], 500, 4);
            assert!(drafter.draft().is_empty());
        }
    }

    #[test]
    fn drafts_grow_where_they_are_kept_and_pause_where_they_are_not() {
        let mut drafter = Drafter::new(6);
        let tokens = [5; 40];
        let mut lengths = Vec::new();
        for _ in 0..4 {
            drafter.propose(&tokens, 64, 10);
            lengths.push(drafter.draft().len());
            drafter.judge(drafter.draft().len(), drafter.draft().len());
        }
        assert_eq!(lengths, [2, 4, 6, 6]);
        drafter.judge(6, 3);
        drafter.propose(&tokens, 64, 10);
        assert_eq!(drafter.draft().len(), 3);
        // Nothing kept, again and again: of a thousand steps only a few carry a draft, and of one token.
        let mut drafted = 0;
        for _ in 0..1000 {
            drafter.propose(&tokens, 64, 10);
            if !drafter.draft().is_empty() {
                drafted += drafter.draft().len();
                drafter.judge(drafter.draft().len(), 0);
            }
        }
        assert!((10..=30).contains(&drafted), "{drafted}");
    }

    #[test]
    fn off_is_off() {
        let mut drafter = Drafter::new(0);
        drafter.propose(&[1; 50], 64, 8);
        assert!(drafter.draft().is_empty() && drafter.ends.is_empty());
    }
}
