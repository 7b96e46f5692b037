//! One recognizer per file: format, validator, context.
//!
//! A recognizer reads the normalised view and proposes candidates. Whether `start..end` is a candidate depends only
//! on the text between [`REACH_CHARS`] before and [`REACH_CHARS`] after it, never on where the text began: screening
//! a stream relies on that.

mod bsn;
mod email;
mod iban;
mod phone;
mod postcode;

use crate::cues::Cues;
use crate::finding::Reason;
use crate::vault::Secret;
use crate::{Error, Kind};

/// Longest candidate without an `@`, in characters of the view.
pub(crate) const NUMBER_CHARS_MAX: usize = 110;
/// Longest candidate of all, in characters of the view: an e-mail address of 64 + 1 + 253 and spaces round the `@`.
pub(crate) const CANDIDATE_CHARS_MAX: usize = 320;
/// How far beyond its ends a recognizer looks, context cues aside.
pub(crate) const REACH_CHARS: usize = 24;

/// A possible finding, in bytes of the view.
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The value without its way of writing.
    pub(crate) canonical: Secret,
    pub(crate) reasons: Vec<Reason>,
}

/// Finds candidates of one kind.
pub(crate) trait Recognizer: Send + Sync {
    /// What it finds.
    fn kind(&self) -> Kind;
    /// Changes whenever its candidates or scores change; part of the detector digest.
    fn version(&self) -> u32;
    /// The words that speak for or against its candidates.
    fn cues(&self) -> &Cues;
    /// Hands every candidate to `sink`; they may overlap.
    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate));
}

/// All recognizers, in a fixed order.
pub(crate) fn all() -> Result<Vec<Box<dyn Recognizer>>, Error> {
    Ok(vec![
        Box::new(bsn::Bsn::new()?),
        Box::new(iban::IbanRecognizer::new()?),
        Box::new(email::Email::new()?),
        Box::new(phone::Phone::new()?),
        Box::new(postcode::Postcode::new()?),
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

/// A view and its digit groups, found once for all recognizers.
pub(crate) struct Scan<'v> {
    pub(crate) text: &'v str,
    pub(crate) groups: Vec<Group>,
}

impl<'v> Scan<'v> {
    pub(crate) fn new(text: &'v str) -> Self {
        let mut groups = Vec::new();
        let bytes = text.as_bytes();
        let mut at = 0_usize;
        while let Some(skip) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
            let start = at.saturating_add(skip);
            let len =
                bytes.get(start..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count());
            at = start.saturating_add(len);
            groups.push(Group { start, end: at });
        }
        Self { text, groups }
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

    /// Whether the number ending at `end` goes on as `.5`, `-5`, `/5` or `,5`.
    pub(crate) fn goes_on(&self, end: usize) -> bool {
        matches!(self.byte(end), Some(b'.' | b'-' | b'/' | b','))
            && self.byte(end.saturating_add(1)).is_some_and(|b| b.is_ascii_digit())
    }

    /// Whether the number starting at `start` is the tail of `5.`, `5-`, `5/` or `5,`.
    pub(crate) fn came_on(&self, start: usize) -> bool {
        matches!(self.byte_before(start), Some(b'.' | b'-' | b'/' | b','))
            && start.checked_sub(2).and_then(|i| self.byte(i)).is_some_and(|b| b.is_ascii_digit())
    }
}

/// A fixed reason.
pub(crate) const fn because(what: &'static str, points: i16) -> Reason {
    Reason { what: std::borrow::Cow::Borrowed(what), points }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Profile, Redactor};

    /// The findings of `kind` in `text`, as text.
    pub(crate) fn found(kind: Kind, text: &str) -> Vec<String> {
        let redactor = Redactor::new(Profile::default()).unwrap();
        let of_kind = redactor.scan(text).unwrap().into_iter().filter(|f| f.kind == kind);
        of_kind.map(|f| text[f.start..f.end].to_owned()).collect()
    }

    /// The best score of any candidate of `kind` in `text`; 0 without one.
    pub(crate) fn best(kind: Kind, text: &str) -> u8 {
        let redactor = Redactor::new(Profile::default()).unwrap();
        let seen = redactor.explain(text).unwrap().seen;
        seen.iter().filter(|s| s.kind == kind).map(|s| s.score).max().unwrap_or(0)
    }

    /// Numbers judged by python-stdnum; tests/golden/make.py writes the file.
    pub(crate) fn golden(kind: &'static str) -> impl Iterator<Item = (&'static str, bool)> {
        include_str!("../../tests/golden/identifiers.tsv").lines().filter_map(move |line| {
            let mut fields = line.split('\t');
            (fields.next() == Some(kind)).then(|| (fields.next().unwrap(), fields.next() == Some("1")))
        })
    }

    #[test]
    fn every_kind_has_one_recognizer() {
        let kinds: Vec<Kind> = all().unwrap().iter().map(|r| r.kind()).collect();
        assert_eq!(kinds, Kind::ALL);
    }
}
