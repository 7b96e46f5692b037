//! Scores of tokens in OpenAI's two shapes, the prompt before the answer, and the best of several.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{House, ScriptedGenerate};

use crate::http::{Reply, Site, chat};

const SAID: &str = "Dag \u{20ac}.";

/// Says [`SAID`], with a `!` as what else it might have said.
async fn site() -> Site {
    let house = House::builder().generator(|tokenizer| {
        let ids = |text: &str| tokenizer.encode(text).unwrap().to_vec();
        Arc::new(ScriptedGenerate::tokens(&ids(SAID)).beside(&ids("!")))
    });
    Site::start(house).await
}

fn with(mut body: Value, extra: Value) -> Value {
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn prompt(extra: Value) -> Value {
    with(json!({"model": "tiny", "prompt": "Hallo.", "temperature": 0}), extra)
}

fn chunks(reply: &Reply) -> Vec<Value> {
    let mut events = reply.events();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    events.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

/// The entries of one list over all chunks of a stream.
fn entries(chunks: &[Value], pointer: &str) -> Vec<Value> {
    let lists = chunks.iter().filter_map(|chunk| chunk["choices"][0].pointer(pointer)?.as_array());
    lists.flatten().cloned().collect()
}

#[tokio::test]
async fn a_chat_tells_each_token_with_its_bytes_and_what_else_it_might_have_been() {
    let site = site().await;
    let asked = with(chat("Hallo."), json!({"logprobs": true, "top_logprobs": 2}));
    let whole = site.chat(&asked).await.json();
    let choice = &whole["choices"][0];
    assert_eq!(choice["message"]["content"], SAID);
    let content = choice["logprobs"]["content"].as_array().unwrap();
    assert_eq!(choice["logprobs"]["refusal"], json!(null));
    let bytes: Vec<u8> = content
        .iter()
        .flat_map(|token| token["bytes"].as_array().unwrap())
        .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
        .collect();
    assert_eq!(bytes, SAID.as_bytes());
    insta::assert_json_snapshot!(content[0]);
    assert!(content.iter().any(|token| token["token"].as_str().unwrap().starts_with("bytes:\\xe2")));
    let streamed = site.chat(&with(asked, json!({"stream": true}))).await;
    let chunks = chunks(&streamed);
    assert_eq!(&entries(&chunks, "/logprobs/content"), content);
    // Scores alone, and none.
    let alone = site.chat(&with(chat("Hallo."), json!({"logprobs": true}))).await.json();
    assert_eq!(alone["choices"][0]["logprobs"]["content"][0]["top_logprobs"], json!([]));
    let none = site.chat(&with(chat("Hallo."), json!({"logprobs": false}))).await.json();
    assert_eq!(none["choices"][0]["logprobs"], json!(null));
}

#[tokio::test]
async fn a_completion_tells_four_lists() {
    let site = site().await;
    let asked = prompt(json!({"logprobs": 2}));
    let whole = site.post("/v1/completions", &asked).await.json();
    let logprobs = &whole["choices"][0]["logprobs"];
    let (own, other) = (-std::f64::consts::LN_2, -2.0 * std::f64::consts::LN_2);
    let tokens = ["D", "a", "g", " ", "bytes:\\xe2", "bytes:\\x82", "bytes:\\xac", "."];
    let expected = json!({
        "tokens": tokens,
        "token_logprobs": vec![own; 8],
        "top_logprobs": tokens.map(|token| json!({token: own, "!": other})),
        "text_offset": [0, 1, 2, 3, 4, 4, 4, 5],
    });
    assert_eq!(*logprobs, expected);
    let streamed = site.post("/v1/completions", &with(asked, json!({"stream": true}))).await;
    let chunks = chunks(&streamed);
    for list in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        let pointer = format!("/logprobs/{list}");
        assert_eq!(json!(entries(&chunks, &pointer)), logprobs[list], "{list}");
    }
}

/// What lm-evaluation-harness sends for `local-completions`, and how it reads the answer.
#[tokio::test]
async fn an_evaluation_reads_prompts_of_token_ids_back() {
    let site = Site::start(House::builder()).await;
    let ids: Vec<Vec<u32>> = ["Een gewone zin.", "Nog een, wat langer."]
        .iter()
        .map(|text| site.house.tokenizer.encode(text).unwrap().to_vec())
        .collect();
    let body = json!({
        "model": "tiny", "prompt": ids, "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": true,
    });
    let reply = site.post("/v1/completions", &body).await.json();
    let choices = reply["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 2);
    for (choice, ids) in choices.iter().zip(&ids) {
        let list = |name: &str| choice["logprobs"][name].as_array().unwrap().clone();
        let (tokens, scores, top) = (list("tokens"), list("token_logprobs"), list("top_logprobs"));
        assert_eq!((tokens.len(), scores.len(), top.len()), (ids.len() + 1, ids.len() + 1, ids.len() + 1));
        assert!(scores[0].is_null() && top[0].is_null());
        for (score, top) in scores[1..].iter().zip(&top[1..]) {
            let best = top.as_object().unwrap().values().map(|score| score.as_f64().unwrap());
            assert!(score.as_f64().unwrap() <= best.fold(f64::NEG_INFINITY, f64::max));
        }
        // The token that was generated is the likeliest, by exact equality.
        let (last, top) = (scores.last().unwrap(), top.last().unwrap());
        assert_eq!(top.as_object().unwrap().values().next(), Some(last));
        let offsets: Vec<u64> = list("text_offset").iter().map(|at| at.as_u64().unwrap()).collect();
        assert!(offsets.is_sorted() && offsets[0] == 0);
    }
}

#[tokio::test]
async fn the_best_of_several_are_told() {
    // A longer answer is no less likely by the token; the scripts say which is.
    let site = Site::start(House::builder()).await;
    let body = |extra| {
        with(
            prompt(
                json!({"max_tokens": 6, "temperature": 1.5, "seed": 3, "logprobs": 0, "ignore_eos": true}),
            ),
            extra,
        )
    };
    let all = site.post("/v1/completions", &body(json!({"n": 5}))).await.json();
    let mean = |choice: &Value| {
        let scores = choice["logprobs"]["token_logprobs"].as_array().unwrap();
        scores.iter().map(|score| score.as_f64().unwrap()).sum::<f64>() / scores.len() as f64
    };
    let mut made: Vec<(f64, String)> = all["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| (mean(choice), choice["text"].as_str().unwrap().to_owned()))
        .collect();
    made.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = site.post("/v1/completions", &body(json!({"n": 2, "best_of": 5}))).await.json();
    let texts: Vec<&str> =
        best["choices"].as_array().unwrap().iter().map(|choice| choice["text"].as_str().unwrap()).collect();
    assert_eq!(texts, [made[0].1.as_str(), made[1].1.as_str()]);
    assert_eq!(best["choices"][1]["index"], 1);
    assert_eq!(best["usage"]["completion_tokens"], 30, "what was made is charged");
    assert_eq!(site.house.outcomes().last().unwrap().facts.choices.len(), 5, "and recorded");
}

#[tokio::test]
async fn what_cannot_be_had_together_is_refused_by_name() {
    let site = site().await;
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let chats = [
        (json!({"top_logprobs": 2}), "top_logprobs"),
        (json!({"logprobs": true, "top_logprobs": 21}), "top_logprobs"),
        (json!({"logprobs": 1}), "logprobs"),
        (json!({"logprobs": true, "tools": tool}), "logprobs"),
        (json!({"echo": true}), "echo"),
        (json!({"max_tokens": 0}), "max_tokens"),
    ];
    let texts = [
        (json!({"logprobs": 21}), "logprobs"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"logprobs": 1, "top_logprobs": 2}), "top_logprobs"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"echo": true, "response_format": {"type": "json_object"}}), "echo"),
        (json!({"n": 3, "best_of": 2}), "best_of"),
        (json!({"best_of": 2, "stream": true}), "best_of"),
        (json!({"suffix": "."}), "suffix"),
    ];
    for (extra, field) in chats {
        let reply = site.chat(&with(chat("Hallo."), extra.clone())).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(field)), "{extra}");
    }
    for (extra, field) in texts {
        let reply = site.post("/v1/completions", &prompt(extra.clone())).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(field)), "{extra}");
    }
    assert!(site.house.generator.requests().is_empty());
}

#[tokio::test]
async fn thoughts_have_a_field_of_their_own_whole_and_streamed() {
    let said = "<think>\nEen euro is \u{20ac} 1.\n</think>\n\nJa.";
    let site =
        Site::start(House::builder().saying(said).template(|source| format!("{source}{{# </think> #}}")))
            .await;
    let whole = site.chat(&with(chat("Hallo."), json!({"max_tokens": 200}))).await;
    let message = &whole.json()["choices"][0]["message"];
    assert_eq!(
        *message,
        json!({"role": "assistant", "content": "Ja.", "refusal": null, "reasoning_content": "Een euro is \u{20ac} 1."})
    );
    let streamed = site.chat(&with(chat("Hallo."), json!({"max_tokens": 200, "stream": true}))).await;
    let text = |name: &str| -> String {
        let pointer = format!("/choices/0/delta/{name}");
        chunks(&streamed)
            .iter()
            .filter_map(|chunk| chunk.pointer(&pointer)?.as_str())
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        (text("reasoning_content").as_str(), text("content").as_str()),
        ("Een euro is \u{20ac} 1.", "Ja.")
    );
    // What a client keeps opens the receipt, both ways.
    for reply in [&whole, &streamed] {
        let kept = server::kept::answer(reply.body.as_bytes()).unwrap();
        let outcome = site.house.outcomes();
        let key = kept.receipt.key().unwrap();
        assert!(outcome.iter().any(|o| o.facts.choices[0].client_commit == key.commit(&kept.choices[0])));
    }
    for (extra, status) in [
        (json!({"reasoning_effort": "high"}), 400),
        (json!({"reasoning_effort": "none", "thinking_token_budget": 3}), 400),
        // The tiny vocabulary has no token for the end of a thought.
        (json!({"thinking_token_budget": 3}), 400),
    ] {
        let reply = site.chat(&with(chat("Hallo."), extra.clone())).await;
        assert_eq!(reply.status, status, "{extra}");
    }
}
