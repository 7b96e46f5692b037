//! Crates from elsewhere that carry an invariant: some belong to one room, some to none.

use super::manifest_line;
use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

/// A dependency, the rooms that may name it, and the invariant that it carries. Tests may name it anywhere.
const OWNED: &[(&str, &[&str], &str)] = &[
    ("axum", &["server"], "only server knows HTTP"),
    ("hyper", &["server"], "only server knows HTTP"),
    ("tower", &["server"], "only server knows HTTP"),
    ("tower-http", &["server"], "only server knows HTTP"),
    ("hf-hub", &["registry"], "only registry fetches"),
    ("reqwest", &["registry"], "only registry fetches"),
    (
        "ureq",
        &["registry", "proeftuin", "eval"],
        "only registry fetches; `chat` and the load generator speak to a server",
    ),
    ("candle-core", &["engine"], "devices and tensors are the engine's"),
    ("candle-nn", &["engine"], "devices and tensors are the engine's"),
    ("candle-transformers", &["engine"], "devices and tensors are the engine's"),
    ("cedar-policy", &["policy"], "rules are judged in one place"),
    ("ring", &["identity", "registry"], "signatures of tokens and of models are each verified in one place"),
    ("rusqlite", &["ledger"], "while serving, only provenance and ledger write durable state"),
    ("tokio-postgres", &["ledger"], "while serving, only provenance and ledger write durable state"),
    ("tokenizers", &["tokenizer"], "text becomes tokens in one place"),
    ("minijinja", &["tokenizer"], "a chat template is code and runs in one place"),
    (
        "llguidance",
        &["tokenizer"],
        "a grammar is matched against text, and only the tokenizer has both it and ids",
    ),
    ("memmap2", &["weights", "kernels"], "mapping a file is unsafe, and unsafe has its rooms"),
];

/// Dependencies that may not be in the lock file at all, not even behind a feature, and why.
const BANNED: &[(&str, &str)] = &[
    ("native-tls", "it is a second TLS stack, taken from the system; rustls is the one"),
    ("openssl-sys", "it is a second TLS stack, taken from the system; rustls is the one"),
    ("aws-lc-sys", "it is a large C library beside ring, which rustls uses already"),
    ("onig_sys", "it is a C regex engine; the tokenizers run on fancy-regex"),
    ("candle-datasets", "it loads training data, and nothing is trained here"),
    ("candle-optimisers", "it trains, and nothing is trained here"),
    ("sentry", "it sends reports out of the house, and a report may hold content"),
    ("posthog-rs", "it sends usage out of the house"),
];

pub(super) fn owned(tree: &Tree, metadata: &Metadata) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in metadata.members().filter(|package| package.name != "testkit") {
        let manifest = metadata.relative(&package.manifest_path);
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.is_dev()) {
            let Some((name, rooms, why)) = OWNED.iter().find(|(name, ..)| *name == dependency.name) else {
                continue;
            };
            if rooms.contains(&package.name.as_str()) {
                continue;
            }
            let written = dependency.rename.as_deref().unwrap_or(name);
            let line = manifest_line(tree, &manifest, written);
            let what = format!("`{}` names `{name}`, but {why}", package.name);
            found.push(Violation::new(&manifest, line, what, format!("go through {}", rooms.join(" or "))));
        }
    }
    found
}

pub(super) fn banned(tree: &Tree, _: &Metadata) -> Vec<Violation> {
    let Some(lock) = tree.file("Cargo.lock") else { return Vec::new() };
    let name = |line: &str| line.strip_prefix("name = \"")?.strip_suffix('"').map(str::to_owned);
    let named = lock.lines().filter_map(|(number, line)| Some((number, name(line)?)));
    named
        .filter_map(|(number, name)| {
            let (_, why) = BANNED.iter().find(|(banned, _)| *banned == name)?;
            let what = format!("`{name}` is locked, but {why}");
            Some(Violation::new(
                "Cargo.lock",
                number,
                what,
                format!("`cargo tree --invert {name} --target all` says who asks for it; take fewer features there"),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_outside_its_room_is_found() {
        let tree = Tree::of(&[("crates/policy/Cargo.toml", "[package]\n[dependencies]\naxum = \"1\"\n")]);
        let metadata = Metadata::of(&[("policy", &[("axum", ""), ("serde", "")])]);
        let found = owned(&tree, &metadata);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].to_string(),
            "crates/policy/Cargo.toml:3: `policy` names `axum`, but only server knows HTTP; go through server"
        );
    }

    #[test]
    fn its_room_and_the_tests_may_name_it() {
        let metadata = Metadata::of(&[
            ("server", &[("axum", "")]),
            ("policy", &[("axum", "dev")]),
            ("testkit", &[("axum", "")]),
        ]);
        assert_eq!(owned(&Tree::of(&[]), &metadata), Vec::new());
    }

    #[test]
    fn a_banned_dependency_is_found_in_the_lock() {
        let tree = Tree::of(&[(
            "Cargo.lock",
            "[[package]]\nname = \"serde\"\n\n[[package]]\nname = \"openssl-sys\"\n",
        )]);
        let found = banned(&tree, &Metadata::of(&[]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 5);
        assert!(found[0].what.contains("second TLS stack"));
    }
}
