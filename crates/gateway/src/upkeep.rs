//! What an administrator does with the log itself.

use provenance::{AdminRef, Entry, Error, Leaf, LogExported, PruneOrder, WitnessKey};
use serde::{Deserialize, Serialize};

use crate::admin::AdminOutcome;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::serving::name;

/// Leaves that were pruned, all prunings so far together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedLeaves {
    /// Index of the first leaf that is kept.
    pub before: u64,
    /// Time of the earliest that is gone, milliseconds since 1970.
    pub from_ms: i64,
    /// Time of the latest that is gone, milliseconds since 1970.
    pub to_ms: i64,
    /// Index of the leaf that says so.
    pub sealed_in: u64,
}

/// What somebody exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRange {
    /// The format's name.
    pub format: String,
    /// First moment, milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// First moment after, milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// Only this use case.
    pub use_case: Option<String>,
    /// Pseudonyms that it was narrowed down to; 0 where it was not.
    pub data_subjects: u64,
    /// Rows.
    pub rows: u64,
}

impl Gateway {
    pub(crate) async fn seal_export(
        &self,
        range: ExportRange,
        by: AdminRef,
    ) -> Result<AdminOutcome, Refusal> {
        let ExportRange { format, from_ms, until_ms, use_case, data_subjects, rows } = range;
        self.append(Leaf::LogExported(LogExported {
            by,
            format: name(&format)?,
            from_ms,
            until_ms,
            use_case: use_case.as_deref().map(name).transpose()?,
            data_subjects,
            rows,
        }))
        .await?;
        Ok(AdminOutcome::ExportSealed)
    }

    pub(crate) async fn add_cosigned(&self, note: String, witness: &str) -> Result<AdminOutcome, Refusal> {
        let invalid =
            |error: Error| Refusal::Invalid { field: "log cosign add".to_owned(), reason: error.to_string() };
        let witness = WitnessKey::parse(witness).map_err(invalid)?;
        match self.log().cosigned(note, witness).await {
            Ok(()) => Ok(AdminOutcome::Cosigned),
            Err(error @ (Error::LogClosed { .. } | Error::QueueFull { .. })) => Err(Refusal::closed(error)),
            Err(error) => Err(invalid(error)),
        }
    }

    pub(crate) async fn prune_log(
        &self,
        before_ms: i64,
        waive_minimum: bool,
        by: AdminRef,
    ) -> Result<AdminOutcome, Refusal> {
        // A clock that jumped would say that leaves are old; what is pruned does not come back.
        self.moment().map_err(|jumped| Refusal::Invalid {
            field: "log prune".to_owned(),
            reason: format!(
                "the clock says {} ms since 1970 where {} was due; set it, or say that it is right with `quota accept-clock`",
                self.now_ms(),
                jumped.expected_ms
            ),
        })?;
        let order = PruneOrder { before_ms, waive_minimum, by };
        let sealed = match self.log().prune(order).map_err(Refusal::closed)?.wait().await {
            Ok(sealed) => sealed,
            Err(nothing @ Error::NothingToPrune { .. }) => {
                return Ok(AdminOutcome::NothingPruned { why: nothing.to_string() });
            }
            Err(young @ Error::TooYoung { .. }) => {
                let (field, reason) = ("log prune".to_owned(), young.to_string());
                return Err(Refusal::Invalid { field, reason });
            }
            Err(error) => return Err(Refusal::closed(error)),
        };
        let entry = Entry::parse(sealed.entry.as_bytes()).map_err(Refusal::closed)?;
        let Leaf::LogPruned(pruned) = entry.leaf else {
            return Err(Refusal::closed("the log sealed something else than the pruning"));
        };
        Ok(AdminOutcome::LogPruned(PrunedLeaves {
            before: pruned.before,
            from_ms: pruned.from_ms,
            to_ms: pruned.to_ms,
            sealed_in: sealed.index,
        }))
    }
}
