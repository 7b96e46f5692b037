//! `logprobs`, in the two shapes that OpenAI gives it.
//!
//! Scores are natural logarithms in the model's own distribution, whatever temperature, bias, penalties or grammar do. All
//! tokens of a choice together are its text; a part of a character is `bytes:\xe2\x82`. What the output screen masked, or a value
//! that was put back, stands in the entries as in the text: the first of the tokens has all of it, the others have none, and none
//! has alternatives. An alternative that would have been masked is `⟦…⟧`. `text_offset` counts characters of the choice's text.
//! With `echo` the prompt comes first, as the model read it (placeholders stay), its first token has `null`, and `max_tokens` may
//! be 0. Prompts of token ids are refused where they hold personal data, but under a redaction profile with `public_benchmark`.
//! Of thoughts, and of the token that ends a turn, there are no entries. Not beside tools.

use gateway::TokenScore;
use serde::Serialize;
use serde_json::{Map, Number, Value};

/// What stands for −∞, which JSON cannot say; OpenAI's own value for a token that is very unlikely.
const LEAST: f64 = -9999.0;

/// Of a chat's choice, or of a piece of it.
#[derive(Serialize)]
pub(crate) struct ChatLogprobs {
    content: Vec<ChatToken>,
    refusal: Option<()>,
}

#[derive(Serialize)]
struct ChatToken {
    #[serde(flatten)]
    token: Told,
    top_logprobs: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
}

impl Told {
    fn new(text: &[u8], logprob: Option<f64>) -> Self {
        Self { token: token(text), logprob: finite(logprob.unwrap_or(LEAST)), bytes: text.to_vec() }
    }
}

impl ChatLogprobs {
    /// `None` where no token is scored.
    pub(crate) fn of(scores: &[TokenScore]) -> Option<Self> {
        let content = scores.iter().map(|score| ChatToken {
            token: Told::new(&score.text, score.logprob),
            top_logprobs: score.top.iter().map(|other| Told::new(&other.text, Some(other.logprob))).collect(),
        });
        (!scores.is_empty()).then(|| Self { content: content.collect(), refusal: None })
    }
}

/// Of a completion's choice, or of a piece of it: four lists with an entry for each token.
#[derive(Serialize, Default)]
pub(crate) struct TextLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<Option<f64>>,
    top_logprobs: Vec<Option<Map<String, Value>>>,
    text_offset: Vec<usize>,
}

impl TextLogprobs {
    /// `None` where no token is scored.
    pub(crate) fn of(scores: &[TokenScore]) -> Option<Self> {
        let mut lists = Self::default();
        for score in scores {
            lists.tokens.push(token(&score.text));
            lists.token_logprobs.push(score.logprob.map(finite));
            lists.top_logprobs.push(score.logprob.map(|_| top(score)));
            lists.text_offset.push(score.offset);
        }
        (!scores.is_empty()).then_some(lists)
    }
}

/// The likeliest by their text. Of tokens that read alike the likeliest counts, so that who compares a token with the largest
/// of these is not told that it was the likeliest when it was not.
fn top(score: &TokenScore) -> Map<String, Value> {
    let mut map = Map::new();
    for other in &score.top {
        let logprob = Number::from_f64(finite(other.logprob)).map_or(Value::Null, Value::Number);
        map.entry(token(&other.text)).or_insert(logprob);
    }
    map
}

fn finite(logprob: f64) -> f64 {
    logprob.max(LEAST)
}

/// A token as text; what is no whole character is written in hexadecimal, as OpenAI does.
fn token(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let bytes: String = text.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("bytes:{bytes}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway::Alternative;
    use serde_json::json;

    fn scores() -> Vec<TokenScore> {
        let other = |text: &[u8], logprob| Alternative { text: text.to_vec(), logprob };
        vec![
            TokenScore { text: b"A".to_vec(), logprob: None, offset: 0, top: Vec::new() },
            TokenScore {
                text: vec![0xe2, 0x82],
                logprob: Some(f64::NEG_INFINITY),
                offset: 1,
                top: vec![other(b"x", -0.25), other(b"y", -2.0), other(b"x", -3.0)],
            },
        ]
    }

    #[test]
    fn a_completion_has_four_lists() {
        let wire = serde_json::to_value(TextLogprobs::of(&scores())).unwrap();
        let expected = json!({
            "tokens": ["A", "bytes:\\xe2\\x82"], "token_logprobs": [null, -9999.0],
            "top_logprobs": [null, {"x": -0.25, "y": -2.0}], "text_offset": [0, 1],
        });
        assert_eq!(wire, expected);
        assert!(TextLogprobs::of(&[]).is_none());
    }

    #[test]
    fn a_chat_has_a_list_of_tokens() {
        let wire = serde_json::to_value(ChatLogprobs::of(&scores()[1..])).unwrap();
        let told =
            |token, logprob: f64, bytes: &[u8]| json!({"token": token, "logprob": logprob, "bytes": bytes});
        let mut entry = told("bytes:\\xe2\\x82", -9999.0, &[0xe2, 0x82]);
        entry["top_logprobs"] = json!([told("x", -0.25, b"x"), told("y", -2.0, b"y"), told("x", -3.0, b"x")]);
        assert_eq!(wire, json!({"content": [entry], "refusal": null}));
    }
}
