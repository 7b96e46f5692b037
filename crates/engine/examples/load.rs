//! Where a start goes: `cargo run --release -p engine --example load -- FILE [KV_MIB] [THREADS]`.
//!
//! The file is read once before the clock starts, so the page cache is warm. Peaks are the process's own, as Linux tells
//! them (`VmHWM`); elsewhere they are 0.
#![allow(clippy::print_stdout, reason = "a measuring tool prints what it measured")]

use engine::{EngineOptions, LoadOptions, SamplingParams, SequenceRequest, TokenEvent};
use std::path::PathBuf;
use std::time::Instant;

/// The largest resident set this process has had, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).map_or(0, |kib: u64| kib << 10)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("usage: load FILE [KV_MIB] [THREADS]")?);
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.to_string_lossy().parse(),
        None => Ok(default),
    };
    let kv_bytes = number(16)? << 20;
    let options = LoadOptions { threads: number(LoadOptions::default().threads)?, ..LoadOptions::default() };
    let pinned = weights::measure(&path, &mut |_, _| {})?;
    let bare = peak_bytes();

    let start = Instant::now();
    weights::verify(&pinned, &mut |_, _| {})?;
    println!("verify alone       {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let start = Instant::now();
    let loaded = engine::load(&[pinned], &options, &mut |_, _| {})?;
    println!("load               {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let split = [loaded.report.read_time, loaded.report.pack_time].map(|time| time.as_secs_f64() * 1e3);
    println!("  of it at the same time: read and hash {:.1} ms, pack {:.1} ms", split[0], split[1]);
    let held = loaded.report.packed_bytes;
    let after_load = peak_bytes();

    let start = Instant::now();
    let engine_options = EngineOptions { kv_bytes, resident: true, ..EngineOptions::default() };
    let engine = engine::start(loaded.model, engine_options)?;
    println!("keys and values    {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let start = Instant::now();
    let mut stream = engine.submit(SequenceRequest {
        prompt: vec![1, 2, 3, 4, 5, 6, 7, 8].into(),
        sampling: SamplingParams::default(),
        max_tokens: 1,
        stop_token_ids: Vec::new(),
        cache_salt: [0; 32],
        tenant: [0; 32],
        draft_tokens_max: None,
        mask: None,
        busy: Default::default(),
    })?;
    while !matches!(stream.blocking_next(), None | Some(TokenEvent::Token { .. })) {}
    println!("first token        {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let mb = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "file {:.1} MB, held {:.1} MB, before the load {:.1} MB",
        mb(loaded.report.file_bytes),
        mb(held),
        mb(bare)
    );
    println!("peak of the load   {:8.1} MB, {:.3} of held", mb(after_load), after_load as f64 / held as f64);
    let whole = held + kv_bytes as u64;
    println!(
        "peak in all        {:8.1} MB, {:.3} of held and keys and values",
        mb(peak_bytes()),
        peak_bytes() as f64 / whole as f64
    );
    Ok(())
}
