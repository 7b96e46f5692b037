//! Recognizers: format, validator, context.
//!
//! A recognizer reads the normalised view and proposes candidates. Whether `start..end` is a candidate depends only
//! on the text between [`REACH_CHARS`] before and [`REACH_CHARS`] after it and on the cues within
//! [`crate::CONTEXT_CHARS`], never on where the text began: screening a stream relies on that.
//!
//! Numbers are rows of `table.rs`, read by `numbers.rs`; what is no row has a file of its own. A recognizer of names
//! joins here too: it is given the same [`Scan`], and may read `scan.text` word by word.

mod address;
mod age;
pub(crate) mod birth;
mod case;
mod device;
mod email;
mod house;
mod iban;
mod mrz;
mod names;
mod numbers;
mod phone;
mod place;
mod plate;
mod postcode;
mod speaker;
mod street_words;
mod table;
mod town;
mod user;

pub(crate) use address::{is_street_word, run_start, street_start};
pub(crate) use names::Names;
#[cfg(test)]
pub(crate) use numbers::plain_rows;

use crate::context::{Around, Spoken};
use crate::cues::Cues;
use crate::finding::Reason;
use crate::marks::Marks;
use crate::names::{Known, Span};
use crate::vault::Secret;
use crate::{Error, Kind};

/// Longest candidate without an `@`, in characters of the view.
pub(crate) const NUMBER_CHARS_MAX: usize = 110;
/// Longest candidate of all, in characters of the view: an e-mail address of 64 + 1 + 253 and spaces round the `@`.
pub(crate) const CANDIDATE_CHARS_MAX: usize = 320;
/// How far beyond its ends a recognizer looks, context cues aside.
pub(crate) const REACH_CHARS: usize = 24;
/// Longest candidate that is proposed only where cues speak for it, in characters. A stream holds back from the first
/// digit on for longer than this and the context after it, so what comes later can still speak for it.
pub(crate) const CUED_CHARS_MAX: usize = 70;
/// The score a candidate of a row must reach to be worth a word.
pub(crate) const SCORE_MIN: i16 = 10;

/// A possible finding, in bytes of the view.
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The value without its way of writing.
    pub(crate) canonical: Secret,
    pub(crate) reasons: Vec<Reason>,
    /// Whether the reasons hold those of the words around already.
    pub(crate) judged: bool,
}

/// Finds candidates of one or more kinds.
pub(crate) trait Recognizer: Send + Sync {
    /// What it finds.
    fn kinds(&self) -> Vec<Kind>;
    /// Changes whenever its candidates or scores change; part of the detector digest.
    fn version(&self) -> u32;
    /// Hands every candidate to `sink`; they may overlap.
    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate));
}

/// All recognizers, in a fixed order.
pub(crate) fn all() -> Result<Vec<Box<dyn Recognizer>>, Error> {
    Ok(vec![
        Box::new(numbers::Numbers::new()),
        Box::new(iban::IbanRecognizer),
        Box::new(email::Email),
        Box::new(phone::Phone),
        Box::new(plate::SaidPlate),
        Box::new(postcode::Postcode),
        Box::new(address::Address),
        Box::new(birth::BirthDate),
        Box::new(user::UserName),
        Box::new(mrz::MachineReadable),
        Box::new(case::CaseNumber),
        Box::new(device::Device),
        Box::new(place::Coordinates),
    ])
}

/// A maximal run of ASCII digits in the view.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Group {
    pub(crate) const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// A view with what stands in it and its cues, found once for all recognizers.
pub(crate) struct Scan<'v> {
    pub(crate) text: &'v str,
    pub(crate) marks: Marks,
    pub(crate) spoken: Spoken<'v>,
    /// The key that the text stands under.
    pub(crate) label: Option<&'v str>,
    /// Where names are looked for (in whole texts, not in pieces of a stream): those that other texts of the request have.
    pub(crate) names: Option<&'v Known>,
    /// What [`Names::learn`] found in this very text, if it read it before.
    pub(crate) told: Option<&'v [Span]>,
    /// Whether it is a whole text, as it stands: no piece of a stream, and nothing decoded.
    pub(crate) whole: bool,
    /// Whether the recognizers before this one found who somebody is.
    pub(crate) identified: std::cell::Cell<bool>,
    #[cfg(test)]
    pub(crate) steps: std::cell::Cell<u64>,
}

impl<'v> Scan<'v> {
    /// `label`: the JSON key that the text stands under, or words like it.
    pub(crate) fn new(text: &'v str, cues: &'v Cues, label: Option<&'v str>) -> Self {
        Self {
            text,
            marks: Marks::of(text),
            spoken: Spoken::new(cues, text, label),
            label,
            names: None,
            told: None,
            whole: false,
            identified: std::cell::Cell::new(false),
            #[cfg(test)]
            steps: std::cell::Cell::new(0),
        }
    }

    /// The digit groups.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.marks.groups
    }

    /// The same with the heads of its tables, for a whole text.
    #[must_use]
    pub(crate) fn with_columns(mut self) -> Self {
        self.spoken = self.spoken.with_columns();
        self
    }

    /// Counts work, for the test that it grows with the text and no faster.
    pub(crate) fn step(&self) {
        #[cfg(test)]
        self.steps.set(self.steps.get().saturating_add(1));
    }

    /// The cues around `start..end`.
    pub(crate) fn around(&self, start: usize, end: usize) -> Around<'_> {
        self.step();
        self.spoken.around(start, end)
    }

    /// The byte at `at`, if there is one.
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The byte before `at`, if there is one.
    pub(crate) fn byte_before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|i| self.byte(i))
    }

    /// The text of `start..end`; empty when that is no range.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'v str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Whether a letter or digit (any alphabet) stands right before `at`.
    pub(crate) fn attached_before(&self, at: usize) -> bool {
        self.text.get(..at).and_then(|t| t.chars().next_back()).is_some_and(char::is_alphanumeric)
    }

    /// Whether a letter or digit (any alphabet) stands right at `at`.
    pub(crate) fn attached_after(&self, at: usize) -> bool {
        self.text.get(at..).and_then(|t| t.chars().next()).is_some_and(char::is_alphanumeric)
    }

    /// Whether the comma at `at` parts two cells of a table.
    fn ends_cell(&self, at: usize) -> bool {
        self.byte(at) == Some(b',') && self.spoken.columns.parts_by(at, b',')
    }

    /// Whether the number ending at `end` goes on as `.5`, `-5`, `/5` or `,5`.
    pub(crate) fn goes_on(&self, end: usize) -> bool {
        matches!(self.byte(end), Some(b'.' | b'-' | b'/' | b','))
            && !self.ends_cell(end)
            && self.byte(end.saturating_add(1)).is_some_and(|b| b.is_ascii_digit())
    }

    /// Whether the number starting at `start` is the tail of `5.`, `5-`, `5/` or `5,`.
    pub(crate) fn came_on(&self, start: usize) -> bool {
        matches!(self.byte_before(start), Some(b'.' | b'-' | b'/' | b','))
            && !start.checked_sub(1).is_some_and(|at| self.ends_cell(at))
            && start.checked_sub(2).and_then(|i| self.byte(i)).is_some_and(|b| b.is_ascii_digit())
    }

    /// Whether a spaced number stands in a longer row of spaced digits.
    pub(crate) fn in_longer_row(&self, start: usize, end: usize) -> bool {
        let digit = |at: Option<usize>| at.and_then(|i| self.byte(i)).is_some_and(|b| b.is_ascii_digit());
        let before = self.byte_before(start) == Some(b' ') && digit(start.checked_sub(2));
        let after = self.byte(end) == Some(b' ') && digit(end.checked_add(1));
        before || after
    }

    /// The letters and digits (ASCII) around `at`, at most `reach` bytes on either side.
    pub(crate) fn word_around(&self, start: usize, end: usize, reach: usize) -> Group {
        let bytes = self.text.as_bytes();
        let head = bytes.get(start.saturating_sub(reach)..start).unwrap_or_default();
        let tail = bytes.get(end..end.saturating_add(reach).min(bytes.len())).unwrap_or_default();
        let back = head.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
        let forth = tail.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        Group { start: start.saturating_sub(back), end: end.saturating_add(forth) }
    }
}

/// A fixed reason.
pub(crate) const fn because(what: &'static str, points: i16) -> Reason {
    Reason { what: std::borrow::Cow::Borrowed(what), points }
}

/// The letters and digits of `raw`, in capitals.
pub(crate) fn compact(raw: &str) -> Secret {
    let compact: zeroize::Zeroizing<String> = zeroize::Zeroizing::new(
        raw.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect(),
    );
    Secret::new(&compact)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::{Profile, Redactor};

    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Profile::default()).unwrap());

    /// The findings of `kind` in `text`, as text.
    pub(crate) fn found(kind: Kind, text: &str) -> Vec<String> {
        let of_kind = REDACTOR.scan(text).unwrap().into_iter().filter(|f| f.kind == kind);
        of_kind.map(|f| text[f.start..f.end].to_owned()).collect()
    }

    /// What is cut of `kind` in `text`, before overlaps with other kinds are merged.
    pub(crate) fn seen(kind: Kind, text: &str) -> Vec<String> {
        let of_kind =
            REDACTOR.explain(text).unwrap().seen.into_iter().filter(|s| s.kind == kind && s.action.is_some());
        of_kind.map(|s| text[s.start..s.end].to_owned()).collect()
    }

    /// Everything found in `text`: what it is and what is cut.
    pub(crate) fn all_found(text: &str) -> Vec<(Kind, String)> {
        REDACTOR.scan(text).unwrap().into_iter().map(|f| (f.kind, text[f.start..f.end].to_owned())).collect()
    }

    /// Everything found in `text` where names are looked for.
    pub(crate) fn named(text: &str) -> Vec<(Kind, String)> {
        static NAMED: LazyLock<Redactor> =
            LazyLock::new(|| Redactor::new(Profile::default().with_names()).unwrap());
        NAMED.scan(text).unwrap().into_iter().map(|f| (f.kind, text[f.start..f.end].to_owned())).collect()
    }

    /// The best score of any candidate of `kind` in `text`; 0 without one.
    pub(crate) fn best(kind: Kind, text: &str) -> u8 {
        let seen = REDACTOR.explain(text).unwrap().seen;
        seen.iter().filter(|s| s.kind == kind).map(|s| s.score).max().unwrap_or(0)
    }

    /// Numbers judged by python-stdnum; tests/golden/make.py writes the file.
    pub(crate) fn golden(kind: &'static str) -> impl Iterator<Item = (&'static str, bool)> {
        include_str!("../../tests/golden/identifiers.tsv").lines().filter_map(move |line| {
            let mut fields = line.split('\t');
            (fields.next() == Some(kind)).then(|| (fields.next().unwrap(), fields.next() == Some("1")))
        })
    }

    pub(crate) type Check = fn(&str) -> bool;

    /// Holds a check to the oracle, over numbers of which some are valid and some are not.
    pub(crate) fn agrees(kind: &'static str, check: Check) {
        let mut seen = [0, 0];
        let mut wrong = Vec::new();
        for (number, valid) in golden(kind) {
            if check(number) != valid {
                wrong.push((number, valid));
            }
            seen[usize::from(valid)] += 1;
        }
        assert!(wrong.is_empty(), "{kind}: the oracle says {wrong:?}");
        assert!(seen[0] >= 10 && seen[1] >= 10, "{kind}: {seen:?}");
    }

    #[test]
    fn every_kind_has_a_recognizer() {
        let mut kinds: Vec<Kind> =
            all().unwrap().iter().flat_map(|r| r.kinds()).chain(Names::all().unwrap().kinds()).collect();
        // By a model of names alone.
        kinds.push(Kind::Organisation);
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds, Kind::ALL);
    }
}
