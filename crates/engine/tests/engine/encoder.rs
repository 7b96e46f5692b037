//! The encoder against f64 arithmetic written from the paper, and against files that are not what they should be.

use super::pin;
use engine::{Encoder, Error, TokenClassifier};
use serde_json::{Value, json};
use std::path::Path;

const WEIGHTS: &[u8] = include_bytes!("../golden/bert/weights.bin");
const CONFIG: &str = include_str!("../golden/bert/config.json");

fn load(config: &Value, weights: &[u8]) -> Result<TokenClassifier, Error> {
    in_folder(config, weights, TokenClassifier::load)
}

fn in_folder<T>(config: &Value, weights: &[u8], with: impl Fn(&[weights::PinnedFile]) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        pin(Path::new(&path))
    };
    with(&[write("model.safetensors", weights), write("config.json", config.to_string().as_bytes())])
}

fn config() -> Value {
    serde_json::from_str(CONFIG).unwrap()
}

/// The weights with another name for a tensor, of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = WEIGHTS.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let mut bytes = WEIGHTS.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn logits_are_those_of_the_reference() {
    let classifier = load(&config(), WEIGHTS).unwrap();
    assert_eq!(classifier.labels(), ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]);
    let golden: Vec<Value> = serde_json::from_str(include_str!("../golden/bert/golden.json")).unwrap();
    assert_eq!(golden.len(), 3);
    for case in golden {
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let expected: Vec<Vec<f32>> = serde_json::from_value(case["logits"].clone()).unwrap();
        let found = classifier.logits(&ids).unwrap();
        assert_eq!(found.len(), ids.len());
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 2e-5, "{found} for {expected}");
        }
        for row in classifier.probabilities(&ids).unwrap() {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn a_window_that_does_not_fit_is_refused() {
    let classifier = load(&config(), WEIGHTS).unwrap();
    assert!(matches!(classifier.logits(&[]), Err(Error::Window { tokens: 0, tokens_max: 32 })));
    assert!(matches!(classifier.logits(&[1; 33]), Err(Error::Window { tokens: 33, .. })));
    assert!(matches!(classifier.logits(&[1, 40]), Err(Error::InvalidToken { vocab_len: 40 })));
}

#[test]
fn a_config_of_another_model_is_refused_by_key() {
    for (key, value) in [
        ("model_type", json!("roberta")),
        ("hidden_act", json!("swish")),
        ("hidden_act", Value::Null),
        ("hidden_size", json!(1u64 << 60)),
        ("hidden_size", json!(-1)),
        ("num_hidden_layers", json!(0)),
        ("num_attention_heads", json!(3)),
        ("position_embedding_type", json!("relative_key")),
        ("is_decoder", json!(true)),
        ("layer_norm_eps", json!(0.0)),
        ("id2label", json!({"0": "O", "2": "B-PER"})),
        ("id2label", json!({})),
    ] {
        let mut config = config();
        config[key] = value;
        let error = load(&config, WEIGHTS).unwrap_err().to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[test]
fn tensors_that_do_not_fit_the_config_are_refused_by_name() {
    let missing = load(&config(), &renamed("classifier.bias", "classifier.bows")).unwrap_err();
    assert!(matches!(missing, Error::MissingTensor { ref name } if name == "classifier.bias"), "{missing}");
    for (key, value) in [("vocab_size", 41), ("intermediate_size", 25), ("hidden_size", 1 << 20)] {
        let mut config = config();
        config[key] = json!(value);
        let error = load(&config, WEIGHTS).unwrap_err();
        assert!(matches!(error, Error::TensorShape { .. }), "{key}: {error}");
    }
    let mut fewer = config();
    fewer["num_hidden_layers"] = json!(1);
    assert!(matches!(load(&fewer, WEIGHTS), Err(Error::UnexpectedTensor { .. })));
    // An encoder alone does not take a head along unseen.
    let alone = in_folder(&config(), WEIGHTS, Encoder::load);
    assert!(matches!(alone, Err(Error::UnexpectedTensor { .. })));
}

#[test]
fn a_pickle_is_no_model() {
    assert!(matches!(load(&config(), b"PK\x03\x04 archive/data.pkl and so on"), Err(Error::Weights(_))));
}
