//! TOML → [`UseCase`]: every complaint names the key and the line.

mod suppliers;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::value::Datetime;

use crate::Error;
use crate::accountability::Accountability;
use crate::error::{Place, line_at, toml_error};
use crate::evaluation::{DEMANDS_MAX, Demand, DemandRecord, is_sha256};
use crate::supplier::Operator;
use crate::use_case::{
    Assessment, DataClass, Evidence, Exemption, InformedUsers, Kind, Limits, Share, SpecialCategoryAction,
    Status, UseCase, Window,
};

/// Longest visible mark, in characters.
const MARK_CHARS_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: Spanned<String>,
    kind: Kind,
    revision: Spanned<u32>,
    title: Spanned<String>,
    purpose: Spanned<String>,
    legal_basis: Spanned<String>,
    organisation: Spanned<String>,
    owner: Spanned<String>,
    operated_by: Option<Operator>,
    status: Status,
    models: Spanned<Vec<String>>,
    #[serde(default)]
    model_sha256: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    model_dossier_sha256: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    model_motivation: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    model_signature_required: bool,
    allowed_roles: Spanned<Vec<String>>,
    max_data_class: Spanned<DataClass>,
    redaction_profile: Spanned<String>,
    special_category_action: Spanned<SpecialCategoryAction>,
    restore_placeholders: bool,
    visible_mark: Option<Spanned<String>>,
    processing_activity_id: Spanned<String>,
    window: WindowRecord,
    limits: LimitsRecord,
    exemption: Option<Spanned<Exemption>>,
    #[serde(default)]
    evidence: EvidenceRecord,
    #[serde(default)]
    accountability: Accountability,
    #[serde(default)]
    evaluation: Vec<Spanned<DemandRecord>>,
    #[serde(default)]
    informed: InformedRecord,
    #[serde(default)]
    supplier: Vec<suppliers::SupplierRecord>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct InformedRecord {
    guidance: Option<Spanned<String>>,
    #[serde(default)]
    training: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowRecord {
    not_before: Spanned<Datetime>,
    not_after: Spanned<Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsRecord {
    tokens_per_request: Spanned<u64>,
    requests_per_minute: Spanned<u64>,
    tokens_per_day: Spanned<u64>,
    tokens_per_minute: Option<Spanned<u64>>,
    requests_per_day: Option<Spanned<u64>>,
    #[serde(default)]
    key: ShareRecord,
    #[serde(default)]
    user: ShareRecord,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ShareRecord {
    requests_per_minute: Option<Spanned<u64>>,
    requests_per_day: Option<Spanned<u64>>,
    tokens_per_minute: Option<Spanned<u64>>,
    tokens_per_day: Option<Spanned<u64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct EvidenceRecord {
    dpia: Option<AssessmentRecord>,
    iama: Option<AssessmentRecord>,
    // They stood here before they were signed; named so that the complaint can say where they went.
    cio_advice: Option<Spanned<toml::Value>>,
    fg_advice: Option<Spanned<toml::Value>>,
    owner_decision: Option<Spanned<toml::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssessmentRecord {
    sha256: Spanned<String>,
    date: Spanned<Datetime>,
    review_by: Spanned<Datetime>,
}

/// A record's text with its path, to say where something is wrong.
struct Source<'a> {
    path: &'a str,
    text: &'a str,
}

/// Parses the record in `text`; its file is `path`, whose stem must be the id.
pub(crate) fn parse(path: &str, text: &str) -> Result<UseCase, Error> {
    let record: Record = toml::from_str(text).map_err(|error| toml_error(path, text, &error))?;
    let source = Source { path, text };
    let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".toml"));
    if stem != Some(record.id.get_ref()) {
        return Err(source.wrong("id", &record.id, "must be the name of the file, without .toml"));
    }
    if let Err(detail) = check_id(record.id.get_ref()) {
        return Err(source.wrong("id", &record.id, detail));
    }
    if *record.revision.get_ref() == 0 {
        return Err(source.wrong("revision", &record.revision, "counts from 1"));
    }
    let case = UseCase {
        id: record.id.get_ref().clone(),
        kind: record.kind,
        revision: *record.revision.get_ref(),
        title: source.text("title", &record.title)?,
        purpose: source.text("purpose", &record.purpose)?,
        legal_basis: source.text("legal_basis", &record.legal_basis)?,
        organisation: source.text("organisation", &record.organisation)?,
        owner: source.text("owner", &record.owner)?,
        operated_by: record.operated_by,
        suppliers: source.suppliers(&record.supplier)?,
        status: record.status,
        models: source.names("models", &record.models)?,
        model_sha256: source.by_model(&record, "model_sha256", &record.model_sha256, Source::sha256)?,
        model_dossier_sha256: source.by_model(
            &record,
            "model_dossier_sha256",
            &record.model_dossier_sha256,
            Source::sha256,
        )?,
        model_motivation: source.by_model(
            &record,
            "model_motivation",
            &record.model_motivation,
            Source::text,
        )?,
        model_signature_required: record.model_signature_required,
        allowed_roles: source.names("allowed_roles", &record.allowed_roles)?,
        max_data_class: *record.max_data_class.get_ref(),
        redaction_profile: source.text("redaction_profile", &record.redaction_profile)?,
        special_category_action: *record.special_category_action.get_ref(),
        restore_placeholders: record.restore_placeholders,
        visible_mark: source.mark(record.visible_mark.as_ref())?,
        processing_activity_id: source.text("processing_activity_id", &record.processing_activity_id)?,
        window: source.window(&record.window)?,
        limits: source.limits(&record.limits)?,
        exemption: source.exemption(record.exemption.as_ref())?,
        evidence: source.evidence(&record.evidence)?,
        accountability: record.accountability.clone(),
        informed: source.informed(&record.informed)?,
        evaluations: source.evaluations(&record.evaluation)?,
        sha256: Sha256::digest(text.as_bytes()).into(),
    };
    source.consistent(&record, &case)?;
    Ok(case)
}

pub(crate) fn check_id(id: &str) -> Result<(), &'static str> {
    let fits = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits && !id.is_empty() && id.len() <= 64 && !id.starts_with('-') {
        return Ok(());
    }
    Err("takes 1 to 64 lowercase letters, digits and hyphens, and begins with a letter or digit")
}

impl Source<'_> {
    fn wrong<T>(&self, key: &str, value: &Spanned<T>, detail: impl Into<String>) -> Error {
        let line = line_at(self.text, value.span().start);
        Error::Record { place: Place::new(self.path, line), key: key.into(), detail: detail.into() }
    }

    fn text(&self, key: &str, value: &Spanned<String>) -> Result<String, Error> {
        if value.get_ref().trim().is_empty() {
            return Err(self.wrong(key, value, "is blank; fill it in"));
        }
        Ok(value.get_ref().clone())
    }

    fn mark(&self, mark: Option<&Spanned<String>>) -> Result<Option<String>, Error> {
        let Some(mark) = mark else { return Ok(None) };
        let text = self.text("visible_mark", mark)?;
        if text.chars().count() > MARK_CHARS_MAX || text.chars().any(char::is_control) {
            let detail = format!("is one line of at most {MARK_CHARS_MAX} characters");
            return Err(self.wrong("visible_mark", mark, detail));
        }
        Ok(Some(text))
    }

    fn names(&self, key: &str, value: &Spanned<Vec<String>>) -> Result<BTreeSet<String>, Error> {
        let list = value.get_ref();
        let set: BTreeSet<String> = list.iter().cloned().collect();
        if set.is_empty() || set.iter().any(|name| name.trim().is_empty()) {
            return Err(self.wrong(key, value, "needs at least one name, and none may be blank"));
        }
        if set.len() != list.len() {
            return Err(self.wrong(key, value, "names something twice"));
        }
        Ok(set)
    }

    fn time(&self, key: &str, value: &Spanned<Datetime>) -> Result<i64, Error> {
        let text = value.get_ref().to_string();
        let time: Timestamp = text.parse().map_err(|_| {
            self.wrong(key, value, "is not a moment; write date, time and offset: 2026-01-31T09:00:00+01:00")
        })?;
        Ok(time.as_millisecond())
    }

    fn window(&self, record: &WindowRecord) -> Result<Window, Error> {
        let window = Window {
            not_before_ms: self.time("window.not_before", &record.not_before)?,
            not_after_ms: self.time("window.not_after", &record.not_after)?,
        };
        if window.not_after_ms <= window.not_before_ms {
            return Err(self.wrong("window.not_after", &record.not_after, "must be later than not_before"));
        }
        Ok(window)
    }

    fn limit(&self, key: &str, value: &Spanned<u64>) -> Result<u64, Error> {
        if *value.get_ref() == 0 {
            return Err(self.wrong(
                key,
                value,
                "is zero, so nothing could run; suspend the use case instead",
            ));
        }
        Ok(*value.get_ref())
    }

    fn limits(&self, record: &LimitsRecord) -> Result<Limits, Error> {
        Ok(Limits {
            tokens_per_request: self.limit("limits.tokens_per_request", &record.tokens_per_request)?,
            requests_per_minute: self.limit("limits.requests_per_minute", &record.requests_per_minute)?,
            tokens_per_day: self.limit("limits.tokens_per_day", &record.tokens_per_day)?,
            tokens_per_minute: self
                .limit_if("limits.tokens_per_minute", record.tokens_per_minute.as_ref())?,
            requests_per_day: self.limit_if("limits.requests_per_day", record.requests_per_day.as_ref())?,
            key: self.share("limits.key", &record.key)?,
            user: self.share("limits.user", &record.user)?,
        })
    }

    fn limit_if(&self, key: &str, value: Option<&Spanned<u64>>) -> Result<Option<u64>, Error> {
        value.map(|value| self.limit(key, value)).transpose()
    }

    fn share(&self, of: &str, record: &ShareRecord) -> Result<Share, Error> {
        let limit = |key: &str, value: &Option<_>| self.limit_if(&format!("{of}.{key}"), value.as_ref());
        Ok(Share {
            requests_per_minute: limit("requests_per_minute", &record.requests_per_minute)?,
            requests_per_day: limit("requests_per_day", &record.requests_per_day)?,
            tokens_per_minute: limit("tokens_per_minute", &record.tokens_per_minute)?,
            tokens_per_day: limit("tokens_per_day", &record.tokens_per_day)?,
        })
    }

    fn exemption(&self, record: Option<&Spanned<Exemption>>) -> Result<Option<Exemption>, Error> {
        let Some(record) = record else { return Ok(None) };
        let exemption = record.get_ref();
        if exemption.ground.trim().is_empty() || exemption.authority.trim().is_empty() {
            return Err(self.wrong("exemption", record, "needs a ground and an authority"));
        }
        Ok(Some(exemption.clone()))
    }

    fn sha256(&self, key: &str, value: &Spanned<String>) -> Result<String, Error> {
        let hex = value.get_ref();
        if !is_sha256(hex) {
            return Err(self.wrong(key, value, "is not a SHA-256: 64 lowercase hexadecimal digits"));
        }
        Ok(hex.clone())
    }

    /// A table with a value for each model, of the models that the record names alone.
    fn by_model(
        &self,
        record: &Record,
        table: &str,
        values: &BTreeMap<String, Spanned<String>>,
        check: fn(&Self, &str, &Spanned<String>) -> Result<String, Error>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let one = |(id, value): (&String, &Spanned<String>)| {
            let key = format!("{table}.{id}");
            if !record.models.get_ref().contains(id) {
                return Err(self.wrong(&key, value, "is about a model that models does not name"));
            }
            Ok((id.clone(), check(self, &key, value)?))
        };
        values.iter().map(one).collect()
    }

    fn assessment(&self, name: &str, record: &AssessmentRecord) -> Result<Assessment, Error> {
        let assessment = Assessment {
            sha256: self.sha256(&format!("evidence.{name}.sha256"), &record.sha256)?,
            date_ms: self.time(&format!("evidence.{name}.date"), &record.date)?,
            review_by_ms: self.time(&format!("evidence.{name}.review_by"), &record.review_by)?,
        };
        if assessment.review_by_ms <= assessment.date_ms {
            let key = format!("evidence.{name}.review_by");
            return Err(self.wrong(&key, &record.review_by, "must be later than date"));
        }
        Ok(assessment)
    }

    fn evidence(&self, record: &EvidenceRecord) -> Result<Evidence, Error> {
        let assessment = |name, record: &Option<AssessmentRecord>| {
            record.as_ref().map(|record| self.assessment(name, record)).transpose()
        };
        let moved = [
            ("cio_advice", &record.cio_advice),
            ("fg_advice", &record.fg_advice),
            ("owner_decision", &record.owner_decision),
        ];
        if let Some((name, Some(value))) = moved.into_iter().find(|(_, value)| value.is_some()) {
            let detail = "is a signature, not a line of the record; take it out, and have it signed with: \
                          proeftuin use-case sign";
            return Err(self.wrong(&format!("evidence.{name}"), value, detail));
        }
        Ok(Evidence { dpia: assessment("dpia", &record.dpia)?, iama: assessment("iama", &record.iama)? })
    }

    fn informed(&self, record: &InformedRecord) -> Result<InformedUsers, Error> {
        let id = |key: &str, value: &Spanned<String>| {
            check_id(value.get_ref()).map_err(|detail| self.wrong(key, value, detail))?;
            Ok(value.get_ref().clone())
        };
        let guidance = record.guidance.as_ref().map(|value| id("informed.guidance", value)).transpose()?;
        let mut training = BTreeSet::new();
        for value in &record.training {
            if !training.insert(id("informed.training", value)?) {
                return Err(self.wrong("informed.training", value, "names something twice"));
            }
        }
        Ok(InformedUsers { guidance, training })
    }

    fn evaluations(&self, records: &[Spanned<DemandRecord>]) -> Result<Vec<Demand>, Error> {
        let mut demands: Vec<Demand> = Vec::new();
        for record in records {
            let wrong = |key: &str, detail: String| self.wrong(&format!("evaluation.{key}"), record, detail);
            let demand = record.get_ref().demand().map_err(|(key, detail)| wrong(key, detail))?;
            if demands.iter().any(|other| other.suite == demand.suite) {
                return Err(wrong("suite", "is demanded twice".into()));
            }
            if demands.len() == DEMANDS_MAX {
                return Err(wrong(
                    "suite",
                    format!("is one too many; a record demands at most {DEMANDS_MAX}"),
                ));
            }
            demands.push(demand);
        }
        Ok(demands)
    }

    /// What no single key can tell: keys that contradict each other.
    fn consistent(&self, record: &Record, case: &UseCase) -> Result<(), Error> {
        let allows = case.special_category_action == SpecialCategoryAction::Allow;
        if allows && case.max_data_class < DataClass::Special {
            return Err(self.wrong(
                "special_category_action",
                &record.special_category_action,
                "is \"allow\" while max_data_class stays below \"special\"; raise the class or refuse",
            ));
        }
        if case.kind == Kind::Demo && case.max_data_class != DataClass::None {
            return Err(self.wrong(
                "max_data_class",
                &record.max_data_class,
                "is \"none\" for a demo, always",
            ));
        }
        Ok(())
    }
}
