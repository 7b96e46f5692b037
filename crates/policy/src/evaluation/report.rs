//! The report of one run of a suite: what was measured, of which model, by what, and whether it met the suite's thresholds.
//! It holds numbers and digests, and nothing that anybody said. `schema/evaluation-report.v1.json` describes it for others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use crate::approval::{Moment, canonical};
use crate::record::check_id;

/// The JSON Schema (2020-12) of [`Report`].
pub const REPORT_SCHEMA: &str = include_str!("../../schema/evaluation-report.v1.json");

/// Version of the report's shape.
const VERSION: u32 = 1;
/// Most entries of a map or list.
const ENTRIES_MAX: usize = 64;
/// Longest text of a report, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// What a suite measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuiteKind {
    /// How well the model predicts a text.
    Perplexity,
    /// Whether personal data that were planted in requests come back.
    Leakage,
    /// Whether what must be refused is refused.
    GateRefusal,
}

impl SuiteKind {
    /// Its name in suites and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Perplexity => "perplexity",
            Self::Leakage => "leakage",
            Self::GateRefusal => "gate-refusal",
        }
    }

    /// Whether it is run through a serving gate, so that its outcome is that gate's too.
    #[must_use]
    pub fn through_the_gate(self) -> bool {
        matches!(self, Self::Leakage | Self::GateRefusal)
    }
}

/// Which suite was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteRef {
    /// Its name.
    pub name: String,
    /// What it measures.
    pub kind: SuiteKind,
    /// SHA-256 of its file.
    pub sha256: String,
    /// What its random choices were drawn from, in decimal.
    pub seed: String,
}

/// A file of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFile {
    /// Its name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its size in bytes, in decimal.
    pub size_bytes: String,
}

/// Which model was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatedModel {
    /// Its id in `models.toml`.
    pub id: String,
    /// The hash that names its weights; records pin it under `[model_sha256]`.
    pub manifest_sha256: String,
    /// SHA-256 of its chat template, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_sha256: Option<String>,
    /// Its files as `models.toml` pins them.
    pub files: Vec<ReportFile>,
}

/// What computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineRef {
    /// SHA-256 of the program that ran the model.
    pub build_sha256: String,
    /// Instruction set tier it ran on.
    pub isa: String,
}

/// What ran the suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Version of this program.
    pub version: String,
    /// Commit it was built from, or `unknown`.
    pub commit: String,
}

/// What sort of machine the suite was run on; nothing that tells one machine from another of its sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineClass {
    /// Instruction set architecture.
    pub arch: String,
    /// Name of the processor.
    pub cpu: String,
    /// Logical processors that the program could use.
    pub cores: u32,
    /// Operating system.
    pub os: String,
}

/// The gate a suite was run through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRef {
    /// SHA-256 of the policy folder in force, as the server's receipt has it.
    pub policy_sha256: String,
    /// SHA-256 of what decides in it: schema, rules and forms.
    pub rules_sha256: String,
    /// SHA-256 of the redaction profile that was applied.
    pub redaction_sha256: String,
    /// The use case whose key was used.
    pub use_case: String,
    /// SHA-256 of its record.
    pub use_case_sha256: String,
    /// Whether that use case has placeholders restored in answers.
    pub restores_placeholders: bool,
}

/// Whether a metric met its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricVerdict {
    /// It did.
    Pass,
    /// It did not.
    Fail,
    /// It has none.
    NotJudged,
}

impl MetricVerdict {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotJudged => "not-judged",
        }
    }
}

/// The least and the most that is acceptable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Threshold {
    /// The least.
    pub min: Option<Decimal>,
    /// The most.
    pub max: Option<Decimal>,
}

impl Threshold {
    /// What it says of a value.
    #[must_use]
    pub fn judge(&self, value: Decimal) -> MetricVerdict {
        if self.min.is_none() && self.max.is_none() {
            return MetricVerdict::NotJudged;
        }
        let fits = self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max);
        if fits { MetricVerdict::Pass } else { MetricVerdict::Fail }
    }
}

/// One measured quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What was measured.
    pub value: Decimal,
    /// The least that the suite accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Decimal>,
    /// The most that the suite accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Decimal>,
    /// What follows from the three.
    pub verdict: MetricVerdict,
}

impl Metric {
    /// A value, judged by a threshold.
    #[must_use]
    pub fn new(value: Decimal, threshold: Threshold) -> Self {
        let Threshold { min, max } = threshold;
        Self { value, min, max, verdict: threshold.judge(value) }
    }

    /// Its threshold.
    #[must_use]
    pub fn threshold(&self) -> Threshold {
        Threshold { min: self.min, max: self.max }
    }
}

/// The report of one run of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of this shape: 1.
    pub version: u32,
    /// Which suite.
    pub suite: SuiteRef,
    /// Of which model.
    pub model: EvaluatedModel,
    /// What computed.
    pub engine: EngineRef,
    /// What ran the suite.
    pub tool: Tool,
    /// On what sort of machine.
    pub machine: MachineClass,
    /// Through which gate, where it went through one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// SHA-256 of what the suite was given to read, by what it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// What the suite's file states, where it is a number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Decimal>,
    /// When it began.
    pub started: Moment,
    /// When it ended.
    pub finished: Moment,
    /// What was measured.
    pub metrics: BTreeMap<String, Metric>,
    /// How often the gate refused, by rule or code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refusals: BTreeMap<String, u32>,
}

impl Report {
    /// The version that this program writes and reads.
    pub const VERSION: u32 = VERSION;

    /// Parses a report, strictly. Layout does not matter here; what is signed has one form.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let report: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        report.check()?;
        Ok(report)
    }

    /// RFC 8785.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn to_canonical(&self) -> Result<Vec<u8>, String> {
        self.check()?;
        canonical(self)
    }

    /// The suite's own verdict: every metric that has a threshold meets it, and one has.
    #[must_use]
    pub fn passes(&self) -> bool {
        let verdicts = || self.metrics.values().map(|metric| metric.verdict);
        verdicts().all(|verdict| verdict != MetricVerdict::Fail)
            && verdicts().any(|verdict| verdict == MetricVerdict::Pass)
    }

    /// What no single field can tell.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("version is {}, and {VERSION} is the one that is known", self.version));
        }
        self.check_names()?;
        self.check_digests()?;
        if self.finished < self.started {
            return Err("finished comes before started".into());
        }
        if self.gate.is_some() != self.suite.kind.through_the_gate() {
            return Err(format!("gate: a {} report has {}", self.suite.kind.name(), {
                if self.gate.is_some() { "none" } else { "one" }
            }));
        }
        let sizes = [self.inputs.len(), self.parameters.len(), self.metrics.len(), self.refusals.len()];
        if self.metrics.is_empty() || self.model.files.is_empty() {
            return Err("it has no metrics, or no files of the model".into());
        }
        if sizes.into_iter().chain([self.model.files.len()]).any(|size| size > ENTRIES_MAX) {
            return Err(format!("a list or map has more than {ENTRIES_MAX} entries"));
        }
        for (name, metric) in &self.metrics {
            if metric.verdict != metric.threshold().judge(metric.value) {
                return Err(format!("metrics.{name}: its verdict does not follow from value and thresholds"));
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), String> {
        check_id(&self.suite.name).map_err(|detail| format!("suite.name {detail}"))?;
        check_model_id(&self.model.id)?;
        if let Some(gate) = &self.gate {
            check_id(&gate.use_case).map_err(|detail| format!("gate.use_case {detail}"))?;
        }
        for name in self.metrics.keys().chain(self.inputs.keys()).chain(self.parameters.keys()) {
            check_metric(name)?;
        }
        for rule in self.refusals.keys() {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
            if rule.is_empty() || rule.len() > TEXT_BYTES_MAX || !rule.bytes().all(fits) {
                return Err("refusals: a key is no rule's id".into());
            }
        }
        let numbers = self.model.files.iter().map(|file| &file.size_bytes).chain([&self.suite.seed]);
        for number in numbers {
            if number.parse::<u64>().ok().is_none_or(|value| value.to_string() != *number) {
                return Err("seed and size_bytes are whole numbers in decimal".into());
            }
        }
        let texts = [
            &self.engine.isa,
            &self.tool.version,
            &self.tool.commit,
            &self.machine.arch,
            &self.machine.cpu,
            &self.machine.os,
        ];
        let names = self.model.files.iter().map(|file| &file.name);
        if texts.into_iter().chain(names).any(|text| !is_short_text(text)) {
            return Err(format!(
                "a text is blank, has control characters or more than {TEXT_BYTES_MAX} bytes"
            ));
        }
        Ok(())
    }

    fn check_digests(&self) -> Result<(), String> {
        let mut digests = vec![
            ("suite.sha256", &self.suite.sha256),
            ("model.manifest_sha256", &self.model.manifest_sha256),
            ("engine.build_sha256", &self.engine.build_sha256),
        ];
        digests.extend(self.model.template_sha256.iter().map(|sha256| ("model.template_sha256", sha256)));
        digests.extend(self.model.files.iter().map(|file| ("model.files.sha256", &file.sha256)));
        digests.extend(self.inputs.values().map(|sha256| ("inputs", sha256)));
        if let Some(gate) = &self.gate {
            digests.extend([
                ("gate.policy_sha256", &gate.policy_sha256),
                ("gate.rules_sha256", &gate.rules_sha256),
                ("gate.redaction_sha256", &gate.redaction_sha256),
                ("gate.use_case_sha256", &gate.use_case_sha256),
            ]);
        }
        match digests.into_iter().find(|(_, sha256)| !is_sha256(sha256)) {
            Some((name, _)) => Err(format!("{name} is not a SHA-256: 64 lowercase hexadecimal digits")),
            None => Ok(()),
        }
    }
}

/// Whether a text is a SHA-256 in lowercase hexadecimal.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Names of metrics: lowercase letters, digits and underscores.
pub(crate) fn check_metric(name: &str) -> Result<(), String> {
    let fits = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits && !name.is_empty() && name.len() <= 64 {
        return Ok(());
    }
    Err("a metric's name has 1 to 64 lowercase letters, digits and underscores".into())
}

/// As `models.toml` has ids: also with dots and underscores.
fn check_model_id(id: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_');
    if !id.is_empty() && id.len() <= 128 && !id.starts_with('.') && id.bytes().all(fits) {
        return Ok(());
    }
    Err("model.id is no id of models.toml".into())
}

fn is_short_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control)
}
