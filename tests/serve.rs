//! One command serves, says how to call it, says what is in its way, and ends in order.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{MODEL, Place, Ran, finish, get, post, request, shared, until, which};

#[test]
fn the_printed_curl_line_works() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let line = server.said.lines().find(|line| line.trim_start().starts_with("curl ")).expect("a curl line");
    let body: Value = if which("curl").is_some() {
        let ran: Ran = finish(Command::new("sh").arg("-c").arg(line.trim()), "");
        serde_json::from_str(&ran.ok()).expect("JSON")
    } else {
        println!("there is no curl here: its request is made by hand");
        let (_, data) = line.split_once(" -d '").expect("a body");
        server.chat(&server.demo_key(), &serde_json::from_str(data.trim_end_matches('\'')).unwrap()).ok()
    };
    assert!(!body["choices"][0]["message"]["content"].as_str().unwrap().is_empty(), "{body}");
    assert_eq!(body["model"], MODEL);
    assert_eq!(body["proeftuin"]["demo"], true, "the demo is marked as one");
    assert_eq!(body["proeftuin"]["ai_generated"], true);
    server.stop();
}

#[test]
fn a_busy_port_is_said_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let place = Place::without_model();
    let said = place.run(&["serve", "--listen", &format!("127.0.0.1:{port}")]).refused();
    assert!(said.contains(&format!("port {port} ")), "{said}");
    assert!(said.contains("in use"), "{said}");
    assert!(said.contains("--listen"), "{said}");
}

/// A package index that takes connections and never answers holds the server in its loading.
#[test]
fn until_the_model_is_loaded_it_answers_503_and_says_why() {
    let place = Place::without_model();
    let key = place.key("pilot-test").secret;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, mut server) = until("a server on a free port", || {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut server = place
            .command(&["serve", "--listen", &address])
            .env("PIP_INDEX_URL", format!("http://{}/simple", silent.local_addr().unwrap()))
            .envs([
                ("PIP_RETRIES", "0"),
                ("PIP_NO_INDEX", "0"),
                ("PIP_FIND_LINKS", ""),
                ("PIP_NO_CACHE_DIR", "1"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the port", || {
            // Somebody else may have taken the port in between: then the server has ended, and another is tried.
            let ended = server.try_wait().unwrap().is_some();
            (ended || TcpStream::connect(&address).is_ok()).then_some(())
        });
        server.try_wait().unwrap().is_none().then_some((address, server))
    });
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]});
    let replies = [
        get(&address, "/readyz", None),
        get(&address, "/v1/models", Some(&key)),
        post(&address, "/v1/chat/completions", Some(&key), &body),
    ];
    let alive = get(&address, "/healthz", None);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(alive.status, 200);
    for reply in replies {
        assert_eq!(reply.status, 503, "{}", reply.text());
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("loaded"), "{message}");
    }
}

#[test]
fn what_is_not_in_the_endpoint_table_does_not_exist() {
    let Some(shared) = shared() else { return };
    let address = &shared.server.address;
    assert_eq!(get(address, "/healthz", None).text(), "ok\n");
    assert_eq!(get(address, "/readyz", None).text(), "ready\n");
    assert_eq!(shared.server.metric("proeftuin_ready"), 1);
    assert_eq!(shared.server.metric("proeftuin_log_open"), 1);
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v1/", 404),
        ("POST", "/v1/images", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
    ] {
        let reply = request(address, method, path, Some(&shared.key), "");
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(reply.json()["error"]["code"], "unknown_endpoint");
    }
}

#[test]
fn sigterm_lets_a_running_stream_finish() {
    let Some(place) = Place::new() else { return };
    let mut server = place.serve();
    let key = place.key("pilot-test").secret;
    let mut events = server.stream(
        &key,
        &json!({
            "model": MODEL, "stream": true, "max_tokens": 48, "ignore_eos": true,
            "messages": [{"role": "user", "content": "Tell me about tulips."}],
        }),
    );
    // The second event carries text: the sequence runs.
    events.by_ref().nth(1).expect("text");
    server.signal(Signal::TERM);
    assert_eq!(events.rest().last().map(String::as_str), Some("[DONE]"));
    assert_eq!(server.wait().code(), Some(0), "{}", server.errors());
    assert!(TcpStream::connect(&server.address).is_err(), "the port is still open");
    place.run(&["log", "verify"]).ok();
    let leaves = place.leaves();
    assert_eq!(leaves.of("outcome")[0]["status"], "completed");
    assert_eq!(leaves.0.last().unwrap()["event"], "server_stopped");
    assert_eq!(leaves.0.last().unwrap()["reason"], "sigterm");
}
