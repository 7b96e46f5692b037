//! Each family's tiny model against an independent f32 pass, and what a family does with its metadata.

use crate::load_bytes;
use engine::{Device, Error, Model};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use testkit::{Gguf, TinyFamily, TinyModel};

#[derive(Deserialize)]
struct Golden {
    sha256: String,
    prompt: Vec<u32>,
    logits: Vec<Vec<f32>>,
}

fn golden(name: &str) -> Golden {
    let path = format!("{}/tests/golden/tiny/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn load(file: &[u8], device: Device) -> Model {
    load_bytes(file, device, 2).unwrap().model
}

/// The largest difference, as a share of the largest logit.
fn distance(ours: &[f32], golden: &Golden) -> f32 {
    let theirs = golden.logits.concat();
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0f32, |max, logit| max.max(logit.abs()));
    ours.iter().zip(&theirs).fold(0f32, |max, (a, b)| max.max((a - b).abs())) / largest
}

/// candle and numpy have the same mathematics in f32 and differ in the order of sums, and in where a head's norm divides.
/// Measured: up to 3e-6.
const REFERENCE: f32 = 3e-5;

/// See `devices.rs`: K and V are stored in binary16.
const KERNELS: f32 = 4e-3;

#[test]
fn every_family_gives_the_golden_logits() {
    for (name, model) in TinyModel::golden() {
        let (file, golden) = (model.build(), golden(name));
        let sha256: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha256, golden.sha256, "{name}: the tiny model has changed; make its golden anew");
        let from = golden.prompt.len() - golden.logits.len();
        for (device, allowed) in [(Device::Reference, REFERENCE), (Device::Cpu, KERNELS)] {
            let distance = distance(&load(&file, device).logits(&golden.prompt, from, 40).unwrap(), &golden);
            println!("{name} on {device:?}: {distance} of the largest logit from numpy");
            assert!(distance <= allowed, "{name} on {device:?}: {distance}");
        }
    }
}

fn refused(file: Gguf) -> (String, String) {
    match load_bytes(&file.build(), Device::Cpu, 1).expect_err("must be refused") {
        Error::BadMetadata { key, reason } => (key, reason),
        other => panic!("{other}"),
    }
}

#[test]
fn what_would_make_another_model_is_refused_by_name() {
    for (key, value) in [
        ("attn_logit_softcapping", 50.0),
        ("final_logit_softcapping", 30.0),
        ("attention.max_alibi_bias", 8.0),
        ("attention.scale", 0.5),
        ("logit_scale", 0.0625),
        ("rope.scaling.yarn_ext_factor", 0.5),
    ] {
        let file = |family, value| {
            let key = format!("{}.{key}", TinyFamily::architecture(family));
            (TinyModel::of(family).gguf().f32(&key, value), key)
        };
        let family = TinyFamily::Mistral3;
        let (asking, name) = file(family, value);
        assert_eq!(refused(asking).0, name);
        let factor = key.starts_with("rope") || key == "logit_scale";
        let (neutral, _) = file(family, if factor { 1.0 } else { 0.0 });
        load_bytes(&neutral.build(), Device::Cpu, 1).unwrap();
    }
    for family in TinyFamily::ALL {
        let key = format!("{}.expert_count", family.architecture());
        assert_eq!(refused(TinyModel::of(family).gguf().u32(&key, 8)).0, key);
    }
    let causal = |value| TinyModel::default().gguf().bool("llama.attention.causal", value);
    assert_eq!(refused(causal(false)).0, "llama.attention.causal");
    load_bytes(&causal(true).build(), Device::Cpu, 1).unwrap();
    let window = |len| TinyModel::of(TinyFamily::Qwen2).gguf().u32("qwen2.attention.sliding_window", len);
    assert_eq!(refused(window(4096)).0, "qwen2.attention.sliding_window");
    load_bytes(&window(0).build(), Device::Cpu, 1).unwrap();
    let scaled = |kind| TinyModel::default().gguf().string("llama.rope.scaling.type", kind).build();
    let error = load_bytes(&scaled("longrope"), Device::Cpu, 1).unwrap_err().to_string();
    assert!(error.contains("llama.rope.scaling.type") && error.contains("yarn"), "{error}");
}

#[test]
fn a_family_needs_the_tensors_that_make_it() {
    for (family, name) in [
        (TinyFamily::Qwen2, "blk.0.attn_k.bias"),
        (TinyFamily::Qwen3, "blk.1.attn_q_norm.weight"),
        (TinyFamily::Gemma3, "blk.0.attn_k_norm.weight"),
        (TinyFamily::Gemma3, "blk.3.post_ffw_norm.weight"),
    ] {
        let file = TinyModel { without: Some(name.to_owned()), ..TinyModel::of(family) }.build();
        match load_bytes(&file, Device::Cpu, 1) {
            Err(Error::MissingTensor { name: missing }) => assert_eq!(missing, name),
            other => panic!("{family:?} without {name}: {other:?}"),
        }
    }
    let surplus = TinyModel::default().gguf().tensor("blk.0.attn_q_norm.weight", &[16], 0, &[0; 64]);
    match load_bytes(&surplus.build(), Device::Cpu, 1) {
        Err(Error::UnexpectedTensor { name, architecture }) => {
            assert_eq!((&*name, &*architecture), ("blk.0.attn_q_norm.weight", "llama"));
        }
        other => panic!("{other:?}"),
    }
}

/// Logits after the last of 70 tokens; every model here has the same vocabulary.
fn last_logits(file: &[u8]) -> Vec<f32> {
    let prompt: Vec<u32> = (0..70).map(|i| 3 + (i * 31 + i * i) % 250).collect();
    load(file, Device::Cpu).logits(&prompt, 69, 70).unwrap()
}

#[test]
fn a_bias_is_used_wherever_a_file_has_one() {
    let plain = TinyModel { plain: true, ..TinyModel::default() };
    let expected = last_logits(&plain.build());
    for (name, len) in [("attn_q", 64), ("attn_v", 32), ("attn_output", 64), ("ffn_up", 96), ("ffn_down", 64)]
    {
        let with = |value: f32| {
            let raw: Vec<u8> = (0..len).flat_map(|i| (value * (i % 7) as f32).to_le_bytes()).collect();
            last_logits(&plain.gguf().tensor(&format!("blk.0.{name}.bias"), &[len], 0, &raw).build())
        };
        assert_eq!(with(0.0), expected, "{name}");
        assert_ne!(with(0.1), expected, "{name}");
    }
}

#[test]
fn scaling_of_positions_is_what_its_key_says() {
    let plain = TinyModel { plain: true, ..TinyModel::default() };
    let factor = |key: &str, factor| plain.gguf().f32(key, factor);
    let linear = last_logits(&factor("llama.rope.scaling.factor", 4.0).build());
    assert_ne!(linear, last_logits(&plain.build()));
    // Older files have another key, and newer ones a type.
    assert_eq!(linear, last_logits(&factor("llama.rope.scale_linear", 4.0).build()));
    let of_type = |kind| factor("llama.rope.scaling.factor", 4.0).string("llama.rope.scaling.type", kind);
    assert_eq!(linear, last_logits(&of_type("linear").build()));
    assert_eq!(last_logits(&of_type("none").build()), last_logits(&plain.build()));
    assert_ne!(last_logits(&of_type("yarn").build()), linear);
}

#[test]
fn a_window_hides_what_is_beyond_it() {
    // Every layer with a window of 20, four layers: what lies more than 4 · 19 positions back cannot be seen.
    let windows = TinyModel { window_layers: Some(vec![true; 4]), ..TinyModel::of(TinyFamily::Gemma3) };
    let mut model = load(&windows.build(), Device::Cpu);
    let prompt: Vec<u32> = (0..120).map(|i| 3 + (i * 31 + i * i) % 250).collect();
    let mut last = |at: usize| {
        let mut prompt = prompt.clone();
        prompt[at] = 200;
        model.logits(&prompt, 119, 64).unwrap()
    };
    assert_eq!(last(0), last(1));
    assert_eq!(last(0), last(119 - 4 * 19 - 1));
    assert_ne!(last(0), last(119 - 4 * 19));
}

/// Beyond it the temperature of attention would rise.
#[test]
fn a_temperature_bounds_the_context() {
    let model = load(&TinyModel::of(TinyFamily::Mistral3).build(), Device::Cpu);
    assert_eq!(model.trained_context(), 256);
}
