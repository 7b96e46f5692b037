//! From the bytes of a bundle to what was signed. Bytes that nothing signs are held to one form, so that a bundle is
//! either the one that was made or refused.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::PublicKey;

/// Longest bundle that is read, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 8 << 20;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Material {
    public_key: Hint,
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    hint: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    sig: String,
    #[serde(default)]
    keyid: String,
}

/// The payload of a bundle that `key` signed.
pub(super) fn signed_payload(bytes: &[u8], key: &PublicKey) -> Result<Vec<u8>, String> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(format!("the bundle is longer than {BUNDLE_BYTES_MAX} bytes"));
    }
    let bundle: Bundle = serde_json::from_slice(bytes)
        .map_err(|error| format!("it is no Sigstore bundle that a key signed: {error}"))?;
    if bundle.media_type != MEDIA_TYPE {
        return Err(format!("its mediaType is not {MEDIA_TYPE}"));
    }
    let material = bundle.verification_material;
    if !material.tlog_entries.is_empty() {
        return Err(
            "it has entries of a transparency log, which nothing here can check; sign with a key alone"
                .into(),
        );
    }
    let own = key.sha256_hex();
    if material.public_key.hint.is_some_and(|hint| hint != own) {
        return Err(format!("it names another key than the pinned one, whose sha256 is {own}"));
    }
    let envelope = bundle.dsse_envelope;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(format!("its payloadType is not {PAYLOAD_TYPE}"));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Err(format!("it has {} signatures, and must have one", envelope.signatures.len()));
    };
    if !signature.keyid.is_empty() && signature.keyid != own {
        return Err(format!("its keyid names another key than the pinned one, whose sha256 is {own}"));
    }
    let decode = |name: &str, text: &str| {
        STANDARD.decode(text).map_err(|_| format!("its {name} is not base64 with padding"))
    };
    let payload = decode("payload", &envelope.payload)?;
    let sig = decode("sig", &signature.sig)?;
    if !key.verifies(&message(&payload), &sig) {
        return Err("the signature does not verify: the pinned key did not make it, or it was changed".into());
    }
    Ok(payload)
}

/// DSSE v1.0, pre-authentication encoding. `policy/` has these three lines too, and neither room may import the other.
fn message(payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[derive(Deserialize)]
struct StatementJson {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: String,
}

/// Of the predicate; what else it has is to be ignored (Model Signing v1.0).
#[derive(Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<ResourceJson>,
}

#[derive(Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Deserialize)]
struct ResourceJson {
    name: String,
    algorithm: String,
    digest: String,
}

/// A signed file.
pub(super) struct Resource {
    pub name: String,
    pub sha256: [u8; 32],
}

/// What was signed.
pub(super) struct Statement {
    pub name: String,
    pub ignored: Vec<String>,
    pub resources: Vec<Resource>,
}

impl Statement {
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        let json: StatementJson = serde_json::from_slice(payload)
            .map_err(|error| format!("what was signed is no model: {error}"))?;
        if json.kind != STATEMENT_TYPE || json.predicate_type != PREDICATE_TYPE {
            return Err(format!("what was signed is no {PREDICATE_TYPE} in a {STATEMENT_TYPE}"));
        }
        let [subject] = json.subject.as_slice() else {
            return Err(format!("it has {} subjects, and must have one", json.subject.len()));
        };
        let Serialization { method, hash_type, ignore_paths } = json.predicate.serialization;
        if method != "files" || hash_type != "sha256" {
            return Err(format!(
                "it lists {method} by {hash_type}, and only files by sha256 can be compared with pins; have it signed so"
            ));
        }
        let (mut names, mut root, mut resources) = (BTreeSet::new(), Sha256::new(), Vec::new());
        for ResourceJson { name, algorithm, digest } in json.predicate.resources {
            let mut sha256 = [0; 32];
            if algorithm != "sha256" || hex::decode_to_slice(&digest, &mut sha256).is_err() {
                return Err(format!("{}: its digest is no sha256", name.escape_debug()));
            }
            if !names.insert(name.clone()) {
                return Err(format!("{}: it lists this file twice", name.escape_debug()));
            }
            if ignore_paths.iter().any(|path| super::below(&name, path)) {
                return Err(format!("{}: it both signs this file and leaves it out", name.escape_debug()));
            }
            root.update(sha256);
            resources.push(Resource { name, sha256 });
        }
        // The subject's digest is over the digests of the files, in the order in which they are listed.
        if hex::encode(root.finalize()) != subject.digest.sha256 {
            return Err("its root digest is not that of the files it lists".into());
        }
        Ok(Self { name: subject.name.clone(), ignored: ignore_paths, resources })
    }
}
