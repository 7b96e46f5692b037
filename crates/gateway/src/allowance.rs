//! Quota: reserved before generation, settled after, whatever way the request ends.

use std::sync::Arc;

use ledger::{Counter, Demand, Exceeded, Ledger, Measure, Reservation, Reserve, Scope, Window};
use policy::UseCase;

use crate::refusal::Refusal;

/// What a use case has used.
pub(crate) struct Used {
    pub(crate) tokens_today: u64,
    pub(crate) requests_this_minute: u64,
}

/// Tokens and a request held for one request. Dropping it settles with what was counted until then.
pub(crate) struct Allowance {
    ledger: Arc<Ledger>,
    reservation: Option<Reservation>,
    tokens: u64,
}

fn tokens_today(use_case: &str) -> Counter {
    Counter { scope: Scope::UseCase(use_case.to_owned()), measure: Measure::Tokens, window: Window::Day }
}

fn requests_this_minute(use_case: &str) -> Counter {
    Counter { scope: Scope::UseCase(use_case.to_owned()), measure: Measure::Requests, window: Window::Minute }
}

/// Reads the counters of a use case. Blocks on the disk.
pub(crate) fn used(ledger: &Ledger, use_case: &str, now_ms: i64) -> Result<Used, Refusal> {
    let total =
        |counter: Counter| ledger.usage(&counter, now_ms).map(ledger::Usage::total).map_err(Refusal::closed);
    Ok(Used {
        tokens_today: total(tokens_today(use_case))?,
        requests_this_minute: total(requests_this_minute(use_case))?,
    })
}

/// Reserves `tokens` and one request, or says which limit stands in the way. Blocks on the disk; exact under
/// concurrency because the ledger takes it in one transaction.
pub(crate) fn reserve(
    ledger: &Arc<Ledger>,
    use_case: &UseCase,
    tokens: u64,
    now_ms: i64,
) -> Result<Result<Allowance, Exceeded>, Refusal> {
    let limits = use_case.limits;
    let demands = [
        Demand { counter: requests_this_minute(&use_case.id), amount: 1, limit: limits.requests_per_minute },
        Demand { counter: tokens_today(&use_case.id), amount: tokens, limit: limits.tokens_per_day },
    ];
    match ledger.reserve(&demands, now_ms).map_err(Refusal::closed)? {
        Reserve::Granted(reservation) => {
            Ok(Ok(Allowance { ledger: Arc::clone(ledger), reservation: Some(reservation), tokens: 0 }))
        }
        Reserve::Exceeded(exceeded) => Ok(Err(exceeded)),
    }
}

impl Allowance {
    /// Counts tokens as taken.
    pub(crate) fn take(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        let Some(reservation) = self.reservation.take() else { return };
        let (ledger, tokens) = (Arc::clone(&self.ledger), self.tokens);
        let settle = move || {
            if let Err(error) = ledger.settle(reservation, tokens) {
                // The reservation stays counted until the ledger is opened again: too much, never too little.
                tracing::error!(%error, "a quota reservation could not be settled");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(settle)),
            Err(_) => settle(),
        }
    }
}
