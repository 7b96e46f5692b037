//! Fair shares: whose turn it is to start, and how a step's prompt tokens are divided.
//!
//! Who starts next is decided by virtual token counters (Sheng et al. 2024, "Fairness in Serving Large Language Models",
//! arXiv:2401.00588): of the tenants that wait, the one that was served the fewest tokens. Within a tenant the first to
//! arrive starts first.

use crate::sequence::{Sequence, Tenant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The waiting sequences, in one line for each tenant.
#[derive(Default)]
pub(crate) struct Queue {
    /// No line is empty; each is in order of arrival.
    lines: BTreeMap<Tenant, VecDeque<Sequence>>,
    /// Tokens served, counted from when all tenants were even.
    served: BTreeMap<Tenant, u64>,
}

impl Queue {
    /// Nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes a sequence into its tenant's line, at its place by arrival.
    pub(crate) fn insert(&mut self, sequence: Sequence) {
        let line = self.lines.entry(sequence.tenant).or_default();
        line.insert(line.partition_point(|other| other.id < sequence.id), sequence);
    }

    /// Takes out the sequence with this id.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Sequence> {
        let find = |line: &VecDeque<Sequence>| line.iter().position(|sequence| sequence.id == id);
        let (tenant, index) = self.lines.iter().find_map(|(tenant, line)| Some((*tenant, find(line)?)))?;
        self.take(tenant, index)
    }

    fn take(&mut self, tenant: Tenant, index: usize) -> Option<Sequence> {
        let line = self.lines.get_mut(&tenant)?;
        let sequence = line.remove(index);
        if line.is_empty() {
            self.lines.remove(&tenant);
        }
        sequence
    }

    /// Takes out the sequence whose turn it is, passing over those that must not start yet. The tenant served least comes
    /// first, among equals the one whose first has waited longest.
    pub(crate) fn next(&mut self, mut held: impl FnMut(&mut Sequence) -> bool) -> Option<Sequence> {
        let turn = |(tenant, line): (&Tenant, &VecDeque<Sequence>)| {
            (self.served.get(tenant).copied(), line.front().map(|sequence| sequence.id), *tenant)
        };
        let mut turns: Vec<_> = self.lines.iter().map(turn).collect();
        turns.sort_unstable();
        for (.., tenant) in turns {
            let line = self.lines.get_mut(&tenant)?;
            if let Some(index) = line.iter_mut().position(|sequence| !held(sequence)) {
                return self.take(tenant, index);
            }
        }
        None
    }

    /// Takes out everything.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Sequence> {
        std::mem::take(&mut self.lines).into_values().flatten()
    }

    /// Notes tokens that were served.
    pub(crate) fn charge(&mut self, tenant: Tenant, tokens: usize) {
        *self.served.entry(tenant).or_insert(0) += tokens as u64;
    }

    /// Brings the counters up to date, given the tenants of what runs. One that comes back, or comes for the first time,
    /// starts where the least served is: nobody saves up turns by staying away. Those away and not ahead are forgotten.
    pub(crate) fn refresh(&mut self, running: impl Iterator<Item = Tenant>) {
        let active: BTreeSet<Tenant> = running.chain(self.lines.keys().copied()).collect();
        let known = active.iter().filter_map(|tenant| self.served.get(tenant));
        let Some(floor) = known.min().copied() else {
            self.served = active.into_iter().map(|tenant| (tenant, 0)).collect();
            return;
        };
        self.served.retain(|tenant, served| *served > floor || active.contains(tenant));
        for tenant in active {
            self.served.entry(tenant).or_insert(floor);
        }
    }
}

/// A prompt that is being computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// Whose it is.
    pub(crate) tenant: Tenant,
    /// Order of arrival.
    pub(crate) id: u64,
    /// Positions it could take.
    pub(crate) remaining: usize,
}

/// The oldest prompt of a tenant gets at least one token in so many of the tenant's share, however many shorter ones come.
const OLDEST_SHARE: usize = 4;

/// Divides a step's prompt tokens; one number for each claim. Tenants get equal shares, and what one does not need goes to
/// the others (max-min fairness). Within a tenant the shortest is finished first, so that a short prompt does not wait for
/// a long one, after the oldest has had its part, so that the long one does not wait for ever.
///
/// With a budget of at least the number of tenants, the oldest claim of each tenant gets at least one token.
pub(crate) fn divide(budget: usize, claims: &[Claim]) -> Vec<usize> {
    let mut tenants: BTreeMap<Tenant, Vec<(usize, Claim)>> = BTreeMap::new();
    for (index, claim) in claims.iter().enumerate() {
        tenants.entry(claim.tenant).or_default().push((index, *claim));
    }
    let demand = |claims: &[(usize, Claim)]| claims.iter().map(|(_, claim)| claim.remaining).sum::<usize>();
    let mut tenants: Vec<_> = tenants.into_values().map(|claims| (demand(&claims), claims)).collect();
    tenants.sort_by_key(|(demand, _)| *demand);
    let (mut left, mut lines) = (budget, tenants.len());
    let mut given = vec![0; claims.len()];
    let mut give = |index: usize, tokens: usize| {
        if let Some(given) = given.get_mut(index) {
            *given += tokens;
        }
    };
    for (demand, mut claims) in tenants {
        let mut share = demand.min(left / lines);
        left -= share;
        lines -= 1;
        if let Some((index, oldest)) = claims.iter_mut().min_by_key(|(_, claim)| claim.id) {
            let part = share.div_ceil(OLDEST_SHARE).min(oldest.remaining);
            give(*index, part);
            oldest.remaining -= part;
            share -= part;
        }
        claims.sort_by_key(|(_, claim)| (claim.remaining, claim.id));
        for (index, claim) in claims {
            let part = share.min(claim.remaining);
            give(index, part);
            share -= part;
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SamplingParams, SequenceRequest};
    use proptest::prelude::*;

    fn claim(tenant: u8, id: u64, remaining: usize) -> Claim {
        Claim { tenant: [tenant; 32], id, remaining }
    }

    fn waiting(id: u64, tenant: u8) -> Sequence {
        let request = SequenceRequest {
            prompt: vec![0].into(),
            sampling: SamplingParams::default(),
            max_tokens: 1,
            stop_token_ids: Vec::new(),
            cache_salt: [0; 32],
            tenant: [tenant; 32],
            draft_tokens_max: None,
            mask: None,
            busy: Default::default(),
        };
        Sequence::new(id, request, 0, tokio::sync::mpsc::channel(2).0)
    }

    /// Lets everybody start in turn, each at a price, as if all that started were running on.
    fn starts(queue: &mut Queue, price: usize) -> Vec<u64> {
        let mut running = Vec::new();
        let mut ids = Vec::new();
        loop {
            queue.refresh(running.iter().copied());
            let Some(sequence) = queue.next(|_| false) else { return ids };
            queue.charge(sequence.tenant, price);
            running.push(sequence.tenant);
            ids.push(sequence.id);
        }
    }

    #[test]
    fn a_short_prompt_is_done_beside_a_long_one_and_the_long_one_goes_on() {
        assert_eq!(divide(256, &[claim(0, 0, 4000), claim(0, 1, 100)]), [156, 100]);
        assert_eq!(divide(256, &[claim(0, 0, 4000), claim(1, 1, 100)]), [156, 100]);
        let crowd: Vec<Claim> = (1..40).map(|id| claim(0, id, 50)).collect();
        let given = divide(256, &[&[claim(0, 0, 4000)], &crowd[..]].concat());
        assert_eq!(given[..6], [64, 50, 50, 50, 42, 0]);
    }

    #[test]
    fn tenants_share_alike_and_leave_what_they_do_not_need() {
        let many: Vec<Claim> = (0..10).map(|id| claim(0, id, 1000)).collect();
        let given = divide(300, &[&many[..], &[claim(1, 10, 1000)], &[claim(2, 11, 20)]].concat());
        assert_eq!(given.iter().take(10).sum::<usize>(), 140);
        assert_eq!(given[10..], [140, 20]);
    }

    proptest! {
        /// Nothing is given twice, nothing is left while someone wants it, and each tenant's oldest gets some.
        #[test]
        fn the_budget_is_spent_and_nobody_starves(
            more in 0..300usize,
            wants in prop::collection::vec((0..4u8, 1..200usize), 1..20),
        ) {
            let claims: Vec<Claim> = (0..).zip(&wants).map(|(id, (tenant, n))| claim(*tenant, id, *n)).collect();
            let tenants: BTreeSet<Tenant> = claims.iter().map(|claim| claim.tenant).collect();
            let budget = tenants.len() + more;
            let given = divide(budget, &claims);
            prop_assert!(given.iter().zip(&claims).all(|(given, claim)| *given <= claim.remaining));
            let demand: usize = claims.iter().map(|claim| claim.remaining).sum();
            prop_assert_eq!(given.iter().sum::<usize>(), demand.min(budget));
            for tenant in tenants {
                let oldest = claims.iter().position(|claim| claim.tenant == tenant).unwrap();
                prop_assert!(given[oldest] > 0);
                let got: usize = given.iter().zip(&claims).filter(|(_, c)| c.tenant == tenant).map(|(n, _)| n).sum();
                let wanted: usize = claims.iter().filter(|c| c.tenant == tenant).map(|c| c.remaining).sum();
                prop_assert!(got >= wanted.min(budget / 4), "less than an equal share");
            }
        }
    }

    #[test]
    fn who_was_served_least_starts_next() {
        let mut queue = Queue::default();
        [(0, 7), (1, 7), (2, 7), (3, 7), (4, 8), (5, 8)]
            .iter()
            .for_each(|(id, t)| queue.insert(waiting(*id, *t)));
        assert_eq!(starts(&mut queue, 10), [0, 4, 1, 5, 2, 3]);
    }

    #[test]
    fn nobody_saves_up_turns_by_staying_away() {
        let mut queue = Queue::default();
        (0..3).for_each(|id| queue.insert(waiting(id, 7)));
        queue.refresh([].into_iter());
        queue.charge([7; 32], 1000);
        // The second tenant comes later: even from now on, and not a thousand tokens ahead.
        (3..6).for_each(|id| queue.insert(waiting(id, 8)));
        assert_eq!(starts(&mut queue, 10), [0, 3, 1, 4, 2, 5]);
        queue.refresh([].into_iter());
        assert!(queue.served.is_empty(), "nobody is left to be even with");
    }

    #[test]
    fn who_is_held_back_lets_others_pass_and_keeps_the_place() {
        let mut queue = Queue::default();
        [(0, 7), (1, 7), (2, 8)].iter().for_each(|(id, t)| queue.insert(waiting(*id, *t)));
        queue.refresh([].into_iter());
        assert_eq!(queue.next(|sequence| sequence.id == 0).unwrap().id, 1);
        assert_eq!(queue.next(|sequence| sequence.id == 0).unwrap().id, 2);
        assert!(queue.next(|sequence| sequence.id == 0).is_none());
        queue.insert(waiting(1, 7));
        assert_eq!(queue.next(|_| false).unwrap().id, 0);
        assert_eq!(queue.remove(1).unwrap().id, 1);
        assert!(queue.remove(1).is_none() && queue.is_empty());
    }
}
