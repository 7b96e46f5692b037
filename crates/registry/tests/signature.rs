//! Signatures of models: bundles of the reference program, and every way to tamper with one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registry::{Curve, Error, PinRequest, PinSignature, PublicKey, Registry, pin, verify_signature};
use sha2::{Digest, Sha256};

#[path = "../fuzz/entries.rs"]
mod entries;

/// An empty GGUF file: magic, version 3, no tensors, no pairs.
const FIRST: &[u8] = b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const SECOND: &[u8] = b"more weights of a tulip\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signatures").join(name)
}

fn bundle(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn key(name: &str) -> PublicKey {
    PublicKey::from_pem(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

fn hash(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

fn verify(bundle: &[u8], key: &PublicKey) -> Result<registry::SignatureReport, String> {
    verify_signature(bundle, key, &[("tulip.gguf", hash(FIRST))], "")
}

#[test]
fn what_the_reference_program_signed_holds() {
    for (name, curve) in [("p256", Curve::P256), ("p384", Curve::P384)] {
        let (bundle, key) = (bundle(&format!("{name}.sig")), key(&format!("{name}.pub")));
        let report = verify(&bundle, &key).unwrap();
        assert_eq!((report.curve, report.name.as_str()), (curve, "tulip"));
        assert_eq!(report.not_pinned, ["README.md", "gguf/tulip-2.gguf"]);
        let pem = std::fs::read(path(&format!("{name}.pub"))).unwrap();
        assert_eq!(report.key_sha256, hex::encode(hash(&pem)), "as sha256sum says of the file");
        // Of a folder on a hub that was signed whole.
        let below = [("tulip-2.gguf", hash(SECOND))];
        assert!(verify_signature(&bundle, &key, &below, "gguf/").is_ok());
        let both = [("tulip.gguf", hash(FIRST)), ("tulip-2.gguf", hash(SECOND))];
        assert_eq!(verify_signature(&bundle, &key, &both, "gguf/").unwrap().not_pinned, ["README.md"]);
    }
}

#[test]
fn files_that_were_not_signed() {
    let (bundle, key) = (bundle("p256.sig"), key("p256.pub"));
    for (file, sha256, folder, expected) in [
        ("tulip.gguf", hash(SECOND), "", "signed with sha256"),
        ("rose.gguf", hash(FIRST), "", "not among the signed files"),
        ("tulip-2.gguf", hash(SECOND), "", "not among the signed files"),
        ("notes.gguf", hash(b"not signed\n"), "left-out/", "left out when the model was signed"),
        ("model.sig", hash(b""), "", "not among the signed files"),
        (".git", hash(b""), "", "left out when the model was signed"),
    ] {
        let error = verify_signature(&bundle, &key, &[(file, sha256)], folder).unwrap_err();
        assert!(error.starts_with(file) && error.contains(expected), "{error}");
    }
}

#[test]
fn another_key_another_curve_another_form() {
    for (signed, with, expected) in [
        ("p256.sig", "p384.pub", "names another key"),
        ("p384.sig", "p256.pub", "names another key"),
        ("shards.sig", "p256.pub", "lists shards by sha256"),
    ] {
        let error = verify(&bundle(signed), &key(with)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let pem = std::fs::read_to_string(path("p521.pub")).unwrap();
    assert!(PublicKey::from_pem(&pem).unwrap_err().contains("P-256 or P-384"));
    let right = std::fs::read_to_string(path("p256.pub")).unwrap();
    for wrong in ["", "x", &right[..100], &right.replace("PUBLIC", "PRIVATE"), &right.replace('M', "*")] {
        assert!(PublicKey::from_pem(wrong).is_err(), "{wrong}");
    }
    // However it is laid out, it is the same key.
    let crowded =
        right.replace('\n', " ").replace("-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n");
    assert_eq!(PublicKey::from_pem(&crowded).unwrap().pem(), right);
}

#[test]
fn every_byte_counts() {
    for name in ["p256", "p384"] {
        let (bundle, key) = (bundle(&format!("{name}.sig")), key(&format!("{name}.pub")));
        assert!(verify(&bundle, &key).is_ok());
        for at in 0..bundle.len() {
            let mut tampered = bundle.clone();
            tampered[at] ^= 1 << (at % 7);
            let error = verify(&tampered, &key).expect_err(&format!("byte {at} is not looked at"));
            assert!(!error.is_empty());
            assert!(verify(&bundle[..at], &key).is_err(), "cut at {at}");
        }
    }
}

/// The bundle with its unsigned part changed, as JSON.
fn changed(change: impl Fn(&mut serde_json::Value)) -> String {
    let mut json: serde_json::Value = serde_json::from_slice(&bundle("p256.sig")).unwrap();
    change(&mut json);
    verify(json.to_string().as_bytes(), &key("p256.pub")).map(|_| ()).unwrap_err()
}

#[test]
fn parts_that_nothing_signs() {
    let envelope = |name: &'static str, value: &'static str| {
        changed(move |json| json["dsseEnvelope"][name] = value.into())
    };
    assert!(changed(|json| json["mediaType"] = "application/json".into()).contains("mediaType"));
    assert!(envelope("payloadType", "text/plain").contains("payloadType"));
    assert!(envelope("payload", "e30=").contains("does not verify"));
    assert!(envelope("payload", "e30").contains("payload is not base64"));
    assert!(changed(|json| json["dsseEnvelope"]["signatures"][0]["sig"] = "".into()).contains("not verify"));
    assert!(
        changed(|json| json["dsseEnvelope"]["signatures"] = serde_json::json!([])).contains("0 signatures")
    );
    let twice = changed(|json| {
        let one = json["dsseEnvelope"]["signatures"][0].clone();
        json["dsseEnvelope"]["signatures"] = serde_json::json!([one, one]);
    });
    assert!(twice.contains("2 signatures"), "{twice}");
    let logged = changed(|json| json["verificationMaterial"]["tlogEntries"] = serde_json::json!([{}]));
    assert!(logged.contains("transparency log"), "{logged}");
    let keyid = changed(|json| json["dsseEnvelope"]["signatures"][0]["keyid"] = "other".into());
    assert!(keyid.contains("keyid"), "{keyid}");
    let certificate = changed(|json| {
        json["verificationMaterial"] = serde_json::json!({ "certificate": { "rawBytes": "" } });
    });
    assert!(certificate.contains("no Sigstore bundle that a key signed"), "{certificate}");
    assert!(changed(|json| json["extra"] = 1.into()).contains("unknown field"));
    // Without a hint the pinned key decides alone.
    let mut json: serde_json::Value = serde_json::from_slice(&bundle("p256.sig")).unwrap();
    json["verificationMaterial"]["publicKey"] = serde_json::json!({});
    assert!(verify(json.to_string().as_bytes(), &key("p256.pub")).is_ok());
}

fn entry(bundle: &str, pem: &str) -> String {
    format!(
        "[[model]]\nid = \"tulip\"\ndefault = true\nstatus = \"approved\"\nsource = {{ file = \"/x/tulip.gguf\" }}\n\
         files = [{{ path = \"tulip.gguf\", sha256 = \"{}\", size_bytes = {} }}]\nlicense = \"CC0-1.0\"\n\
         signature = {{ bundle = \"{bundle}\", key = \"{}\" }}\n\
         limits = {{ context_tokens = 8, languages = [\"nl\"] }}\n",
        hex::encode(hash(FIRST)),
        FIRST.len(),
        pem.replace('\n', "\\n")
    )
}

#[test]
fn a_model_whose_signature_fails_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, store) = (folder.path().join("models.toml"), folder.path().join("store"));
    std::fs::create_dir_all(store.join("tulip")).unwrap();
    std::fs::write(store.join("tulip/tulip.gguf"), FIRST).unwrap();
    let pem = std::fs::read_to_string(path("p256.pub")).unwrap();
    std::fs::write(&manifest, entry("signed/tulip.sig", &pem)).unwrap();
    let load = || Registry::load(&manifest).unwrap();

    let error = load().pinned("tulip", &store).unwrap_err();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
    assert!(error.to_string().contains("signed/tulip.sig: cannot read"), "{error}");
    std::fs::create_dir(folder.path().join("signed")).unwrap();
    let place = folder.path().join("signed/tulip.sig");
    std::fs::copy(path("p256.sig"), &place).unwrap();
    assert_eq!(load().pinned("tulip", &store).unwrap().len(), 1);
    assert_eq!(load().signature("tulip").unwrap().unwrap().name, "tulip");
    assert!(load().verify("tulip", &store, &mut |_, _| {}).unwrap().holds());

    std::fs::copy(path("p384.sig"), &place).unwrap();
    let error = load().pinned("tulip", &store).unwrap_err().to_string();
    assert!(error.contains("names another key"), "{error}");
    let report = load().verify("tulip", &store, &mut |_, _| {}).unwrap();
    assert!(!report.holds() && report.files[0].1.is_ok() && report.signature.unwrap().is_err());

    // The pinned hash changed, and the signature is about the other one.
    std::fs::copy(path("p256.sig"), &place).unwrap();
    let other =
        entry("signed/tulip.sig", &pem).replace(&hex::encode(hash(FIRST)), &hex::encode(hash(SECOND)));
    std::fs::write(&manifest, other).unwrap();
    let error = load().pinned("tulip", &store).unwrap_err().to_string();
    assert!(error.contains("tulip.gguf: signed with sha256"), "{error}");

    // Without a file of its own there is no folder to look in.
    let built_in = Registry::parse(&entry("tulip.sig", &pem), "models.toml (built in)").unwrap();
    assert!(built_in.pinned("tulip", &store).unwrap_err().to_string().contains("--models FILE"));
    for wrong in ["../tulip.sig", "/tulip.sig", "", ".sig", "a//b"] {
        let error = Registry::parse(&entry(wrong, &pem), "models.toml").unwrap_err().to_string();
        assert!(error.contains("models.toml line 8: signature: bundle must be a path"), "{error}");
    }
    let error = Registry::parse(&entry("tulip.sig", "x"), "models.toml").unwrap_err().to_string();
    assert!(error.contains("line 8: signature: the key must be PEM"), "{error}");
}

#[test]
fn a_pin_takes_a_signature_that_holds_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tulip.gguf");
    std::fs::write(&file, FIRST).unwrap();
    let request = |key: &str| PinRequest {
        id: "tulip".to_owned(),
        paths: vec![file.clone()],
        signature: Some(PinSignature { bundle: path("p256.sig"), key: path(key) }),
    };
    let entry = pin(&request("p256.pub"), &mut |_, _| {}).unwrap();
    let manifest = folder.path().join("models.toml");
    let entry = entry.replacen("status = \"proposed\"", "default = true\nstatus = \"approved\"", 1);
    std::fs::write(&manifest, entry).unwrap();
    std::fs::copy(path("p256.sig"), folder.path().join("p256.sig")).unwrap();
    let registry = Registry::load(&manifest).unwrap();
    let report = registry.signature("tulip").unwrap().unwrap();
    assert_eq!(report.key_sha256, key("p256.pub").sha256_hex());
    assert_eq!(registry.entry("tulip").unwrap().signature.as_ref().unwrap().key, key("p256.pub"));

    let error = pin(&request("p384.pub"), &mut |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("the signature: it names another key"), "{error}");
    std::fs::write(&file, [FIRST, b"more"].concat()).unwrap();
    let error = pin(&request("p256.pub"), &mut |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("the signature: tulip.gguf: signed with sha256"), "{error}");
}

#[test]
fn the_default_model_signed_by_the_reference_program() {
    let registry = Registry::embedded().unwrap();
    let model = registry.default_model().unwrap();
    let files: Vec<_> = model.files.iter().map(|file| (file.path.as_str(), file.sha256)).collect();
    let report = verify_signature(&bundle("smollm2.sig"), &key("smollm2.pub"), &files, "").unwrap();
    assert!(report.not_pinned.is_empty(), "{report:?}");
}

#[test]
fn what_the_fuzzer_starts_from() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/signature");
    let mut seen = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        let bytes = std::fs::read(seed.unwrap().path()).unwrap();
        entries::signature(&bytes);
        for at in 0..bytes.len() {
            entries::signature(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] = changed[at].wrapping_add(13);
            entries::signature(&changed);
        }
        seen += 1;
    }
    assert!(seen >= 3, "seeds are missing");
    // What is in the payload is looked at only behind a signature: the fuzzer gets at it directly.
    let json: serde_json::Value = serde_json::from_slice(&bundle("p256.sig")).unwrap();
    let payload = STANDARD.decode(json["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    entries::signature(&payload);
}
