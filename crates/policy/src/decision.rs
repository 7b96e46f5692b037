//! What comes out: a permit, or a denial that says which rules and what to do about them.

use crate::Place;

/// Rule id of a denial because deciding itself failed.
pub const POLICY_ERROR: &str = "policy-error";
/// Rule id of a denial because no rule permits.
pub const NO_RULE_PERMITS: &str = "no-rule-permits";
/// Rule id of a denial because the use case of the key has no record.
pub const USE_CASE_UNKNOWN: &str = "use-case-unknown";
/// Rule id of a denial because the rules themselves are neither the built-in ones nor vouched for by the roster.
pub const RULES_NOT_APPROVED: &str = "rules-not-approved";

/// The outcome of one question to the set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It may go on.
    Permit(Permit),
    /// It may not.
    Deny(Denial),
}

impl Decision {
    /// The denial, if it is one.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Permit(_) => None,
            Self::Deny(denial) => Some(denial),
        }
    }

    /// Whether it may go on.
    #[must_use]
    pub fn is_permit(&self) -> bool {
        self.denial().is_none()
    }

    /// Ids of the rules that decided, heaviest first.
    #[must_use]
    pub fn determining(&self) -> Vec<String> {
        match self {
            Self::Permit(permit) => permit.determining.clone(),
            Self::Deny(denial) => denial.reasons.iter().map(|reason| reason.rule.clone()).collect(),
        }
    }
}

/// A permit and the rules it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permit {
    /// Ids of the rules that permit, in order of precedence.
    pub determining: Vec<String>,
}

/// What sort of obstacle a rule is, so that a server can choose how to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DenialClass {
    /// Not allowed; asking again changes nothing until an administrator does something.
    #[default]
    Access,
    /// The allowance is used up; asking later may succeed.
    Quota,
    /// Something in the text; the caller can change the text.
    Data,
    /// The gate itself failed.
    Fault,
}

/// One rule that stood in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// Id of the rule (`@id`).
    pub rule: String,
    /// What to do about it, in English (`@remedy`).
    pub remedy: String,
    /// What to do about it, in Dutch (`@remedy_nl`).
    pub remedy_nl: String,
    /// What sort of obstacle it is (`@class`).
    pub class: DenialClass,
    /// Where whom it stops can do that (`@link`): a path of the server, or an address.
    pub link: Option<String>,
    /// Where the rule stands; `None` for those that are built in.
    pub place: Option<Place>,
}

/// A denial: an outcome, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// Id of the heaviest rule: the headline.
    pub rule: String,
    /// Its remedy in English.
    pub remedy: String,
    /// Its remedy in Dutch.
    pub remedy_nl: String,
    /// Its class.
    pub class: DenialClass,
    /// Where to do something about it.
    pub link: Option<String>,
    /// Every rule that stood in the way, heaviest first; the first is the headline.
    pub reasons: Vec<Reason>,
    /// Ids of rules that could not be evaluated; not empty only under `policy-error`.
    pub erring: Vec<String>,
}

impl Denial {
    /// From reasons in order of precedence; an empty list is the default denial.
    pub(crate) fn from_reasons(mut reasons: Vec<Reason>, erring: Vec<String>) -> Self {
        if !erring.is_empty() {
            reasons.insert(0, Reason::policy_error());
        }
        let head = reasons.first().cloned().unwrap_or_else(Reason::no_rule_permits);
        if reasons.is_empty() {
            reasons.push(head.clone());
        }
        Self {
            rule: head.rule,
            remedy: head.remedy,
            remedy_nl: head.remedy_nl,
            class: head.class,
            link: head.link,
            reasons,
            erring,
        }
    }

    pub(crate) fn one(reason: Reason) -> Self {
        Self::from_reasons(vec![reason], Vec::new())
    }
}

impl Reason {
    fn built_in(rule: &str, class: DenialClass, remedy: &str, remedy_nl: &str) -> Self {
        let (rule, remedy, remedy_nl) = (rule.into(), remedy.into(), remedy_nl.into());
        Self { rule, remedy, remedy_nl, class, link: None, place: None }
    }

    pub(crate) fn policy_error() -> Self {
        Self::built_in(
            POLICY_ERROR,
            DenialClass::Fault,
            "The rules could not be evaluated for this request, so it is refused. Ask the administrator to look \
             up this request in the log and to correct the rule or the facts it names.",
            "De regels konden voor dit verzoek niet worden toegepast, daarom is het geweigerd. Vraag de beheerder \
             dit verzoek in het logboek op te zoeken en de genoemde regel of gegevens te herstellen.",
        )
    }

    pub(crate) fn no_rule_permits() -> Self {
        Self::built_in(
            NO_RULE_PERMITS,
            DenialClass::Access,
            "No rule permits this request. Ask the administrator to add a rule that does to policy/rules, if it \
             should be permitted.",
            "Geen enkele regel staat dit verzoek toe. Vraag de beheerder een regel aan policy/rules toe te voegen, \
             als het wel toegestaan hoort te zijn.",
        )
    }

    pub(crate) fn rules_not_approved() -> Self {
        Self::built_in(
            RULES_NOT_APPROVED,
            DenialClass::Access,
            "The rules in the policy folder are not the built-in ones, and no signed roster names them. Ask the \
             administrator to restore them, or to have the roster signed with their rules_sha256: proeftuin roster check.",
            "De regels in de beleidsmap zijn niet de ingebouwde, en geen ondertekend rooster noemt ze. Vraag de \
             beheerder ze te herstellen, of het rooster met hun rules_sha256 te laten ondertekenen: proeftuin roster check.",
        )
    }

    pub(crate) fn use_case_unknown() -> Self {
        Self::built_in(
            USE_CASE_UNKNOWN,
            DenialClass::Access,
            "The use case of this key has no record. Ask the administrator to add it to policy/use-cases, or to \
             issue a key for a use case that has one.",
            "De toepassing van deze sleutel heeft geen dossier. Vraag de beheerder het aan policy/use-cases toe te \
             voegen, of een sleutel uit te geven voor een toepassing die er wel een heeft.",
        )
    }
}

/// What denials tell that come from no rule of the policy folder.
#[must_use]
pub fn built_in_reasons() -> [Reason; 4] {
    [
        Reason::policy_error(),
        Reason::no_rule_permits(),
        Reason::rules_not_approved(),
        Reason::use_case_unknown(),
    ]
}

/// A language to explain in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Dutch.
    Dutch,
}

impl Decision {
    /// The decision in plain words, one line for the outcome and one for each rule, without content.
    #[must_use]
    pub fn explain(&self, language: Language) -> String {
        let dutch = language == Language::Dutch;
        match self {
            Self::Permit(permit) => {
                let by = permit.determining.join(", ");
                if dutch { format!("Toegestaan door {by}.\n") } else { format!("Permitted by {by}.\n") }
            }
            Self::Deny(denial) => denial.explain(dutch),
        }
    }
}

impl Denial {
    fn explain(&self, dutch: bool) -> String {
        let mut text = match (dutch, self.reasons.len()) {
            (false, 1) => "Denied by one rule:\n".to_owned(),
            (false, count) => format!("Denied by {count} rules, the heaviest first:\n"),
            (true, 1) => "Geweigerd door één regel:\n".to_owned(),
            (true, count) => format!("Geweigerd door {count} regels, de zwaarste eerst:\n"),
        };
        for reason in &self.reasons {
            let remedy = if dutch { &reason.remedy_nl } else { &reason.remedy };
            let place = reason.place.as_ref().map_or(String::new(), |place| format!(" ({place})"));
            text.push_str(&format!("- {}{place}: {remedy}\n", reason.rule));
        }
        if !self.erring.is_empty() {
            let label = if dutch { "Niet toe te passen" } else { "Could not be evaluated" };
            text.push_str(&format!("{label}: {}.\n", self.erring.join(", ")));
        }
        text
    }
}
