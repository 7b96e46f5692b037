//! Signatures of models: OpenSSF Model Signing v1.0 with a key.
//!
//! A Sigstore bundle (v0.3) with one DSSE envelope (v1.0) around an in-toto statement (v1) whose predicate lists each
//! file with its SHA-256. The key is pinned in `models.toml`; certificates and transparency logs are not looked at, and
//! a bundle that leans on them is refused. Sources: <https://github.com/ossf/model-signing-spec>,
//! <https://github.com/sigstore/protobuf-specs>, <https://github.com/secure-systems-lab/dsse>.

mod bundle;
mod key;

use std::collections::BTreeSet;

pub use bundle::BUNDLE_BYTES_MAX;
pub use key::{Curve, PublicKey};

use bundle::{Resource, Statement};

/// The signature that an entry of `models.toml` pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignaturePin {
    /// The bundle's path, relative to the folder of `models.toml`, `/` between names.
    pub bundle: String,
    /// The key that must have made it.
    pub key: PublicKey,
}

/// What a signature that holds says of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureReport {
    /// SHA-256 of the key, 64 hexadecimal digits: of its PEM file, as the bundle names it.
    pub key_sha256: String,
    /// Its curve.
    pub curve: Curve,
    /// What the signer called the model. Informative: it may be another name than here.
    pub name: String,
    /// Files that were signed and are not among those of the model here; they are not loaded either.
    pub not_pinned: Vec<String>,
}

/// Verifies `bundle` by `key`, over `files`: name and SHA-256 of each. `folder` is where the files lay when they were
/// signed, empty or ending in `/`.
///
/// # Errors
/// Why it does not hold, in words: it is no such bundle, the key did not make it, it contradicts itself, or it does
/// not list one of the files with this hash.
pub fn verify_signature(
    bundle: &[u8],
    key: &PublicKey,
    files: &[(&str, [u8; 32])],
    folder: &str,
) -> Result<SignatureReport, String> {
    let payload = bundle::signed_payload(bundle, key)?;
    let Statement { name, ignored, resources } = Statement::parse(&payload)?;
    let mut vouched = BTreeSet::new();
    for (file, sha256) in files {
        let inside = format!("{folder}{file}");
        let listed = resources.iter().find(|resource| resource.name == inside || resource.name == *file);
        let Some(Resource { name, sha256: signed }) = listed else {
            let on_list = ignored.iter().any(|path| below(&inside, path) || below(file, path));
            let why = if on_list {
                "it was left out when the model was signed"
            } else {
                "it is not among the signed files"
            };
            return Err(format!("{file}: {why}"));
        };
        if signed != sha256 {
            let (signed, here) = (hex::encode(signed), hex::encode(sha256));
            return Err(format!("{file}: signed with sha256 {signed}, and here it has {here}"));
        }
        vouched.insert(name);
    }
    let not_pinned = resources.iter().filter(|resource| !vouched.contains(&resource.name));
    Ok(SignatureReport {
        key_sha256: key.sha256_hex(),
        curve: key.curve(),
        not_pinned: not_pinned.map(|resource| resource.name.clone()).collect(),
        name,
    })
}

/// The files that a signed statement lists, with their hashes. Whether it was signed is not asked: for fuzzing.
///
/// # Errors
/// What is wrong with it, in words.
#[doc(hidden)]
pub fn signed_files(statement: &[u8]) -> Result<Vec<(String, [u8; 32])>, String> {
    let statement = Statement::parse(statement)?;
    Ok(statement.resources.into_iter().map(|resource| (resource.name, resource.sha256)).collect())
}

/// Whether `path` is `folder` or lies below it.
fn below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
