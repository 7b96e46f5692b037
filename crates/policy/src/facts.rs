//! Facts → Cedar entities and context. Names here are the names in `schema.cedarschema`.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use crate::approval::{Advised, Approvals, Decided};
use crate::assessment::Assessments;
use crate::evaluation::{EvaluationFacts, Evaluations};
use crate::informed::Asked;
use crate::request::{
    ClearanceRequest, DossierFacts, EntryRequest, FindingFacts, ModelFacts, Principal, QuotaFacts,
};
use crate::supplier::Suppliers;
use crate::use_case::{Assessment, UseCase};

/// Facts that Cedar cannot hold. Always ends in a denial; the text is for loading, never holds a value.
#[derive(Debug)]
pub(crate) struct Fault(pub String);

impl Fault {
    /// The error and what caused it, down to the last cause: Cedar names the attribute only there.
    pub(crate) fn of(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        Self(text)
    }
}

/// What was judged beforehand and concerns this request: controls that are off, evaluations of its model, what is asked of
/// users.
#[derive(Debug, Default)]
pub(crate) struct Judged<'a> {
    pub controls_off: Vec<&'a str>,
    pub evaluations: EvaluationFacts,
    /// `None` for a use case without a record, which is denied for that.
    pub asked: Option<&'a Asked>,
}

/// What lies beside the record of a use case, judged when it was loaded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    pub approvals: Approvals,
    pub assessments: Assessments,
    pub asked: Asked,
    pub evaluations: Evaluations,
    pub suppliers: Suppliers,
}

type Expression = RestrictedExpression;
type Pairs = Vec<(String, Expression)>;

/// The entity types of the schema, parsed once.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    action: EntityTypeName,
    key: EntityTypeName,
    model: EntityTypeName,
    role: EntityTypeName,
    use_case: EntityTypeName,
}

impl Names {
    pub(crate) fn new() -> Result<Self, Fault> {
        let name = |name: &str| EntityTypeName::from_str(name).map_err(Fault::of);
        Ok(Self {
            action: name("Proeftuin::Action")?,
            key: name("Proeftuin::Key")?,
            model: name("Proeftuin::Model")?,
            role: name("Proeftuin::Role")?,
            use_case: name("Proeftuin::UseCase")?,
        })
    }

    pub(crate) fn action(&self, name: &str) -> EntityUid {
        uid(&self.action, name)
    }

    pub(crate) fn use_case(&self, id: &str) -> EntityUid {
        uid(&self.use_case, id)
    }

    pub(crate) fn key(&self, id: &str) -> EntityUid {
        uid(&self.key, id)
    }

    /// The key with its roles; a role is an entity of its own so that `in` works.
    pub(crate) fn key_entities(&self, principal: &Principal) -> Result<Vec<Entity>, Fault> {
        let roles: HashSet<EntityUid> = principal.roles.iter().map(|role| uid(&self.role, role)).collect();
        let mut attributes = HashMap::from([("actor".to_owned(), text(&principal.actor))]);
        if let Some(expires_ms) = principal.expires_ms {
            attributes.insert("expires_ms".into(), Expression::new_long(expires_ms));
        }
        let mut entities: Vec<Entity> =
            roles.iter().map(|role| Entity::new_no_attrs(role.clone(), HashSet::new())).collect();
        entities.push(Entity::new(self.key(&principal.key_id), attributes, roles).map_err(Fault::of)?);
        Ok(entities)
    }

    pub(crate) fn model_entity(&self, model: &ModelFacts) -> Result<Entity, Fault> {
        let mut attributes = HashMap::from([
            ("status".to_owned(), text(&model.status)),
            ("is_default".to_owned(), Expression::new_bool(model.is_default)),
            ("signature".to_owned(), text(model.signature.name())),
        ]);
        if let Some(dossier) = &model.dossier {
            attributes.insert("dossier".into(), self::dossier(dossier)?);
        }
        if let Some(sha256) = model.pinned_sha256 {
            attributes.insert("pinned_sha256".into(), text(&hex::encode(sha256)));
        }
        if let Some(sha256) = model.loaded_sha256 {
            attributes.insert("loaded_sha256".into(), text(&hex::encode(sha256)));
        }
        Entity::new(uid(&self.model, &model.id), attributes, HashSet::new()).map_err(Fault::of)
    }

    pub(crate) fn use_case_entity(&self, case: &UseCase, beside: &Beside) -> Result<Entity, Fault> {
        let Beside { approvals, assessments, asked, suppliers, evaluations: _ } = beside;
        let entities = |kind: &EntityTypeName, ids: &std::collections::BTreeSet<String>| {
            Expression::new_set(ids.iter().map(|id| Expression::new_entity_uid(uid(kind, id))))
        };
        let mut pairs: Pairs = vec![
            ("kind".into(), text(case.kind.name())),
            ("revision".into(), Expression::new_long(case.revision.into())),
            ("organisation".into(), text(&case.organisation)),
            ("status".into(), text(case.status.name())),
            ("models".into(), entities(&self.model, &case.models)),
            (
                "motivated_models".into(),
                entities(&self.model, &case.model_motivation.keys().cloned().collect()),
            ),
            ("model_signature_required".into(), Expression::new_bool(case.model_signature_required)),
            ("allowed_roles".into(), entities(&self.role, &case.allowed_roles)),
            ("max_data_class".into(), Expression::new_long(case.max_data_class.rank())),
            ("redaction_profile".into(), text(&case.redaction_profile)),
            ("special_category_action".into(), text(case.special_category_action.name())),
            ("restore_placeholders".into(), Expression::new_bool(case.restore_placeholders)),
            ("processing_activity_id".into(), text(&case.processing_activity_id)),
            ("not_before_ms".into(), Expression::new_long(case.window.not_before_ms)),
            ("not_after_ms".into(), Expression::new_long(case.window.not_after_ms)),
            ("tokens_per_request".into(), long(case.limits.tokens_per_request)?),
            ("requests_per_minute".into(), long(case.limits.requests_per_minute)?),
            ("tokens_per_day".into(), long(case.limits.tokens_per_day)?),
            ("unanswered".into(), Expression::new_set(case.accountability.missing().into_iter().map(text))),
            ("evidence".into(), self.evidence(case, approvals)?),
            ("assessments".into(), standings(assessments)?),
            (
                "evaluations_demanded".into(),
                texts(case.evaluations.iter().map(|demand| demand.suite.as_str())),
            ),
            ("open_measures".into(), texts(assessments.measures.open.iter().map(String::as_str))),
        ];
        pairs.extend(asked.attributes()?);
        pairs.push(("suppliers".into(), self::suppliers(suppliers)?));
        pairs.extend(case.operated_by.map(|operator| ("operated_by".into(), text(operator.name()))));
        if let Some(exemption) = &case.exemption {
            let record = vec![
                ("ground".to_owned(), text(&exemption.ground)),
                ("authority".to_owned(), text(&exemption.authority)),
            ];
            pairs.push(("exemption".into(), Expression::new_record(record).map_err(Fault::of)?));
        }
        let attributes = pairs.into_iter().collect();
        Entity::new(self.use_case(&case.id), attributes, HashSet::new()).map_err(Fault::of)
    }

    /// Assessments as the record has them; of advice, decision and models what was signed and holds.
    fn evidence(&self, case: &UseCase, approvals: &Approvals) -> Result<Expression, Fault> {
        let signed_model = |(id, sha256): (&String, &String)| {
            let model = ("model".to_owned(), Expression::new_entity_uid(uid(&self.model, id)));
            Expression::new_record([model, ("sha256".to_owned(), text(sha256))]).map_err(Fault::of)
        };
        let mut pairs = optional_evidence(case, approvals)?;
        for (name, signed) in [("models", &approvals.models), ("dossiers", &approvals.dossiers)] {
            let signed: Vec<_> = signed.iter().map(signed_model).collect::<Result<_, _>>()?;
            pairs.push((name.into(), Expression::new_set(signed)));
        }
        pairs.push(("faults".into(), texts(approvals.fault_codes())));
        pairs.push(("conditions".into(), texts(approvals.conditions.iter().map(|c| c.name()))));
        let open = approvals.open_conditions.iter().map(String::as_str);
        pairs.push(("open_conditions".into(), texts(open)));
        Expression::new_record(pairs).map_err(Fault::of)
    }

    /// Context of an action at the door.
    pub(crate) fn entry_context(
        &self,
        request: &EntryRequest,
        judged: &Judged<'_>,
    ) -> Result<Context, Fault> {
        Context::from_pairs(self.entry_pairs(request, judged)?).map_err(Fault::of)
    }

    /// Context of `clear`: the door's, and what was found.
    pub(crate) fn clearance_context(
        &self,
        request: &ClearanceRequest,
        judged: &Judged<'_>,
    ) -> Result<Context, Fault> {
        let mut pairs = self.entry_pairs(&request.entry, judged)?;
        pairs.extend(finding_pairs(&request.findings)?);
        Context::from_pairs(pairs).map_err(Fault::of)
    }

    fn entry_pairs(&self, request: &EntryRequest, judged: &Judged<'_>) -> Result<Pairs, Fault> {
        let nothing = Asked::default();
        let asked = judged.asked.unwrap_or(&nothing);
        let mut pairs: Pairs = vec![
            ("now_ms".into(), Expression::new_long(request.now_ms)),
            ("loopback".into(), Expression::new_bool(request.loopback)),
            ("controls_off".into(), texts(judged.controls_off.iter().copied())),
            ("informed".into(), asked.context(&request.informed, request.now_ms)?),
        ];
        if request.action.generates() {
            if let Some(model) = &request.model {
                pairs.push(("model".into(), Expression::new_entity_uid(uid(&self.model, &model.id))));
            }
            pairs.extend(quota_pairs(&request.quota)?);
            pairs.push(("evaluations".into(), evaluations(&judged.evaluations)?));
        }
        Ok(pairs)
    }
}

fn dossier(facts: &DossierFacts) -> Result<Expression, Fault> {
    let mut pairs: Pairs = vec![
        ("sha256".into(), text(&hex::encode(facts.sha256))),
        ("open_points".into(), texts(facts.open_points.iter().map(String::as_str))),
    ];
    if let Some(lapses_ms) = facts.review_lapses_ms {
        pairs.push(("review_lapses_ms".into(), Expression::new_long(lapses_ms)));
    }
    Expression::new_record(pairs).map_err(Fault::of)
}

/// Where each assessment stands, by its name.
fn standings(assessments: &Assessments) -> Result<Expression, Fault> {
    let pairs = assessments.standings.iter().map(|(kind, standing)| (kind.name().to_owned(), text(standing)));
    Expression::new_record(pairs).map_err(Fault::of)
}

fn evaluations(facts: &EvaluationFacts) -> Result<Expression, Fault> {
    let mut pairs: Pairs = vec![("faults".into(), texts(facts.faults.iter().copied()))];
    let dates =
        [("last_ms", facts.last_ms), ("expires_ms", facts.expires_ms), ("too_old_ms", facts.too_old_ms)];
    pairs.extend(dates.into_iter().filter_map(|(name, ms)| Some((name.into(), Expression::new_long(ms?)))));
    Expression::new_record(pairs).map_err(Fault::of)
}

fn suppliers(judged: &Suppliers) -> Result<Expression, Fault> {
    let mut pairs: Pairs = vec![("faults".into(), texts(judged.faults()))];
    let dates = [
        ("begins_ms", judged.begins_ms),
        ("ends_ms", judged.ends_ms),
        ("agreement_ends_ms", judged.agreement_ends_ms),
        ("exception_ends_ms", judged.exception_ends_ms),
    ];
    pairs.extend(dates.into_iter().filter_map(|(name, ms)| Some((name.into(), Expression::new_long(ms?)))));
    Expression::new_record(pairs).map_err(Fault::of)
}

fn quota_pairs(quota: &QuotaFacts) -> Result<Pairs, Fault> {
    Ok(vec![
        ("tokens_reserved".into(), long(quota.tokens_reserved)?),
        ("tokens_today".into(), long(quota.tokens_today)?),
        ("requests_this_minute".into(), long(quota.requests_this_minute)?),
    ])
}

fn finding_pairs(findings: &FindingFacts) -> Result<Pairs, Fault> {
    let found = findings.counts.iter().filter(|(_, count)| **count > 0);
    let kinds = found.map(|(kind, _)| text(kind)).collect::<Vec<_>>();
    let total = findings.counts.values().try_fold(0u64, |sum, count| sum.checked_add(*count));
    let total = total.ok_or_else(|| Fault("more findings than can be counted".into()))?;
    let special = findings.special_categories.iter().map(|name| text(name));
    Ok(vec![
        ("finding_types".into(), Expression::new_set(kinds)),
        ("findings_total".into(), long(total)?),
        ("data_class".into(), Expression::new_long(findings.data_class.rank())),
        ("special_categories".into(), Expression::new_set(special)),
        ("unresolved".into(), long(findings.unresolved)?),
        ("refused".into(), long(findings.refused)?),
        ("detection_failed".into(), Expression::new_bool(findings.failed)),
        ("redaction_profile".into(), text(&findings.profile)),
    ])
}

fn assessment(record: &Assessment) -> Result<Expression, Fault> {
    Expression::new_record([
        ("sha256".to_owned(), text(&record.sha256)),
        ("date_ms".to_owned(), Expression::new_long(record.date_ms)),
        ("review_by_ms".to_owned(), Expression::new_long(record.review_by_ms)),
    ])
    .map_err(Fault::of)
}

fn advised(advice: &Advised) -> Result<Expression, Fault> {
    Expression::new_record([
        ("verdict".to_owned(), text(advice.verdict.name())),
        ("by".to_owned(), text(&advice.by)),
        ("date_ms".to_owned(), Expression::new_long(advice.date_ms)),
        ("expires_ms".to_owned(), Expression::new_long(advice.expires_ms)),
    ])
    .map_err(Fault::of)
}

fn decided(decision: &Decided) -> Result<Expression, Fault> {
    let deviates_from = decision.deviates_from.iter().map(|role| text(role));
    Expression::new_record([
        ("state".to_owned(), text(decision.state.name())),
        ("by".to_owned(), text(&decision.by)),
        ("date_ms".to_owned(), Expression::new_long(decision.date_ms)),
        ("expires_ms".to_owned(), Expression::new_long(decision.expires_ms)),
        ("deviates_from".to_owned(), Expression::new_set(deviates_from)),
    ])
    .map_err(Fault::of)
}

/// The part of the evidence that comes and goes.
fn optional_evidence(case: &UseCase, approvals: &Approvals) -> Result<Pairs, Fault> {
    let mut pairs: Pairs = Vec::new();
    for (name, record) in [("dpia", &case.evidence.dpia), ("iama", &case.evidence.iama)] {
        if let Some(record) = record {
            pairs.push((name.into(), assessment(record)?));
        }
    }
    for (name, advice) in [("cio_advice", &approvals.cio_advice), ("fg_advice", &approvals.fg_advice)] {
        if let Some(advice) = advice {
            pairs.push((name.into(), advised(advice)?));
        }
    }
    if let Some(decision) = &approvals.owner_decision {
        pairs.push(("owner_decision".into(), decided(decision)?));
    }
    if let Some((version, issued_ms, expires_ms)) = approvals.roster {
        let roster = [
            ("version".to_owned(), Expression::new_long(version.into())),
            ("issued_ms".to_owned(), Expression::new_long(issued_ms)),
            ("expires_ms".to_owned(), Expression::new_long(expires_ms)),
        ];
        pairs.push(("roster".into(), Expression::new_record(roster).map_err(Fault::of)?));
    }
    if let Some(sign_offs) = approvals.sign_offs {
        let sign_offs = [
            ("last_ms".to_owned(), Expression::new_long(sign_offs.last_ms)),
            ("expires_ms".to_owned(), Expression::new_long(sign_offs.expires_ms)),
        ];
        pairs.push(("sign_offs".into(), Expression::new_record(sign_offs).map_err(Fault::of)?));
    }
    Ok(pairs)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Expression {
    Expression::new_set(values.into_iter().map(text))
}

pub(crate) fn text(value: &str) -> Expression {
    Expression::new_string(value.to_owned())
}

/// A count as Cedar's `Long`; one that does not fit is a fault, hence a denial.
fn long(value: u64) -> Result<Expression, Fault> {
    i64::try_from(value).map(Expression::new_long).map_err(|_| Fault("a count above 2^63 - 1".into()))
}
