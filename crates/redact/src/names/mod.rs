//! Names of people, places and addresses: a linear-chain conditional random field (Lafferty, McCallum, Pereira 2001) over
//! words, with lists of names among its features.
//!
//! What it knows is in two places: the lists in `data/`, which say that a word can be a name, and `data/names.model`, which
//! says how much that and the words around it weigh. Both are built in; `data/README.md` tells how they are made again.

mod called;
mod crf;
mod features;
mod gazetteer;
mod known;
mod near;
mod ordinary;
mod plausible;
mod things;
mod tokens;
#[cfg(feature = "train")]
pub mod train;

use plausible::without_label;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::Error;
pub(crate) use called::join;
use crf::Model;
use gazetteer::Gazetteer;
pub(crate) use gazetteer::hash_lower;
pub(crate) use known::Known;
use tokens::Shape;

/// Most words that are judged together. Longer lines are cut; a name across the cut is found in part at the least.
const SEGMENT_TOKENS_MAX: usize = 160;

/// SHA-256 of what the recognizer of names goes by, taken once a process: megabytes, and many profiles.
pub(crate) static DATA: LazyLock<[[u8; 32]; 6]> = LazyLock::new(|| {
    let files: [&[u8]; 6] = [
        include_bytes!("../../data/names.model"),
        include_bytes!("../../data/given-names.txt"),
        include_bytes!("../../data/surnames.txt"),
        include_bytes!("../../data/places.txt"),
        include_bytes!("../../data/common-words.bloom"),
        include_bytes!("../../data/special.txt"),
    ];
    files.map(|file| Sha256::digest(file).into())
});

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
    /// How sure the model is, from 0 to 1: the most probable word's probability of being part of any name.
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

    /// Whether a word is a listed town, and no word of the language in small letters.
    pub(crate) fn is_town(&self, word: &str) -> bool {
        let flags = self.gazetteer.flags(word, hash_lower(word));
        let capital = word.starts_with(char::is_uppercase);
        flags & gazetteer::PLACE != 0 && (capital || flags & gazetteer::COMMON == 0)
    }

    /// Whether a word is a listed town, whatever else it may mean.
    pub(crate) fn is_listed_place(&self, word: &str) -> bool {
        self.gazetteer.flags(word, hash_lower(word)) & gazetteer::PLACE != 0
    }

    /// Every name in `text`, ascending and disjoint. `label` is the key or the column that the text stands under.
    #[must_use]
    pub fn find(&self, text: &str, label: Option<&str>) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut scratch = crf::Scratch::default();
        let label = label.map(features::field_of_label);
        let mut looks = features::Looks::new(&self.gazetteer, text.len());
        for segment in tokens::segments(text, SEGMENT_TOKENS_MAX) {
            let Some(words) = features::words(text, &segment, &mut looks, label) else { continue };
            self.model.tag(&words, &mut scratch);
            let from = spans.len();
            self.collect(text, &segment, &scratch, &mut spans);
            let found = spans.split_off(from).into_iter();
            let mut own: Vec<Span> = found.filter_map(|span| self.plausible(text, span)).collect();
            self.called(text, &segment, &scratch, &mut own);
            let people =
                |span: Span| if span.label == Label::Person { without_label(text, span) } else { span };
            spans.extend(own.into_iter().map(people));
        }
        spans
    }
}

/// How probable a word has to be part of a name before it begins one. A capital with the lists behind it and no dictionary
/// needs little more; a word of the language that stands alone needs much. Chosen on the development half of
/// `tests/redaction`, for as much recall as a precision of nine in ten leaves.
const LEAST: f32 = 0.4;
const LEAST_LISTED: f32 = 0.08;
const LEAST_LOWER: f32 = 0.55;
const LEAST_LOWER_LISTED: f32 = 0.35;
const LEAST_COMMON: f32 = 0.8;
const LEAST_PLACE: f32 = 0.5;
/// Once a name has begun, how probable the next word has to be.
const LEAST_ONWARD: f32 = 0.25;

impl Tagger {
    /// Joins the words of one name.
    fn collect(&self, text: &str, segment: &[tokens::Token], scratch: &crf::Scratch, spans: &mut Vec<Span>) {
        let mut open: Option<(Span, usize)> = None;
        let close = |open: &mut Option<(Span, usize)>, spans: &mut Vec<Span>| {
            spans.extend(open.take().filter(|open| self.is_enough(text, open)).map(|(span, _)| span));
        };
        for (token, sure) in segment.iter().zip(&scratch.sure) {
            let named = sure.get(1..7).map_or(0.0, |named| named.iter().sum::<f32>());
            let written = text.get(token.start..token.end).unwrap_or_default();
            let least = if open.is_some() { LEAST_ONWARD } else { LEAST_LISTED };
            let best = (0_u8..).zip(sure).filter(|&(tag, _)| crf::meaning(tag).is_some());
            let best = best.max_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|_| named >= least);
            let meaning = best.and_then(|(tag, _)| crf::meaning(tag));
            let begun =
                open.as_ref().is_some_and(|(span, _)| meaning.is_some_and(|(label, _)| span.label == label));
            let enough =
                |&(label, _): &(Label, bool)| begun || named >= self.least(written, token.shape, label);
            let Some((label, begins)) = meaning.filter(enough) else {
                close(&mut open, spans);
                continue;
            };
            // Initials are no name of their own before a surname.
            let initials = |span: &Span| {
                label == Label::Person
                    && text.get(span.start..span.end).is_some_and(|name| name.ends_with('.'))
                    && text.get(span.end..token.start) == Some(" ")
            };
            match &mut open {
                Some((span, words)) if span.label == label && (!begins || initials(span)) => {
                    span.end = token.end;
                    span.confidence = span.confidence.max(named);
                    *words = words.saturating_add(1);
                }
                _ => {
                    close(&mut open, spans);
                    open = Some((Span { start: token.start, end: token.end, label, confidence: named }, 1));
                }
            }
        }
        close(&mut open, spans);
    }

    /// How probable a word has to be for a name to begin with it.
    fn least(&self, word: &str, shape: Shape, label: Label) -> f32 {
        let flags = self.gazetteer.flags(word, gazetteer::hash_lower(word));
        let common = flags & gazetteer::COMMON != 0;
        let listed = flags & (gazetteer::GIVEN | gazetteer::SURNAME) != 0 && !common;
        match (shape, label) {
            (_, Label::Place) => LEAST_PLACE,
            (Shape::Lower, Label::Person) if listed => LEAST_LOWER_LISTED,
            (Shape::Lower, _) => LEAST_LOWER,
            (_, Label::Person) if listed => LEAST_LISTED,
            _ => LEAST,
        }
    }

    /// Whether the model is sure enough of one word alone, seeing that dictionaries have it.
    fn is_enough(&self, text: &str, (span, words): &(Span, usize)) -> bool {
        let written = text.get(span.start..span.end).unwrap_or_default();
        let common =
            || self.gazetteer.flags(written, gazetteer::hash_lower(written)) & gazetteer::COMMON != 0;
        written.chars().any(char::is_alphabetic)
            && (*words > 1 || span.confidence >= LEAST_COMMON || !common())
    }
}
