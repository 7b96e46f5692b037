//! A model of somebody else's that finds personal data, given by the caller: it joins the recognizers of this crate.

use std::sync::Arc;

use crate::detect::{IDENTIFIES, Scored};
use crate::labels::Means;
use crate::recognizers::because;
use crate::vault::Secret;
use crate::view::View;
use crate::{Error, Kind, Profile, Redactor, placeholder};

/// Finds spans of personal data in a text. What it does takes time and may fail; that closes the request.
pub trait Finder: Send + Sync {
    /// The model's id, as a profile names it under `names_model`.
    fn model(&self) -> &str;

    /// SHA-256 of all that its findings depend on besides the text.
    fn sha256(&self) -> [u8; 32];

    /// What it can find, by the model's own words, without the prefixes of a tagging scheme.
    fn labels(&self) -> &[String];

    /// What it finds in `text`; spans may overlap.
    ///
    /// # Errors
    /// Why it could not read all of the text, without a word of it.
    fn find(&self, text: &str) -> Result<Vec<Found>, String>;
}

/// One span that a [`Finder`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is: a place in [`Finder::labels`].
    pub label: usize,
    /// How sure the model is, from 0 to 1.
    pub probability: f32,
}

/// A finder and what a profile makes of its labels.
pub(crate) struct Reader {
    finder: Arc<dyn Finder>,
    /// By label.
    means: Vec<Means>,
}

impl Redactor {
    /// As [`Redactor::new`], for a profile that names a model under `names_model`.
    ///
    /// # Errors
    /// As [`Redactor::new`]; [`Error::OtherFinder`] when the profile names another model or none; [`Error::Labels`] when it
    /// says nothing of one of the model's labels, or something of one that the model has not.
    pub fn with_finder(profile: Profile, finder: Arc<dyn Finder>) -> Result<Self, Error> {
        let reader = Reader::new(finder, &profile)?;
        Self::build(profile, Some(Arc::new(reader)))
    }

    /// As [`Redactor::new`], for whoever only looks at a policy: where the profile names a model, every text with a letter in it
    /// is refused.
    ///
    /// # Errors
    /// As [`Redactor::new`], but for the missing model.
    pub fn for_show(profile: Profile) -> Result<Self, Error> {
        let absent = profile.names_model().map(|model| Absent(model.to_owned()));
        let reader = absent.map(|absent| Arc::new(Reader { finder: Arc::new(absent), means: Vec::new() }));
        Self::build(profile, reader)
    }
}

/// Stands where a model would be, and reads nothing.
struct Absent(String);

impl Finder for Absent {
    fn model(&self) -> &str {
        &self.0
    }

    fn sha256(&self) -> [u8; 32] {
        [0; 32]
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn find(&self, _: &str) -> Result<Vec<Found>, String> {
        Err(format!("{} is not loaded here", self.0))
    }
}

impl Reader {
    fn new(finder: Arc<dyn Finder>, profile: &Profile) -> Result<Self, Error> {
        let model = finder.model().to_owned();
        if profile.names_model() != Some(&model) {
            return Err(Error::OtherFinder { model });
        }
        let means = profile.labels().of_model(finder.labels(), profile);
        let means = means.map_err(|reason| Error::Labels { model, reason })?;
        Ok(Self { finder, means })
    }

    /// For the detector digest: trained anew, the same text may give something else.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.finder.sha256()
    }

    /// The candidates in `text`, in bytes of it; `others` is what the recognizers found in it.
    ///
    /// # Errors
    /// [`Error::Finder`]: nothing may be passed on then.
    pub(crate) fn read(
        &self,
        text: &str,
        profile: &Profile,
        others: &[Scored],
    ) -> Result<Vec<Scored>, Error> {
        if !text.contains(char::is_alphabetic) {
            return Ok(Vec::new());
        }
        let view = View::new(text)?;
        let found = self.finder.find(view.text()).map_err(|reason| Error::Finder { reason })?;
        let mut scored = Vec::new();
        for span in found {
            scored.extend(self.scored(&view, &span, profile)?);
        }
        let names = |s: &Scored| s.score >= IDENTIFIES && s.kind.identifies();
        let somebody = others.iter().chain(&scored).any(names) || placeholder::people(text).next().is_some();
        // A place is a place; it becomes somebody's where somebody is.
        scored.retain(|s| somebody || s.kind != Kind::Place);
        Ok(scored)
    }

    /// A span as a candidate; `None` where the profile wants none of its label.
    fn scored(&self, view: &View<'_>, found: &Found, profile: &Profile) -> Result<Option<Scored>, Error> {
        let wrong = |what: &str| Error::Finder { reason: what.to_owned() };
        let &Found { start, end, label, probability } = found;
        let said = view.text().get(start..end).filter(|said| !said.is_empty());
        let said = said.ok_or_else(|| wrong("it gave a span that is not whole characters of the text"))?;
        let means = self.means.get(label).ok_or_else(|| wrong("it gave a label that it does not have"))?;
        if !(0.0..=1.0).contains(&probability) {
            return Err(wrong("it gave a probability that is not between 0 and 1"));
        }
        let Means::Kind { kind, threshold } = *means else { return Ok(None) };
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 100")]
        let points = (probability * 100.0).round() as i16;
        let score = u8::try_from(points).map_err(|_| Error::Internal("score"))?;
        let wanted = profile.rule(kind).threshold;
        let score = match threshold {
            Some(threshold) if score >= threshold => score.max(wanted),
            Some(_) => score.min(wanted.saturating_sub(1)),
            None => score,
        };
        let canonical = said.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        let (start, end) = view.to_original(start, end)?;
        Ok(Some(Scored {
            start,
            end,
            kind,
            score,
            reasons: vec![because("a name, by the model of the profile", points)],
            canonical: Secret::new(&canonical),
            by_finder: true,
        }))
    }
}
