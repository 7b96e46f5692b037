//! Nothing of a prompt stays in the memory of a gateway, looked at from inside it: with the allocator of the program and the
//! engine on a tiny model. `../hardening.rs` looks at the program itself, where the user may.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected has failed"
)]

mod endings;

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::sync::Arc;

use memchr::memmem;
use serde_json::{Value, json};
use server::{Address, Reach};
use testkit::{House, until, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: hardening::WipingAllocator = hardening::WipingAllocator;

/// Occurs nowhere but in what is sent. The program's own constants lie where nothing can be written, and are not looked at.
const CANARY: &str = "kwikstaartjesnestkastje7f3a";
const BSN: &str = "123456782";

/// Where `needle` lies in memory that can be written, other than where the caller keeps it.
fn in_memory(needle: impl AsRef<[u8]>) -> Vec<String> {
    let needle = needle.as_ref();
    let kept = needle.as_ptr() as u64;
    let finder = memmem::Finder::new(needle);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut chunk = vec![0_u8; 1 << 16];
    // What is being searched would be found once more in here.
    let own = chunk.as_ptr() as u64;
    let own = own..own + chunk.len() as u64;
    let mut found = Vec::new();
    for row in maps.lines().filter(|row| row.contains(" rw-p ")) {
        let (from, to) = row.split(' ').next().unwrap().split_once('-').unwrap();
        let (mut from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        while from < to {
            let size = usize::try_from(to - from).unwrap().min(chunk.len());
            memory.seek(SeekFrom::Start(from)).unwrap();
            // A mapping may be gone since it was listed.
            if memory.read_exact(&mut chunk[..size]).is_err() {
                break;
            }
            let places = finder.find_iter(&chunk[..size]).map(|at| (from + at as u64, at));
            let others: Vec<_> = places.filter(|(place, _)| !own.contains(place) && *place != kept).collect();
            found.extend(others.iter().map(|(place, _)| format!("{place:#x} in {row}")));
            if from + size as u64 == to || size <= needle.len() {
                break;
            }
            from += (size - needle.len() + 1) as u64;
        }
        chunk.fill(0);
    }
    found
}

fn bodies() -> Vec<(&'static str, Value)> {
    let text = format!("Mijn {CANARY} heeft BSN {BSN}. Schrijf over het {CANARY}.");
    let chat = |more: Value| {
        let mut body = json!({"model": "tiny", "max_tokens": 16, "messages": [
            {"role": "system", "content": text},
            {"role": "user", "content": [{"type": "text", "text": text}]}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let completion = json!({"model": "tiny", "max_tokens": 16, "prompt": [text, text]});
    vec![
        ("/v1/chat/completions", chat(json!({}))),
        ("/v1/chat/completions", chat(json!({"stream": true, "stop": [CANARY]}))),
        ("/v1/completions", completion),
        ("/v1/chat/completions", chat(json!({CANARY: 1}))),
        ("/v1/chat/completions", chat(json!({"model": CANARY}))),
        ("/v1/chat/completions", chat(json!({"response_format": {"type": CANARY}}))),
        ("/v1/chat/completions", json!([CANARY])),
    ]
}

/// Sends a request and reads all of the reply; how long it was.
async fn ask(address: SocketAddr, bearer: &str, path: &str, body: &Value) -> usize {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {bearer}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    within(stream.read_to_end(&mut reply)).await.unwrap();
    reply.len()
}

/// Serves a house on a port of its own.
async fn serve(house: &House) -> SocketAddr {
    let listener = "127.0.0.1:0".parse::<Address>().unwrap().bind().unwrap();
    let Address::Port(address) = listener.address().unwrap() else { panic!("a port was asked for") };
    let gateway = Arc::clone(&house.gateway);
    tokio::spawn(async move {
        server::serve(Reach::on(listener), gateway, std::future::pending()).await.unwrap()
    });
    address
}

/// Waits until `needle` is nowhere, as a connection's own task ends a moment after its last byte; fails if it stays.
async fn vanishes(needle: impl AsRef<[u8]>, what: &str) {
    let needle = needle.as_ref();
    for _ in 0..100 {
        if in_memory(needle).is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let left = in_memory(needle);
    assert!(left.is_empty(), "{what} is still there:\n{}", left.join("\n"));
}

/// One test at a time looks at memory: what one of them is reading is a copy of what another has planted.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_prompt_stays_in_memory() {
    let _alone = ALONE.lock().await;
    let planted = format!("planted {CANARY} here");
    assert!(!in_memory(CANARY).is_empty(), "the search finds what is there");
    drop(planted);
    assert_eq!(in_memory(CANARY), Vec::<String>::new(), "and nothing once it is freed");

    let house = House::new().await;
    let address = serve(&house).await;
    let key = house.key("pilot").to_owned();
    for (path, body) in bodies() {
        assert!(ask(address, &key, path, &body).await > 100);
    }
    // A key that is the canary, and a client that goes away.
    ask(address, CANARY, "/v1/completions", &json!({"model": "tiny", "prompt": "x"})).await;
    let mut gone = TcpStream::connect(address).await.unwrap();
    gone.write_all(
        format!("POST /v1/completions HTTP/1.1\r\ncontent-length: 900\r\n\r\n{CANARY}").as_bytes(),
    )
    .await
    .unwrap();
    drop(gone);
    assert_eq!(house.generator.requests().len(), 4, "chat, stream, and two prompts");
    for needle in [CANARY, BSN] {
        until(|| house.generator.live() == 0).await;
        vanishes(needle, needle).await;
    }
    house.stop_and_verify().await;
}
