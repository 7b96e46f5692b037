//! The encoder against f64 arithmetic written from the paper, and against files that are not what they should be.

use super::pin;
use engine::{Embedder, Encoder, Error, TokenClassifier};
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

/// The golden encoder without its head, as a model of embeddings with these files beside it.
fn embedder(side: &[(&str, String)]) -> Result<Embedder, Error> {
    let length = usize::try_from(u64::from_le_bytes(WEIGHTS[..8].try_into().unwrap())).unwrap();
    let mut header: serde_json::Map<String, Value> = serde_json::from_slice(&WEIGHTS[8..8 + length]).unwrap();
    header.retain(|name, _| !name.starts_with("classifier."));
    let end = header.values().map(|tensor| tensor["data_offsets"][1].as_u64().unwrap()).max().unwrap();
    let header = Value::Object(header).to_string();
    let data = &WEIGHTS[8 + length..][..usize::try_from(end).unwrap()];
    let weights = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        pin(Path::new(&path))
    };
    let mut files = vec![write("model.safetensors", &weights), write("config.json", CONFIG.as_bytes())];
    files.extend(side.iter().map(|(name, text)| write(name, text.as_bytes())));
    Embedder::load(&files)
}

fn modules(kinds: &[&str]) -> (&'static str, String) {
    let list: Vec<Value> =
        kinds.iter().map(|kind| json!({"type": format!("sentence_transformers.models.{kind}")})).collect();
    ("modules.json", Value::from(list).to_string())
}

fn pooling(way: &str) -> (&'static str, String) {
    let keys = ["cls_token", "mean_tokens", "max_tokens"].map(|key| format!("pooling_mode_{key}"));
    let mut config: serde_json::Map<String, Value> = keys
        .into_iter()
        .map(|key| {
            let on = key == way;
            (key, json!(on))
        })
        .collect();
    config.insert("word_embedding_dimension".to_owned(), json!(16));
    ("pooling.json", Value::Object(config).to_string())
}

#[test]
fn vectors_are_pooled_as_the_models_files_say() {
    let ids = [2, 31, 5, 5, 17, 3];
    let states =
        in_folder(&config(), WEIGHTS, TokenClassifier::load).unwrap().encoder().hidden_states(&ids).unwrap();
    let mean: Vec<f32> = (0..16).map(|at| states.iter().map(|state| state[at]).sum::<f32>() / 6.0).collect();
    let unit = |vector: &[f32]| {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter().map(|x| x / length).collect::<Vec<f32>>()
    };
    let cases = [
        (vec![], unit(&mean)),
        (vec![modules(&["Transformer", "Pooling"]), pooling("pooling_mode_mean_tokens")], mean.clone()),
        (
            vec![modules(&["Transformer", "Pooling", "Normalize"]), pooling("pooling_mode_mean_tokens")],
            unit(&mean),
        ),
        (vec![modules(&["Transformer", "Pooling"]), pooling("pooling_mode_cls_token")], states[0].clone()),
    ];
    for (side, wanted) in cases {
        let vector = embedder(&side).unwrap().embed(&ids).unwrap();
        assert_eq!(vector.len(), 16);
        for (found, wanted) in vector.iter().zip(&wanted) {
            assert!((found - wanted).abs() < 1e-5, "{side:?}: {found} for {wanted}");
        }
    }
}

#[test]
fn modules_and_windows_that_are_not_here_are_refused_by_name() {
    let mean = || pooling("pooling_mode_mean_tokens");
    let whole = || modules(&["Transformer", "Pooling", "Normalize"]);
    for (side, said) in [
        (vec![whole()], "pooling.json"),
        (vec![mean()], "modules.json"),
        (vec![modules(&["Transformer", "Pooling", "Dense"]), mean()], "Dense"),
        (vec![whole(), pooling("pooling_mode_max_tokens")], "pooling_mode_max_tokens"),
        (vec![whole(), pooling("none")], "pooling.json"),
        (vec![whole(), ("pooling.json", "{".to_owned())], "pooling.json"),
        (vec![whole(), ("pooling.json", mean().1.replace("16", "17"))], "word_embedding_dimension"),
        (vec![("sentence_bert_config.json", r#"{"max_seq_length": 2}"#.to_owned())], "max_seq_length"),
    ] {
        let error = embedder(&side).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    let short = embedder(&[("sentence_bert_config.json", r#"{"max_seq_length": 4}"#.to_owned())]).unwrap();
    assert_eq!((short.tokens_max(), short.dimensions()), (4, 16));
    assert!(short.embed(&[2, 5, 5, 3]).is_ok());
    assert!(matches!(short.embed(&[2, 5, 5, 5, 3]), Err(Error::Window { tokens: 5, tokens_max: 4 })));
}
