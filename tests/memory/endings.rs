//! The other ways in which a request can end, and what is left of the numbers that a prompt becomes.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Act, House, ScriptedGenerate, TinyModel, until, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ALONE, ask, in_memory, serve, vanishes};

fn chat(text: &str, more: Value) -> Value {
    let mut body =
        json!({"model": "tiny", "max_tokens": 16, "messages": [{"role": "user", "content": text}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Asks for a stream, reads until text comes, and hangs up.
async fn hang_up(address: SocketAddr, bearer: &str, body: &Value) {
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {bearer}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut read = vec![0; 4096];
    let got = within(stream.read(&mut read)).await.unwrap();
    assert!(read[..got].starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_in_the_middle_leaves_nothing() {
    let _alone = ALONE.lock().await;
    const CANARY: &str = "afgebrokenkwikstaart4c1d";
    let house = House::new().await;
    let address = serve(&house).await;
    let text = format!("Schrijf lang over een {CANARY}.");
    hang_up(address, house.key("pilot"), &chat(&text, json!({"stream": true, "max_tokens": 2000}))).await;
    drop(text);
    until(|| house.generator.live() == 0).await;
    assert_eq!(house.generator.requests().len(), 1);
    vanishes(CANARY, "the prompt of an answer that was broken off").await;
    house.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_the_middle_leaves_nothing() {
    let _alone = ALONE.lock().await;
    const CANARY: &str = "geschrokkenkwikstaart9b2e";
    hardening::hide_panic_payloads();
    let house = House::builder()
        .generator(|_| Arc::new(ScriptedGenerate::new(|_| vec![Act::Token(65), Act::Token(66), Act::Panic])))
        .start()
        .await;
    let address = serve(&house).await;
    for stream in [true, false] {
        let body = chat(&format!("Schrijf over een {CANARY}."), json!({"stream": stream}));
        ask(address, house.key("pilot"), "/v1/chat/completions", &body).await;
    }
    until(|| house.generator.live() == 0).await;
    assert_eq!(house.generator.requests().len(), 2);
    vanishes(CANARY, "the prompt of a request that panicked").await;
    house.stop_and_verify().await;
    assert_eq!(house.outcomes().len(), 2, "both ends are in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_embedded_leaves_nothing() {
    let _alone = ALONE.lock().await;
    const CANARY: &str = "kwikstaartvector5e8a";
    let house = House::builder().embeddings().start().await;
    let address = serve(&house).await;
    for input in [json!(CANARY), json!(["Dag.", format!("Een {CANARY} erbij.")]), json!({"a": CANARY})] {
        let body = json!({"model": "tiny-vectors", "input": input});
        assert!(ask(address, house.key("pilot"), "/v1/embeddings", &body).await > 100);
    }
    vanishes(CANARY, "what was embedded").await;
    house.stop_and_verify().await;
}

/// The logits after a prompt say what comes next, and with the model what went before. They are the same bits on every load
/// of a model, so they can be computed beforehand and looked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logits_of_a_prompt_are_overwritten_when_it_ends() {
    let _alone = ALONE.lock().await;
    let house = House::new().await;
    let address = serve(&house).await;
    let body = chat("Noem een vogel.", json!({"max_tokens": 1, "temperature": 0}));
    // Once to learn the prompt's token ids, which are asked for again.
    ask(address, house.key("pilot"), "/v1/chat/completions", &body).await;
    let prompt = house.generator.requests()[0].prompt.clone();
    let needle = logits_after(&prompt);
    ask(address, house.key("pilot"), "/v1/chat/completions", &body).await;
    assert_eq!(house.generator.requests()[1].prompt, prompt);
    until(|| house.generator.live() == 0).await;
    let planted = needle.clone();
    assert!(!in_memory(&needle).is_empty(), "the search finds what is there");
    drop(planted);
    vanishes(&needle, "the logits").await;
    house.stop_and_verify().await;
}

/// The bytes of the first logits after `prompt`, by the same arithmetic; the engine that gave them is gone with its buffers.
fn logits_after(prompt: &[u32]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.gguf");
    let bytes = TinyModel { context: 4096, ..TinyModel::default() }.build();
    std::fs::write(&path, &bytes).unwrap();
    let pinned =
        eval::PinnedFile { path, sha256: Sha256::digest(&bytes).into(), size_bytes: bytes.len() as u64 };
    let options = eval::LoadOptions { threads: 1, ..eval::LoadOptions::default() };
    let mut loaded = eval::load(&[pinned], &options, &mut |_, _| ()).unwrap();
    let logits = loaded.model.logits(prompt, prompt.len() - 1, 256).unwrap();
    logits.iter().take(16).flat_map(|logit| logit.to_le_bytes()).collect()
}
