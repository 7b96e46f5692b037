//! `models.toml`: what is refused, with key and line.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use registry::{EMBEDDED_MODELS_TOML, Error, Registry, Role, Source, Status, TemplatePlace};

const HASH: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// One right entry; line 1 is `[[model]]`.
fn entry() -> String {
    format!(
        r#"[[model]]
id = "tulip"
default = true
status = "approved"
source = {{ pypi = "pack", version = "1.0", member = "pack/tulip.gguf" }}
files = [
    {{ path = "tulip.gguf", sha256 = "{HASH}", size_bytes = 10 }},
]
chat_template = {{ embedded = true, sha256 = "{HASH}" }}
license = "Apache-2.0"
description = "A tulip."
# Its dossier would stand at the end.
limits = {{ context_tokens = 8192, languages = ["en", "nl"] }}
"#
    )
}

#[track_caller]
fn refused(text: &str, line: usize, expected: &str) {
    let error = Registry::parse(text, "models.toml").unwrap_err();
    let shown = error.to_string();
    assert!(
        matches!(error, Error::Manifest { line: found, .. } if found == line),
        "wanted line {line}: {shown}"
    );
    assert!(shown.contains(expected), "wanted {expected:?}: {shown}");
    assert!(shown.starts_with(&format!("models.toml line {line}: ")), "{shown}");
}

/// The right entry with one text replaced.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    let text = entry();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn the_embedded_file_holds() {
    let registry = Registry::embedded().unwrap();
    let model = registry.default_model().unwrap();
    assert_eq!(model.id, "smollm2-135m-instruct");
    assert_eq!(model.status, Status::Approved);
    assert_eq!(hex::encode(model.sha256()), HASH);
    assert_eq!(model.limits.languages, ["en"]);
    assert!(EMBEDDED_MODELS_TOML.contains(&model.id));
}

#[test]
fn a_right_entry_is_read_whole() {
    let approval =
        "[[model.approval]]\nrole = \"cio\"\nkey = \"k\"\nsignature = \"s\"\ndate = \"2026-11-23\"\n";
    let text = entry() + approval;
    let registry = Registry::parse(&text, "models.toml").unwrap();
    let model = registry.entry("tulip").unwrap();
    assert_eq!(model.files[0].size_bytes, 10);
    assert_eq!(model.approvals[0].role, "cio");
    assert_eq!(model.chat_template.as_ref().unwrap().place, TemplatePlace::Embedded);
    assert!(matches!(&model.source, Source::Pypi { version, .. } if version == "1.0"));
    let error = registry.entry("rose").unwrap_err().to_string();
    assert!(error.contains("no model rose") && error.contains("tulip"), "{error}");
}

#[test]
fn unknown_keys_name_key_and_line() {
    refused(&with("license =", "licence ="), 10, "licence");
    refused(&(entry() + "colour = \"red\"\n"), 14, "colour");
    refused(&with("size_bytes = 10", "size_bytes = 10, colour = 1"), 7, "colour");
    refused(&with("version = \"1.0\"", "version = \"1.0\", extra = \"x\""), 5, "extra");
    refused(&with("embedded = true", "embedded = true, note = \"x\""), 9, "note");
    refused(&with("context_tokens = 8192", "context_tokens = 8192, width = 3"), 13, "width");
    refused(&(entry() + "[other]\nx = 1\n"), 14, "other");
    refused(&(entry() + "[[model.approval]]\nrole = \"cio\"\nwho = \"me\"\n"), 16, "who");
}

#[test]
fn missing_and_mistyped_keys() {
    refused(&with("license = \"Apache-2.0\"\n", ""), 1, "license");
    refused(&with("status = \"approved\"", "status = \"fine\""), 4, "status: unknown variant `fine`");
    refused(&with("id = \"tulip\"", "id = \"tulip\"\nid = \"tulip\""), 3, "duplicate key");
    refused(&with("[[model]]", "[[model]"), 1, "model");
    refused("", 1, "no [[model]]");
}

#[test]
fn defaults_and_ids() {
    let second = entry().replace("tulip", "rose");
    refused(&(entry() + &second), 16, "line 3 has the default model already");
    refused(&with("default = true", "default = false"), 1, "one model must have default = true");
    refused(&(entry() + &entry().replace("default = true\n", "")), 14, "tulip is there twice");
    for id in ["", ".", "..", "a/b", "a\\\\b", "Tulip", "-tulip", "tu lip", "tulp\u{fe0f}", &"a".repeat(65)] {
        refused(&with("id = \"tulip\"", &format!("id = \"{id}\"")), 2, "id: use lower-case");
    }
}

#[test]
fn pins() {
    for hash in ["", &HASH[1..], &HASH.to_uppercase(), &format!("{HASH}00"), &HASH.replace('b', "g")] {
        refused(&with(HASH, hash), 7, "sha256: must be 64");
    }
    refused(&with("size_bytes = 10", "size_bytes = 0"), 7, "size_bytes");
    refused(&with("size_bytes = 10", "size_bytes = -1"), 7, "size_bytes: invalid value");
    refused(&with("size_bytes = 10", "size_bytes = 99999999999999"), 7, "size_bytes");
    refused(&with(&format!(", sha256 = \"{HASH}\""), ""), 7, "tulip.gguf is not pinned");
    refused(&with(", size_bytes = 10", ""), 7, "tulip.gguf is not pinned");
    let line = format!("    {{ path = \"tulip.gguf\", sha256 = \"{HASH}\", size_bytes = 10 }},\n");
    refused(&with(&line, ""), 6, "without files");
    refused(&with(&line, &(line.clone() + &line.replace("tulip", "TULIP"))), 8, "TULIP.gguf is there twice");
    for path in ["", "..", "../x", "/etc/passwd", "a/b", "a\\\\b", ".hidden", "a b", "c:x", "x\\u0000"] {
        let text = with("path = \"tulip.gguf\"", &format!("path = \"{path}\""));
        refused(&text, 7, "path: must be a plain file name");
    }
}

/// An encoder's entry behind the right one, from line 14.
fn encoder(role: &str, files: &[&str]) -> String {
    let files = files
        .iter()
        .map(|name| format!("    {{ path = \"{name}\", sha256 = \"{HASH}\", size_bytes = 10 }},\n"));
    format!(
        "{}[[model]]\nid = \"rose\"\nstatus = \"approved\"\nrole = \"{role}\"\nsource = {{ file = \"/roses/\" }}\nfiles = [\n{}]\n\
         license = \"Apache-2.0\"\nlimits = {{ context_tokens = 512, languages = [\"nl\"] }}\n",
        entry(),
        files.collect::<String>()
    )
}

#[test]
fn roles() {
    let whole = ["config.json", "tokenizer.json", "model.safetensors"];
    let registry = Registry::parse(&encoder("token-classifier", &whole), "models.toml").unwrap();
    let rose = registry.entry("rose").unwrap();
    assert_eq!(rose.role, Role::TokenClassifier);
    assert!(rose.approved_as(Role::TokenClassifier).is_ok());
    let error = rose.approved_as(Role::Embeddings).unwrap_err();
    assert!(matches!(error, Error::OtherRole { .. }), "{error}");
    let tulip = registry.entry("tulip").unwrap();
    assert_eq!(tulip.role, Role::Generation);
    assert!(tulip.approved_as(Role::TokenClassifier).is_err());
    for missing in whole {
        let files: Vec<&str> = whole.into_iter().filter(|name| *name != missing).collect();
        refused(
            &encoder("embeddings", &files),
            17,
            &format!("role: embeddings needs {missing} among its files"),
        );
    }
    refused(&encoder("classifier", &whole), 17, "role: unknown variant");
    let templated = encoder("embeddings", &whole)
        + &format!("chat_template = {{ path = \"config.json\", sha256 = \"{HASH}\" }}\n");
    refused(&templated, 17, "no use for a chat_template");
    let suspended = encoder("embeddings", &whole)
        .replace("\nstatus = \"approved\"\nrole", "\nstatus = \"suspended\"\nrole");
    let registry = Registry::parse(&suspended, "models.toml").unwrap();
    let error = registry.encoder("rose", Role::Embeddings, std::path::Path::new("/nowhere")).unwrap_err();
    assert!(matches!(error, Error::NotApproved { .. }), "{error}");
    // What generates is the default, and nothing else.
    let text = with("default = true\n", "") + &encoder("embeddings", &whole)[entry().len()..];
    let text = text.replace("id = \"rose\"\n", "id = \"rose\"\ndefault = true\n");
    refused(&text, 15, "the default model is one that generates");
}

#[test]
fn a_file_may_lie_elsewhere_at_its_source() {
    let within = |from: &str| {
        with("path = \"tulip.gguf\"", &format!("path = \"tulip.gguf\", from = \"{from}\""))
            .replace("pack/tulip.gguf", "pack/")
    };
    let registry = Registry::parse(&within("1_Pooling/config.json"), "models.toml").unwrap();
    assert_eq!(registry.entry("tulip").unwrap().files[0].from.as_deref(), Some("1_Pooling/config.json"));
    for from in ["", "..", "../x", "/etc/passwd", "a//b", "a/../b", ".hidden", "a b", "a/"] {
        refused(&within(from), 7, "from: must be a path below the source");
    }
    // The source is a folder then.
    let text = with("path = \"tulip.gguf\"", "path = \"tulip.gguf\", from = \"x.gguf\"");
    refused(&text, 5, "must end in /");
}

#[test]
fn templates() {
    refused(&with("embedded = true", "embedded = false"), 9, "either embedded = true or path");
    refused(&with("embedded = true", "embedded = true, path = \"tulip.gguf\""), 9, "either");
    refused(&with("embedded = true", "path = \"other.jinja\""), 9, "must be one of files");
    assert!(Registry::parse(&with("embedded = true", "path = \"tulip.gguf\""), "x").is_ok());
}

#[test]
fn sources() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let right = "source = { pypi = \"pack\", version = \"1.0\", member = \"pack/tulip.gguf\" }";
    let source = |keys: &str| with(right, &format!("source = {{ {keys} }}"));
    for keys in [
        format!("hf = \"owner/name\", revision = \"{commit}\""),
        format!("hf = \"owner/name\", revision = \"{commit}\", folder = \"a/b/\""),
        "https = \"https://example.org/tulip.gguf\"".to_owned(),
        "file = \"/srv/tulip.gguf\"".to_owned(),
    ] {
        assert!(Registry::parse(&source(&keys), "x").is_ok(), "{keys}");
    }
    for (keys, expected) in [
        ("", "not nothing"),
        ("pypi = \"pack\"", "give one of"),
        ("https = \"https://x/\", file = \"/x\"", "https, file"),
        ("pypi = \"--index-url\", version = \"1\", member = \"m\"", "package name"),
        ("pypi = \"pack\", version = \"1 --pre\", member = \"m\"", "exact version"),
        ("pypi = \"pack\", version = \"1.*\", member = \"m\"", "exact version"),
        ("hf = \"owner/name\"", "give one of"),
        ("hf = \"owner/name\", revision = \"main\"", "must be a commit"),
        (&format!("hf = \"owner/../name\", revision = \"{commit}\""), "owner/name"),
        (&format!("hf = \"name\", revision = \"{commit}\""), "owner/name"),
        (&format!("hf = \"o/n\", revision = \"{commit}\", folder = \"../\""), "folder"),
        (&format!("hf = \"o/n\", revision = \"{commit}\", folder = \"a\""), "folder"),
        ("https = \"http://example.org/tulip.gguf\"", "starts with https://"),
        ("https = \"ftp://example.org/tulip.gguf\"", "starts with https://"),
        ("https = \"https:///tulip.gguf\"", "starts with https://"),
        ("https = \"https://me:secret@example.org/tulip.gguf\"", "user name"),
        ("https = \"https://example.org/tu lip\"", "starts with https://"),
        ("file = \"tulip.gguf\"", "absolute"),
    ] {
        refused(&source(keys), 5, expected);
    }
    let more = format!("size_bytes = 10 }}, {{ path = \"b\", sha256 = \"{HASH}\", size_bytes = 1 }},");
    let two = with("size_bytes = 10 },", &more);
    refused(&two, 5, "must end in /");
    assert!(Registry::parse(&two.replace("pack/tulip.gguf", "pack/"), "x").is_ok());
}

#[test]
fn limits_evaluations_and_approvals() {
    refused(&with("context_tokens = 8192", "context_tokens = 0"), 13, "context_tokens");
    refused(&with("[\"en\", \"nl\"]", "[]"), 13, "languages");
    refused(&with("\"nl\"", "\"Nederlands, Vlaams\""), 13, "languages");
    // One place of truth: what was measured is signed, and lies with the policy.
    refused(&(entry() + "[[model.evaluation]]\nsuite = \"s\"\n"), 14, "policy folder");
    let approval = |day: &str| {
        format!("[[model.approval]]\nrole = \"cio\"\nkey = \"k\"\nsignature = \"s\"\ndate = \"{day}\"\n")
    };
    assert!(Registry::parse(&(entry() + &approval("2026-12-31")), "x").is_ok());
    for day in ["today", "2026-13-01", "2026-00-10", "2026-01-32", "26-01-01"] {
        refused(&(entry() + &approval(day)), 14, "date: must be a day as YYYY-MM-DD");
    }
}

#[test]
fn a_cut_file_never_panics() {
    let text = entry();
    let outcomes: Vec<_> = (0..=text.len())
        .filter_map(|at| text.get(..at))
        .map(|part| Registry::parse(part, "models.toml").map_err(|error| error.to_string()))
        .collect();
    assert!(outcomes.last().is_some_and(Result::is_ok));
    assert!(outcomes.iter().flat_map(|outcome| outcome.as_ref().err()).all(|text| text.contains(" line ")));
}
