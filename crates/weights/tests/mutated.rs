//! The fuzz target's property over its seed corpus and over mutations of it, with the memory that parsing takes counted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod files;
#[path = "../fuzz/property.rs"]
mod property;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::PathBuf;

use files::{Gguf, rich, safetensors, text};
use proptest::prelude::*;

thread_local! {
    /// Bytes this thread holds, and the most it held since the last reset.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; the counters are plain thread-local cells that
// allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = HELD.try_with(|held| {
            let now = held.get().0.wrapping_add(layout.size());
            held.set((now, held.get().1.max(now)));
        });
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = HELD.try_with(|held| held.set((held.get().0.saturating_sub(layout.size()), held.get().1)));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The property, and no more memory than the file's size justifies: the widest widening is a string's 8 bytes of length
/// to a `String` in a growing list, and JSON's shortest tensor to a hash-map entry.
fn holds_in_bounded_memory(bytes: &[u8]) {
    let before = HELD.with(|held| {
        held.set((held.get().0, held.get().0));
        held.get().0
    });
    property::holds(bytes);
    let most = HELD.with(|held| held.get().1) - before;
    assert!(most <= 64 * bytes.len() + (64 << 10), "{most} bytes held for a file of {}", bytes.len());
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/header");
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 6);
    seeds
}

/// The seeds, as this test makes them; `PROEFTUIN_WRITE_CORPUS=1` writes them.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let shard = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}"#;
    vec![
        ("empty-v3", Gguf::new().bytes()),
        ("rich-v3", rich().bytes()),
        ("rich-v2", Gguf { version: 2, ..rich() }.bytes()),
        ("big-endian", Gguf { version: 3u32.swap_bytes(), ..Gguf::new() }.bytes()),
        (
            "alignment-64",
            Gguf { alignment: 64, ..Gguf::new() }
                .pair("general.alignment", 4, &64u32.to_le_bytes())
                .tensor("t", &[32], 2, &[0; 18])
                .bytes(),
        ),
        ("nested-array", Gguf::new().array("k", 9, 1, &[0; 16]).bytes()),
        ("long-string", Gguf::new().pair("k", 8, &text(&"é".repeat(100))).bytes()),
        ("safetensors", safetensors(shard, &[0; 12])),
        ("safetensors-empty", safetensors("{}", &[])),
    ]
}

#[test]
fn corpus_is_what_the_seeds_say() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/header");
    for (name, bytes) in seeds() {
        if std::env::var_os("PROEFTUIN_WRITE_CORPUS").is_some() {
            std::fs::write(folder.join(name), &bytes).unwrap();
        }
        assert_eq!(std::fs::read(folder.join(name)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn seeds_hold() {
    for (_, bytes) in corpus() {
        holds_in_bounded_memory(&bytes);
    }
    assert!(weights::parse(&seeds()[1].1).is_ok() && weights::parse(&seeds()[7].1).is_ok());
}

#[test]
fn a_large_vocabulary_stays_within_the_bound() {
    let words: Vec<u8> = (0..50_000).flat_map(|_| text("")).collect();
    let file = Gguf::new().array("tokens", 8, 50_000, &words).array("kinds", 0, 9, &[1; 9]).bytes();
    holds_in_bounded_memory(&file);
}

#[derive(Debug, Clone)]
enum Mutation {
    Set(usize, u8),
    Word(usize, u64),
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let word = prop_oneof![
        Just(0u64),
        Just(u64::MAX),
        Just(1 << 63),
        Just(1 << 32),
        Just(u32::MAX.into()),
        0u64..300,
        any::<u64>()
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, value)| Mutation::Set(at, value)),
        (any::<usize>(), word).prop_map(|(at, value)| Mutation::Word(at, value)),
        any::<usize>().prop_map(Mutation::Cut),
        (any::<usize>(), 1usize..40).prop_map(|(at, len)| Mutation::Remove(at, len)),
        (any::<usize>(), 1usize..200).prop_map(|(at, len)| Mutation::Repeat(at, len)),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    match *mutation {
        Mutation::Set(at, value) => bytes[at % len] = value,
        Mutation::Word(at, value) => {
            let at = at % len;
            let end = (at + 8).min(len);
            bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        Mutation::Cut(at) => bytes.truncate(at % len),
        Mutation::Remove(at, count) => {
            let at = at % len;
            bytes.drain(at..(at + count).min(len));
        }
        Mutation::Repeat(at, count) => {
            let at = at % len;
            let part = bytes[at..(at + count).min(len)].to_vec();
            bytes.splice(at..at, part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_seeds_hold(seed in any::<prop::sample::Index>(), mutations in prop::collection::vec(mutation(), 1..6)) {
        let mut bytes = seed.get(&corpus()).1.clone();
        mutations.iter().for_each(|mutation| apply(&mut bytes, mutation));
        holds_in_bounded_memory(&bytes);
    }
}
