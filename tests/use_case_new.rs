//! A policy officer writes a record by answering questions.

use std::path::Path;

use crate::harness::{MODEL, Ran, checkout, finish, proeftuin, target_tmp};

fn policy() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("new-").tempdir_in(target_tmp()).unwrap();
    for part in ["rules", "redaction", "guidance", "use-cases", "forms"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
        for file in std::fs::read_dir(checkout().join("policy").join(part)).unwrap() {
            let file = file.unwrap().path();
            if file.is_dir() {
                continue;
            }
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
/// restore, mark; who runs it, and suppliers; window; limits.
const NEEDED: [&str; 18] = [
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
    "",
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
        "Het is klein, en dit is een proef.",
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
        "operated_by = \"organisation\"",
        &format!("\"{MODEL}\" = \"Het is klein, en dit is een proef.\""),
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
fn suppliers_are_asked_for_what_the_gate_asks() {
    let dir = policy();
    std::fs::create_dir(dir.path().join("contracts")).unwrap();
    let scan = dir.path().join("contracts/hosting.pdf");
    std::fs::write(&scan, b"%PDF\xff").unwrap();
    let (scan, hash) = (scan.to_str().unwrap().to_owned(), "6".repeat(64));
    let mut answers = NEEDED[..12].to_vec();
    // Suppliers; the first under contract, with a processing agreement.
    answers.extend(["2", "Voorbeeld Hosting", "hosting", "", "nergens.pdf", &hash, "2027-12-31", ""]);
    answers.extend(["2026-114", "", &scan, "2026-01-01", "2025-12-31", "2027-12-31", "ja"]);
    // The second by exception, and far from personal data.
    answers.extend([
        "Voorbeeld Advies",
        "other",
        "advies",
        "none",
        "Op papier.",
        "exception",
        "",
        "Kleine klus.",
    ]);
    answers.extend(["CIO", "2099-06-30", "ja"]);
    // Of the third nothing is known yet.
    answers.extend(["Voorbeeld Model", "model", "open", "open", "nee"]);
    answers.extend([""; 30]);
    let ran = new(dir.path(), &answers);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["nergens.pdf: ", "Dit kan niet open blijven.", "Die dag ligt te vroeg."] {
        assert!(ran.err.contains(part), "no {part} in {}", ran.err);
    }
    let text = std::fs::read_to_string(dir.path().join("use-cases/brieven.toml")).unwrap();
    let [before, first, second, third] = text.split("\n[[supplier]]\n").collect::<Vec<_>>()[..] else {
        panic!("{text}")
    };
    assert!(before.contains("\noperated_by = \"suppliers\"\n"), "{before}");
    for (supplier, lines) in [
        (
            first,
            &[
                "name = \"Voorbeeld Hosting\"",
                "terms = \"arbit-2022\"",
                "file = \"contracts/hosting.pdf\"",
                "from = 2026-01-01T00:00:00Z",
                "until = 2028-01-01T00:00:00Z",
                &format!("sha256 = \"{hash}\""),
            ][..],
        ),
        (second, &["service_named = \"advies\"", "no_personal_data = \"Op papier.\"", "by = \"CIO\""]),
        (third, &["name = \"Voorbeeld Model\"", "service = \"model\""]),
    ] {
        assert!(
            lines.iter().all(|line| supplier.lines().any(|other| other == *line)),
            "{lines:?}\n{supplier}"
        );
    }
    told_by_status(dir.path());

    // A draft from before this was asked is asked now.
    let path = dir.path().join("use-cases/brieven.toml");
    let (before, _) = text.split_once("\n[[supplier]]").unwrap();
    std::fs::write(&path, before.replace("operated_by = \"suppliers\"\n", "")).unwrap();
    let mut answers = vec![""; 8];
    answers.extend(["organisation", "nee"]);
    let ran = new(dir.path(), &answers);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\noperated_by = \"organisation\"\n"), "{text}");
}

/// Each supplier is told, and what is missing, by supplier and by rule.
fn told_by_status(policy: &Path) {
    let mut command = proeftuin();
    command.args(["use-case", "status", "brieven", "--policy"]).arg(policy);
    let said = finish(&mut command, "");
    for part in [
        "operator  suppliers",
        "Voorbeeld Hosting, hosting: contract 2026-114 (arbit-2022)",
        "void      Voorbeeld Model: there is neither a contract nor an exception",
        "- supplier-contract-missing",
        "- supplier-agreement-missing",
    ] {
        assert!(said.out.contains(part), "no {part} in:\n{}", said.out);
    }
    assert!(!said.out.contains("supplier-document-changed"), "{}", said.out);
}

#[test]
fn answers_that_end_too_early_write_nothing() {
    let dir = policy();
    assert!(new(dir.path(), &NEEDED[..9]).refused().contains("nothing was written"));
    let mut command = proeftuin();
    command.args(["use-case", "new", "Brieven!", "--policy"]).arg(dir.path());
    let mut answers = NEEDED.to_vec();
    answers.extend([""; 15]);
    let said = finish(&mut command, &(answers.join("\n") + "\n")).refused();
    assert!(said.contains("use-cases/Brieven!.toml") || said.contains("lowercase letters"), "{said}");
    assert_eq!(std::fs::read_dir(dir.path().join("use-cases")).unwrap().count(), 1);
}
