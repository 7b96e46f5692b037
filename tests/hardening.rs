//! What a running server is kept from, and that nothing of a prompt stays in its memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::process::{Command, Stdio};

use memchr::memmem;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{MODEL, Place, Ran, Server, finish, run, until, which};

/// A database that nobody has to reach.
const DATABASE: [&str; 2] = ["--quota-store", "postgres://nobody@127.0.0.1:1/nothing"];

fn doctor(more: &[&str]) -> Value {
    serde_json::from_str(&run(&[&["doctor", "--output", "json"], more].concat()).ok()).expect("JSON")
}

fn standing<'a>(found: &'a Value, measure: &str) -> &'a str {
    let measures = found["measures"].as_array().expect("measures");
    let row = measures.iter().find(|row| row["measure"] == measure).expect("the measure");
    row["standing"].as_str().expect("a standing")
}

fn status_of(path: &std::path::Path, key: &str) -> String {
    let text = std::fs::read_to_string(path).expect("a status");
    let row = text.lines().find_map(|row| row.strip_prefix(key)).expect("a row");
    row.trim_start_matches(':').trim().to_owned()
}

#[test]
fn every_thread_of_a_running_server_is_confined() {
    let held = doctor(&[]);
    if standing(&held, "system-calls") != "held" {
        println!("skipped: this machine takes no filter: {held}");
        return;
    }
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let threads: Vec<_> = threads.map(|entry| entry.unwrap().path().join("status")).collect();
    assert!(threads.len() > 3, "a server with its threads");
    for status in threads {
        assert_eq!(status_of(&status, "Seccomp"), "2", "{}", status.display());
        assert_eq!(status_of(&status, "NoNewPrivs"), "1", "{}", status.display());
    }
    let said = server.errors();
    assert!(said.contains("hardening: held"), "{said}");
    server.stop();
}

/// The terminal and the server it started are one process, and it is kept from what any server is kept from.
#[test]
fn a_chat_with_a_server_of_its_own_is_confined_with_it() {
    if standing(&doctor(&[]), "system-calls") != "held" {
        println!("skipped: this machine takes no filter");
        return;
    }
    let Some(place) = Place::new() else { return };
    let mut command = place.command(&["chat", "--max-tokens", "6", "--threads", "2", "--kv-mib", "256"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let status = std::path::PathBuf::from(format!("/proc/{}/status", child.id()));
    until("a confined chat", || (status_of(&status, "Seccomp") == "2").then_some(()));
    assert_eq!(status_of(&status, "NoNewPrivs"), "1");
    child.stdin.take().unwrap().write_all(b"Hello\n").unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert!(!ran.ok().trim().is_empty(), "it still answers");
}

#[test]
fn doctor_shows_what_holds_and_fails_only_when_strict() {
    let found = doctor(&["--listen", "127.0.0.1:9", "--kv-mib", "64"]);
    for measure in ["core-files", "dumps", "file-mode-mask", "freed-memory"] {
        assert_eq!(standing(&found, measure), "held", "{found:#}");
    }
    assert_eq!(found["settings"]["listen"], "127.0.0.1:9");
    assert_eq!(found["settings"]["kv-mib"], "64");
    assert!(found["settings"]["state"].as_str().unwrap().ends_with("proeftuin"));
    let strict = run(&["doctor", "--strict"]);
    assert_eq!(strict.code == 0, found["holds"] == true, "{}", strict.out);
    assert_eq!(strict.out.contains("Everything holds."), found["holds"] == true, "{}", strict.out);

    // A need of the network is named, and a broker's.
    let open = doctor(&DATABASE);
    let measures = open["measures"].as_array().unwrap();
    let egress = measures.iter().find(|row| row["measure"] == "egress").unwrap()["found"].as_str().unwrap();
    assert!(egress.contains("127.0.0.1:1 alone"), "{egress}");
    assert!(open["settings"]["quota-store"].as_str().unwrap().starts_with("postgres 127.0.0.1:1"));
}

/// The same command where next to no memory may be locked; nothing where that cannot be arranged.
fn without_locks(command: &Command) -> Option<Ran> {
    let limited = "ulimit -l 64; if [ \"$(id -u)\" != 0 ]; then exec \"$@\"; fi; exec setpriv --bounding-set=-ipc_lock \"$@\"";
    if rustix::process::getuid().is_root() && which("setpriv").is_none() {
        println!("skipped: root may lock anything, and there is no setpriv to take that away");
        return None;
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", limited, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Some(finish(&mut shell, ""))
}

#[test]
fn what_does_not_hold_is_named_and_a_server_that_must_be_hardened_refuses() {
    let Some(place) = Place::new() else { return };
    let Some(strict) = without_locks(&place.command(&["doctor", "--strict"])) else { return };
    assert_eq!(strict.code, 1, "{}{}", strict.out, strict.err);
    assert!(strict.out.contains("What to do"), "{}", strict.out);
    assert!(strict.out.contains("memory lock: lift the limit"), "{}", strict.out);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--require-hardening"];
    let said = without_locks(&place.command(&serve)).unwrap().refused();
    assert!(said.contains("--require-hardening: ") && said.contains("memory lock"), "{said}");
    if doctor(&[])["holds"] == true {
        place.serve_with(&["--require-hardening"]).stop();
    }
}

fn prompt(text: &str, more: Value) -> Value {
    let mut body = json!({"model": MODEL, "max_tokens": 12, "temperature": 0,
        "messages": [{"role": "user", "content": text}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What the kernel saw the server do with sockets, while it answered.
#[test]
fn under_traffic_a_server_connects_to_nobody() {
    let Some(strace) = which("strace") else {
        println!("skipped: there is no strace here");
        return;
    };
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let seen = place.root().join("strace");
    let mut tracer = Command::new(strace)
        .args(["-f", "-q", "-e", "trace=network", "-p", &server.pid().to_string(), "-o"])
        .arg(&seen)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let text = || std::fs::read_to_string(&seen).unwrap_or_default();
    let attached = until("the tracer", || {
        crate::harness::get(&server.address, "/healthz", None);
        let ended = tracer.try_wait().unwrap().is_some();
        (ended || text().contains("accept4(")).then_some(!ended)
    });
    if !attached {
        println!("skipped: this user may not trace a process that cannot be dumped");
        return;
    }
    for more in [json!({}), json!({"stream": true}), json!({"model": "another"})] {
        server.chat(&key, &prompt("Hello there", more));
    }
    place.run(&["keys", "list"]).ok();
    kill_process(Pid::from_child(&tracer), Signal::TERM).unwrap();
    tracer.wait().unwrap();
    let calls = text();
    assert!(calls.contains("accept4(") && calls.contains("AF_INET"), "the tracer saw the clients:\n{calls}");
    for call in ["connect(", "socket(AF_INET", "socket(AF_NETLINK", "bind("] {
        assert!(!calls.contains(call), "{call} in\n{calls}");
    }
    server.stop();
}

/// Where one of `needles` lies in memory that the server can write; nothing where this user may not look.
fn in_memory(server: &Server, needles: &[&str]) -> Option<Vec<String>> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", server.pid())).ok()?;
    let mut memory = File::open(format!("/proc/{}/mem", server.pid())).ok()?;
    let finders: Vec<_> = needles.iter().map(|needle| memmem::Finder::new(*needle)).collect();
    let longest = needles.iter().map(|needle| needle.len()).max()?;
    let (mut found, mut chunk) = (Vec::new(), vec![0_u8; 1 << 20]);
    for row in maps.lines().filter(|row| row.contains(" rw-p ")) {
        let (from, to) = row.split(' ').next()?.split_once('-')?;
        let (mut from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        while from < to {
            // Chunks overlap by less than a needle, so that none is missed.
            let size = usize::try_from(to - from).unwrap().min(chunk.len());
            let bytes = &mut chunk[..size];
            memory.seek(SeekFrom::Start(from)).ok()?;
            if memory.read_exact(bytes).is_ok() {
                for (finder, needle) in finders.iter().zip(needles) {
                    found.extend(
                        finder
                            .find_iter(bytes)
                            .map(|at| format!("{needle} at {:#x} in {row}", from + at as u64)),
                    );
                }
            }
            if size < longest || from + size as u64 == to {
                break;
            }
            from += (size - longest + 1) as u64;
        }
    }
    Some(found)
}

/// Through every endpoint that takes text, and every way a request can end.
#[test]
fn nothing_of_a_prompt_stays_in_memory() {
    const CANARY: &str = "Kwikstaartjesnestkastje";
    const BSN: &str = "123456782";
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let Some(planted) = in_memory(&server, &["pilot-test"]) else {
        println!("skipped: this user may not read the memory of a process that cannot be dumped");
        return;
    };
    assert!(!planted.is_empty(), "the search finds what is there: a use case's name");
    let text = format!("My {CANARY} has BSN {BSN}. Write about the {CANARY}.");
    let mut events =
        server.stream(&key, &prompt(&text, json!({"stream": true, "max_tokens": 500, "ignore_eos": true})));
    events.by_ref().nth(2).expect("text");
    drop(events);
    let idle = || (server.metric("proeftuin_places_taken") == 0).then_some(());
    until("a free place", idle);
    server.chat(&key, &prompt(&text, json!({"stop": [CANARY]}))).ok();
    server.complete(&key, &json!({"model": MODEL, "prompt": text, "max_tokens": 8})).ok();
    for (key, more, status) in [
        (&key, json!({CANARY: 1}), 400),
        (&key, json!({"model": CANARY}), 403),
        (&server.demo_key(), json!({}), 403),
        (&CANARY.to_owned(), json!({}), 401),
    ] {
        assert_eq!(server.chat(key, &prompt(&text, more)).status, status);
    }
    until("a free place", idle);
    let left = in_memory(&server, &[CANARY, BSN]).expect("memory");
    assert!(left.is_empty(), "still there, {} times:\n{}", left.len(), left.join("\n"));
    server.stop();
}
