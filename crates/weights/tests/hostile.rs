//! Files that lie: each lie gives an error that names it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod files;

use files::{Gguf, rich, safetensors, text};

/// The fault, which must be short and printable however the file is made.
fn fault(bytes: &[u8]) -> String {
    let fault = weights::parse(bytes).unwrap_err().to_string();
    assert!(fault.len() < 600 && !fault.contains(|c: char| c.is_control()), "{fault:?}");
    fault
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let fault = fault(bytes);
    assert!(fault.contains(expected), "wanted {expected:?}, got {fault:?}");
}

#[test]
fn versions() {
    assert!(weights::parse(&rich().bytes()).is_ok());
    assert!(weights::parse(&Gguf { version: 2, ..rich() }.bytes()).is_ok());
    refused(&Gguf { version: 1, ..rich() }.bytes(), "version 1 is not supported");
    refused(&Gguf { version: 4, ..rich() }.bytes(), "version 4 is not supported");
    refused(&Gguf { version: 3u32.swap_bytes(), ..rich() }.bytes(), "big-endian");
}

#[test]
fn every_truncation() {
    let bytes = rich().bytes();
    for len in 0..bytes.len() {
        weights::parse(&bytes[..len]).unwrap_err();
    }
}

#[test]
fn counts_the_file_cannot_hold() {
    for count in [4, 1 << 20, 1 << 40, u64::MAX, u64::MAX / 32] {
        fault(&Gguf { tensor_count: count, ..rich() }.bytes());
        fault(&Gguf { pair_count: count.saturating_add(17), ..rich() }.bytes());
        refused(&Gguf::new().array("a", 8, count, &[]).bytes(), "strings");
        for kind in (0..=12).filter(|kind| *kind != 8 && *kind != 9) {
            refused(&Gguf::new().array("a", kind, count << 3 | 1, &[]).bytes(), "array elements");
        }
    }
}

#[test]
fn strings() {
    let long = |len: u64| {
        let mut value = len.to_le_bytes().to_vec();
        value.extend(b"abc");
        Gguf::new().pair("key", 8, &value).bytes()
    };
    for len in [4096, u64::MAX, u64::MAX - 7, 1 << 63] {
        refused(&long(len), "header wants");
    }
    refused(&Gguf::new().pair("", 0, &[1]).bytes(), "key of 0 bytes");
    refused(&Gguf::new().pair(&"k".repeat(65_536), 0, &[1]).bytes(), "key of 65536 bytes");
    let mut broken = text("ab");
    broken[8] = 0xff;
    refused(&Gguf::new().pair("key", 8, &broken).bytes(), "not UTF-8");
    // 16 MiB and a byte, really there.
    refused(&Gguf::new().pair("key", 8, &text(&"x".repeat((16 << 20) + 1))).bytes(), "exceed the limit");
}

#[test]
fn values() {
    refused(&Gguf::new().pair("k", 7, &[2]).bytes(), "boolean with value 2");
    refused(&Gguf::new().array("k", 7, 1, &[3]).bytes(), "boolean with value 3");
    refused(&Gguf::new().pair("k", 13, &[0; 8]).bytes(), "value type 13");
    refused(&Gguf::new().array("k", 13, 0, &[0; 8]).bytes(), "array type 13");
    refused(&Gguf::new().array("k", 9, 1, &[0; 64]).bytes(), "array of arrays");
    refused(&Gguf::new().pair("k", 0, &[1]).pair("k", 0, &[1]).bytes(), "key k is there twice");
}

#[test]
fn names_from_the_file_are_made_printable() {
    let name = format!("\u{1b}[31m\n{}", "x".repeat(900));
    let fault = fault(&Gguf::new().tensor_info(&name, &[0], 0, 0).bytes());
    assert!(fault.contains("\\u{1b}[31m\\n") && fault.contains('…'), "{fault}");
}

#[test]
fn dimensions() {
    let with = |dims: &[u64], kind| Gguf::new().tensor_info("t", dims, kind, 0).bytes();
    refused(&with(&[], 0), "0 dimensions");
    refused(&with(&[1; 5], 0), "5 dimensions");
    refused(&with(&[4, 0], 0), "a dimension is zero");
    refused(&with(&[u64::MAX, 2], 0), "overflows");
    refused(&with(&[1 << 32, 1 << 32], 0), "overflows");
    refused(&with(&[1 << 62], 0), "overflows");
    refused(&with(&[1 << 61], 0), "past the end");
    refused(&with(&[33], 3), "rows of 33 elements");
    refused(&with(&[32], 999), "element type 999");
    refused(&Gguf::new().tensor_info("", &[1], 0, 0).bytes(), "name of 0 bytes");
    refused(&Gguf::new().tensor_info(&"n".repeat(1025), &[1], 0, 0).bytes(), "name of 1025 bytes");
    let mut many = Gguf::new().tensor_info("t", &[1], 0, 0);
    many.tensors[9..13].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(&many.bytes(), "dimensions");
}

#[test]
fn places() {
    let data = |gguf: Gguf| Gguf { data: vec![0; 256], ..gguf }.bytes();
    let one = |offset| data(Gguf::new().tensor_info("t", &[4], 0, offset));
    assert!(weights::parse(&one(0)).is_ok());
    assert!(weights::parse(&one(224)).is_ok());
    refused(&one(256), "past the end");
    refused(&one(8), "not a multiple of the alignment 32");
    refused(&one(u64::MAX - 31), "overflows");
    refused(&one(1 << 60), "past the end");
    let two = |first, second, dim| {
        data(Gguf::new().tensor_info("a", &[dim], 0, first).tensor_info("b", &[8], 0, second))
    };
    assert!(weights::parse(&two(0, 32, 8)).is_ok());
    assert!(weights::parse(&two(64, 0, 8)).is_ok(), "order in the header is free");
    refused(&two(0, 32, 9), "inside what ends at");
    refused(&two(0, 0, 8), "inside what ends at");
    refused(
        &data(Gguf::new().tensor_info("same", &[8], 0, 0).tensor_info("same", &[8], 0, 64)),
        "tensor same is there twice",
    );
}

#[test]
fn alignments() {
    let with = |value: u32| {
        Gguf::new().pair("general.alignment", 4, &value.to_le_bytes()).tensor_info("t", &[1], 0, 0).bytes()
    };
    for value in [0, 3, 33, u32::MAX, 1 << 21] {
        refused(&with(value), "general.alignment must be a power of two");
    }
    refused(&Gguf::new().pair("general.alignment", 8, &text("32")).bytes(), "general.alignment");
    let wide = Gguf { alignment: 4096, ..Gguf::new() }
        .pair("general.alignment", 4, &4096u32.to_le_bytes())
        .tensor("t", &[1], 0, &[0; 4]);
    let tensors = weights::parse(&wide.bytes()).unwrap().tensors;
    assert_eq!(tensors[0].offset % 4096, 0);
}

#[test]
fn safetensors_headers() {
    let good = r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    assert!(weights::parse(&safetensors(good, &[0; 8])).is_ok());
    refused(&safetensors(good, &[0; 9]), "another amount of data");
    refused(&safetensors(good, &[0; 7]), "another amount of data");
    for (header, expected) in [
        (r#"{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "safetensors header"),
        (r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "safetensors header"),
        (r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, "safetensors header"),
        (r#"{"t":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#, "F8_E4M3 is not supported"),
        (r#"{"t":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#, "I64 is not supported"),
        (
            r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            "t is there twice",
        ),
        (
            r#"{"t":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#,
            "safetensors header",
        ),
        ("[]", "safetensors header"),
        ("{", "safetensors header"),
        ("", "safetensors header"),
    ] {
        refused(&safetensors(header, &[0; 8]), expected);
    }
    refused(&[0xff; 64], "neither GGUF nor safetensors");
    refused(&safetensors(&"[".repeat(10_000), &[]), "safetensors header");
}
