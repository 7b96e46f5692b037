//! Where a model comes from and who vouches for it, at the command line and at the gate: the real model, signed by the
//! reference program of OpenSSF Model Signing (`crates/registry/tests/signatures/make.sh`).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{MODEL, Place, checkout, finish, run};

fn signatures() -> PathBuf {
    checkout().join("crates/registry/tests/signatures")
}

/// A `models.toml` of the place: the built-in one with this signature.
fn signed_by(place: &mut Place, bundle: &str, key: &str) {
    let pem = std::fs::read_to_string(signatures().join(key)).unwrap().replace('\n', "\\n");
    let line = format!("signature = {{ bundle = \"{bundle}\", key = \"{pem}\" }}\nlicense = ");
    let text = std::fs::read_to_string(checkout().join("models.toml")).unwrap();
    let path = place.root().join("models.toml");
    std::fs::write(&path, text.replacen("license = ", &line, 1)).unwrap();
    std::fs::copy(signatures().join(bundle), place.root().join(bundle)).unwrap();
    place.models = Some(path);
}

fn model_file(place: &Place) -> PathBuf {
    place.store().join(MODEL).join("SmolLM2-135M-Instruct.Q4_1.gguf")
}

#[test]
fn the_dossier_is_shown_and_the_bill_is_the_same_each_time() {
    let shown = run(&["models", "show"]).ok();
    for part in [
        "dossier        sha256 ",
        "developer            Hugging Face",
        "signature      none",
        "opt-outs honoured    unknown",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    assert!(shown.contains("to motivate          opt-outs-unknown, legal-review-unknown"), "{shown}");
    let openness = run(&["models", "list", "--openness"]).ok();
    let row = openness.lines().find(|line| line.starts_with(MODEL)).expect("a row");
    assert!(row.contains("open     open     part") && row.contains("Apache-2.0"), "{row}");

    let bom = || run(&["models", "bom", "--timestamp", "2026-11-27T09:00:00+01:00"]).ok();
    let first = bom();
    assert_eq!(first, bom());
    let json: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(json["metadata"]["timestamp"], "2026-11-27T08:00:00Z");
    assert_eq!(json["components"][0]["type"], "machine-learning-model");
    let digest = shown.split_once("dossier        sha256 ").unwrap().1.get(..64).unwrap();
    let said = serde_json::json!({ "name": "proeftuin:dossier-sha256", "value": digest });
    assert!(json["components"][0]["properties"].as_array().unwrap().contains(&said), "{first}");
    let mut dated = crate::harness::proeftuin();
    dated.args(["models", "bom", "--all"]).env("SOURCE_DATE_EPOCH", "1795766400");
    assert!(finish(&mut dated, "").ok().contains("\"timestamp\": \"2026-11-27T08:00:00Z\""));
    let mut wrong = crate::harness::proeftuin();
    wrong.args(["models", "bom"]).env("SOURCE_DATE_EPOCH", "soon");
    assert!(finish(&mut wrong, "").refused().contains("SOURCE_DATE_EPOCH"));
}

#[test]
fn a_model_is_verified_with_its_signature_and_pinned_with_one() {
    let Some(mut place) = Place::new() else { return };
    assert!(place.run(&["models", "verify"]).ok().contains("no signature in models.toml"));
    signed_by(&mut place, "smollm2.sig", "smollm2.pub");
    let said = place.run(&["models", "verify"]).ok();
    assert!(said.contains("the pinned file") && said.contains("signed as smollm2 by P-256 key "), "{said}");
    assert!(place.run(&["models", "show"]).ok().contains("signature      holds, P-256 key "));

    // Another key, and a bundle with one digit changed.
    signed_by(&mut place, "smollm2.sig", "p256.pub");
    let said = place.run(&["models", "verify"]);
    assert!(
        said.code == 1 && said.out.contains("REFUSED") && said.out.contains("names another key"),
        "{}",
        said.out
    );
    signed_by(&mut place, "smollm2.sig", "smollm2.pub");
    let path = place.root().join("smollm2.sig");
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("\"sig\":\"").unwrap() + 20;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(&path, format!("{}{other}{}", &text[..at], &text[at + 1..])).unwrap();
    let said = place.run(&["models", "verify"]);
    assert!(said.code == 1 && said.out.contains("does not verify"), "{}", said.out);
    // What does not hold is not loaded, and the gate says so before anybody asks.
    let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).refused();
    assert!(said.contains("signature smollm2.sig") && said.contains("does not verify"), "{said}");
    let said = place.run(&["use-case", "check", "pilot-test"]);
    assert!(said.code == 1 && said.out.contains("- model-signature-not-genuine"), "{}", said.out);

    let file = model_file(&place);
    let pin = |bundle: &Path, key: &Path| {
        let [file, bundle, key] = [file.as_path(), bundle, key].map(|path| path.to_str().unwrap());
        place.run(&["models", "pin", "--id", "mine", file, "--signature", bundle, "--key", key])
    };
    let entry = pin(&signatures().join("smollm2.sig"), &signatures().join("smollm2.pub")).ok();
    assert!(
        entry.contains("signature = { bundle = \"smollm2.sig\", key = \"-----BEGIN PUBLIC KEY-----\\n"),
        "{entry}"
    );
    assert!(entry.contains("[model.dossier]"), "{entry}");
    assert!(pin(&path, &signatures().join("smollm2.pub")).refused().contains("does not verify"));
    let other = pin(&signatures().join("p256.sig"), &signatures().join("p256.pub")).refused();
    assert!(other.contains("not among the signed files"), "{other}");
}

#[test]
fn an_edit_of_the_dossier_stops_a_pilot_until_it_is_signed() {
    let mut place = Place::without_model();
    assert_eq!(place.run(&["use-case", "check", "pilot-test"]).code, 0);
    let text = std::fs::read_to_string(checkout().join("models.toml")).unwrap();
    let path = place.root().join("models.toml");
    std::fs::write(&path, text.replace("weights = \"open\"", "weights = \"closed\"")).unwrap();
    place.models = Some(path);
    let said = place.run(&["use-case", "check", "pilot-test"]);
    assert!(said.code == 1 && said.out.contains("- model-dossier-not-as-signed"), "{}", said.out);
    assert!(place.run(&["use-case", "check", "demo"]).ok().contains("runs with"), "the demo is not hampered");
    // The record names the new digest, and everybody signs again.
    let shown = place.run(&["models", "show"]).ok();
    let digest = shown.split_once("dossier        sha256 ").unwrap().1.get(..64).unwrap().to_owned();
    let record = place.policy().join("use-cases/pilot-test.toml");
    let [_, before] = crate::harness::policy::pinned(MODEL);
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace(&before, &digest)).unwrap();
    let said = place.run(&["use-case", "status", "pilot-test"]);
    assert!(
        said.code == 1 && said.out.contains(&format!("the dossier of model {MODEL} is not what was signed")),
        "{}",
        said.out
    );
    crate::harness::policy::sign_again(&place.policy());
    assert_eq!(place.run(&["use-case", "check", "pilot-test"]).code, 0);
}
