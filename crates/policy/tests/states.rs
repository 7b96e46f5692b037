//! The life of a use case: every pair of states.

use policy::Status;
use policy::Status::{Accepted, Advised, Draft, Pilot, Retired, Suspended};

/// A row a state, a column a state that may follow.
const TABLE: [(Status, [bool; 6]); 6] = [
    //            draft  advised pilot  accepted suspended retired
    (Draft, [false, true, false, false, false, true]),
    (Advised, [true, false, true, false, false, true]),
    (Pilot, [false, false, false, true, true, true]),
    (Accepted, [false, false, false, false, true, true]),
    (Suspended, [false, false, true, false, false, true]),
    (Retired, [false, false, false, false, false, false]),
];

#[test]
fn every_pair_of_states() {
    assert_eq!(Status::ALL.map(Some), TABLE.map(|(state, _)| Some(state)), "the rows are all states");
    for (from, row) in TABLE {
        for (to, legal) in Status::ALL.into_iter().zip(row) {
            assert_eq!(from.may_become(to), legal, "{} → {}", from.name(), to.name());
        }
    }
}

/// Every state can be reached, and nothing runs without having been advised on.
#[test]
fn the_way_to_running_goes_through_advice() {
    let reach = |avoid: Option<Status>| {
        let mut seen = vec![Draft];
        while let Some(next) = Status::ALL.into_iter().find(|to| {
            Some(*to) != avoid && !seen.contains(to) && seen.iter().any(|from| from.may_become(*to))
        }) {
            seen.push(next);
        }
        seen
    };
    assert_eq!(reach(None).len(), Status::ALL.len());
    assert!(reach(Some(Advised)).iter().all(|state| !state.runs()));
    assert!(!reach(Some(Pilot)).contains(&Accepted));
}
