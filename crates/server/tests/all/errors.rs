//! Every class of error, and every field by its name.

use std::fmt::Write as _;
use std::sync::Arc;

use gateway::AdminCommand;
use serde_json::{Value, json};
use testkit::{Act, Gate, House, ScriptedGenerate};

use crate::http::{Reply, Site, chat};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

#[tokio::test]
async fn every_class_of_error() {
    let site = Site::start(
        House::builder()
            .saying("Goedendag.")
            .pilot("poor", &[("tokens_per_day = 1_000_000", "tokens_per_day = 5")])
            .pilot("wide", &[("tokens_per_request = 4096", "tokens_per_request = 10_000")]),
    )
    .await;
    let mut shown = String::new();
    let mut tell = |name: &str, reply: &Reply| writeln!(shown, "# {name}\n{}\n", reply.shown()).unwrap();
    let good = chat("Dag.").to_string();
    let bearer = site.bearer("pilot");
    tell("no JSON", &site.send("POST", CHAT, &[("authorization", &bearer)], b"{\"model\": tiny}").await);
    tell("no object", &site.chat(&json!([1])).await);
    tell("a field missing", &site.chat(&json!({"model": "tiny"})).await);
    tell("an unknown field", &site.chat(&with("temprature", json!(1))).await);
    tell("an unprintable field", &site.chat(&with("a b\u{7}", json!(1))).await);
    tell("out of range", &site.chat(&with("temperature", json!(3))).await);
    let long = with("max_tokens", json!(4096)).to_string();
    tell(
        "too long for the use case",
        &site.send("POST", CHAT, &[("authorization", &bearer)], long.as_bytes()).await,
    );
    let wide = site.bearer("wide");
    tell(
        "too long for the context",
        &site.send("POST", CHAT, &[("authorization", &wide)], long.as_bytes()).await,
    );
    tell("no key", &site.send("POST", CHAT, &[], good.as_bytes()).await);
    let unknown = [("authorization", "Bearer ptk_aaaaaaaa_bbbbbbbb")];
    tell("an unknown key", &site.send("POST", CHAT, &unknown, good.as_bytes()).await);
    tell("forbidden", &site.chat(&with("model", json!("huge"))).await);
    let poor = site.bearer("poor");
    tell("quota", &site.send("POST", CHAT, &[("authorization", &poor)], good.as_bytes()).await);
    tell("personal data in a field", &site.chat(&with("user", json!("BSN 111222333"))).await);
    tell("an unknown model", &site.get("/v1/models/huge").await);
    tell("an unknown path", &site.get("/v1/images").await);
    tell("another method", &site.get(CHAT).await);
    let large = vec![b' '; (4 << 20) + 1];
    tell("too large", &site.send("POST", CHAT, &[("authorization", &bearer)], &large).await);
    let prefix = site.house.key("pilot").split('_').nth(1).unwrap().to_owned();
    site.house.administer(AdminCommand::RevokeKey { key: prefix }).await;
    tell("a revoked key", &site.chat(&chat("Dag.")).await);
    site.house.disk.strike_at_next_record();
    // The first request after the fault finds out; the writer's thread closes the log.
    let _ = site.send("POST", CHAT, &[("authorization", &poor)], good.as_bytes()).await;
    testkit::until(|| {
        site.house.gateway.gauges().iter().any(|gauge| gauge.name == "log_open" && gauge.value == 0)
    })
    .await;
    tell("a closed log", &site.chat(&chat("Dag.")).await);
    tell("not ready", &site.get("/readyz").await);
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn busy_says_when_to_try_again() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let builder = House::builder().places(1).generator(move |_| {
        Arc::new(ScriptedGenerate::new(move |_| vec![Act::Token(100), Act::Wait(waiting.clone())]))
    });
    let site = Site::start(builder).await;
    let body = with("stream", json!(true)).to_string();
    let headers = [("authorization", &*site.bearer("pilot"))];
    let held = site.open("POST", CHAT, &headers, body.as_bytes()).await;
    testkit::until(|| site.house.generator.live() == 1).await;
    let reply = site.chat(&chat("Dag.")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")));
    assert_eq!(reply.header("x-should-retry"), None, "busy may be tried again");
    insta::assert_snapshot!(reply.shown());
    drop(held);
    gate.open();
}

#[tokio::test]
async fn a_quota_says_how_much_is_left_and_when_it_is_whole_again() {
    let limits = [("requests_per_minute = 1000", "requests_per_minute = 1")];
    let daily = [("tokens_per_day = 1_000_000", "tokens_per_day = 1_000_000, user.requests_per_day = 1")];
    let site =
        Site::start(House::builder().saying("Goedendag.").pilot("minute", &limits).pilot("day", &daily))
            .await;
    let (body, mut shown) = (chat("Dag.").to_string(), String::new());
    for use_case in ["minute", "day"] {
        let headers = [("authorization", &*site.bearer(use_case))];
        assert_eq!(site.send("POST", CHAT, &headers, body.as_bytes()).await.status, 200);
        let reply = site.send("POST", CHAT, &headers, body.as_bytes()).await;
        writeln!(shown, "# {use_case}\n{}\n", reply.shown()).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn loading_is_503_and_alive() {
    let site = Site::start(House::builder().still_loading()).await;
    let mut shown = String::new();
    for path in ["/healthz", "/readyz", "/v1/models"] {
        writeln!(shown, "# {path}\n{}\n", site.get(path).await.shown()).unwrap();
    }
    writeln!(shown, "# chat\n{}\n", site.chat(&chat("Dag.")).await.shown()).unwrap();
    insta::assert_snapshot!(shown);
    site.house.serve().await;
    assert_eq!(site.get("/readyz").await.status, 200);
}

fn with(field: &str, value: Value) -> Value {
    let mut body = chat("Dag.");
    body[field] = value;
    body
}

/// Fields and values of the wrong type or range. `geheim` must never come back.
fn wrong() -> Vec<(&'static str, Value)> {
    let word = json!("geheim");
    let list = json!([["geheim"]]);
    let mut all = vec![("model", list.clone()), ("messages", word.clone())];
    for field in [
        "max_tokens",
        "max_completion_tokens",
        "n",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "repetition_penalty",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "logit_bias",
        "ignore_eos",
        "stream",
        "tools",
        "functions",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
        "logprobs",
        "top_logprobs",
        "response_format",
        "structured_outputs",
        "guided_json",
        "modalities",
        "store",
        "service_tier",
    ] {
        all.push((field, word.clone()));
        all.push((field, list.clone()));
    }
    for field in ["n", "max_tokens", "top_k", "seed", "temperature"] {
        all.push((field, json!(1.0e30)));
        all.push((field, json!(-9.5)));
    }
    all.push(("stop", json!({"geheim": 1})));
    all.push(("stop", json!([1])));
    all.push(("stop", json!([""])));
    all.push(("stream_options", json!({"include_usage": true})));
    all.push(("logit_bias", json!({"geheim": 1})));
    all
}

#[tokio::test]
async fn each_field_of_the_wrong_type_is_named_and_not_quoted() {
    let site = Site::saying("Goedendag.").await;
    for (field, value) in wrong() {
        let reply = site.chat(&with(field, value.clone())).await;
        assert_eq!(reply.status, 400, "{field} = {value}: {}", reply.body);
        let error = &reply.json()["error"];
        // Within a list it is the item that is wrong.
        let param = error["param"].as_str().unwrap();
        assert_eq!(param.split('[').next(), Some(field), "{field} = {value}: {}", reply.body);
        assert!(error["message"].as_str().unwrap().starts_with(field), "{}", reply.body);
        assert_eq!(error["type"], json!("invalid_request_error"));
        assert!(!reply.body.contains("geheim") && !reply.body.contains("1e30"), "{}", reply.body);
    }
    assert!(site.house.generator.requests().is_empty());
}

#[tokio::test]
async fn fields_within_fields_are_named_by_their_path() {
    let site = Site::saying("Goedendag.").await;
    let message =
        |message: Value| json!({"model": "tiny", "messages": [{"role": "user", "content": "a"}, message]});
    let cases = [
        (message(json!({"role": "geheim", "content": "a"})), "messages[1].role"),
        (message(json!({"role": "tool", "content": "a"})), "messages[1].tool_call_id"),
        (message(json!({"role": "user", "content": 7})), "messages[1].content"),
        (message(json!({"role": "user", "content": [{"type": "image_url"}]})), "messages[1].content"),
        (message(json!({"role": "user", "content": "a", "name": "geheim"})), "messages[1].name"),
        (message(json!({"role": "user", "content": "a", "extra": "geheim"})), "messages[1].extra"),
    ];
    for (body, param) in cases {
        let reply = site.chat(&body).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(param)), "{}", reply.body);
        assert!(!reply.body.contains("geheim"));
    }
    for (field, value) in [
        ("prompt", json!([[1, 2]])),
        ("echo", json!("geheim")),
        ("suffix", json!("geheim")),
        ("best_of", json!("geheim")),
    ] {
        let mut body = json!({"model": "tiny", "prompt": "a"});
        body[field] = value;
        let reply = site.post(COMPLETIONS, &body).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(field)), "{}", reply.body);
        assert!(!reply.body.contains("geheim"));
    }
}
