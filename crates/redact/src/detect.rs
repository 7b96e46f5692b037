//! From text to scored candidates.

use crate::columns::Columns;
use crate::context;
use crate::cues::Cues;
use crate::finding::Reason;
use crate::names::{Known, Span};
use crate::recognizers::{self, Candidate, Names, Recognizer, Scan, because};
use crate::vault::Secret;
use crate::view::{Edit, View};
use crate::window::{self, Window};
use crate::{Error, Kind, Profile, deep, encoded, pairs, repeats, reversed};

/// The score from which a number identifies somebody, for what else the text says of them.
pub(crate) const IDENTIFIES: u8 = 60;

/// The score of nine digits that pass the check of a BSN, with no word near them.
const BSN_CHECKED: u8 = 50;

/// Points for a candidate that only shows once the text is decoded: people spell out what is worth hiding.
const HIDDEN_POINTS: i16 = 12;

/// A candidate with its score, in bytes of the original text.
pub(crate) struct Scored {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
    pub(crate) score: u8,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) canonical: Secret,
    /// Whether a [`crate::Finder`] found it, and no recognizer of this crate.
    pub(crate) by_finder: bool,
}

/// How far a text is read.
#[derive(Clone, Copy)]
pub(crate) enum Depth<'k> {
    /// As it stands: a piece of a stream, whose reading may not depend on how it was split.
    Piece,
    /// Decoded too: a whole text.
    Whole {
        /// Where names are looked for, those that other texts of the request have.
        names: Option<&'k Known>,
        /// What [`Detector::learn`] gave of this text, if it read it.
        told: Option<&'k [Span]>,
    },
}

/// The recognizers and their words.
pub(crate) struct Detector {
    recognizers: Vec<Box<dyn Recognizer>>,
    /// Where the profile looks for names.
    names: Option<&'static Names>,
    cues: &'static Cues,
}

/// Candidates being gathered, and how many there may be.
struct Gathering {
    out: Vec<Scored>,
    limit: usize,
    /// Whether somebody is identified by what was found so far.
    identified: bool,
}

/// Where in the original a range of a view stands, and points for having been hidden; `None` for what was read before.
type Place<'p> = &'p dyn Fn(usize, usize) -> Result<Option<(usize, usize, i16)>, Error>;

impl Detector {
    /// The recognizers that a profile asks for; the lists and the model of names are read only where it looks for them.
    pub(crate) fn new(profile: &Profile) -> Result<Self, Error> {
        let names = if profile.names() { Some(Names::all()?) } else { None };
        let mut recognizers = recognizers::all()?;
        for custom in profile.custom() {
            recognizers.push(Box::new(custom.clone()));
        }
        Ok(Self { recognizers, names, cues: Cues::all()? })
    }

    fn recognizers(&self) -> impl Iterator<Item = &dyn Recognizer> {
        // Names come last: what the others found says whether a place is somebody's.
        self.recognizers.iter().map(AsRef::as_ref).chain(self.names.map(|names| names as &dyn Recognizer))
    }

    /// Takes up the names in a text, for the other texts of a request, and gives them, for when this text is read.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub(crate) fn learn(&self, text: &str, known: &mut Known) -> Result<Vec<Span>, Error> {
        let view = View::new(text)?;
        Ok(self.names.ok_or(Error::Internal("names"))?.learn(view.text(), known))
    }

    /// The names in a sentence of a stream, and what is said of people; `text` has what stands before it too, and
    /// `identified` is whether somebody is by what the request held.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub(crate) fn names_in(
        &self,
        text: &str,
        known: &Known,
        identified: bool,
        limit: usize,
    ) -> Result<Vec<Scored>, Error> {
        let view = View::new(text)?;
        let scan = Scan { names: Some(known), ..Scan::new(view.text(), self.cues, None) };
        scan.identified.set(identified);
        let mut candidates = Vec::new();
        self.names.ok_or(Error::Internal("names"))?.candidates(&scan, &mut |candidate| {
            candidates.push(candidate);
        });
        if candidates.len() > limit {
            return Err(Error::TooManyFindings { limit });
        }
        candidates
            .into_iter()
            .map(|candidate| {
                let (start, end) = view.to_original(candidate.start, candidate.end)?;
                score(candidate, &scan, start, end)
            })
            .collect()
    }

    /// How many bytes at the start of a sentence of a stream, which may not be over, begin no name.
    pub(crate) fn ordinary(&self, sentence: &str) -> usize {
        self.names.map_or(0, |names| names.ordinary(sentence))
    }

    /// Identifiers, versions and cues of the recognizers: what the detector digest covers.
    pub(crate) fn canonical(&self) -> String {
        let mut out = String::new();
        for recognizer in self.recognizers() {
            let kinds: Vec<&str> = recognizer.kinds().iter().map(|k| k.id()).collect();
            out.push_str(&format!("{} {}\n", kinds.join(" "), recognizer.version()));
        }
        out.push_str(&self.cues.canonical());
        out
    }

    /// Every candidate in `text`, by start, longest first; `label` is the JSON key it stands under.
    pub(crate) fn detect(
        &self,
        text: &str,
        label: Option<&str>,
        limit: usize,
        depth: Depth<'_>,
    ) -> Result<Vec<Scored>, Error> {
        let view = View::new(text)?;
        let (names, told) = match depth {
            Depth::Whole { names, told } => (names, told),
            Depth::Piece => (None, None),
        };
        let whole = matches!(depth, Depth::Whole { .. });
        let scan = Scan { names, told, whole, ..Scan::new(view.text(), self.cues, label) };
        let scan = if whole { scan.with_columns() } else { scan };
        let mut gathering = Gathering { out: Vec::new(), limit, identified: false };
        self.read(&scan, &mut gathering, &|start, end| {
            let (start, end) = view.to_original(start, end)?;
            Ok(Some((start, end, 0)))
        })?;
        if whole && scan.names.is_some() {
            self.values(&view, &scan, &mut gathering)?;
        }
        if whole {
            self.decoded(&view, &scan, label, &mut gathering)?;
        }
        let mut out = gathering.out;
        if whole && self.names.is_some() {
            with_somebody(&mut out);
            repeats::add(text, limit, &mut out);
        }
        out.sort_by(|a, b| {
            a.start
                .cmp(&b.start)
                .then(b.end.cmp(&a.end))
                .then(a.kind.cmp(&b.kind))
                .then(b.score.cmp(&a.score))
        });
        // The decoded text says again what the plain one said.
        out.dedup_by(|later, first| {
            (later.start, later.end, later.kind) == (first.start, first.end, first.kind)
        });
        Ok(out)
    }

    /// The values of JSON inside a text, each under its key: what stands there is no sentence, and the key says what it is.
    fn values(&self, view: &View<'_>, scan: &Scan<'_>, gathering: &mut Gathering) -> Result<(), Error> {
        for value in pairs::values(scan.text, &scan.marks.keys) {
            let text = scan.slice(value.start, value.end);
            let inner = Scan { names: scan.names, ..Scan::new(text, self.cues, Some(value.key)) };
            self.read(&inner, gathering, &|start, end| {
                let (start, end) = (start.saturating_add(value.start), end.saturating_add(value.start));
                let (start, end) = view.to_original(start, end)?;
                Ok(Some((start, end, 0)))
            })?;
        }
        Ok(())
    }

    fn decoded(
        &self,
        view: &View<'_>,
        scan: &Scan<'_>,
        label: Option<&str>,
        gathering: &mut Gathering,
    ) -> Result<(), Error> {
        let turned = reversed::edits(scan);
        let turned = (!turned.is_empty()).then(|| Window::whole(scan.text, turned));
        for window in Self::windows(scan).into_iter().chain(turned) {
            let stretch = scan.slice(window.start, window.end);
            let Some(edited) = View::edited(stretch, &window.edits)? else { continue };
            let inner = Scan { names: scan.names, ..Scan::new(edited.text(), self.cues, label) };
            let inner = inner.with_columns();
            self.read(&inner, gathering, &|start, end| {
                let (start, end) = edited.to_original(start, end)?;
                let (start, end) = (start.saturating_add(window.start), end.saturating_add(window.start));
                if !window.counts(start, end) {
                    return Ok(None);
                }
                let hidden = if window.changes(start, end) { HIDDEN_POINTS } else { 0 };
                let (start, end) = view.to_original(start, end)?;
                Ok(Some((start, end, hidden)))
            })?;
        }
        for blob in encoded::blobs(scan.text, &scan.marks.runs) {
            let inner = View::new(&blob.text)?;
            // What stands before the blob speaks for what is in it.
            let before = scan.slice(context::back(scan.text, blob.start), blob.start);
            let before = format!("{} {before}", label.unwrap_or_default());
            let inner = Scan { names: scan.names, ..Scan::new(inner.text(), self.cues, Some(&before)) };
            let from = gathering.out.len();
            self.read(&inner, gathering, &|_, _| {
                let (start, end) = view.to_original(blob.start, blob.end)?;
                Ok(Some((start, end, 0)))
            })?;
            for scored in gathering.out.iter_mut().skip(from) {
                scored.canonical = Secret::new(scan.slice(blob.start, blob.end));
                scored.reasons.push(because("inside an encoded text", 0));
            }
        }
        Ok(())
    }

    /// What is read again with changes made: all of the text where names are looked for, as a name is judged by its sentence, and
    /// where a change makes or unmakes a column.
    fn windows(scan: &Scan<'_>) -> Vec<Window> {
        let edits = deep::edits(scan);
        if edits.is_empty() {
            return Vec::new();
        }
        let shapes =
            |edit: &Edit| Columns::shapes(&edit.with) || Columns::shapes(scan.slice(edit.start, edit.end));
        if scan.names.is_some() || edits.iter().any(shapes) {
            return vec![Window::whole(scan.text, edits)];
        }
        window::windows(scan, edits)
    }

    fn read(&self, scan: &Scan<'_>, gathering: &mut Gathering, place: Place<'_>) -> Result<(), Error> {
        let limit = gathering.limit;
        let mut candidates: Vec<Candidate> = Vec::new();
        for recognizer in self.recognizers() {
            scan.identified.set(gathering.identified);
            recognizer.candidates(scan, &mut |candidate| {
                if candidates.len() <= limit {
                    candidates.push(candidate);
                }
            });
            for candidate in candidates.drain(..) {
                if gathering.out.len() >= limit {
                    return Err(Error::TooManyFindings { limit });
                }
                let Some((start, end, hidden)) = place(candidate.start, candidate.end)? else { continue };
                let mut candidate = candidate;
                if hidden > 0 {
                    candidate.reasons.push(because("hidden from plain reading", hidden));
                }
                let scored = score(candidate, scan, start, end)?;
                gathering.identified |= scored.score >= IDENTIFIES && scored.kind.identifies();
                gathering.out.push(scored);
            }
        }
        Ok(())
    }
}

/// A number that passes the check of a BSN, with nothing said for it or against it, is more likely one where somebody is
/// identified in the text: one in eleven others pass too, and what is masked in vain is less bad than what is missed.
fn with_somebody(all: &mut [Scored]) {
    let somebody = |s: &Scored| s.score >= IDENTIFIES && (s.kind == Kind::Person || s.kind.identifies());
    if !all.iter().any(somebody) {
        return;
    }
    for scored in
        all.iter_mut().filter(|s| s.kind == Kind::Bsn && (BSN_CHECKED..IDENTIFIES).contains(&s.score))
    {
        scored.score = scored.score.saturating_add(IDENTIFIES.saturating_sub(BSN_CHECKED));
        let points = i16::from(IDENTIFIES.saturating_sub(BSN_CHECKED));
        scored.reasons.push(because("somebody is identified in the text", points));
    }
}

fn score(candidate: Candidate, scan: &Scan<'_>, start: usize, end: usize) -> Result<Scored, Error> {
    let Candidate { kind, canonical, mut reasons, .. } = candidate;
    if !candidate.judged {
        reasons.extend(scan.around(candidate.start, candidate.end).reasons(kind));
    }
    let total: i32 = reasons.iter().map(|r| i32::from(r.points)).sum();
    let score = u8::try_from(total.clamp(0, 100)).map_err(|_| Error::Internal("score"))?;
    Ok(Scored { start, end, kind, score, reasons, canonical, by_finder: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was done to read a text, and how many candidates came of it.
    fn steps(detector: &Detector, text: &str) -> u64 {
        let view = View::new(text).unwrap();
        let scan = Scan::new(view.text(), detector.cues, None).with_columns();
        let mut candidates = 0;
        for recognizer in &detector.recognizers {
            recognizer.candidates(&scan, &mut |_| candidates += 1);
        }
        let edits = u64::try_from(deep::edits(&scan).len()).unwrap();
        let blobs = u64::try_from(encoded::blobs(scan.text, &scan.marks.runs).len()).unwrap();
        scan.steps.get() + candidates + edits + blobs
    }

    #[test]
    fn four_times_the_text_is_four_times_the_work() {
        let detector = Detector::new(&Profile::default()).unwrap();
        for unit in [
            "1",
            "1 ",
            "1  ",
            "12-",
            "1-",
            "1.1.",
            "123456782 ",
            "a@",
            "a.",
            "A1",
            "A1 ",
            "AB-",
            "NL91 ",
            "1234 AB ",
            "+31 6 ",
            "Kerkstraat 1 ",
            "De Van ",
            "zaak 12345 ",
            "bsn ",
            "nul ",
            "een twee ",
            "%31",
            "&#49;",
            "\\u0031",
            "(at) ",
            "QUJj",
            "4b",
            ":",
            "::",
            "a:",
            "<",
            "P<",
            "52.46510, ",
            "1 jan 2000 ",
            "gebruikersnaam: ",
            "BIC ",
            "apenstaartje ",
            "punt ",
            "a;b\n",
            "bsn;b\n1;2\n",
            "C/05/123456 / HA ZA ",
            "é1",
            "\u{200b}1",
            "06 ",
            "1 2 3 4 5 ",
            "HA ZA 20-1 ",
        ] {
            let of = |bytes: usize| steps(&detector, &unit.repeat(bytes / unit.len()));
            let (once, fourfold) = (of(4096), of(16384));
            assert!(once < 4096 * 80, "{unit:?}: {once} steps for 4 kB");
            assert!(fourfold <= 4 * once + 4 * once / 10 + 200, "{unit:?}: {once}, then {fourfold}");
        }
    }
}
