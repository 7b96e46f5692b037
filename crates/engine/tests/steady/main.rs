//! An engine that serves for a long time: nothing is lost, nothing grows. A binary of its own, for it measures the process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop, and tells what it measures"
)]

use engine::{
    Engine, EngineOptions, FinishReason, LoadOptions, SamplingParams, SequenceRequest, TokenEvent,
    TokenStream, load, start,
};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use testkit::{TinyModel, tiny_gguf};
use weights::PinnedFile;

const REQUESTS: u64 = 10_000;
/// Streams open at the same time.
const OPEN: usize = 48;
const PAGES: usize = 24;

fn engine() -> Engine {
    let file = tiny_gguf(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, &file).unwrap();
    let pinned = PinnedFile { path, sha256: Sha256::digest(&file).into(), size_bytes: file.len() as u64 };
    let options = LoadOptions { threads: 1, ..LoadOptions::default() };
    let model = load(&[pinned], &options, &mut |_, _| ()).unwrap().model;
    let kv_bytes = PAGES * 32 * model.kv_bytes_per_token();
    start(model, EngineOptions { kv_bytes, max_running: 16, ..EngineOptions::default() }).unwrap()
}

/// A stream of numbers from a seed (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Mostly short; some long (and `long` ones, for a cache that is too small for many of them), some repeated word for word,
/// some with a prefix that others have too.
fn request(random: &mut Random, long: bool) -> SequenceRequest {
    let vocab = TinyModel::vocab_len() as u64;
    let own = if random.below(40) == 0 { 200 } else { 1 + random.below(12) };
    let mut prompt = vec![65; if random.below(4) == 0 { 40 } else { 0 }];
    prompt.extend((0..own).map(|_| 3 + random.below(vocab - 3) as u32));
    if random.below(5) == 0 {
        prompt = vec![70, 71, 72, 70, 71, 72, 70, 71];
    }
    let temperature = random.below(2) as f32;
    SequenceRequest {
        prompt: prompt.into(),
        sampling: SamplingParams { temperature, seed: random.below(3), ..SamplingParams::default() },
        max_tokens: if long || random.below(25) == 0 { 200 } else { 1 + random.below(8) as u32 },
        stop_token_ids: vec![0, 1, 2],
        cache_salt: [random.below(2) as u8; 32],
        tenant: [random.below(4) as u8; 32],
        draft_tokens_max: None,
        mask: None,
        busy: Default::default(),
    }
}

fn last_word(mut stream: TokenStream) -> FinishReason {
    loop {
        if let TokenEvent::Finished(reason) = stream.blocking_next().expect("a last word") {
            return reason;
        }
    }
}

/// Memory of this process that is in use, in KiB; `None` where the system does not tell.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The engine has nothing to do, and every page is free or cached.
fn assert_idle(engine: &Engine) {
    let stats = loop {
        let stats = engine.stats();
        if (stats.queued, stats.running) == (0, 0) {
            break stats;
        }
        std::thread::yield_now();
    };
    assert_eq!(stats.pages_free + stats.pages_cached, stats.pages_total, "{stats:?}");
}

#[test]
fn ten_thousand_requests_leave_nothing_behind() {
    let engine = engine();
    let mut random = Random(1);
    let mut open: VecDeque<TokenStream> = VecDeque::new();
    let mut warm_kib = None;
    for served in 0..REQUESTS {
        if open.len() == OPEN {
            let reason = last_word(open.pop_front().unwrap());
            assert!(matches!(reason, FinishReason::Length | FinishReason::StopToken(_)), "{reason:?}");
        }
        let stream = engine.submit(request(&mut random, served < 16)).unwrap();
        if random.below(10) == 0 {
            // Hung up at once, or while an earlier one is still running.
            let at = random.below(1 + open.len() as u64) as usize;
            drop(if at < open.len() { open.swap_remove_back(at) } else { None });
        }
        open.push_back(stream);
        if served == REQUESTS / 5 {
            open.drain(..).for_each(|stream| assert_ne!(last_word(stream), FinishReason::Failed));
            assert_idle(&engine);
            warm_kib = resident_kib();
        }
    }
    open.drain(..).for_each(|stream| assert_ne!(last_word(stream), FinishReason::Failed));
    assert_idle(&engine);
    let stats = engine.stats();
    println!("{stats:?}; resident: {warm_kib:?} KiB after a fifth, {:?} at the end", resident_kib());
    assert!(stats.preemptions_total > 0 && stats.shared_tokens_total > 0 && stats.accepted_tokens_total > 0);
    assert!(stats.preemptions_total < REQUESTS / 20, "thrashing: {stats:?}");
    if let (Some(warm), Some(end)) = (warm_kib, resident_kib()) {
        assert!(end < warm + 4096, "{warm} KiB after a fifth, {end} KiB at the end");
    }
}
