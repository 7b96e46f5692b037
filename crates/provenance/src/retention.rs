//! Leaves that leave: exports are sealed, the journal is closed file by file as epochs end, and whole files of it are pruned.
//!
//! Pruning removes leaves and entry bundles, never hashes (C2SP `tlog-tiles`, "Pruning"): roots, proofs and receipts
//! of before verify as they did. In this order, each step durable before the next: the leaf `log_pruned`, the checkpoint
//! over it, the files, oldest first, the bundles. Whoever starts with such a leaf does the rest. At most 255 leaves of an
//! epoch stay longer than it, and so does a log with fewer leaves than a bundle.

use serde::{Deserialize, Serialize};

use crate::{
    AdminRef, Error, Name, Result, epoch_of,
    names::{decimal, decimal_option},
    tile::{Kind, TILE_WIDTH, Tile},
};

/// Shortest time that leaves are kept unless somebody says otherwise (AI Act, articles 19(1) and 26(6)).
pub const RETENTION_MONTHS_MIN: u32 = 6;

/// What an administrator wants pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneOrder {
    /// Only leaves from before this moment, ms since 1970.
    pub before_ms: i64,
    /// Leaves younger than [`RETENTION_MONTHS_MIN`] may go as well.
    pub waive_minimum: bool,
    /// Who wants it.
    pub by: AdminRef,
}

impl PruneOrder {
    /// # Errors
    /// [`Error::TooYoung`] when leaves that must be kept would go.
    pub(crate) fn check(&self, now_ms: i64) -> Result<()> {
        // A clock that cannot be read as a date lets nothing go.
        let latest_ms = months_before(now_ms, RETENTION_MONTHS_MIN).unwrap_or(i64::MIN);
        let early_enough = self.before_ms <= latest_ms || (self.waive_minimum && self.before_ms <= now_ms);
        if early_enough { Ok(()) } else { Err(Error::TooYoung { months: RETENTION_MONTHS_MIN }) }
    }
}

/// The moment so many calendar months before, in UTC, ms since 1970; `None` where the calendar ends.
#[must_use]
pub fn months_before(ms: i64, months: u32) -> Option<i64> {
    let utc = jiff::tz::Offset::UTC;
    let at = utc.to_datetime(jiff::Timestamp::from_millisecond(ms).ok()?);
    let span = jiff::Span::new().try_months(i64::from(months)).ok()?;
    Some(utc.to_timestamp(at.checked_sub(span).ok()?).ok()?.as_millisecond())
}

/// See [`crate::Leaf::LogPruned`]. Says what all prunings so far removed; durable and signed before anything goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPruned {
    /// Index of the first leaf that is kept; a multiple of 256.
    #[serde(with = "decimal")]
    pub before: u64,
    /// Time of the earliest pruned leaf, ms since 1970.
    #[serde(with = "decimal")]
    pub from_ms: i64,
    /// Time of the latest pruned leaf, ms since 1970.
    #[serde(with = "decimal")]
    pub to_ms: i64,
    /// Some were younger than the least time to keep them, and whoever pruned said that they may go.
    pub minimum_waived: bool,
    /// Who pruned.
    pub by: AdminRef,
}

impl LogPruned {
    /// What is wrong with it as leaf `index`.
    pub(crate) fn check(&self, index: u64) -> std::result::Result<(), String> {
        if self.before == 0 || self.before > index || !self.before.is_multiple_of(TILE_WIDTH) {
            return Err(format!("it says that pruning ended before leaf {}, which cannot be", self.before));
        }
        Ok(())
    }

    /// The bundles that are gone once it is done.
    pub(crate) fn bundles(&self) -> Vec<String> {
        let bundle = |index| Tile { kind: Kind::Entries, index, width: TILE_WIDTH }.path();
        (0..self.before / TILE_WIDTH).map(bundle).collect()
    }
}

/// See [`crate::Leaf::LogExported`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExported {
    /// Who exported.
    pub by: AdminRef,
    /// The format.
    pub format: Name,
    /// First moment, ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub from_ms: Option<i64>,
    /// First moment after, ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub until_ms: Option<i64>,
    /// Only this use case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<Name>,
    /// Pseudonyms of data subjects that it was narrowed down to; 0 where it was not.
    #[serde(with = "decimal")]
    pub data_subjects: u64,
    /// Rows.
    #[serde(with = "decimal")]
    pub rows: u64,
}

/// The leaves of one file of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Index of the first.
    pub(crate) first: u64,
    /// Earliest and latest time; the clock may have been set in between. Crossed while there is no leaf.
    from_ms: i64,
    to_ms: i64,
}

impl Span {
    fn starting(first: u64) -> Self {
        Self { first, from_ms: i64::MAX, to_ms: i64::MIN }
    }

    fn is_empty(&self) -> bool {
        self.from_ms > self.to_ms
    }
}

/// The files of the journal, oldest first.
#[derive(Debug)]
pub(crate) struct Files {
    closed: Vec<Span>,
    current: Span,
}

impl Files {
    /// One file, which starts with leaf `first`.
    pub(crate) fn starting(first: u64) -> Self {
        Self { closed: Vec::new(), current: Span::starting(first) }
    }

    /// Counts a leaf of the file that is written.
    pub(crate) fn take(&mut self, ts_ms: i64) {
        self.current.from_ms = self.current.from_ms.min(ts_ms);
        self.current.to_ms = self.current.to_ms.max(ts_ms);
    }

    /// Whether a leaf `next` at this time is the first of a new epoch. A file starts where a bundle does, so that both
    /// can be pruned whole: the bundle that an epoch ends in is filled first.
    pub(crate) fn is_due(&self, next: u64, ts_ms: i64) -> bool {
        next.is_multiple_of(TILE_WIDTH)
            && !self.current.is_empty()
            && epoch_of(ts_ms) > epoch_of(self.current.from_ms)
    }

    /// First leaf of the file that is written.
    pub(crate) fn current_first(&self) -> u64 {
        self.current.first
    }

    /// A new file starts with leaf `first`.
    pub(crate) fn rotate(&mut self, first: u64) {
        self.closed.push(std::mem::replace(&mut self.current, Span::starting(first)));
    }

    /// What pruning would remove: closed files whose every leaf is from before the moment, from the oldest on, none of
    /// them with the intent of a request that still runs.
    ///
    /// # Errors
    /// [`Error::NothingToPrune`].
    pub(crate) fn plan(
        &self,
        order: &PruneOrder,
        oldest_open: Option<u64>,
        earlier: Option<&LogPruned>,
    ) -> Result<LogPruned> {
        let ends = self.closed.iter().skip(1).chain([&self.current]).map(|next| next.first);
        let may_go = |(span, end): &(&Span, u64)| {
            span.to_ms < order.before_ms && oldest_open.is_none_or(|open| open >= *end)
        };
        let going: Vec<(&Span, u64)> = self.closed.iter().zip(ends).take_while(may_go).collect();
        let Some((_, before)) = going.last() else {
            let oldest = self.closed.first().map_or(&self.current, |span| span);
            let closed = !self.closed.is_empty();
            return Err(Error::NothingToPrune {
                latest_ms: (!oldest.is_empty()).then_some(oldest.to_ms),
                closed,
            });
        };
        let from_ms = going.iter().map(|(span, _)| span.from_ms).chain(earlier.map(|e| e.from_ms)).min();
        let to_ms = going.iter().map(|(span, _)| span.to_ms).chain(earlier.map(|e| e.to_ms)).max();
        Ok(LogPruned {
            before: *before,
            from_ms: from_ms.unwrap_or_default(),
            to_ms: to_ms.unwrap_or_default(),
            minimum_waived: order.waive_minimum,
            by: order.by,
        })
    }

    /// The oldest file, if all its leaves are before `before`.
    pub(crate) fn pruned_first(&self, before: u64) -> Option<u64> {
        let end = self.closed.get(1).map_or(self.current.first, |next| next.first);
        self.closed.first().filter(|_| end <= before).map(|span| span.first)
    }

    /// The oldest file is gone.
    pub(crate) fn forget_first(&mut self) {
        if !self.closed.is_empty() {
            self.closed.remove(0);
        }
    }
}
