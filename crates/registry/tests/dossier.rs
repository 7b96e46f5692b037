//! `[model.dossier]` and licences: what is refused, what is open, and what the digest covers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use registry::{Model, Openness, OptOuts, Registry};

/// One right entry; line 8 has the licence, line 9 is `[model.dossier]`.
fn entry() -> String {
    let hash = "0".repeat(64);
    format!(
        r#"[[model]]
id = "tulip"
default = true
status = "approved"
source = {{ file = "/srv/tulip.gguf" }}
files = [{{ path = "tulip.gguf", sha256 = "{hash}", size_bytes = 10 }}]
limits = {{ context_tokens = 8192, languages = ["nl"] }}
license = "Apache-2.0"
[model.dossier]
weights = "open"
code = "open"
training_data = "part"
developer = "Bulb"
country = "NL"
packed_by = "Bulb"
trained_on = "letters"
trained_until = "2025-06"
training_kwh = 1200
opt_outs = "yes"
opt_outs_evidence = "https://example.org/opt-outs"
legal_review = {{ by = "Legal Affairs", date = "2026-01-31", review_by = "2026-02-28" }}
lineage = [{{ name = "bulb/base", step = "tuned" }}]
limitations = "unknown"
"#
    )
}

#[track_caller]
fn with(from: &str, to: &str) -> String {
    let text = entry();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[track_caller]
fn model(text: &str) -> Model {
    Registry::parse(text, "models.toml").unwrap().entry("tulip").unwrap().clone()
}

#[track_caller]
fn refused(text: &str, line: usize, expected: &str) {
    let error = Registry::parse(text, "models.toml").unwrap_err().to_string();
    assert!(error.starts_with(&format!("models.toml line {line}: ")) && error.contains(expected), "{error}");
}

#[test]
fn a_dossier_is_read_whole() {
    let model = model(&entry());
    let dossier = model.dossier.as_ref().unwrap();
    assert_eq!((dossier.weights, dossier.training_data), (Openness::Open, Openness::Part));
    assert_eq!((dossier.opt_outs, dossier.training_kwh), (OptOuts::Yes, Some(1200)));
    assert_eq!(dossier.limitations, None, "unknown was said");
    // Through the whole of its last day: 2026-03-01T00:00:00Z.
    assert_eq!(dossier.legal_review.as_ref().unwrap().lapses_ms(), 1_772_323_200_000);
    assert!(model.open_points().is_empty(), "{:?}", model.open_points());
    assert!(model.weights_open());
}

#[test]
fn silence_is_no_answer() {
    for line in entry().lines().skip(9) {
        let key = line.split(' ').next().unwrap();
        let without = entry().replacen(&format!("{line}\n"), "", 1);
        let error = Registry::parse(&without, "models.toml").unwrap_err().to_string();
        assert!(error.contains(&format!("missing field `{key}`")), "{key}: {error}");
    }
    refused(&with("code = \"open\"", "code = \"\""), 11, "unknown variant");
    refused(&with("\"Bulb\"", "\" \""), 13, "developer: is empty; write unknown");
    refused(&with("country = \"NL\"", "country = \"Nederland\""), 14, "country: must be two letters");
    refused(&with("= 1200", "= \"many\""), 18, "training_kwh: the one word it may be is unknown");
    refused(&with("= 1200", "= -1"), 18, "kilowatt-hours");
    refused(&with("\"https://example.org/opt-outs\"", "\"unknown\""), 20, "opt_outs is yes, so say where");
    refused(&with("2026-02-28", "2026-02-30"), 21, "must be days as YYYY-MM-DD");
    refused(&with("2026-02-28", "2026-01-31"), 21, "review_by must be later than date");
    refused(&with("by = \"Legal Affairs\"", "by = \"\""), 21, "legal_review: by is empty");
    refused(&with("step = \"tuned\"", "how = \"tuned\""), 22, "list of { name");
    refused(&with("limitations = \"unknown\"", "limitations = \"a\\nb\""), 23, "must be one line");
    refused(&(entry() + "colour = \"red\"\n"), 24, "colour");
}

#[test]
fn what_is_closed_or_unknown_is_to_be_motivated() {
    for (from, to, point) in [
        ("weights = \"open\"", "weights = \"closed\"", "weights-closed"),
        ("code = \"open\"", "code = \"unknown\"", "code-unknown"),
        ("training_data = \"part\"", "training_data = \"closed\"", "training-data-closed"),
        ("opt_outs = \"yes\"", "opt_outs = \"no\"", "opt-outs-no"),
        ("developer = \"Bulb\"", "developer = \"unknown\"", "developer-unknown"),
        ("\"Apache-2.0\"", "\"unknown\"", "licence-unknown"),
        ("\"Apache-2.0\"", "\"LicenseRef-Gemma\"", "licence-not-free"),
        ("\"Apache-2.0\"", "\"CC-BY-NC-4.0\"", "licence-not-free"),
        ("\"Apache-2.0\"", "\"MIT AND LicenseRef-Gemma\"", "licence-not-free"),
    ] {
        assert_eq!(model(&with(from, to)).open_points(), [point]);
    }
    let review = "{ by = \"Legal Affairs\", date = \"2026-01-31\", review_by = \"2026-02-28\" }";
    assert_eq!(model(&with(review, "\"unknown\"")).open_points(), ["legal-review-unknown"]);
    for free in ["EUPL-1.2", "MIT OR LicenseRef-Gemma", "CC0-1.0", "Apache-2.0 WITH LLVM-exception"] {
        assert!(model(&with("Apache-2.0", free)).open_points().is_empty(), "{free}");
    }
    for wrong in ["", "Apache 2", "apache", "Gemma", "MIT AND", "LicenseRef-"] {
        refused(&with("Apache-2.0", wrong), 8, "license: ");
    }
    // Without a dossier only the licence is looked at; that there is none has a rule of its own.
    let bare = entry().split("[model.dossier]").next().unwrap().to_owned();
    assert_eq!(model(&bare).dossier_sha256(), None);
    assert!(model(&bare).open_points().is_empty() && !model(&bare).weights_open());
}

#[test]
fn the_digest_is_of_what_is_said_and_not_of_its_layout() {
    let digest = |text: &str| model(text).dossier_sha256().unwrap();
    let first = digest(&entry());
    let same = with("code = \"open\"", "code   =   'open' # a comment");
    assert_eq!(digest(&same.replacen("status = \"approved\"", "status = \"suspended\"", 1)), first);
    for (from, to) in [
        ("weights = \"open\"", "weights = \"part\""),
        ("limitations = \"unknown\"", "limitations = \"none\""),
        ("2026-02-28", "2027-02-28"),
        ("letters", "letters and more"),
        ("= 1200", "= 1201"),
        ("step = \"tuned\"", "step = \"pruned\""),
        ("Apache-2.0", "MIT"),
        ("8192", "4096"),
        ("[\"nl\"]", "[\"nl\", \"en\"]"),
    ] {
        assert_ne!(digest(&with(from, to)), first, "{to} is not covered");
    }
    let pem = include_str!("signatures/p256.pub").replace('\n', "\\n");
    let signed = format!("license = \"Apache-2.0\"\nsignature = {{ bundle = \"a.sig\", key = \"{pem}\" }}");
    assert_ne!(digest(&with("license = \"Apache-2.0\"", &signed)), first, "the key is covered");
}

#[test]
fn the_default_model_says_what_is_known() {
    let registry = Registry::embedded().unwrap();
    let model = registry.default_model().unwrap();
    assert!(model.weights_open());
    assert_eq!(model.open_points(), ["opt-outs-unknown", "legal-review-unknown"]);
}
