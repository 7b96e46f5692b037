//! The reader of reference files: what it reads, what it refuses, and that no bytes at all make it misbehave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod files;
#[path = "../fuzz/property.rs"]
mod property;

use eval::{BaseChunk, BaseFault, BaseFile};
use files::base_file;
use proptest::prelude::*;

const N_CTX: usize = 6;

/// Two chunks of six tokens over an odd vocabulary of five.
fn small() -> Vec<u8> {
    let rows = |shift: f32| {
        (0..2).map(|row| (0..5).map(|id| shift + (id * (row + 1)) as f32 * 0.5).collect()).collect()
    };
    base_file(N_CTX, 5, &[(vec![0, 1, 2, 3, 4, 0], rows(0.0)), (vec![4, 3, 2, 1, 0, 4], rows(-3.0))])
}

fn fault(bytes: &[u8]) -> BaseFault {
    BaseFile::new(bytes, bytes.len() as u64).err().unwrap()
}

#[test]
fn what_was_written_is_read() {
    let bytes = small();
    let mut base = BaseFile::new(&bytes[..], bytes.len() as u64).unwrap();
    assert_eq!((base.n_ctx, base.n_vocab, base.n_chunk, base.rows_per_chunk()), (6, 5, 2, 2));
    let BaseChunk { tokens, rows } = base.next_chunk().unwrap().unwrap();
    assert_eq!(tokens, [0, 1, 2, 3, 4, 0]);
    let probs: Vec<f32> = rows[1].log_probs().map(f32::exp).collect();
    let sum: f32 = (0..5).map(|id| (id as f32).exp()).sum();
    for (id, prob) in probs.iter().enumerate() {
        assert!((prob - (id as f32).exp() / sum).abs() < 1e-4, "{probs:?}");
    }
    assert_eq!(base.next_chunk().unwrap().unwrap().tokens, [4, 3, 2, 1, 0, 4]);
    assert!(base.next_chunk().unwrap().is_none());
}

#[test]
fn what_is_wrong_is_named() {
    let good = small();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    assert!(matches!(fault(b"_logit"), BaseFault::Mark));
    assert!(matches!(fault(&with(0, b"GGUF")), BaseFault::Mark));
    assert!(matches!(
        fault(&with(8, &2_i32.to_le_bytes())),
        BaseFault::Header { field: "n_ctx", value: 2, .. }
    ));
    assert!(matches!(fault(&with(12, &(-1_i32).to_le_bytes())), BaseFault::Header { field: "n_vocab", .. }));
    assert!(matches!(fault(&with(16, &i32::MAX.to_le_bytes())), BaseFault::Header { field: "n_chunk", .. }));
    assert!(matches!(fault(&with(16, &(1_i32 << 24).to_le_bytes())), BaseFault::Size { .. }));
    assert!(matches!(fault(&good[..good.len() - 1]), BaseFault::Size { .. }));
    assert!(matches!(fault(&[&good[..], b"x"].concat()), BaseFault::Size { .. }));
    let token = fault(&with(20 + 4 * 7, &(-2_i32).to_le_bytes()));
    assert!(matches!(token, BaseFault::Token { chunk: 1, position: 1, n_vocab: 5 }), "{token}");
    let first_row = 20 + 4 * 12;
    for (at, wrong) in [(first_row, f32::NAN), (first_row, -1.0), (first_row + 4, f32::INFINITY)] {
        let bad = with(at, &wrong.to_le_bytes());
        let mut base = BaseFile::new(&bad[..], bad.len() as u64).unwrap();
        assert!(matches!(base.next_chunk().err().unwrap(), BaseFault::Row { chunk: 0, row: 0 }));
    }
}

#[test]
fn the_seed_of_the_fuzzer_is_a_good_file() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/base_file/two-chunks");
    assert_eq!(std::fs::read(path).unwrap(), small());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_are_errors_or_read(
        sets in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        word in prop::option::of((2_usize..5, prop_oneof![Just(i32::MIN), Just(i32::MAX), -1..70_000, any::<i32>()])),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = small();
        for (at, value) in sets {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some((place, value)) = word {
            bytes[place * 4..place * 4 + 4].copy_from_slice(&value.to_le_bytes());
        }
        if let Some(at) = cut {
            bytes.truncate(at.index(bytes.len()));
        }
        property::holds(&bytes);
    }

    #[test]
    fn headers_never_ask_for_more_than_the_file_has(numbers in any::<[i32; 3]>(), rest in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = b"_logits_".to_vec();
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(rest);
        property::holds(&bytes);
    }
}
