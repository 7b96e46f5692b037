//! Evaluations: what a run of a suite reports of a model, who signed the report, and whether it is what a use case demands.
//!
//! ```text
//! eval: a suite ─run→ Report ─SignedReport::new→ evaluations/*.json     an evaluator of the roster signs
//! record: [[evaluation]] → Demand ─evaluations(reports, roster)→ Evaluations ─facts→ the rules
//! ```
//!
//! Dates are left to the rules, so that an evaluation lapses while a server runs.

mod decimal;
mod demand;
mod judge;
mod report;
mod signed;

pub use decimal::{Decimal, DecimalError};
pub(crate) use demand::{DEMANDS_MAX, DemandRecord};
pub use demand::{Demand, thresholds};
pub use judge::{Evaluated, EvaluationFault, Evaluations, evaluator};
pub(crate) use judge::{EvaluationFacts, evaluations, signed_reports};
pub use report::{
    EngineRef, EvaluatedModel, GateRef, MachineClass, Metric, MetricVerdict, REPORT_SCHEMA, Report,
    ReportFile, SuiteKind, SuiteRef, Threshold, Tool, is_sha256,
};
pub use signed::SignedReport;
