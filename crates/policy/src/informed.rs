//! Whether a person is informed: what they acknowledged and learnt, held against what the use case asks.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::RestrictedExpression;

use crate::decision::Language;
use crate::facts::{Fault, text, texts};
use crate::guidance::Guidance;
use crate::set::PolicySet;
use crate::use_case::InformedUsers;

/// A version of a guidance that somebody acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// SHA-256 of what they read, see [`Guidance::sha256`].
    pub sha256: [u8; 32],
    /// When, milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// What is kept of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InformedFacts {
    /// What was acknowledged last, by the guidance's id.
    pub acknowledged: BTreeMap<String, Acknowledged>,
    /// Until when each attested training counts (milliseconds since 1970 UTC), by the training's id.
    pub training: BTreeMap<String, i64>,
}

/// What is known of whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Informed {
    /// Nobody asks: somebody is supposed who has everything that the use case wants. For questions about records and
    /// rules; a request of a person never has it.
    Supposed,
    /// What is kept of the person.
    Known(InformedFacts),
}

/// Where an acknowledgement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// The folder has no guidance of the name that the record gives.
    NoGuidance,
    /// Nothing was acknowledged.
    Never,
    /// Another version was, at this moment.
    Older {
        /// Milliseconds since 1970 UTC.
        at_ms: i64,
    },
    /// This version was, too long ago.
    Expired {
        /// Milliseconds since 1970 UTC.
        at_ms: i64,
    },
    /// This version was, and it counts.
    Current {
        /// Milliseconds since 1970 UTC.
        at_ms: i64,
        /// Until when, milliseconds since 1970 UTC; `None` for as long as the guidance stays the same.
        until_ms: Option<i64>,
    },
}

impl Acknowledgement {
    /// Where `kept` stands towards the guidance as it now reads.
    #[must_use]
    pub fn of(guidance: &Guidance, kept: Option<&Acknowledged>, now_ms: i64) -> Self {
        let Some(&Acknowledged { sha256, at_ms }) = kept else { return Self::Never };
        if sha256 != guidance.sha256 {
            return Self::Older { at_ms };
        }
        let until_ms = guidance.valid_ms.map(|valid_ms| at_ms.saturating_add(valid_ms));
        match until_ms {
            Some(until_ms) if now_ms >= until_ms => Self::Expired { at_ms },
            _ => Self::Current { at_ms, until_ms },
        }
    }

    /// Its name in replies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoGuidance => "no-guidance",
            Self::Never => "never",
            Self::Older { .. } => "older",
            Self::Expired { .. } => "expired",
            Self::Current { .. } => "current",
        }
    }
}

/// What a use case asks of its users: its guidance as the folder has it, and the trainings of its record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    pub(crate) guidance: Option<AskedGuidance>,
    pub(crate) training: BTreeSet<String>,
}

/// The guidance that a record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedGuidance {
    pub(crate) id: String,
    /// SHA-256, and how long an acknowledgement counts; `None` where the folder has none of that name.
    pub(crate) found: Option<([u8; 32], Option<i64>)>,
}

impl Asked {
    /// What a record asks, looked up in the folder.
    pub(crate) fn of(users: &InformedUsers, folder: &BTreeMap<String, Guidance>) -> Self {
        let found = |id: &String| folder.get(id).map(|guidance| (guidance.sha256, guidance.valid_ms));
        let guidance = users.guidance.as_ref().map(|id| AskedGuidance { id: id.clone(), found: found(id) });
        Self { guidance, training: users.training.clone() }
    }

    /// The attributes of the use case.
    pub(crate) fn attributes(&self) -> Result<Vec<(String, RestrictedExpression)>, Fault> {
        let training = texts(self.training.iter().map(String::as_str));
        let mut pairs = vec![("training".to_owned(), training)];
        if let Some(guidance) = &self.guidance {
            let mut record = vec![("id".to_owned(), text(&guidance.id))];
            if let Some((sha256, valid_ms)) = guidance.found {
                record.push(("sha256".into(), text(&hex::encode(sha256))));
                record.extend(valid_ms.map(|ms| ("valid_ms".into(), RestrictedExpression::new_long(ms))));
            }
            let record = RestrictedExpression::new_record(record).map_err(Fault::of)?;
            pairs.push(("guidance".into(), record));
        }
        Ok(pairs)
    }

    /// `context.informed`: of the person, what this use case asks about.
    pub(crate) fn context(&self, informed: &Informed, now_ms: i64) -> Result<RestrictedExpression, Fault> {
        let mut record = Vec::new();
        if let Some(Acknowledged { sha256, at_ms }) = self.acknowledged(informed, now_ms) {
            record.push(("guidance_sha256".to_owned(), text(&hex::encode(sha256))));
            record.push(("acknowledged_ms".to_owned(), RestrictedExpression::new_long(at_ms)));
        }
        let training = match informed {
            Informed::Supposed => texts(self.training.iter().map(String::as_str)),
            Informed::Known(facts) => texts(facts.training.keys().map(String::as_str)),
        };
        record.push(("training".to_owned(), training));
        if let Informed::Known(facts) = informed {
            let ends = self.training.iter().filter_map(|id| facts.training.get(id));
            let first = ends.min().map(|ms| RestrictedExpression::new_long(*ms));
            record.extend(first.map(|ms| ("training_until_ms".to_owned(), ms)));
        }
        RestrictedExpression::new_record(record).map_err(Fault::of)
    }

    fn acknowledged(&self, informed: &Informed, now_ms: i64) -> Option<Acknowledged> {
        let guidance = self.guidance.as_ref()?;
        match informed {
            Informed::Supposed => guidance.found.map(|(sha256, _)| Acknowledged { sha256, at_ms: now_ms }),
            Informed::Known(facts) => facts.acknowledged.get(&guidance.id).copied(),
        }
    }
}

impl PolicySet {
    /// What users read and learn before they use a use case, or each, in plain words; one line for each that asks anything.
    #[must_use]
    pub fn tell_informed(&self, id: Option<&str>, language: Language) -> String {
        let cases = self.use_cases().filter(|case| id.is_none_or(|id| case.id == id));
        let lines =
            cases.filter_map(|case| Some(format!("{}: {}\n", case.id, self.asks(&case.id, language)?)));
        lines.collect()
    }

    fn asks(&self, use_case: &str, language: Language) -> Option<String> {
        let dutch = language == Language::Dutch;
        let users = &self.use_case(use_case)?.informed;
        let mut said = Vec::new();
        if let Some(id) = &users.guidance {
            let version = self.guidance_of(use_case).map(|guidance| &guidance.version);
            said.push(match (dutch, version) {
                (false, Some(version)) => {
                    format!("each user first acknowledges the guidance {id} (version {version})")
                }
                (true, Some(version)) => {
                    format!("elke gebruiker bevestigt eerst de afspraken {id} (versie {version})")
                }
                (false, None) => format!("the guidance {id} that users acknowledge is not in the folder"),
                (true, None) => format!("de afspraken {id} die gebruikers bevestigen staan niet in de map"),
            });
        }
        if !users.training.is_empty() {
            let list = users.training.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            said.push(if dutch {
                format!("elke gebruiker heeft de training {list}")
            } else {
                format!("each user holds the training {list}")
            });
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// Use cases that ask something else of their users in `after` than in `before`; and where the guidance reads otherwise,
/// that everybody acknowledges it anew. Empty where nothing is so.
#[must_use]
pub fn tell_informed_changes(before: &PolicySet, after: &PolicySet, language: Language) -> String {
    let dutch = language == Language::Dutch;
    let mut text = String::new();
    for case in after.use_cases() {
        let (was, is) = (before.asks(&case.id, language), after.asks(&case.id, language));
        let [old, new] = [before, after].map(|set| set.guidance_of(&case.id).map(|guidance| guidance.sha256));
        if was == is && old == new {
            continue;
        }
        let nothing = if dutch { "vraagt niets van gebruikers" } else { "asks nothing of its users" };
        text.push_str(&format!("{}: {}\n", case.id, is.as_deref().unwrap_or(nothing)));
        if new.is_some() && old.is_some() && old != new {
            text.push_str(if dutch {
                "  de tekst is anders: iedereen bevestigt opnieuw\n"
            } else {
                "  the text is another: everybody acknowledges anew\n"
            });
        }
    }
    text
}
