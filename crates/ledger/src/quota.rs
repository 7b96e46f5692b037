//! Quota counters: reserved before generation, settled after. A counter is one scope, one measure, one window of
//! the clock. Whatever the clock does, no window ever holds more than its limit, since windows are counted by
//! their own beginning and the past ones are kept.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::Error;
use crate::counters::see;
use crate::fault::Point;
use crate::ledger::Ledger;

const MINUTE_MS: i64 = 60_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Whose allowance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// A key, by id.
    Key(String),
    /// A use case, by id.
    UseCase(String),
    /// A person or system, by a name that tells nothing of them.
    Actor(String),
}

impl Scope {
    pub(crate) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Key(id) => ("key", id),
            Self::UseCase(id) => ("use_case", id),
            Self::Actor(id) => ("actor", id),
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Tokens, prompt and completion: what is reserved is replaced by what was taken.
    Tokens,
    /// Requests that began: what is reserved was taken.
    Requests,
}

impl Measure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Requests => "requests",
        }
    }
}

/// Over what time, by the clock in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A minute of the clock.
    Minute,
    /// A day of the calendar.
    Day,
}

impl Window {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }

    fn length_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Day => DAY_MS,
        }
    }

    /// The beginning of the window that `now_ms` lies in.
    #[must_use]
    pub fn start_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(now_ms.rem_euclid(self.length_ms()))
    }
}

/// One counter: whose, of what, over what time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    /// Whose.
    pub scope: Scope,
    /// Of what.
    pub measure: Measure,
    /// Over what time.
    pub window: Window,
}

/// What a request needs of one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The counter.
    pub counter: Counter,
    /// How much.
    pub amount: u64,
    /// How much the counter may hold in its window.
    pub limit: u64,
}

impl Demand {
    /// What the counter would hold, if that is within the limit.
    fn after(&self, usage: Usage) -> Option<i64> {
        let after = usage.total().checked_add(self.amount).filter(|after| *after <= self.limit);
        after.and_then(|after| i64::try_from(after).ok())
    }

    fn exceeded(&self, usage: Usage, now_ms: i64) -> Exceeded {
        let window = self.counter.window;
        let end_ms = window.start_ms(now_ms).saturating_add(window.length_ms());
        Exceeded { demand: self.clone(), usage, retry_after_ms: end_ms.saturating_sub(now_ms) }
    }
}

/// State of a counter in the window of a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// Settled.
    pub used: u64,
    /// Reserved and not settled yet.
    pub reserved: u64,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.used.saturating_add(self.reserved)
    }
}

/// A demand that was met.
#[derive(Debug)]
struct Taken {
    counter: Counter,
    start_ms: i64,
    amount: i64,
    before: Usage,
}

/// Allowance set aside for one request. Hand it back by [`Ledger::settle`] or [`Ledger::release`]; one that is
/// lost stays reserved until the ledger is opened again.
#[derive(Debug)]
#[must_use = "a reservation that is not settled or released stays reserved until restart"]
pub struct Reservation {
    /// The opening of the ledger it belongs to.
    opening: u64,
    taken: Vec<Taken>,
}

impl Reservation {
    /// What each counter held before, in the order of the demands.
    pub fn before(&self) -> impl Iterator<Item = (&Counter, Usage)> {
        self.taken.iter().map(|taken| (&taken.counter, taken.before))
    }
}

/// A demand that was not met; nothing was reserved for any of the demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The first demand that was not met.
    pub demand: Demand,
    /// What its counter holds.
    pub usage: Usage,
    /// How long until its window ends, in milliseconds.
    pub retry_after_ms: i64,
}

/// Outcome of asking for allowance.
#[derive(Debug)]
#[must_use]
pub enum Reserve {
    /// All demands were met.
    Granted(Reservation),
    /// One was not, so none was.
    Exceeded(Exceeded),
}

impl Ledger {
    /// Reserves for all demands or for none, in one durable transaction; exact whatever the number of callers.
    ///
    /// # Errors
    /// [`Error::Database`]: nothing was reserved, and the request must not go on.
    pub fn reserve(&self, demands: &[Demand], now_ms: i64) -> Result<Reserve, Error> {
        self.faults.at(Point::Reserve)?;
        let (demands, opening) = (demands.to_vec(), self.opening);
        self.transaction_if(move |transaction| {
            see(transaction, now_ms)?;
            let mut taken = Vec::with_capacity(demands.len());
            for demand in &demands {
                match take(transaction, demand, now_ms)? {
                    Ok(one) => taken.push(one),
                    Err(exceeded) => return Ok((Reserve::Exceeded(exceeded), false)),
                }
            }
            Ok((Reserve::Granted(Reservation { opening, taken }), true))
        })
    }

    /// Replaces what was reserved by what was taken: `tokens` for each counter of tokens, the request itself for
    /// each counter of requests. More than was reserved is counted in full, beyond the limit if need be.
    ///
    /// # Errors
    /// [`Error::Database`]: it stays reserved until the ledger is opened again, so that nobody gets it.
    /// [`Error::StaleReservation`]: it was ended then, and is not given back twice.
    pub fn settle(&self, reservation: Reservation, tokens: u64) -> Result<(), Error> {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.give_back(reservation, move |taken| match taken.counter.measure {
            Measure::Tokens => tokens,
            Measure::Requests => taken.amount,
        })
    }

    /// Gives back all that was reserved: the request was denied before it began.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub fn release(&self, reservation: Reservation) -> Result<(), Error> {
        self.give_back(reservation, |_| 0)
    }

    fn give_back(
        &self,
        reservation: Reservation,
        actual: impl Fn(&Taken) -> i64 + Send + 'static,
    ) -> Result<(), Error> {
        if reservation.opening != self.opening {
            return Err(Error::StaleReservation);
        }
        self.transaction(move |transaction| {
            // `used` saturates: an impossible sum must not become a negative one.
            let mut update = transaction.prepare_cached(
                "UPDATE counters SET reserved = reserved - ?6,
                     used = CASE WHEN used > 9223372036854775807 - ?7 THEN 9223372036854775807
                                 ELSE used + ?7 END
                 WHERE scope_kind = ?1 AND scope = ?2 AND measure = ?3 AND window = ?4 AND start_ms = ?5",
            )?;
            for taken in &reservation.taken {
                let (kind, scope) = taken.counter.scope.parts();
                let (measure, window) = (taken.counter.measure.name(), taken.counter.window.name());
                update.execute(params![
                    kind,
                    scope,
                    measure,
                    window,
                    taken.start_ms,
                    taken.amount,
                    actual(taken)
                ])?;
            }
            Ok(())
        })
    }

    /// What several counters hold at `now_ms`, and which of the demands are not met as they stand. Reserves
    /// nothing: a caller that goes on must [`Ledger::reserve`].
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn look(&self, demands: &[Demand], now_ms: i64) -> Result<(Vec<Usage>, Vec<Exceeded>), Error> {
        let demands = demands.to_vec();
        self.transaction(move |transaction| {
            let mut exceeded = Vec::new();
            let mut usages = Vec::with_capacity(demands.len());
            for demand in &demands {
                let usage = read(transaction, &demand.counter, demand.counter.window.start_ms(now_ms))?;
                if demand.after(usage).is_none() {
                    exceeded.push(demand.exceeded(usage, now_ms));
                }
                usages.push(usage);
            }
            Ok((usages, exceeded))
        })
    }

    /// What a counter holds in the window of `now_ms`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn usage(&self, counter: &Counter, now_ms: i64) -> Result<Usage, Error> {
        let counter = counter.clone();
        self.transaction(move |transaction| read(transaction, &counter, counter.window.start_ms(now_ms)))
    }
}

fn read(transaction: &Transaction<'_>, counter: &Counter, start_ms: i64) -> Result<Usage, Error> {
    let (kind, scope) = counter.scope.parts();
    let row: Option<(i64, i64)> = transaction
        .prepare_cached(
            "SELECT used, reserved FROM counters
             WHERE scope_kind = ?1 AND scope = ?2 AND measure = ?3 AND window = ?4 AND start_ms = ?5",
        )?
        .query_row(params![kind, scope, counter.measure.name(), counter.window.name(), start_ms], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(row
        .map_or(Usage::default(), |(used, reserved)| Usage { used: count(used), reserved: count(reserved) }))
}

/// Meets one demand, or says by how much it is over.
fn take(
    transaction: &Transaction<'_>,
    demand: &Demand,
    now_ms: i64,
) -> Result<Result<Taken, Exceeded>, Error> {
    let counter = &demand.counter;
    let start_ms = counter.window.start_ms(now_ms);
    let usage = read(transaction, counter, start_ms)?;
    let (Some(_), Ok(amount)) = (demand.after(usage), demand.amount.try_into()) else {
        return Ok(Err(demand.exceeded(usage, now_ms)));
    };
    let (kind, scope) = counter.scope.parts();
    transaction
        .prepare_cached(
            "INSERT INTO counters (scope_kind, scope, measure, window, start_ms, used, reserved)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)
             ON CONFLICT DO UPDATE SET reserved = reserved + excluded.reserved",
        )?
        .execute(params![kind, scope, counter.measure.name(), counter.window.name(), start_ms, amount])?;
    Ok(Ok(Taken { counter: counter.clone(), start_ms, amount, before: usage }))
}
