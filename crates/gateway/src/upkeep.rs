//! What an administrator does with the log itself.

use std::sync::Arc;

use provenance::{AdminRef, Entry, Error, Leaf, LogExported, PruneOrder, WitnessKey, epoch_of};
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
    /// Epochs whose keys were destroyed after it: no leaf is left that has a pseudonym of theirs.
    pub key_epochs: u64,
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
                // An earlier pruning may have been cut off before its keys.
                self.destroy_pruned_keys().await?;
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
        let key_epochs = self.destroy_pruned_keys().await?;
        Ok(AdminOutcome::LogPruned(PrunedLeaves {
            key_epochs,
            before: pruned.before,
            from_ms: pruned.from_ms,
            to_ms: pruned.to_ms,
            sealed_in: sealed.index,
        }))
    }

    /// Destroys the keys of epochs that no leaf is left of. A request has the key of the moment it came in, and its leaf
    /// that of a later one: the epoch before the oldest leaf's stays.
    async fn destroy_pruned_keys(&self) -> Result<u64, Refusal> {
        let (ring, dir) = (Arc::clone(self.ring()), self.log_dir().to_owned());
        let destroy = move || {
            let mut oldest = None;
            provenance::show(&dir, |leaf| {
                oldest = Some((leaf.index, leaf.entry.ts_ms));
                false
            })?;
            match oldest {
                Some((index, ts_ms)) if index > 0 => ring.destroy_before(epoch_of(ts_ms).saturating_sub(1)),
                _ => Ok(0),
            }
        };
        self.blocking(move || destroy().map_err(|error: Error| Refusal::closed(error))).await
    }
}
