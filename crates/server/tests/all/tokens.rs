//! Tokens of texts and texts of tokens: the same that an answer would be made from, under the same records.

use serde_json::json;

use crate::http::Site;

#[tokio::test]
async fn a_prompt_and_a_chat_are_what_the_model_would_be_given() {
    let site = Site::saying("Dag.").await;
    let reply = site
        .post("/tokenize", &json!({"prompt": "Zie BSN 111222333 daar.", "add_special_tokens": true}))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let body = reply.json();
    assert_eq!(body["count"], json!(body["tokens"].as_array().unwrap().len()));
    site.post("/v1/completions", &json!({"model": "tiny", "prompt": "Zie BSN 111222333 daar."})).await;
    assert_eq!(body["tokens"], json!(site.house.generator.requests()[0].prompt.to_vec()));
    let messages = json!([{"role": "user", "content": "Dag."}]);
    let chat = site.post("/tokenize", &json!({"messages": messages})).await.json();
    site.post("/v1/chat/completions", &json!({"model": "tiny", "messages": messages, "max_tokens": 4})).await;
    assert_eq!(chat["tokens"], json!(site.house.generator.requests()[1].prompt.to_vec()));
    let back = site.post("/detokenize", &json!({"tokens": body["tokens"]})).await.json();
    assert_eq!(back["prompt"], "Zie BSN ⟦BSN_1⟧ daar.");
    for receipt in [&body, &chat, &back].map(|body| body["proeftuin"]["receipt"].clone()) {
        let receipt: gateway::Receipt = serde_json::from_value(receipt).unwrap();
        receipt.verify(&site.house.verifier).unwrap();
    }
    let leaves = site.house.leaves_text();
    assert!(leaves.contains("\"action\":\"tokenize\"") && leaves.contains("\"action\":\"detokenize\""));
    assert!(!leaves.contains("111222333"));
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn token_ids_are_read_as_everywhere() {
    let site = Site::saying("Dag.").await;
    let ids = site.house.tokenizer.encode("BSN 111222333").unwrap().to_vec();
    let reply = site.post("/detokenize", &json!({"tokens": ids})).await;
    assert_eq!(reply.status, 403, "{}", reply.body);
    assert!(reply.body.contains("/tokens holds") && !reply.body.contains("111222333"), "{}", reply.body);
    let control = site.house.tokenizer.eos().unwrap();
    for tokens in [json!([control]), json!([u32::MAX]), json!(["a"]), json!([-1]), json!("a"), json!(null)] {
        let reply = site.post("/detokenize", &json!({"tokens": tokens})).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["param"]),
            (400, &json!("tokens")),
            "{tokens}: {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn counting_costs_a_request_and_no_tokens() {
    let limits = [
        ("requests_per_minute = 1000", "requests_per_minute = 3"),
        ("tokens_per_day = 1_000_000", "tokens_per_day = 5"),
    ];
    let site = Site::start(testkit::House::builder().saying("Dag.").pilot("few", &limits)).await;
    let bearer = site.bearer("few");
    let headers = [("authorization", &*bearer)];
    let body = json!({"prompt": "een twee drie vier vijf zes zeven acht negen tien"}).to_string();
    for _ in 0..3 {
        assert_eq!(site.send("POST", "/tokenize", &headers, body.as_bytes()).await.status, 200);
    }
    let reply = site.send("POST", "/tokenize", &headers, body.as_bytes()).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (429, &json!("quota-requests-per-minute")));
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let site = Site::saying("Dag.").await;
    let chat = json!([{"role": "user", "content": "Dag."}]);
    for (body, field) in [
        (json!({}), "prompt"),
        (json!({"prompt": "a", "messages": chat}), "messages"),
        (json!({"prompt": ["a"]}), "prompt"),
        (json!({"prompt": "a", "add_special_tokens": 1}), "add_special_tokens"),
        (json!({"prompt": "a", "return_token_strs": true}), "return_token_strs"),
        (json!({"messages": chat, "add_generation_prompt": false}), "add_generation_prompt"),
        (json!({"messages": chat, "chat_template": "x"}), "chat_template"),
    ] {
        let reply = site.post("/tokenize", &body).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["param"]),
            (400, &json!(field)),
            "{body}: {}",
            reply.body
        );
    }
    let other = site.post("/tokenize", &json!({"model": "huge", "prompt": "a"})).await;
    assert_eq!(other.status, 403, "{}", other.body);
}
