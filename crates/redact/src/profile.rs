//! What is done with each kind, and from which score.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::allow::Lists;
use crate::custom::{Custom, Spec};
use crate::labels::Labels;
use crate::{Error, Kind, generalise};

/// Most recognizers that one profile defines.
const CUSTOM_MAX: usize = 64;

/// What happens to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Left in the text, and counted.
    Allow,
    /// Replaced by `⟦LABEL=…⟧` with what is harmless to keep of it, irreversibly: the decade of an age, the year of a birth.
    /// Only for kinds that have such a part; a value of which it is not certain is masked.
    Generalise,
    /// Replaced by a numbered placeholder that the vault can restore.
    Pseudonymise,
    /// Replaced by `⟦LABEL⟧`, irreversibly.
    Mask,
    /// Masked, and counted in [`crate::Redaction::refused`]: the caller denies the request.
    Refuse,
}

impl Action {
    /// Its name in a profile.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Generalise => "generalise",
            Self::Pseudonymise => "pseudonymise",
            Self::Mask => "mask",
            Self::Refuse => "refuse",
        }
    }
}

/// The rule for one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindRule {
    /// What happens to a finding of this kind.
    #[serde(default = "default_action")]
    pub action: Action,
    /// Lowest score (0–100) at which a candidate is a finding.
    #[serde(default = "default_threshold")]
    pub threshold: u8,
    /// Lowest score at which a candidate that is no finding counts as unresolved.
    #[serde(default = "default_unresolved")]
    pub unresolved: u8,
}

const fn default_action() -> Action {
    Action::Pseudonymise
}
pub(crate) const fn default_threshold() -> u8 {
    60
}
pub(crate) const fn default_unresolved() -> u8 {
    50
}

impl Default for KindRule {
    fn default() -> Self {
        Self { action: default_action(), threshold: default_threshold(), unresolved: default_unresolved() }
    }
}

/// Sizes above which a request is closed with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes over all inputs of one request.
    pub text_bytes_max: usize,
    /// Candidates (of any score) over all inputs of one request.
    pub findings_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text_bytes_max: 16 << 20, findings_max: 200_000 }
    }
}

/// A redaction profile: the rule of each kind, what is let through, recognizers of the organisation's own, and the limits.
///
/// ```toml
/// names = true           # names, places and special categories too; left out: numbers and addresses only
/// names_model = "wikineural-nl"  # a model of models.toml that finds names too; left out: none
/// public_benchmark = true  # prompts of token ids may hold personal data; left out: they may not
/// [kinds.bsn]
/// action = "mask"        # pseudonymise (default), generalise, mask, refuse, allow
/// threshold = 60         # 0–100
/// [labels]              # what the labels of that model mean, where their names do not say it
/// FAM = { kind = "person", threshold = 40 }
/// JOB = { kind = "none" }
/// [allow]
/// values = ["Stadhuisplein 1, 1234 AB Voorbeeldstad"]
/// domains = ["voorbeeldstad.example"]
/// kinds.phone = ["14 012"]
/// [[custom]]
/// id = "dossiernummer"
/// label = "DOSSIERNR"    # ⟦DOSSIERNR_1⟧
/// description = "Number of a file of the youth-care team"
/// pattern = 'JZ-20[0-9]{2}-[0-9]{5}'
/// examples = ["zie JZ-2025-00123"]
/// [limits]
/// text_bytes_max = 1048576
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    rules: BTreeMap<Kind, KindRule>,
    limits: Limits,
    names: bool,
    names_model: Option<String>,
    labels: Labels,
    public_benchmark: bool,
    allow: Lists,
    custom: Vec<Custom>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    /// Whether names of people are looked for, and what is said of them.
    #[serde(default)]
    names: bool,
    /// The model that finds names too.
    names_model: Option<Spanned<String>>,
    /// What its labels mean.
    labels: Option<Spanned<Labels>>,
    /// Whether prompts of token ids may hold personal data.
    #[serde(default)]
    public_benchmark: bool,
    #[serde(default)]
    kinds: BTreeMap<Key, Spanned<KindRule>>,
    #[serde(default)]
    allow: Lists,
    #[serde(default)]
    custom: Vec<Spanned<Spec>>,
    #[serde(default)]
    limits: Limits,
}

/// A kind as the key of a table: an unknown one is an error with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) Kind);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let unknown =
            || serde::de::Error::custom(format!("unknown kind `{id}`; RECOGNIZERS.md lists the kinds"));
        Kind::from_id(&id).map(Self).ok_or_else(unknown)
    }
}

/// Why a kind cannot be generalised, and which can.
pub(crate) fn no_generalisation(id: &str) -> String {
    let possible: Vec<&str> = generalise::POSSIBLE.iter().map(|kind| kind.id()).collect();
    format!(
        "{id} has no harmless part to keep; `generalise` is for {}: choose mask or pseudonymise",
        possible.join(", ")
    )
}

impl Profile {
    /// Parses a profile, and tries each recognizer that it defines on its own examples.
    ///
    /// # Errors
    /// [`Error::Profile`] names the line and table of an unknown key, kind or action, an impossible score, a value that may
    /// not be let through, a pattern that is too large, or an example that is not found.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let wire: Wire = toml::from_str(text).map_err(|e| Error::Profile {
            line: e.span().map_or(0, |span| line_of(text, span.start)),
            reason: e.message().to_owned(),
        })?;
        let wrong = |at: usize, reason: String| Error::Profile { line: line_of(text, at), reason };
        let mut profile = Self {
            limits: wire.limits,
            names: wire.names,
            public_benchmark: wire.public_benchmark,
            ..Self::default()
        };
        (profile.names_model, profile.labels) = model(text, wire.names_model, wire.labels)?;
        for (Key(kind), rule) in wire.kinds {
            let (at, rule) = (rule.span().start, rule.into_inner());
            let header = format!("kinds.{}", kind.id());
            if rule.threshold > 100 || rule.unresolved > 100 {
                return Err(wrong(at, format!("scores of {header} must lie between 0 and 100")));
            }
            if rule.action == Action::Generalise && !generalise::POSSIBLE.contains(&kind) {
                return Err(wrong(at, no_generalisation(&header)));
            }
            profile.rules.insert(kind, rule);
        }
        profile.allow = wire.allow;
        if let Some((said, reason)) = profile.allow.fault() {
            return Err(wrong(text.find(said).unwrap_or(0), reason));
        }
        for (number, spec) in (1_usize..).zip(wire.custom) {
            let at = spec.span().start;
            let custom = Custom::new(spec.into_inner());
            let custom = custom.map_err(|reason| wrong(at, format!("custom, number {number}: {reason}")))?;
            let taken = |other: &Custom| {
                other.kind.id() == custom.kind.id() || other.kind.label() == custom.kind.label()
            };
            if number > CUSTOM_MAX || profile.custom.iter().any(taken) {
                let reason = format!(
                    "custom, number {number}: its `id` or `label` is another's, or there are more than {CUSTOM_MAX}"
                );
                return Err(wrong(at, reason));
            }
            profile.rules.insert(custom.kind, custom.rule());
            profile.custom.push(custom);
        }
        Ok(profile)
    }

    /// Every kind that it knows: the built-in ones and its own.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().chain(self.custom.iter().map(|custom| custom.kind))
    }

    pub(crate) const fn allow(&self) -> &Lists {
        &self.allow
    }

    pub(crate) fn custom(&self) -> &[Custom] {
        &self.custom
    }

    /// The rule of a kind; the default (pseudonymise from 60; mask what is special) when the profile is silent.
    pub fn rule(&self, kind: Kind) -> KindRule {
        // What is special about somebody is not put back where the profile says nothing.
        let action = if kind.group() == crate::Group::Special { Action::Mask } else { default_action() };
        self.rules.get(&kind).copied().unwrap_or(KindRule { action, ..KindRule::default() })
    }

    /// The same profile with another rule for one kind.
    #[must_use]
    pub fn with_rule(mut self, kind: Kind, rule: KindRule) -> Self {
        self.rules.insert(kind, rule);
        self
    }

    /// The id of the model that is to find names too, if any: such a profile works with [`crate::Redactor::with_finder`] alone.
    #[must_use]
    pub fn names_model(&self) -> Option<&str> {
        self.names_model.as_deref()
    }

    pub(crate) const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether it has a rule of its own for a kind.
    pub(crate) fn names_rule(&self, kind: Kind) -> bool {
        self.rules.contains_key(&kind)
    }

    /// Whether names are looked for, and what is said of people.
    #[must_use]
    pub const fn names(&self) -> bool {
        self.names
    }

    /// The same profile, looking for names too.
    #[must_use]
    pub const fn with_names(self) -> Self {
        self.looking_for_names(true)
    }

    /// The same profile, looking for names or not.
    #[must_use]
    pub const fn looking_for_names(mut self, names: bool) -> Self {
        self.names = names;
        self
    }

    /// Whether what comes in is a public benchmark, so that prompts of token ids, which cannot be rewritten, may hold
    /// personal data. It is found and counted as ever.
    #[must_use]
    pub const fn public_benchmark(&self) -> bool {
        self.public_benchmark
    }

    /// The limits on a request.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The same profile with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// One line per rule and limit, defaults spelled out: what the detector digest covers.
    pub(crate) fn canonical(&self) -> String {
        let mut out = String::new();
        for kind in self.kinds() {
            let rule = self.rule(kind);
            out.push_str(&format!("{kind} {:?} {} {}\n", rule.action, rule.threshold, rule.unresolved));
        }
        self.custom.iter().for_each(|custom| out.push_str(&custom.canonical()));
        out.push_str(&self.allow.canonical());
        out.push_str(if self.names() { "names\n" } else { "no names\n" });
        if let Some(model) = &self.names_model {
            out.push_str(&format!("names model {model}\n{}", self.labels.canonical()));
        }
        if self.public_benchmark {
            out.push_str("public benchmark\n");
        }
        out.push_str(&format!("limits {} {}\n", self.limits.text_bytes_max, self.limits.findings_max));
        out
    }
}

/// The model of names and its labels, if they can be meant.
fn model(
    text: &str,
    id: Option<Spanned<String>>,
    labels: Option<Spanned<Labels>>,
) -> Result<(Option<String>, Labels), Error> {
    let wrong =
        |at: usize, reason: &str| Err(Error::Profile { line: line_of(text, at), reason: reason.to_owned() });
    let at = labels.as_ref().map_or(0, |labels| labels.span().start);
    let labels = labels.map(Spanned::into_inner).unwrap_or_default();
    if let Some(reason) = labels.fault() {
        return wrong(at, &reason);
    }
    let Some(id) = id else {
        if labels.is_empty() {
            return Ok((None, labels));
        }
        return wrong(at, "labels are those of a model; name it with names_model");
    };
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    if id.get_ref().is_empty() || !id.get_ref().bytes().all(plain) {
        return wrong(id.span().start, "names_model must be the id of a model in models.toml");
    }
    Ok((Some(id.into_inner()), labels))
}

/// Line (from 1) of a byte offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&b| b == b'\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_and_reason(text: &str) -> (usize, String) {
        match Profile::from_toml(text) {
            Err(Error::Profile { line, reason }) => (line, reason),
            other => panic!("expected a profile error, got {other:?}"),
        }
    }

    #[test]
    fn a_profile_overrides_what_it_names_and_nothing_else() {
        let p = Profile::from_toml(
            "[kinds.bsn]\naction = \"mask\"\nthreshold = 80\n[limits]\nfindings_max = 3\n",
        )
        .unwrap();
        assert_eq!(p.rule(Kind::Bsn), KindRule { action: Action::Mask, threshold: 80, unresolved: 50 });
        assert_eq!(p.rule(Kind::Iban), KindRule::default());
        assert_eq!(p.limits().findings_max, 3);
        assert_eq!(p.limits().text_bytes_max, Limits::default().text_bytes_max);
        assert_ne!(p.canonical(), Profile::default().canonical());
    }

    #[test]
    fn an_unknown_key_names_its_line() {
        let (line, reason) = line_and_reason("# comment\n\n[kinds.bsn]\ntreshold = 3\n");
        assert_eq!(line, 4);
        assert!(reason.contains("treshold"), "{reason}");
        let (line, reason) = line_and_reason("[limits]\n\n[kinds.sofi]\naction = \"mask\"\n");
        assert_eq!(line, 3);
        assert!(reason.contains("sofi"), "{reason}");
        assert_eq!(line_and_reason("[kinds.iban]\n\naction = \"drop\"\n").0, 3);
        assert_eq!(line_and_reason("[limits]\n[kinds.iban]\nthreshold = 101\n").0, 2);
        assert_eq!(line_and_reason("[kinds.iban]\nthreshold = -1\n").0, 2);
    }
}
