//! Encoders from `models.toml`: a model of names in a redaction profile, and one that answers /v1/embeddings.

use std::path::PathBuf;

use registry::EMBEDDED_MODELS_TOML;
use serde_json::json;
use testkit::tiny_encoder::tiny_encoder;

use crate::clients::python_client;
use crate::harness::{MODEL, Place, finish, policy};

const NAMES: &str = "tiny-names";
pub const VECTORS: &str = "tiny-vectors";

/// A profile that has everything cut of which the tiny model says that it is somebody's name.
fn profile() -> String {
    format!(
        "names_model = \"{NAMES}\"\n[labels]\nPER = {{ kind = \"person\", threshold = 30 }}\nLOC = {{ kind = \"none\" }}\n"
    )
}

/// A place with both encoders in its store, whose pilot may use that of embeddings.
pub fn place() -> Option<Place> {
    let mut place = Place::new()?.with_own_store();
    let names = tiny_encoder(place.store(), NAMES, "token-classifier", &[]);
    let vectors = tiny_encoder(place.store(), VECTORS, "embeddings", &[]);
    let models = format!("{EMBEDDED_MODELS_TOML}{names}{vectors}");
    let registry = registry::Registry::parse(&models, "models.toml").unwrap();
    let path = place.root().join("models.toml");
    std::fs::write(&path, models).unwrap();
    place.models = Some(path);
    let entry = registry.entry(VECTORS).unwrap();
    let record = record(&place);
    let [pinned, dossier] = [entry.sha256(), entry.dossier_sha256().unwrap()].map(hex::encode);
    let text = std::fs::read_to_string(&record).unwrap();
    let text = text
        .replace(&format!("models = [\"{MODEL}\"]"), &format!("models = [\"{MODEL}\", \"{VECTORS}\"]"))
        .replace("[model_sha256]\n", &format!("[model_sha256]\n{VECTORS} = \"{pinned}\"\n"))
        .replace("[model_dossier_sha256]\n", &format!("[model_dossier_sha256]\n{VECTORS} = \"{dossier}\"\n"));
    std::fs::write(&record, text).unwrap();
    policy::sign_again(&place.policy());
    Some(place)
}

fn record(place: &Place) -> PathBuf {
    place.policy().join("use-cases/pilot-test.toml")
}

#[test]
fn the_python_client_embeds() {
    let Some(mut command) = python_client("test_embeddings.py") else { return };
    let Some(place) = place() else { return };
    let server = place.serve_with(&["--embeddings", VECTORS]);
    let key = place.key("pilot-test").secret;
    let url = format!("http://{}/v1", server.address);
    let ran = finish(command.env("OPENAI_BASE_URL", url).env("OPENAI_API_KEY", key), "");
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
}

#[test]
fn a_server_without_the_model_it_is_told_to_embed_with_does_not_start() {
    let Some(place) = place() else { return };
    for (id, said) in
        [(NAMES, "has the role token-classifier"), (MODEL, "has the role generation"), ("x", "no model x")]
    {
        let error = place.run(&["serve", "--listen", "127.0.0.1:0", "--embeddings", id]).refused();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_profile_has_its_model_read_every_prompt_and_no_other_profile_comes_into_force() {
    let Some(place) = place() else { return };
    let file = place.policy().join("redaction/default.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, profile()).unwrap();
    policy::sign_again(&place.policy());
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let body =
        json!({"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "jan belt"}]});
    server.chat(&key, &body).ok();
    let log = place.run(&["log", "show", "--count", "1000"]).ok();
    assert!(log.contains(&format!("\"id\":\"{NAMES}\"")) && log.contains("\"person\":"), "{log}");

    // Another model than those that were loaded at the start.
    std::fs::write(&file, profile().replace(NAMES, "tiny-others")).unwrap();
    let error = place.run(&["policy", "reload"]).refused();
    assert!(error.contains("tiny-others") && error.contains("restart"), "{error}");
    server.chat(&key, &body).ok();
    std::fs::write(&file, before).unwrap();
    place.run(&["policy", "reload"]).ok();
}

#[test]
fn redact_reads_with_the_model_that_a_profile_names() {
    let Some(place) = place() else { return };
    let file = place.root().join("names.toml");
    std::fs::write(&file, profile()).unwrap();
    let args = ["redact", "--profile", file.to_str().unwrap()];
    let said = finish(&mut place.command(&args), "jan belt").ok();
    assert!(said.contains("⟦PERSOON_1⟧"), "{said}");
    let lost = place.store().join(NAMES).join("tokenizer.json");
    std::fs::remove_file(lost).unwrap();
    assert_ne!(finish(&mut place.command(&args), "jan belt").code, 0, "went on without its model");
    // Whoever only looks at a policy needs no model's files.
    std::fs::write(place.policy().join("redaction/default.toml"), profile()).unwrap();
    place.run(&["guidance", "list"]).ok();
    std::fs::write(place.policy().join("redaction/default.toml"), profile().replace(NAMES, VECTORS)).unwrap();
    let error = place.run(&["guidance", "list"]).refused();
    assert!(error.contains("has the role embeddings"), "{error}");
}
