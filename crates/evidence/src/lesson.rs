//! What one organisation can learn from another: a use case without names, addresses and internal ids.

use std::collections::BTreeMap;

use policy::{Footing, Processing, Role, Status};
use registry::Source;
use serde::{Deserialize, Serialize};

use crate::dossier::ends_ms;
use crate::veil::Veil;
use crate::words::{iso_date, iso_month};
use crate::{Error, Subject, purl};

/// A use case as it is shared. Dates are days or months in UTC, digests lowercase hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Month in which it was shared: `2026-01`.
    pub made: String,
    /// Title.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// Legal basis.
    pub legal_basis: String,
    /// Where it stood. Whoever takes it over begins with a draft of their own.
    pub status: Status,
    /// Heaviest class of data, by its name in records.
    pub max_data_class: String,
    /// Categories of personal data.
    pub data_categories: Vec<String>,
    /// Groups of people whom it touches.
    pub affected_groups: Vec<String>,
    /// What else was considered.
    pub alternatives: String,
    /// Why the means fit the end.
    pub proportionality: String,
    /// How people check the answers.
    pub human_oversight: String,
    /// How long what is kept.
    pub retention: String,
    /// How the organisation stops.
    pub exit_plan: String,
    /// What the program enforces, by name.
    pub mitigations: BTreeMap<String, String>,
    /// Assessments that were done.
    pub assessments: Vec<LessonAssessment>,
    /// Models it may use.
    pub models: Vec<LessonModel>,
    /// Who runs it: `organisation` or `suppliers`. Bundles that were made before this was asked say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operated_by: Option<String>,
    /// Its suppliers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppliers: Vec<LessonSupplier>,
    /// Advice that was given.
    pub advice: Vec<LessonAdvice>,
    /// What the owner decided.
    pub decisions: Vec<LessonDecision>,
}

/// An assessment by its digest: who holds the same document can tell that it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonAssessment {
    /// `dpia` or `iama`.
    pub name: String,
    /// SHA-256 of the document.
    pub sha256: String,
    /// Day on which it was done.
    pub date: String,
    /// Day by which it is reviewed.
    pub review_by: String,
}

/// A supplier, without the number of its contract. Who holds the same contract can tell that it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonSupplier {
    /// Its name, as far as it names no person.
    pub name: String,
    /// What it does, by its name in records, or in words.
    pub service: String,
    /// Terms of the contract, by their name in records, or in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// SHA-256 of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_sha256: Option<String>,
    /// Day on which the contract or the exception is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why it is taken without a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// SHA-256 of the processing agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_sha256: Option<String>,
    /// Why it comes near no personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_personal_data: Option<String>,
}

/// A model by what is public of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonModel {
    /// SHA-256 of the pinned weights.
    pub sha256: String,
    /// Package URL, where it comes from a public place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// SPDX expression.
    pub license: String,
    /// Whether the weights are open.
    pub weights_open: bool,
    /// What is known of the training data.
    pub training_data: String,
    /// Evaluations that the use case demands of it and that hold.
    pub evaluations: Vec<LessonEvaluation>,
}

/// An evaluation of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonEvaluation {
    /// Name of the suite.
    pub suite: String,
    /// SHA-256 of the signed report's statement.
    pub report_sha256: String,
    /// Day on which it lapses.
    pub expires: String,
}

/// An advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonAdvice {
    /// Who advised, by role.
    pub role: Role,
    /// What it said.
    pub verdict: policy::Outcome,
    /// Month in which it was given.
    pub month: String,
    /// Its conditions.
    pub conditions: Vec<LessonCondition>,
}

/// A condition of an advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonCondition {
    /// The check that it is, by name, or its words.
    pub asks: String,
    /// `checked`, `signed-off`, `open` or `not-judged`.
    pub state: String,
}

/// A decision of the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonDecision {
    /// State before.
    pub from: Status,
    /// State after.
    pub to: Status,
    /// Month of the decision.
    pub month: String,
    /// Why it deviated from advice, by role.
    pub deviations: BTreeMap<String, String>,
}

impl Lesson {
    /// What can be shared of a use case. `redact` strips what it recognises from a text, or says, without content, why
    /// it could not.
    ///
    /// # Errors
    /// [`Error::Redaction`] when it could not: nothing is shared then.
    pub fn of(subject: &Subject<'_>, redact: &dyn Fn(&str) -> Result<String, String>) -> Result<Self, Error> {
        let case = subject.case;
        let account = &subject.accountability;
        let veil = veil(subject, redact);
        let models = subject.models.iter().filter_map(|model| model.entry);
        Ok(Self {
            made: iso_month(subject.made_ms),
            title: veil.text("title", &case.title)?,
            purpose: veil.text("purpose", &case.purpose)?,
            legal_basis: veil.text("legal_basis", &case.legal_basis)?,
            status: case.status,
            max_data_class: case.max_data_class.name().to_owned(),
            data_categories: veil.texts("accountability.data_categories", &account.data_categories)?,
            affected_groups: veil.texts("accountability.affected_groups", &account.affected_groups)?,
            alternatives: veil.text("accountability.alternatives", &account.alternatives)?,
            proportionality: veil.text("accountability.proportionality", &account.proportionality)?,
            human_oversight: veil.text("accountability.human_oversight", &account.human_oversight)?,
            retention: veil.text("accountability.retention", &account.retention)?,
            exit_plan: veil.text("accountability.exit_plan", &account.exit_plan)?,
            mitigations: mitigations(subject),
            assessments: assessments(subject),
            models: models.map(|entry| model(subject, entry, &veil)).collect::<Result<_, _>>()?,
            operated_by: case.operated_by.map(|operator| operator.name().to_owned()),
            suppliers: suppliers(subject, &veil)?,
            advice: advice(subject, &veil)?,
            decisions: decisions(subject, &veil)?,
        })
    }
}

/// Knows every name that the record and the roster hold.
fn veil<'a>(subject: &Subject<'_>, redact: &'a dyn Fn(&str) -> Result<String, String>) -> Veil<'a> {
    let case = subject.case;
    let mut veil = Veil::new(redact);
    veil.body(&case.organisation, "[organisation]");
    veil.body(&case.owner, "[owner]");
    for (_, person) in &subject.people {
        veil.person(person, "[person]");
    }
    if let Some(exemption) = &case.exemption {
        veil.body(&exemption.authority, "[authority]");
    }
    for supplier in &case.suppliers {
        match &supplier.footing {
            Footing::Missing => {}
            Footing::Contract(contract) => veil.name(&contract.reference, "[contract]"),
            Footing::Exception(exception) => veil.body(&exception.by, "[authority]"),
        }
    }
    // An id of one plain word is a word, and would cover it everywhere.
    for id in [&case.id, &case.processing_activity_id, &case.redaction_profile] {
        if id.contains(|c: char| !c.is_alphabetic()) {
            veil.name(id, "[id]");
        }
    }
    for role in &case.allowed_roles {
        if role.contains(|c: char| !c.is_alphabetic()) {
            veil.name(role, "[role]");
        }
    }
    veil
}

fn mitigations(subject: &Subject<'_>) -> BTreeMap<String, String> {
    let case = subject.case;
    let mut enforced = BTreeMap::from(
        [
            ("special-categories", case.special_category_action.name().to_owned()),
            ("restore-placeholders", case.restore_placeholders.to_string()),
            ("tokens-per-request", case.limits.tokens_per_request.to_string()),
            ("requests-per-minute", case.limits.requests_per_minute.to_string()),
            ("tokens-per-day", case.limits.tokens_per_day.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    for check in &subject.approvals.conditions {
        enforced.insert(check.name().to_owned(), "true".to_owned());
    }
    enforced
}

fn assessments(subject: &Subject<'_>) -> Vec<LessonAssessment> {
    let evidence = &subject.case.evidence;
    let named = [("dpia", &evidence.dpia), ("iama", &evidence.iama)];
    let told = named.into_iter().filter_map(|(name, assessment)| {
        let assessment = assessment.as_ref()?;
        Some(LessonAssessment {
            name: name.to_owned(),
            sha256: assessment.sha256.clone(),
            date: iso_date(assessment.date_ms),
            review_by: iso_date(assessment.review_by_ms),
        })
    });
    told.collect()
}

fn model(subject: &Subject<'_>, entry: &registry::Model, veil: &Veil<'_>) -> Result<LessonModel, Error> {
    let public = matches!(entry.source, Source::Pypi { .. } | Source::HuggingFace { .. });
    let of_this = subject.evaluations.evaluated.iter().filter(|evaluated| evaluated.model == entry.id);
    let mut evaluations = Vec::new();
    // Only what holds but for the clock: a report that counts for nothing teaches nothing.
    for evaluated in of_this.filter(|evaluated| evaluated.faults.is_empty()) {
        let (Some(report_sha256), Some(end)) = (&evaluated.report_sha256, ends_ms(evaluated)) else {
            continue;
        };
        evaluations.push(LessonEvaluation {
            suite: veil.text("evaluation.suite", &evaluated.demand.suite)?,
            report_sha256: report_sha256.clone(),
            expires: iso_date(end),
        });
    }
    Ok(LessonModel {
        sha256: hex::encode(entry.sha256()),
        package: public.then(|| purl::package(entry)),
        license: entry.license.clone(),
        weights_open: entry.weights_open(),
        training_data: veil.text("training_data", entry.training_data())?,
        evaluations,
    })
}

fn suppliers(subject: &Subject<'_>, veil: &Veil<'_>) -> Result<Vec<LessonSupplier>, Error> {
    let mut told = Vec::new();
    for supplier in &subject.case.suppliers {
        let named = |words: &Option<String>, name: &str| match words {
            Some(words) => veil.text("supplier", words),
            None => Ok(name.to_owned()),
        };
        let mut one = LessonSupplier {
            name: veil.text("supplier.name", &supplier.name)?,
            service: named(&supplier.service_named, supplier.service.name())?,
            terms: None,
            contract_sha256: None,
            until: None,
            exception: None,
            agreement_sha256: None,
            no_personal_data: None,
        };
        match &supplier.footing {
            Footing::Missing => {}
            Footing::Contract(contract) => {
                one.terms = Some(named(&contract.terms_named, contract.terms.name())?);
                one.contract_sha256 = Some(contract.document.sha256.clone());
                one.until = Some(iso_date(contract.until_ms));
            }
            Footing::Exception(exception) => {
                one.exception = Some(veil.text("supplier.exception.motivation", &exception.motivation)?);
                one.until = Some(iso_date(exception.until_ms));
            }
        }
        match &supplier.processing {
            Processing::NotSaid => {}
            Processing::NoPersonalData(why) => {
                one.no_personal_data = Some(veil.text("supplier.no_personal_data", why)?);
            }
            Processing::Agreement { document, .. } => one.agreement_sha256 = Some(document.sha256.clone()),
        }
        told.push(one);
    }
    Ok(told)
}

fn advice(subject: &Subject<'_>, veil: &Veil<'_>) -> Result<Vec<LessonAdvice>, Error> {
    let mut given = Vec::new();
    for role in [Role::Cio, Role::Fg] {
        let Some((verdict, date_ms)) = subject.advice(role) else { continue };
        let mut conditions = Vec::new();
        for condition in subject.conditions().into_iter().filter(|condition| condition.role == role) {
            let asks = match (condition.check, condition.text) {
                (Some(check), _) => check.name().to_owned(),
                (None, text) => veil.text("a condition", text.unwrap_or_default())?,
            };
            conditions.push(LessonCondition { asks, state: condition.state.name().to_owned() });
        }
        given.push(LessonAdvice { role, verdict, month: iso_month(date_ms), conditions });
    }
    Ok(given)
}

fn decisions(subject: &Subject<'_>, veil: &Veil<'_>) -> Result<Vec<LessonDecision>, Error> {
    let mut taken = Vec::new();
    for step in subject.steps() {
        let mut deviations = BTreeMap::new();
        for (role, why) in step.deviations {
            deviations.insert(role.clone(), veil.text("a deviation", why)?);
        }
        taken.push(LessonDecision {
            from: step.from,
            to: step.to,
            month: iso_month(step.date_ms),
            deviations,
        });
    }
    Ok(taken)
}
