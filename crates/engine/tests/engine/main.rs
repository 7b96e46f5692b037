//! The engine from outside: one binary, one module a subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop, and tells what it skips and measures"
)]

mod devices;
mod encoder;
mod families;
mod golden;
mod invariance;
mod loading;
mod logprobs;
mod recall;

use engine::{Device, FinishReason, LoadOptions, Loaded, TokenEvent, TokenStream};
use sha2::{Digest, Sha256};
use std::path::Path;
use weights::PinnedFile;

fn pin(path: &Path) -> PinnedFile {
    let bytes = std::fs::read(path).unwrap();
    let sha256 = Sha256::digest(&bytes).into();
    PinnedFile { path: path.to_owned(), sha256, size_bytes: bytes.len() as u64 }
}

fn load_path(path: &Path, device: Device, threads: usize) -> Result<Loaded, engine::Error> {
    load_with(path, &LoadOptions { device, threads, ..LoadOptions::default() })
}

fn load_with(path: &Path, options: &LoadOptions) -> Result<Loaded, engine::Error> {
    engine::load(&[pin(path)], options, &mut |_, _| ())
}

fn load_bytes(file: &[u8], device: Device, threads: usize) -> Result<Loaded, engine::Error> {
    load_bytes_with(file, &LoadOptions { device, threads, ..LoadOptions::default() })
}

fn load_bytes_with(file: &[u8], options: &LoadOptions) -> Result<Loaded, engine::Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, file).unwrap();
    load_with(&path, options)
}

fn collect(mut stream: TokenStream) -> (Vec<u32>, FinishReason) {
    let mut ids = Vec::new();
    loop {
        match stream.blocking_next().expect("a stream ends with its last word") {
            TokenEvent::Token { id } => ids.push(id),
            TokenEvent::Scored(_) => panic!("nobody asked for scores"),
            TokenEvent::Finished(reason) => return (ids, reason),
        }
    }
}
