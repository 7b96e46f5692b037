//! The same request gives the same bytes, whatever else the server is doing, and ends where it was told to.

use serde_json::{Value, json};

use crate::harness::{MODEL, Server, Shared, shared};

fn continue_with(server: &Server, key: &str, prompt: &str, more: Value) -> Value {
    let mut body = json!({"model": MODEL, "prompt": prompt});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.complete(key, &body).ok()
}

fn text(body: &Value) -> &str {
    body["choices"][0]["text"].as_str().unwrap()
}

#[test]
fn a_seed_gives_the_same_bytes_alone_and_beside_others() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let drawn = |seed: u64| {
        let more =
            json!({"seed": seed, "temperature": 1.1, "top_p": 0.95, "max_tokens": 24, "ignore_eos": true});
        text(&continue_with(server, key, "The river ran", more)).to_owned()
    };
    let alone = drawn(42);
    assert_eq!(drawn(42), alone);
    assert_ne!(drawn(43), alone, "another seed draws another text");
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn(move || {
                    let more =
                        json!({"seed": number, "temperature": 1.0, "max_tokens": 40, "ignore_eos": true});
                    let prompt = "One more story about a ship, ".repeat(usize::try_from(number).unwrap() + 1);
                    continue_with(server, key, &prompt, more)
                })
            })
            .collect();
        for _ in 0..3 {
            assert_eq!(drawn(42), alone, "others changed the bytes");
        }
        for other in others {
            assert_eq!(other.join().unwrap()["usage"]["completion_tokens"], 40);
        }
    });
}

#[test]
fn each_choice_can_be_replayed_alone() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let more = |seed: u64, n: u64| json!({"seed": seed, "n": n, "temperature": 1.1, "max_tokens": 12});
    let both = continue_with(server, key, "At noon", more(7, 2));
    let second = continue_with(server, key, "At noon", more(8, 1));
    assert_eq!(both["choices"][1]["text"], second["choices"][0]["text"]);
}

#[test]
fn a_stop_string_ends_the_answer_and_is_not_shown() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let greedy = |more: Value| {
        let mut all = json!({"temperature": 0, "max_tokens": 32, "ignore_eos": true});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        continue_with(server, key, "The capital of the Netherlands is", all)
    };
    let whole = greedy(json!({}));
    let whole = text(&whole);
    // Inside a word as a rule, so that no token ends with it.
    let stop: String = whole.chars().skip(whole.chars().count() / 2).take(3).collect();
    let expected = &whole[..whole.find(&stop).unwrap()];
    let stopped = greedy(json!({"stop": [stop, "\u{2603}\u{2603}"]}));
    assert_eq!(text(&stopped), expected);
    assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
    let body = json!({
        "model": MODEL, "prompt": "The capital of the Netherlands is", "temperature": 0, "max_tokens": 32,
        "ignore_eos": true, "stop": stop, "stream": true,
    });
    let events = crate::harness::stream(&server.address, "/v1/completions", key, &body).rest();
    let streamed: String = events
        .iter()
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|chunk| Some(chunk["choices"][0]["text"].as_str()?.to_owned()))
        .collect();
    assert_eq!(streamed, expected);
}

#[test]
fn length_and_bias_are_obeyed() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let cut = continue_with(server, key, "Once", json!({"max_tokens": 5, "ignore_eos": true}));
    assert_eq!(cut["usage"]["completion_tokens"], 5);
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    // With one token made certain, nothing else is drawn, however hot.
    let forced = json!({"max_tokens": 4, "temperature": 1, "logit_bias": {"260": 100}, "ignore_eos": true});
    let forced = continue_with(server, key, "Once", forced);
    let words: Vec<_> = text(&forced).split(' ').filter(|word| !word.is_empty()).collect();
    assert!(words.windows(2).all(|pair| pair[0] == pair[1]), "{words:?}");
    // The template closes an assistant's turn with a token of its own, which ends the answer.
    let body = json!({"model": MODEL, "temperature": 0, "max_tokens": 48, "logit_bias": {"2": 100},
                      "messages": [{"role": "user", "content": "Hi"}]});
    let ended = server.chat(key, &body).ok();
    assert_eq!(ended["choices"][0]["finish_reason"], "stop");
    assert_eq!(ended["choices"][0]["message"]["content"], "");
    assert_eq!(ended["usage"]["completion_tokens"], 1);
}
