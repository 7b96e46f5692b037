//! What is refused, by name, and what is reported.

use crate::{load_bytes, load_bytes_with, pin};
use engine::{Device, Error, KvType, LoadOptions, load};
use testkit::{Gguf, TinyModel, tiny_gguf};

fn refused(file: &[u8]) -> Error {
    load_bytes(file, Device::Cpu, 1).expect_err("must be refused")
}

#[test]
fn the_report_says_what_was_read() {
    let file = tiny_gguf(1);
    let loaded = load_bytes(&file, Device::Cpu, 1).unwrap();
    assert_eq!(loaded.report.architecture, "llama");
    assert_eq!(loaded.report.file_bytes, file.len() as u64);
    assert_eq!(loaded.report.tensors, 2 + 2 * 9);
    assert_eq!(loaded.report.sha256, <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(&file)));
    assert_eq!(loaded.model.vocab_len(), TinyModel::vocab_len());
    assert_eq!(loaded.model.trained_context(), 512);
    assert_eq!(loaded.metadata.string("general.name"), Some("tiny"));
    // Two layers, two KV heads of 16 numbers, K and V, two bytes each.
    assert_eq!(loaded.model.kv_bytes_per_token(), 2 * 2 * 16 * 2 * 2);
}

#[test]
fn one_flipped_bit_anywhere_is_refused_with_both_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    let file = tiny_gguf(1);
    std::fs::write(&path, &file).unwrap();
    let pinned = pin(&path);
    for at in [0, 5, file.len() / 3, file.len() - 1] {
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let options = LoadOptions { threads: 1, ..LoadOptions::default() };
        let error = load(std::slice::from_ref(&pinned), &options, &mut |_, _| ()).unwrap_err();
        let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
        let message = error.to_string();
        assert!(matches!(error, Error::Weights(weights::Error::HashMismatch { .. })), "byte {at}: {message}");
        assert!(
            message.contains(&hex(pinned.sha256)) && message.contains(&hex(pin(&path).sha256)),
            "{message}"
        );
    }
}

#[test]
fn missing_and_surplus_tensors_are_named() {
    for name in ["token_embd.weight", "blk.1.ffn_down.weight", "blk.0.attn_norm.weight", "output_norm.weight"]
    {
        let file = TinyModel { without: Some(name.to_owned()), ..TinyModel::default() }.build();
        match refused(&file) {
            Error::MissingTensor { name: missing } => assert_eq!(missing, name),
            other => panic!("{name}: {other}"),
        }
    }
    let surplus = TinyModel::default().gguf().tensor("blk.0.attn_q.scale", &[64], 0, &[0; 256]).build();
    match refused(&surplus) {
        Error::UnexpectedTensor { name, .. } => assert_eq!(name, "blk.0.attn_q.scale"),
        other => panic!("{other}"),
    }
}

#[test]
fn a_tensor_of_another_shape_is_named_with_both_shapes() {
    let without = Some("output_norm.weight".to_owned());
    let small = TinyModel { without, ..TinyModel::default() }.gguf();
    match refused(&small.tensor("output_norm.weight", &[32], 0, &[0; 128]).build()) {
        Error::TensorShape { name, expected, found } => {
            assert_eq!((&*name, expected, found), ("output_norm.weight", vec![64], vec![32]));
        }
        other => panic!("{other}"),
    }
    let without = Some("blk.0.attn_k.weight".to_owned());
    let turned = TinyModel { without, ..TinyModel::default() }.gguf();
    match refused(&turned.tensor("blk.0.attn_k.weight", &[64, 32], 0, &[0; 64 * 32 * 4]).build()) {
        Error::TensorShape { name, expected, found } => {
            assert_eq!((&*name, expected, found), ("blk.0.attn_k.weight", vec![32, 64], vec![64, 32]));
        }
        other => panic!("{other}"),
    }
    let cube = TinyModel::default().gguf().tensor("cube", &[2, 2, 2], 0, &[0; 32]).build();
    assert!(matches!(refused(&cube), Error::TensorShape { name, .. } if name == "cube"));
}

#[test]
fn an_unknown_architecture_and_bad_metadata_are_named() {
    let other = Gguf::new().string("general.architecture", "mamba").tensor("x", &[1], 0, &[0; 4]).build();
    assert!(
        matches!(refused(&other), Error::UnknownArchitecture { architecture, .. } if architecture == "mamba")
    );
    let none = Gguf::new().tensor("x", &[1], 0, &[0; 4]).build();
    assert!(matches!(refused(&none), Error::MissingMetadata { key } if key == "general.architecture"));
    let heads = TinyModel { num_kv_heads: 3, ..TinyModel::default() }.build();
    assert!(
        matches!(refused(&heads), Error::BadMetadata { key, .. } if key == "llama.attention.head_count_kv")
    );
    let huge =
        TinyModel { blocks: 2, ..TinyModel::default() }.gguf().u32("llama.attention.key_length", u32::MAX);
    assert!(
        matches!(refused(&huge.build()), Error::BadMetadata { key, .. } if key == "llama.attention.key_length")
    );
}

#[test]
fn devices_that_this_build_lacks_are_refused_with_the_way_out() {
    #[cfg(not(feature = "cuda"))]
    {
        let error = load_bytes(&tiny_gguf(0), Device::Cuda(0), 1).unwrap_err();
        assert!(error.to_string().contains("cargo feature `cuda`"), "{error}");
    }
    #[cfg(not(feature = "metal"))]
    {
        let error = load_bytes(&tiny_gguf(0), Device::Metal(0), 1).unwrap_err();
        assert!(error.to_string().contains("cargo feature `metal`"), "{error}");
    }
    assert!(matches!(
        load_bytes(&tiny_gguf(0), Device::Cpu, 0),
        Err(Error::Options { field: "threads", .. })
    ));
}

#[test]
fn bytes_in_the_cache_are_the_cpus_alone_and_named() {
    let file = tiny_gguf(0);
    let load = |device| {
        let options = LoadOptions { device, kv_type: KvType::Q8, ..LoadOptions::default() };
        load_bytes_with(&file, &options)
    };
    let report = load(Device::Cpu).unwrap().report;
    assert_eq!(report.isa, format!("{}-kv-q8", engine::isa().unwrap()));
    let refused = load(Device::Reference).unwrap_err().to_string();
    assert!(refused.contains("kv_type") && refused.contains("f16"), "{refused}");
}
