//! The scheduler against a naive model: what every answer would be alone, and what every page would hold.

use crate::block_manager::{BlockManager, PAGE_TOKENS};
use crate::scheduler::{Limits, Scheduler};
use crate::sequence::Sequence;
use crate::{FinishReason, SamplingParams, SequenceRequest, TokenEvent};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

#[derive(Debug, Clone)]
struct Case {
    prompt: Vec<u32>,
    max_tokens: u32,
    stop_token_ids: Vec<u32>,
    /// Of the cache, and the tenant as well.
    salt: u8,
    speculation: usize,
    arrives_at: usize,
    aborted_at: Option<usize>,
}

impl Case {
    /// The same request now, from tenant 0, never aborted and never stopped.
    fn new(prompt: Vec<u32>, max_tokens: u32) -> Self {
        Case {
            prompt,
            max_tokens,
            stop_token_ids: Vec::new(),
            salt: 0,
            speculation: 0,
            arrives_at: 0,
            aborted_at: None,
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    // Prompts of two tokens repeated, so that prefixes are often shared.
    let prompt = (1..120usize, 0..2u32, 0..100usize)
        .prop_map(|(len, token, other)| (0..len).map(|i| if i < other { token } else { 7 }).collect());
    let stop = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![4])];
    let times = (0..30usize, prop::option::weighted(0.2, 0..60usize));
    (prompt, 1..140u32, stop, 0..3u8, 0..7usize, times).prop_map(
        |(prompt, max_tokens, stop_token_ids, salt, speculation, (arrives_at, aborted_at))| Case {
            prompt,
            max_tokens,
            stop_token_ids,
            salt,
            speculation,
            arrives_at,
            aborted_at,
        },
    )
}

/// A model that sees everything before. It mostly says again what it said some tokens ago, so that drafts are accepted, and
/// now and then a hash of all tokens, so that they are rejected too.
fn next_token(tokens: &[u32]) -> u32 {
    let hash = tokens.iter().fold(17u32, |hash, token| hash.wrapping_mul(31).wrapping_add(*token));
    let period = 3 + tokens[0] as usize;
    match hash % 13 {
        0 => hash / 13 % 5,
        _ => tokens.len().checked_sub(period).map_or(hash % 5, |back| tokens[back]),
    }
}

fn submit(scheduler: &mut Scheduler, id: usize, case: &Case) -> Receiver<TokenEvent> {
    let (sender, events) = tokio::sync::mpsc::channel(case.max_tokens as usize + 1);
    let request = SequenceRequest {
        prompt: case.prompt.clone().into(),
        sampling: SamplingParams::default(),
        max_tokens: case.max_tokens,
        stop_token_ids: case.stop_token_ids.clone(),
        cache_salt: [case.salt; 32],
        tenant: [case.salt; 32],
        draft_tokens_max: None,
        mask: None,
        busy: Default::default(),
    };
    scheduler.submit(Sequence::new(id as u64, request, case.speculation, sender));
    events
}

/// What the pages would hold: by page and slot, the salt's owner and all tokens up to there.
type Pages = HashMap<(u32, usize), Vec<u32>>;

/// What a step did: tokens computed, and of the drafts how many were made and accepted.
#[derive(Debug, Default)]
struct Work {
    computed: usize,
    drafted: usize,
    accepted: usize,
}

/// One step; checks the books and that every sequence reads from its pages what it would have computed itself.
fn step(scheduler: &mut Scheduler, limits: Limits, pages: &mut Pages, cases: &[Case]) -> Work {
    let slices = scheduler.schedule();
    assert!(!slices.is_empty(), "a step without work");
    let mut work = Work { computed: slices.iter().map(|slice| slice.len).sum(), ..Work::default() };
    assert!(work.computed <= limits.max_batch_tokens);
    assert!(scheduler.running.len() <= limits.max_running);
    assert!(scheduler.running.is_sorted_by_key(|sequence| sequence.id));
    assert_eq!(slices[0].index, 0, "the oldest is always served");
    scheduler.blocks.take_wipes().into_iter().for_each(|page| pages.retain(|(id, _), _| *id != page));
    let mut ended = Vec::new();
    for slice in slices {
        let sequence = &scheduler.running[slice.index];
        let salt = u32::from(cases[sequence.id as usize].salt);
        let place = |position: usize| (sequence.block_table[position / PAGE_TOKENS], position % PAGE_TOKENS);
        // The draft is run as if it were right, and its pages then hold what a model would have made of it.
        let run: Vec<u32> = sequence.tokens_to_compute(0).take(sequence.computed + slice.len).collect();
        let content = |position: usize| [&[salt], &run[..=position]].concat();
        for position in 0..sequence.computed {
            assert_eq!(pages.get(&place(position)), Some(&content(position)), "a page holds something else");
        }
        for position in sequence.computed..sequence.computed + slice.len {
            pages.insert(place(position), content(position));
        }
        let drawn_from = sequence.len();
        let outcome = scheduler.advance(slice, |row, _| Some(next_token(&run[..drawn_from + row])));
        work.drafted += outcome.drafted;
        work.accepted += outcome.accepted;
        ended.extend(outcome.ended.map(|reason| (slice.index, reason)));
    }
    ended.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
    ended.into_iter().for_each(|(index, reason)| scheduler.finish(index, reason));
    scheduler.blocks.assert_conserved();
    work
}

fn expected(case: &Case) -> (Vec<u32>, FinishReason) {
    let mut tokens = case.prompt.clone();
    let mut reason = FinishReason::Length;
    for _ in 0..case.max_tokens {
        let next = next_token(&tokens);
        if case.stop_token_ids.contains(&next) {
            reason = FinishReason::StopToken(next);
            break;
        }
        tokens.push(next);
    }
    (tokens.split_off(case.prompt.len()), reason)
}

/// What serving some cases took.
#[derive(Debug, Default)]
struct Bill {
    work: Work,
    steps: usize,
    preemptions: u64,
    /// The step after which each had its first token.
    first_token_at: Vec<usize>,
}

fn check(cases: &[Case], limits: Limits, pages_total: u32) -> Bill {
    let mut scheduler = Scheduler::new(limits, BlockManager::new(pages_total, Duration::MAX));
    let mut pages = Pages::new();
    let mut streams: Vec<Option<Receiver<TokenEvent>>> = cases.iter().map(|_| None).collect();
    let mut bill = Bill { first_token_at: vec![usize::MAX; cases.len()], ..Bill::default() };
    for now in 0..100_000 {
        for (id, case) in cases.iter().enumerate() {
            if case.arrives_at == now {
                streams[id] = Some(submit(&mut scheduler, id, case));
            }
            if case.aborted_at.is_some_and(|after| case.arrives_at + after == now) {
                scheduler.abort(id as u64);
            }
        }
        if !scheduler.is_idle() {
            let work = step(&mut scheduler, limits, &mut pages, cases);
            bill.work.computed += work.computed;
            bill.work.drafted += work.drafted;
            bill.work.accepted += work.accepted;
            bill.steps += 1;
            for (first, stream) in bill.first_token_at.iter_mut().zip(&streams) {
                if *first == usize::MAX && stream.as_ref().is_some_and(|stream| !stream.is_empty()) {
                    *first = now;
                }
            }
        } else if cases.iter().all(|case| case.arrives_at + case.aborted_at.unwrap_or(0) < now) {
            break;
        }
    }
    scheduler.blocks.assert_idle();
    assert_eq!(scheduler.dequeued, cases.len(), "places in the queue were lost or doubled");
    for (case, stream) in cases.iter().zip(streams) {
        let mut stream = stream.expect("every case arrives");
        let mut events: Vec<TokenEvent> = std::iter::from_fn(|| stream.try_recv().ok()).collect();
        let (answer, reason) = expected(case);
        let last = events.pop();
        let aborted = last == Some(TokenEvent::Finished(FinishReason::Aborted)) && case.aborted_at.is_some();
        assert!(aborted || last == Some(TokenEvent::Finished(reason)), "ended with {last:?}, not {reason:?}");
        let mut answer = answer.into_iter().map(|id| TokenEvent::Token { id });
        assert!(events.iter().all(|event| answer.next().as_ref() == Some(event)), "another answer");
        assert!(aborted || answer.next().is_none(), "the answer is too short");
    }
    bill.preemptions = scheduler.preemptions;
    bill
}

fn limits(max_batch_tokens: usize, max_running: usize) -> Limits {
    Limits { max_batch_tokens, max_running, prefix_sharing: true, max_read_rows: 32 }
}

proptest! {
    /// Every answer is what the sequence would get alone, for any arrivals, aborts, tenants, drafts, budgets and number of
    /// pages; every step makes progress, and the oldest is in it.
    #[test]
    fn answers_do_not_depend_on_company(
        cases in prop::collection::vec(case(), 1..8),
        pages in 9..30u32,
        max_running in 1..6usize,
        more in 0..40usize,
        prefix_sharing: bool,
    ) {
        check(&cases, Limits { max_batch_tokens: max_running + more, max_running, prefix_sharing, max_read_rows: 32 }, pages);
    }
}

#[test]
fn preemption_happens_and_loses_nothing() {
    // Nine pages each in the end, and twelve in all: two start, and one of them has to wait again.
    let case = |salt| Case { salt, ..Case::new(vec![1; 60], 220) };
    let bill = check(&[case(0), case(1), case(2)], limits(64, 3), 12);
    assert!((1..=3).contains(&bill.preemptions), "{bill:?}");
}

#[test]
fn few_pages_are_no_reason_to_thrash() {
    // Thirty answers of up to nine pages in a cache of forty: what is set aside adapts to how long they get.
    let cases: Vec<Case> = (0..30).map(|i| Case { salt: i % 3, ..Case::new(vec![1; 40], 240) }).collect();
    let bill = check(&cases, limits(64, 16), 40);
    assert!(bill.preemptions <= 10, "{bill:?}");
    // Computed anew: less than a fifth of everything.
    assert!(bill.work.computed < 30 * 280 * 6 / 5, "{bill:?}");
}

#[test]
fn a_short_prompt_has_its_first_token_beside_a_long_one() {
    for salt in [0, 1] {
        let long = Case::new(vec![1; 4000], 4);
        let short = Case { arrives_at: 3, salt, ..Case::new(vec![2; 100], 20) };
        let bill = check(&[long, short], limits(256, 8), 200);
        assert!(bill.first_token_at[1] <= 4, "{bill:?}");
        // Twenty steps beside the short one's answer give the long one 63 tokens each; alone it has 256.
        assert!(bill.first_token_at[0] <= 4 + 20 + (4000 - 20 * 63 - 3 * 256) / 256_usize, "{bill:?}");
    }
}

#[test]
fn a_long_prompt_is_done_however_many_short_ones_come() {
    let mut cases = vec![Case::new(vec![1; 1000], 1)];
    // Two a step, more than the budget can take.
    cases.extend((0..400).map(|i| Case { arrives_at: i / 2, ..Case::new(vec![2 + i as u32; 40], 1) }));
    let bill = check(&cases, limits(64, 32), 400);
    assert!(bill.first_token_at[0] <= 1000 / 16 + 1, "{:?}", bill.first_token_at[0]);
}

#[test]
fn decoding_sequences_get_a_token_in_every_step_beside_a_long_prompt() {
    let cases = [Case::new(vec![1; 3], 30), Case { arrives_at: 1, ..Case::new(vec![2; 400], 1) }];
    let bill = check(&cases, limits(17, 4), 32);
    // Beside the stream a quarter of 16 a step: 29 steps of 4. What is left of the prompt then has steps of 17 for itself.
    assert_eq!(bill.steps, 30 + (400 - 29 * 4_usize).div_ceil(17), "{bill:?}");
    assert_eq!(bill.first_token_at[1] + 1, bill.steps, "{bill:?}");
}

#[test]
fn a_tenant_with_one_request_does_not_wait_for_one_with_fifty() {
    let mut cases: Vec<Case> = (0..50).map(|i| Case::new(vec![i + 10; 100], 20)).collect();
    cases.push(Case { arrives_at: 2, salt: 1, ..Case::new(vec![3; 100], 20) });
    let bill = check(&cases, limits(128, 4), 100);
    // It waits for the first of the four that run to end, and no longer.
    assert!(bill.first_token_at[50] <= 27, "{bill:?}");
    let before = bill.first_token_at[..50].iter().filter(|at| **at < bill.first_token_at[50]).count();
    assert!(before <= 6, "{before} of the other tenant's came first");
}

#[test]
fn a_prefix_that_many_bring_together_is_computed_once() {
    let prompt = |own: u32| [vec![1; 1500], vec![own; 20]].concat();
    let cases: Vec<Case> = (0..32).map(|i| Case::new(prompt(i + 10), 3)).collect();
    let bill = check(&cases, limits(256, 32), 400);
    // 1,500 once; 28 of them lie in a page that is not shared, and with 20 of their own and 2 of the answer are each one's.
    assert!(bill.work.computed <= 1500 + 32 * (28 + 20 + 2), "{bill:?}");
    // The rest of each comes beside the answers of those before it.
    assert!(bill.steps <= 6 + 32 * 48 / (256 / 4) + 8, "{bill:?}");
}

#[test]
fn who_waits_for_a_page_goes_on_when_it_never_comes() {
    let prompt = |own: u32| [vec![1; 600], vec![own; 20]].concat();
    let aborted = Case { aborted_at: Some(2), ..Case::new(prompt(9), 3) };
    let bill = check(&[aborted, Case::new(prompt(10), 3), Case::new(prompt(11), 3)], limits(64, 4), 60);
    // What the first one computed is not lost.
    assert!(bill.work.computed <= 600 + 3 * 100, "{bill:?}");
}

#[test]
fn drafts_that_are_right_save_steps_and_wrong_ones_cost_little() {
    // The hash's words apart, the answer repeats the prompt.
    let bill = |speculation| {
        check(&[Case { speculation, ..Case::new(vec![1, 2, 3, 4, 1, 2, 3, 4], 200) }], limits(64, 4), 9)
    };
    let (off, on) = (bill(0), bill(6));
    assert_eq!((off.steps, off.work.drafted), (200, 0));
    assert!(on.steps < 130, "{on:?}");
    assert_eq!(on.work.accepted, 200 - on.steps, "each accepted token saves a step");
    assert!(on.work.drafted < 2 * on.work.accepted, "{on:?}");
}

#[test]
fn drafts_leave_the_budget_to_those_that_run() {
    let cases: Vec<Case> =
        (0..4).map(|_| Case { speculation: 6, ..Case::new(vec![1, 2, 3, 4, 1, 2, 3, 4], 60) }).collect();
    // No row to spare: `step` checks the budget, and nobody drafts while all four run.
    let bill = check(&cases, limits(4, 4), 16);
    assert!(bill.steps >= 60, "{bill:?}");
}

#[test]
fn the_tenant_with_most_pages_gives_up_those_of_its_latest() {
    let case = |salt, prompt, token| Case { salt, ..Case::new(vec![token; prompt], 200) };
    // 4 + 6 + 6 + 3 pages are set aside at first; the second and third together have most when they run out.
    let cases = [case(0, 40, 1), case(1, 100, 2), case(1, 100, 3), case(0, 10, 4)];
    let limits = limits(256, 4);
    let mut scheduler = Scheduler::new(limits, BlockManager::new(19, Duration::MAX));
    let streams: Vec<_> = (0..).zip(&cases).map(|(id, case)| submit(&mut scheduler, id, case)).collect();
    let mut pages = Pages::new();
    while scheduler.preemptions == 0 {
        step(&mut scheduler, limits, &mut pages, &cases);
    }
    let running: Vec<u64> = scheduler.running.iter().map(|sequence| sequence.id).collect();
    assert_eq!(running, [0, 1, 3]);
    drop(streams);
}
