//! A tiny BERT with random weights: the one that golden logits are kept of, with a tokenizer of its own size.

use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Its head gives O, B-PER, I-PER, B-LOC, I-LOC.
const WEIGHTS: &[u8] = include_bytes!("../../engine/tests/golden/bert/weights.bin");
const CONFIG: &str = include_str!("../../engine/tests/golden/bert/config.json");

/// Words that are one token; letters are tokens too, and go on a word that is not here.
pub const WORDS: [&str; 9] = ["jan", "de", "vries", "woont", "in", "zwolle", "en", "belt", "."];

/// Letters of which the tokenizer has a token that goes on a word.
const LETTERS: &str = "abcdefgijklmn";

/// The tokenizer: `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, the words, letters that begin a word, letters that go on with one.
pub fn tokenizer_json() -> String {
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
    let letters = LETTERS.chars().map(String::from);
    let onward = LETTERS.chars().map(|letter| format!("##{letter}"));
    let tokens = specials.iter().chain(&WORDS).map(|&token| token.to_owned()).chain(letters).chain(onward);
    let vocabulary: Map<String, Value> =
        tokens.zip(0..40).map(|(token, id): (String, u32)| (token, json!(id))).collect();
    let added = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": null,
        "added_tokens": [added(0, "[PAD]"), added(1, "[UNK]"), added(2, "[CLS]"), added(3, "[SEP]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
    .to_string()
}

/// The same weights without the head.
fn headless() -> Vec<u8> {
    let length = usize::try_from(u64::from_le_bytes(WEIGHTS[..8].try_into().expect("eight bytes")));
    let data = &WEIGHTS[8 + length.expect("a small header")..];
    let header = &WEIGHTS[8..WEIGHTS.len() - data.len()];
    let mut header: Map<String, Value> = serde_json::from_slice(header).expect("safetensors");
    header.retain(|name, _| !name.starts_with("classifier."));
    let ends = header.values().map(|tensor| tensor["data_offsets"][1].as_u64().expect("an offset"));
    let end = usize::try_from(ends.max().expect("tensors")).expect("a small file");
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data[..end]].concat()
}

/// Lays the files of a tiny encoder in `STORE/ID/` and gives its entry for a `models.toml`. `role` is `token-classifier` or
/// `embeddings`; `more` are side files besides.
pub fn tiny_encoder(store: &Path, id: &str, role: &str, more: &[(&str, &str)]) -> String {
    let weights = if role == "embeddings" { headless() } else { WEIGHTS.to_vec() };
    let tokenizer = tokenizer_json();
    let mut files = vec![
        ("config.json", CONFIG.as_bytes()),
        ("tokenizer.json", tokenizer.as_bytes()),
        ("model.safetensors", weights.as_slice()),
    ];
    files.extend(more.iter().map(|&(name, text)| (name, text.as_bytes())));
    std::fs::create_dir_all(store.join(id)).expect("a temporary folder");
    let pins = files.iter().map(|(name, bytes)| {
        std::fs::write(store.join(id).join(name), bytes).expect("a temporary folder");
        let (hash, size) = (hex::encode(Sha256::digest(bytes)), bytes.len());
        format!("{{ path = \"{name}\", sha256 = \"{hash}\", size_bytes = {size} }},\n")
    });
    format!(
        r#"
[[model]]
id = "{id}"
status = "approved"
role = "{role}"
source = {{ file = "/nowhere/{id}/" }}
files = [
{}]
license = "CC0-1.0"
limits = {{ context_tokens = 32, languages = ["nl"] }}
[model.dossier]
weights = "open"
code = "open"
training_data = "open"
developer = "the tests"
country = "NL"
packed_by = "the tests"
trained_on = "none: random weights"
trained_until = "never"
training_kwh = 0
opt_outs = "yes"
opt_outs_evidence = "nothing was used"
legal_review = {{ by = "the tests", date = "2026-01-01", review_by = "2099-01-01" }}
lineage = []
limitations = "makes no sense"
"#,
        pins.collect::<String>()
    )
}
