//! What the labels of a model mean: a profile's word first, then the common names of common labels.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Kind, Profile};

/// Labels of published models, in capitals without separators, and what they mean.
const KNOWN: &[(&str, Option<Kind>)] = &[
    ("PER", Some(Kind::Person)),
    ("PERS", Some(Kind::Person)),
    ("PERSON", Some(Kind::Person)),
    ("NAME", Some(Kind::Person)),
    ("FIRSTNAME", Some(Kind::Person)),
    ("MIDDLENAME", Some(Kind::Person)),
    ("LASTNAME", Some(Kind::Person)),
    ("GIVENNAME", Some(Kind::Person)),
    ("SURNAME", Some(Kind::Person)),
    ("LOC", Some(Kind::Place)),
    ("LOCATION", Some(Kind::Place)),
    ("GPE", Some(Kind::Place)),
    ("CITY", Some(Kind::Place)),
    ("ORG", Some(Kind::Organisation)),
    ("ORGANIZATION", Some(Kind::Organisation)),
    ("ORGANISATION", Some(Kind::Organisation)),
    ("ADDRESS", Some(Kind::Address)),
    ("STREET", Some(Kind::Address)),
    ("STREETADDRESS", Some(Kind::Address)),
    ("ZIPCODE", Some(Kind::Postcode)),
    ("POSTCODE", Some(Kind::Postcode)),
    ("EMAIL", Some(Kind::Email)),
    ("PHONE", Some(Kind::Phone)),
    ("PHONENUMBER", Some(Kind::Phone)),
    ("TELEPHONENUM", Some(Kind::Phone)),
    ("DATEOFBIRTH", Some(Kind::BirthDate)),
    ("USERNAME", Some(Kind::UserName)),
    ("MISC", None),
];

/// What a label of a model means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// Personal data, of this kind.
    Kind {
        kind: Kind,
        /// The score from which it is a finding, whatever the kind's own threshold is.
        threshold: Option<u8>,
    },
    /// Nothing that is looked for.
    Nothing,
}

/// `[labels]` of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Labels(BTreeMap<String, Label>);

/// One entry of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    kind: LabelKind,
    threshold: Option<u8>,
}

/// The id of a kind, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LabelKind(Option<Kind>);

impl<'de> Deserialize<'de> for LabelKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        if id == "none" {
            return Ok(Self(None));
        }
        let unknown = || {
            serde::de::Error::custom(format!(
                "unknown kind `{id}`; RECOGNIZERS.md lists the kinds, and `none` is for a label that is not looked for"
            ))
        };
        Kind::from_id(&id).map(|kind| Self(Some(kind))).ok_or_else(unknown)
    }
}

impl Labels {
    /// The first entry that cannot be meant, and why.
    pub(crate) fn fault(&self) -> Option<String> {
        let wrong = |(name, label): (&String, &Label)| match label.threshold {
            Some(101..) => Some(format!("the threshold of labels.{name} must lie between 0 and 100")),
            Some(_) if label.kind.0.is_none() => {
                Some(format!("labels.{name} is none, so it has no threshold"))
            }
            _ => None,
        };
        self.0.iter().find_map(wrong)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What each of a model's labels means. A label that nothing is known of, or that the profile has and the model has not,
    /// is an error: what it marks would go on unseen.
    pub(crate) fn of_model(&self, labels: &[String], profile: &Profile) -> Result<Vec<Means>, String> {
        if labels.is_empty() {
            return Err("it has no labels but O".to_owned());
        }
        if let Some(stray) = self.0.keys().find(|name| !labels.contains(name)) {
            let (stray, known) = (shown(stray), labels.iter().map(|l| shown(l)).collect::<Vec<_>>());
            return Err(format!(
                "[labels] of the profile has {stray}, and the model has no such label: it has {}",
                known.join(", ")
            ));
        }
        labels.iter().map(|label| self.means(label, profile)).collect()
    }

    fn means(&self, label: &str, profile: &Profile) -> Result<Means, String> {
        if let Some(said) = self.0.get(label) {
            let threshold = said.threshold;
            return Ok(said.kind.0.map_or(Means::Nothing, |kind| Means::Kind { kind, threshold }));
        }
        let plain: String = label.chars().filter(|c| c.is_alphanumeric()).collect();
        let plain = plain.to_uppercase();
        let known = KNOWN.iter().find(|(name, _)| *name == plain).ok_or_else(|| {
            format!("nothing is known of its label {}; say what it means under [labels]", shown(label))
        })?;
        Ok(match known.1 {
            // Names of organisations are looked for where the profile has a rule for them.
            Some(Kind::Organisation) if !profile.names_rule(Kind::Organisation) => Means::Nothing,
            Some(kind) => Means::Kind { kind, threshold: None },
            None => Means::Nothing,
        })
    }

    /// One line per entry, for the digest.
    pub(crate) fn canonical(&self) -> String {
        let line = |(name, label): (&String, &Label)| {
            format!("label {name:?} {} {:?}\n", label.kind.0.map_or("none", Kind::id), label.threshold)
        };
        self.0.iter().map(line).collect()
    }
}

/// A label out of a file, for a message.
fn shown(label: &str) -> String {
    label.chars().take(40).flat_map(char::escape_debug).collect()
}
