//! A folder loads whole or not at all, and what is wrong is named with file and line.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use policy::{Error, PolicyFiles, PolicySet};

fn entries() -> BTreeMap<String, String> {
    let files = PolicyFiles::embedded().unwrap();
    files.iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

fn load(entries: BTreeMap<String, String>) -> Result<PolicySet, Error> {
    PolicySet::load(&PolicyFiles::from_entries(entries)?)
}

/// The message when `path` holds `text`.
fn complaint(path: &str, text: &str) -> String {
    let mut entries = entries();
    entries.insert(path.to_owned(), text.to_owned());
    match load(entries) {
        Ok(_) => panic!("{path} was accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn expect(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

const EXTRA: &str = "rules/95-extra.cedar";

fn annotated(rest: &str) -> String {
    format!(
        "// line 1\n\n@id(\"extra\")\n@remedy(\"Do; this // really.\")\n@remedy_nl(\"Doe dit.\")\n{rest}\n"
    )
}

#[test]
fn wrong_rules() {
    let permit = "permit (principal, action, resource);";
    assert!(
        load({
            let mut entries = entries();
            entries.insert(EXTRA.into(), annotated(permit));
            entries
        })
        .is_ok()
    );
    expect(&complaint(EXTRA, &annotated("permit (principal, action, resourc);")), &["95-extra.cedar:6:"]);
    expect(&complaint(EXTRA, &annotated("permit (principal, action, resource)")), &["95-extra.cedar:"]);
    let unknown = annotated("forbid (principal, action, resource)\nwhen {\n  resource.colour == \"red\"\n};");
    expect(&complaint(EXTRA, &unknown), &["95-extra.cedar:8:", "rule \"extra\"", "colour"]);
    let mistyped = annotated("forbid (principal, action, resource)\nwhen { context.now_ms == \"noon\" };");
    expect(&complaint(EXTRA, &mistyped), &["95-extra.cedar:7:", "rule \"extra\""]);
    let other_action = annotated("forbid (principal, action, resource)\nwhen { context.unresolved > 0 };");
    expect(&complaint(EXTRA, &other_action), &["95-extra.cedar:7:", "unresolved"]);
    let never = annotated("forbid (principal, action, resource)\nwhen { resource.kind == \"a\" && false };");
    expect(&complaint(EXTRA, &never), &["95-extra.cedar:", "rule \"extra\""]);
    let slot = annotated("permit (principal == ?principal, action, resource);");
    expect(&complaint(EXTRA, &slot), &["95-extra.cedar:"]);
}

#[test]
fn wrong_annotations() {
    let permit = "permit (principal, action, resource);";
    let with = |annotations: &str| complaint(EXTRA, &format!("\n{annotations}\n{permit}\n"));
    expect(&with(""), &["95-extra.cedar:3:", "a rule without id", "@id", "is missing"]);
    expect(
        &with("@id(\"x\") @remedy_nl(\"x\")"),
        &["95-extra.cedar:2:", "rule \"x\"", "@remedy:", "is missing"],
    );
    expect(&with("@id(\"x\") @remedy(\"x\")"), &["rule \"x\"", "@remedy_nl:", "is missing"]);
    expect(&with("@id(\"x\") @remedy(\" \") @remedy_nl(\"x\")"), &["@remedy:", "is empty"]);
    expect(
        &with("@id(\"x\") @remedy(\"x\") @remedy_nl(\"x\") @severity(\"high\")"),
        &["@severity:", "is unknown"],
    );
    expect(&with("@id(\"x\") @remedy(\"x\") @remedy_nl(\"x\") @class(\"vague\")"), &["@class:"]);
    expect(&with("@id(\"X y\") @remedy(\"x\") @remedy_nl(\"x\")"), &["@id:", "lowercase"]);
    for built_in in ["policy-error", "no-rule-permits", "use-case-unknown", "rules-not-approved"] {
        let message = with(&format!("@id(\"{built_in}\") @remedy(\"x\") @remedy_nl(\"x\")"));
        expect(&message, &[built_in, "built in"]);
    }
}

#[test]
fn one_id_twice_names_both_places() {
    let text =
        "\n@id(\"key-expired\") @remedy(\"x\") @remedy_nl(\"x\")\nforbid (principal, action, resource);\n";
    expect(&complaint(EXTRA, text), &["rules/95-extra.cedar:2", "key-expired", "rules/10-use-case.cedar:"]);
}

#[test]
fn wrong_schema() {
    let schema = entries()["schema.cedarschema"].clone();
    let at = schema.lines().position(|line| line.contains("status: String, // proposed")).unwrap() + 1;
    let broken = schema.replace("status: String, // proposed", "status String, // proposed");
    expect(&complaint("schema.cedarschema", &broken), &[&format!("schema.cedarschema:{at}:")]);
    let unknown_type = schema.replace("in [Role]", "in [Roll]");
    expect(&complaint("schema.cedarschema", &unknown_type), &["schema.cedarschema:", "Roll"]);
    // Sound, but what this program says is not in it, or it asks what this program does not say.
    let asks_more = schema.replace("    loopback: Bool,\n", "    loopback: Bool,\n    weather: String,\n");
    expect(&complaint("schema.cedarschema", &asks_more), &["does not fit this program"]);
    let renamed = schema.replace("organisation: String", "organization: String");
    expect(&complaint("schema.cedarschema", &renamed), &["does not fit this program", "organi"]);
}

#[test]
fn missing_misnamed_and_doubled_files() {
    let mut without_schema = entries();
    without_schema.remove("schema.cedarschema");
    expect(&load(without_schema).unwrap_err().to_string(), &["schema.cedarschema is missing"]);
    let mut without_rules = entries();
    without_rules.retain(|path, _| !path.starts_with("rules/"));
    expect(&load(without_rules).unwrap_err().to_string(), &["rules/*.cedar is missing"]);
    for path in [
        "rules/extra.ceder",
        "rules/sub/extra.cedar",
        "rules/.cedar",
        "use-cases/x.tml",
        "extra.cedar",
        "Rules/a.cedar",
    ] {
        expect(&complaint(path, ""), &[path, "nothing reads a file of this name"]);
    }
    let twice = [("README.md", "a"), ("README.md", "b")];
    expect(&PolicyFiles::from_entries(twice).unwrap_err().to_string(), &["README.md", "twice"]);
}

/// Replaces `from` by `to` in the demo record; gives the complaint and the line it must name.
fn record(from: &str, to: &str) -> (String, String) {
    let text = entries()["use-cases/demo.toml"].clone();
    assert!(text.contains(from), "{from}");
    let line = text[..text.find(from).unwrap()].lines().count() + 1;
    let place = format!("use-cases/demo.toml:{line}:");
    (complaint("use-cases/demo.toml", &text.replacen(from, to, 1)), place)
}

#[test]
fn wrong_records() {
    let table = [
        ("title = ", "titel = ", "titel"),
        ("requests_per_minute = ", "request_per_minute = ", "request_per_minute"),
        ("kind = \"demo\"", "kind = \"production\"", "production"),
        ("status = \"pilot\"", "status = \"running\"", "running"),
        ("max_data_class = \"none\"", "max_data_class = \"secret\"", "secret"),
        ("max_data_class = \"none\"", "max_data_class = \"personal\"", "max_data_class"),
        ("id = \"demo\"", "id = \"other\"", "id"),
        ("revision = 1", "revision = 0", "revision"),
        ("revision = 1", "revision = -1", "-1"),
        ("title = \"Demo\"", "title = \"  \"", "title"),
        ("models = [\"smollm2-135m-instruct\"]", "models = []", "models"),
        ("allowed_roles = [\"demo\"]", "allowed_roles = [\"demo\", \"demo\"]", "allowed_roles"),
        (
            "special_category_action = \"refuse\"",
            "special_category_action = \"allow\"",
            "special_category_action",
        ),
        ("restore_placeholders = false", "restore_placeholders = \"no\"", "restore_placeholders"),
        ("not_before = 2026-01-01T00:00:00Z", "not_before = 2026-01-01T00:00:00", "window.not_before"),
        ("not_after = 2036-01-01T00:00:00Z", "not_after = 2026-01-01T00:00:00Z", "window.not_after"),
        ("tokens_per_request = 65_536", "tokens_per_request = 0", "limits.tokens_per_request"),
        ("kind = \"demo\"", "visible_mark = \" \"\nkind = \"demo\"", "visible_mark"),
        ("kind = \"demo\"", "visible_mark = \"two\\nlines\"\nkind = \"demo\"", "visible_mark"),
        ("tokens_per_request = 65_536", "tokens_per_request = -5", "-5"),
        (
            "tokens_per_day = 50_000_000",
            "requests_per_day = 0\ntokens_per_day = 9",
            "limits.requests_per_day",
        ),
        (
            "tokens_per_day = 50_000_000",
            "key.tokens_per_day = 0\ntokens_per_day = 9",
            "limits.key.tokens_per_day",
        ),
        ("tokens_per_day = 50_000_000", "user.tokens = 1\ntokens_per_day = 9", "tokens"),
    ];
    for (from, to, named) in table {
        let (message, place) = record(from, to);
        // A type that is wrong is reported at the value or its key: the same line.
        expect(&message, &[&place, named]);
    }
    for (key, moved) in [("cio_advice", "= { by = \"CIO\" }"), ("owner_decision", "= true")] {
        let text = format!("{}\n[evidence]\n{key} {moved}\n", entries()["use-cases/demo.toml"]);
        expect(&complaint("use-cases/demo.toml", &text), &["demo.toml:", key, "proeftuin use-case sign"]);
    }
    let text =
        format!("{}\n[model_sha256]\nother = \"{}\"\n", entries()["use-cases/demo.toml"], "a".repeat(64));
    expect(&complaint("use-cases/demo.toml", &text), &["demo.toml:", "model_sha256.other"]);
    let text = entries()["use-cases/demo.toml"].replace("owner = ", "# owner = ");
    expect(&complaint("use-cases/demo.toml", &text), &["use-cases/demo.toml:", "owner"]);
    let evidence = "\n[evidence.dpia]\nsha256 = \"ABC\"\ndate = 2026-01-01T00:00:00Z\nreview_by = 2027-01-01T00:00:00Z\n";
    let text = format!("{}{evidence}", entries()["use-cases/demo.toml"]);
    let line = text.lines().count() - 2;
    expect(
        &complaint("use-cases/demo.toml", &text),
        &[&format!("use-cases/demo.toml:{line}:"), "evidence.dpia.sha256"],
    );
}

#[test]
fn a_record_must_be_the_file_of_its_name() {
    let copy = entries()["use-cases/demo.toml"].clone();
    expect(&complaint("use-cases/copy.toml", &copy), &["use-cases/copy.toml:", "id"]);
}

#[test]
fn the_digest_covers_every_byte_of_every_file() {
    let digest = |entries| PolicyFiles::from_entries(entries).unwrap().digest();
    let original: BTreeMap<String, String> = entries();
    let reference = digest(original.clone());
    assert_eq!(reference, load(original.clone()).unwrap().digest());
    for path in original.keys() {
        let mut longer = original.clone();
        longer.get_mut(path).unwrap().push(' ');
        assert_ne!(digest(longer), reference, "{path}");
        let mut without = original.clone();
        without.remove(path);
        assert_ne!(digest(without), reference, "{path}");
    }
    // Every single byte of one file.
    let record = &original["use-cases/demo.toml"];
    for at in 0..record.len() {
        let mut bytes = record.clone().into_bytes();
        bytes[at] ^= 1;
        let mut changed = original.clone();
        changed.insert("use-cases/demo.toml".into(), String::from_utf8(bytes).unwrap());
        assert_ne!(digest(changed), reference, "byte {at}");
    }
    // Bytes that move from a path to a text, or to the next file, are seen.
    let one = PolicyFiles::from_entries([("redaction/a", "bc")]).unwrap().digest();
    let two = PolicyFiles::from_entries([("redaction/ab", "c")]).unwrap().digest();
    assert_ne!(one, two);
}

#[test]
fn a_table_that_does_not_hold_names_the_case() {
    let set = load(entries()).unwrap();
    let table = entries()["tests/enter.toml"].clone();
    let wrong = table.replacen("deny = [\"demo-loopback-only\"]", "permit = [\"demo-may-enter\"]", 1);
    let message = set.check_table("tests/enter.toml", &wrong).unwrap_err().to_string();
    expect(&message, &["tests/enter.toml: 1 of", "the demo answers on loopback only", "demo-loopback-only"]);
    let misspelt = table.replacen("facts.loopback\" = false", "facts.loopbak\" = false", 1);
    let message = set.check_table("tests/enter.toml", &misspelt).unwrap_err().to_string();
    expect(&message, &["tests/enter.toml:", "loopbak"]);
    assert!(set.check_table("tests/enter.toml", "[[case]]\nnom = 1\n").is_err());
}
