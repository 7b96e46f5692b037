//! What a signature covers, in parts, so that a change can be named.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::judge::Fault;
use super::statement::{Moment, canonical};
use crate::Error;
use crate::accountability::Accountability;
use crate::evaluation::Demand;
use crate::files::PolicyFiles;
use crate::supplier::{Contract, Document, Footing, Processing, Supplier, SupplierException};
use crate::use_case::{Assessment, Exemption, InformedUsers, Limits, Share, UseCase, Window};

/// The parts of a use case as a signer saw them, by SHA-256 (lowercase hexadecimal).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Covers {
    /// The record: what it says, but not how it is laid out, and not its status.
    pub record: String,
    /// The assessments that lie there, by name: `dpia`, `iama`.
    pub assessments: BTreeMap<String, String>,
    /// The pinned hash of each model that the record allows.
    pub models: BTreeMap<String, String>,
    /// The dossier of each model that the record allows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dossiers: BTreeMap<String, String>,
    /// The redaction profile; `none` where its file is not there.
    pub redaction: String,
    /// The measures against risks, where their file is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mitigations: Option<String>,
}

/// The record as JSON. Counts are text: in RFC 8785 a number is a double, which does not hold them all.
#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    kind: &'a str,
    revision: u32,
    title: &'a str,
    purpose: &'a str,
    legal_basis: &'a str,
    organisation: &'a str,
    owner: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operated_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppliers: Vec<SupplierView<'a>>,
    models: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    model_motivation: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    model_signature_required: bool,
    allowed_roles: &'a BTreeSet<String>,
    max_data_class: &'a str,
    redaction_profile: &'a str,
    special_category_action: &'a str,
    restore_placeholders: bool,
    visible_mark: Option<&'a str>,
    processing_activity_id: &'a str,
    not_before: Moment,
    not_after: Moment,
    limits: BTreeMap<&'static str, String>,
    exemption: Option<[&'a str; 2]>,
    accountability: &'a Accountability,
    // What the guidance says may change without new signatures: users acknowledge it anew.
    guidance: Option<&'a str>,
    training: &'a BTreeSet<String>,
    assessment_dates: BTreeMap<&'static str, [Moment; 2]>,
    /// Left out where there are none, so that older signatures keep their meaning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evaluations: Vec<DemandView<'a>>,
}

/// A demanded evaluation as JSON.
#[derive(Serialize)]
struct DemandView<'a> {
    suite: &'a str,
    suite_sha256: &'a str,
    needed_for: &'static str,
    max_age_days: u32,
    /// Least and most, by metric.
    thresholds: BTreeMap<&'a str, [Option<String>; 2]>,
}

/// A supplier as JSON. Where its documents lie may change: what they are is covered by their digests.
#[derive(Serialize)]
struct SupplierView<'a> {
    name: &'a str,
    service: &'static str,
    service_named: Option<&'a str>,
    contract: Option<ContractView<'a>>,
    /// Why, who, and until when.
    exception: Option<(&'a str, &'a str, Moment)>,
    /// Digest and end.
    agreement: Option<(&'a str, Moment)>,
    no_personal_data: Option<&'a str>,
}

/// A contract as JSON.
#[derive(Serialize)]
struct ContractView<'a> {
    reference: &'a str,
    terms: &'static str,
    terms_named: Option<&'a str>,
    sha256: &'a str,
    from: Moment,
    until: Moment,
}

impl Covers {
    /// The parts of the record `case` as they now are.
    ///
    /// # Errors
    /// [`Error::Signature`] when the record has no canonical form: a moment outside the calendar.
    pub(crate) fn of(case: &UseCase, files: &PolicyFiles) -> Result<Self, Error> {
        let assessments = assessments(case);
        let record = canonical(&view(case, &assessments));
        let record = record.map_err(|detail| Error::Signature { path: case.id.clone(), detail })?;
        let profile = files.text(&format!("redaction/{}.toml", case.redaction_profile));
        let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        Ok(Self {
            record: digest(&record),
            assessments: assessments.iter().map(|(name, a)| ((*name).to_owned(), a.sha256.clone())).collect(),
            models: case.model_sha256.clone(),
            dossiers: case.model_dossier_sha256.clone(),
            mitigations: files
                .text(&format!("use-cases/{}.mitigations.toml", case.id))
                .map(|text| digest(text.as_bytes())),
            redaction: profile.map_or_else(|| "none".to_owned(), |text| digest(text.as_bytes())),
        })
    }

    /// The parts that are not as they were, each with what it is, for people.
    pub(super) fn changed(&self, now: &Self) -> Vec<(Fault, String)> {
        let mut changed = Vec::new();
        if self.record != now.record {
            changed.push((Fault::RecordChanged, "the record".to_owned()));
        }
        for name in differing(&self.assessments, &now.assessments) {
            changed.push((Fault::AssessmentChanged, format!("the assessment {name}")));
        }
        for name in differing(&self.models, &now.models) {
            changed.push((Fault::ModelChanged, format!("the pinned hash of model {name}")));
        }
        for name in differing(&self.dossiers, &now.dossiers) {
            changed.push((Fault::ModelChanged, format!("the dossier of model {name}")));
        }
        if self.mitigations != now.mitigations {
            changed.push((Fault::RecordChanged, "the file of measures".to_owned()));
        }
        if self.redaction != now.redaction {
            changed.push((Fault::RedactionChanged, "the redaction profile".to_owned()));
        }
        changed
    }
}

/// Keys whose values are not the same in both.
fn differing<'a>(
    one: &'a BTreeMap<String, String>,
    other: &'a BTreeMap<String, String>,
) -> BTreeSet<&'a String> {
    one.keys().chain(other.keys()).filter(|key| one.get(*key) != other.get(*key)).collect()
}

fn assessments(case: &UseCase) -> BTreeMap<&'static str, &Assessment> {
    let named = [("dpia", &case.evidence.dpia), ("iama", &case.evidence.iama)];
    named.into_iter().filter_map(|(name, assessment)| Some((name, assessment.as_ref()?))).collect()
}

/// Every field is named, so that a new one cannot be forgotten here.
fn view<'a>(case: &'a UseCase, assessments: &BTreeMap<&'static str, &Assessment>) -> View<'a> {
    let UseCase {
        id,
        kind,
        revision,
        title,
        purpose,
        legal_basis,
        organisation,
        owner,
        operated_by,
        suppliers,
        // Moves with each decision, which names it.
        status: _,
        models,
        // Parts of their own.
        model_sha256: _,
        model_dossier_sha256: _,
        evidence: _,
        model_motivation,
        model_signature_required,
        allowed_roles,
        max_data_class,
        redaction_profile,
        special_category_action,
        restore_placeholders,
        visible_mark,
        processing_activity_id,
        window: Window { not_before_ms, not_after_ms },
        limits,
        exemption,
        accountability,
        informed: InformedUsers { guidance, training },
        evaluations,
        // The text, with its layout.
        sha256: _,
    } = case;
    View {
        id,
        kind: kind.name(),
        revision: *revision,
        title,
        purpose,
        legal_basis,
        organisation,
        owner,
        operated_by: operated_by.map(|operator| operator.name()),
        suppliers: suppliers.iter().map(supplied).collect(),
        models,
        model_motivation,
        model_signature_required: *model_signature_required,
        allowed_roles,
        max_data_class: max_data_class.name(),
        redaction_profile,
        special_category_action: special_category_action.name(),
        restore_placeholders: *restore_placeholders,
        visible_mark: visible_mark.as_deref(),
        processing_activity_id,
        not_before: Moment(*not_before_ms),
        not_after: Moment(*not_after_ms),
        limits: counts(limits),
        exemption: exemption.as_ref().map(exempt),
        accountability,
        guidance: guidance.as_deref(),
        training,
        assessment_dates: assessments.iter().map(|(name, a)| (*name, dates(a))).collect(),
        evaluations: evaluations.iter().map(demanded).collect(),
    }
}

fn exempt(Exemption { ground, authority }: &Exemption) -> [&str; 2] {
    [ground, authority]
}

/// When it was done, and when it is done again.
fn dates(assessment: &Assessment) -> [Moment; 2] {
    [Moment(assessment.date_ms), Moment(assessment.review_by_ms)]
}

/// Every field is named here too.
fn supplied(supplier: &Supplier) -> SupplierView<'_> {
    let Supplier { name, service, service_named, footing, processing } = supplier;
    let (contract, exception) = match footing {
        Footing::Missing => (None, None),
        Footing::Contract(contract) => (Some(contracted(contract)), None),
        Footing::Exception(SupplierException { motivation, by, until_ms }) => {
            (None, Some((motivation.as_str(), by.as_str(), Moment(*until_ms))))
        }
    };
    let (agreement, no_personal_data) = match processing {
        Processing::NotSaid => (None, None),
        Processing::NoPersonalData(why) => (None, Some(why.as_str())),
        Processing::Agreement { document: Document { sha256, file: _ }, until_ms } => {
            (Some((sha256.as_str(), Moment(*until_ms))), None)
        }
    };
    let (service, service_named) = (service.name(), service_named.as_deref());
    SupplierView { name, service, service_named, contract, exception, agreement, no_personal_data }
}

fn contracted(contract: &Contract) -> ContractView<'_> {
    let Contract { reference, terms, terms_named, document, from_ms, until_ms } = contract;
    let Document { sha256, file: _ } = document;
    ContractView {
        reference,
        terms: terms.name(),
        terms_named: terms_named.as_deref(),
        sha256,
        from: Moment(*from_ms),
        until: Moment(*until_ms),
    }
}

/// Every field is named here too.
fn demanded(demand: &Demand) -> DemandView<'_> {
    let Demand { suite, suite_sha256, needed_for, max_age_days, thresholds } = demand;
    let text = |number: Option<crate::evaluation::Decimal>| number.map(|number| number.to_string());
    let thresholds = thresholds.iter();
    DemandView {
        suite,
        suite_sha256,
        needed_for: needed_for.name(),
        max_age_days: *max_age_days,
        thresholds: thresholds.map(|(name, t)| (name.as_str(), [text(t.min), text(t.max)])).collect(),
    }
}

/// The limits that are stated, each by its key in the record. Every field is named here too.
fn counts(limits: &Limits) -> BTreeMap<&'static str, String> {
    let Limits {
        tokens_per_request,
        requests_per_minute,
        tokens_per_day,
        tokens_per_minute,
        requests_per_day,
        key,
        user,
    } = *limits;
    let share = |share: Share| {
        let Share { requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day } = share;
        [requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day]
    };
    let [key_requests_minute, key_requests_day, key_tokens_minute, key_tokens_day] = share(key);
    let [user_requests_minute, user_requests_day, user_tokens_minute, user_tokens_day] = share(user);
    let stated = [
        ("tokens_per_request", Some(tokens_per_request)),
        ("requests_per_minute", Some(requests_per_minute)),
        ("requests_per_day", requests_per_day),
        ("tokens_per_minute", tokens_per_minute),
        ("tokens_per_day", Some(tokens_per_day)),
        ("key.requests_per_minute", key_requests_minute),
        ("key.requests_per_day", key_requests_day),
        ("key.tokens_per_minute", key_tokens_minute),
        ("key.tokens_per_day", key_tokens_day),
        ("user.requests_per_minute", user_requests_minute),
        ("user.requests_per_day", user_requests_day),
        ("user.tokens_per_minute", user_tokens_minute),
        ("user.tokens_per_day", user_tokens_day),
    ];
    stated.into_iter().filter_map(|(name, count)| Some((name, count?.to_string()))).collect()
}
