//! A word that occurs nowhere else, sent in everything that a client can send, through every endpoint and every way in which a
//! request can end. Then it is looked for in everything that the program leaves.
//!
//! Memory is looked at from inside (`memory/`) and from outside (`hardening.rs`); replies by the server's own tests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use gateway::{ENDPOINTS, Endpoint, EndpointId, Method};
use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::put_text;

use crate::harness::{PATIENCE, Place, Server, VECTORS, until};

/// Followed by a number, so that what is found says where it was sent.
const WORD: &str = "kwikstaart7f3a";

/// Headers that a client may send, known and unknown ones. Those that route or frame a request are not its to choose.
const HEADERS: &[&str] = &[
    "Authorization",
    "OpenAI-Project",
    "OpenAI-Organization",
    "OpenAI-Beta",
    "User-Agent",
    "Cookie",
    "Referer",
    "Origin",
    "Accept",
    "Accept-Language",
    "X-Request-Id",
    "X-Forwarded-For",
    "X-Stainless-Lang",
    "traceparent",
    "tracestate",
    "baggage",
    "Idempotency-Key",
    "X-Kwikstaart7f3a",
];

/// Fields that are no text: what is not known there is refused by name, and the rest is used and forgotten.
const FIELDS: &[&str] = &[
    "model",
    "stop",
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "logit_bias",
    "tools",
    "tool_choice",
    "functions",
    "response_format",
    "guided_regex",
    "stream_options",
    "store",
    "suffix",
    "encoding_format",
    "kwikstaart7f3a",
];

/// Counts what was sent, and remembers it.
#[derive(Default)]
struct Sent(Vec<String>);

impl Sent {
    fn word(&mut self, place: String) -> String {
        self.0.push(place);
        format!("{WORD}{:04}", self.0.len() - 1)
    }
}

fn good(row: &Endpoint) -> Value {
    match row.id {
        EndpointId::Embeddings => json!({"model": VECTORS, "input": "Dag."}),
        EndpointId::Completions => json!({"model": "tiny", "max_tokens": 3, "prompt": "Dag."}),
        EndpointId::Responses => json!({"model": "tiny", "max_output_tokens": 16, "input": "Dag."}),
        EndpointId::CountTokens => {
            json!({"model": "tiny", "messages": [{"role": "user", "content": "Dag."}]})
        }
        EndpointId::Tokenize => json!({"model": "tiny", "prompt": "Dag."}),
        EndpointId::Detokenize => json!({"model": "tiny", "tokens": [1, 2]}),
        _ => json!({"model": "tiny", "max_tokens": 3, "messages": [{"role": "user", "content": "Dag."}]}),
    }
}

/// The good body with the word where the pointer says, in text that has something to take out.
fn with_text(row: &Endpoint, pointer: &str, word: &str) -> Value {
    let mut body = good(row);
    put_text(row, pointer, &mut body, &format!("Schrijf over een {word}, BSN 111222333."), word);
    body
}

/// One request; whatever comes back of it, until the other end is done or `enough` bytes are there.
fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    enough: usize,
) -> String {
    // A server that is gone says nothing.
    let Ok(mut socket) = TcpStream::connect(address) else { return String::new() };
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    if socket.write_all(head.as_bytes()).is_err() {
        return String::new();
    }
    let (mut reply, mut piece) = (Vec::new(), [0; 4096]);
    while reply.len() < enough {
        match socket.read(&mut piece) {
            Ok(got) if got > 0 => reply.extend_from_slice(&piece[..got]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&reply).into_owned()
}

/// Everything but the ends that the program does not survive.
fn send_everything(server: &Server, key: &str, sent: &mut Sent) {
    let bearer = format!("Bearer {key}");
    let address = &server.address;
    for row in ENDPOINTS {
        let method = if row.method == Method::Post { "POST" } else { "GET" };
        let ask = |headers: &[(&str, &str)], path: &str, body: &Value| {
            send(address, method, path, headers, &body.to_string(), usize::MAX)
        };
        let known = [("Authorization", &*bearer)];
        let plain = row.path.replace("{model}", "tiny");
        for header in HEADERS {
            let word = sent.word(format!("{} header {header}", row.path));
            ask(&[("Authorization", &*bearer), (header, &word)], &plain, &good(row));
            // And from somebody who is let in nowhere.
            ask(&[(header, &word)], &plain, &good(row));
        }
        let word = sent.word(format!("{} path and query", row.path));
        ask(&known, &format!("{}?{word}={word}", row.path.replace("{model}", &word)), &good(row));
        if row.method == Method::Get {
            continue;
        }
        for pointer in row.text {
            let word = sent.word(format!("{} {pointer}", row.path));
            let body = with_text(row, pointer, &word);
            // Let in, streamed, refused by the policy (another model), refused for its shape, refused for its key.
            let reply = ask(&known, &plain, &body);
            assert!(reply.starts_with("HTTP/1.1 200 "), "{pointer}: {reply}");
            for (field, value) in [("stream", json!(true)), ("model", json!("another")), ("n", json!("many"))]
            {
                let mut other = body.clone();
                other[field] = value;
                ask(&known, &plain, &other);
            }
            ask(&[], &plain, &body);
        }
        for field in FIELDS {
            let word = sent.word(format!("{} field {field}", row.path));
            for value in [json!(word), json!([word]), json!({"a": word}), json!({word.clone(): 1})] {
                let mut body = good(row);
                body[*field] = value;
                ask(&known, &plain, &body);
            }
        }
        let word = sent.word(format!("{} broken body", row.path));
        send(address, method, &plain, &known, &format!("{{\"model\": {word}"), usize::MAX);
    }
}

/// A long answer under way, whose client stays or goes.
fn begin(server: &Server, key: &str, word: &str) {
    let body = json!({"model": "tiny", "stream": true, "max_tokens": 2000, "ignore_eos": true, "stop": [word],
        "messages": [{"role": "user", "content": format!("Schrijf over een {word}.")}]});
    let bearer = format!("Bearer {key}");
    let reply = send(
        &server.address,
        "POST",
        "/v1/chat/completions",
        &[("Authorization", &bearer)],
        &body.to_string(),
        200,
    );
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
}

/// Every place below `dir` where the word lies, as text or as hexadecimal, and where it was sent.
fn search(dir: &Path, sent: &Sent, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, sent, found);
            continue;
        }
        // Sockets cannot be read and hold nothing.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for (form, digits) in [(WORD.as_bytes().to_vec(), 4), (hex::encode(WORD).into_bytes(), 8)] {
            for at in memchr::memmem::find_iter(&bytes, &form) {
                let number = &bytes[at + form.len()..(at + form.len() + digits).min(bytes.len())];
                let number = String::from_utf8_lossy(number);
                let from = number.parse().ok().and_then(|number: usize| sent.0.get(number));
                found.push(format!("{}: number {number}, {from:?}", path.display()));
            }
        }
    }
}

#[track_caller]
fn assert_nothing(place: &Place, server: Option<&Server>, sent: &Sent, when: &str) {
    let mut found = Vec::new();
    // State with its database and write-ahead log, and what the program printed. The rest of the place is the test's own.
    search(place.root(), sent, &mut found);
    if let Some(server) = server {
        let metrics = crate::harness::get(&server.address, "/metrics", None).text();
        assert!(metrics.contains("proeftuin_") && !metrics.contains(WORD), "{when}: in the metrics");
        assert!(!server.said.contains(WORD), "{when}: on standard output");
    }
    assert!(found.is_empty(), "{when}:\n{}", found.join("\n"));
}

#[test]
fn a_word_that_was_sent_is_nowhere() {
    let place = Place::tiny();
    let mut sent = Sent::default();
    let server = place.serve_with(&["--embeddings", VECTORS]);
    let key = place.key("pilot-test").secret;
    send_everything(&server, &key, &mut sent);
    let word = sent.word("a client that hangs up".to_owned());
    begin(&server, &key, &word);
    until("no running sequence", || (server.metric("proeftuin_sequences_running") == 0).then_some(()));
    assert_nothing(&place, Some(&server), &sent, "while it serves");
    server.stop();
    assert_nothing(&place, None, &sent, "after an end in order");
    assert!(sent.0.len() > 200, "{} places", sent.0.len());

    // The search finds what is there.
    let planted = place.state().join("planted");
    std::fs::write(&planted, hex::encode(format!("{WORD}0003"))).unwrap();
    let mut found = Vec::new();
    search(place.root(), &sent, &mut found);
    assert_eq!(found.len(), 1, "{found:?}");
}

/// As the kernel kills for want of memory, and with the signals that leave a core where they may.
#[test]
fn a_word_is_nowhere_after_a_kill_or_a_crash() {
    let place = Place::tiny();
    let mut sent = Sent::default();
    let key = place.key("pilot-test").secret;
    for signal in [Signal::KILL, Signal::ABORT, Signal::QUIT] {
        let mut server = place.serve();
        let word = sent.word(format!("amid an answer, {signal:?}"));
        let bearer = format!("Bearer {key}");
        std::thread::scope(|scope| {
            let (address, word) = (server.address.clone(), word.clone());
            scope.spawn(move || {
                let body = json!({"model": "tiny", "stream": true, "max_tokens": 3000, "ignore_eos": true,
                    "messages": [{"role": "user", "content": format!("Schrijf over een {word}.")}]});
                let path = "/v1/chat/completions";
                // The tiny model is soon done, so it is asked again until nobody is there.
                while TcpStream::connect(&address).is_ok() {
                    send(
                        &address,
                        "POST",
                        path,
                        &[("Authorization", &bearer)],
                        &body.to_string(),
                        usize::MAX,
                    );
                }
            });
            until("a running sequence", || (server.metric("proeftuin_sequences_running") == 1).then_some(()));
            server.signal(signal);
            let status = server.wait();
            assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
            assert!(!status.core_dumped(), "{signal:?} left a core");
        });
        assert_nothing(&place, None, &sent, &format!("after {signal:?}"));
    }
    // What was under way is sealed, and nothing of it is written then either.
    place.serve().stop();
    assert_nothing(&place, None, &sent, "after recovery");
}
