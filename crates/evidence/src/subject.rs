//! What every document is about: one use case with all that belongs to it, gathered once.

use std::collections::BTreeMap;

use policy::{
    Accountability, Act, Action, Approvals, Check, Decision, EntryRequest, Evaluations, Outcome, PolicySet,
    PublicKey, Reason, Role, Signed, Statement, Status, Suppliers, UseCase,
};
use registry::{Model, Registry};

use crate::Error;

/// A model of the use case.
#[derive(Debug, Clone)]
pub struct NamedModel<'a> {
    /// Its id in the record.
    pub id: &'a str,
    /// Its hash as the signers saw it, 64 hexadecimal digits.
    pub signed_sha256: Option<&'a str>,
    /// The hash of its dossier as the signers saw it.
    pub signed_dossier_sha256: Option<&'a str>,
    /// Why the use case takes it although something of it is closed or unknown.
    pub motivation: Option<&'a str>,
    /// Its entry in `models.toml`, if there is one.
    pub entry: Option<&'a Model>,
}

/// What the log says of a use case: numbers, no content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that were let in.
    pub admitted: u64,
    /// Of those, the ones whose answers came to their end.
    pub completed: u64,
    /// Requests that were denied, by the heaviest rule.
    pub denied: BTreeMap<String, u64>,
    /// Tokens given to the model.
    pub tokens_in: u64,
    /// Tokens that it gave back.
    pub tokens_out: u64,
    /// Personal data found in requests, by kind.
    pub found: BTreeMap<String, u64>,
    /// First and last entry, milliseconds since 1970 UTC.
    pub span_ms: Option<(i64, i64)>,
}

/// One decision of the owner. Its signature is genuine; whether it holds, [`Approvals`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// Counts from 1.
    pub number: u32,
    /// State before.
    pub from: Status,
    /// State after.
    pub to: Status,
    /// When, milliseconds since 1970 UTC.
    pub date_ms: i64,
    /// Who, as the roster calls the person; `None` for a key that the roster does not have.
    pub by: Option<&'a str>,
    /// Why it deviates from advice, by role.
    pub deviations: &'a BTreeMap<String, String>,
}

/// Whether a condition of an advice holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionState {
    /// The rules check it at each request.
    Checked,
    /// Its author signed it off.
    SignedOff,
    /// Nobody signed it off: it blocks.
    Open,
    /// No roster is trusted, so nobody's signature counts.
    NotJudged,
}

impl ConditionState {
    /// Its name in bundles.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::SignedOff => "signed-off",
            Self::Open => "open",
            Self::NotJudged => "not-judged",
        }
    }
}

/// A condition of an advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition<'a> {
    /// Who set it.
    pub role: Role,
    /// Its name within the advice.
    pub id: &'a str,
    /// The check that it is, or `None` for words.
    pub check: Option<Check>,
    /// What it asks, in words.
    pub text: Option<&'a str>,
    /// Whether it holds.
    pub state: ConditionState,
}

/// One use case with all that belongs to it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The record.
    pub case: &'a UseCase,
    /// Its table `[accountability]`.
    pub accountability: &'a Accountability,
    /// What of its signatures holds.
    pub approvals: Approvals,
    /// What became of the evaluations that it demands of its models.
    pub evaluations: Evaluations,
    /// What its suppliers come to.
    pub suppliers: Suppliers,
    /// Its statements whose signature is genuine, in order of date.
    pub signed: Vec<Signed<Statement>>,
    /// The roster's people, by key.
    pub people: Vec<(PublicKey, String)>,
    /// Its models.
    pub models: Vec<NamedModel<'a>>,
    /// What the gate answers now to somebody who may use it.
    pub standing: Decision,
    /// What the rules tell whom they stop, heaviest first.
    pub rules: Vec<&'a Reason>,
    /// SHA-256 of the whole policy folder.
    pub policy_sha256: [u8; 32],
    /// What the log says, where it was asked.
    pub totals: Option<Totals>,
    /// The moment of the document, milliseconds since 1970 UTC.
    pub made_ms: i64,
}

impl<'a> Subject<'a> {
    /// Gathers what belongs to the use case `id` at `made_ms`.
    ///
    /// # Errors
    /// [`Error::UseCaseUnknown`], and [`Error::Policy`] for a signature or roster that does not parse.
    pub fn gather(set: &'a PolicySet, registry: &'a Registry, id: &str, made_ms: i64) -> Result<Self, Error> {
        let case = set.use_case(id).ok_or_else(|| Error::UseCaseUnknown { id: id.to_owned() })?;
        let mut signed = policy::signed_statements(set.files(), id)?;
        signed.retain(|signed| signed.is_genuine() && signed.statement.use_case == id);
        let model = |id: &'a String| NamedModel {
            id,
            signed_sha256: case.model_sha256.get(id).map(String::as_str),
            signed_dossier_sha256: case.model_dossier_sha256.get(id).map(String::as_str),
            motivation: case.model_motivation.get(id).map(String::as_str),
            entry: registry.entry(id).ok(),
        };
        Ok(Self {
            case,
            accountability: &case.accountability,
            approvals: set.approvals(id).cloned().unwrap_or_default(),
            evaluations: set.evaluations(id).cloned().unwrap_or_default(),
            suppliers: set.suppliers(id).cloned().unwrap_or_default(),
            signed,
            people: policy::roster_people(set.files())?,
            models: case.models.iter().map(model).collect(),
            standing: standing(set, case, made_ms),
            rules: set.reasons().collect(),
            policy_sha256: set.digest(),
            totals: None,
            made_ms,
        })
    }

    /// The owner's decisions in order of number.
    #[must_use]
    pub fn steps(&self) -> Vec<Step<'_>> {
        let mut steps: Vec<Step<'_>> = self
            .signed
            .iter()
            .filter_map(|signed| {
                let Act::Decision(decision) = &signed.statement.act else { return None };
                let by = self.people.iter().find(|(key, _)| *key == signed.key);
                Some(Step {
                    number: decision.number,
                    from: decision.from,
                    to: decision.to,
                    date_ms: signed.statement.date.0,
                    by: by.map(|(_, person)| person.as_str()),
                    deviations: &decision.deviations,
                })
            })
            .collect();
        steps.sort_by_key(|step| step.number);
        steps
    }

    /// When it could first run: at the first decision that it does, or when its window began, if that came later. A
    /// window that was moved after a later decision says nothing about the beginning. `None` for what has not begun.
    #[must_use]
    pub fn began_ms(&self) -> Option<i64> {
        let not_before_ms = self.case.window.not_before_ms;
        let steps = self.steps();
        let first_ms = steps.iter().find(|step| step.to.runs())?.date_ms;
        let renewed = steps.last().is_some_and(|last| last.date_ms > not_before_ms);
        let began_ms = if renewed { first_ms } else { first_ms.max(not_before_ms) };
        (began_ms <= self.made_ms).then_some(began_ms)
    }

    /// When it was decided that it ended, if the record says that it has.
    #[must_use]
    pub fn ended_ms(&self) -> Option<i64> {
        if self.case.status != Status::Retired {
            return None;
        }
        self.steps().iter().rev().find(|step| step.to == Status::Retired).map(|step| step.date_ms)
    }

    /// The conditions of both advices.
    #[must_use]
    pub fn conditions(&self) -> Vec<Condition<'_>> {
        let mut conditions = Vec::new();
        for signed in &self.signed {
            let Act::Advice(advice) = &signed.statement.act else { continue };
            let role = signed.statement.role;
            for condition in &advice.conditions {
                let open = format!("{}/{}", role.name(), condition.id);
                let state = match condition.check {
                    _ if self.approvals.roster.is_none() => ConditionState::NotJudged,
                    Some(_) => ConditionState::Checked,
                    None if self.approvals.open_conditions.contains(&open) => ConditionState::Open,
                    None => ConditionState::SignedOff,
                };
                conditions.push(Condition {
                    role,
                    id: &condition.id,
                    check: condition.check,
                    text: condition.text.as_deref(),
                    state,
                });
            }
        }
        conditions
    }

    /// The advice that lies there for a role, held or not: verdict and date.
    #[must_use]
    pub fn advice(&self, role: Role) -> Option<(Outcome, i64)> {
        self.signed.iter().find_map(|signed| match &signed.statement.act {
            Act::Advice(advice) if signed.statement.role == role => {
                Some((advice.verdict, signed.statement.date.0))
            }
            _ => None,
        })
    }

    /// A text of `[accountability]`, unless it is blank.
    pub(crate) fn account(&self, text: impl Fn(&Accountability) -> &String) -> Option<&str> {
        Some(text(self.accountability).trim()).filter(|text| !text.is_empty())
    }
}

/// What the policy answers to somebody who may use it, on the machine itself.
fn standing(set: &PolicySet, case: &UseCase, now_ms: i64) -> Decision {
    let supposed = EntryRequest::supposed(&case.id, case.allowed_roles.iter().cloned(), now_ms);
    set.enter(&EntryRequest { action: Action::ListModels, ..supposed })
}
