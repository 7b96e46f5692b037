//! A gateway for `pii-leak-benchmark-v2`, which plays the upstream model: what the engine is given goes to it as text, what it
//! answers comes back as tokens, a chunk at a time. Everything between is the real path. See `tests/redaction/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool for developers"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use serde_json::{Value, json};
use server::{Address, Reach};
use testkit::{Act, House, ScriptedGenerate};

/// The benchmark's addresses are in a domain reserved for examples, which otherwise counts as nobody's; its American numbers are
/// no kinds of ours, but an organisation may name its own.
const PROFILE: &str = r#"
[kinds.email]
threshold = 15
unresolved = 15
[[custom]]
id = "us-ssn"
label = "US-SSN"
description = "American social security number, as the benchmark writes it"
pattern = '[0-9]{3}-[0-9]{2}-[0-9]{4}'
examples = ["912-34-5678"]
[[custom]]
id = "us-phone"
label = "US-PHONE"
description = "American telephone number, as the benchmark writes it"
pattern = '[0-9]{3}-[0-9]{3}-[0-9]{4}'
examples = ["212-555-0126"]
"#;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let upstream: u16 =
        arguments.next().and_then(|port| port.parse().ok()).expect("the port of the upstream");
    let names = arguments.next().is_some_and(|word| word == "names");
    let names = if names { "names = true\n" } else { "" };
    let profile = format!("{names}{PROFILE}");
    let house = House::builder()
        .profile("benchmark", &profile)
        .pilot(
            "benchmark",
            &[
                ("redaction_profile = \"default\"", "redaction_profile = \"benchmark\""),
                ("requests_per_minute = 1000,", "requests_per_minute = 10_000_000,"),
                ("tokens_per_day = 1_000_000", "tokens_per_day = 100_000_000_000"),
            ],
        )
        .generator(move |tokenizer| {
            let tokenizer = Arc::clone(tokenizer);
            Arc::new(ScriptedGenerate::new(move |request| {
                let turns =
                    request.prompt.split(|&id| tokenizer.is_control(id)).map(|ids| tokenizer.decode(ids));
                let turns: Vec<String> = turns.collect();
                let chunks = ask(upstream, &messages(turns.iter()), &tools(&turns));
                let tokens = chunks.iter().flat_map(|chunk| tokenizer.encode(chunk).unwrap().to_vec());
                tokens.map(Act::Token).collect()
            }))
        })
        .start()
        .await;
    let listener = "127.0.0.1:0".parse::<Address>().expect("an address").bind().expect("a free port");
    println!("V2_GATEWAY_TOKEN={}", house.key("benchmark"));
    println!("http://{}/v1/chat/completions", listener.address().unwrap());
    server::serve(Reach::on(listener), Arc::clone(&house.gateway), std::future::pending())
        .await
        .expect("a server");
}

/// The turns of a rendered conversation, but the one that the model is to fill. What an application instructs comes last:
/// the benchmark reads the first message, and before that the gateway may have put its word on placeholders.
fn messages<'a>(turns: impl Iterator<Item = &'a String>) -> Value {
    let mut turns: Vec<(String, String)> = turns
        .filter_map(|turn| turn.split_once('\n').map(|(role, text)| (role.to_owned(), text.to_owned())))
        .filter(|(role, text)| !role.is_empty() && !text.is_empty())
        .collect();
    turns.sort_by_key(|(role, _)| role == "system");
    turns.iter().map(|(role, text)| json!({"role": role, "content": text})).collect()
}

/// The tools that the gateway described in words, one a line, as the list they were.
fn tools(turns: &[String]) -> Value {
    let lines = turns.iter().filter(|turn| turn.starts_with("system\n")).flat_map(|turn| turn.lines());
    let functions = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let functions =
        functions.filter(|function| function["name"].is_string() && function["parameters"].is_object());
    functions.map(|function| json!({"type": "function", "function": function})).collect()
}

/// What the upstream streams, by chunk. It has fields that are no text as well; tokens have none, so those end here.
fn ask(port: u16, messages: &Value, tools: &Value) -> Vec<String> {
    let body = json!({"model": "test", "stream": true, "messages": messages, "tools": tools}).to_string();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the benchmark listens");
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: upstream\r\ncontent-type: application/json\r\nconnection: close";
    write!(socket, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    let events = reply.split("\n\n").filter_map(|event| event.split_once("data: ").map(|(_, data)| data));
    let chunks = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks.filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}
