//! Constrained sequences on the engine's thread: what may be drawn, beside whom, and what a grammar that fails takes down.

use crate::engine_tests::{VOCAB, events, finished, request, rig, token};
use crate::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// At position `n` only the ids of `sets[n]` may come; after the last set nothing may.
struct Listed {
    sets: Arc<Vec<Vec<u32>>>,
    at: usize,
    fault: Option<(usize, Fault)>,
    computed: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Error,
    Panic,
    Nothing,
    OnAccept,
}

impl TokenMask for Listed {
    fn allow(&mut self, words: &mut [u32]) -> Result<(), MaskFault> {
        self.computed.fetch_add(1, Relaxed);
        match self.fault.filter(|(at, _)| *at == self.at) {
            Some((_, Fault::Error)) => return Err(MaskFault),
            Some((_, Fault::Panic)) => panic!("scripted"),
            Some((_, Fault::Nothing)) => return Ok(()),
            _ => {}
        }
        for id in &self.sets[self.at] {
            words[*id as usize / 32] |= 1 << (id % 32);
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<bool, MaskFault> {
        if self.fault == Some((self.at, Fault::OnAccept)) || !self.sets[self.at].contains(&id) {
            return Err(MaskFault);
        }
        self.at += 1;
        Ok(self.at == self.sets.len())
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        let (sets, computed) = (Arc::clone(&self.sets), Arc::clone(&self.computed));
        Box::new(Listed { sets, at: self.at, fault: self.fault, computed })
    }
}

fn listed(sets: &[&[u32]], fault: Option<(usize, Fault)>) -> Box<Listed> {
    let sets = Arc::new(sets.iter().map(|set| set.to_vec()).collect());
    Box::new(Listed { sets, at: 0, fault, computed: Arc::default() })
}

fn masked(first: u32, max_tokens: u32, mask: Box<Listed>) -> SequenceRequest {
    SequenceRequest { mask: Some(mask), ..request(first, max_tokens) }
}

fn tokens(ids: &[u32], reason: FinishReason) -> Vec<TokenEvent> {
    ids.iter().copied().map(token).chain([finished(reason)]).collect()
}

#[test]
fn only_allowed_tokens_are_drawn_and_the_last_one_ends_the_sequence() {
    let rig = rig(false, |_| ());
    // The model wants 4, then what follows; equals among the rest, and the lowest of them wins.
    let mask = listed(&[&[9, 7], &[8, 2], &[1, 15]], None);
    let stream = rig.engine.submit(masked(3, 9, mask)).unwrap();
    assert_eq!(events(stream), tokens(&[7, 8, 1], FinishReason::Complete));
    let mask = listed(&[&[9, 7], &[8, 2], &[1, 15]], None);
    let stream = rig.engine.submit(masked(3, 2, mask)).unwrap();
    assert_eq!(events(stream), tokens(&[7, 8], FinishReason::Length));
}

#[test]
fn a_stop_token_is_drawn_only_where_the_mask_has_it() {
    let rig = rig(false, |_| ());
    let stop = |mask| SequenceRequest { stop_token_ids: vec![4], ..masked(3, 9, mask) };
    let stream = rig.engine.submit(stop(listed(&[&[5], &[6], &[4, 11], &[1]], None))).unwrap();
    assert_eq!(events(stream), tokens(&[5, 6], FinishReason::StopToken(4)));
}

#[test]
fn bias_and_lot_stay_within_the_mask() {
    let rig = rig(false, |_| ());
    for seed in 0..50 {
        let mut request = masked(3, 9, listed(&[&[9, 7], &[2], &[1, 15]], None));
        request.sampling = SamplingParams {
            temperature: 5.0,
            seed,
            logit_bias: vec![(0, 100.0)],
            presence_penalty: 1.0,
            ..SamplingParams::default()
        };
        let drawn = events(rig.engine.submit(request).unwrap());
        assert_eq!(drawn.len(), 4);
        assert!([token(9), token(7)].contains(&drawn[0]), "{drawn:?}");
        assert_eq!(drawn[1], token(2));
        assert!([token(1), token(15)].contains(&drawn[2]), "{drawn:?}");
    }
}

#[test]
fn choices_do_not_share_their_state() {
    let rig = rig(false, |_| ());
    let request = masked(3, 9, listed(&[&[9], &[7], &[2]], None));
    let streams = [request.clone(), request.clone(), request].map(|r| rig.engine.submit(r).unwrap());
    for stream in streams {
        assert_eq!(events(stream), tokens(&[9, 7, 2], FinishReason::Complete));
    }
}

#[test]
fn a_mask_that_fails_ends_its_sequence_and_no_other() {
    let rig = rig(false, |_| ());
    for fault in [Fault::Error, Fault::Panic, Fault::Nothing, Fault::OnAccept] {
        let beside = rig.engine.submit(request(3, 8)).unwrap();
        let fine = rig.engine.submit(masked(3, 9, listed(&[&[9], &[7], &[2]], None))).unwrap();
        let failing = listed(&[&[9], &[7], &[2]], Some((1, fault)));
        let failing = rig.engine.submit(masked(3, 9, failing)).unwrap();
        assert_eq!(events(failing), tokens(&[9], FinishReason::MaskFailed));
        assert_eq!(events(fine), tokens(&[9, 7, 2], FinishReason::Complete));
        assert_eq!(events(beside), tokens(&[4, 5, 6, 7, 8, 9, 10, 11], FinishReason::Length));
    }
}

#[test]
fn drafts_are_kept_only_as_far_as_the_mask_goes() {
    // 0, 1, … 15, 0, 1, …: the second round is drafted from the first, and the mask breaks it at the 20th token.
    let mut sets: Vec<Vec<u32>> = (0..40).map(|at| vec![(4 + at) % VOCAB as u32]).collect();
    sets[20] = vec![11];
    let all: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
    let answer = |speculation| {
        let rig = rig(false, |options| options.speculation = speculation);
        let drawn = events(rig.engine.submit(masked(3, 60, listed(&all, None))).unwrap());
        (drawn, rig.engine.stats())
    };
    let (plain, _) = answer(0);
    let (drafted, stats) = answer(6);
    assert_eq!(plain, drafted);
    assert_eq!(plain, tokens(&sets.concat(), FinishReason::Complete));
    assert!(stats.accepted_tokens_total >= 8, "{stats:?}");
    assert!(stats.drafted_tokens_total > stats.accepted_tokens_total, "{stats:?}");
}

#[test]
fn a_fault_on_a_draft_that_does_not_come_true_is_none() {
    // Drafts look ahead past position 20, where the model's own way would go on; the state there is never reached.
    let mut sets: Vec<Vec<u32>> = (0..40).map(|at| vec![(4 + at) % VOCAB as u32]).collect();
    sets[25] = vec![1, (4 + 25) % VOCAB as u32];
    let all: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
    let rig = rig(false, |options| options.speculation = 6);
    let mask = listed(&all, Some((24, Fault::Error)));
    let drawn = events(rig.engine.submit(masked(3, 24, mask)).unwrap());
    assert_eq!(drawn, tokens(&sets[..24].concat(), FinishReason::Length));
}

#[test]
fn a_sequence_without_a_mask_asks_for_none() {
    let rig = rig(false, |_| ());
    let mask = listed(&[&[9], &[7]], None);
    let computed = Arc::clone(&mask.computed);
    let beside = rig.engine.submit(request(3, 8)).unwrap();
    assert_eq!(events(beside).len(), 9);
    assert_eq!(computed.load(Relaxed), 0);
    assert_eq!(events(rig.engine.submit(masked(3, 9, mask)).unwrap()).len(), 3);
    assert_eq!(computed.load(Relaxed), 2);
}
