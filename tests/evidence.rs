//! Documents of a use case, and a lesson that goes from one organisation to another.

use serde_json::Value;

use crate::harness::{Place, checkout};

/// Every file below a folder, by its path there.
fn listing(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_lesson_goes_from_one_place_to_another_and_is_found_there() {
    let (here, there) = (Place::without_model(), Place::without_model());
    let file = here.root().join("lesson.json");
    let file = file.to_str().unwrap();
    let ran = here.run(&["use-case", "export", "pilot-test", "--out", file]);
    assert!(ran.err.contains("read it before you share it"), "{}", ran.err);
    ran.ok();
    let text = std::fs::read_to_string(file).unwrap();
    for name in
        ["organisation of the tests", "owner of the tests", "pilot-test", "c.io", "o.wner", "@example"]
    {
        assert!(!text.to_lowercase().contains(name), "{name} is in the bundle: {text}");
    }

    // Before, nothing there is shared; afterwards one file is there, and no use case more.
    let before = listing(&there.policy());
    let said = there.run(&["use-case", "import", file]).ok();
    let path = said.split(':').next().unwrap().to_owned();
    assert!(path.starts_with("shared/") && said.contains("nothing of it runs"), "{said}");
    let after = listing(&there.policy());
    let new: Vec<&String> = after.iter().filter(|path| !before.contains(path)).collect();
    assert_eq!(new, [&path]);
    assert_eq!(
        there.run(&["use-case", "check", "pilot-test"]).ok(),
        "pilot-test: runs with smollm2-135m-instruct\n"
    );

    // The same use case is like it wholly; a use case of the same words comes with its reasons.
    let said = there.run(&["use-case", "similar", "pilot-test"]).ok();
    let found = said.lines().find(|line| line.contains(&path)).unwrap_or_else(|| panic!("{said}"));
    assert!(found.starts_with("1.00"), "{said}");
    assert!(
        said.contains("words: ") && said.contains("both: ") && said.contains("by SHA-256: dpia, iama"),
        "{said}"
    );
    let said = here.run(&["use-case", "similar", file, "--most", "1"]).ok();
    assert!(
        said.contains("use-cases/") && said.lines().filter(|line| line.contains(".toml")).count() == 1,
        "{said}"
    );

    // What was touched on the way is refused, and nothing is written.
    std::fs::write(file, text.replace("positive", "negative")).unwrap();
    let said = there.run(&["use-case", "import", file]).refused();
    assert!(said.contains("changed or damaged"), "{said}");
    assert_eq!(listing(&there.policy()), after);
    let said = there.run(&["use-case", "similar", "no-such-thing"]).refused();
    assert!(said.contains("neither a use case"), "{said}");
}

#[test]
fn every_document_is_made() {
    let place = Place::without_model();
    let card = |args: &[&str]| place.run(&[&["use-case", "card", "pilot-test", "--kind"], args].concat());
    let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let register = parsed(card(&["register", "--category", "other"]).ok());
    assert_eq!(register["contact_email"], "letters@example.org");
    assert_eq!(register["publication_category"], "Overige algoritmes");
    let system = parsed(card(&["system", "--lang", "en"]).ok());
    assert_eq!(system["schema_version"], "0.1a14");
    let manifest = std::fs::read_to_string(checkout().join("models.toml")).unwrap();
    let pinned = &manifest.split_once("sha256 = \"").unwrap().1[..64];
    assert!(card(&["model"]).ok().contains(pinned));
    assert_eq!(parsed(card(&["assessment", "--assessment", "iama"]).ok())["date"], "2020-01-01");
    let file = place.root().join("dossier.html");
    card(&["dossier", "--lang", "nl", "--out", file.to_str().unwrap()]).ok();
    let page = std::fs::read_to_string(file).unwrap();
    assert!(
        page.starts_with("<!doctype html>") && page.contains("draait nu") && page.contains("Wat ontbreekt")
    );

    // What people decide is asked for, and what is not there is named.
    assert_eq!(card(&["register"]).code, 2);
    assert_eq!(card(&["assessment"]).code, 2);
    assert!(card(&["model", "--model", "another"]).refused().contains("another"));
    let said = place.run(&["use-case", "card", "nobody", "--kind", "system"]).refused();
    assert!(said.contains("use-cases/nobody.toml"), "{said}");
    // The one without assessments has no card of them.
    let bare = &["use-case", "card", "bare-test", "--kind", "assessment", "--assessment", "dpia"];
    assert!(place.run(bare).refused().contains("evidence.dpia"));
}
