//! The framing of streams: role first, outcome before `[DONE]`, an error without it, and a hang-up that stops.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{Act, Gate, House, HouseBuilder, ScriptedGenerate, until, within};
use tokio::io::AsyncReadExt;

use crate::http::{Site, chat, redact};

const CHAT: &str = "/v1/chat/completions";

fn streamed(extra: &Value) -> Value {
    let mut body = chat("Dag.");
    body["stream"] = json!(true);
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn parsed(event: &str) -> Value {
    serde_json::from_str(event).unwrap_or_else(|_| panic!("no JSON: {event}"))
}

fn shown(events: &[String]) -> String {
    let lines = events.iter().map(|event| match serde_json::from_str::<Value>(event) {
        Ok(mut value) => {
            redact(&mut value);
            value.to_string()
        }
        Err(_) => event.clone(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_chat_stream_from_role_to_done() {
    let site = Site::saying("Dag.").await;
    let reply = site.chat(&streamed(&json!({}))).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/event-stream")));
    let events = reply.events();
    let first = parsed(&events[0]);
    assert_eq!(first["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(events.last().unwrap(), "[DONE]");
    let last = parsed(&events[events.len() - 2]);
    assert_eq!(last["choices"][0]["finish_reason"], json!("stop"));
    let receipt: gateway::Receipt = serde_json::from_value(last["proeftuin"]["receipt"].clone()).unwrap();
    receipt.verify(&site.house.verifier).unwrap();
    let text: String = events
        .iter()
        .filter(|event| *event != "[DONE]")
        .filter_map(|e| parsed(e)["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, "Dag.");
    insta::assert_snapshot!(shown(&events));
}

#[tokio::test]
async fn usage_comes_on_a_chunk_without_choices() {
    let site = Site::saying("Dag.").await;
    let reply = site.chat(&streamed(&json!({"stream_options": {"include_usage": true}, "n": 2}))).await;
    let events = reply.events();
    for (event, index) in events.iter().zip(0..2) {
        assert_eq!(parsed(event)["choices"][0]["index"], json!(index));
        assert_eq!(parsed(event)["choices"][0]["delta"]["role"], json!("assistant"));
    }
    let usage = parsed(&events[events.len() - 2]);
    assert_eq!(usage["choices"], json!([]));
    let completion = site.house.generator.emitted().iter().map(Vec::len).sum::<usize>();
    assert_eq!(usage["usage"]["completion_tokens"], json!(completion));
    assert!(usage["proeftuin"]["receipt"].is_object());
    let finished = events.iter().filter(|event| event.contains("\"finish_reason\":\"stop\"")).count();
    assert_eq!(finished, 2);
}

#[tokio::test]
async fn a_text_stream() {
    let site = Site::saying("Dag.").await;
    let body = json!({"model": "tiny", "prompt": "a", "stream": true});
    let reply = site.post("/v1/completions", &body).await;
    insta::assert_snapshot!(shown(&reply.events()));
}

/// Reads until the connection ends or `enough` has been read.
async fn read(stream: &mut tokio::net::TcpStream, enough: &str) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = within(stream.read(&mut part)).await.unwrap();
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if count == 0 || text.contains(enough) {
            return text;
        }
    }
}

fn waiting(gate: &Gate) -> HouseBuilder {
    let gate = gate.clone();
    House::builder().places(1).generator(move |_| {
        Arc::new(ScriptedGenerate::new(move |_| vec![Act::Token(100), Act::Wait(gate.clone())]))
    })
}

#[tokio::test]
async fn done_is_sent_only_when_the_outcome_is_in_the_log() {
    let gate = Gate::default();
    let site = Site::start(waiting(&gate)).await;
    let bearer = site.bearer("pilot");
    let body = streamed(&json!({})).to_string();
    let mut stream = site.open("POST", CHAT, &[("authorization", &bearer)], body.as_bytes()).await;
    let begun = read(&mut stream, "\"role\"").await;
    assert!(begun.contains("200 OK") && !begun.contains("[DONE]"));
    assert!(site.house.outcomes().is_empty());
    gate.open();
    assert!(read(&mut stream, "[DONE]").await.contains("[DONE]"));
    assert_eq!(site.house.outcomes().len(), 1);
}

#[tokio::test]
async fn without_the_outcome_there_is_no_done() {
    let gate = Gate::default();
    let site = Site::start(waiting(&gate)).await;
    let bearer = site.bearer("pilot");
    let body = streamed(&json!({})).to_string();
    let mut stream = site.open("POST", CHAT, &[("authorization", &bearer)], body.as_bytes()).await;
    let _ = read(&mut stream, "\"role\"").await;
    site.house.disk.strike();
    gate.open();
    let rest = read(&mut stream, "[DONE]").await;
    assert!(rest.contains("\"error\"") && !rest.contains("[DONE]"), "{rest}");
    assert!(!rest.contains("finish_reason\":\"stop"), "a finish for what was not sealed");
}

#[tokio::test]
async fn a_failure_in_the_middle_is_an_error_event_without_done() {
    let builder = House::builder()
        .generator(|_| Arc::new(ScriptedGenerate::new(|_| vec![Act::Token(100), Act::Vanish])));
    let site = Site::start(builder).await;
    let events = site.chat(&streamed(&json!({}))).await.events();
    assert!(parsed(&events[0])["choices"][0]["delta"]["role"].is_string());
    let error = parsed(events.last().unwrap());
    assert_eq!(error["error"]["type"], json!("server_error"));
    assert!(!events.iter().any(|event| event == "[DONE]" || event.contains("receipt")));
    insta::assert_snapshot!(error);
    let whole = site.chat(&chat("Dag.")).await;
    assert_eq!(whole.status, 503);
}

#[tokio::test]
async fn a_hang_up_stops_the_sequence_and_is_sealed() {
    let gate = Gate::default();
    let site = Site::start(waiting(&gate)).await;
    let bearer = site.bearer("pilot");
    for (round, body) in [(1, streamed(&json!({}))), (2, chat("Dag."))] {
        let body = body.to_string();
        let stream = site.open("POST", CHAT, &[("authorization", &bearer)], body.as_bytes()).await;
        until(|| site.house.generator.requests().len() == round && site.house.generator.live() == 1).await;
        drop(stream);
        until(|| site.house.generator.live() == 0 && site.house.outcomes().len() == round).await;
        let leaf = site.house.leaves_text().lines().last().unwrap().to_owned();
        assert!(leaf.contains("\"status\":\"aborted\"") && leaf.contains("\"reason\":\"dropped\""), "{leaf}");
    }
    site.house.stop_and_verify().await;
}
