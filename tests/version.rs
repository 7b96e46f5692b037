//! A build says what it is: its digest, and every crate in it as the lock file has them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::harness::{checkout, run};

fn sbom() -> Value {
    serde_json::from_str(&run(&["version", "--output", "sbom"]).ok()).unwrap()
}

/// Checksums of the lock file by package URL.
fn locked() -> BTreeMap<String, String> {
    let lock = std::fs::read_to_string(checkout().join("Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap().iter();
    let row = |package: &toml::Value| {
        let text = |key: &str| package.get(key)?.as_str();
        Some((format!("pkg:cargo/{}@{}", text("name")?, text("version")?), text("checksum")?.to_owned()))
    };
    packages.filter_map(row).collect()
}

#[test]
fn a_build_tells_its_own_digest() {
    let bytes = std::fs::read(env!("CARGO_BIN_EXE_proeftuin")).unwrap();
    let sha256 = hex::encode(Sha256::digest(bytes));
    let told: Value = serde_json::from_str(&run(&["version", "--output", "json"]).ok()).unwrap();
    assert_eq!(told["sha256"], sha256);
    assert!(told["compiler"].as_str().unwrap().starts_with("rustc 1."), "{told}");
    let text = run(&["version"]).ok();
    assert!(text.starts_with("proeftuin 0.") && text.contains(&sha256), "{text}");
    assert_eq!(sbom()["metadata"]["component"]["hashes"][0]["content"], sha256);
}

#[test]
fn the_bill_of_materials_is_what_the_lock_file_has_and_closed() {
    let (sbom, locked) = (sbom(), locked());
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let components = sbom["components"].as_array().unwrap();
    let mut references = BTreeSet::from([sbom["metadata"]["component"]["bom-ref"].as_str().unwrap()]);
    for component in components {
        let reference = component["bom-ref"].as_str().unwrap();
        assert!(references.insert(reference), "{reference} is there twice");
        assert_eq!(component["type"], "library");
        assert!(!component["licenses"][0]["expression"].as_str().unwrap().is_empty(), "{component}");
        if let Some(purl) = component["purl"].as_str() {
            assert_eq!(component["hashes"][0]["content"], locked[purl].as_str(), "{purl}");
        }
    }
    for row in sbom["dependencies"].as_array().unwrap() {
        let depends = row["dependsOn"].as_array().unwrap().iter().chain([&row["ref"]]);
        depends
            .for_each(|name| assert!(references.contains(name.as_str().unwrap()), "{name} is no component"));
    }
    let names: BTreeSet<&str> = components.iter().map(|one| one["name"].as_str().unwrap()).collect();
    for there in ["candle-core", "cedar-policy", "gateway", "kernels", "libsqlite3-sys", "rustls"] {
        assert!(names.contains(there), "no {there}");
    }
    // What only tests or builds is not in the program.
    for absent in ["proptest", "insta", "testkit", "xtask", "cc", "syn", "serde_derive"] {
        assert!(!names.contains(absent), "{absent} is not linked");
    }
    let path = checkout().to_str().unwrap();
    assert!(!sbom.to_string().contains(path), "a path of the machine that built it");
}
