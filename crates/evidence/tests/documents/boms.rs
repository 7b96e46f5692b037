//! The bill of materials: deterministic, and nothing that `models.toml` does not say. It was held against the official
//! schema by PyPI cyclonedx-python-lib, which this repository does not carry.

use evidence::ml_bom;
use registry::Registry;
use serde_json::Value;

use crate::house::{NOW_MS, objections};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_bill_of_a_model_with_everything() {
    let house = objections();
    let bom = ml_bom(house.registry.models(), Some(NOW_MS));
    insta::assert_snapshot!(
        "bom",
        bom.replace(env!("CARGO_PKG_VERSION"), "VERSION").replace(serial(&bom), "SERIAL")
    );
    assert_eq!(bom, ml_bom(house.registry.models(), Some(NOW_MS)), "the same bytes each time");
    let uuid = serial(&bom).strip_prefix("urn:uuid:").unwrap();
    let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!((&uuid[14..15], &uuid[19..20]), ("8", "8"), "a UUID of version 8 and variant 1: {uuid}");
    // Another moment, or none, is another bill.
    assert_ne!(serial(&bom), serial(&ml_bom(house.registry.models(), Some(NOW_MS + 1))));
    let without = ml_bom(house.registry.models(), None);
    assert_ne!(serial(&bom), serial(&without));
    assert!(parsed(&without)["metadata"].get("timestamp").is_none());
}

fn serial(bom: &str) -> &str {
    bom.split('"').find(|part| part.starts_with("urn:uuid:")).unwrap()
}

#[test]
fn what_is_unknown_is_said_so_and_not_invented() {
    let hash = "0".repeat(64);
    let entry = format!(
        "[[model]]\nid = \"bare\"\ndefault = true\nstatus = \"proposed\"\nsource = {{ file = \"/x/\" }}\n\
         files = [{{ path = \"a\", sha256 = \"{hash}\", size_bytes = 1 }}, {{ path = \"b\", sha256 = \"{hash}\", \
         size_bytes = 1 }}]\nlicense = \"unknown\"\nlimits = {{ context_tokens = 1, languages = [\"und\"] }}\n"
    );
    let registry = Registry::parse(&entry, "models.toml").unwrap();
    let bom = parsed(&ml_bom(registry.models(), None));
    let model = &bom["components"][0];
    for absent in ["licenses", "supplier", "manufacturer", "pedigree", "modelCard", "description"] {
        assert!(model.get(absent).is_none(), "{absent}");
    }
    assert_eq!(model["hashes"].as_array().unwrap().len(), 0, "two files have no hash together");
    assert_eq!(model["components"].as_array().unwrap().len(), 2);
    assert!(!bom.to_string().contains("/x/"), "no path of a machine");
    let embedded = Registry::embedded().unwrap();
    let bom = parsed(&ml_bom(embedded.models(), None));
    let model = &bom["components"][0];
    assert_eq!(model["licenses"][0]["expression"], "Apache-2.0");
    assert_eq!(model["hashes"][0]["content"], model["components"][0]["hashes"][0]["content"]);
    assert_eq!(model["pedigree"]["ancestors"].as_array().unwrap().len(), 3);
    let unknown = serde_json::json!({ "name": "proeftuin:opt-outs-honoured", "value": "unknown" });
    assert!(model["properties"].as_array().unwrap().contains(&unknown));
}
