//! Decision tables: `tests/*.toml` in the policy folder, requests and the decisions they must get. An
//! administrator who changes a rule sees which requests are decided otherwise.

mod entry;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use self::entry::{
    Ask, AssessedEntry, EvaluatedEntry, Facts, GuidanceEntry, ModelEntry, SignedEntry, evaluated, moment,
};
use crate::error::{Place, toml_error};
use crate::facts::Beside;
use crate::files::FileKind;
use crate::informed::Informed;
use crate::request::{Action, ClearanceRequest, EntryRequest, FindingFacts, Principal, QuotaFacts};
use crate::set::PolicySet;
use crate::supplier::suppliers;
use crate::use_case::UseCase;
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
    /// What becomes of the evaluations that its record demands, by suite; the same for each of its models.
    #[serde(default)]
    evaluated: Table,
    /// The documents that lie in the folder, by path: one byte of the hash, repeated.
    #[serde(default)]
    documents: Table,
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

/// A record with what holds beside it.
type Judged = (UseCase, Beside);

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
        tree.insert("evaluated".into(), Value::Table(base.evaluated.clone()));
        tree.insert("documents".into(), Value::Table(base.documents.clone()));
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
        let entries: BTreeMap<String, EvaluatedEntry> =
            part("evaluated")?.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let evaluations = evaluated(&use_case, &entries)?;
        let documents: BTreeMap<String, u8> =
            part("documents")?.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let suppliers = suppliers(&use_case, |path| documents.get(path).map(|byte| [*byte; 32]));
        let assessments = assessed.assessments();
        Ok(((use_case, Beside { approvals, assessments, asked, evaluations, suppliers }), facts))
    }

    fn decide_case(&self, judged: Judged, facts: Facts) -> Result<Decision, String> {
        let (use_case, beside) = judged;
        let action = match facts.ask {
            Ask::Chat | Ask::Clear => Action::Chat,
            Ask::Complete => Action::Complete,
            Ask::Embed => Action::Embed,
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
        let loaded = self.fit(use_case, beside);
        let loaded = loaded.map_err(|error| error.to_string())?;
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

fn line_of_case(text: &str, name: &str) -> usize {
    let quoted = format!("\"{name}\"");
    text.lines().position(|line| line.contains(&quoted)).map_or(1, |at| at.saturating_add(1))
}
