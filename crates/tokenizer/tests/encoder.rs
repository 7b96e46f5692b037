//! Text for encoders: ids with the bytes they stand for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use tokenizer::{ENCODER_TEXT_BYTES_MAX, EncoderTokenizer, Error};

/// `[UNK]` 0, `[CLS]` 1, `[SEP]` 2, and pieces.
fn json(model: &str, post: &str) -> String {
    format!(
        r###"{{"version":"1.0","truncation":{{"direction":"Right","max_length":3,"strategy":"LongestFirst","stride":0}},
        "padding":{{"strategy":{{"Fixed":9}},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"[UNK]"}},
        "added_tokens":[
          {{"id":1,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}},
          {{"id":2,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}}],
        "normalizer":{{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}},
        "pre_tokenizer":{{"type":"BertPreTokenizer"}},
        "post_processor":{post},
        "decoder":{{"type":"WordPiece","prefix":"##","cleanup":true}},
        "model":{model}}}"###
    )
}

const MODEL: &str = r###"{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":20,
    "vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"jo":3,"##se":4,"cafe":5,".":6,"-":7,"[":8,"]":9,"sep":10,"a":11}}"###;
const FRAME: &str = r#"{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]}"#;

fn tokenizer() -> EncoderTokenizer {
    EncoderTokenizer::from_json(json(MODEL, FRAME).as_bytes()).unwrap()
}

/// Each token with the text it stands for and its word.
fn told(text: &str) -> Vec<(u32, &str, u32)> {
    let encoded = tokenizer().encode(text).unwrap();
    let offsets = encoded.offsets.iter().zip(&encoded.words);
    encoded.ids.iter().zip(offsets).map(|(&id, (bytes, &word))| (id, &text[bytes.clone()], word)).collect()
}

#[test]
fn accents_capitals_and_signs_keep_their_bytes() {
    assert_eq!(told("José"), [(3, "Jo", 0), (4, "sé", 0)]);
    // An accent that is a character of its own belongs to no token; redaction composes it before it asks.
    assert_eq!(told("Cafe\u{301}."), [(5, "Cafe", 0), (6, ".", 1)]);
    assert_eq!(told("a\u{200b}  café-東"), [(11, "a", 0), (5, "café", 1), (7, "-", 2), (0, "東", 3)]);
    assert_eq!(told(" \u{0}\n"), []);
}

#[test]
fn nothing_is_cut_off_and_nothing_is_filled_up() {
    assert_eq!(told(&"a ".repeat(50)).len(), 50);
    assert_eq!(*tokenizer().framed(&[11, 5]), [1, 11, 5, 2]);
    assert_eq!(tokenizer().vocab_len(), 12);
}

#[test]
fn what_is_typed_is_text() {
    let ids: Vec<u32> = told("a [SEP] a").iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, [11, 8, 10, 9, 11]);
}

#[test]
fn what_is_no_encoders_tokenizer_is_refused() {
    let bpe = r#"{"type":"BPE","vocab":{"a":0},"merges":[]}"#;
    let fill = r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
        "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],
        "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}}}"#;
    for (text, said) in [
        (json(bpe, FRAME), "WordPiece"),
        (json(MODEL, "null"), "post-processor"),
        (json(MODEL, fill), "post-processor"),
        ("{".to_owned(), "tokenizer.json"),
        (json(&MODEL.replace("\"a\":11", "\"a\":999999999"), FRAME), "ids are below"),
    ] {
        let error = EncoderTokenizer::from_json(text.as_bytes()).err().unwrap().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    let long = "a".repeat(ENCODER_TEXT_BYTES_MAX + 1);
    assert!(matches!(tokenizer().encode(&long), Err(Error::Encode { .. })));
}

proptest! {
    #[test]
    fn offsets_are_whole_characters_of_any_text(text in "\\PC{0,60}|[a-zé\u{301}ﬁ²İ東\u{ad}\n .-]{0,60}") {
        let encoded = tokenizer().encode(&text).unwrap();
        for bytes in &encoded.offsets {
            prop_assert!(text.get(bytes.clone()).is_some());
        }
    }
}
