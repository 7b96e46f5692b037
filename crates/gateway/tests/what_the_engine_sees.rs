//! What the engine is given, seen at its door: the text without the personal data that was in it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected has failed"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gateway::{
    AdminCommand, AdminOutcome, AnswerEvent, Device, EndpointId, EngineSettings, Gateway, GenerationRequest,
    Input, Message, Origin, Params, Parts, Refusal, Role, Scanned, Serving, Trace,
};
use ledger::Ledger;
use policy::{PolicyFiles, PolicySet};
use provenance::{Clock, Configuration, Digest, KeyRing, Log, LogOptions, Name};
use redact::{Profile, Redactor};
use registry::Registry;
use testkit::RecordingGenerate;
use tokenizer::Tokenizer;
use zeroize::Zeroizing;

const BSN: &str = "111222333";
const IBAN: &str = "NL91ABNA0417164300";
const ORIGIN: Origin = Origin { loopback: true };
const USE_CASE: &str = include_str!("pilot-test.toml");

struct Bench {
    gateway: Gateway,
    engine: Arc<RecordingGenerate>,
    tokenizer: Arc<Tokenizer>,
    key: String,
}

/// A gateway with everything real but the model, which is tiny, and the hook before the engine.
async fn bench(dir: &Path) -> Bench {
    let serving = tiny(dir);
    let engine = RecordingGenerate::new(Arc::clone(&serving.generator));
    let tokenizer = Arc::clone(&serving.tokenizer);
    let files = PolicyFiles::embedded().unwrap();
    let entries = files.iter().map(|(path, text)| (path.to_owned(), text.to_owned()));
    let entries = entries.chain([("use-cases/pilot-test.toml".to_owned(), USE_CASE.to_owned())]);
    let redactor = Arc::new(Redactor::new(Profile::default()).unwrap());
    let parts = Parts {
        log: Log::open(&dir.join("log"), LogOptions::new("proeftuin.invalid/log/test")).unwrap().0,
        ring: KeyRing::open(&dir.join("subject-keys.json")).unwrap(),
        ledger: Ledger::in_memory().unwrap(),
        policy: PolicySet::load(&PolicyFiles::from_entries(entries).unwrap()).unwrap(),
        redactors: BTreeMap::from([("default".to_owned(), redactor)]),
        places: 8,
        configuration: Configuration {
            build_sha256: Digest([0; 32]),
            config_sha256: Digest([0; 32]),
            isa: Name::new(engine_isa()).unwrap(),
            prev_config_event: None,
        },
        clock: Clock::system(),
    };
    let gateway = Gateway::start(parts).await.unwrap();
    gateway.serve(Serving { generator: engine.clone(), ..serving }).await.unwrap();
    let issue = AdminCommand::IssueKey {
        use_case: "pilot-test".to_owned(),
        actor: "test".to_owned(),
        roles: vec!["tester".to_owned()],
        expires_ms: None,
        label: String::new(),
    };
    let Ok(AdminOutcome::Issued { secret: key, .. }) = gateway.administer(issue, 0).await else {
        panic!("no key")
    };
    Bench { gateway, engine, tokenizer, key }
}

fn engine_isa() -> String {
    gateway::isa().unwrap()
}

fn tiny(dir: &Path) -> Serving {
    let store = dir.join("models");
    let file = store.join("tiny").join("tiny.gguf");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, testkit::tiny_gguf(1)).unwrap();
    let request = registry::PinRequest { id: "tiny".to_owned(), paths: vec![file] };
    let entry = registry::pin(&request, &mut |_, _| {})
        .unwrap()
        .replace("\"proposed\"", "\"approved\"\ndefault = true");
    let registry = Registry::parse(&entry, "models.toml").unwrap();
    let settings = EngineSettings {
        device: Device::Cpu,
        threads: Some(1),
        kv_bytes: 16 << 20,
        max_running: 8,
        max_queued: 8,
    };
    gateway::load(&registry, "tiny", &store, &settings, 0, &mut |_, _| {}).unwrap().0
}

fn text(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

impl Bench {
    /// Runs a request to its end; gives what the engine was given, decoded.
    async fn seen(
        &self,
        endpoint: EndpointId,
        input: Input,
        scanned: Vec<Scanned>,
    ) -> Result<Vec<String>, Refusal> {
        let caller = self.gateway.authenticate(Some(&self.key), endpoint, ORIGIN).await?;
        let request = GenerationRequest {
            endpoint,
            model: "tiny".to_owned(),
            input,
            stop: Vec::new(),
            scanned,
            params: Params { max_tokens: Some(4), n: 1, temperature: Some(0.0), ..Params::default() },
            client_input: Zeroizing::new(b"{}".to_vec()),
            trace: Trace { trace_id: [7; 16], parent_span_id: None },
            origin: ORIGIN,
        };
        let mut answer = self.gateway.generate(caller, request).await?;
        loop {
            match answer.next().await {
                Some(AnswerEvent::Sealed { .. }) => break,
                Some(AnswerEvent::Failed { why }) => panic!("{why}"),
                Some(_) => {}
                None => panic!("no outcome"),
            }
        }
        Ok(self.engine.take().iter().map(|ids| self.tokenizer.decode(ids)).collect())
    }
}

fn run(test: impl AsyncFnOnce(&Bench)) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bench = bench(dir.path()).await;
        test(&bench).await;
        bench.gateway.stop("test").await;
    });
}

#[track_caller]
fn is_stripped(seen: &str) {
    assert!(!seen.contains(BSN) && !seen.contains(IBAN), "{seen}");
    // Nor in pieces that only look otherwise.
    let digits: String = seen.chars().filter(char::is_ascii_digit).collect();
    assert!(!digits.contains(BSN) && !digits.contains("0417164300"), "{seen}");
    assert!(seen.contains("⟦BSN_1⟧") && seen.contains("⟦IBAN_1⟧"), "{seen}");
    assert!(seen.contains("tulpen"), "the rest of the text is there: {seen}");
}

#[test]
fn a_conversation_has_neither_bsn_nor_iban_in_any_message() {
    run(async |bench| {
        let message = |role, content: String| Message { role, content: Zeroizing::new(content) };
        let messages = vec![
            message(Role::System, format!("BSN {BSN} koopt tulpen.")),
            message(Role::User, format!("IBAN {IBAN}, BSN 1112.22.333")),
            message(Role::Assistant, format!("BSN {BSN} betaalt van NL91 ABNA 0417 1643 00.")),
        ];
        let seen = bench.seen(EndpointId::ChatCompletions, Input::Chat(messages), Vec::new()).await.unwrap();
        assert_eq!(seen.len(), 1);
        is_stripped(&seen[0]);
        // One value is one placeholder over all messages.
        assert!(!seen[0].contains("BSN_2") && !seen[0].contains("IBAN_2"), "{}", seen[0]);
        // Control tokens decode to nothing; the roles between them show that the template was rendered.
        assert_eq!(
            seen[0]
                .matches(
                    "assistant
"
                )
                .count(),
            2,
            "{}",
            seen[0]
        );
    });
}

#[test]
fn every_prompt_of_a_batch_is_stripped() {
    run(async |bench| {
        let prompt = format!("tulpen voor BSN {BSN} van {IBAN}");
        let input = Input::Text(vec![text(&prompt), text(&prompt)]);
        let seen = bench.seen(EndpointId::Completions, input, Vec::new()).await.unwrap();
        assert_eq!(seen.len(), 2);
        seen.iter().for_each(|seen| is_stripped(seen));
    });
}

/// The hook is no blindfold: what is not personal data comes through as it was.
#[test]
fn the_hook_sees_what_is_given() {
    run(async |bench| {
        let input = Input::Text(vec![text("het getal 111222334 en tulpen")]);
        let seen = bench.seen(EndpointId::Completions, input, Vec::new()).await.unwrap();
        assert_eq!(seen, ["het getal 111222334 en tulpen"]);
    });
}

#[test]
fn personal_data_where_nothing_may_be_rewritten_reaches_nobody() {
    run(async |bench| {
        let scanned = vec![Scanned { pointer: "/user".to_owned(), text: text(&format!("BSN {BSN}")) }];
        let refused = bench.seen(EndpointId::Completions, Input::Text(vec![text("tulpen")]), scanned).await;
        let Err(Refusal::Denied(denied)) = refused else { panic!("not denied") };
        assert_eq!(denied.rule, "personal-data-in-fixed-field");
        assert!(bench.engine.take().is_empty(), "the engine was given something");
    });
}
