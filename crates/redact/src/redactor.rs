//! One request's texts in, stripped texts and a vault out.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::allow::{self, Allowed};
use crate::cuts::{self, Cut, Plan};
use crate::detect::{Depth, Detector};
use crate::finder::Reader;
use crate::leaf::{Leaf, grow, within};
use crate::names::{self, Known, Span};
use crate::seams::{Pieces, Turn, questions};
use crate::vault::VaultBuilder;
use crate::{
    Action, Error, Explanation, Finding, Group, Kind, KindRule, Profile, Screen, Seen, Vault, csv,
    generalise, json, placeholder,
};

/// One text of a request.
#[non_exhaustive]
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// Free text: a message, a completions prompt, a description.
    Text(&'a str),
    /// JSON text, such as tool-call arguments or a schema: string leaves (and numbers) are rewritten; keys, and
    /// what stands under `enum`, `const`, `required`, `$ref` or `pattern`, are scanned and never rewritten.
    Json(&'a str),
    /// JSON data, such as the arguments of a tool call: as `Json`, but it is no schema, so that keys alone are fixed.
    Data(&'a str),
    /// CSV text (RFC 4180; comma, semicolon, tab or bar): fields are rewritten, and the first row speaks for its columns.
    Csv(&'a str),
    /// Text that may not be rewritten, such as a tool's name, and the JSON pointer of where it stands.
    Fixed {
        /// The text.
        text: &'a str,
        /// Its place in the request, as a JSON pointer.
        pointer: &'a str,
    },
}

/// The texts of a request without the personal data that was found.
#[must_use = "refused findings and the vault are the caller's to act on"]
pub struct Redaction {
    /// The rewritten inputs, in their order.
    pub texts: Vec<Zeroizing<String>>,
    /// Everything at or above its threshold, allowed kinds too, by input and start.
    pub findings: Vec<Finding>,
    /// Number of findings by kind.
    pub counts: BTreeMap<Kind, u32>,
    /// Number of findings whose kind the profile refuses; the texts are masked there. Not empty: deny the request.
    pub refused: BTreeMap<Kind, u32>,
    /// Number of candidates just below their threshold, left in the text.
    pub unresolved: BTreeMap<Kind, u32>,
    /// Pieces of the input that looked like placeholders and were escaped.
    pub look_alikes: u32,
    /// What stands for the first thing that was cut, if anything was.
    pub first_placeholder: Option<String>,
    /// The way back.
    pub vault: Vault,
}

/// Strips texts according to a profile. Shared by all requests; holds no text.
pub struct Redactor {
    detector: Arc<Detector>,
    profile: Arc<Profile>,
    allowed: Arc<Allowed>,
    /// What the profile's model of names finds.
    reader: Option<Arc<Reader>>,
    digest: [u8; 32],
}

impl Redactor {
    /// Builds the recognizers.
    ///
    /// # Errors
    /// [`Error::Internal`] if a built-in table cannot be built; [`Error::FinderMissing`] for a profile that names a model.
    pub fn new(profile: Profile) -> Result<Self, Error> {
        Self::build(profile, None)
    }

    pub(crate) fn build(profile: Profile, reader: Option<Arc<Reader>>) -> Result<Self, Error> {
        if let Some(model) = profile.names_model().filter(|_| reader.is_none()) {
            return Err(Error::FinderMissing { model: model.to_owned() });
        }
        let detector = Detector::new(&profile)?;
        let allowed = Allowed::new(profile.allow(), &detector)?;
        Ok(Self::of(Arc::new(detector), Arc::new(allowed), reader, profile))
    }

    fn of(
        detector: Arc<Detector>,
        allowed: Arc<Allowed>,
        reader: Option<Arc<Reader>>,
        profile: Profile,
    ) -> Self {
        let mut digest = Sha256::new_with_prefix("redact 4\n");
        digest.update(detector.canonical());
        digest.update(profile.canonical());
        if profile.names() {
            // Trained anew or with other lists, the same text may give something else.
            names::DATA.iter().for_each(|sha256| digest.update(sha256));
        }
        reader.iter().for_each(|reader| digest.update(reader.sha256()));
        Self { detector, profile: Arc::new(profile), allowed, reader, digest: digest.finalize().into() }
    }

    /// SHA-256 over the recognizers' identifiers, versions and cues, the model and lists of names, and the profile: what a
    /// result depends on besides the text.
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether a model reads each text too, which takes its time.
    pub const fn has_finder(&self) -> bool {
        self.reader.is_some()
    }

    /// The profile in force.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Strips the texts of one request; the same value has the same placeholder in all of them.
    ///
    /// # Errors
    /// Any error closes the request: too large, too many candidates, or a fault.
    pub fn redact(&self, texts: &[&str]) -> Result<Redaction, Error> {
        let inputs: Vec<Input<'_>> = texts.iter().map(|t| Input::Text(t)).collect();
        self.redact_inputs(&inputs)
    }

    /// Strips the texts of one conversation: as [`Redactor::redact`], and the pieces of a number that is split over texts, or
    /// over parts of one, where joined it holds a check.
    ///
    /// # Errors
    /// As [`Redactor::redact`].
    pub fn redact_conversation(&self, turns: &[Turn<'_>]) -> Result<Redaction, Error> {
        let inputs: Vec<Input<'_>> = turns.iter().map(Turn::input).collect();
        Ok(self.strip(&inputs, turns, None)?.finish())
    }

    /// Strips one JSON text; [`Redactor::redact_inputs`] does the same for many inputs with one vault.
    ///
    /// # Errors
    /// As [`Redactor::redact_inputs`].
    pub fn redact_json(&self, json: &str) -> Result<Redaction, Error> {
        self.redact_inputs(&[Input::Json(json)])
    }

    /// Strips the inputs of one request, free text and JSON together.
    ///
    /// # Errors
    /// Any error closes the request: too large, too many candidates, invalid JSON, personal data where nothing may
    /// be rewritten ([`Error::Fixed`]), or a fault.
    pub fn redact_inputs(&self, inputs: &[Input<'_>]) -> Result<Redaction, Error> {
        Ok(self.strip(inputs, &[], None)?.finish())
    }

    fn strip<'r>(
        &'r self,
        inputs: &[Input<'_>],
        turns: &[Turn<'_>],
        seen: Option<Vec<Seen>>,
    ) -> Result<Work<'r>, Error> {
        self.check_size(inputs.iter().map(|input| input.text().len()))?;
        let mut work = Work { seen, ..Work::new(self) };
        work.learn(inputs)?;
        work.asked = questions(turns);
        work.split = Pieces::find(turns, &self.detector, self.profile.limits().findings_max)?;
        for (index, input) in inputs.iter().enumerate() {
            let text = match *input {
                Input::Text(text) => work.text(index, text, None)?,
                Input::Json(text) => json::redact(text, index, true, &mut work)?,
                Input::Data(text) => json::redact(text, index, false, &mut work)?,
                Input::Csv(text) => csv::redact(text, index, &mut work)?,
                Input::Fixed { text, pointer } => {
                    work.fixed(index, text, None, &|| pointer.to_owned())?;
                    Zeroizing::new(text.to_owned())
                }
            };
            work.out.texts.push(text);
        }
        Ok(work)
    }

    /// Reads texts that go on as they are: nothing is cut or escaped, no placeholder is issued, and the output may repeat
    /// whatever was found.
    ///
    /// # Errors
    /// As [`Redactor::redact`].
    pub fn read(&self, texts: &[&str]) -> Result<Redaction, Error> {
        self.check_size(texts.iter().map(|text| text.len()))?;
        let mut work = Work::new(self);
        for (index, text) in texts.iter().enumerate() {
            let plan = work.plan(text, None, Some(index))?;
            for cut in &plan.cuts {
                if let (Some(kind), Some(canonical)) = (cut.kind, &cut.canonical) {
                    work.vault.left(kind, canonical.as_str());
                }
            }
            if work.known.is_some() {
                work.vault.given(text);
            }
            work.record(index, plan, None);
            work.out.texts.push(Zeroizing::new((*text).to_owned()));
        }
        Ok(work.finish())
    }

    /// The same, but masking special categories (GDPR art. 9) whatever the profile says, unless it refuses them.
    #[must_use]
    pub fn stripping_special(&self) -> Self {
        let profile = self.profile.kinds().filter(|kind| kind.group() == Group::Special).fold(
            (*self.profile).clone(),
            |profile, kind| {
                let rule = profile.rule(kind);
                let action = rule.action.max(Action::Mask);
                profile.with_rule(kind, KindRule { action, ..rule })
            },
        );
        Self::of(Arc::clone(&self.detector), Arc::clone(&self.allowed), self.reader.clone(), profile)
    }

    /// The findings in a text that may not be rewritten, such as a key or a tool's name. Names are not looked for: there is no
    /// sentence around to tell them.
    ///
    /// # Errors
    /// As [`Redactor::scan`].
    pub fn scan_fixed(&self, text: &str) -> Result<Vec<Finding>, Error> {
        self.check_size([text.len()])?;
        let mut work = Work { known: None, reader: None, ..Work::new(self) };
        work.text(0, text, None)?;
        Ok(work.finish().findings)
    }

    /// What was seen in some inputs and why, candidates below their threshold too.
    ///
    /// # Errors
    /// As [`Redactor::redact_inputs`].
    pub fn explain_inputs(&self, inputs: &[Input<'_>]) -> Result<Explanation, Error> {
        let mut work = self.strip(inputs, &[], Some(Vec::new()))?;
        let seen = work.seen.take().unwrap_or_default();
        Ok(Explanation::new(seen, work.finish()))
    }

    /// What a screen works with.
    pub(crate) fn shared(&self) -> (Arc<Detector>, Arc<Profile>, Arc<Allowed>) {
        (Arc::clone(&self.detector), Arc::clone(&self.profile), Arc::clone(&self.allowed))
    }

    /// A screen for one stream of output that answers the request behind `vault`.
    pub fn screen(&self, vault: &Vault) -> Screen {
        Screen::new(self, vault)
    }

    fn check_size(&self, sizes: impl IntoIterator<Item = usize>) -> Result<(), Error> {
        let bytes = sizes.into_iter().fold(0, usize::saturating_add);
        let limit_bytes = self.profile.limits().text_bytes_max;
        if bytes > limit_bytes { Err(Error::TooLarge { bytes, limit_bytes }) } else { Ok(()) }
    }
}

/// The state of one request while it is stripped.
pub(crate) struct Work<'r> {
    redactor: &'r Redactor,
    vault: VaultBuilder,
    /// Names in all the texts; `None` where names are not looked for.
    known: Option<Known>,
    /// The profile's model of names, unless the text is no sentence.
    reader: Option<&'r Reader>,
    /// The names that were learnt from each input that is one text.
    told: Vec<Option<Vec<Span>>>,
    /// What only the texts together show.
    split: Pieces,
    /// The questions that texts answer.
    asked: Vec<Option<String>>,
    candidates: usize,
    /// Every candidate, where somebody wants to know.
    seen: Option<Vec<Seen>>,
    out: Partial,
}

#[derive(Default)]
struct Partial {
    texts: Vec<Zeroizing<String>>,
    findings: Vec<Finding>,
    counts: BTreeMap<Kind, u32>,
    refused: BTreeMap<Kind, u32>,
    unresolved: BTreeMap<Kind, u32>,
    look_alikes: u32,
    first_placeholder: Option<String>,
}

impl<'r> Work<'r> {
    fn new(redactor: &'r Redactor) -> Self {
        let known = redactor.profile.names().then(Known::default);
        let (vault, split) = (VaultBuilder::default(), Pieces::none());
        let (told, asked, out) = (Vec::new(), Vec::new(), Partial::default());
        let reader = redactor.reader.as_deref();
        Self { redactor, vault, known, reader, told, split, asked, candidates: 0, seen: None, out }
    }

    /// Looks for names in all texts before any is stripped: what one tells, another may only mention.
    fn learn(&mut self, inputs: &[Input<'_>]) -> Result<(), Error> {
        let Some(known) = self.known.as_mut().filter(|_| inputs.len() > 1) else { return Ok(()) };
        for input in inputs {
            self.told.push(match input {
                Input::Text(text) => Some(self.redactor.detector.learn(text, known)?),
                // Read as a whole, and later leaf by leaf.
                Input::Json(text) | Input::Data(text) | Input::Csv(text) => {
                    self.redactor.detector.learn(text, known)?;
                    None
                }
                Input::Fixed { .. } => None,
            });
        }
        Ok(())
    }

    fn finish(self) -> Redaction {
        let Partial { texts, mut findings, counts, refused, unresolved, look_alikes, first_placeholder } =
            self.out;
        findings.sort_by_key(|f| (f.text_index, f.start, f.end));
        let vault = self.vault.finish();
        Redaction { texts, findings, counts, refused, unresolved, look_alikes, first_placeholder, vault }
    }

    /// `index` is the text's, where it may be rewritten.
    fn plan(&mut self, text: &str, label: Option<&str>, index: Option<usize>) -> Result<Plan, Error> {
        let limit = self.redactor.profile.limits().findings_max;
        // A key or a tool may be called `Jan`; there is no sentence around it to tell.
        let names = self.known.as_ref().filter(|_| index.is_some());
        let asked = index.and_then(|index| self.asked.get(index)?.as_deref());
        // Of an answer the question says more than the words in it.
        let told = index.filter(|_| asked.is_none()).and_then(|index| self.told.get(index)?.as_deref());
        let label = label.or(asked);
        let depth = Depth::Whole { names, told };
        let mut scored = self.redactor.detector.detect(text, label, limit, depth)?;
        scored.extend(index.into_iter().flat_map(|index| self.split.of(index)));
        if let Some(reader) = self.reader.filter(|_| index.is_some()) {
            scored.extend(reader.read(text, &self.redactor.profile, &scored)?);
        }
        let mut look_alikes = placeholder::look_alikes(text);
        if index.is_some_and(|index| self.split.quotes(index)) {
            look_alikes
                .retain(|&(start, end)| !text.get(start..end).is_some_and(|token| self.vault.issued(token)));
        }
        self.candidates = self.candidates.saturating_add(scored.len()).saturating_add(look_alikes.len());
        if self.candidates > limit {
            return Err(Error::TooManyFindings { limit });
        }
        let profile = &self.redactor.profile;
        let (listed, mut scored) = self.redactor.allowed.part(text, scored)?;
        allow::pass_inside(&listed, &mut scored, profile);
        if let Some(seen) = &mut self.seen {
            let allowed = |rule| KindRule { action: Action::Allow, ..rule };
            seen.extend(scored.iter().map(|s| Seen::new(s, profile.rule(s.kind))));
            seen.extend(listed.iter().map(|s| Seen::new(s, allowed(profile.rule(s.kind)))));
        }
        for s in &scored {
            let rule = profile.rule(s.kind);
            // What is cut never reaches the model, so its turning up in the output is no echo of the prompt.
            if s.score < rule.threshold || rule.action == Action::Allow {
                self.vault.left(s.kind, s.canonical.as_str());
            }
        }
        let mut plan = cuts::plan(text, scored, &look_alikes, profile);
        // What a list lets through is counted once, and gives way to what is cut around it.
        let mut done = 0;
        for s in listed.into_iter().filter(|s| s.score >= profile.rule(s.kind).threshold) {
            let at = plan.cuts.partition_point(|cut| cut.end <= s.start);
            let covered = plan.cuts.get(at).is_some_and(|cut| cut.start < s.end);
            if !covered && s.start >= done {
                done = s.end;
                plan.allowed.push(s);
            }
        }
        Ok(plan)
    }

    /// Strips one text. `place` is the JSON leaf it came from.
    pub(crate) fn text(
        &mut self,
        index: usize,
        text: &str,
        place: Option<&Leaf<'_>>,
    ) -> Result<Zeroizing<String>, Error> {
        let from = self.seen.as_ref().map_or(0, Vec::len);
        let plan = self.plan(text, place.and_then(|p| p.label), Some(index))?;
        for seen in self.seen.iter_mut().flatten().skip(from) {
            (seen.text_index, (seen.start, seen.end)) = (index, within(place, seen.start, seen.end));
        }
        let mut out = Zeroizing::new(String::with_capacity(text.len().saturating_add(64)));
        let mut at = 0;
        for cut in &plan.cuts {
            let (Some(before), Some(original)) = (text.get(at..cut.start), text.get(cut.start..cut.end))
            else {
                return Err(Error::Internal("cut outside the text"));
            };
            grow(&mut out, before.len().saturating_add(96));
            out.push_str(before);
            let placeholder = self.replacement(cut, original)?;
            out.push_str(&placeholder);
            self.out.first_placeholder.get_or_insert(placeholder);
            at = cut.end;
        }
        let rest = text.get(at..).ok_or(Error::Internal("cut outside the text"))?;
        grow(&mut out, rest.len());
        out.push_str(rest);
        if self.known.is_some() {
            self.vault.given(&out);
        }
        self.record(index, plan, place);
        Ok(out)
    }

    /// Scans text that may not be rewritten.
    pub(crate) fn fixed(
        &mut self,
        index: usize,
        text: &str,
        label: Option<&str>,
        pointer: &dyn Fn() -> String,
    ) -> Result<(), Error> {
        let from = self.seen.as_ref().map_or(0, Vec::len);
        let plan = self.plan(text, label, None)?;
        // What was seen in a key closes the request or is nothing; it has no place of its own in the input.
        self.seen.iter_mut().for_each(|seen| seen.truncate(from));
        if let Some(kind) = plan.cuts.iter().find_map(|cut| cut.kind) {
            return Err(Error::Fixed { input_index: index, pointer: pointer(), kind });
        }
        Ok(())
    }

    fn replacement(&mut self, cut: &Cut, original: &str) -> Result<String, Error> {
        match (cut.kind, cut.action) {
            (Some(kind), Action::Mask | Action::Refuse) => Ok(placeholder::mask(kind.label())),
            (Some(kind), Action::Generalise) => {
                let canonical = cut.canonical.as_ref();
                let kept = canonical.and_then(|c| generalise::keep(kind, c.as_str(), original));
                Ok(kept.map_or_else(
                    || placeholder::mask(kind.label()),
                    |kept| placeholder::general(kind.label(), &kept),
                ))
            }
            (kind, _) => {
                let canonical = cut.canonical.as_ref().map_or(original, |c| c.as_str());
                self.vault.issue(kind, canonical, original)
            }
        }
    }

    fn record(&mut self, index: usize, plan: Plan, place: Option<&Leaf<'_>>) {
        for kind in plan.unresolved {
            count(&mut self.out.unresolved, kind);
        }
        let allowed = plan
            .allowed
            .into_iter()
            .map(|s| (s.start, s.end, Some(s.kind), s.score, Action::Allow, s.reasons));
        let cuts = plan.cuts.into_iter().map(|c| (c.start, c.end, c.kind, c.score, c.action, c.reasons));
        for (start, end, kind, score, action, reasons) in cuts.chain(allowed) {
            let Some(kind) = kind else {
                self.out.look_alikes = self.out.look_alikes.saturating_add(1);
                continue;
            };
            count(&mut self.out.counts, kind);
            if action == Action::Refuse {
                count(&mut self.out.refused, kind);
            }
            let pointer = place.map(|p| (p.pointer)());
            let (start, end) = within(place, start, end);
            self.out.findings.push(Finding {
                text_index: index,
                start,
                end,
                kind,
                score,
                action,
                reasons,
                pointer,
            });
        }
    }
}

pub(crate) fn count(counts: &mut BTreeMap<Kind, u32>, kind: Kind) {
    let n = counts.entry(kind).or_default();
    *n = n.saturating_add(1);
}
