//! Suites that evaluate: a TOML file says what is measured and what is acceptable; a run becomes a report that an evaluator
//! can sign. The report's shape is `policy`'s, because the gate reads it.

mod gate;
mod leakage;
mod perplexity;
mod planted;
mod refusal;
mod suite;

use std::collections::BTreeMap;

use policy::{
    Decimal, EngineRef, EvaluatedModel, EvaluationReport, GateRef, MachineClass, Metric, Moment, SuiteKind,
    SuiteRef, Threshold, Tool,
};

pub use gate::{Gate, GateAddress};
pub use leakage::leakage;
pub use perplexity::{PerplexityEstimate, perplexity, score_text};
pub use refusal::{ExtraKeys, refusals};
pub use suite::{EMBEDDED_TEXT, Suite, Windows};

use crate::Error;
use crate::machine::{Build, Machine};

/// What a run of a suite gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Quantities by name.
    pub metrics: BTreeMap<String, Decimal>,
    /// SHA-256 of what was read, by what it is.
    pub inputs: BTreeMap<String, String>,
    /// Numbers that the suite's file states.
    pub parameters: BTreeMap<String, Decimal>,
    /// How often the gate refused, by rule or code.
    pub refusals: BTreeMap<String, u32>,
}

/// What a report says beside the measurement.
#[derive(Debug, Clone)]
pub struct About {
    /// The model.
    pub model: EvaluatedModel,
    /// What computed.
    pub engine: EngineRef,
    /// The gate, for suites that go through one.
    pub gate: Option<GateRef>,
    /// When the run began.
    pub started: Moment,
    /// When it ended.
    pub finished: Moment,
}

impl Measured {
    fn count(&mut self, name: &str, count: u64) -> Result<(), Error> {
        self.insert(name, Decimal::of_count(count))
    }

    fn estimate(&mut self, name: &str, value: f64) -> Result<(), Error> {
        self.insert(name, Decimal::nearest(value))
    }

    fn insert(&mut self, name: &str, value: Option<Decimal>) -> Result<(), Error> {
        let value = value.ok_or_else(|| Error::Suite {
            name: name.to_owned(),
            reason: "what was measured is no number that a report can hold".to_owned(),
        })?;
        self.metrics.insert(name.to_owned(), value);
        Ok(())
    }
}

/// The report of a run. A metric that the suite has a threshold for and that was not measured is an error.
///
/// # Errors
/// [`Error::Suite`].
pub fn report(suite: &Suite, measured: Measured, about: About) -> Result<EvaluationReport, Error> {
    let wrong = |reason: String| Error::Suite { name: suite.name.clone(), reason };
    if let Some(name) = suite.thresholds.keys().find(|name| !measured.metrics.contains_key(*name)) {
        let known = measured.metrics.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(wrong(format!(
            "has a threshold for {name}, which it does not measure; it measures {known}"
        )));
    }
    let judged = |(name, value): (String, Decimal)| {
        let threshold = suite.thresholds.get(&name).copied().unwrap_or(Threshold::default());
        (name, Metric::new(value, threshold))
    };
    let report = EvaluationReport {
        version: EvaluationReport::VERSION,
        suite: SuiteRef {
            name: suite.name.clone(),
            kind: suite.kind(),
            sha256: suite.sha256.clone(),
            seed: suite.seed.to_string(),
        },
        model: about.model,
        engine: about.engine,
        tool: tool(),
        machine: machine(),
        gate: about.gate,
        inputs: measured.inputs,
        parameters: measured.parameters,
        started: about.started,
        finished: about.finished,
        metrics: measured.metrics.into_iter().map(judged).collect(),
        refusals: measured.refusals,
    };
    report.to_canonical().map_err(wrong)?;
    Ok(report)
}

fn tool() -> Tool {
    let Build { version, commit, .. } = Build::own("");
    Tool { version, commit }
}

fn machine() -> MachineClass {
    let Machine { cpu, cores, os, arch, .. } = Machine::here();
    MachineClass { arch, cpu: short(cpu), cores: u32::try_from(cores).unwrap_or(u32::MAX), os: short(os) }
}

/// What a system says of itself, in the bounds of a report.
fn short(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Whether a suite of this kind needs a running server.
#[must_use]
pub fn needs_server(kind: SuiteKind) -> bool {
    kind.through_the_gate()
}
