//! Names of people, the places and addresses that go with them, and what is said of them that is special.
//!
//! A name is judged by the sentence around it, so only whole texts are read: a stream of output shows no sentence until it
//! is over.

use std::sync::LazyLock;

use super::town::{town, towns};
use super::{Candidate, Recognizer, Scan, age, because, birth, house, speaker};
use crate::names::{self, Known, Label, Span, Tagger};
use crate::special::{Category, Fact, SpecialCategories};
use crate::vault::Secret;
use crate::{Error, Kind, placeholder};

/// The score of a name that the model is least sure of.
const SCORE_MIN: f32 = 60.0;
/// How sure a name is by the head of its column, or by speaking in a chat.
const CELL_SURE: f32 = 0.65;

/// Finds people, and what belongs to them.
pub(crate) struct Names {
    tagger: Tagger,
    special: SpecialCategories,
}

/// The lists and the model are read once a process.
static ALL: LazyLock<Option<Names>> = LazyLock::new(|| Names::new().ok());

impl Names {
    /// The built-in lists and model.
    pub(crate) fn all() -> Result<&'static Self, Error> {
        ALL.as_ref().ok_or(Error::Internal("name model"))
    }

    fn new() -> Result<Self, Error> {
        Ok(Self { tagger: Tagger::new()?, special: SpecialCategories::new()? })
    }

    /// Takes up the names in a text, for the other texts of a request, and gives them, for when this text's turn comes.
    pub(crate) fn learn(&self, text: &str, known: &mut Known) -> Vec<Span> {
        let spans = self.tagger.find(text, None);
        known.learn(&self.tagger, text, &spans);
        spans
    }

    /// How many bytes at the start of a sentence, which may not be over, begin no name.
    pub(crate) fn ordinary(&self, sentence: &str) -> usize {
        self.tagger.ordinary(sentence)
    }
}

impl Recognizer for Names {
    fn kinds(&self) -> Vec<Kind> {
        vec![
            Kind::Person,
            Kind::Place,
            Kind::Age,
            Kind::Health,
            Kind::Religion,
            Kind::EthnicOrigin,
            Kind::PoliticalOpinion,
            Kind::UnionMembership,
            Kind::SexLife,
            Kind::CriminalData,
        ]
    }

    fn version(&self) -> u32 {
        2
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let Some(elsewhere) = scan.names else { return };
        let mut spans = scan.told.map_or_else(|| self.tagger.find(scan.text, scan.label), <[Span]>::to_vec);
        for (start, end) in scan.spoken.columns.people(scan.text) {
            if self.tagger.is_name(scan.slice(start, end)) {
                names::join(&mut spans, Span { start, end, label: Label::Person, confidence: CELL_SURE });
            }
        }
        scan.step();
        let mut known = elsewhere.clone();
        known.learn(&self.tagger, scan.text, &spans);
        let mentioned = known.find(scan.text, &spans);
        for span in &mentioned {
            sink(name(scan, span));
        }
        // A person who was taken out before is somebody still.
        let taken = placeholder::people(scan.text);
        let named = spans.iter().filter(|span| span.label == Label::Person);
        let mut people: Vec<(usize, usize)> = named.map(|span| (span.start, span.end)).chain(taken).collect();
        people.sort_unstable();
        for span in &spans {
            // A place is a place; it becomes somebody's where somebody is.
            if span.label != Label::Place || !people.is_empty() || scan.identified.get() {
                sink(name(scan, span));
            }
        }
        age::ages(scan, &people, sink);
        age::in_fields(scan, sink);
        for (start, end) in speaker::logged(scan, &|word| self.tagger.may_be_somebody(word)) {
            let canonical = Secret::new(scan.slice(start, end));
            let reasons = vec![because("who did it, in a log", 62)];
            sink(Candidate { kind: Kind::UserName, start, end, canonical, reasons, judged: true });
        }
        for (start, end) in house::before_towns(scan, &|word| self.tagger.is_town(word)) {
            sink(name(scan, &Span { start, end, label: Label::Address, confidence: CELL_SURE }));
        }
        for (start, end) in speaker::named(scan, &|word| self.tagger.may_be_somebody(word)) {
            sink(name(scan, &Span { start, end, label: Label::Person, confidence: CELL_SURE }));
        }
        let mentioned = mentioned.iter().map(|span| (span.start, span.end));
        let everybody: Vec<(usize, usize)> = people.iter().copied().chain(mentioned).collect();
        birth::beside_people(scan, &everybody, sink);
        house::beside_people(scan, &everybody, sink);
        if !people.is_empty() || scan.identified.get() {
            for (start, end) in towns(scan, &self.tagger) {
                sink(town(scan, start, end));
            }
        }
        for fact in self.special.find(scan.text, &people, scan.identified.get()) {
            sink(special(scan, &fact));
        }
    }
}

fn name(scan: &Scan<'_>, span: &Span) -> Candidate {
    let (kind, what) = match span.label {
        Label::Person => (Kind::Person, "a name, by the words around it and the lists"),
        Label::Place => (Kind::Place, "a place, with somebody named"),
        Label::Address => (Kind::Address, "a street and a number, by the words around them"),
    };
    #[expect(clippy::cast_possible_truncation, reason = "between 60 and 100")]
    let points = (span.confidence * 100.0).clamp(SCORE_MIN, 100.0) as i16;
    let canonical: String = scan.slice(span.start, span.end).to_lowercase();
    let canonical = Secret::new(&canonical.split_whitespace().collect::<Vec<_>>().join(" "));
    Candidate {
        kind,
        start: span.start,
        end: span.end,
        canonical,
        reasons: vec![because(what, points)],
        judged: true,
    }
}

fn special(scan: &Scan<'_>, fact: &Fact) -> Candidate {
    let kind = match fact.category {
        Category::Health => Kind::Health,
        Category::Religion => Kind::Religion,
        Category::Ethnic => Kind::EthnicOrigin,
        Category::Political => Kind::PoliticalOpinion,
        Category::Union => Kind::UnionMembership,
        Category::Sexual => Kind::SexLife,
        Category::Criminal => Kind::CriminalData,
    };
    let what = if i16::from(fact.score) >= 60 { "a word for it, said of somebody" } else { "a word for it" };
    let canonical = Secret::new(&scan.slice(fact.start, fact.end).to_lowercase());
    Candidate {
        kind,
        start: fact.start,
        end: fact.end,
        canonical,
        reasons: vec![because(what, i16::from(fact.score))],
        judged: true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::named as all_found;
    use super::*;

    #[test]
    fn people_with_what_belongs_to_them() {
        let found = all_found("Mevrouw Willemijn de Vries-Bakker uit Zwolle heeft kanker.");
        let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [Kind::Person, Kind::Place, Kind::Health]);
        assert_eq!(found[0].1, "Willemijn de Vries-Bakker");
        assert_eq!(all_found("Mevrouw F. de Vries heeft gebeld.")[0].1, "F. de Vries");
        let labelled = all_found("mijn BSN is 111222333.\n\nmevrouw Willemijn de Vries BSN 1112.22.333.");
        assert_eq!(labelled.len(), 3, "what the number is called is no surname: {labelled:?}");
    }

    #[test]
    fn places_and_words_by_themselves_are_nobodys() {
        for text in [
            "Wat is er te doen in Zwolle?",
            "Kanker komt vaak voor.",
            "De Wet open overheid geldt ook voor gemeenten.",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
