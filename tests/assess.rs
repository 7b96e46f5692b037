//! `assess` on the command line: what is missing, in ids, and nothing of an answer.

use std::fs;
use std::path::Path;

use crate::harness::{Ran, checkout, proeftuin};

/// A policy folder with one invented form, and a file to assess.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for (path, text) in policy::EMBEDDED {
            desk.write(&format!("policy/{path}"), text);
        }
        desk.write("policy/forms/dpia.yaml", &seed("form/every-kind"));
        desk
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn assess(&self, file: &str, text: &str) -> Ran {
        self.write(file, text);
        let mut command = proeftuin();
        command.current_dir(self.0.path()).args(["assess", file, "--policy", "policy"]);
        command.output().unwrap().into()
    }
}

fn seed(path: &str) -> String {
    let seeds: &Path = &checkout().join("crates/policy/fuzz/seeds");
    fs::read_to_string(seeds.join(path)).unwrap()
}

#[test]
fn a_complete_form_is_said_to_be() {
    let text = Desk::new().assess("dpia.json", &seed("output/filled")).ok();
    assert!(text.contains("form      DPIA (urn:nl:dpia:1.0)"), "{text}");
    assert!(text.contains("edited    2026-05-03T10:00:00Z"), "{text}");
    assert!(text.contains("complete: each of the 13 questions that the form asks is answered"), "{text}");
    assert!(!text.contains("CANARY"), "{text}");
}

#[test]
fn what_is_missing_is_named_and_ends_with_1() {
    let open = seed("output/filled")
        .replace("\"1.3.1\"", "\"1.9\"")
        .replace("\"2.1.2\": { \"value\": \"low\"", "\"2.1.2\": { \"value\": \"\"");
    let ran = Desk::new().assess("dpia.json", &open);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.out.contains("NOT complete: 2 of 13 questions are not answered\n  1.3.1 2.1.2[0]\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("they do no harm:\n  1.9\n"), "{}", ran.out);
    assert!(!ran.out.contains("CANARY") && !ran.err.contains("CANARY"));
}

#[test]
fn another_version_no_form_no_output_and_a_document() {
    let desk = Desk::new();
    let other = desk.assess("dpia.json", &seed("output/filled").replace("dpia:1.0", "dpia:2.0"));
    assert_eq!(other.code, 1);
    assert!(other.out.contains("has another version of this form, urn:nl:dpia:1.0"), "{}", other.out);
    let none = desk.assess("iama.json", &seed("output/filled").replace("dpia:1.0", "iama:2.0"));
    assert_eq!(none.code, 1);
    assert!(none.out.contains("does not have this form"), "{}", none.out);
    let broken = desk.assess("dpia.json", &seed("output/filled").replace("\"1.4\"", "\"CANARY\"")).refused();
    assert!(broken.contains("dpia.json: answers: has a key that is no id of a task"), "{broken}");
    assert!(!broken.contains("CANARY"), "{broken}");
    let document = desk.assess("dpia.pdf", "%PDF-1.7").ok();
    assert!(document.contains("a document: nothing in it can be checked here"), "{document}");
}
