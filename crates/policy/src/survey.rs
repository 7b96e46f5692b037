//! Who could do what: the set is asked every question of a kind, so that its answers can be told in plain words and
//! compared with another set's. Nothing is concluded from the text of rules.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::{Decision, Language, Reason};
use crate::request::{Action, ClearanceRequest, EntryRequest, FindingFacts, ModelFacts};
use crate::set::PolicySet;
use crate::use_case::{DataClass, UseCase};

/// Somebody who may ask: with a role, or with none that the use case names; from the machine itself, or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    /// The use case of the key.
    pub use_case: String,
    /// A role that the record names; `None` for somebody with another.
    pub role: Option<String>,
    /// Whether the connection comes over the loopback interface.
    pub loopback: bool,
}

/// What one asker may do with one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ability {
    /// These actions, on texts with data of these classes; on other classes, the rules in the way.
    May {
        /// Names of the actions.
        actions: BTreeSet<&'static str>,
        /// Classes of data that may occur.
        data: BTreeSet<DataClass>,
        /// What stands in the way of the others, heaviest first.
        refused: Vec<Reason>,
    },
    /// Nothing: the rules in the way, heaviest first.
    MayNot(Vec<Reason>),
}

/// Abilities by asker and model.
pub type Survey = BTreeMap<(Asker, String), Ability>;

impl PolicySet {
    /// What anybody may do with each of `models` at `now_ms` (milliseconds since 1970 UTC), as long as the allowance
    /// lasts and redaction works.
    #[must_use]
    pub fn survey(&self, models: &[ModelFacts], now_ms: i64) -> Survey {
        let mut survey = Survey::new();
        for case in self.use_cases() {
            let roles = case.allowed_roles.iter().cloned().map(Some).chain([None]);
            for role in roles {
                for loopback in [true, false] {
                    let asker = Asker { use_case: case.id.clone(), role: role.clone(), loopback };
                    for model in models {
                        let ability = self.ability(case, &asker, model, now_ms);
                        survey.insert((asker.clone(), model.id.clone()), ability);
                    }
                }
            }
        }
        survey
    }

    fn ability(&self, case: &UseCase, asker: &Asker, model: &ModelFacts, now_ms: i64) -> Ability {
        let entry = |action| entry(asker, action, model, now_ms);
        let (mut actions, mut data) = (BTreeSet::new(), BTreeSet::new());
        let (mut at_the_door, mut refused) = (Vec::new(), Vec::new());
        for action in [Action::Chat, Action::Complete, Action::Embed] {
            match self.enter(&entry(action)) {
                Decision::Permit(_) => {
                    actions.insert(action.name());
                }
                Decision::Deny(denial) => merge(&mut at_the_door, denial.reasons),
            }
        }
        if actions.is_empty() {
            return Ability::MayNot(at_the_door);
        }
        for class in DataClass::ALL {
            let request = ClearanceRequest { entry: entry(Action::Chat), findings: findings(case, class) };
            match self.clear(&request) {
                Decision::Permit(_) => {
                    data.insert(class);
                }
                Decision::Deny(denial) => merge(&mut refused, denial.reasons),
            }
        }
        if data.is_empty() { Ability::MayNot(refused) } else { Ability::May { actions, data, refused } }
    }
}

/// A request of the asker whose key has a last day, which is not over.
fn entry(asker: &Asker, action: Action, model: &ModelFacts, now_ms: i64) -> EntryRequest {
    EntryRequest {
        action,
        model: Some(model.clone()),
        loopback: asker.loopback,
        ..EntryRequest::supposed(&asker.use_case, asker.role.clone(), now_ms)
    }
}

/// One finding of a class, by a name that no recognizer has.
fn findings(case: &UseCase, class: DataClass) -> FindingFacts {
    let found = class != DataClass::None;
    let special = class == DataClass::Special;
    FindingFacts {
        counts: found.then(|| ("SURVEY".to_owned(), 1)).into_iter().collect(),
        data_class: class,
        special_categories: special.then(|| "survey".to_owned()).into_iter().collect(),
        profile: case.redaction_profile.clone(),
        ..FindingFacts::default()
    }
}

fn merge(known: &mut Vec<Reason>, new: Vec<Reason>) {
    for reason in new {
        if !known.iter().any(|other| other.rule == reason.rule) {
            known.push(reason);
        }
    }
}

/// The survey in plain words, use case by use case; of a refusal, the heaviest rule.
#[must_use]
pub fn tell(survey: &Survey, language: Language) -> String {
    let words = Words::of(language);
    let said = survey.iter().map(|(key, ability)| (key, words.ability(ability, Some(1))));
    let mut text = String::new();
    for (use_case, lines) in grouped(said, words) {
        text.push_str(&format!("{use_case}\n"));
        for (subject, said) in lines {
            text.push_str(&format!("  {subject}: {said}\n"));
        }
    }
    text
}

/// Who may do something else in `after` than in `before`, in plain words; empty when nobody may. Another reason why
/// somebody may do nothing is no change.
#[must_use]
pub fn tell_changes(before: &Survey, after: &Survey, language: Language) -> String {
    let words = Words::of(language);
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let idle = |ability: Option<&Ability>| !matches!(ability, Some(Ability::May { .. }));
    let other = |key: &&(Asker, String)| {
        let (was, is) = (before.get(key), after.get(key));
        was != is && !(idle(was) && idle(is))
    };
    let changed = keys.into_iter().filter(other).map(|key| {
        let said = |ability: Option<&Ability>| {
            ability.map_or_else(|| words.absent.to_owned(), |ability| words.ability(ability, None))
        };
        let (was, is) = (said(before.get(key)), said(after.get(key)));
        (key, format!("\n    {}: {was}\n    {}: {is}", words.before, words.now))
    });
    let mut text = String::new();
    for (use_case, lines) in grouped(changed, words) {
        text.push_str(&format!("{use_case}\n"));
        for (subject, said) in lines {
            text.push_str(&format!("  {subject}{said}\n"));
        }
    }
    text
}

/// Of each use case, whom something is said of, and what: models and places of which the same is said are said together.
fn grouped<'a>(
    said: impl Iterator<Item = (&'a (Asker, String), String)>,
    words: &Words,
) -> BTreeMap<&'a str, Vec<(String, String)>> {
    // By role, and then by what is said: the models, over the network and on this machine.
    type Models<'a> = [BTreeSet<&'a str>; 2];
    let mut roles: BTreeMap<(&str, Option<&str>), BTreeMap<String, Models<'_>>> = BTreeMap::new();
    for ((asker, model), text) in said {
        let role = (asker.use_case.as_str(), asker.role.as_deref());
        let [network, here] = roles.entry(role).or_default().entry(text).or_default();
        if asker.loopback {
            here.insert(model)
        } else {
            network.insert(model)
        };
    }
    let mut use_cases: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for ((use_case, role), texts) in roles {
        let lines = use_cases.entry(use_case).or_default();
        for (text, [network, here]) in texts {
            if network == here {
                lines.push((words.subject(role, words.anywhere, &here), text));
                continue;
            }
            for (place, models) in [(words.here, here), (words.network, network)] {
                if !models.is_empty() {
                    lines.push((words.subject(role, place, &models), text.clone()));
                }
            }
        }
    }
    use_cases
}

/// The few words that the sentences need.
struct Words {
    dutch: bool,
    other_role: &'static str,
    here: &'static str,
    network: &'static str,
    anywhere: &'static str,
    may: &'static str,
    and: &'static str,
    may_not: &'static str,
    refused: &'static str,
    before: &'static str,
    now: &'static str,
    absent: &'static str,
}

const ENGLISH: Words = Words {
    dutch: false,
    other_role: "anybody else",
    here: "on this machine",
    network: "over the network",
    anywhere: "from anywhere",
    may: "may",
    and: "and",
    may_not: "may do nothing",
    refused: "what is heavier is refused",
    before: "before",
    now: "now",
    absent: "the use case or role does not exist",
};

const DUTCH: Words = Words {
    dutch: true,
    other_role: "ieder ander",
    here: "op deze machine",
    network: "via het netwerk",
    anywhere: "vanaf elke plek",
    may: "mag",
    and: "en",
    may_not: "mag niets",
    refused: "wat zwaarder is, wordt geweigerd",
    before: "eerst",
    now: "nu",
    absent: "de toepassing of rol bestaat niet",
};

impl Words {
    fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Dutch => &DUTCH,
        }
    }

    fn subject(&self, role: Option<&str>, place: &str, models: &BTreeSet<&str>) -> String {
        let models: Vec<_> = models.iter().copied().collect();
        let with = if self.dutch { "met" } else { "with" };
        format!("{}, {place}, {with} {}", role.unwrap_or(self.other_role), models.join(", "))
    }

    /// `rules` is the most of them to name.
    fn ability(&self, ability: &Ability, rules: Option<usize>) -> String {
        match ability {
            Ability::MayNot(reasons) => format!("{}{}", self.may_not, self.because(reasons, rules)),
            Ability::May { actions, data, refused } => {
                let actions: Vec<_> = actions.iter().map(|action| self.action(action)).collect();
                let data: Vec<_> = data.iter().map(|class| self.class(*class)).collect();
                let texts = if self.dutch { "teksten met" } else { "texts with" };
                let and = format!(" {} ", self.and);
                let mut said = format!("{} {}; {texts} {}", self.may, actions.join(&and), data.join(", "));
                if !refused.is_empty() {
                    said.push_str(&format!("; {}{}", self.refused, self.because(refused, rules)));
                }
                said
            }
        }
    }

    /// Names of the rules, and what to do about the heaviest.
    fn because(&self, reasons: &[Reason], most: Option<usize>) -> String {
        let rules = reasons.iter().take(most.unwrap_or(usize::MAX));
        let rules: Vec<_> = rules.map(|reason| reason.rule.as_str()).collect();
        let remedy = reasons.first().map(|first| if self.dutch { &first.remedy_nl } else { &first.remedy });
        match remedy {
            Some(remedy) => format!(" ({}). {remedy}", rules.join(", ")),
            None => String::new(),
        }
    }

    fn action(&self, name: &str) -> &'static str {
        match (name, self.dutch) {
            ("chat", true) => "chatten",
            ("chat", false) => "chat",
            ("embed", true) => "tekst in vectoren laten omzetten",
            ("embed", false) => "embed text",
            (_, true) => "tekst laten aanvullen",
            (_, false) => "complete text",
        }
    }

    fn class(&self, class: DataClass) -> &'static str {
        match (class, self.dutch) {
            (DataClass::None, true) => "geen persoonsgegevens",
            (DataClass::None, false) => "no personal data",
            (DataClass::Personal, true) => "persoonsgegevens",
            (DataClass::Personal, false) => "personal data",
            (DataClass::Identifier, true) => "identificatienummers",
            (DataClass::Identifier, false) => "identification numbers",
            (DataClass::Special, true) => "bijzondere persoonsgegevens",
            (DataClass::Special, false) => "special categories",
            (DataClass::Criminal, true) => "strafrechtelijke gegevens",
            (DataClass::Criminal, false) => "criminal data",
        }
    }
}
