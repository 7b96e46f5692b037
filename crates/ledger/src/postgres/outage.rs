//! What a lost connection leaves behind, and how it is put right when the database is back.
//!
//! A transaction whose commit was sent and not answered may have been committed or not; the number in the gateway's row
//! says which. Until that is known its callers hear of a failure, so a reservation that turns out to have been made has no
//! owner and is given back. What callers wanted to give back and could not is given back then too, so that no request
//! that ended while the database was away stays reserved.

use crate::Error;
use crate::postgres::{Outcome, Step};
use crate::quota::Reserve;

/// A transaction of which nobody knows whether it was committed.
pub(super) struct Doubt {
    pub(super) batch: i64,
    /// How many of what was owed it gave back, from the front.
    pub(super) owed: usize,
    /// What its callers hear if it was.
    pub(super) outcomes: Vec<Result<Outcome, Error>>,
    /// Its steps, once the callers have heard of a failure.
    pub(super) told: Option<Vec<Step>>,
}

/// What has to be put right.
#[derive(Default)]
pub(super) struct Outage {
    pub(super) doubt: Option<Doubt>,
    /// To be given back.
    pub(super) owed: Vec<Step>,
}

impl Outage {
    /// Whether anything has to be done.
    pub(super) fn pending(&self) -> bool {
        self.doubt.is_some() || !self.owed.is_empty()
    }

    /// The callers of `steps` heard of a failure.
    pub(super) fn told(&mut self, steps: Vec<Step>) {
        match &mut self.doubt {
            Some(doubt) if doubt.told.is_none() => doubt.told = Some(steps),
            _ => self.owe(steps),
        }
    }

    /// The last committed transaction of this gateway is `batch`. Gives what callers are to hear who still wait for it.
    pub(super) fn resolve(&mut self, batch: i64) -> Option<Vec<Result<Outcome, Error>>> {
        let doubt = self.doubt.take()?;
        let committed = doubt.batch == batch;
        if committed {
            self.owed.drain(..doubt.owed.min(self.owed.len()));
        }
        match (committed, doubt.told) {
            (true, None) => return Some(doubt.outcomes),
            (true, Some(_)) => {
                for outcome in doubt.outcomes {
                    if let Ok(Outcome::Reserve(Reserve::Granted(reservation))) = outcome {
                        self.owed.push(Step::GiveBack { reservation, taken: None });
                    }
                }
            }
            (false, Some(steps)) => self.owe(steps),
            (false, None) => {}
        }
        None
    }

    fn owe(&mut self, steps: Vec<Step>) {
        self.owed.extend(steps.into_iter().filter(|step| matches!(step, Step::GiveBack { .. })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reservation;

    fn settle(opening: u64) -> Step {
        Step::GiveBack { reservation: Reservation { opening, taken: Vec::new() }, taken: Some(1) }
    }

    fn granted(opening: u64) -> Result<Outcome, Error> {
        Ok(Outcome::Reserve(Reserve::Granted(Reservation { opening, taken: Vec::new() })))
    }

    /// Openings stand for who is who.
    fn owed(outage: &Outage) -> Vec<(u64, Option<u64>)> {
        let of = |step: &Step| match step {
            Step::GiveBack { reservation, taken } => (reservation.opening, *taken),
            _ => panic!("nothing else is owed"),
        };
        outage.owed.iter().map(of).collect()
    }

    fn outage(told: bool) -> Outage {
        let outcomes = vec![granted(2), Ok(Outcome::Done)];
        let doubt = Doubt { batch: 7, owed: 1, outcomes, told: None };
        let mut outage = Outage { doubt: Some(doubt), owed: vec![settle(1)] };
        if told {
            let reserve = Step::Reserve { demands: Vec::new(), now_ms: 0 };
            outage.told(vec![reserve, settle(3)]);
            // Of a later transaction, which never began.
            outage.told(vec![settle(4)]);
        }
        outage
    }

    #[test]
    fn callers_who_wait_hear_what_came_of_it() {
        let mut was = outage(false);
        assert_eq!(was.resolve(7).unwrap().len(), 2);
        assert!(!was.pending());
        let mut was_not = outage(false);
        assert!(was_not.resolve(6).is_none());
        assert_eq!(owed(&was_not), [(1, Some(1))], "to be tried again with the rest");
    }

    #[test]
    fn callers_who_heard_of_a_failure_hold_nothing_and_owe_nothing() {
        let mut was = outage(true);
        assert!(was.resolve(7).is_none());
        assert_eq!(
            owed(&was),
            [(4, Some(1)), (2, None)],
            "the reservation has no owner; the settlement was made"
        );
        let mut was_not = outage(true);
        assert!(was_not.resolve(6).is_none());
        assert_eq!(owed(&was_not), [(1, Some(1)), (4, Some(1)), (3, Some(1))]);
    }
}
