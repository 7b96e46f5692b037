//! `version`: what this build is. All of it lies in the program's own file (`crates/cli/build.rs`), but for that file's digest.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::args::{Version, VersionOutput};
use crate::office;

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGET: &str = env!("PROEFTUIN_BUILD_TARGET");
const PROFILE: &str = env!("PROEFTUIN_BUILD_PROFILE");
const RUSTC: &str = env!("PROEFTUIN_BUILD_RUSTC");
/// Every crate that is linked in, this program's own among them.
const CRATES: &str = include_str!(concat!(env!("OUT_DIR"), "/crates.json"));

/// A crate of this build.
#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    /// An SPDX expression.
    license: String,
    /// Of its archive in the registry; none for what lies in this program's own repository.
    sha256: Option<String>,
    /// `name@version` of each.
    depends: BTreeSet<String>,
}

impl Crate {
    fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

pub(crate) fn run(version: &Version) -> anyhow::Result<ExitCode> {
    let crates: Vec<Crate> = serde_json::from_str(CRATES).context("the list of crates in this program")?;
    let own_sha256 = hex::encode(office::build_sha256()?);
    let mut out = std::io::stdout();
    match version.output {
        VersionOutput::Text => {
            writeln!(out, "{NAME} {VERSION}")?;
            for (what, said) in facts(&own_sha256) {
                writeln!(out, "{what:<12}{said}")?;
            }
            let ours = crates.iter().filter(|one| one.sha256.is_none()).count();
            writeln!(
                out,
                "{:<12}{}, of which {ours} are its own; --output sbom lists them",
                "crates",
                crates.len()
            )?;
        }
        VersionOutput::Json => {
            let mut told = json!({"name": NAME, "version": VERSION, "crates": crates.len()});
            for (what, said) in facts(&own_sha256) {
                if let Some(told) = told.as_object_mut() {
                    told.insert(what.to_owned(), json!(said));
                }
            }
            writeln!(out, "{told:#}")?;
        }
        VersionOutput::Sbom => writeln!(out, "{:#}", bill(&crates, &own_sha256))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The commit is empty where nobody knew it: in a debug build, and in a source archive without `PROEFTUIN_COMMIT`.
fn commit() -> &'static str {
    let commit = env!("PROEFTUIN_BUILD_COMMIT");
    if commit.is_empty() { "unknown" } else { commit }
}

/// The digest is the one that every log of this program names as `build_sha256`.
fn facts(own_sha256: &str) -> [(&'static str, &str); 5] {
    [
        ("commit", commit()),
        ("sha256", own_sha256),
        ("target", TARGET),
        ("profile", PROFILE),
        ("compiler", RUSTC),
    ]
}

/// CycloneDX 1.6 (ECMA-424). Without a moment and a serial number, so that one build has one bill.
fn bill(crates: &[Crate], own_sha256: &str) -> Value {
    let (own, others): (Vec<&Crate>, Vec<&Crate>) = crates.iter().partition(|one| one.name == NAME);
    let reference =
        |id: &str| crates.iter().find(|one| one.id() == id).map_or_else(|| id.to_owned(), reference);
    let dependencies = crates.iter().map(|one| {
        let depends: Vec<String> = one.depends.iter().map(|id| reference(id)).collect();
        json!({"ref": self::reference(one), "dependsOn": depends})
    });
    let properties =
        facts(own_sha256).map(|(name, value)| json!({"name": format!("{NAME}:{name}"), "value": value}));
    let main = own.first().map(|one| Component {
        hashes: hashes(Some(own_sha256)),
        properties: properties.into(),
        ..Component::of(one, "application")
    });
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": main},
        "components": others.iter().map(|one| Component::of(one, "library")).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    })
}

/// A package URL for what the registry has; for the rest its name in this build.
fn reference(one: &Crate) -> String {
    if one.sha256.is_some() { format!("pkg:cargo/{}", one.id()) } else { one.id() }
}

#[derive(Serialize)]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    licenses: [Value; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Value>,
}

impl<'a> Component<'a> {
    fn of(one: &'a Crate, kind: &'static str) -> Self {
        Self {
            kind,
            reference: reference(one),
            name: &one.name,
            version: &one.version,
            purl: one.sha256.is_some().then(|| reference(one)),
            licenses: [json!({"expression": one.license})],
            hashes: hashes(one.sha256.as_deref()),
            properties: Vec::new(),
        }
    }
}

fn hashes(sha256: Option<&str>) -> Vec<Value> {
    sha256.iter().map(|sha256| json!({"alg": "SHA-256", "content": sha256})).collect()
}
