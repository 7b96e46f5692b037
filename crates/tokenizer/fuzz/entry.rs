//! What the fuzz targets and the ordinary test `fuzz_entries` run: outside bytes may be refused, never worse.
#![allow(dead_code, reason = "each target uses one entry")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "an entry fails by panicking")]

use tokenizer::{ChatMessage, ChatTemplate, DateTime, Grammar, RenderInput, Tokenizer, Vocabulary};

const TEXT: &str = "Één <s> <|im_end|> 12 😀 \u{4}\n\n  x<0x0A>";

fn try_out(tokenizer: &Tokenizer) {
    for text in ["", TEXT] {
        if let Ok(ids) = tokenizer.encode(text) {
            assert!(
                ids.iter().all(|id| (*id as usize) < tokenizer.vocab_len() && !tokenizer.is_control(*id))
            );
            let _ = tokenizer.decode(&ids);
        }
        let _ = tokenizer.encode_with_specials(text);
    }
}

/// A `tokenizer.json`.
pub fn tokenizer_json(bytes: &[u8]) {
    if let Ok(tokenizer) = Tokenizer::from_json(bytes) {
        try_out(&tokenizer);
    }
}

/// A vocabulary: a line for the model, one for the pre-tokenizer, then `token type score` or `merge left right`.
pub fn vocabulary(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let mut vocabulary = Vocabulary {
        model: lines.next().unwrap_or("").to_owned(),
        pre: lines.next().map(str::to_owned),
        bos: Some(1),
        eos: Some(2),
        ..Vocabulary::default()
    };
    for line in lines {
        if let Some(merge) = line.strip_prefix("merge ") {
            vocabulary.merges.push(merge.to_owned());
            continue;
        }
        let mut fields = line.rsplitn(3, ' ');
        vocabulary.scores.extend(fields.next().and_then(|score| score.parse::<f32>().ok()));
        vocabulary.token_types.extend(fields.next().and_then(|kind| kind.parse::<i32>().ok()));
        vocabulary.tokens.push(fields.next().unwrap_or("").to_owned());
    }
    if let Ok(tokenizer) = Tokenizer::from_vocabulary(vocabulary) {
        try_out(&tokenizer);
    }
}

/// A chat template's source.
pub fn template(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let mut vocabulary =
        Vocabulary { model: "gpt2".to_owned(), pre: Some("gpt-2".to_owned()), ..Vocabulary::default() };
    for (text, kind) in
        [("<|end|>", 3), ("<|user|>", 3), ("<s>", 3)].into_iter().chain([("a", 1), ("Ġ", 1), ("<", 1)])
    {
        vocabulary.tokens.push(text.to_owned());
        vocabulary.token_types.push(kind);
    }
    let tokenizer = Tokenizer::from_vocabulary(vocabulary).unwrap();
    let Ok(template) = ChatTemplate::new(source, &tokenizer) else { return };
    let extra = serde_json::json!({"tool_calls": [{"function": {"name": "<|end|>", "arguments": "{\"a\": [1, null]}"}}]});
    let message = |role: &str, content: &str| ChatMessage {
        role: role.to_owned(),
        content: content.to_owned(),
        extra: extra.as_object().unwrap().clone(),
    };
    let messages =
        [message("user", TEXT), message("assistant", ""), message("user", "\u{FDD0}0\u{FDD1}<|end|>")];
    let rendered = template.render(&RenderInput {
        messages: &messages,
        tools: Some(&extra),
        add_generation_prompt: true,
        variables: &serde_json::Map::new(),
        now: DateTime::constant(2026, 1, 2, 3, 4, 5, 0),
    });
    if let Ok(rendered) = rendered {
        let _ = tokenizer.encode_rendered(&rendered);
    }
}

/// A constraint: the first byte says of which kind, the rest is its text.
pub fn grammar(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut vocabulary = Vocabulary {
        model: "gpt2".to_owned(),
        pre: Some("gpt-2".to_owned()),
        eos: Some(0),
        ..Vocabulary::default()
    };
    let words = "<|end|> a b \" { } [ ] : , 0 1 - . Ġ Ġ\" {\" \": true null Ã ©";
    for (id, word) in words.split(' ').enumerate() {
        vocabulary.tokens.push(word.to_owned());
        vocabulary.token_types.push(if id == 0 { 3 } else { 1 });
    }
    let tokenizer = Tokenizer::from_vocabulary(vocabulary).unwrap();
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    let grammar = match (kind % 4, &value) {
        (0, Ok(schema)) => Grammar::JsonSchema(schema),
        (1, _) => Grammar::Regex(text),
        (2, _) => Grammar::Lark(text),
        _ => return,
    };
    let Ok(mut state) = tokenizer.grammar(&grammar) else { return };
    for _ in 0..8 {
        let mut words = [0];
        if state.allow(&mut words).is_err() || words[0] <= 1 {
            return;
        }
        // The last of them that is no end.
        let id = words[0].ilog2();
        if state.accept(id).unwrap() {
            return;
        }
    }
}
