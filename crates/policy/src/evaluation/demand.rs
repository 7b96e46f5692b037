//! Which evaluations a use case asks of its models: `[[evaluation]]` in its record, covered by every signature on it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::decimal::Decimal;
use super::report::{Threshold, check_metric, is_sha256};
use crate::record::check_id;
use crate::use_case::Status;

/// Most evaluations that a record may demand.
pub(crate) const DEMANDS_MAX: usize = 16;
/// Oldest that an evaluation may be: the EDPB has processing re-assessed at least every three years.
const AGE_DAYS_MAX: u32 = 1096;

/// An evaluation that a use case demands of each of its models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Name of the suite.
    pub suite: String,
    /// SHA-256 of the suite's file, as the signers knew it.
    pub suite_sha256: String,
    /// The state from which on it is needed: a pilot, or not before it is accepted.
    pub needed_for: Status,
    /// How old the run may be, in days.
    pub max_age_days: u32,
    /// Thresholds by metric; for a metric that is not here the suite's own count.
    pub thresholds: BTreeMap<String, Threshold>,
}

impl Demand {
    /// Whether it has to hold in this state.
    #[must_use]
    pub fn is_needed(&self, status: Status) -> bool {
        self.needed_for == Status::Pilot || status == Status::Accepted
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemandRecord {
    suite: String,
    suite_sha256: String,
    #[serde(default = "pilot")]
    needed_for: Status,
    max_age_days: u32,
    #[serde(default)]
    min: BTreeMap<String, toml::Value>,
    #[serde(default)]
    max: BTreeMap<String, toml::Value>,
}

fn pilot() -> Status {
    Status::Pilot
}

impl DemandRecord {
    /// What it demands; an error is the key and what is wrong with it.
    pub fn demand(&self) -> Result<Demand, (&'static str, String)> {
        check_id(&self.suite).map_err(|detail| ("suite", detail.to_owned()))?;
        if !is_sha256(&self.suite_sha256) {
            let detail =
                "is not a SHA-256: 64 lowercase hexadecimal digits, as proeftuin eval suites prints them";
            return Err(("suite_sha256", detail.into()));
        }
        if !self.needed_for.runs() {
            return Err(("needed_for", "is \"pilot\" or \"accepted\"".into()));
        }
        if self.max_age_days == 0 || self.max_age_days > AGE_DAYS_MAX {
            return Err(("max_age_days", format!("is a number of days from 1 to {AGE_DAYS_MAX}")));
        }
        Ok(Demand {
            suite: self.suite.clone(),
            suite_sha256: self.suite_sha256.clone(),
            needed_for: self.needed_for,
            max_age_days: self.max_age_days,
            thresholds: thresholds(&self.min, &self.max)?,
        })
    }
}

/// Thresholds by metric, from the tables `min` and `max` of a record or suite; an error is the table and what is wrong.
///
/// # Errors
/// For a name that no metric has, a value that is no number of at most six decimals, and a least above the most.
pub fn thresholds(
    min: &BTreeMap<String, toml::Value>,
    max: &BTreeMap<String, toml::Value>,
) -> Result<BTreeMap<String, Threshold>, (&'static str, String)> {
    let mut thresholds: BTreeMap<String, Threshold> = BTreeMap::new();
    for (table, values) in [("min", min), ("max", max)] {
        for (name, value) in values {
            check_metric(name).map_err(|detail| (table, format!("{name}: {detail}")))?;
            let number = Decimal::of_toml(value)
                .ok_or_else(|| (table, format!("{name}: takes a number of at most six decimals")))?;
            let threshold = thresholds.entry(name.clone()).or_default();
            if table == "min" { threshold.min = Some(number) } else { threshold.max = Some(number) }
        }
    }
    let crossed =
        |threshold: &Threshold| threshold.min.zip(threshold.max).is_some_and(|(min, max)| min > max);
    match thresholds.iter().find(|(_, threshold)| crossed(threshold)) {
        Some((name, _)) => Err(("min", format!("{name}: is above its max, so nothing can pass"))),
        None => Ok(thresholds),
    }
}
