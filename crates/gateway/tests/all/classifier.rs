//! A model of names in a redaction profile: it is wired from the pinned files to the prompt, and without it nothing goes on.

use std::time::Duration;

use engine::TokenClassifier;
use gateway::{AdminCommand, Classifier, Refusal, Tag};
use provenance::{Denied, Leaf};
use redact::{Finder, Found};
use registry::{Registry, Role};
use testkit::tiny_encoder::{WORDS, tiny_encoder, tokenizer_json};
use testkit::{House, HouseBuilder, chat, collect};
use tokenizer::EncoderTokenizer;

use crate::denied;

const ID: &str = "tiny-names";
const LIMIT: Duration = Duration::from_secs(20);

/// A default model, which no test here loads.
const OTHER: &str = r#"[[model]]
id = "tiny"
default = true
status = "approved"
source = { file = "/nowhere/tiny.gguf" }
files = [{ path = "tiny.gguf", sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", size_bytes = 1 }]
license = "CC0-1.0"
limits = { context_tokens = 4096, languages = ["nl"] }
"#;

fn registry(store: &std::path::Path, change: impl Fn(String) -> String) -> Registry {
    let entry = tiny_encoder(store, ID, "token-classifier", &[]);
    Registry::parse(&change(format!("{OTHER}{entry}")), "models.toml").unwrap()
}

/// A house whose pilot names the model, and whatever it found at 30 or more is cut.
fn house(finder: impl Finder + 'static) -> HouseBuilder {
    let profile = format!(
        "names_model = \"{ID}\"\n[labels]\nPER = {{ kind = \"person\", threshold = 30 }}\nLOC = {{ kind = \"none\" }}\n"
    );
    House::builder().profile("names", &profile).pilot("named", &[("\"default\"", "\"names\"")]).finder(finder)
}

async fn ask(house: &House, text: &str) -> Result<(), Refusal> {
    let caller = house.caller("named").await;
    collect(house.gateway.generate(caller, chat(text)).await?).await;
    Ok(())
}

/// That a request was closed and sealed as one whose redaction failed, with nothing of it given to the model.
#[track_caller]
fn closed(house: &House, outcome: Result<(), Refusal>, why: &str) {
    let denial = denied(outcome);
    assert_eq!(denial.rule, "redaction-failed");
    assert!(denial.remedy.contains(why), "{}", denial.remedy);
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("not sealed") };
    let Denied { request, .. } = *leaf;
    assert!(request.redaction.is_some_and(|facts| facts.failed));
    assert!(house.generator.requests().is_empty(), "something was given to the model");
}

#[tokio::test]
async fn what_the_pinned_model_finds_is_cut_from_the_prompt() {
    let store = tempfile::tempdir().unwrap();
    let registry = registry(store.path(), |toml| toml);
    // Longer than one window of 32, so that it is read in several.
    let words: Vec<&str> = WORDS.iter().cycle().take(40).copied().collect();
    let text = words.join(" ");
    // What the model says of it by itself: windows of 30 tokens, of which the next shares 15, judged 7 from their ends.
    let (files, _) = registry.encoder(ID, Role::TokenClassifier, store.path()).unwrap();
    let model = TokenClassifier::load(&files).unwrap();
    let ids: Vec<u32> = words
        .iter()
        .map(|word| 4 + u32::try_from(WORDS.iter().position(|w| w == word).unwrap()).unwrap())
        .collect();
    let row = |at: usize| {
        let from = if at < 23 { 0 } else { 15 };
        let framed: Vec<u32> = [&[2], &ids[from..ids.len().min(from + 30)], &[3]].concat();
        model.probabilities(&framed).unwrap().remove(at - from + 1)
    };
    // Words that are part of a name; of each, whether one begins with it.
    let said = (0..words.len()).map(row).map(|row| {
        let (person, place) = (row[1] + row[2], row[3] + row[4]);
        (person >= 0.3 && person > place).then_some(row[1] > row[2])
    });
    let expected = expected(&words, &said.collect::<Vec<_>>());
    assert!(expected.contains("⟦PERSOON_3⟧"), "one name is no test: {expected}");

    let classifier = Classifier::load(&registry, ID, store.path(), LIMIT).unwrap();
    let digest = classifier.sha256();
    let house = house(classifier).start().await;
    ask(&house, &text).await.unwrap();
    let prompt = house.tokenizer.decode(&house.generator.requests()[0].prompt);
    let shown = prompt.split("<|im_start|>user\n").last().unwrap();
    assert!(shown.contains(&expected), "{shown}\n{expected}");
    let intent = house.intents().pop().unwrap();
    assert!(intent.request.redaction.unwrap().counts.keys().any(|kind| kind.as_str() == "person"));
    assert_ne!(digest, model.encoder().sha256(), "how spans are made counts too");
    house.stop_and_verify().await;
}

/// The text with a placeholder for each name, by what was said of its words.
fn expected(words: &[&str], said: &[Option<bool>]) -> String {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for (word, said) in words.iter().zip(said) {
        match (said, parts.last_mut()) {
            (Some(false), Some((true, name))) => *name = format!("{name} {word}"),
            (Some(_), _) => parts.push((true, (*word).to_owned())),
            (None, _) => parts.push((false, (*word).to_owned())),
        }
    }
    let mut names: Vec<String> = Vec::new();
    let shown = parts.into_iter().map(|(named, text)| {
        if !named {
            return text;
        }
        let known = names.iter().position(|name| *name == text).unwrap_or_else(|| {
            names.push(text);
            names.len() - 1
        });
        format!("⟦PERSOON_{}⟧", known + 1)
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// A tagger that is told what to do wrong.
enum Broken {
    Panics,
    Errs,
    Sleeps,
    FewRows,
    FewLabels,
    NoNumbers,
}

impl Tag for Broken {
    fn labels(&self) -> &[String] {
        static LABELS: std::sync::LazyLock<[String; 3]> =
            std::sync::LazyLock::new(|| ["O", "B-PER", "B-LOC"].map(str::to_owned));
        LABELS.as_slice()
    }

    fn tokens_max(&self) -> usize {
        32
    }

    fn probabilities(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>, engine::Error> {
        let rows = |width: usize, of: f32| Ok(vec![vec![of; width]; ids.len()]);
        match self {
            Self::Panics => panic!("jan"),
            Self::Errs => Err(engine::Error::Fault("the weights are gone".to_owned())),
            Self::Sleeps => {
                std::thread::sleep(Duration::from_millis(1500));
                rows(3, 0.0)
            }
            Self::FewRows => Ok(vec![vec![1.0, 0.0, 0.0]]),
            Self::FewLabels => rows(2, 0.5),
            Self::NoNumbers => rows(3, f32::NAN),
        }
    }
}

fn broken(how: Broken, limit: Duration) -> Classifier {
    let tokenizer = EncoderTokenizer::from_json(tokenizer_json().as_bytes()).unwrap();
    Classifier::of(ID, [7; 32], tokenizer, how, 32, limit).unwrap()
}

#[tokio::test]
async fn a_model_that_fails_closes_the_request_and_that_is_sealed() {
    for (how, why) in [
        (Broken::Panics, "panicked"),
        (Broken::Errs, "the weights are gone"),
        (Broken::FewRows, "number of rows"),
        (Broken::FewLabels, "number of labels"),
    ] {
        let house = house(broken(how, LIMIT)).start().await;
        for _ in 0..2 {
            closed(&house, ask(&house, "jan belt").await, why);
        }
        assert!(!house.leaves_text().contains("jan"));
        house.stop_and_verify().await;
    }
    let house = house(broken(Broken::Sleeps, Duration::from_millis(200))).start().await;
    closed(&house, ask(&house, "jan belt").await, "not done within");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn probabilities_that_are_no_numbers_are_not_taken_for_no_label() {
    let house = house(broken(Broken::NoNumbers, LIMIT)).start().await;
    closed(&house, ask(&house, "jan belt").await, "no number");
    house.stop_and_verify().await;
}

/// Gives a span that ends within a character.
struct Within;

impl Finder for Within {
    fn model(&self) -> &str {
        ID
    }

    fn sha256(&self) -> [u8; 32] {
        [9; 32]
    }

    fn labels(&self) -> &[String] {
        static LABELS: std::sync::LazyLock<[String; 2]> =
            std::sync::LazyLock::new(|| ["PER", "LOC"].map(str::to_owned));
        LABELS.as_slice()
    }

    fn find(&self, _: &str) -> Result<Vec<Found>, String> {
        Ok(vec![Found { start: 0, end: 4, label: 0, probability: 0.9 }])
    }
}

#[tokio::test]
async fn a_span_that_ends_within_a_character_closes_the_request() {
    let house = house(Within).start().await;
    closed(&house, ask(&house, "José belt").await, "whole characters");
    ask(&house, "Jose belt").await.unwrap();
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_policy_that_names_a_model_that_is_not_loaded_is_refused_and_the_old_one_stays() {
    let house = House::builder().saying("Dag.").start().await;
    for (profile, said) in [
        ("names_model = \"tiny-names\"\n", "tiny-names"),
        ("names_model = \"tiny-names\"\n[labels]\nPER = { kind = \"x\" }\n", "unknown kind"),
    ] {
        house.edit_policy(|folder| {
            folder.insert("redaction/default.toml".to_owned(), profile.to_owned());
        });
        let refused = house.gateway.administer(AdminCommand::ReloadPolicy, 1000).await;
        let Err(Refusal::Invalid { reason, .. }) = refused else { panic!("taken") };
        assert!(reason.contains(said) && reason.ends_with("the policy in force stays"), "{reason}");
        assert!(matches!(house.last_leaf(), Leaf::PolicyRefused(_)));
    }
    let caller = house.caller("pilot").await;
    collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await;
    house.stop_and_verify().await;
}

#[test]
fn what_is_missing_not_approved_or_of_another_role_is_not_loaded() {
    let store = tempfile::tempdir().unwrap();
    let load = |registry: &Registry| {
        let loaded = Classifier::load(registry, ID, store.path(), LIMIT);
        loaded.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load(&registry(store.path(), |toml| toml)), Ok(()));
    let proposed = registry(store.path(), |toml| {
        let at = toml.rfind("status = \"approved\"").unwrap();
        format!("{}status = \"proposed\"{}", &toml[..at], &toml[at + 19..])
    });
    assert!(load(&proposed).unwrap_err().contains("is proposed, not approved"));
    let other = registry(store.path(), |toml| toml.replace("\"token-classifier\"", "\"embeddings\""));
    assert!(load(&other).unwrap_err().contains("has the role embeddings"));
    let whole = registry(store.path(), |toml| toml);
    for (name, said) in
        [("tokenizer.json", "pinned"), ("model.safetensors", "pinned"), ("config.json", "pinned")]
    {
        let path = store.path().join(ID).join(name);
        let bytes = std::fs::read(&path).unwrap();
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(&path, other).unwrap();
        let error = load(&whole).unwrap_err();
        assert!(error.contains(said) || error.contains("sha256"), "{name}: {error}");
        std::fs::remove_file(&path).unwrap();
        assert!(load(&whole).unwrap_err().contains("models fetch"), "{name}");
        std::fs::write(&path, bytes).unwrap();
    }
    assert!(
        gateway::load(&whole, ID, store.path(), &settings(), 0, &mut |_, _| {})
            .is_err_and(|error| { error.to_string().contains("has the role token-classifier") })
    );
}

fn settings() -> gateway::EngineSettings {
    gateway::EngineSettings {
        device: gateway::Device::Cpu,
        threads: Some(1),
        kv_bytes: 1 << 20,
        kv_type: gateway::KvType::F16,
        max_running: 1,
        max_batch_tokens: 1,
        speculation: 0,
        max_queued: 1,
    }
}
