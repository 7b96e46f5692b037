//! A word no answer has: put everywhere a client can put a word, it comes back nowhere.

use gateway::{CallerClass, ENDPOINTS, Endpoint, EndpointId, Method};
use serde_json::{Value, json};

use testkit::{House, put_text};

use crate::http::{Reply, Site, chat};

/// With a digit, so that it is no name of a field: those are told by name.
const CANARY: &str = "kanarie7f3a";

/// Fields of the API that are no text, known and unknown ones.
const FIELDS: &[&str] = &[
    "model",
    "stop",
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "temperature",
    "max_tokens",
    "n",
    "seed",
    "logit_bias",
    "stream",
    "stream_options",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "response_format",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "modalities",
    "store",
    "service_tier",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "echo",
    "suffix",
    "best_of",
    "reasoning_effort",
    "dimensions",
    "encoding_format",
    "system",
    "stop_sequences",
    "thinking",
    "output_config",
    "cache_control",
    "instructions",
    "include",
    "reasoning",
    "text",
    "truncation",
    "conversation",
    "previous_response_id",
    "prompt",
    "max_output_tokens",
    "max_tool_calls",
    "background",
    "add_special_tokens",
    "add_generation_prompt",
    "continue_final_message",
    "return_token_strs",
    "tokens",
    CANARY,
];

fn good(row: &Endpoint) -> Value {
    match row.id {
        EndpointId::ChatCompletions => chat("Dag."),
        EndpointId::Messages => chat("Dag."),
        EndpointId::CountTokens => json!({"model": "tiny", "messages": chat("Dag.")["messages"]}),
        EndpointId::Responses => json!({"model": "tiny", "input": "Dag."}),
        EndpointId::Detokenize => json!({"tokens": [100]}),
        EndpointId::Embeddings => json!({"model": "tiny-vectors", "input": "Dag."}),
        _ => json!({"model": "tiny", "prompt": "Dag."}),
    }
}

/// The good body with the canary in a text field of the table.
fn in_text(row: &Endpoint, pattern: &str) -> Value {
    let mut body = good(row);
    put_text(row, pattern, &mut body, CANARY, CANARY);
    body
}

fn silent(reply: &Reply, place: &str) {
    assert!(!reply.head.contains(CANARY), "{place}: in a header: {}", reply.head);
    assert!(!reply.body.contains(CANARY), "{place}: in the body: {}", reply.body);
}

#[tokio::test]
async fn the_canary_comes_back_nowhere() {
    let site = Site::start(House::builder().saying("Goedendag.").embeddings()).await;
    let bearer = site.bearer("pilot");
    for row in ENDPOINTS {
        let method = if row.method == Method::Post { "POST" } else { "GET" };
        let path = row.path.replace("{model}", CANARY);
        // In headers and query, on every endpoint.
        let headers = [
            ("authorization", &*bearer),
            ("traceparent", CANARY),
            ("x-request-id", CANARY),
            ("x-proeftuin-data-subject", CANARY),
        ];
        let query = format!("{path}?q={CANARY}");
        silent(&site.send(method, &query, &headers, good(row).to_string().as_bytes()).await, row.path);
        let wrong = format!("Bearer {CANARY}");
        let reply = site.send(method, &path, &[("authorization", &wrong)], b"").await;
        silent(&reply, row.path);
        assert_eq!(reply.status == 401, row.caller == CallerClass::KeyHolder, "{}", row.path);
        if row.method != Method::Post {
            continue;
        }
        for pattern in row.text {
            let reply = site.post(row.path, &in_text(row, pattern)).await;
            assert_eq!(reply.status, 200, "{pattern}: {}", reply.body);
            silent(&reply, pattern);
        }
        for field in FIELDS {
            for value in [json!(CANARY), json!([CANARY]), json!({"a": CANARY}), json!({CANARY: 1})] {
                let mut body = good(row);
                body[*field] = value;
                silent(&site.post(row.path, &body).await, field);
            }
        }
        for broken in [format!("{{\"model\": {CANARY}"), CANARY.to_owned(), format!("[\"{CANARY}\"]")] {
            silent(&site.send("POST", row.path, &headers, broken.as_bytes()).await, "a broken body");
        }
    }
    silent(&site.get(&format!("/{CANARY}")).await, "an unknown path");
    silent(&site.get("/metrics").await, "metrics");
    site.house.stop_and_verify().await;
    assert!(!site.house.leaves_text().contains(CANARY), "in a leaf of the log");
}
