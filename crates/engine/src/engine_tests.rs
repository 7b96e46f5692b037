//! The engine's thread with a model that can be told to fail, to wait, or to answer nonsense.

use crate::model::{Batch, CausalLm, Model};
use crate::*;
use sha2::Digest as _;
use std::sync::mpsc::{Receiver, Sender, channel};

pub(crate) const VOCAB: usize = 16;

/// The next token is the number of the last row's token plus one; a gate lets steps through one at a time.
struct ScriptedLm {
    logits: Vec<f32>,
    gate: Option<Receiver<Step>>,
    batches: Sender<Vec<usize>>,
}

pub(crate) enum Step {
    Go,
    Panic,
    Fault,
    NotANumber,
}

impl CausalLm for ScriptedLm {
    fn vocab_len(&self) -> usize {
        VOCAB
    }
    fn trained_context(&self) -> usize {
        256
    }
    fn page_bytes(&self) -> usize {
        1
    }
    fn isa(&self) -> &str {
        "scripted"
    }
    fn allocate_pages(&mut self, _pages: usize) -> Result<(), Error> {
        Ok(())
    }
    fn wipe(&mut self, _pages: &[u32]) -> Result<(), Error> {
        Ok(())
    }
    fn forget(&mut self) {
        self.logits.fill(0.0);
    }
    fn forward(&mut self, batch: &Batch) -> Result<&[f32], Error> {
        let _ = self.batches.send(batch.slices.iter().map(|slice| slice.len).collect());
        let mut fill = 0.0;
        match self.gate.as_ref().map(|gate| gate.recv().unwrap()) {
            None | Some(Step::Go) => {}
            Some(Step::Panic) => panic!("scripted"),
            Some(Step::Fault) => return Err(Error::Fault("scripted".to_owned())),
            Some(Step::NotANumber) => fill = f32::NAN,
        }
        self.logits.clear();
        for row in batch.rows_wanting_logits() {
            let next = (batch.tokens[row] as usize + 1) % VOCAB;
            self.logits.extend((0..VOCAB).map(|id| if id == next { 1.0 } else { fill }));
        }
        Ok(&self.logits)
    }
}

pub(crate) struct Rig {
    pub(crate) engine: Engine,
    gate: Sender<Step>,
    batches: Receiver<Vec<usize>>,
}

pub(crate) fn rig(gated: bool, change: impl Fn(&mut EngineOptions)) -> Rig {
    let ((gate, gate_end), (batches_end, batches)) = (channel(), channel());
    let gate_end = gated.then_some(gate_end);
    let lm = ScriptedLm { logits: Vec::new(), gate: gate_end, batches: batches_end };
    let mut options = EngineOptions { kv_bytes: 64, max_batch_tokens: 64, ..EngineOptions::default() };
    change(&mut options);
    Rig { engine: start(Model { lm: Box::new(lm) }, options).unwrap(), gate, batches }
}

pub(crate) fn request(first: u32, max_tokens: u32) -> SequenceRequest {
    SequenceRequest {
        prompt: vec![first].into(),
        sampling: SamplingParams::default(),
        max_tokens,
        stop_token_ids: Vec::new(),
        cache_salt: [0; 32],
        tenant: [0; 32],
        draft_tokens_max: None,
        mask: None,
        busy: Default::default(),
    }
}

pub(crate) fn events(mut stream: TokenStream) -> Vec<TokenEvent> {
    std::iter::from_fn(|| stream.blocking_next()).collect()
}

pub(crate) fn token(id: u32) -> TokenEvent {
    TokenEvent::Token { id }
}

pub(crate) fn finished(reason: FinishReason) -> TokenEvent {
    TokenEvent::Finished(reason)
}

/// Waits for what another thread is about to do; the test's own limit ends it when that never happens.
fn wait_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

#[test]
fn time_is_shared_by_rows_and_none_of_it_twice() {
    let rig = rig(false, |_| ());
    let start = std::time::Instant::now();
    let requests = [request(3, 20), request(4, 20)];
    let busy = requests.each_ref().map(|request| request.busy.clone());
    let streams = requests.map(|request| rig.engine.submit(request).unwrap());
    streams.into_iter().for_each(|stream| drop(events(stream)));
    let taken = start.elapsed().as_nanos();
    let busy = busy.map(|busy| u128::from(busy.nanoseconds()));
    assert!(busy.iter().all(|busy| *busy > 0), "{busy:?}");
    assert!(busy.iter().sum::<u128>() <= taken, "{busy:?} of {taken}");
}

#[test]
fn a_stream_has_its_tokens_then_one_last_word() {
    let rig = rig(false, |_| ());
    let stream = rig.engine.submit(request(3, 2)).unwrap();
    assert_eq!(events(stream), [token(4), token(5), finished(FinishReason::Length)]);
    let stop = SequenceRequest { stop_token_ids: vec![6], ..request(3, 9) };
    let stream = rig.engine.submit(stop).unwrap();
    assert_eq!(events(stream), [token(4), token(5), finished(FinishReason::StopToken(6))]);
}

/// An idle engine wakes to wipe what it kept for nobody.
#[test]
fn cached_pages_go_when_their_time_is_over() {
    for (lifetime, kept) in [(std::time::Duration::ZERO, false), (std::time::Duration::MAX, true)] {
        let rig = rig(false, |options| options.cache_lifetime = lifetime);
        let long = SequenceRequest { prompt: vec![3; 80].into(), ..request(0, 1) };
        events(rig.engine.submit(long.clone()).unwrap());
        if kept {
            wait_until(|| rig.engine.stats().pages_cached == 2);
        } else {
            wait_until(|| rig.engine.stats().pages_free == rig.engine.stats().pages_total);
        }
        events(rig.engine.submit(long).unwrap());
        assert_eq!(rig.engine.stats().shared_tokens_total > 0, kept);
    }
}

#[test]
fn what_cannot_be_served_is_refused_by_name() {
    let engine = rig(false, |options| options.context_tokens = Some(10)).engine;
    let refused = |request| engine.submit(request).unwrap_err();
    assert_eq!(refused(SequenceRequest { prompt: vec![].into(), ..request(0, 1) }), SubmitError::EmptyPrompt);
    assert_eq!(refused(request(VOCAB as u32, 1)), SubmitError::InvalidToken);
    let stop = SequenceRequest { stop_token_ids: vec![VOCAB as u32], ..request(0, 1) };
    assert_eq!(refused(stop), SubmitError::InvalidToken);
    let overflow = SubmitError::ContextOverflow { prompt_tokens: 1, max_tokens: 10, context_tokens: 10 };
    assert_eq!(refused(request(0, 10)), overflow);
    assert_eq!(events(engine.submit(request(0, 9)).unwrap()).len(), 10);
    assert!(matches!(refused(request(0, 0)), SubmitError::InvalidSampling { field: "max_tokens", .. }));
    let mut hot = request(0, 1);
    hot.sampling.temperature = f32::NAN;
    assert!(matches!(refused(hot), SubmitError::InvalidSampling { field: "temperature", .. }));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let refused = |change: fn(&mut EngineOptions)| {
        let lm = ScriptedLm { logits: Vec::new(), gate: None, batches: channel().0 };
        let mut options = EngineOptions { kv_bytes: 64, ..EngineOptions::default() };
        change(&mut options);
        match start(Model { lm: Box::new(lm) }, options) {
            Err(Error::Options { field, .. }) => field,
            other => panic!("expected a refusal, got {other:?}"),
        }
    };
    assert_eq!(refused(|options| options.context_tokens = Some(257)), "context_tokens");
    assert_eq!(refused(|options| options.context_tokens = Some(1)), "context_tokens");
    assert_eq!(refused(|options| (options.context_tokens, options.kv_bytes) = (Some(256), 7)), "kv_bytes");
    assert_eq!(refused(|options| options.max_running = 0), "max_running");
    assert_eq!(refused(|options| options.max_batch_tokens = 31), "max_running");
}

#[test]
fn the_queue_is_bounded_and_places_come_free() {
    let rig = rig(true, |options| (options.max_running, options.max_queued) = (1, 2));
    let running = rig.engine.submit(request(0, 1)).unwrap();
    rig.batches.recv().unwrap();
    let waiting = [rig.engine.submit(request(1, 1)).unwrap(), rig.engine.submit(request(2, 1)).unwrap()];
    match rig.engine.submit(request(3, 1)).unwrap_err() {
        SubmitError::QueueFull { queued: 2, retry_after_s } => assert!((1..=60).contains(&retry_after_s)),
        other => panic!("expected a full queue, got {other}"),
    }
    (0..3).for_each(|_| rig.gate.send(Step::Go).unwrap());
    assert_eq!(events(running), [token(1), finished(FinishReason::Length)]);
    let [one, two] = waiting;
    assert_eq!(events(one), [token(2), finished(FinishReason::Length)]);
    assert_eq!(events(two), [token(3), finished(FinishReason::Length)]);
    let again = rig.engine.submit(request(4, 1)).unwrap();
    rig.gate.send(Step::Go).unwrap();
    assert_eq!(events(again).len(), 2);
    assert_eq!(rig.engine.stats().queued, 0);
}

#[test]
fn a_dropped_stream_ends_its_sequence_within_one_step_and_no_other() {
    let rig = rig(true, |_| ());
    let kept = rig.engine.submit(request(0, 4)).unwrap();
    rig.batches.recv().unwrap();
    let dropped = rig.engine.submit(request(8, 100)).unwrap();
    rig.gate.send(Step::Go).unwrap();
    assert_eq!(rig.batches.recv().unwrap(), [1, 1], "both run");
    drop(dropped);
    rig.gate.send(Step::Go).unwrap();
    assert_eq!(rig.batches.recv().unwrap(), [1], "the step after the drop is without it");
    (0..2).for_each(|_| rig.gate.send(Step::Go).unwrap());
    assert_eq!(events(kept).last(), Some(&finished(FinishReason::Length)));
    wait_until(|| rig.engine.stats().running == 0);
    let stats = rig.engine.stats();
    assert_eq!(stats.pages_free + stats.pages_cached, stats.pages_total);
}

#[test]
fn a_waiting_stream_that_is_dropped_gives_its_place_back() {
    let rig = rig(true, |options| (options.max_running, options.max_queued) = (1, 1));
    let running = rig.engine.submit(request(0, 2)).unwrap();
    rig.batches.recv().unwrap();
    drop(rig.engine.submit(request(1, 1)).unwrap());
    rig.gate.send(Step::Go).unwrap();
    rig.batches.recv().unwrap();
    let next = rig.engine.submit(request(2, 1)).unwrap();
    (0..2).for_each(|_| rig.gate.send(Step::Go).unwrap());
    assert_eq!(events(running).len(), 3);
    assert_eq!(events(next), [token(3), finished(FinishReason::Length)]);
}

#[test]
fn shutdown_finishes_what_was_accepted_and_refuses_the_rest() {
    let rig = rig(true, |options| options.max_running = 1);
    let (one, two) = (rig.engine.submit(request(0, 2)).unwrap(), rig.engine.submit(request(5, 1)).unwrap());
    rig.batches.recv().unwrap();
    rig.engine.shutdown();
    assert_eq!(rig.engine.submit(request(0, 1)).unwrap_err(), SubmitError::ShuttingDown);
    assert_eq!(rig.engine.stats().state, EngineState::ShuttingDown);
    (0..3).for_each(|_| rig.gate.send(Step::Go).unwrap());
    assert_eq!(events(one), [token(1), token(2), finished(FinishReason::Length)]);
    assert_eq!(events(two), [token(6), finished(FinishReason::Length)]);
    wait_until(|| rig.engine.stats().state == EngineState::Stopped);
    assert_eq!(rig.engine.submit(request(0, 1)).unwrap_err(), SubmitError::ShuttingDown);
}

#[test]
fn a_panic_or_a_fault_fails_every_stream_and_hangs_none() {
    for fault in [Step::Panic, Step::Fault] {
        let rig = rig(true, |options| options.max_running = 1);
        let (running, waiting) =
            (rig.engine.submit(request(0, 9)).unwrap(), rig.engine.submit(request(5, 1)).unwrap());
        rig.gate.send(Step::Go).unwrap();
        rig.gate.send(fault).unwrap();
        assert_eq!(events(running), [token(1), finished(FinishReason::Failed)]);
        assert_eq!(events(waiting), [finished(FinishReason::Failed)]);
        wait_until(|| rig.engine.stats().state == EngineState::Failed);
        assert_eq!(rig.engine.submit(request(0, 1)).unwrap_err(), SubmitError::EngineFailed);
        wait_until(|| (rig.engine.stats().queued, rig.engine.stats().running) == (0, 0));
    }
}

#[test]
fn logits_that_are_no_numbers_fail_the_sequence_and_leave_the_engine_running() {
    let rig = rig(true, |_| ());
    let stream = rig.engine.submit(request(0, 9)).unwrap();
    [Step::Go, Step::NotANumber, Step::Go].into_iter().for_each(|step| rig.gate.send(step).unwrap());
    assert_eq!(events(stream), [token(1), finished(FinishReason::Failed)]);
    let next = rig.engine.submit(request(2, 1)).unwrap();
    assert_eq!(events(next), [token(3), finished(FinishReason::Length)]);
}

#[test]
fn the_thread_ends_when_nobody_can_reach_it() {
    let rig = rig(false, |_| ());
    let mut stream = rig.engine.submit(request(0, 5)).unwrap();
    drop(rig.engine);
    assert_eq!(std::iter::from_fn(|| stream.blocking_next()).count(), 6);
    drop(stream);
    // The model is dropped with the thread, and with it the sending end.
    assert_eq!(rig.batches.iter().count(), 5);
}

/// What it takes to overwrite what a sequence leaves between the layers: `cargo test -p engine --lib -- --ignored
/// --nocapture overwriting`, optimised as tests are, on the real model.
#[test]
#[ignore = "measures, and judges nothing"]
fn overwriting_is_timed() {
    use crate::model::BatchSlice;
    let Some(path) = testkit::model_path() else { return };
    let bytes = std::fs::read(&path).unwrap();
    let sha256 = sha2::Sha256::digest(&bytes).into();
    let pinned = weights::PinnedFile { path, sha256, size_bytes: bytes.len() as u64 };
    let options = LoadOptions { threads: 2, ..LoadOptions::default() };
    let mut model = load(&[pinned], &options, &mut |_, _| ()).unwrap().model;
    model.lm.allocate_pages(256).unwrap();
    for (what, rows, slices) in
        [("a prompt", 256_usize, 1_usize), ("an answer of 1", 1, 1), ("32 answers", 32, 32)]
    {
        let slice = |index: usize| BatchSlice {
            start: 0,
            len: rows / slices,
            block_table: (0..8).map(|page| (page + index * 8) as u32).collect(),
            logits: 1,
        };
        let batch = Batch { tokens: vec![7; rows].into(), slices: (0..slices).map(slice).collect() };
        let (mut steps, mut overwriting) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let start = std::time::Instant::now();
            model.lm.forward(&batch).unwrap();
            steps.push(start.elapsed());
            let start = std::time::Instant::now();
            model.lm.forget();
            overwriting.push(start.elapsed());
        }
        let median = |times: &mut Vec<std::time::Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        eprintln!(
            "{what}: {:?} overwriting after a step of {:?}",
            median(&mut overwriting),
            median(&mut steps)
        );
    }
    let mut wiping = Vec::new();
    for page in 0..64 {
        let start = std::time::Instant::now();
        model.lm.wipe(&[page]).unwrap();
        wiping.push(start.elapsed());
    }
    wiping.sort();
    eprintln!("a page of 32 positions: {:?}", wiping[32]);
}
