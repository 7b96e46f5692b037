//! Every rule that a request can meet here: said with its kind, sealed under its id, and nothing generated.

use std::collections::BTreeSet;

use gateway::{AdminCommand, AdminOutcome, Denied, DeniedKind, EndpointId, GenerationRequest, Origin};
use provenance::{Leaf, Stage, UnauthenticatedReason, Verdict};
use testkit::signers::Folder;
use testkit::{House, HouseBuilder, chat, collect};

use crate::denied;

const BSN: &str = "Mijn BSN is 111222333.";

/// A supplier with keys and tables of its own, before the questions.
macro_rules! supplied {
    ($keys:expr, $tables:expr) => {
        concat!(
            "\n[[supplier]]\nname = \"Example Hosting\"\nservice = \"hosting\"\n",
            $keys,
            $tables,
            "[accountability]"
        )
    };
}

/// Its contract, from and until a day.
macro_rules! contract {
    ($file:expr, $from:expr, $until:expr) => {
        concat!(
            "[supplier.contract]\nreference = \"1\"\nterms = \"arbit-2022\"\n",
            "sha256 = \"2222222222222222222222222222222222222222222222222222222222222222\"\n",
            $file,
            "from = ",
            $from,
            "T00:00:00Z\nuntil = ",
            $until,
            "T00:00:00Z\n"
        )
    };
}

/// Use cases that differ from the pilot in one thing, by the rule that this thing meets.
const RECORDS: &[(&str, &str, &str)] = &[
    ("use-case-suspended", "status = \"pilot\"", "status = \"suspended\""),
    ("use-case-retired", "status = \"pilot\"", "status = \"retired\""),
    ("use-case-not-started", "status = \"pilot\"", "status = \"draft\""),
    ("window-not-begun", "not_before = 2026-02-01", "not_before = 2026-07-01"),
    ("window-ended", "not_after = 2026-12-01", "not_after = 2026-05-01"),
    ("role-not-allowed", "[\"writer\"]", "[\"reader\"]"),
    ("evidence-dpia-missing", "dpia = {", "#"),
    ("evidence-dpia-review-due", "review_by = 2027-11-03T09", "review_by = 2026-03-03T09"),
    ("evidence-iama-missing", "iama = {", "#"),
    ("evidence-iama-review-due", "review_by = 2027-11-10T09", "review_by = 2026-03-10T09"),
    (
        "record-alternatives-missing",
        "alternatives = \"By hand, with a style guide.\"",
        "alternatives = \" \"",
    ),
    (
        "record-proportionality-missing",
        "proportionality = \"Drafts only; nothing is decided by it.\"",
        "proportionality = \"\"",
    ),
    ("record-human-oversight-missing", "human_oversight =", "# human_oversight ="),
    ("record-retention-missing", "retention =", "# retention ="),
    ("record-exit-plan-missing", "exit_plan =", "# exit_plan ="),
    ("record-affected-groups-missing", "[\"people who get a letter\"]", "[]"),
    ("record-data-categories-missing", "data_categories =", "# data_categories ="),
    ("operator-not-stated", "operated_by =", "# operated_by ="),
    ("supplier-not-named", "operated_by = \"organisation\"", "operated_by = \"suppliers\""),
    ("supplier-contract-missing", "\n[accountability]", supplied!("no_personal_data = \"No access.\"\n", "")),
    (
        "supplier-exception-unmotivated",
        "\n[accountability]",
        supplied!(
            "no_personal_data = \"No access.\"\n",
            "[supplier.exception]\nby = \"CIO\"\nuntil = 2026-12-01T00:00:00Z\n"
        ),
    ),
    (
        "supplier-exception-expired",
        "\n[accountability]",
        supplied!(
            "no_personal_data = \"No access.\"\n",
            "[supplier.exception]\nmotivation = \"x\"\nby = \"CIO\"\nuntil = 2026-05-01T00:00:00Z\n"
        ),
    ),
    (
        "supplier-contract-not-begun",
        "\n[accountability]",
        supplied!("no_personal_data = \"No access.\"\n", contract!("", "2026-07-01", "2027-01-01")),
    ),
    (
        "supplier-contract-ended",
        "\n[accountability]",
        supplied!("no_personal_data = \"No access.\"\n", contract!("", "2026-01-01", "2026-05-01")),
    ),
    (
        "supplier-document-changed",
        "\n[accountability]",
        supplied!(
            "no_personal_data = \"No access.\"\n",
            contract!("file = \"contracts/gone.pdf\"\n", "2026-01-01", "2027-01-01")
        ),
    ),
    (
        "supplier-agreement-missing",
        "\n[accountability]",
        supplied!("", contract!("", "2026-01-01", "2027-01-01")),
    ),
    (
        "supplier-agreement-ended",
        "\n[accountability]",
        supplied!(
            "",
            concat!(
                contract!("", "2026-01-01", "2027-01-01"),
                "[supplier.agreement]\nsha256 = \"3333333333333333333333333333333333333333333333333333333333333333\"\n\
                 until = 2026-05-01T00:00:00Z\n"
            )
        ),
    ),
    ("evaluation-missing", "\n[accountability]", DEMANDED),
    ("guidance-not-named", "guidance = \"ambtenaren\"", ""),
    ("guidance-missing", "guidance = \"ambtenaren\"", "guidance = \"nobodys\""),
    ("training-missing", "guidance = \"ambtenaren\"", "guidance = \"ambtenaren\"\ntraining = [\"ai-basis\"]"),
    ("model-not-allowed", "tiny", "huge"),
    (
        "model-signature-missing",
        "restore_placeholders = true",
        "restore_placeholders = true\nmodel_signature_required = true",
    ),
    ("limit-tokens-per-request", "tokens_per_request = 4096", "tokens_per_request = 4"),
    ("quota-tokens-per-day", "tokens_per_day = 1_000_000", "tokens_per_day = 5"),
    (
        "special-category-refused",
        "max_data_class = \"identifier\"\nredaction_profile = \"default\"",
        "max_data_class = \"special\"\nredaction_profile = \"naming\"",
    ),
    ("findings-unresolved", "redaction_profile = \"default\"", "redaction_profile = \"unsure\""),
    ("finding-refused-by-profile", "redaction_profile = \"default\"", "redaction_profile = \"refusing\""),
    ("data-class-too-high", "max_data_class = \"identifier\"", "max_data_class = \"personal\""),
    ("redaction-failed", "redaction_profile = \"default\"", "redaction_profile = \"short\""),
];

/// An evaluation that nobody made.
const DEMANDED: &str = "
[[evaluation]]
suite = \"perplexity\"
suite_sha256 = \"5555555555555555555555555555555555555555555555555555555555555555\"
max_age_days = 365
[accountability]";

/// What happens to the folder of a use case with this id.
type Change = fn(&mut Folder, &str);

/// Use cases whose signatures no longer hold, by the rule that says so.
const SIGNATURES: &[(&str, Change)] = &[
    ("evidence-cio-advice-missing", |folder, id| withdraw(folder, id, &["cio", "owner-1"])),
    ("evidence-fg-advice-missing", |folder, id| withdraw(folder, id, &["fg", "owner-1"])),
    ("evidence-owner-decision-missing", |folder, id| withdraw(folder, id, &["owner-1"])),
    ("decision-advice-changed", |folder, id| withdraw(folder, id, &["fg"])),
    ("signature-not-genuine", |folder, id| {
        change(
            folder,
            &format!("use-cases/{id}.signatures/fg.json"),
            "\"role\": \"fg\"",
            "\"role\": \"cio\"",
        );
        let text = folder.remove(&format!("use-cases/{id}.signatures/fg.json")).unwrap();
        folder.insert(format!("use-cases/{id}.signatures/cio.json"), text);
    }),
    ("signed-record-changed", |folder, id| {
        change(folder, &format!("use-cases/{id}.toml"), "plainer", "other");
    }),
    ("state-not-decided", |folder, id| {
        change(folder, &format!("use-cases/{id}.toml"), "status = \"pilot\"", "status = \"accepted\"");
    }),
];

fn withdraw(folder: &mut Folder, id: &str, signatures: &[&str]) {
    for name in signatures {
        folder.remove(&format!("use-cases/{id}.signatures/{name}.json")).expect("a signature");
    }
}

fn change(folder: &mut Folder, path: &str, from: &str, to: &str) {
    let text = folder.get_mut(path).expect("a file");
    assert!(text.contains(from), "{path} has no {from}");
    *text = text.replace(from, to);
}

/// Rules about trust and signatures that `policy/tests/approvals.rs` breaks one by one; from here they look as those
/// above do.
const BROKEN_ELSEWHERE: &[&str] = &[
    "trust-root-missing",
    "roster-missing",
    "roster-not-signed",
    "roster-rolled-back",
    "roster-expired",
    "roster-dated-ahead",
    "signature-other-use-case",
    "signature-key-unknown",
    "signature-wrong-role",
    "signature-outside-term",
    "signed-assessment-changed",
    "signed-model-changed",
    "signed-redaction-changed",
    "transition-illegal",
    "evidence-cio-advice-expired",
    "evidence-cio-advice-negative",
    "evidence-fg-advice-expired",
    "evidence-fg-advice-negative",
    "evidence-owner-decision-expired",
    "evidence-decision-before-advice",
    "evidence-four-eyes",
    "evidence-dated-ahead",
    "condition-open",
    "condition-sign-off-expired",
    "condition-loopback-only",
    "condition-keys-expire",
    "condition-no-personal-data",
    "model-not-as-signed",
    // Evaluations: `policy/tests/evaluations.rs`.
    "evaluation-not-demanded",
    "evaluation-not-genuine",
    "evaluation-not-by-evaluator",
    "evaluation-other-suite",
    "evaluation-other-model",
    "evaluation-other-gate",
    "evaluation-below-threshold",
    "evaluation-by-owner",
    "evaluation-expired",
    "evaluation-too-old",
    "evaluation-dated-ahead",
    // Assessments and measures: `policy/tests/assessments.rs`, and `controls.rs` here.
    "prescan-incomplete",
    "dpia-incomplete",
    "iama-incomplete",
    "assessment-form-missing",
    "assessment-file-changed",
    "mitigation-open",
    "control-off",
];

/// Rules of the policy that no request can meet yet, and why.
const UNREACHABLE: &[&str] = &[
    // A detector that fails is sealed by the gate itself, as redaction-failed.
    "detection-failed",
    // The gate applies the profile that the record names, or is closed.
    "redaction-profile-mismatch",
];

fn records() -> HouseBuilder {
    let unsure = "[kinds.bsn]\nthreshold = 100\nunresolved = 1\n";
    let builder = House::builder()
        .profile("unsure", unsure)
        .profile("naming", "names = true\n")
        .profile("refusing", "[kinds.bsn]\naction = \"refuse\"\n")
        .profile("short", "[limits]\ntext_bytes_max = 8\n");
    let builder =
        RECORDS.iter().fold(builder, |builder, (rule, from, to)| builder.pilot(rule, &[(from, to)]));
    SIGNATURES.iter().fold(builder, |builder, &(rule, change)| {
        builder.pilot(rule, &[]).after_signing(move |_, folder| change(folder, rule))
    })
}

fn kind(rule: &str) -> DeniedKind {
    match rule {
        "quota-requests-per-minute" | "quota-tokens-per-day" => DeniedKind::Quota,
        "key-revoked" => DeniedKind::Unauthenticated,
        _ => DeniedKind::Forbidden,
    }
}

/// The denial was made durable before it was told, whole.
fn check(house: &House, rule: &str, said: &Denied) {
    assert_eq!((said.rule.as_str(), said.kind), (rule, kind(rule)));
    assert!(!said.remedy.is_empty() && !said.remedy_nl.is_empty(), "{rule} has no remedy");
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("{rule} was not sealed") };
    let decision = &leaf.request.decision;
    assert_eq!(Some(leaf.request.id.to_hex()), said.receipt_id);
    assert_eq!(decision.rule.as_ref().unwrap().as_str(), rule);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert!(leaf.request.key_id.is_some());
    assert!(house.generator.requests().is_empty(), "{rule} let something through");
}

async fn ask(house: &House, use_case: &str, request: GenerationRequest) -> Denied {
    let caller = house.caller(use_case).await;
    denied(house.gateway.generate(caller, request).await)
}

#[tokio::test]
async fn every_rule_of_the_record_and_the_findings() {
    let house = records().start().await;
    let mut met: BTreeSet<&str> = UNREACHABLE.iter().chain(BROKEN_ELSEWHERE).copied().collect();
    let rules = RECORDS.iter().map(|&(rule, ..)| rule).chain(SIGNATURES.iter().map(|&(rule, _)| rule));
    for rule in rules {
        // Without a word that says what it is, a number is not certain.
        let text = match rule {
            "findings-unresolved" => "Zie 111222333.",
            "special-category-refused" => "Mevrouw Willemijn de Vries heeft kanker.",
            _ => BSN,
        };
        let caller = house.caller(rule).await;
        let outcome = house.gateway.generate(caller, chat(text)).await;
        assert!(outcome.is_err(), "{rule} let it through");
        check(&house, rule, &denied(outcome));
        met.insert(rule);
    }
    // The first four have tests below; that of the minute has one in quota.rs.
    met.extend([
        "quota-requests-per-minute",
        "key-expired",
        "demo-loopback-only",
        "demo-no-personal-data",
        "demo-default-model-only",
    ]);
    // These have tests in `informed.rs`.
    met.extend([
        "guidance-not-acknowledged",
        "guidance-outdated",
        "guidance-acknowledgement-expired",
        "training-expired",
    ]);
    met.extend(MODELS.iter().map(|&(rule, ..)| rule));
    let set = policy::PolicySet::load(&policy::PolicyFiles::embedded().unwrap()).unwrap();
    for (rule, forbids) in set.rules() {
        assert!(!forbids || met.contains(rule), "{rule} has no test here");
    }
    // The rules stand in nobody's way who has everything.
    let caller = house.caller("pilot").await;
    assert!(collect(house.gateway.generate(caller, chat(BSN)).await.unwrap()).await.receipt.is_some());
    house.stop_and_verify().await;
}

type ModelChange = fn(&mut policy::ModelFacts);

/// What the model must be: rule, use case, and what is otherwise.
const MODELS: &[(&str, &str, ModelChange)] = &[
    ("model-not-approved", "pilot", |facts| facts.status = "suspended".to_owned()),
    ("model-not-pinned", "pilot", |facts| facts.pinned_sha256 = None),
    ("model-not-loaded", "pilot", |facts| facts.loaded_sha256 = None),
    ("model-hash-mismatch", "pilot", |facts| facts.loaded_sha256 = Some([9; 32])),
    ("demo-default-model-only", "demo", |facts| facts.is_default = false),
    ("model-dossier-missing", "pilot", |facts| facts.dossier = None),
    ("model-dossier-not-as-signed", "pilot", |facts| dossier(facts).sha256 = [9; 32]),
    ("model-review-lapsed", "pilot", |facts| dossier(facts).review_lapses_ms = Some(testkit::NOW_MS)),
    ("model-openness-unmotivated", "pilot", |facts| {
        dossier(facts).open_points.push("code-closed".to_owned())
    }),
    ("model-signature-not-genuine", "pilot", |facts| facts.signature = policy::ModelSignature::NotGenuine),
    ("model-signature-not-genuine", "demo", |facts| facts.signature = policy::ModelSignature::NotGenuine),
];

fn dossier(facts: &mut policy::ModelFacts) -> &mut policy::DossierFacts {
    facts.dossier.as_mut().expect("a dossier")
}

#[tokio::test]
async fn what_the_model_must_be() {
    for &(rule, use_case, change) in MODELS {
        let house = House::builder().facts(change).start().await;
        check(&house, rule, &ask(&house, use_case, chat("Dag.")).await);
    }
}

#[tokio::test]
async fn a_model_that_is_not_here_is_named_by_rule_and_not_by_the_clients_string() {
    let house = House::new().await;
    let mut request = chat("Dag.");
    request.model = "geheime-naam".to_owned();
    check(&house, "model-not-allowed", &ask(&house, "pilot", request).await);
    assert!(!house.leaves_text().contains("geheime-naam"));
}

#[tokio::test]
async fn the_demo_takes_neither_strangers_nor_personal_data() {
    let house = House::new().await;
    for text in ["Mail mij: jan@voorbeeld.nl", BSN] {
        // The record of the demo allows no class of personal data either; the demo's own rule stands first.
        check(&house, "demo-no-personal-data", &ask(&house, "demo", chat(text)).await);
        let Leaf::Denied(leaf) = house.last_leaf() else { panic!() };
        assert!(leaf.request.determining.iter().any(|rule| rule.as_str() == "data-class-too-high"));
    }
    let origin = Origin { loopback: false };
    let key = Some(house.key("demo"));
    let caller = house.gateway.authenticate(key, EndpointId::ChatCompletions, origin).await.unwrap();
    let mut request = chat("Dag.");
    request.origin = origin;
    check(&house, "demo-loopback-only", &denied(house.gateway.generate(caller.clone(), request).await));
    check(&house, "demo-loopback-only", &denied(house.gateway.models(&caller).await));
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!() };
    assert!(leaf.request.demo, "the demo is marked");
    assert_eq!(leaf.request.action.as_str(), "list_models");
}

#[tokio::test]
async fn what_does_not_fit_is_sealed_too() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    let mut request = chat("Dag.");
    request.params.max_tokens = Some(4090);
    let refused = house.gateway.generate(caller.clone(), request).await;
    let Err(gateway::Refusal::ContextOverflow { max_tokens: 4090, context_tokens: 4096, .. }) = refused
    else {
        panic!("fitted");
    };
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("not sealed") };
    assert_eq!(leaf.request.decision.rule.unwrap().as_str(), "request-does-not-fit");
    assert_eq!(leaf.request.decision.stage, Stage::Submit);
}

#[tokio::test]
async fn a_key_without_record_a_revoked_key_and_one_that_expires() {
    let house = House::builder().stray_key("ghost").start().await;
    check(&house, "use-case-unknown", &ask(&house, "ghost", chat("Dag.")).await);

    let expires_ms = Some(testkit::NOW_MS + 1000);
    let command = AdminCommand::IssueKey {
        use_case: "pilot".to_owned(),
        actor: "someone".to_owned(),
        roles: vec!["writer".to_owned()],
        expires_ms,
        label: String::new(),
    };
    let AdminOutcome::Issued { secret, .. } = house.administer(command).await else { panic!("not issued") };
    let caller = house.authenticate(Some(&secret)).await.unwrap();
    house.clock.advance_ms(1000);
    // Let in a moment ago, judged now: the door has the same rule.
    let said = denied(house.gateway.generate(caller, chat("Dag.")).await);
    check(&house, "key-expired", &said);
    let said = denied(house.authenticate(Some(&secret)).await);
    assert_eq!((said.rule.as_str(), said.kind), ("key-expired", DeniedKind::Unauthenticated));
    assert!(said.receipt_id.is_some());

    let key = house.key("pilot").split('_').nth(1).unwrap().to_owned();
    house.administer(AdminCommand::RevokeKey { key }).await;
    check(&house, "key-revoked", &denied(house.authenticate(Some(house.key("pilot"))).await));
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!() };
    assert_eq!(leaf.request.decision.stage, Stage::Key);
}

#[tokio::test]
async fn strangers_are_counted_in_one_leaf() {
    let house = House::new().await;
    let before = house.leaves().len();
    for _ in 0..20 {
        let said = denied(house.authenticate(None).await);
        assert_eq!((said.rule.as_str(), said.kind), ("missing-key", DeniedKind::Unauthenticated));
        assert_eq!(said.receipt_id, None);
        for wrong in ["ptk_aaaaaaaa_bbbb", "", "geheim", "ptk__"] {
            assert_eq!(denied(house.authenticate(Some(wrong)).await).rule, "unknown-key");
        }
    }
    assert_eq!(house.leaves().len(), before, "a flood of strangers fills the log");
    house.clock.advance_ms(60_000);
    house.gateway.seal_strangers().await.unwrap();
    house.gateway.seal_strangers().await.unwrap();
    assert_eq!(house.leaves().len(), before + 1);
    let Leaf::UnauthenticatedDenials(leaf) = house.last_leaf() else { panic!("not counted") };
    assert_eq!(leaf.counts[&UnauthenticatedReason::MissingKey], 20);
    assert_eq!(leaf.counts[&UnauthenticatedReason::UnknownKey], 80);
    assert_eq!(leaf.to_ms - leaf.from_ms, 60_000);
    // Those after the last tick are sealed at the end.
    let _ = denied(house.authenticate(None).await);
    house.stop_and_verify().await;
    let counted = house.leaves().into_iter().filter(|e| matches!(e.leaf, Leaf::UnauthenticatedDenials(_)));
    assert_eq!(counted.count(), 2);
}
