//! Quota counters from the log alone: what each request reserved, and what its outcome says it took.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ledger::{Counter, Measure, Standing, Usage};
use provenance::{EndReason, Intent, Leaf, OutcomeFacts, ReceiptId};

use crate::allowance::Taker;

type Cell = (Counter, i64);

/// A request whose outcome has not been read yet.
struct Open {
    cells: Vec<Cell>,
    reserved: u64,
    prompt: u64,
}

/// Counts the log in `dir`, oldest leaf first. A request without an outcome, or one that a crash ended, counts with all
/// that it had reserved: nobody knows how much of it was generated.
///
/// # Errors
/// What makes the log unreadable.
pub fn recount(dir: &Path) -> Result<Vec<Standing>, provenance::Error> {
    let mut used: BTreeMap<Cell, u64> = BTreeMap::new();
    let mut open: HashMap<ReceiptId, Open> = HashMap::new();
    provenance::show(dir, |shown| {
        match &shown.entry.leaf {
            Leaf::Intent(intent) => {
                if let Some(request) = Open::new(intent, shown.entry.ts_ms) {
                    add(&mut used, &request.cells, Measure::Requests, 1);
                    open.insert(intent.request.id, request);
                }
            }
            Leaf::Outcome(outcome) => {
                if let Some(request) = open.remove(&outcome.id) {
                    add(&mut used, &request.cells, Measure::Tokens, request.taken(&outcome.facts));
                }
            }
            _ => {}
        }
        true
    })?;
    for request in open.values() {
        add(&mut used, &request.cells, Measure::Tokens, request.reserved);
    }
    let standing =
        |((counter, start_ms), used)| Standing { counter, start_ms, usage: Usage { used, reserved: 0 } };
    Ok(used.into_iter().map(standing).collect())
}

fn add(used: &mut BTreeMap<Cell, u64>, cells: &[Cell], measure: Measure, amount: u64) {
    for cell in cells.iter().filter(|(counter, _)| counter.measure == measure) {
        let sum = used.entry(cell.clone()).or_default();
        *sum = sum.saturating_add(amount);
    }
}

impl Open {
    fn new(intent: &Intent, ts_ms: i64) -> Option<Self> {
        let request = &intent.request;
        let taker = Taker {
            use_case: request.use_case.as_ref()?.id.as_str(),
            key_id: request.key_id.as_ref()?.as_str(),
            user: request.actor_pseudonym,
        };
        // Logs of before this moment was recorded have the leaf's own, which is a little later.
        let at_ms = request.decision.reserved_at_ms.unwrap_or(ts_ms);
        let cell = |counter: Counter| {
            let start_ms = counter.window.start_ms(at_ms);
            (counter, start_ms)
        };
        Some(Self {
            cells: taker.counters().into_iter().map(cell).collect(),
            reserved: request.decision.tokens_reserved.unwrap_or(0),
            prompt: match request.decision.tokens_reserved {
                // What reserved nothing takes nothing: its tokens were counted, and nobody read them.
                Some(0) => 0,
                _ => request.input.as_ref().map_or(0, |input| input.tokens.into()),
            },
        })
    }

    /// As the allowance settles: the prompt counts once it was handed to the engine, and then the answers do.
    fn taken(&self, outcome: &OutcomeFacts) -> u64 {
        if !outcome.choices.is_empty() {
            return outcome.choices.iter().fold(self.prompt, |sum, c| sum.saturating_add(c.tokens.into()));
        }
        match outcome.reason {
            Some(EndReason::Crash | EndReason::Shutdown) => self.reserved,
            _ => 0,
        }
    }
}
