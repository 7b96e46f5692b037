//! Which of the demanded evaluations hold: a pure function of the folder and the roster, without a clock. What depends on
//! the clock is left to the rules (`rules/32-evaluation.cedar`).

use std::collections::BTreeSet;

use super::demand::Demand;
use super::report::{MetricVerdict, Report};
use super::signed::SignedReport;
use crate::Error;
use crate::approval::{Approvals, Covers, Role, Signer, Trust, TrustRoot, trust};
use crate::files::{FileKind, PolicyFiles};
use crate::use_case::{Kind, Status, UseCase};

const DAY_MS: i64 = 24 * 3_600_000;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)*) => {
        /// Why a demanded evaluation does not hold. A rule speaks of each by its code. The order is that in which a report
        /// is judged: the one that gets furthest is the one that is told of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum EvaluationFault { $($(#[$doc])* $variant,)* }

        impl EvaluationFault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in rules and tables.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

faults! {
    /// No report of this suite on this model lies there.
    Missing = "missing",
    /// The signature does not verify.
    NotGenuine = "not-genuine",
    /// The roster does not make its signer an evaluator of this use case at that moment.
    NotByEvaluator = "not-by-evaluator",
    /// It is of another version of the suite.
    OtherSuite = "other-suite",
    /// It is about other files than the record pins for this model.
    OtherModel = "other-model",
    /// It was made through a gate with other rules, or another redaction profile.
    OtherGate = "other-gate",
    /// A metric misses its threshold, is not there, or none has a threshold.
    BelowThreshold = "below-threshold",
    /// The owner who decides evaluated it as well.
    ByOwner = "by-owner",
}

/// A demanded evaluation of one model, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// What is demanded.
    pub demand: Demand,
    /// Of which model.
    pub model: String,
    /// The report that was judged, if there is one: its file inside the policy folder.
    pub path: Option<String>,
    /// SHA-256 of its statement.
    pub report_sha256: Option<String>,
    /// Who signed it, as the roster calls the person.
    pub by: Option<String>,
    /// When it was signed, milliseconds since 1970 UTC.
    pub signed_ms: Option<i64>,
    /// From when the evaluator lets it count no longer, milliseconds since 1970 UTC.
    pub expires_ms: Option<i64>,
    /// From when it is older than the record allows, milliseconds since 1970 UTC.
    pub too_old_ms: Option<i64>,
    /// What does not hold, and what that is in words; empty where it holds but for the clock.
    pub faults: Vec<(EvaluationFault, String)>,
}

/// What became of the evaluations that a use case demands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evaluations {
    /// By demand as the record has them, and then by model.
    pub evaluated: Vec<Evaluated>,
}

/// What rules get of the evaluations of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EvaluationFacts {
    pub faults: BTreeSet<&'static str>,
    pub last_ms: Option<i64>,
    pub expires_ms: Option<i64>,
    pub too_old_ms: Option<i64>,
}

impl Evaluations {
    /// Those that have to hold for `model` in `status`, together.
    pub(crate) fn facts(&self, status: Status, model: &str) -> EvaluationFacts {
        let mut facts = EvaluationFacts::default();
        let least = |so_far: Option<i64>, next: Option<i64>| so_far.into_iter().chain(next).min();
        let needed = |one: &&Evaluated| one.model == model && one.demand.is_needed(status);
        for one in self.evaluated.iter().filter(needed) {
            facts.faults.extend(one.faults.iter().map(|(fault, _)| fault.code()));
            facts.last_ms = facts.last_ms.into_iter().chain(one.signed_ms).max();
            facts.expires_ms = least(facts.expires_ms, one.expires_ms);
            facts.too_old_ms = least(facts.too_old_ms, one.too_old_ms);
        }
        facts
    }
}

/// Who signed a report, if the roster of a folder makes them an evaluator at its date, for whatever organisation or use case;
/// else why nobody did.
///
/// # Errors
/// [`Error`] for a roster or seal that does not parse.
pub fn evaluator(
    files: &PolicyFiles,
    root: &TrustRoot,
    signed: &SignedReport,
) -> Result<Result<String, String>, Error> {
    let roster = match trust(files, Some(root))? {
        Trust::Roster(roster) => roster,
        Trust::None(finding) => return Ok(Err(format!("{}: {}", finding.path, finding.detail))),
    };
    let at = signed.term().date.0;
    let holds = |line: &&Signer| {
        line.key == *signed.key() && line.role == Role::Evaluator && line.from_ms <= at && at < line.until_ms
    };
    let line = roster.signers.iter().find(holds).map(|line| line.person.clone());
    Ok(line.ok_or_else(|| format!("{} is no evaluator of the roster at its date", signed.key())))
}

/// The signed reports of a folder, each with its path.
pub(crate) fn signed_reports(files: &PolicyFiles) -> Result<Vec<(String, SignedReport)>, Error> {
    let report = |(path, text): (&str, &str)| Ok((path.to_owned(), SignedReport::parse(path, text)?));
    files.of_kind(FileKind::Evaluation).map(report).collect()
}

/// Judges what the record demands.
pub(crate) fn evaluations(
    case: &UseCase,
    files: &PolicyFiles,
    reports: &[(String, SignedReport)],
    trust: &Trust,
    approvals: &Approvals,
) -> Result<Evaluations, Error> {
    // A demo takes no signatures: the rules keep it where it needs none.
    if case.kind == Kind::Demo {
        return Ok(Evaluations::default());
    }
    let judge = Judge {
        case,
        trust,
        rules_sha256: hex::encode(files.rules_digest()),
        redaction_sha256: Covers::of(case, files)?.redaction,
        owner: approvals.owner_decision.as_ref().map(|decision| decision.by.as_str()),
    };
    let pairs =
        case.evaluations.iter().flat_map(|demand| case.models.iter().map(move |model| (demand, model)));
    Ok(Evaluations { evaluated: pairs.map(|(demand, model)| judge.judge(demand, model, reports)).collect() })
}

struct Judge<'a> {
    case: &'a UseCase,
    trust: &'a Trust,
    rules_sha256: String,
    redaction_sha256: String,
    owner: Option<&'a str>,
}

impl Judge<'_> {
    /// Of all reports about the model, the one that gets furthest counts, and of those the newest: a newer run that fails
    /// is not outdone by an older one that passed.
    fn judge(&self, demand: &Demand, model: &str, reports: &[(String, SignedReport)]) -> Evaluated {
        let about = |signed: &SignedReport| {
            signed.report().suite.name == demand.suite && signed.report().model.id == model
        };
        let found = reports.iter().filter(|(_, signed)| about(signed)).map(|(path, signed)| {
            let stop = self.stop(demand, model, signed).err();
            (stop, signed.report().finished, path, signed)
        });
        // No stop is further than any.
        let best = found.max_by_key(|(stop, finished, path, _)| {
            (stop.is_none(), stop.as_ref().map(|(fault, _)| *fault), *finished, *path)
        });
        let mut evaluated = Evaluated {
            demand: demand.clone(),
            model: model.to_owned(),
            path: None,
            report_sha256: None,
            by: None,
            signed_ms: None,
            expires_ms: None,
            too_old_ms: None,
            faults: Vec::new(),
        };
        let Some((stop, finished, path, signed)) = best else {
            let detail = format!("no signed report of {} on {model}", demand.suite);
            evaluated.faults.push((EvaluationFault::Missing, detail));
            return evaluated;
        };
        evaluated.path = Some(path.clone());
        evaluated.report_sha256 = Some(signed.statement_sha256());
        if let Some(stop) = stop {
            evaluated.faults.push(stop);
            return evaluated;
        }
        let term = signed.term();
        evaluated.by = self.evaluator(signed);
        evaluated.signed_ms = Some(term.date.0);
        evaluated.expires_ms = Some(term.expires.0);
        let age_ms = i64::from(demand.max_age_days).saturating_mul(DAY_MS);
        evaluated.too_old_ms = Some(finished.0.saturating_add(age_ms));
        if let Some(detail) = missed(demand, signed.report()) {
            evaluated.faults.push((EvaluationFault::BelowThreshold, detail));
        }
        if evaluated.by.is_some() && evaluated.by.as_deref() == self.owner {
            let detail = "the owner who decides signed it too".to_owned();
            evaluated.faults.push((EvaluationFault::ByOwner, detail));
        }
        evaluated
    }

    /// Why a report says nothing here, if it does not.
    fn stop(
        &self,
        demand: &Demand,
        model: &str,
        signed: &SignedReport,
    ) -> Result<(), (EvaluationFault, String)> {
        let report = signed.report();
        if !signed.is_genuine() {
            return Err((EvaluationFault::NotGenuine, "the signature does not verify".into()));
        }
        if self.evaluator(signed).is_none() {
            let detail = format!("{} is no evaluator of this use case at its date", signed.key());
            return Err((EvaluationFault::NotByEvaluator, detail));
        }
        if report.suite.sha256 != demand.suite_sha256 {
            let detail = format!("it is of the suite with sha256 {}", report.suite.sha256);
            return Err((EvaluationFault::OtherSuite, detail));
        }
        if self.case.model_sha256.get(model) != Some(&report.model.manifest_sha256) {
            let detail = format!("it is about {}, and the record pins another", report.model.manifest_sha256);
            return Err((EvaluationFault::OtherModel, detail));
        }
        match &report.gate {
            Some(gate) if gate.rules_sha256 != self.rules_sha256 => {
                Err((EvaluationFault::OtherGate, "it was made under other rules".into()))
            }
            Some(gate) if gate.redaction_sha256 != self.redaction_sha256 => {
                Err((EvaluationFault::OtherGate, "it was made with another redaction profile".into()))
            }
            _ => Ok(()),
        }
    }

    /// The person behind the key, if the roster makes them an evaluator here on the day they signed.
    fn evaluator(&self, signed: &SignedReport) -> Option<String> {
        let Trust::Roster(roster) = self.trust else { return None };
        let at = signed.term().date.0;
        let holds = |line: &&Signer| {
            line.key == *signed.key()
                && line.holds(Role::Evaluator, &self.case.organisation, &self.case.id)
                && line.from_ms <= at
                && at < line.until_ms
        };
        roster.signers.iter().find(holds).map(|line| line.person.clone())
    }
}

/// The first threshold that is not met, in words. The record's count, and the suite's for metrics that the record leaves out.
fn missed(demand: &Demand, report: &Report) -> Option<String> {
    let mut judged = false;
    for (name, threshold) in &demand.thresholds {
        let Some(metric) = report.metrics.get(name) else {
            return Some(format!("{name} was not measured"));
        };
        judged = true;
        if threshold.judge(metric.value) == MetricVerdict::Fail {
            let bound = |word: &str, bound: Option<super::Decimal>| {
                bound.map_or_else(String::new, |bound| format!(", {word} {bound} is accepted"))
            };
            let (least, most) = (bound("at least", threshold.min), bound("at most", threshold.max));
            return Some(format!("{name} is {}{least}{most}", metric.value));
        }
    }
    let own = report.metrics.iter().filter(|(name, _)| !demand.thresholds.contains_key(*name));
    for (name, metric) in own {
        match metric.verdict {
            MetricVerdict::Fail => return Some(format!("{name} is {}, and fails the suite", metric.value)),
            MetricVerdict::Pass => judged = true,
            MetricVerdict::NotJudged => {}
        }
    }
    (!judged).then(|| "neither the record nor the suite has a threshold".to_owned())
}
