//! Names of people, places and addresses: a linear-chain conditional random field (Lafferty, McCallum, Pereira 2001) over
//! words, with lists of names among its features.
//!
//! What it knows is in two places: the lists in `data/`, which say that a word can be a name, and `data/names.model`, which
//! says how much that and the words around it weigh. Both are built in; `data/README.md` tells how they are made again.

mod crf;
mod features;
mod gazetteer;
mod known;
mod tokens;
#[cfg(feature = "train")]
pub mod train;

use crate::Error;
use crf::Model;
use gazetteer::Gazetteer;
pub(crate) use known::Known;

/// Most words that are judged together. Longer lines are cut; a name across the cut is found in part at the least.
const SEGMENT_TOKENS_MAX: usize = 160;

/// What a word is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A person's name, or part of one.
    Person,
    /// A town or another place.
    Place,
    /// A street with its number.
    Address,
}

/// A name in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is.
    pub label: Label,
    /// How sure the model is, from 0 to 1: the least probable word's probability of being part of any name.
    pub confidence: f32,
}

/// Finds names.
pub struct Tagger {
    gazetteer: Gazetteer,
    model: Model,
}

impl Tagger {
    /// The built-in lists and weights.
    ///
    /// # Errors
    /// [`Error::Internal`] when the built-in model does not parse; tests see that it does.
    pub fn new() -> Result<Self, Error> {
        let model =
            Model::parse(include_bytes!("../../data/names.model")).ok_or(Error::Internal("name model"))?;
        Ok(Self { gazetteer: Gazetteer::built_in(), model })
    }

    /// Every name in `text`, ascending and disjoint. `label` is the key or the column that the text stands under.
    #[must_use]
    pub fn find(&self, text: &str, label: Option<&str>) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut scratch = crf::Scratch::default();
        let label = label.map(features::field_of_label);
        for segment in tokens::segments(text, SEGMENT_TOKENS_MAX) {
            let words = features::words(text, &segment, &self.gazetteer, label);
            self.model.tag(&words, &mut scratch);
            collect(&segment, &scratch, &mut spans);
        }
        spans
    }
}

/// Joins the words of one name.
fn collect(segment: &[tokens::Token], scratch: &crf::Scratch, spans: &mut Vec<Span>) {
    let mut open: Option<(Span, u8)> = None;
    for ((token, &tag), &sure) in segment.iter().zip(&scratch.tags).zip(&scratch.sure) {
        let Some((label, begins)) = crf::meaning(tag) else {
            spans.extend(open.take().map(|(span, _)| span));
            continue;
        };
        match &mut open {
            Some((span, _)) if span.label == label && !begins => {
                span.end = token.end;
                span.confidence = span.confidence.min(sure);
            }
            _ => {
                spans.extend(open.take().map(|(span, _)| span));
                open = Some((Span { start: token.start, end: token.end, label, confidence: sure }, tag));
            }
        }
    }
    spans.extend(open.map(|(span, _)| span));
}
