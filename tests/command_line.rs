//! The command line: its help, its exit codes, and what each verb does.

use serde_json::{Value, json};

use crate::harness::{MODEL, Place, checkout, finish, proeftuin, run, shared};

/// Every command there is.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["serve"],
    &["doctor"],
    &["chat"],
    &["models"],
    &["models", "list"],
    &["models", "fetch"],
    &["models", "verify"],
    &["models", "pin"],
    &["models", "show"],
    &["models", "bom"],
    &["keys"],
    &["keys", "issue"],
    &["keys", "list"],
    &["keys", "rotate"],
    &["keys", "revoke"],
    &["identity"],
    &["identity", "check"],
    &["identity", "explain"],
    &["identity", "pin"],
    &["identity", "block"],
    &["identity", "unblock"],
    &["use-case"],
    &["use-case", "new"],
    &["use-case", "keygen"],
    &["use-case", "sign"],
    &["use-case", "status"],
    &["use-case", "check"],
    &["use-case", "card"],
    &["use-case", "export"],
    &["use-case", "import"],
    &["use-case", "similar"],
    &["roster"],
    &["roster", "sign"],
    &["roster", "check"],
    &["policy"],
    &["policy", "check"],
    &["policy", "test"],
    &["policy", "reload"],
    &["policy", "explain"],
    &["policy", "diff"],
    &["guidance"],
    &["guidance", "show"],
    &["guidance", "acknowledge"],
    &["guidance", "attest"],
    &["guidance", "withdraw"],
    &["guidance", "list"],
    &["quota"],
    &["quota", "show"],
    &["quota", "rebuild"],
    &["quota", "accept-clock"],
    &["assess"],
    &["redact"],
    &["redact", "test"],
    &["log"],
    &["log", "verify"],
    &["log", "show"],
    &["log", "export"],
    &["log", "report"],
    &["log", "prune"],
    &["log", "publish"],
    &["log", "cosign"],
    &["log", "cosign", "request"],
    &["log", "cosign", "add"],
    &["log", "witness"],
    &["log", "checkpoint"],
    &["log", "key"],
    &["subject"],
    &["subject", "find"],
    &["subject", "export"],
    &["subject", "erase"],
    &["receipt"],
    &["receipt", "verify"],
    &["replay"],
    &["bench"],
    &["bench", "engine"],
    &["bench", "pair"],
    &["bench", "server"],
    &["bench", "fidelity"],
    &["bench", "report"],
    &["eval"],
    &["eval", "suites"],
    &["eval", "run"],
    &["eval", "sign"],
    &["eval", "verify"],
    &["eval", "schema"],
    &["version"],
    &["completions"],
    &["man"],
];

#[test]
fn help_of_every_command() {
    for command in COMMANDS {
        let args = [*command, &["--help"]].concat();
        let name = if command.is_empty() { "help".to_owned() } else { format!("help_{}", command.join("_")) };
        insta::assert_snapshot!(name, run(&args).ok());
    }
}

#[test]
fn exit_codes_are_0_1_and_2() {
    assert_eq!(run(&["--version"]).code, 0);
    for wrong in [
        &["frobnicate"][..],
        &["serve", "--listen", "here"],
        &["keys", "issue"],
        &["models", "verify", "--fast"],
    ] {
        let ran = run(wrong);
        assert_eq!(ran.code, 2, "{wrong:?}");
        assert!(ran.err.contains("Usage") || ran.err.contains("--help"), "{}", ran.err);
        assert!(ran.out.is_empty());
    }
    let place = Place::without_model();
    let said = place.run(&["log", "verify"]).refused();
    assert!(said.contains("there is no log"), "{said}");
    let said = place.run(&["models", "show", "no-such-model"]).refused();
    assert!(said.contains("no-such-model"), "{said}");
}

#[test]
fn man_page_and_completions_come_from_the_same_table() {
    let page = run(&["man"]).ok();
    assert!(page.contains(".TH proeftuin"), "roff");
    for command in ["serve", "chat", "models", "keys", "redact", "log", "bench", "completions"] {
        assert!(page.contains(command), "{command} is not in the manual");
    }
    for (shell, mark) in
        [("bash", "_proeftuin()"), ("zsh", "#compdef proeftuin"), ("fish", "complete -c proeftuin")]
    {
        let script = run(&["completions", shell]).ok();
        assert!(script.contains(mark) && script.contains("max-queued"), "{shell}");
    }
    assert_eq!(run(&["completions", "csh"]).code, 2);
}

#[test]
fn models_are_listed_verified_shown_and_pinned() {
    let Some(place) = Place::new() else { return };
    let list = place.run(&["models", "list"]).ok();
    let row = list.lines().find(|line| line.starts_with(MODEL)).expect("a row");
    assert!(row.contains("approved") && row.contains("yes") && row.contains("(default)"), "{row}");
    assert!(place.run(&["models", "verify"]).ok().contains("the pinned file"));
    let shown = place.run(&["models", "show", "--tensors"]).ok();
    let manifest = std::fs::read_to_string(checkout().join("models.toml")).unwrap();
    let pinned = &manifest.split_once("sha256 = \"").unwrap().1[..64];
    assert!(shown.contains(pinned) && shown.contains("token_embd.weight"), "{shown}");
    assert!(shown.contains("architecture   llama"), "{shown}");

    // What `pin` prints is an entry that the strict parser takes, once a reviewer has filled it in.
    let file = place.store().join(MODEL).join("SmolLM2-135M-Instruct.Q4_1.gguf");
    let entry = place.run(&["models", "pin", "--id", "mine", file.to_str().unwrap()]).ok();
    assert!(entry.contains(pinned), "{entry}");
    assert!(entry.contains("status = \"proposed\""), "a pin is not an approval: {entry}");
    let empty = Place::without_model();
    assert!(empty.run(&["models", "list"]).ok().contains(" no "));
    assert!(empty.run(&["models", "verify", MODEL]).code == 1, "nothing is here to verify");
    assert!(empty.run(&["models", "show"]).ok().contains("here           no"));
}

#[test]
fn a_wrong_models_toml_is_refused_by_key_and_line() {
    let mut place = Place::without_model();
    let path = place.root().join("models.toml");
    let text = std::fs::read_to_string(checkout().join("models.toml")).unwrap();
    let line = text.lines().position(|line| line.starts_with("license =")).unwrap() + 1;
    std::fs::write(&path, text.replace("license =", "licence =")).unwrap();
    place.models = Some(path.clone());
    let said = place.run(&["models", "list"]).refused();
    assert!(
        said.contains("licence") && said.contains(&format!("models.toml line {line}:")),
        "line {line}: {said}"
    );
    // A model that is not approved is not served, and the message says which status it has.
    for status in ["proposed", "suspended", "revoked"] {
        std::fs::write(&path, text.replace("status = \"approved\"", &format!("status = \"{status}\"")))
            .unwrap();
        let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).refused();
        assert!(said.contains(status) && said.contains(MODEL), "{said}");
    }
}

#[test]
fn personal_data_is_stripped_from_standard_input() {
    let text = "Mijn BSN is 111222333, mijn rekening NL91ABNA0417164300.\n";
    let strip = |args: &[&str]| finish(proeftuin().arg("redact").args(args), text).ok();
    assert_eq!(strip(&[]), "Mijn BSN is ⟦BSN_1⟧, mijn rekening ⟦IBAN_1⟧.\n");
    let found: Value = serde_json::from_str(&strip(&["--output", "json"])).unwrap();
    let kinds: Vec<_> =
        found["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].clone()).collect();
    assert_eq!(kinds, ["bsn", "iban"]);
    assert_eq!(found["findings"][0]["start"], 12);
    assert!(strip(&["--explain"]).contains("«111222333»"));
    let page = strip(&["--output", "html"]);
    assert!(page.contains("<html lang=\"nl\">") && page.contains(">111222333<small>bsn</small></mark>"));
    let ran = finish(proeftuin().args(["redact", "no-such-file"]), "");
    assert!(ran.refused().contains("no-such-file"));
}

#[test]
fn a_page_of_findings_escapes_what_it_shows() {
    let text = "<script>alert('x')</script> & \"BSN\" 111222333 \u{1b}[31m";
    let page = finish(proeftuin().args(["redact", "--output", "html", "--lang", "en"]), text).ok();
    assert!(!page.contains("<script") && !page.contains('\u{1b}'), "{page}");
    assert!(page.contains("&lt;script&gt;") && page.contains("Personal data found"), "{page}");
    assert!(!finish(proeftuin().args(["redact", "--explain"]), text).ok().contains('\u{1b}'));
}

#[test]
fn json_and_csv_keep_their_shape() {
    let strip = |args: &[&str], text: &str| finish(proeftuin().arg("redact").args(args), text).ok();
    let json = strip(&[], "{\"bsn\": 111222333, \"x\": [\"a\"]}");
    assert_eq!(json, "{\"bsn\": \"⟦BSN_1⟧\", \"x\": [\"a\"]}");
    let csv = strip(&["--format", "csv"], "bsn;wat\r\n111222333;\"é \"\"q\"\" jan@ziggo.nl\"\r\n");
    assert_eq!(csv, "bsn;wat\r\n⟦BSN_1⟧;\"é \"\"q\"\" ⟦E-MAIL_1⟧\"\r\n");
    let found = strip(&["--output", "json"], "één BSN 111222333");
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(
        (&found["findings"][0]["start"], &found["findings"][0]["start_char"]),
        (&10.into(), &8.into())
    );
}

#[test]
fn check_says_by_its_code_whether_something_was_found() {
    let code =
        |text: &str, args: &[&str]| finish(proeftuin().args(["redact", "--check"]).args(args), text).code;
    assert_eq!(code("niets", &[]), 0);
    assert_eq!(code("BSN 111222333", &[]), 1);
    assert_eq!(code("{", &["--format", "json"]), 2);
}

#[test]
fn tests_of_a_profile_hold_or_say_what_is_wrong() {
    let held = run(&["redact", "test"]).ok();
    assert!(held.contains("redaction/tests/default.toml: 9 of 9 tests hold"), "{held}");
    let folder = tempfile::tempdir().unwrap();
    let (profile, tests) = (folder.path().join("p.toml"), folder.path().join("t.toml"));
    std::fs::write(&profile, "[kinds.bsn]\naction = \"mask\"\n").unwrap();
    std::fs::write(
        &tests,
        "[[test]]\nname = \"a\"\ntext = \"BSN 111222333\"\nredacted = \"BSN ⟦BSN_1⟧\"\nfound = [{ kind = \"iban\", text = \"x\" }]\n",
    )
    .unwrap();
    let args = ["redact", "test", "--profile", profile.to_str().unwrap(), tests.to_str().unwrap()];
    let ran = run(&args);
    assert_eq!(ran.code, 1);
    for said in
        ["line 1: a", "but it became      BSN ⟦BSN⟧", "not found          iban", "found, not expected bsn"]
    {
        assert!(ran.out.contains(said), "{said} in {}", ran.out);
    }
}

/// The life of a key, done by the command line on the state folder or through the server that holds it.
fn the_life_of_a_key(place: &Place, works: impl Fn(&str) -> bool) {
    let key = place.key("pilot-test");
    assert!(key.secret.starts_with("ptk_"));
    let row = |id: &str| {
        let list = place.run(&["keys", "list"]).ok();
        assert!(!list.contains(&key.secret), "a secret is listed");
        list.lines().find(|line| line.starts_with(id)).expect("a row").to_owned()
    };
    assert!(row(&key.id).contains("valid") && row(&key.id).contains("pilot-test"));
    assert!(works(&key.secret));
    let rotated = place.run(&["keys", "rotate", &key.id]).ok().trim().to_owned();
    assert_ne!(rotated, key.secret);
    assert!(works(&rotated) && !works(&key.secret), "the old secret is dead, the new one works");
    place.run(&["keys", "revoke", &key.id]).ok();
    assert!(row(&key.id).contains("revoked"));
    assert!(!works(&rotated));
    let said = place.run(&["keys", "issue", "--use-case", "no-such", "--actor", "Test"]).refused();
    assert!(said.contains("use case") && said.contains("policy/use-cases"), "{said}");
    place.run(&["keys", "revoke", "no-such-key"]).refused();
    place.run(&["log", "verify"]).ok();
    let leaves = place.leaves();
    let issued = leaves.of("key_issued").into_iter().filter(|leaf| leaf["key_id"] == key.id.as_str());
    assert_eq!(issued.count(), 2, "issue and rotation are sealed");
    assert_eq!(leaves.of("key_revoked").len(), 1);
    assert!(leaves.of("admin_read").iter().any(|leaf| leaf["what"] == "keys_list"));
}

#[test]
fn keys_without_a_server() {
    let place = Place::without_model();
    the_life_of_a_key(&place, |secret| {
        let ledger = ledger::Ledger::open(place.state().join("ledger.sqlite")).unwrap();
        matches!(ledger.find_key(secret, 1_800_000_000_000).unwrap(), ledger::KeyStatus::Valid(_))
    });
}

#[test]
fn keys_through_a_running_server() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    the_life_of_a_key(&place, |secret| {
        crate::harness::get(&server.address, "/v1/models", Some(secret)).status == 200
    });
    server.stop();
}

/// A second server cannot have the state folder that a first one holds.
#[test]
fn the_state_folder_has_one_owner() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).refused();
    assert!(said.contains("log"), "{said}");
    assert_eq!(server.metric("proeftuin_ready"), 1, "the first goes on");
    server.stop();
}

#[test]
fn chat_through_a_pipe() {
    let Some(shared) = shared() else { return };
    let url = format!("http://{}/v1", shared.server.address);
    let mut command = proeftuin();
    command
        .args(["chat", "--url", &url, "--max-tokens", "8", "--temperature", "0"])
        .env("PROEFTUIN_KEY", &shared.key);
    let ran = finish(
        &mut command,
        "What is a tulip?\n/receipt\n/nonsense\n/clear\nAnd a rose?\n/quit\nnever read\n",
    );
    let out = ran.ok();
    assert!(out.contains("\"request_key\""), "{out}");
    assert!(out.contains("there is no /nonsense"), "{out}");
    let first = out.lines().next().unwrap().to_owned();
    let body = json!({"model": MODEL, "max_tokens": 8, "temperature": 0,
                      "messages": [{"role": "user", "content": "What is a tulip?"}]});
    let answer = shared.server.chat(&shared.key, &body).ok()["choices"][0]["message"]["content"].clone();
    assert!(answer.as_str().unwrap().starts_with(&first), "{first:?} is not the answer {answer}");

    let elsewhere =
        finish(proeftuin().args(["chat", "--url", "http://example.com/v1", "--key", "ptk_x"]), "");
    assert!(elsewhere.refused().contains("on this machine"));
    let mut denied = proeftuin();
    denied.args(["chat", "--url", &url, "--key", "ptk_wrong"]);
    assert!(finish(&mut denied, "hello\n").refused().contains("unknown-key"));
}

#[test]
fn chat_starts_a_private_server_where_none_runs() {
    let Some(place) = Place::new() else { return };
    let mut command = place.command(&["chat", "--max-tokens", "6", "--threads", "2", "--kv-mib", "256"]);
    let out = finish(&mut command, "Hello\n").ok();
    assert!(!out.trim().is_empty());
    place.run(&["log", "verify"]).ok();
    let leaves = place.leaves();
    assert_eq!(leaves.of("outcome").len(), 1);
    assert_eq!(leaves.0.last().unwrap()["event"], "server_stopped");
}
