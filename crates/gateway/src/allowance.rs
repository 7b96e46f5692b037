//! Quota: reserved before generation, settled after, whatever way the request ends.

use std::sync::Arc;

use ledger::{Counter, Demand, Exceeded, Ledger, Measure, Reservation, Reserve, Scope, Window};
use policy::{Limits, Share, UseCase};
use provenance::Pseudonym;

use crate::refusal::{Quota, QuotaOf};

/// Who takes, and of what.
pub(crate) struct Taker<'a> {
    pub(crate) use_case: &'a str,
    pub(crate) key_id: &'a str,
    pub(crate) user: Pseudonym,
}

/// What a use case has used, and the quotas that stand in the way.
pub(crate) struct Used {
    pub(crate) tokens_today: u64,
    pub(crate) requests_this_minute: u64,
    pub(crate) exceeded: Vec<Exceeded>,
}

/// Tokens and a request held for one request. Dropping it settles with what was counted until then; before the request
/// began, it gives everything back.
pub(crate) struct Allowance {
    ledger: Arc<Ledger>,
    reservation: Option<Reservation>,
    tokens: u64,
    begun: bool,
}

impl Taker<'_> {
    /// A user is one within a use case: its record says how much each may take. The pseudonym is the log's, so that the
    /// log alone suffices to count again; it changes with the log's epochs, which begin with a day.
    fn scopes(&self) -> [Scope; 3] {
        [
            Scope::UseCase(self.use_case.to_owned()),
            Scope::Key(self.key_id.to_owned()),
            Scope::Actor(format!("{}/{}", self.use_case, self.user.to_hex())),
        ]
    }

    /// The twelve counters of a request, the longer window first: what is told is what takes longest.
    pub(crate) fn counters(&self) -> Vec<Counter> {
        let mut counters = Vec::with_capacity(12);
        let scopes = self.scopes();
        for window in [Window::Day, Window::Minute] {
            for scope in &scopes {
                for measure in [Measure::Requests, Measure::Tokens] {
                    counters.push(Counter { scope: scope.clone(), measure, window });
                }
            }
        }
        counters
    }

    /// What a request of `tokens` needs of each counter. All are counted, limited or not: a limit that is stated later
    /// today holds for all of today.
    fn demands(&self, limits: &Limits, tokens: u64) -> Vec<Demand> {
        let demand = |counter: Counter| {
            let amount = if counter.measure == Measure::Requests { 1 } else { tokens };
            Demand { amount, limit: limit(limits, &counter).unwrap_or(u64::MAX), counter }
        };
        self.counters().into_iter().map(demand).collect()
    }
}

/// What the record allows in a counter.
pub(crate) fn limit(limits: &Limits, counter: &Counter) -> Option<u64> {
    let whole = Share {
        requests_per_minute: Some(limits.requests_per_minute),
        requests_per_day: limits.requests_per_day,
        tokens_per_minute: limits.tokens_per_minute,
        tokens_per_day: Some(limits.tokens_per_day),
    };
    let share = match counter.scope {
        Scope::Key(_) => &limits.key,
        Scope::Actor(_) => &limits.user,
        _ => &whole,
    };
    match (counter.measure, counter.window) {
        (Measure::Requests, Window::Minute) => share.requests_per_minute,
        (Measure::Requests, Window::Day) => share.requests_per_day,
        (Measure::Tokens, Window::Minute) => share.tokens_per_minute,
        (Measure::Tokens, Window::Day) => share.tokens_per_day,
    }
}

/// Reads the counters for a request that will take about `tokens`. Blocks on the disk.
pub(crate) fn used(
    ledger: &Ledger,
    taker: &Taker<'_>,
    limits: &Limits,
    tokens: u64,
    now_ms: i64,
) -> Result<Used, ledger::Error> {
    let demands = taker.demands(limits, tokens);
    let (usages, exceeded) = ledger.look(&demands, now_ms)?;
    let total = |measure, window| {
        let of = |demand: &Demand| {
            matches!(demand.counter.scope, Scope::UseCase(_))
                && (demand.counter.measure, demand.counter.window) == (measure, window)
        };
        demands.iter().zip(&usages).find(|(demand, _)| of(demand)).map_or(0, |(_, usage)| usage.total())
    };
    Ok(Used {
        tokens_today: total(Measure::Tokens, Window::Day),
        requests_this_minute: total(Measure::Requests, Window::Minute),
        exceeded,
    })
}

/// Reserves `tokens` and one request in all counters or in none, or says which limit stands in the way. Blocks on the
/// disk; exact under concurrency because the ledger takes it in one transaction.
pub(crate) fn reserve(
    ledger: &Arc<Ledger>,
    taker: &Taker<'_>,
    use_case: &UseCase,
    tokens: u64,
    now_ms: i64,
) -> Result<Result<Allowance, Exceeded>, ledger::Error> {
    match ledger.reserve(&taker.demands(&use_case.limits, tokens), now_ms)? {
        Reserve::Granted(reservation) => Ok(Ok(Allowance {
            ledger: Arc::clone(ledger),
            reservation: Some(reservation),
            tokens: 0,
            begun: false,
        })),
        Reserve::Exceeded(exceeded) => Ok(Err(exceeded)),
    }
}

/// An exceeded demand as the caller is told of it.
pub(crate) fn quota(exceeded: &Exceeded) -> Quota {
    let Demand { counter, amount, limit } = &exceeded.demand;
    let seconds = u64::try_from(exceeded.retry_after_ms).unwrap_or(0).div_ceil(1000);
    Quota {
        of: match counter.scope {
            Scope::Key(_) => QuotaOf::Key,
            Scope::Actor(_) => QuotaOf::User,
            _ => QuotaOf::UseCase,
        },
        tokens: counter.measure == Measure::Tokens,
        daily: counter.window == Window::Day,
        limit: *limit,
        used: exceeded.usage.total(),
        wanted: *amount,
        // What is more than the whole window allows never fits.
        retry_after_s: (amount <= limit).then_some(seconds),
    }
}

impl Allowance {
    /// The request begins: from here on it is counted.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
    }

    /// Counts tokens as taken.
    pub(crate) fn take(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
    }

    /// Leaves everything reserved: nobody knows whether the log has the request. The next start counts again from it.
    pub(crate) fn leave(mut self) {
        self.reservation = None;
    }

    /// The log does not have the request: everything is given back.
    pub(crate) fn cancel(mut self) {
        self.begun = false;
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        let Some(reservation) = self.reservation.take() else { return };
        let (ledger, tokens, begun) = (Arc::clone(&self.ledger), self.tokens, self.begun);
        let settle = move || {
            let settled =
                if begun { ledger.settle(reservation, tokens) } else { ledger.release(reservation) };
            if let Err(error) = settled {
                // It stays counted until the ledger is opened again, or its database is back: too much, never too little.
                tracing::error!(%error, "a quota reservation could not be settled");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(settle)),
            Err(_) => settle(),
        }
    }
}
