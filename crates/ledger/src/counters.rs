//! All counters together: listing, replacing, forgetting.

use crate::Error;
use crate::error::poisoned;
use crate::ledger::Ledger;
use crate::quota::{Counter, DAY_MS, Usage, Window};
use crate::sqlite;

/// How long a past window is kept, so that a clock set back finds it as it was: minutes a day, days 400.
pub(crate) const KEPT_MS: [(Window, i64); 2] = [(Window::Minute, DAY_MS), (Window::Day, 400 * DAY_MS)];

/// A counter in one of its windows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// Whose, of what, over what time.
    pub counter: Counter,
    /// Beginning of the window, milliseconds since 1970 UTC.
    pub start_ms: i64,
    /// What it holds.
    pub usage: Usage,
}

/// What was found when the ledger was opened: whoever had reserved is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Tokens that now count as taken, in the window of the day: all that could have been. The log knows what was.
    pub tokens_charged: u64,
    /// Requests that count as begun, in the window of the minute.
    pub requests_charged: u64,
    /// What this gateway took was counted elsewhere before, or has to be counted here for the first time.
    pub moved: bool,
}

impl Recovered {
    /// Whether the counters have to be counted again from the log: they may stand too high, or were kept elsewhere.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// How many counters differ between two listings.
pub(crate) fn differing(before: Vec<Standing>, after: Vec<Standing>) -> usize {
    use std::collections::BTreeSet;
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (before.into_iter().collect(), after.into_iter().collect());
    let changed = before.symmetric_difference(&after).map(|s| (&s.counter, s.start_ms));
    changed.collect::<BTreeSet<_>>().len()
}

impl Ledger {
    /// Every counter in every window that is kept, in order; one that holds nothing is as good as none. Where gateways
    /// share a database, what all of them took.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::StoreGone`].
    pub fn standings(&self) -> Result<Vec<Standing>, Error> {
        self.counters.standings()
    }

    /// Forgets windows long past at `now_ms`, and puts `standings` in the place of all that this gateway has counted.
    /// What other gateways of a shared database took stays. Gives how many counters now differ from before.
    ///
    /// # Errors
    /// [`Error::Reserved`] while anything of this gateway is, since it could no longer be settled;
    /// [`Error::Database`], [`Error::StoreGone`]: the counters are as they were.
    pub fn replace(&self, standings: Vec<Standing>, now_ms: i64) -> Result<usize, Error> {
        let changed = self.counters.replace(standings, now_ms)?;
        if self.recovered.moved {
            let place = self.store.place();
            self.transaction(move |transaction| sqlite::moved_to(transaction, &place))?;
        }
        Ok(changed)
    }

    /// Forgets quota windows long past: minutes after a day, days after 400. Call it now and then.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::StoreGone`].
    pub fn prune(&self, now_ms: i64) -> Result<(), Error> {
        self.counters.prune(now_ms)
    }

    /// Takes `now_ms` for the right time, though it was later before: an administrator says that the clock was wrong
    /// then. Keys that expired by the wrong clock hold again.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::StoreGone`], [`Error::Poisoned`].
    pub fn accept_clock(&self, now_ms: i64) -> Result<(), Error> {
        let mut index = self.keys.write().map_err(poisoned)?;
        self.counters.accept_clock(now_ms)?;
        self.transaction(move |transaction| sqlite::set_clock(transaction, now_ms))?;
        index.set_latest_ms(now_ms);
        Ok(())
    }
}
