//! Evaluations with the real model, through the real gate: run, signed, demanded, and blocking when they do not hold.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{MODEL, Place, Ran, Reply, Server, finish, policy, run};

const RECORD: &str = "use-cases/pilot-test.toml";

/// Small suites, so that the whole story takes a minute.
const LEAKAGE: &str = "name = \"leakage\"\nseed = 3\n[leakage]\nprompts = 4\nmax_tokens = 16\n\
    [min]\nanswered = 4\nplanted = 16\n[max]\nleaked = 0\nunreplaced = 0\n";
const REFUSAL: &str = "name = \"gate-refusal\"\nseed = 1\n[gate-refusal]\ncases = [\"missing-key\", \"unknown-key\", \
    \"malformed-key\", \"other-model\", \"unknown-field\", \"broken-json\", \"no-messages\", \"over-size\", \"over-context\", \
    \"too-many-choices\", \"unknown-tool\", \"stored-conversation\", \"unknown-endpoint\", \"identifier-in-fixed-field\", \
    \"special-tokens-stay-text\", \"revoked-key\", \"ended-window\"]\n\
    [min]\nheld = 17\ncontrol_answered = 1\n[max]\nlet_through = 0\nother_rule = 0\n";
const TEXT: &str = "The garden lies behind the house. In spring the tulips come up, first the red ones and then the \
    yellow ones, and the gardener waters them every morning before the sun is high. In the evening he sits down and \
    reads a book under the old apple tree.";

fn perplexity() -> String {
    use sha2::Digest as _;
    let sha256 = hex::encode(sha2::Sha256::digest(TEXT.as_bytes()));
    format!(
        "name = \"perplexity\"\nseed = 1\n[perplexity]\ntext_sha256 = \"{sha256}\"\nchunk_tokens = 32\nstride_tokens = 15\n\
         context_tokens = 16\n[max]\nperplexity = 200\n"
    )
}

struct Story {
    place: Place,
}

impl Story {
    fn path(&self, name: &str) -> PathBuf {
        self.place.root().join(name)
    }

    /// Writes a suite and says by which hash a record names it.
    fn suite(&self, name: &str, text: &str) -> String {
        use sha2::Digest as _;
        std::fs::write(self.path(&format!("{name}.toml")), text).unwrap();
        hex::encode(sha2::Sha256::digest(text.as_bytes()))
    }

    fn eval(&self, suite: &str, args: &[&str], keys: &[(&str, &str)]) -> Ran {
        let (suite_file, out) = (self.path(&format!("{suite}.toml")), self.path(&format!("{suite}.json")));
        let mut command = self.place.command(&["eval", "run", "--threads", "2"]);
        command.arg("--suite").arg(suite_file).arg("--out").arg(out).args(args);
        command.envs(keys.iter().copied());
        finish(&mut command, "")
    }

    fn report(&self, suite: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path(&format!("{suite}.json"))).unwrap()).unwrap()
    }

    fn sign(&self, suite: &str, key: &Path) {
        let (report, key) = (self.path(&format!("{suite}.json")), key.to_str().unwrap().to_owned());
        let said = self.place.run(&["eval", "sign", report.to_str().unwrap(), "--key", &key]).ok();
        assert!(said.contains("every threshold of the suite is met"), "{said}");
    }

    fn signed(&self, suite: &str) -> PathBuf {
        self.place.policy().join(format!("evaluations/{suite}.{MODEL}.json"))
    }
}

fn metric(report: &Value, name: &str) -> f64 {
    report["metrics"][name]["value"].as_str().unwrap().parse().unwrap()
}

fn ask(server: &Server, key: &str) -> Reply {
    server.chat(
        key,
        &json!({"model": MODEL, "max_tokens": 2, "messages": [{"role": "user", "content": "Hello"}]}),
    )
}

#[test]
fn three_suites_are_run_signed_and_demanded_and_block_when_they_do_not_hold() {
    let Some(place) = Place::new() else { return };
    let story = Story { place };
    let suites =
        [("perplexity", perplexity()), ("leakage", LEAKAGE.into()), ("gate-refusal", REFUSAL.into())];
    let demands = suites.iter().map(|(name, text)| {
        let sha256 = story.suite(name, text);
        format!(
            "[[evaluation]]\nsuite = \"{name}\"\nsuite_sha256 = \"{sha256}\"\nneeded_for = \"accepted\"\nmax_age_days = 30\n"
        )
    });
    let demands: String = demands.collect();
    let record = story.place.policy().join(RECORD);
    let text = std::fs::read_to_string(&record).unwrap();
    let text = text.replace("restore_placeholders = true", "restore_placeholders = false") + &demands;
    std::fs::write(&record, text).unwrap();
    policy::sign_again(&story.place.policy());

    let server = story.place.serve();
    let url = format!("http://{}/v1", server.address);
    let key = story.place.key("pilot-test").secret;
    run_all(&story, &url, &key);
    accept(&story, &server, &key);
    server.stop();
    story.place.run(&["log", "verify"]).ok();
}

/// Each suite once, and what its report says and does not say.
fn run_all(story: &Story, url: &str, key: &str) {
    let text = story.path("text.txt");
    std::fs::write(&text, TEXT).unwrap();
    story.eval("perplexity", &["--text", text.to_str().unwrap()], &[]).ok();
    let report = story.report("perplexity");
    assert!(
        metric(&report, "perplexity") > 1.0 && metric(&report, "tokens_scored") == 15.0 * 2.0,
        "{report}"
    );
    assert!(report.get("gate").is_none());
    let said = story.eval("perplexity", &[], &[]).refused();
    assert!(said.contains("--text FILE"), "the built-in text is another one: {said}");

    let ran = story.eval("leakage", &["--url", url, "--key-env", "THE_KEY"], &[("THE_KEY", key)]);
    let report = story.report("leakage");
    ran.ok();
    assert_eq!(
        [metric(&report, "leaked"), metric(&report, "planted"), metric(&report, "unreplaced")],
        [0.0, 16.0, 0.0]
    );
    assert_eq!(report["gate"]["use_case"], "pilot-test");

    let revoked = story.place.key("pilot-test");
    story.place.run(&["keys", "revoke", &revoked.id]).ok();
    let ended = story.place.key("ended-test").secret;
    let keys = [("PROEFTUIN_KEY", key), ("REVOKED", &revoked.secret), ("ENDED", &ended)];
    let args = ["--url", url, "--revoked-key-env", "REVOKED", "--ended-key-env", "ENDED"];
    let ran = story.eval("gate-refusal", &args, &keys);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let report = story.report("gate-refusal");
    assert_eq!([metric(&report, "held"), metric(&report, "let_through")], [17.0, 0.0]);
    assert_eq!(report["refusals"]["key-revoked"], 1);
    for suite in ["perplexity", "leakage", "gate-refusal"] {
        let text = std::fs::read_to_string(story.path(&format!("{suite}.json"))).unwrap();
        for secret in [key, "ptk_", "Herhaal", "tulip", "voorbeeld.nl", "9999"] {
            assert!(!text.contains(secret), "{suite} holds {secret}");
        }
    }
    // A use case that puts values back tells nothing about leaks, and a policy that is not in force nothing about gates.
    let mut command = crate::harness::proeftuin();
    command
        .args(["eval", "run", "--suite", "leakage", "--url", url, "--out", "x.json"])
        .env("PROEFTUIN_KEY", key);
    let said = finish(command.current_dir(story.place.root()), "").refused();
    assert!(said.contains("another policy is in force"), "{said}");
    assert!(!story.path("x.json").exists());
}

/// From pilot to accepted, and every way in which an evaluation then blocks.
fn accept(story: &Story, server: &Server, key: &str) {
    let evaluator = policy::evaluator_key(story.place.root());
    policy::accept(&story.place.policy(), "pilot-test");
    let reload = || story.place.run(&["policy", "reload"]).ok();
    let denied = |rule: &str| {
        reload();
        let reply = ask(server, key);
        assert_eq!(reply.status, 403, "{rule}");
        assert_eq!(reply.json()["error"]["code"], rule, "{}", reply.text());
    };
    denied("evaluation-missing");
    for suite in ["perplexity", "leakage", "gate-refusal"] {
        story.sign(suite, &evaluator);
    }
    reload();
    ask(server, key).ok();
    let said = story.place.run(&["use-case", "status", "pilot-test"]).ok();
    assert!(said.contains(&format!("evaluation leakage of {MODEL}: by e.valuator on ")), "{said}");
    let signed = story.signed("leakage");
    let verify = |path: &Path| {
        story.place.run(&["eval", "verify", path.to_str().unwrap(), "--use-case", "pilot-test"])
    };
    let said = verify(&signed).ok();
    for part in ["by e.valuator", "the files that models.toml pins", "the evaluation that the record demands"]
    {
        assert!(said.contains(part), "no {part} in {said}");
    }

    // It lapses by the clock alone.
    let later = story.place.run(&["use-case", "check", "pilot-test", "--at", "2098-01-01T00:00:00Z"]);
    assert!(later.code == 1 && later.out.contains("- evaluation-expired"), "{}", later.out);
    assert!(later.out.contains("- evaluation-too-old"), "{}", later.out);

    let whole = std::fs::read_to_string(&signed).unwrap();
    let at = whole.find("\"sig\": \"").unwrap() + 20;
    let letter = if &whole[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(&signed, format!("{}{letter}{}", &whole[..at], &whole[at + 1..])).unwrap();
    denied("evaluation-not-genuine");
    let ran = verify(&signed);
    assert!(ran.code == 1 && ran.out.contains("VOID  signature"), "{}", ran.out);

    // About other weights under the same name.
    let mut report = story.report("leakage");
    report["model"]["manifest_sha256"] = json!("4".repeat(64));
    std::fs::write(story.path("other.json"), report.to_string()).unwrap();
    let other = story.path("other.json");
    let key_file = evaluator.to_str().unwrap();
    story.place.run(&["eval", "sign", other.to_str().unwrap(), "--key", key_file]).ok();
    denied("evaluation-other-model");
    let ran = verify(&signed);
    assert!(ran.code == 1 && ran.out.contains("VOID  model"), "{}", ran.out);

    // A report that was changed by hand contradicts itself, and nobody signs it.
    let mut report = story.report("leakage");
    report["metrics"]["leaked"]["value"] = json!("7");
    std::fs::write(&other, report.to_string()).unwrap();
    let said = story.place.run(&["eval", "sign", other.to_str().unwrap(), "--key", key_file]).refused();
    assert!(said.contains("its verdict does not follow"), "{said}");
    std::fs::write(&signed, whole).unwrap();
    reload();
    ask(server, key).ok();
}

#[test]
fn what_is_built_in_is_told() {
    let said = run(&["eval", "suites"]).ok();
    for name in ["perplexity", "leakage", "gate-refusal"] {
        assert!(said.lines().any(|line| line.starts_with(name) && line.contains("sha256 ")), "{said}");
    }
    let schema: Value = serde_json::from_str(&run(&["eval", "schema"]).ok()).unwrap();
    assert_eq!(schema["properties"]["version"]["const"], 1);
    let said = run(&["eval", "run", "--suite", "leakage", "--out", "x.json"]).refused();
    assert!(said.contains("--url"), "{said}");
    let said = run(&["eval", "run", "--suite", "bias", "--out", "x.json"]).refused();
    assert!(said.contains("gate-refusal"), "{said}");
}
