//! Unauthenticated denials, counted, so that a flood of them is one leaf an interval.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{Leaf, UnauthenticatedDenials, UnauthenticatedReason};

/// Counts denials until the caller's tick takes them.
#[derive(Debug)]
pub struct DenialCounter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    from_ms: i64,
    counts: BTreeMap<UnauthenticatedReason, u32>,
}

impl DenialCounter {
    /// Starts counting at `now_ms`.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self { state: Mutex::new(State { from_ms: now_ms, counts: BTreeMap::new() }) }
    }

    /// Counts one; stops at the largest number.
    pub fn count(&self, reason: UnauthenticatedReason) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.counts.entry(reason).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// The leaf of the interval that ends at `now_ms`, or `None` when there was no denial. Starts the next interval.
    /// Call it once more before shutdown.
    #[must_use]
    pub fn take(&self, now_ms: i64) -> Option<Leaf> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = std::mem::take(&mut state.counts);
        let from_ms = std::mem::replace(&mut state.from_ms, now_ms);
        if counts.is_empty() {
            return None;
        }
        Some(Leaf::UnauthenticatedDenials(UnauthenticatedDenials { from_ms, to_ms: now_ms, counts }))
    }
}
