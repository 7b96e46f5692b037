//! The arithmetic of one transaction, in memory: what the counters hold that its steps touch, and what they hold after.

use std::collections::HashMap;

use crate::postgres::{Outcome, Step};
use crate::quota::{Cell, Demand, Reservation, Reserve, Taken, Usage};
use crate::sqlite::count;

/// What a counter holds in its window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Of other gateways.
    others: Usage,
    /// Of this one: settled, and reserved.
    pub(super) used: i64,
    pub(super) reserved: i64,
    pub(super) changed: bool,
}

/// The counters that the steps of one transaction touch.
#[derive(Default)]
pub(super) struct Cells {
    numbers: HashMap<Cell, usize>,
    /// In the order of first mention.
    pub(super) cells: Vec<Cell>,
    held: Vec<Held>,
    /// The latest moment at which one of the steps reserved.
    pub(super) latest_ms: Option<i64>,
}

impl Held {
    fn total(self) -> Usage {
        Usage {
            used: self.others.used.saturating_add(count(self.used)),
            reserved: self.others.reserved.saturating_add(count(self.reserved)),
        }
    }
}

impl Cells {
    /// Notes which counters a step touches.
    pub(super) fn mention(&mut self, step: &Step) {
        match step {
            Step::Reserve { demands, now_ms } => {
                demands.iter().for_each(|demand| self.add(demand.counter.at(*now_ms)));
            }
            Step::GiveBack { reservation, .. } => {
                reservation.taken.iter().for_each(|taken| self.add((taken.counter.clone(), taken.start_ms)));
            }
            Step::Read(cells) => cells.iter().for_each(|cell| self.add(cell.clone())),
        }
    }

    fn add(&mut self, cell: Cell) {
        if !self.numbers.contains_key(&cell) {
            self.numbers.insert(cell.clone(), self.cells.len());
            self.cells.push(cell);
            self.held.push(Held::default());
        }
    }

    /// One row of the database: part of the counter of that number.
    pub(super) fn found(&mut self, number: usize, own: bool, used: i64, reserved: i64) {
        let Some(held) = self.held.get_mut(number) else { return };
        if own {
            (held.used, held.reserved) = (used, reserved);
        } else {
            held.others.used = held.others.used.saturating_add(count(used));
            held.others.reserved = held.others.reserved.saturating_add(count(reserved));
        }
    }

    /// The counters that hold something else than what was found, with what they hold.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&Cell, Held)> {
        self.cells.iter().zip(self.held.iter().copied()).filter(|(_, held)| held.changed)
    }

    fn held(&self, cell: &Cell) -> Held {
        self.numbers.get(cell).and_then(|&number| self.held.get(number)).copied().unwrap_or_default()
    }

    fn change(&mut self, cell: &Cell, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.numbers.get(cell).and_then(|&number| self.held.get_mut(number)) {
            change(held);
            held.changed = true;
        }
    }

    /// Does one step. `None` for a reservation that is not of this opening.
    pub(super) fn apply(&mut self, step: &Step, opening: u64) -> Option<Outcome> {
        match step {
            Step::Read(cells) => {
                Some(Outcome::Usages(cells.iter().map(|cell| self.held(cell).total()).collect()))
            }
            Step::GiveBack { reservation, .. } if reservation.opening != opening => None,
            Step::GiveBack { reservation, taken } => {
                for one in &reservation.taken {
                    self.change(&(one.counter.clone(), one.start_ms), |held| {
                        held.reserved = held.reserved.saturating_sub(one.amount).max(0);
                        held.used = held.used.saturating_add(one.actual(*taken));
                    });
                }
                Some(Outcome::Done)
            }
            Step::Reserve { demands, now_ms } => {
                Some(Outcome::Reserve(self.reserve(demands, *now_ms, opening)))
            }
        }
    }

    fn reserve(&mut self, demands: &[Demand], now_ms: i64, opening: u64) -> Reserve {
        let mut taken: Vec<Taken> = Vec::with_capacity(demands.len());
        for demand in demands {
            let cell = demand.counter.at(now_ms);
            let before = self.held(&cell).total();
            let (Some(_), Ok(amount)) = (demand.after(before), i64::try_from(demand.amount)) else {
                for one in taken {
                    self.change(&(one.counter, one.start_ms), |held| held.reserved -= one.amount);
                }
                return Reserve::Exceeded(demand.exceeded(before, now_ms));
            };
            self.change(&cell, |held| held.reserved += amount);
            taken.push(Taken { counter: cell.0, start_ms: cell.1, amount, before });
        }
        self.latest_ms = self.latest_ms.max(Some(now_ms));
        Reserve::Granted(Reservation { opening, taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counter, Measure, Scope, Window};

    fn demand(amount: u64, limit: u64) -> Demand {
        let scope = Scope::UseCase("letters".into());
        Demand { counter: Counter { scope, measure: Measure::Tokens, window: Window::Day }, amount, limit }
    }

    #[test]
    fn what_others_hold_counts_and_what_does_not_fit_leaves_nothing() {
        let other = Counter { window: Window::Minute, ..demand(0, 0).counter };
        let both = |amount, limit| {
            vec![Demand { counter: other.clone(), ..demand(1, 1_000) }, demand(amount, limit)]
        };
        let step = |amount, limit| Step::Reserve { demands: both(amount, limit), now_ms: 5 };
        let mut cells = Cells::default();
        cells.mention(&step(0, 0));
        assert_eq!(cells.cells.len(), 2);
        cells.found(1, false, 40, 10);
        cells.found(1, false, 20, 0);
        cells.found(1, true, 10, 5);
        let Some(Outcome::Reserve(Reserve::Exceeded(over))) = cells.apply(&step(16, 100), 1) else {
            panic!()
        };
        assert_eq!((over.usage.used, over.usage.reserved), (70, 15));
        let reserved: Vec<i64> = cells.changed().map(|(_, held)| held.reserved).collect();
        assert_eq!((reserved, cells.latest_ms), (vec![0], None), "the first demand was undone");
        let Some(Outcome::Reserve(Reserve::Granted(reservation))) = cells.apply(&step(15, 100), 1) else {
            panic!()
        };
        assert_eq!(cells.latest_ms, Some(5));
        let settle = Step::GiveBack { reservation, taken: Some(7) };
        assert!(cells.apply(&settle, 2).is_none(), "of another opening");
        assert!(cells.apply(&settle, 1).is_some());
        let held: Vec<_> = cells.changed().map(|(_, held)| (held.used, held.reserved)).collect();
        assert_eq!(held, [(7, 0), (17, 5)]);
    }
}
