//! Prefill and decode speed through the engine, tokens a second: `speed MODEL.gguf [THREADS] [PREFILL] [DECODE] [STREAMS]`.

#![allow(clippy::print_stdout, reason = "a program that prints its measurement")]

use engine::{
    Device, EngineOptions, LoadOptions, SamplingParams, SequenceRequest, TokenEvent, TokenStream, load, start,
};
use sha2::{Digest, Sha256};
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("name a model file")?;
    let mut number = |default: usize| args.next().map_or(Ok(default), |arg| arg.parse::<usize>());
    let (threads, prefill, decode, streams) = (number(2)?, number(512)?, number(128)?, number(1)?);
    let bytes = std::fs::read(&path)?;
    let sha256 = Sha256::digest(&bytes).into();
    let pinned = weights::PinnedFile { path: path.into(), sha256, size_bytes: bytes.len() as u64 };
    let began = Instant::now();
    let loaded = load(&[pinned], &LoadOptions { threads, device: Device::Cpu }, &mut |_, _| ())?;
    println!("load: {:.2} s, isa {}", began.elapsed().as_secs_f64(), loaded.report.isa);
    let vocab = loaded.model.vocab_len() as u32;
    let engine = start(loaded.model, EngineOptions { prefix_sharing: false, ..EngineOptions::default() })?;
    let request = |prompt: usize, answer: usize| SequenceRequest {
        prompt: (0..prompt as u32).map(|i| (i * 7919) % vocab).collect::<Vec<_>>().into(),
        sampling: SamplingParams::default(),
        max_tokens: answer as u32,
        stop_token_ids: Vec::new(),
        cache_salt: [0; 32],
        tenant: [0; 32],
    };
    let drain = |mut stream: TokenStream| {
        while !matches!(stream.blocking_next(), None | Some(TokenEvent::Finished(_))) {}
    };
    drain(engine.submit(request(8, 2))?);
    let began = Instant::now();
    drain(engine.submit(request(prefill, 1))?);
    println!("prefill {prefill}: {:.1} t/s", prefill as f64 / began.elapsed().as_secs_f64());
    let began = Instant::now();
    let all = (0..streams).map(|_| engine.submit(request(1, decode))).collect::<Result<Vec<_>, _>>()?;
    all.into_iter().for_each(drain);
    println!(
        "decode {decode} x {streams}: {:.1} t/s",
        (decode * streams) as f64 / began.elapsed().as_secs_f64()
    );
    Ok(())
}
