//! What a load takes of this machine's memory. A binary of its own, for it measures the process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may stop, and tells what it skips and measures"
)]

use engine::{LoadOptions, load};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use testkit::TinyModel;
use weights::PinnedFile;

/// Rows of the one large tensor: 68 bytes each, 40 MB in all.
const ROWS: u64 = 600_000;

/// The pieces in flight, huge pages that are not full, and the pool's stacks.
const BESIDE_BYTES: u64 = 4 << 20;

/// Most memory this process has had, in bytes; `None` where the system does not tell.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok().map(|kib: u64| kib << 10)
}

/// A tiny model whose embedding table is everything else many times over, written without ever being in memory.
fn write_model(path: &Path) -> PinnedFile {
    let without = Some("token_embd.weight".to_owned());
    let small = TinyModel { without, ..TinyModel::default() }.gguf();
    let head = small.tensor("token_embd.weight", &[ROWS, 64], 8, &[]).build();
    let mut file = File::create(path).unwrap();
    let (mut hash, mut size_bytes) = (Sha256::new(), 0);
    let rows = vec![0x11; 68 * 1000];
    for part in std::iter::once(&head).chain(std::iter::repeat_n(&rows, ROWS as usize / 1000)) {
        file.write_all(part).unwrap();
        hash.update(part);
        size_bytes += part.len() as u64;
    }
    PinnedFile { path: path.to_owned(), sha256: hash.finalize().into(), size_bytes }
}

#[test]
fn the_largest_tensor_is_in_memory_once() {
    let folder = tempfile::tempdir().unwrap();
    let pinned = write_model(&folder.path().join("large.gguf"));
    let Some(before) = peak_bytes() else { return println!("skipped: the system does not tell the peak") };
    let options = LoadOptions { threads: 2, ..LoadOptions::default() };
    let loaded = load(&[pinned], &options, &mut |_, _| ()).unwrap();
    let took = peak_bytes().unwrap() - before;
    let held = loaded.report.packed_bytes;
    println!("{took} bytes for a model of {held}");
    assert!(held > 68 * ROWS, "the whole table is held");
    assert!(took > held - BESIDE_BYTES, "{took} bytes cannot hold {held}: the peak was not measured");
    assert!(took < held + BESIDE_BYTES, "{took} bytes for a model of {held}");
    assert_eq!(loaded.model.vocab_len() as u64, ROWS);
}
