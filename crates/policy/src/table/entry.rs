//! What a case may say: facts and what holds of signatures and assessments, in the words of a table.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use toml::value::Datetime;

use crate::approval::{Advised, Approvals, Check, Decided, Fault, Finding, SignOffs};
use crate::assessment::{AssessmentKind, Assessments, Control, Live, Measures};
use crate::evaluation::{Demand, Evaluated, EvaluationFault, Evaluations};
use crate::informed::{Acknowledged, Asked, AskedGuidance, Informed, InformedFacts};
use crate::request::{DossierFacts, ModelFacts, ModelSignature};
use crate::use_case::{DataClass, Outcome, Status, UseCase};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    pub(super) ask: Ask,
    pub(super) now: Datetime,
    pub(super) loopback: bool,
    pub(super) key: KeyFacts,
    pub(super) model: Option<ModelEntry>,
    #[serde(default)]
    pub(super) quota: QuotaEntry,
    #[serde(default)]
    pub(super) findings: FindingEntry,
    /// What is true of the server; everything as it should be where a base does not say.
    #[serde(default = "Live::in_force")]
    pub(super) live: Live,
    /// What is kept of whoever asks; everything that the use case asks where a base does not say.
    pub(super) informed: Option<InformedEntry>,
}

/// The guidance as a table has it; by default it is there, and acknowledgements do not lapse.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GuidanceEntry {
    pub(super) present: bool,
    pub(super) version: u8,
    pub(super) valid_days: Option<u32>,
}

impl Default for GuidanceEntry {
    fn default() -> Self {
        Self { present: true, version: 7, valid_days: None }
    }
}

impl GuidanceEntry {
    pub(super) fn asked(self, case: &UseCase) -> Asked {
        let valid_ms = self.valid_days.map(|days| i64::from(days).saturating_mul(24 * 3_600_000));
        let found = self.present.then_some(([self.version; 32], valid_ms));
        let guidance = case.informed.guidance.as_ref().map(|id| AskedGuidance { id: id.clone(), found });
        Asked { guidance, training: case.informed.training.clone() }
    }
}

/// What is kept of a person: the version of the guidance that they acknowledged, and until when trainings count.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InformedEntry {
    pub(super) acknowledged: Option<AcknowledgedEntry>,
    pub(super) training: BTreeMap<String, Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AcknowledgedEntry {
    pub(super) version: u8,
    pub(super) date: Datetime,
}

impl InformedEntry {
    pub(super) fn informed(self, case: &UseCase) -> Result<Informed, String> {
        let mut facts = InformedFacts::default();
        if let (Some(entry), Some(id)) = (self.acknowledged, &case.informed.guidance) {
            let (sha256, at_ms) = ([entry.version; 32], moment(&entry.date)?);
            facts.acknowledged.insert(id.clone(), Acknowledged { sha256, at_ms });
        }
        for (id, until) in self.training {
            facts.training.insert(id, moment(&until)?);
        }
        Ok(Informed::Known(facts))
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    Chat,
    Complete,
    Embed,
    ListModels,
    Clear,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFacts {
    pub(super) roles: Vec<String>,
    pub(super) expires: Option<Datetime>,
    pub(super) use_case: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelEntry {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) default: bool,
    pub(super) pinned: Option<u8>,
    pub(super) loaded: Option<u8>,
    /// In order and as signed where a case does not say.
    #[serde(default)]
    pub(super) dossier: DossierEntry,
    pub(super) signature: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DossierEntry {
    pub(super) missing: bool,
    /// One byte of the hash, repeated.
    pub(super) sha256: u8,
    pub(super) open_points: Vec<String>,
    pub(super) review_by: Option<Datetime>,
}

impl ModelEntry {
    pub(super) fn facts(self) -> Result<ModelFacts, String> {
        let DossierEntry { missing, sha256, open_points, review_by } = self.dossier;
        let dossier = DossierFacts {
            sha256: [sha256; 32],
            open_points,
            review_lapses_ms: review_by.map(|day| moment(&day)).transpose()?,
        };
        let name = self.signature.as_deref().unwrap_or(ModelSignature::Absent.name());
        let signature = ModelSignature::ALL.into_iter().find(|known| known.name() == name);
        Ok(ModelFacts {
            id: self.id,
            status: self.status,
            pinned_sha256: self.pinned.map(|byte| [byte; 32]),
            loaded_sha256: self.loaded.map(|byte| [byte; 32]),
            is_default: self.default,
            dossier: (!missing).then_some(dossier),
            signature: signature.ok_or_else(|| format!("there is no signature {name}"))?,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QuotaEntry {
    pub(super) tokens_reserved: u64,
    pub(super) tokens_today: u64,
    pub(super) requests_this_minute: u64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FindingEntry {
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) data_class: DataClass,
    pub(super) special_categories: Vec<String>,
    pub(super) unresolved: u64,
    pub(super) refused: u64,
    pub(super) failed: bool,
    pub(super) profile: String,
}

/// What holds of the signatures, written out: a table tests rules, and signatures are verified elsewhere.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SignedEntry {
    pub(super) roster: Option<RosterEntry>,
    pub(super) cio_advice: Option<AdviceEntry>,
    pub(super) fg_advice: Option<AdviceEntry>,
    pub(super) owner_decision: Option<DecisionEntry>,
    /// One byte of the hash, repeated, by model.
    pub(super) models: BTreeMap<String, u8>,
    /// The same of the dossiers; zero for each model of the record where a base does not say.
    pub(super) dossiers: Option<BTreeMap<String, u8>>,
    pub(super) conditions: BTreeSet<Check>,
    pub(super) open_conditions: BTreeSet<String>,
    pub(super) sign_offs: Option<SignOffsEntry>,
    pub(super) faults: Vec<String>,
}

/// What the assessments come to, written out: files are read and judged elsewhere.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AssessedEntry {
    pub(super) prescan: Option<String>,
    pub(super) dpia: Option<String>,
    pub(super) iama: Option<String>,
    pub(super) open_measures: BTreeSet<String>,
    pub(super) controls: BTreeSet<Control>,
}

impl AssessedEntry {
    pub(super) fn assessments(self) -> Assessments {
        let standings = [
            (AssessmentKind::Prescan, self.prescan),
            (AssessmentKind::Dpia, self.dpia),
            (AssessmentKind::Iama, self.iama),
        ];
        Assessments {
            standings: standings.into_iter().filter_map(|(kind, standing)| Some((kind, standing?))).collect(),
            measures: Measures { controls: self.controls, open: self.open_measures },
            ..Assessments::default()
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterEntry {
    pub(super) version: u32,
    pub(super) issued: Datetime,
    pub(super) expires: Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdviceEntry {
    pub(super) verdict: Outcome,
    pub(super) by: String,
    pub(super) date: Datetime,
    pub(super) expires: Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionEntry {
    pub(super) state: Status,
    pub(super) by: String,
    pub(super) date: Datetime,
    pub(super) expires: Datetime,
    #[serde(default)]
    pub(super) deviates_from: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOffsEntry {
    pub(super) last: Datetime,
    pub(super) expires: Datetime,
}

impl SignedEntry {
    pub(super) fn approvals(self, case: &UseCase) -> Result<Approvals, String> {
        let advised = |entry: AdviceEntry| {
            let (date_ms, expires_ms) = (moment(&entry.date)?, moment(&entry.expires)?);
            Ok::<_, String>(Advised { verdict: entry.verdict, by: entry.by, date_ms, expires_ms })
        };
        let decided = |entry: DecisionEntry| {
            let (date_ms, expires_ms) = (moment(&entry.date)?, moment(&entry.expires)?);
            let DecisionEntry { state, by, deviates_from, .. } = entry;
            Ok::<_, String>(Decided { state, by, date_ms, expires_ms, deviates_from })
        };
        let roster = |entry: RosterEntry| {
            Ok::<_, String>((entry.version, moment(&entry.issued)?, moment(&entry.expires)?))
        };
        let sign_offs = |entry: SignOffsEntry| {
            Ok::<_, String>(SignOffs { last_ms: moment(&entry.last)?, expires_ms: moment(&entry.expires)? })
        };
        let finding = |code: &String| {
            let fault = Fault::ALL.iter().find(|fault| fault.code() == code.as_str());
            let fault = *fault.ok_or_else(|| format!("there is no fault {code}"))?;
            Ok::<_, String>(Finding { path: "the table".into(), fault, detail: code.clone() })
        };
        Ok(Approvals {
            roster: self.roster.map(roster).transpose()?,
            cio_advice: self.cio_advice.map(advised).transpose()?,
            fg_advice: self.fg_advice.map(advised).transpose()?,
            owner_decision: self.owner_decision.map(decided).transpose()?,
            dossiers: hashes(
                self.dossiers.unwrap_or_else(|| case.models.iter().map(|id| (id.clone(), 0)).collect()),
            ),
            models: hashes(self.models),
            conditions: self.conditions,
            open_conditions: self.open_conditions,
            sign_offs: self.sign_offs.map(sign_offs).transpose()?,
            findings: self.faults.iter().map(finding).collect::<Result<_, _>>()?,
        })
    }
}

pub(super) fn hashes(bytes: BTreeMap<String, u8>) -> BTreeMap<String, String> {
    bytes.into_iter().map(|(id, byte)| (id, hex::encode([byte; 32]))).collect()
}

pub(super) fn moment(datetime: &Datetime) -> Result<i64, String> {
    let moment: Timestamp = datetime.to_string().parse().map_err(|_| {
        format!("{datetime} is not a moment; write date, time and offset: 2026-01-31T09:00:00+01:00")
    })?;
    Ok(moment.as_millisecond())
}

/// What becomes of a demanded evaluation, written out: reports are verified and judged elsewhere.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EvaluatedEntry {
    faults: Vec<String>,
    signed: Option<Datetime>,
    expires: Option<Datetime>,
    too_old: Option<Datetime>,
}

impl EvaluatedEntry {
    fn evaluated(&self, demand: &Demand, model: &str) -> Result<Evaluated, String> {
        let fault = |code: &String| {
            let fault = EvaluationFault::ALL.iter().find(|fault| fault.code() == code.as_str());
            Ok::<_, String>((*fault.ok_or_else(|| format!("there is no fault {code}"))?, code.clone()))
        };
        let date = |date: &Option<Datetime>| date.as_ref().map(moment).transpose();
        Ok(Evaluated {
            demand: demand.clone(),
            model: model.to_owned(),
            path: None,
            report_sha256: None,
            by: None,
            signed_ms: date(&self.signed)?,
            expires_ms: date(&self.expires)?,
            too_old_ms: date(&self.too_old)?,
            faults: self.faults.iter().map(fault).collect::<Result<_, _>>()?,
        })
    }
}

/// What the record demands, each as the table has it; what the table leaves out is missing.
pub(super) fn evaluated(
    case: &UseCase,
    table: &BTreeMap<String, EvaluatedEntry>,
) -> Result<Evaluations, String> {
    let missing =
        EvaluatedEntry { faults: vec![EvaluationFault::Missing.code().into()], ..EvaluatedEntry::default() };
    let pairs =
        case.evaluations.iter().flat_map(|demand| case.models.iter().map(move |model| (demand, model)));
    let evaluated =
        pairs.map(|(demand, model)| table.get(&demand.suite).unwrap_or(&missing).evaluated(demand, model));
    Ok(Evaluations { evaluated: evaluated.collect::<Result<_, _>>()? })
}
