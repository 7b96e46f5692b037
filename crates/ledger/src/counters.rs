//! All counters together: ending what a lost process had reserved, listing, replacing, forgetting.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::poisoned;
use crate::ledger::Ledger;
use crate::quota::{Counter, Measure, Scope, Usage, Window};
use crate::{Error, quota};

/// How long a past window is kept, so that a clock set back finds it as it was.
const KEEP_MINUTES_MS: i64 = quota::DAY_MS;
const KEEP_DAYS_MS: i64 = 400 * quota::DAY_MS;

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

/// What was found reserved when the ledger was opened: whoever reserved it is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Tokens that now count as taken, in the window of the day: all that could have been. The log knows what was.
    pub tokens_charged: u64,
    /// Requests that count as begun, in the window of the minute.
    pub requests_charged: u64,
}

impl Recovered {
    /// Whether any reservation was open: its counters may stand too high until they are rebuilt from the log.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// Ends the reservations of a process that is gone. All that was reserved counts as taken, so that a crash never
/// opens a fresh allowance.
pub(crate) fn recover(transaction: &Transaction<'_>) -> Result<Recovered, Error> {
    // Each request reserves in several counters; the largest sum over one kind of counter is what there was.
    let sum = |measure: Measure| -> Result<u64, Error> {
        let sum: i64 = transaction.query_row(
            "SELECT coalesce(max(total), 0) FROM (SELECT sum(reserved) AS total FROM counters
             WHERE measure = ?1 GROUP BY scope_kind, window)",
            [measure.name()],
            |row| row.get(0),
        )?;
        Ok(u64::try_from(sum).unwrap_or(0))
    };
    let recovered =
        Recovered { tokens_charged: sum(Measure::Tokens)?, requests_charged: sum(Measure::Requests)? };
    transaction.execute(
        "UPDATE counters SET reserved = 0,
             used = CASE WHEN used > 9223372036854775807 - reserved THEN 9223372036854775807
                         ELSE used + reserved END
         WHERE reserved > 0",
        [],
    )?;
    Ok(recovered)
}

/// Forgets windows long past, unless something in them is still reserved.
pub(crate) fn prune(transaction: &Transaction<'_>, now_ms: i64) -> Result<(), Error> {
    for (window, keep_ms) in [(Window::Minute, KEEP_MINUTES_MS), (Window::Day, KEEP_DAYS_MS)] {
        transaction.execute(
            "DELETE FROM counters WHERE window = ?1 AND start_ms < ?2 AND reserved = 0",
            params![window.name(), now_ms.saturating_sub(keep_ms)],
        )?;
    }
    Ok(())
}

/// The latest moment that was seen.
pub(crate) fn latest_ms(connection: &Connection) -> Result<Option<i64>, Error> {
    Ok(connection.query_row("SELECT latest_ms FROM clock", [], |row| row.get(0)).optional()?)
}

/// Remembers that it has been `now_ms`.
pub(crate) fn see(transaction: &Transaction<'_>, now_ms: i64) -> Result<(), Error> {
    transaction
        .prepare_cached(
            "INSERT INTO clock (only, latest_ms) VALUES (1, ?1)
             ON CONFLICT DO UPDATE SET latest_ms = max(latest_ms, excluded.latest_ms)",
        )?
        .execute([now_ms])?;
    Ok(())
}

impl Ledger {
    /// Every counter in every window that is kept, in order; one that holds nothing is as good as none.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn standings(&self) -> Result<Vec<Standing>, Error> {
        self.transaction(|transaction| {
            let mut statement = transaction.prepare(
                "SELECT scope_kind, scope, measure, window, start_ms, used, reserved FROM counters",
            )?;
            let mut rows = statement.query([])?;
            let mut standings = Vec::new();
            while let Some(row) = rows.next()? {
                let (kind, scope, measure, window): (String, String, String, String) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                // A kind that this program does not know was written by a newer one, whose format it would have
                // refused: nothing is left out here.
                let Some(counter) = Counter::read(&kind, scope, &measure, &window) else { continue };
                let count = |value: i64| u64::try_from(value).unwrap_or(0);
                let usage = Usage { used: count(row.get(5)?), reserved: count(row.get(6)?) };
                standings.push(Standing { counter, start_ms: row.get(4)?, usage });
            }
            standings.sort();
            Ok(standings)
        })
    }

    /// Forgets windows long past at `now_ms`, and puts `standings` in the place of all counters. Gives how many
    /// counters now differ from before.
    ///
    /// # Errors
    /// [`Error::Reserved`] while anything is, since it could no longer be settled; [`Error::Database`]: the counters
    /// are as they were.
    pub fn replace(&self, standings: Vec<Standing>, now_ms: i64) -> Result<usize, Error> {
        self.prune(now_ms)?;
        let before = self.standings()?;
        self.transaction(move |transaction| {
            let reserved: i64 =
                transaction
                    .query_row("SELECT count(*) FROM counters WHERE reserved > 0", [], |row| row.get(0))?;
            if reserved > 0 {
                return Err(Error::Reserved);
            }
            transaction.execute("DELETE FROM counters", [])?;
            let mut insert = transaction.prepare(
                "INSERT INTO counters (scope_kind, scope, measure, window, start_ms, used, reserved)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for Standing { counter, start_ms, usage } in &standings {
                let (kind, scope) = counter.scope.parts();
                let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
                insert.execute(params![
                    kind,
                    scope,
                    counter.measure.name(),
                    counter.window.name(),
                    start_ms,
                    number(usage.used),
                    number(usage.reserved)
                ])?;
            }
            prune(transaction, now_ms)
        })?;
        let after = self.standings()?;
        let (before, after): (std::collections::BTreeSet<_>, std::collections::BTreeSet<_>) =
            (before.into_iter().collect(), after.into_iter().collect());
        let changed = before.symmetric_difference(&after).map(|s| (&s.counter, s.start_ms));
        Ok(changed.collect::<std::collections::BTreeSet<_>>().len())
    }

    /// Takes `now_ms` for the right time, though it was later before: an administrator says that the clock was wrong
    /// then. Keys that expired by the wrong clock hold again.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Poisoned`].
    pub fn accept_clock(&self, now_ms: i64) -> Result<(), Error> {
        let mut index = self.keys.write().map_err(poisoned)?;
        self.transaction(move |transaction| {
            transaction.execute("DELETE FROM clock", [])?;
            see(transaction, now_ms)
        })?;
        index.set_latest_ms(now_ms);
        Ok(())
    }
}

impl Counter {
    fn read(kind: &str, scope: String, measure: &str, window: &str) -> Option<Self> {
        let scope = match kind {
            "key" => Scope::Key(scope),
            "use_case" => Scope::UseCase(scope),
            "actor" => Scope::Actor(scope),
            _ => return None,
        };
        let measure = [Measure::Tokens, Measure::Requests].into_iter().find(|m| m.name() == measure)?;
        let window = [Window::Minute, Window::Day].into_iter().find(|w| w.name() == window)?;
        Some(Self { scope, measure, window })
    }
}
