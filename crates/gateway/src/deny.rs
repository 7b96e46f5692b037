//! A denial is an outcome: it is sealed in the log first and told to the caller second.

use ledger::Exceeded;
use policy::{Denial, DenialClass};
use provenance::{DecisionFacts, Leaf, Name, RequestFacts, Stage};

use crate::allowance;
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::{Denied, DeniedKind, Quota, Refusal};

/// A decision against a request, in the form the log and the caller need.
pub(crate) struct Verdict {
    stage: Stage,
    rule: String,
    remedy: String,
    remedy_nl: String,
    kind: DeniedKind,
    link: Option<String>,
    quota: Option<Quota>,
}

impl Verdict {
    /// The policy's denial at `stage`.
    pub(crate) fn of(stage: Stage, denial: &Denial) -> Self {
        Self {
            stage,
            rule: denial.rule.clone(),
            remedy: denial.remedy.clone(),
            remedy_nl: denial.remedy_nl.clone(),
            kind: match denial.class {
                DenialClass::Quota => DeniedKind::Quota,
                _ => DeniedKind::Forbidden,
            },
            link: denial.link.clone(),
            quota: None,
        }
    }

    /// A denial that is built into the gate.
    pub(crate) fn built_in(
        stage: Stage,
        rule: &str,
        remedy: impl Into<String>,
        remedy_nl: impl Into<String>,
    ) -> Self {
        Self {
            stage,
            rule: rule.to_owned(),
            remedy: remedy.into(),
            remedy_nl: remedy_nl.into(),
            kind: DeniedKind::Forbidden,
            link: None,
            quota: None,
        }
    }

    /// The same, said as 401: the key was known and no longer opens anything.
    pub(crate) fn unauthenticated(self) -> Self {
        Self { kind: DeniedKind::Unauthenticated, ..self }
    }

    /// An allowance is used up: 429.
    pub(crate) fn exceeded(stage: Stage, exceeded: &Exceeded) -> Self {
        let quota = allowance::quota(exceeded);
        let verdict = Self::built_in(stage, &quota.rule(), quota.remedy(), quota.remedy_nl());
        Self { kind: DeniedKind::Quota, quota: Some(quota), ..verdict }
    }

    /// Says more of a quota's denial by the policy, where the ledger knows which allowance it is.
    pub(crate) fn explained(self, exceeded: &[Exceeded]) -> Self {
        if self.kind != DeniedKind::Quota {
            return self;
        }
        let mut known = exceeded.iter().map(|exceeded| Self::exceeded(self.stage, exceeded));
        known.find(|known| known.rule == self.rule).unwrap_or(self)
    }
}

/// Seals a refusal that is no decision of the policy (too long, too busy, a store that fails), and gives it back to
/// say. If the log cannot take it, the gate is closed.
pub(crate) async fn seal_refusal(
    gateway: &Gateway,
    facts: RequestFacts,
    stage: Stage,
    rule: &str,
    refusal: Refusal,
) -> Refusal {
    match seal(gateway, facts, Verdict::built_in(stage, rule, "", "")).await {
        Refusal::Denied(_) => refusal,
        closed => closed,
    }
}

/// Makes the denial durable, then gives it to say. If the log cannot take it, the gate is closed.
pub(crate) async fn seal(gateway: &Gateway, mut facts: RequestFacts, verdict: Verdict) -> Refusal {
    let receipt_id = facts.id.to_hex();
    gateway.metrics().denied(&verdict.rule);
    facts.decision = DecisionFacts {
        verdict: provenance::Verdict::Deny,
        stage: verdict.stage,
        rule: Some(Name::new(verdict.rule.clone()).unwrap_or_else(|_| record::unnamed())),
        ..facts.decision
    };
    let denied = provenance::Denied { request: facts, prev_config_event: None };
    let leaf = Leaf::Denied(Box::new(denied));
    match gateway.append(leaf).await {
        Ok(_) => Refusal::Denied(Box::new(Denied {
            kind: verdict.kind,
            rule: verdict.rule,
            remedy: verdict.remedy,
            remedy_nl: verdict.remedy_nl,
            receipt_id: Some(receipt_id),
            link: verdict.link,
            quota: verdict.quota.map(Box::new),
        })),
        Err(closed) => closed,
    }
}
