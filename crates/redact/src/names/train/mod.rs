//! Training: the same features and inference as in use, and stochastic gradient steps with AdaGrad (Duchi et al. 2011) on
//! the log-likelihood of tagged sentences.

#![allow(clippy::indexing_slicing, reason = "a tool for developers, over arrays of one size")]

mod optimise;
mod sentences;
mod synthesis;

use super::Label;
use super::crf::Model;
use super::features::{self, Word};
use super::gazetteer::Gazetteer;
use super::{SEGMENT_TOKENS_MAX, Span, Tagger, tokens};

pub use sentences::{Sentence, conllu};
pub use synthesis::Synthesis;

/// What a stretch of a training sentence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gold {
    /// A name that is looked for.
    Name(Label),
    /// An organisation: known, so that it is not taken for a person.
    Organisation,
}

/// Numbers from a seed, the same everywhere (Steele, Lea, Flood 2014, SplitMix64).
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        super::gazetteer::mix(self.0)
    }

    /// One below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }

    /// True that often.
    pub fn chance(&mut self, probability: f64) -> bool {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64 <= probability
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = self.below(items.len());
        items.get(at)
    }
}

/// A sentence as the model sees it, with its tags.
pub(super) struct Tagged {
    pub words: Vec<Word>,
    pub tags: Vec<u8>,
}

/// Looks at sentences with a share of the lists hidden, so that the model learns to do without.
pub(super) fn look(sentences: &[Sentence], gazetteer: &Gazetteer) -> Vec<Tagged> {
    let mut out = Vec::new();
    for sentence in sentences {
        let label = sentence.label.as_deref().map(features::field_of_label);
        let mut looks = features::Looks::new(gazetteer, sentence.text.len());
        for segment in tokens::segments(&sentence.text, SEGMENT_TOKENS_MAX) {
            // What is never looked at in use is not learnt from either.
            let Some(words) = features::words(&sentence.text, &segment, &mut looks, label) else { continue };
            let tags =
                segment.iter().scan(None, |before, token| Some(tag(sentence, token, before))).collect();
            out.push(Tagged { words, tags });
        }
    }
    out
}

/// The tag of a token: that of the stretch it lies in.
fn tag(sentence: &Sentence, token: &tokens::Token, before: &mut Option<usize>) -> u8 {
    let at = sentence.spans.iter().position(|span| span.0 <= token.start && token.end <= span.1);
    let inside = at.is_some() && *before == at;
    *before = at;
    let begin = match at.and_then(|at| sentence.spans.get(at)).map(|span| span.2) {
        None => return 0,
        Some(Gold::Organisation) => return super::crf::ORGANISATION,
        Some(Gold::Name(Label::Person)) => 1,
        Some(Gold::Name(Label::Place)) => 3,
        Some(Gold::Name(Label::Address)) => 5,
    };
    begin + u8::from(inside)
}

/// Trains for `epochs` and gives the bytes of a model file; `told` hears of each epoch's mean loss.
pub fn train(sentences: &[Sentence], epochs: u32, seed: u64, mut told: impl FnMut(u32, f32)) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut optimiser = optimise::Optimiser::new();
    for epoch in 0..epochs {
        let gazetteer = Gazetteer::without(|| random.chance(0.35));
        let mut tagged = look(sentences, &gazetteer);
        for at in (1..tagged.len()).rev() {
            tagged.swap(at, random.below(at + 1));
        }
        told(epoch, optimiser.epoch(&tagged));
    }
    optimiser.to_bytes()
}

/// Exact matches of names in sentences: (true, found, wanted) for each label.
#[must_use]
pub fn score(tagger: &Tagger, sentences: &[Sentence]) -> [(usize, usize, usize); 3] {
    let mut counts = [(0, 0, 0); 3];
    for sentence in sentences {
        let found = tagger.find(&sentence.text, sentence.label.as_deref());
        for (count, label) in counts.iter_mut().zip([Label::Person, Label::Place, Label::Address]) {
            let wanted: Vec<_> = sentence.spans.iter().filter(|span| span.2 == Gold::Name(label)).collect();
            let found: Vec<&Span> = found.iter().filter(|span| span.label == label).collect();
            let hit = |span: &&&Span| wanted.iter().any(|w| (w.0, w.1) == (span.start, span.end));
            *count =
                (count.0 + found.iter().filter(hit).count(), count.1 + found.len(), count.2 + wanted.len());
        }
    }
    counts
}

/// A tagger with another model.
///
/// # Errors
/// `None` when the bytes are no model.
#[must_use]
pub fn tagger(bytes: &[u8]) -> Option<Tagger> {
    Some(Tagger { gazetteer: Gazetteer::built_in(), model: Model::parse(bytes)? })
}
