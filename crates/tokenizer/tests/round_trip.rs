//! decode(encode(x)) == x, and pieces of a stream are the text of the whole.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::{TEXT, gemma3, smollm2, tiny_bpe, tiny_spm};
use tokenizer::{Detokenizer, Tokenizer};

/// Text with everything in it: any character, pieces of the golden text, look-alikes, runs.
fn text() -> impl Strategy<Value = String> {
    let letters: Vec<char> = TEXT.chars().collect();
    let from_golden = (0..letters.len(), 0..40usize)
        .prop_map(move |(at, len)| letters[at..(at + len).min(letters.len())].iter().collect::<String>());
    let part = prop_oneof![
        3 => from_golden,
        2 => any::<String>().prop_map(|text| text.chars().take(20).collect()),
        1 => proptest::sample::select(vec!["<|im_start|>", "<|im_end|>", "<think>", "</think>", "<s>", "</s>", "<0x0A>", "<unk>", "▁", "Ġ"])
            .prop_map(str::to_owned),
        1 => (proptest::sample::select(vec![' ', '\n', '\t', '0', 'a', '!', '\u{a0}']), 0..70usize)
            .prop_map(|(letter, len)| std::iter::repeat_n(letter, len).collect()),
    ];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// What a vocabulary can say: U+2581 is a space in a SentencePiece-style one; bytes without a token are gaps in a
/// byte-level one.
fn sayable(tokenizer: &Tokenizer, text: &str) -> String {
    if tokenizer.token_id("<0x0A>").is_some() {
        return text.replace('▁', " ");
    }
    let has = |letter: char| match u32::from(letter) {
        byte @ 0..0x20 => tokenizer.token_id(&char::from_u32(byte + 0x100).unwrap().to_string()).is_some(),
        _ => true,
    };
    text.chars().filter(|letter| has(*letter)).collect()
}

fn streamed(tokenizer: &Arc<Tokenizer>, ids: &[u32]) -> String {
    let mut detokenizer = Detokenizer::new(Arc::clone(tokenizer));
    let mut text: String = ids.iter().filter_map(|id| detokenizer.push(*id)).collect();
    text.extend(detokenizer.finish());
    text
}

fn round_trip(tokenizer: &Arc<Tokenizer>, text: &str) -> Result<(), TestCaseError> {
    let ids = tokenizer.encode(text).unwrap();
    prop_assert!(ids.iter().all(|id| !tokenizer.is_control(*id)));
    let expected = sayable(tokenizer, text);
    prop_assert_eq!(tokenizer.decode(&ids), &expected[..]);
    prop_assert_eq!(streamed(tokenizer, &ids), &expected[..]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn byte_level(text in text()) {
        thread_local!(static TOKENIZERS: Vec<Arc<Tokenizer>> =
            ["smollm", "llama-bpe", "qwen2", "deepseek-v3", "tekken"].map(tiny_bpe).to_vec());
        TOKENIZERS.with(|all| all.iter().try_for_each(|tokenizer| round_trip(tokenizer, &text)))?;
    }

    #[test]
    fn sentencepiece(text in text()) {
        thread_local!(static TOKENIZERS: Vec<Arc<Tokenizer>> = [true, false].map(tiny_spm).to_vec());
        TOKENIZERS.with(|all| all.iter().try_for_each(|tokenizer| round_trip(tokenizer, &text)))?;
    }

    #[test]
    fn a_stream_of_any_tokens_is_the_text_of_the_whole(ids in proptest::collection::vec(0u32..1400, 0..60)) {
        thread_local!(static TOKENIZERS: Vec<Arc<Tokenizer>> = vec![tiny_bpe("smollm"), tiny_spm(true), tiny_spm(false)]);
        TOKENIZERS.with(|all| all.iter().try_for_each(|tokenizer| {
            prop_assert_eq!(streamed(tokenizer, &ids), tokenizer.decode(&ids));
            Ok(())
        }))?;
    }
}

#[test]
fn real_vocabularies_round_trip() {
    for gguf in [smollm2(), gemma3()].into_iter().flatten() {
        let tokenizer = gguf.tokenizer();
        let text = sayable(&tokenizer, TEXT);
        assert!(text.len() > TEXT.len() - 10);
        let ids = tokenizer.encode(&text).unwrap();
        assert_eq!(tokenizer.decode(&ids), text);
        assert_eq!(streamed(&tokenizer, &ids), text);
    }
}

#[test]
fn half_a_character_waits_and_a_broken_one_does_not() {
    let tokenizer = tiny_bpe("smollm");
    let byte = |letter: &str| tokenizer.token_id(letter).unwrap();
    // U+1F600 is F0 9F 98 80.
    let smile = [byte("ð"), byte("Ł"), byte("ĺ"), byte("Ģ")];
    let mut detokenizer = Detokenizer::new(Arc::clone(&tokenizer));
    assert_eq!(detokenizer.push(smile[0]), None);
    assert_eq!(detokenizer.push(smile[1]), None);
    assert_eq!(detokenizer.push(smile[2]), None);
    assert_eq!(detokenizer.push(smile[3]).as_deref(), Some("😀"));
    assert_eq!(detokenizer.push(smile[0]), None);
    assert_eq!(detokenizer.push(byte("a")).as_deref(), Some("\u{FFFD}a"));
    assert_eq!(detokenizer.push(tokenizer.token_id("<|im_end|>").unwrap()), None);
    assert_eq!(detokenizer.push(smile[0]), None);
    assert_eq!(detokenizer.finish().as_deref(), Some("\u{FFFD}"));
    assert_eq!(detokenizer.finish(), None);
}

#[test]
fn sentencepiece_spaces_go_where_encoding_put_them() {
    let tokenizer = tiny_spm(true);
    let ids = tokenizer.encode(" vroeg").unwrap();
    assert_eq!(tokenizer.decode(&ids), " vroeg");
    // A completion after a word keeps its first space; after a special token it loses the one encoding puts there.
    let word = tokenizer.encode("vroeg").unwrap();
    let text = |mut detokenizer: Detokenizer| {
        let mut text: String = word.iter().filter_map(|id| detokenizer.push(*id)).collect();
        text.extend(detokenizer.finish());
        text
    };
    assert_eq!(text(Detokenizer::new(Arc::clone(&tokenizer))), "vroeg");
    assert_eq!(text(Detokenizer::following(Arc::clone(&tokenizer), word[0])), " vroeg");
    assert_eq!(text(Detokenizer::following(Arc::clone(&tokenizer), 2)), "vroeg");
    assert_eq!(text(Detokenizer::following(tiny_spm(false), 2)), " vroeg");
}

#[test]
fn ids_outside_the_vocabulary_are_nothing() {
    let tokenizer = tiny_bpe("smollm");
    assert_eq!(tokenizer.decode(&[u32::MAX, 1]), "");
    assert!(tokenizer.token_bytes(u32::MAX).is_empty());
    assert_eq!(tokenizer.token_text(u32::MAX), None);
    assert!(!tokenizer.is_control(u32::MAX));
}
