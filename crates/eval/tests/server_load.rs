//! The load generator against a small server of the tests that streams as it should, or does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eval::{Definition, Figure, LoadLimits, ServerWorkload, Target};
use serde_json::{Value, json};

/// What the server does with a measured request. The first one, which is not measured, it always answers well.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Good,
    NoUsage,
    Busy,
    HangsUp,
    HangsUpInALine,
    Malformed,
    NotAnObject,
    SaysError,
    Stalls,
}

struct Server {
    target: Target,
    /// Bodies of the measured requests, in order of arrival.
    seen: Arc<Mutex<Vec<Value>>>,
    /// Most requests that were under way together.
    most: Arc<Mutex<(usize, usize)>>,
}

fn server(name: &str, manner: Manner) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = Server {
        target: Target::parse(&format!("{name}={url},key-of-{name}")).unwrap(),
        seen: Arc::default(),
        most: Arc::default(),
    };
    let (seen, most) = (Arc::clone(&server.seen), Arc::clone(&server.most));
    let bearer = format!("authorization: bearer key-of-{name}");
    // The thread ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (seen, most, bearer) = (Arc::clone(&seen), Arc::clone(&most), bearer.clone());
            std::thread::spawn(move || {
                // A client that hung up is what some tests want.
                let _ = answer(stream.unwrap(), manner, &seen, &most, &bearer);
            });
        }
    });
    server
}

fn answer(
    stream: TcpStream,
    manner: Manner,
    seen: &Mutex<Vec<Value>>,
    most: &Mutex<(usize, usize)>,
    bearer: &str,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 2 {
        head.push_str(&line.to_lowercase());
        line.clear();
    }
    assert!(head.contains(bearer), "{head}");
    if head.starts_with("get /v1/models ") {
        let body = r#"{"data": [{"id": "the-model"}]}"#;
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
    assert!(head.starts_with("post /v1/chat/completions "), "{head}");
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["model"], &body["stream"]), (&json!("the-model"), &json!(true)));
    let warm_up = body["max_tokens"] == 8;
    if !warm_up {
        seen.lock().unwrap().push(body.clone());
    }
    let together = (!warm_up).then(|| Together::with(most));
    respond(&mut stream, if warm_up { Manner::Good } else { manner }, &body, together)
}

/// Counts a request among those being answered, until it is dropped.
struct Together<'a>(&'a Mutex<(usize, usize)>);

impl<'a> Together<'a> {
    fn with(count: &'a Mutex<(usize, usize)>) -> Self {
        let mut most = count.lock().unwrap();
        most.0 += 1;
        most.1 = most.1.max(most.0);
        drop(most);
        Self(count)
    }
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap().0 -= 1;
    }
}

fn respond(
    stream: &mut TcpStream,
    manner: Manner,
    body: &Value,
    together: Option<Together<'_>>,
) -> std::io::Result<()> {
    if manner == Manner::Busy {
        return write!(stream, "HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")?;
    let delta = |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    write!(stream, ": a comment\n\nevent: message\n{}", delta(json!({"role": "assistant", "content": ""})))?;
    write!(stream, "{}", delta(json!({"content": "one"})))?;
    stream.flush()?;
    match manner {
        Manner::HangsUp => return Ok(()),
        Manner::HangsUpInALine => return write!(stream, "data: {{\"choi"),
        Manner::Malformed => return write!(stream, "data: {{broken\n\ndata: [DONE]\n\n"),
        Manner::NotAnObject => return write!(stream, "data: 7\n\ndata: [DONE]\n\n"),
        Manner::SaysError => {
            return write!(stream, "data: {}\n\ndata: [DONE]\n\n", json!({"error": {"message": "no"}}));
        }
        Manner::Stalls => {
            std::thread::sleep(Duration::from_secs(20));
            return Ok(());
        }
        Manner::Good | Manner::NoUsage | Manner::Busy => {}
    }
    // Long enough for requests to meet; nothing is asserted about it.
    std::thread::sleep(Duration::from_millis(30));
    // Before the end is sent: with it the client may send its next request.
    drop(together);
    write!(stream, "{}{}", delta(json!({"content": " two"})), delta(json!({"reasoning_content": " three"})))?;
    if manner == Manner::Good {
        let words = body["messages"][0]["content"].as_str().unwrap().split_whitespace().count();
        let usage = json!({"choices": [], "usage": {"prompt_tokens": words, "completion_tokens": 7}});
        write!(stream, "data:{usage}\r\n\r\n")?;
    }
    write!(stream, "data: [DONE]\n\n")
}

const CLOSED: &str = "suite = \"server\"\n[[workload]]\nname = \"chat\"\nrequests = 12\nconcurrency = 4\nprompt_tokens = 20\nmax_tokens = 16\n";

fn load(text: &str, servers: &[&Server], runs: u32) -> Result<(Vec<Figure>, Vec<String>), eval::Error> {
    let definition = Definition::<ServerWorkload>::parse(&[("x.toml", text)]).unwrap();
    let targets: Vec<Target> = servers.iter().map(|server| server.target.clone()).collect();
    let limits = LoadLimits { runs, request: Duration::from_secs(60), run: Duration::from_secs(120) };
    eval::run_server(&targets, &definition, limits, &mut |_| ())
}

fn runs<'a>(figures: &'a [Figure], metric: &str, system: &str) -> &'a [f64] {
    let found = figures.iter().find(|figure| figure.metric == metric && figure.system == system);
    &found.unwrap_or_else(|| panic!("no {metric} of {system}")).runs
}

#[test]
fn every_request_is_sent_and_measured() {
    let one = server("one", Manner::Good);
    let (figures, notes) = load(CLOSED, &[&one], 2).unwrap();
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(one.seen.lock().unwrap().len(), 24);
    let most = one.most.lock().unwrap().1;
    assert!((2..=4).contains(&most), "{most} requests together");
    assert_eq!(runs(&figures, "errors", "one"), [0.0; 2]);
    assert_eq!(runs(&figures, "output tokens", "one"), [84.0; 2]);
    assert!(runs(&figures, "prompt tokens", "one").iter().all(|tokens| *tokens >= 12.0 * 20.0));
    for metric in ["TTFT p50", "ITL p99", "latency p90", "output", "total time"] {
        assert!(runs(&figures, metric, "one").iter().all(|value| *value > 0.0), "{metric}");
    }
}

#[test]
fn servers_get_the_same_prompts_and_runs_do_not() {
    let (one, two) = (server("one", Manner::Good), server("two", Manner::NoUsage));
    let (figures, _) = load(CLOSED, &[&one, &two], 2).unwrap();
    let prompts = |server: &Server| {
        let seen = server.seen.lock().unwrap();
        let mut texts: Vec<String> = seen.iter().map(|body| body["messages"].to_string()).collect();
        texts.sort();
        texts
    };
    let sent = prompts(&one);
    assert_eq!(sent, prompts(&two));
    assert!(sent.windows(2).all(|pair| pair[0] != pair[1]), "no prompt twice");
    assert_eq!(
        runs(&figures, "output tokens", "two"),
        [36.0; 2],
        "texts stand for tokens where none were counted"
    );
    assert_eq!(
        eval::ratios("one", &figures).iter().find(|r| r.metric == "output tokens").unwrap().runs,
        [84.0 / 36.0; 2]
    );
}

#[test]
fn what_goes_wrong_is_counted_by_kind() {
    for (manner, kind) in [
        (Manner::Busy, "status 429"),
        (Manner::HangsUp, "stream broke off"),
        (Manner::HangsUpInALine, "stream broke off"),
        (Manner::Malformed, "malformed event"),
        (Manner::NotAnObject, "malformed event"),
        (Manner::SaysError, "error in the stream"),
    ] {
        let bad = server("bad", manner);
        let (figures, notes) = load(CLOSED, &[&bad], 1).unwrap();
        assert_eq!(notes, [format!("chat, bad: {kind}: 12 requests")]);
        assert_eq!(runs(&figures, "errors", "bad"), [12.0]);
        assert!(figures.iter().all(|figure| figure.metric == "errors" || figure.summary.is_none()), "{kind}");
    }
}

#[test]
fn a_request_that_takes_too_long_is_a_timeout() {
    let slow = server("slow", Manner::Stalls);
    let definition = Definition::<ServerWorkload>::parse(&[("x.toml", &CLOSED.replace("12", "2"))]).unwrap();
    // The warm-up is answered within it on any machine that runs tests at all.
    let limits = LoadLimits { runs: 1, request: Duration::from_secs(4), run: Duration::from_secs(60) };
    let (_, notes) =
        eval::run_server(std::slice::from_ref(&slow.target), &definition, limits, &mut |_| ()).unwrap();
    assert_eq!(notes, ["chat, slow: timeout: 2 requests"]);
}

#[test]
fn an_open_loop_and_a_long_neighbour_send_what_they_say() {
    let one = server("one", Manner::Good);
    let open = CLOSED.replace("concurrency = 4", "arrivals_per_s = 200.0");
    let (figures, notes) = load(&open, &[&one], 1).unwrap();
    assert_eq!((one.seen.lock().unwrap().len(), notes.len()), (12, 0));
    assert_eq!(runs(&figures, "errors", "one"), [0.0]);

    let two = server("two", Manner::Good);
    let beside = CLOSED.replace("concurrency = 4", "concurrency = 1").replace("12", "3")
        + "beside = { prompt_tokens = 900, lead_ms = 5 }\n";
    let (figures, _) = load(&beside, &[&two], 1).unwrap();
    let seen = two.seen.lock().unwrap();
    let long: Vec<&Value> = seen.iter().filter(|body| body["max_tokens"] == 1).collect();
    assert_eq!((seen.len(), long.len()), (6, 3));
    assert!(
        long.iter()
            .all(|body| body["messages"][0]["content"].as_str().unwrap().split_whitespace().count() >= 900)
    );
    assert_eq!(runs(&figures, "output tokens", "two"), [21.0], "the long ones are not measured");
}

#[test]
fn a_server_that_is_not_there_ends_it_before_it_begins() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let target = Target::parse(&format!("gone=http://{gone}/v1,k,m")).unwrap();
    let definition = Definition::<ServerWorkload>::parse(&[("x.toml", CLOSED)]).unwrap();
    let limits = LoadLimits { runs: 1, request: Duration::from_secs(9), run: Duration::from_secs(9) };
    let refused = eval::run_server(&[target], &definition, limits, &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("gone at http://") && refused.ends_with("no connection"), "{refused}");
}

#[test]
fn targets_are_read_and_refused_without_their_key() {
    let target = Target::parse("a=http://localhost:1/v1/,key,some/model,2").unwrap();
    assert_eq!((target.url.as_str(), target.key.as_str()), ("http://localhost:1/v1", "key"));
    assert_eq!(target.model.as_deref(), Some("some/model,2"));
    assert_eq!(Target::parse("a=http://x").unwrap().model, None);
    for (text, why) in [
        ("http", "NAME=URL"),
        ("=http://x", "1 to 40"),
        ("a=https://x", "http://"),
        ("a=http://x,se cret", "key"),
    ] {
        let refused = Target::parse(text).unwrap_err();
        assert!(refused.contains(why) && !refused.contains("se cret"), "{refused}");
    }
}
