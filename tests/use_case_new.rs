//! A policy officer writes a record by answering questions.

use std::path::Path;

use crate::harness::{MODEL, Ran, checkout, finish, proeftuin, target_tmp};

fn policy() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("new-").tempdir_in(target_tmp()).unwrap();
    for part in ["rules", "redaction", "guidance", "use-cases"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
        for file in std::fs::read_dir(checkout().join("policy").join(part)).unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, dir.path().join(part).join(file.file_name().unwrap())).unwrap();
        }
    }
    std::fs::copy(checkout().join("policy/schema.cedarschema"), dir.path().join("schema.cedarschema"))
        .unwrap();
    dir
}

fn new(policy: &Path, answers: &[&str]) -> Ran {
    let mut command = proeftuin();
    command.args(["use-case", "new", "brieven", "--lang", "nl", "--policy"]).arg(policy);
    finish(&mut command, &(answers.join("\n") + "\n"))
}

/// Answers up to the accountability: title, purpose, basis, organisation, owner, register; model, roles, class,
/// restore, mark; window; limits.
const NEEDED: [&str; 16] = [
    "Heldere \"brieven\"",
    "",
    "Conceptbrieven leesbaarder maken.",
    "AVG art. 6 lid 1 onder e",
    "Ministerie van Voorbeelden",
    "Hoofd Correspondentie",
    "2026-017",
    "",
    "schrijver, lezer",
    "3",
    "ja",
    "",
    "2026-01-01",
    "2025-01-01",
    "2026-01-01",
    "2027-01-01",
];

#[test]
fn answers_become_a_record_and_what_was_left_open_is_asked_again() {
    let dir = policy();
    let path = dir.path().join("use-cases/brieven.toml");
    let mut answers = NEEDED.to_vec();
    answers.extend([
        "nul",
        "2.048",
        "",
        "",
        "",
        "ai-basis, privacy",
        "Met de hand.",
        "",
        "De schrijver leest na.",
        "",
        "",
        "",
        "burgers, medewerkers",
        "",
        "",
    ]);
    let ran = new(dir.path(), &answers);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["Dit kan niet open blijven.", "Die dag komt niet na de eerste.", "Geef een getal boven nul."]
    {
        assert!(ran.err.contains(part), "no {part} in {}", ran.err);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    for line in [
        "title = \"Heldere \\\"brieven\\\"\"",
        &format!("models = [\"{MODEL}\"]"),
        "allowed_roles = [\"schrijver\", \"lezer\"]",
        "max_data_class = \"identifier\"",
        "special_category_action = \"refuse\"",
        "restore_placeholders = true",
        "visible_mark = \"Gemaakt met AI; lees het na.\"",
        "not_after = 2027-01-01T00:00:00Z",
        "tokens_per_request = 2048",
        "guidance = \"ambtenaren\"",
        "training = [\"ai-basis\", \"privacy\"]",
        "alternatives = \"Met de hand.\"",
        "proportionality = \"\"",
        "affected_groups = [\"burgers\", \"medewerkers\"]",
        "data_categories = []",
        "suite = \"leakage\"",
        "needed_for = \"accepted\"",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in:\n{text}");
    }
    let open = ["Een lichter middel helpt niet.", "Geen tekst.", "Met de hand.", "post@example.org", "namen"];
    let ran = new(dir.path(), &open);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.err.contains("Wie leest een antwoord"), "asked again:\n{}", ran.err);
    let finished = std::fs::read_to_string(&path).unwrap();
    assert!(
        finished.contains("exit_plan = \"Met de hand.\"")
            && finished.contains("data_categories = [\"namen\"]")
    );
    assert_eq!(new(dir.path(), &[]).code, 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), finished);

    std::fs::write(&path, finished.replace("\"draft\"", "\"pilot\"")).unwrap();
    assert!(new(dir.path(), &[]).refused().contains("no draft any more"));
}

#[test]
fn answers_that_end_too_early_write_nothing() {
    let dir = policy();
    assert!(new(dir.path(), &NEEDED[..9]).refused().contains("nothing was written"));
    let mut command = proeftuin();
    command.args(["use-case", "new", "Brieven!", "--policy"]).arg(dir.path());
    let mut answers = NEEDED.to_vec();
    answers.extend([""; 14]);
    let said = finish(&mut command, &(answers.join("\n") + "\n")).refused();
    assert!(said.contains("use-cases/Brieven!.toml") || said.contains("lowercase letters"), "{said}");
    assert_eq!(std::fs::read_dir(dir.path().join("use-cases")).unwrap().count(), 1);
}
