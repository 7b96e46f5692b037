//! Decision tables: `tests/*.toml` in the policy folder, requests and the decisions they must get. An
//! administrator who changes a rule sees which requests are decided otherwise.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use toml::value::Datetime;
use toml::{Table, Value};

use crate::approval::{Advised, Approvals, Check, Decided, Fault, Finding, SignOffs};
use crate::assessment::{AssessmentKind, Assessments, Control, Live, Measures};
use crate::error::{Place, toml_error};
use crate::files::FileKind;
use crate::informed::{Acknowledged, Asked, AskedGuidance, Informed, InformedFacts};
use crate::request::{
    Action, ClearanceRequest, DossierFacts, EntryRequest, FindingFacts, ModelFacts, ModelSignature,
    Principal, QuotaFacts,
};
use crate::set::PolicySet;
use crate::use_case::{DataClass, Outcome, Status, UseCase};
use crate::{Decision, Error, record};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    base: BTreeMap<String, Base>,
    case: Vec<Case>,
}

/// A request that cases start from: a record (of the folder by id, or written out) and facts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    record: Option<String>,
    use_case: Option<Table>,
    /// What holds of its signatures.
    #[serde(default)]
    signed: Table,
    /// What its assessments and measures come to.
    #[serde(default)]
    assessed: Table,
    /// The guidance that the record names, as the folder would have it.
    #[serde(default)]
    guidance: Table,
    facts: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    base: String,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    unset: Vec<String>,
    permit: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    ask: Ask,
    now: Datetime,
    loopback: bool,
    key: KeyFacts,
    model: Option<ModelEntry>,
    #[serde(default)]
    quota: QuotaEntry,
    #[serde(default)]
    findings: FindingEntry,
    /// What is true of the server; everything as it should be where a base does not say.
    #[serde(default = "Live::in_force")]
    live: Live,
    /// What is kept of whoever asks; everything that the use case asks where a base does not say.
    informed: Option<InformedEntry>,
}

/// The guidance as a table has it; by default it is there, and acknowledgements do not lapse.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GuidanceEntry {
    present: bool,
    version: u8,
    valid_days: Option<u32>,
}

impl Default for GuidanceEntry {
    fn default() -> Self {
        Self { present: true, version: 7, valid_days: None }
    }
}

impl GuidanceEntry {
    fn asked(self, case: &UseCase) -> Asked {
        let valid_ms = self.valid_days.map(|days| i64::from(days).saturating_mul(24 * 3_600_000));
        let found = self.present.then_some(([self.version; 32], valid_ms));
        let guidance = case.informed.guidance.as_ref().map(|id| AskedGuidance { id: id.clone(), found });
        Asked { guidance, training: case.informed.training.clone() }
    }
}

/// What is kept of a person: the version of the guidance that they acknowledged, and until when trainings count.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct InformedEntry {
    acknowledged: Option<AcknowledgedEntry>,
    training: BTreeMap<String, Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcknowledgedEntry {
    version: u8,
    date: Datetime,
}

impl InformedEntry {
    fn informed(self, case: &UseCase) -> Result<Informed, String> {
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
enum Ask {
    Chat,
    Complete,
    ListModels,
    Clear,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFacts {
    roles: Vec<String>,
    expires: Option<Datetime>,
    use_case: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelEntry {
    id: String,
    status: String,
    default: bool,
    pinned: Option<u8>,
    loaded: Option<u8>,
    /// In order and as signed where a case does not say.
    #[serde(default)]
    dossier: DossierEntry,
    signature: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct DossierEntry {
    missing: bool,
    /// One byte of the hash, repeated.
    sha256: u8,
    open_points: Vec<String>,
    review_by: Option<Datetime>,
}

impl ModelEntry {
    fn facts(self) -> Result<ModelFacts, String> {
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
struct QuotaEntry {
    tokens_reserved: u64,
    tokens_today: u64,
    requests_this_minute: u64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct FindingEntry {
    counts: BTreeMap<String, u64>,
    data_class: DataClass,
    special_categories: Vec<String>,
    unresolved: u64,
    refused: u64,
    failed: bool,
    profile: String,
}

/// What holds of the signatures, written out: a table tests rules, and signatures are verified elsewhere.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SignedEntry {
    roster: Option<RosterEntry>,
    cio_advice: Option<AdviceEntry>,
    fg_advice: Option<AdviceEntry>,
    owner_decision: Option<DecisionEntry>,
    /// One byte of the hash, repeated, by model.
    models: BTreeMap<String, u8>,
    /// The same of the dossiers; zero for each model of the record where a base does not say.
    dossiers: Option<BTreeMap<String, u8>>,
    conditions: BTreeSet<Check>,
    open_conditions: BTreeSet<String>,
    sign_offs: Option<SignOffsEntry>,
    faults: Vec<String>,
}

/// What the assessments come to, written out: files are read and judged elsewhere.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct AssessedEntry {
    prescan: Option<String>,
    dpia: Option<String>,
    iama: Option<String>,
    open_measures: BTreeSet<String>,
    controls: BTreeSet<Control>,
}

impl AssessedEntry {
    fn assessments(self) -> Assessments {
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
struct RosterEntry {
    version: u32,
    issued: Datetime,
    expires: Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdviceEntry {
    verdict: Outcome,
    by: String,
    date: Datetime,
    expires: Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionEntry {
    state: Status,
    by: String,
    date: Datetime,
    expires: Datetime,
    #[serde(default)]
    deviates_from: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOffsEntry {
    last: Datetime,
    expires: Datetime,
}

/// A record with what holds beside it.
type Judged = (UseCase, Approvals, Assessments, Asked);

impl SignedEntry {
    fn approvals(self, case: &UseCase) -> Result<Approvals, String> {
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

fn hashes(bytes: BTreeMap<String, u8>) -> BTreeMap<String, String> {
    bytes.into_iter().map(|(id, byte)| (id, hex::encode([byte; 32]))).collect()
}

impl PolicySet {
    /// Runs all decision tables of the folder and says how many cases held.
    ///
    /// # Errors
    /// [`Error::Table`] with one line for each case decided otherwise; [`Error::Toml`] for a table that does
    /// not parse.
    pub fn check_tables(&self) -> Result<usize, Error> {
        let mut total = 0usize;
        for (_, cases) in self.tables() {
            total = total.saturating_add(cases?);
        }
        Ok(total)
    }

    /// Runs the decision tables one by one: the path of each, and how many cases held or which did not.
    pub fn tables(&self) -> impl Iterator<Item = (&str, Result<usize, Error>)> {
        let tables = self.files().of_kind(FileKind::Test);
        tables.map(|(path, text)| (path, self.check_table(path, text)))
    }

    /// Runs one decision table; `path` is for messages.
    ///
    /// # Errors
    /// As [`PolicySet::check_tables`].
    pub fn check_table(&self, path: &str, text: &str) -> Result<usize, Error> {
        let table: TestFile = toml::from_str(text).map_err(|error| toml_error(path, text, &error))?;
        let mut wrong = Vec::new();
        for case in &table.case {
            match self.run(&table, case) {
                Ok(None) => {}
                Ok(Some(difference)) => wrong.push(format!("  {}: {difference}", case.name)),
                Err(detail) => {
                    let line = line_of_case(text, &case.name);
                    let detail = format!("case \"{}\": {detail}", case.name);
                    return Err(Error::Toml { place: Place::new(path, line), detail });
                }
            }
        }
        if wrong.is_empty() {
            return Ok(table.case.len());
        }
        let (failed, total, detail) = (wrong.len(), table.case.len(), wrong.join("\n"));
        Err(Error::Table { path: path.into(), failed, total, detail })
    }

    /// The difference between what a case expects and what is decided; `None` if there is none.
    fn run(&self, table: &TestFile, case: &Case) -> Result<Option<String>, String> {
        let base = table.base.get(&case.base).ok_or_else(|| format!("there is no base \"{}\"", case.base))?;
        let (judged, facts) = self.facts_of(base, case)?;
        let decision = self.decide_case(judged, facts)?;
        let (word, expected) = match (&case.permit, &case.deny) {
            (Some(rules), None) => ("permit", rules),
            (None, Some(rules)) => ("deny", rules),
            _ => return Err("needs either permit or deny, a list of rule ids".into()),
        };
        let got = if decision.is_permit() { "permit" } else { "deny" };
        let rules = decision.determining();
        if got == word && rules == *expected {
            return Ok(None);
        }
        Ok(Some(format!("expected {word} {expected:?}, decided {got} {rules:?}")))
    }

    /// The record and the facts of a case: those of its base, changed as it says.
    fn facts_of(&self, base: &Base, case: &Case) -> Result<(Judged, Facts), String> {
        let use_case = match (&base.record, &base.use_case) {
            (None, Some(table)) => table.clone(),
            (Some(id), None) => {
                let text = self.files().text(&format!("use-cases/{id}.toml"));
                let text = text.ok_or_else(|| format!("use-cases/{id}.toml does not exist"))?;
                toml::from_str(text).map_err(|error| error.message().to_owned())?
            }
            _ => return Err("its base needs either record or use_case".into()),
        };
        let mut tree = Table::new();
        tree.insert("use_case".into(), Value::Table(use_case));
        tree.insert("signed".into(), Value::Table(base.signed.clone()));
        tree.insert("assessed".into(), Value::Table(base.assessed.clone()));
        tree.insert("guidance".into(), Value::Table(base.guidance.clone()));
        tree.insert("facts".into(), Value::Table(base.facts.clone()));
        for path in &case.unset {
            let (parent, key) = parent_of(&mut tree, path)?;
            parent.remove(key).ok_or_else(|| format!("unset: there is no {path}"))?;
        }
        for (path, value) in &case.set {
            let (parent, key) = parent_of(&mut tree, path)?;
            parent.insert(key.to_owned(), value.clone());
        }
        let mut part = |name| tree.remove(name).ok_or_else(|| format!("there is no {name}"));
        let text = toml::to_string(&part("use_case")?).map_err(|error| error.to_string())?;
        let id =
            toml::from_str::<Table>(&text).ok().and_then(|table| Some(table.get("id")?.as_str()?.into()));
        let id: String = id.unwrap_or_default();
        let use_case =
            record::parse(&format!("use-cases/{id}.toml"), &text).map_err(|error| error.to_string())?;
        let facts = part("facts")?.try_into().map_err(|error| error.message().to_owned())?;
        let signed: SignedEntry =
            part("signed")?.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let assessed: AssessedEntry =
            part("assessed")?.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let guidance: GuidanceEntry =
            part("guidance")?.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let asked = guidance.asked(&use_case);
        let approvals = signed.approvals(&use_case)?;
        Ok(((use_case, approvals, assessed.assessments(), asked), facts))
    }

    fn decide_case(&self, judged: Judged, facts: Facts) -> Result<Decision, String> {
        let (use_case, approvals, assessments, asked) = judged;
        let action = match facts.ask {
            Ask::Chat | Ask::Clear => Action::Chat,
            Ask::Complete => Action::Complete,
            Ask::ListModels => Action::ListModels,
        };
        let entry = EntryRequest {
            principal: Principal {
                key_id: "key-of-the-table".into(),
                use_case: facts.key.use_case.clone().unwrap_or_else(|| use_case.id.clone()),
                actor: "actor-of-the-table".into(),
                roles: facts.key.roles,
                expires_ms: facts.key.expires.map(|expires| moment(&expires)).transpose()?,
            },
            action,
            model: facts.model.map(ModelEntry::facts).transpose()?,
            now_ms: moment(&facts.now)?,
            loopback: facts.loopback,
            quota: QuotaFacts {
                tokens_reserved: facts.quota.tokens_reserved,
                tokens_today: facts.quota.tokens_today,
                requests_this_minute: facts.quota.requests_this_minute,
            },
            live: facts.live,
            informed: match facts.informed {
                None => Informed::Supposed,
                Some(entry) => entry.informed(&use_case)?,
            },
        };
        let loaded = self.fit(use_case, approvals, assessments, asked).map_err(|error| error.to_string())?;
        // A key of another use case: there is no record of that one here.
        let loaded = facts.key.use_case.is_none().then_some(&loaded);
        if facts.ask != Ask::Clear {
            return Ok(self.enter_as(loaded, &entry));
        }
        let found = facts.findings;
        let findings = FindingFacts {
            counts: found.counts,
            data_class: found.data_class,
            special_categories: found.special_categories,
            unresolved: found.unresolved,
            refused: found.refused,
            failed: found.failed,
            profile: found.profile,
        };
        Ok(self.clear_as(loaded, &ClearanceRequest { entry, findings }))
    }
}

/// The table that holds the last key of a dotted path, and that key.
fn parent_of<'t, 'p>(tree: &'t mut Table, path: &'p str) -> Result<(&'t mut Table, &'p str), String> {
    let mut table = tree;
    let mut rest = path;
    while let Some((head, tail)) = rest.split_once('.') {
        let next = table.get_mut(head).and_then(Value::as_table_mut);
        table = next.ok_or_else(|| format!("{path}: there is no table {head}"))?;
        rest = tail;
    }
    Ok((table, rest))
}

fn moment(datetime: &Datetime) -> Result<i64, String> {
    let moment: Timestamp = datetime.to_string().parse().map_err(|_| {
        format!("{datetime} is not a moment; write date, time and offset: 2026-01-31T09:00:00+01:00")
    })?;
    Ok(moment.as_millisecond())
}

fn line_of_case(text: &str, name: &str) -> usize {
    let quoted = format!("\"{name}\"");
    text.lines().position(|line| line.contains(&quoted)).map_or(1, |at| at.saturating_add(1))
}
