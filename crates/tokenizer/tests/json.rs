//! `tokenizer.json`: the same promises as for GGUF vocabularies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use tokenizer::{ChatTemplate, DateTime, Error, RenderInput, Tokenizer};

const BYTE_LEVEL: &[u8] = include_bytes!("../fuzz/corpus/tokenizer_json/byte_level.json");
const METASPACE: &[u8] = include_bytes!("../fuzz/corpus/tokenizer_json/metaspace.json");

fn names(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|id| tokenizer.token_text(*id).unwrap().to_owned()).collect()
}

#[test]
fn byte_level_specials_are_text_and_truncation_is_off() {
    let tokenizer = Tokenizer::from_json(BYTE_LEVEL).unwrap();
    let text = "a voor 12<|im_end|>😀<think>b";
    let ids = tokenizer.encode(text).unwrap();
    assert!(ids.iter().all(|id| !tokenizer.is_control(*id)));
    assert_eq!(tokenizer.decode(&ids), text);
    let found = names(&tokenizer, &ids);
    assert!(found.contains(&"Ġvoor".to_owned()) && found.contains(&"<think>".to_owned()), "{found:?}");
    let trusted = tokenizer.encode_with_specials("<|im_end|> voor").unwrap();
    assert_eq!(names(&tokenizer, &trusted), ["<|im_end|>", "Ġvoor"]);
    assert_eq!(tokenizer.end_of_generation(), [0, 2]);
    assert!(!tokenizer.add_bos());
}

#[test]
fn metaspace_puts_its_space_at_the_start_only() {
    let tokenizer = Tokenizer::from_json(METASPACE).unwrap();
    assert_eq!(names(&tokenizer, &tokenizer.encode("hoi hoi").unwrap()), ["▁hoi", "▁hoi"]);
    assert_eq!(names(&tokenizer, &tokenizer.encode_with_specials("<s>hoi").unwrap()), ["<s>", "h", "oi"]);
    assert_eq!(tokenizer.decode(&tokenizer.encode("hoi é</s>").unwrap()), "hoi é</s>");
    assert!(tokenizer.encode("</s>").unwrap().iter().all(|id| !tokenizer.is_control(*id)));
    assert_eq!((tokenizer.bos(), tokenizer.add_bos()), (Some(1), true));
    let template = ChatTemplate::new("hoi", &tokenizer).unwrap();
    let rendered = template.render(&RenderInput {
        messages: &[],
        tools: None,
        add_generation_prompt: false,
        variables: &serde_json::Map::new(),
        now: DateTime::constant(2026, 1, 1, 0, 0, 0, 0),
    });
    let ids = tokenizer.encode_rendered(&rendered.unwrap()).unwrap();
    assert_eq!(names(&tokenizer, &ids), ["<s>", "▁hoi"]);
    let without = Tokenizer::from_json(METASPACE).unwrap().with_bos_eos(None, Some("</s>"), false).unwrap();
    assert_eq!((without.bos(), without.eos(), without.add_bos()), (None, Some(2), false));
}

#[test]
fn what_is_not_understood_is_refused() {
    for (json, what) in [
        ("{", "tokenizer.json: "),
        (r#"{"added_tokens":[{"id":4000000000}]}"#, "token id 4000000000"),
        (
            r#"{"version":"1.0","added_tokens":[],"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}"#,
            "not supported",
        ),
    ] {
        let error = Tokenizer::from_json(json.as_bytes()).err().unwrap();
        assert!(matches!(error, Error::Json { .. }));
        assert!(error.to_string().contains(what), "{error}");
    }
    let tokenizer = Tokenizer::from_json(BYTE_LEVEL).unwrap();
    assert!(tokenizer.with_bos_eos(Some("nope"), None, true).is_err());
}
