//! Who imports whom. The table is the design; the manifests have to follow it.

use super::manifest_line;
use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

/// Every crate of the workspace and the siblings that it may name.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "proeftuin",
        &[
            "server",
            "eval",
            "evidence",
            "identity",
            "registry",
            "provenance",
            "policy",
            "redact",
            "ledger",
            "hardening",
            "gateway",
        ],
    ),
    ("server", &["gateway"]),
    ("eval", &["gateway", "policy", "engine"]),
    ("gateway", &["policy", "identity", "redact", "provenance", "ledger", "tokenizer", "registry", "engine"]),
    ("engine", &["weights", "kernels"]),
    ("evidence", &["policy", "registry"]),
    ("registry", &["weights"]),
    ("weights", &["kernels"]),
    ("policy", &[]),
    ("identity", &[]),
    ("redact", &[]),
    ("provenance", &[]),
    ("ledger", &[]),
    ("tokenizer", &[]),
    ("kernels", &[]),
    ("hardening", &[]),
    ("xtask", &[]),
    // For tests only, so it may build whatever a test needs; nobody ships it, which the check holds.
    (
        "testkit",
        &[
            "server",
            "gateway",
            "policy",
            "redact",
            "provenance",
            "ledger",
            "tokenizer",
            "registry",
            "engine",
            "weights",
            "kernels",
        ],
    ),
];

const DEV_ONLY: &str = "testkit";

pub(super) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in metadata.members() {
        let manifest = metadata.relative(&package.manifest_path);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let what = format!("crate `{}` is not in the table of arrows", package.name);
            found.push(Violation::new(
                &manifest,
                1,
                what,
                "give it a row in crates/xtask/src/checks/arrows.rs and a place in crates/README.md",
            ));
            continue;
        };
        for dependency in
            package.dependencies.iter().filter(|dependency| metadata.is_member(&dependency.name))
        {
            let name = dependency.name.as_str();
            let as_dev = dependency.is_dev() && (name == DEV_ONLY || name == package.name);
            if allowed.contains(&name) || as_dev {
                continue;
            }
            let line = manifest_line(tree, &manifest, name);
            let what = format!("`{}` may not depend on `{name}`", package.name);
            found.push(Violation::new(&manifest, line, what, remedy(name, allowed)));
        }
    }
    found
}

fn remedy(name: &str, allowed: &[&str]) -> String {
    if name == DEV_ONLY {
        return "name it under dev-dependencies only".into();
    }
    match allowed {
        [] => "it imports no sibling; take plain values, and let the caller join the two".into(),
        some => format!(
            "it may name {}; the map in crates/README.md says where the rest is joined",
            some.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(members: &[(&str, &[(&str, &str)])]) -> Vec<String> {
        check(&Tree::of(&[]), &Metadata::of(members)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_design_passes() {
        let members: &[(&str, &[(&str, &str)])] = &[
            ("proeftuin", &[("server", ""), ("testkit", "dev")]),
            ("server", &[("gateway", ""), ("testkit", "dev")]),
            ("gateway", &[]),
            ("testkit", &[("gateway", "")]),
        ];
        assert_eq!(found(members), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_against_the_design_is_found() {
        let lines = found(&[("server", &[("engine", "")]), ("engine", &[("server", "dev")])]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with(
            "crates/server/Cargo.toml:1: `server` may not depend on `engine`; it may name gateway"
        ));
        assert!(lines[1].contains("`engine` may not depend on `server`"));
    }

    #[test]
    fn the_testkit_is_for_tests() {
        let lines = found(&[
            ("policy", &[("testkit", "")]),
            ("proeftuin", &[("testkit", "build")]),
            ("testkit", &[]),
        ]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].ends_with("name it under dev-dependencies only"));
    }

    #[test]
    fn nobody_names_xtask() {
        assert_eq!(found(&[("redact", &[("xtask", "dev")]), ("xtask", &[])]).len(), 1);
    }

    #[test]
    fn an_unknown_crate_is_found() {
        let lines = found(&[("utils", &[])]);
        assert!(lines[0].contains("crate `utils` is not in the table of arrows"), "{lines:?}");
    }

    #[test]
    fn the_line_of_the_dependency_is_named() {
        let tree = Tree::of(&[(
            "crates/server/Cargo.toml",
            "[package]\n\n[dependencies]\nengine-x = 1\nengine.workspace = true\n",
        )]);
        let metadata = Metadata::of(&[("server", &[("engine", "")]), ("engine", &[])]);
        assert_eq!(check(&tree, &metadata)[0].line, 5);
    }
}
