//! Quota counters: reserved before generation, settled after. A counter is one scope, one measure, one window of
//! the clock. Whatever the clock does, no window ever holds more than its limit, since windows are counted by
//! their own beginning and the past ones are kept.

use crate::Error;
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

/// A counter in the window that begins at a moment, in milliseconds since 1970 UTC.
pub(crate) type Cell = (Counter, i64);

impl Counter {
    /// From the names that databases have for its parts; `None` for a name that this program does not know.
    pub(crate) fn read(kind: &str, scope: String, measure: &str, window: &str) -> Option<Self> {
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

    /// In the window of a moment.
    pub(crate) fn at(&self, now_ms: i64) -> Cell {
        (self.clone(), self.window.start_ms(now_ms))
    }
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
    pub(crate) fn after(&self, usage: Usage) -> Option<i64> {
        let after = usage.total().checked_add(self.amount).filter(|after| *after <= self.limit);
        after.and_then(|after| i64::try_from(after).ok())
    }

    pub(crate) fn exceeded(&self, usage: Usage, now_ms: i64) -> Exceeded {
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
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) counter: Counter,
    pub(crate) start_ms: i64,
    pub(crate) amount: i64,
    pub(crate) before: Usage,
}

impl Taken {
    /// What counts as used where `tokens` were taken, or where the request never began.
    pub(crate) fn actual(&self, tokens: Option<u64>) -> i64 {
        match (tokens, self.counter.measure) {
            (None, _) => 0,
            (Some(tokens), Measure::Tokens) => i64::try_from(tokens).unwrap_or(i64::MAX),
            (Some(_), Measure::Requests) => self.amount,
        }
    }
}

/// Allowance set aside for one request. Hand it back by [`Ledger::settle`] or [`Ledger::release`]; one that is
/// lost stays reserved until the ledger is opened again.
#[derive(Debug)]
#[must_use = "a reservation that is not settled or released stays reserved until restart"]
pub struct Reservation {
    /// The opening of the ledger it belongs to.
    pub(crate) opening: u64,
    pub(crate) taken: Vec<Taken>,
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
    /// Reserves for all demands or for none, in one durable transaction; exact whatever the number of callers, and of
    /// gateways where they share a database.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::StoreGone`]: nothing was reserved, and the request must not go on.
    pub fn reserve(&self, demands: &[Demand], now_ms: i64) -> Result<Reserve, Error> {
        self.faults.at(Point::Reserve)?;
        self.counters.reserve(demands, now_ms)
    }

    /// Replaces what was reserved by what was taken: `tokens` for each counter of tokens, the request itself for
    /// each counter of requests. More than was reserved is counted in full, beyond the limit if need be.
    ///
    /// # Errors
    /// [`Error::Database`]: it stays reserved until the ledger is opened again, so that nobody gets it.
    /// [`Error::StoreGone`]: it stays reserved until the database is back, and is settled then.
    /// [`Error::StaleReservation`]: it was ended already, and is not given back twice.
    pub fn settle(&self, reservation: Reservation, tokens: u64) -> Result<(), Error> {
        self.counters.give_back(reservation, Some(tokens))
    }

    /// Gives back all that was reserved: the request was denied before it began.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub fn release(&self, reservation: Reservation) -> Result<(), Error> {
        self.counters.give_back(reservation, None)
    }

    /// What several counters hold at `now_ms`, and which of the demands are not met as they stand. Reserves
    /// nothing: a caller that goes on must [`Ledger::reserve`].
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::StoreGone`].
    pub fn look(&self, demands: &[Demand], now_ms: i64) -> Result<(Vec<Usage>, Vec<Exceeded>), Error> {
        let usages = self.counters.read(demands.iter().map(|demand| demand.counter.at(now_ms)).collect())?;
        let both = demands.iter().zip(&usages);
        let exceeded = both
            .filter(|(demand, usage)| demand.after(**usage).is_none())
            .map(|(demand, usage)| demand.exceeded(*usage, now_ms))
            .collect();
        Ok((usages, exceeded))
    }

    /// What a counter holds in the window of `now_ms`.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::StoreGone`].
    pub fn usage(&self, counter: &Counter, now_ms: i64) -> Result<Usage, Error> {
        let usages = self.counters.read(vec![counter.at(now_ms)])?;
        Ok(usages.first().copied().unwrap_or_default())
    }
}
