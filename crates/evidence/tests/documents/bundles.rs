//! Bundles: nothing that names anybody leaves, and nothing that was damaged comes in.

use std::path::Path;

use evidence::{BUNDLE_BYTES_MAX, Bundle, Lesson};
use proptest::prelude::*;

use crate::house::{ORGANISATION, objections, strip};

#[path = "../../fuzz/entries.rs"]
mod entries;

fn bundle() -> Bundle {
    Bundle::seal(objections().lesson("bezwaren")).unwrap()
}

#[test]
fn a_bundle_holds_the_lesson_and_nobodys_name() {
    let text = bundle().to_text();
    insta::assert_snapshot!("bundle", text);
    let hidden = [
        ORGANISATION,
        "Noorderhaaks",
        "jansen",
        "111222333",
        "f.g",
        "o.wner",
        "c.io",
        "vr-0042",
        ".example",
        "ed25519",
    ];
    for name in hidden {
        assert!(!text.to_lowercase().contains(&name.to_lowercase()), "{name} is in the bundle");
    }
    // The use case's own id is a plain word of Dutch, and is told nowhere as an id.
    assert!(!text.contains("\"bezwaren\""));
}

#[test]
fn a_bundle_comes_back_as_it_went() {
    let sealed = bundle();
    let read = Bundle::parse(&sealed.to_text()).unwrap();
    assert_eq!(read, sealed);
    assert!(sealed.path().starts_with("shared/") && sealed.path().ends_with(".json"));
    // Layout is not content.
    let compact = serde_json::from_str::<serde_json::Value>(&sealed.to_text()).unwrap().to_string();
    assert_eq!(Bundle::parse(&compact).unwrap(), sealed);
}

#[test]
fn what_was_changed_is_refused() {
    let text = bundle().to_text();
    let refused = |text: &str, part: &str| {
        let said = Bundle::parse(text).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    };
    refused(&text.replace("accepted", "pilot"), "changed or damaged");
    refused(&text.replace("proeftuin-lesson-1", "proeftuin-lesson-2"), "not of the format");
    refused(&text.replacen("\"title\"", "\"titel\"", 1), "not in the format of a bundle");
    refused(&text.replacen('{', "{\"extra\": 1,", 1), "not in the format of a bundle");
    refused(&" ".repeat(BUNDLE_BYTES_MAX + 1), "bytes");
    let mut long = bundle().lesson().clone();
    long.purpose = "x".repeat(16_385);
    assert!(Bundle::seal(long).unwrap_err().to_string().contains("purpose has more than 16384 characters"));
    let mut obeyed = bundle().lesson().clone();
    obeyed.title = "a\u{1b}[2Jb".to_owned();
    assert!(Bundle::seal(obeyed).unwrap_err().to_string().contains("title holds control characters"));
    let mut many = bundle().lesson().clone();
    many.affected_groups = vec![String::new(); 257];
    assert!(
        Bundle::seal(many).unwrap_err().to_string().contains("affected_groups has more than 256 entries")
    );
}

#[test]
fn when_redaction_fails_nothing_is_shared() {
    let house = objections();
    let fails =
        |text: &str| if text.contains("jurist leest") { Err("too large".to_owned()) } else { strip(text) };
    let error = Lesson::of(&house.subject("bezwaren"), &fails).unwrap_err();
    assert_eq!(
        error.to_string(),
        "accountability.human_oversight could not be redacted, so nothing is shared: too large"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Wherever in a text a name stands, it is covered, and the rest is left.
    #[test]
    fn no_name_leaves_wherever_it_stands(
        before in "[a-z ,.(]{0,30}[ ,(]",
        // No full stop at the seams: between letters it belongs to an address, and is covered with it.
        after in "[ ,)][a-z ,.)]{0,30}",
        name in prop::sample::select(vec![
            "Gemeente Noorderhaaks", "GEMEENTE NOORDERHAAKS", "Noorderhaaks", "o.wner", "Wner", "vr-0042",
            "piet@elders.example", "Afdelingshoofd Juridische Zaken",
        ]),
    ) {
        let text = format!("x{before}{name}{after}x");
        let house = crate::house::signed("x-1", &crate::house::record("x-1", "Titel", &text, ""));
        let purpose = house.lesson("x-1").purpose;
        prop_assert!(!purpose.to_lowercase().contains(&name.to_lowercase()), "{}", purpose);
        prop_assert!(purpose.starts_with('x') && purpose.ends_with('x') && purpose.contains('['), "{}", purpose);
    }
}

/// The fuzz target over its seeds, and over seeds with a piece replaced.
#[test]
fn the_parser_bears_anything() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/bundle");
    let mut seeds: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    seeds.push(bundle().to_text().into_bytes());
    seeds.iter().for_each(|seed| entries::bundle(seed));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(256));
    let change = (any::<prop::sample::Index>(), 0usize..40, prop::collection::vec(any::<u8>(), 0..8));
    runner
        .run(&(0..seeds.len(), change), |(seed, (at, cut, put))| {
            let mut bytes = seeds[seed].clone();
            let start = at.index(bytes.len());
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, put);
            entries::bundle(&bytes);
            Ok(())
        })
        .unwrap();
}
