#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accountability;
mod approval;
mod assessment;
mod decision;
mod error;
mod evaluation;
mod facts;
mod files;
mod guidance;
mod informed;
mod record;
mod request;
mod rules;
mod set;
mod settled;
mod supplier;
mod survey;
mod table;
mod use_case;

pub use accountability::Accountability;
pub use approval::{
    Act, Advice, Advised, Approvals, Check, Condition, Covers, Decided, Dossier, Fault, Finding, Fulfilment,
    Moment, OwnerDecision, PublicKey, ROSTER_PATH, Role, RosterSeal, SignOffs, SignatureFile, Signed,
    SigningKey, Statement, Term, TrustRoot, roster_finding, roster_lines, roster_people, seal_roster,
    signed_statements,
};
pub use assessment::{
    Assessed, AssessmentKind, Assessments, Control, Form, Forms, Live, Measures, Mitigation, Mitigations,
    Output, Probe, Process, Report, Standing,
};
pub use decision::{
    Decision, Denial, DenialClass, Language, NO_RULE_PERMITS, POLICY_ERROR, Permit, RULES_NOT_APPROVED,
    Reason, USE_CASE_UNKNOWN, built_in_reasons,
};
pub use error::{Error, Place};
pub use evaluation::{
    Decimal, DecimalError, Demand, EngineRef, Evaluated, EvaluatedModel, EvaluationFault, Evaluations,
    GateRef, MachineClass, Metric, MetricVerdict, REPORT_SCHEMA, Report as EvaluationReport, ReportFile,
    SignedReport, SuiteKind, SuiteRef, Threshold, Tool, evaluator, is_sha256, thresholds,
};
pub use files::{EMBEDDED, IDENTITY_PATH, PolicyFiles, SCHEMA_PATH};
pub use guidance::Guidance;
pub use informed::{Acknowledged, Acknowledgement, Informed, InformedFacts, tell_informed_changes};
pub use request::{
    Action, ClearanceRequest, DossierFacts, EntryRequest, FindingFacts, ModelFacts, ModelSignature,
    Principal, QuotaFacts,
};
pub use set::PolicySet;
pub use supplier::{
    Contract, Document, Footing, Operator, Processing, Service, Supplier, SupplierException, SupplierFault,
    SupplierFinding, Suppliers, Terms,
};
pub use survey::{Ability, Asker, Survey, tell, tell_changes};
pub use use_case::{
    Assessment, DataClass, Evidence, Exemption, InformedUsers, Kind, Limits, Outcome, Share,
    SpecialCategoryAction, Status, UseCase, Window,
};
