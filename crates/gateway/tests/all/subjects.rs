//! The persons whom requests are about: in the log by pseudonym, found by it, and gone with their keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gateway::{
    AdminCommand, AdminOutcome, Answer, DataSubject, DataSubjectType, EmbeddingRequest, FoundRow,
    GenerationRequest, Identifier, Origin, Receipt, Refusal, SubjectAct, SubjectCommand, SubjectOutcome,
    Trace, data_subject,
};
use proptest::prelude::*;
use provenance::{AdminRef, KeyRing, Leaf, Pseudonym, Stage};
use testkit::{House, chat, collect, complete};
use zeroize::Zeroizing;

use crate::denied;

const BSN: &str = "111222333";
const OTHER: &str = "123456782";

fn bsn(id: &str) -> DataSubject {
    data_subject(DataSubjectType::Bsn, id).unwrap()
}

fn about(mut request: GenerationRequest, people: &[DataSubject]) -> GenerationRequest {
    request.data_subjects = people.to_vec();
    request
}

fn vectors(people: &[DataSubject]) -> EmbeddingRequest {
    EmbeddingRequest {
        model: "tiny-vectors".to_owned(),
        inputs: vec![Zeroizing::new("en belt".to_owned())],
        dimensions: None,
        scanned: Vec::new(),
        client_input: Zeroizing::new(b"en belt".to_vec()),
        data_subjects: people.to_vec(),
        trace: Trace::NONE,
        origin: Origin { loopback: true },
    }
}

async fn ask(house: &House, request: GenerationRequest) -> Result<Answer, Refusal> {
    house.gateway.generate(house.caller("pilot").await, request).await
}

async fn receipt(house: &House, request: GenerationRequest) -> Receipt {
    *collect(ask(house, request).await.unwrap()).await.receipt.expect("a receipt")
}

async fn act(
    house: &House,
    act: SubjectAct,
    id: &str,
    kind: Option<DataSubjectType>,
) -> Result<SubjectOutcome, Refusal> {
    let id = Identifier(Zeroizing::new(id.to_owned()));
    let command = AdminCommand::Subject(SubjectCommand { act, id, kind });
    house.gateway.administer(command, 1000).await.map(|outcome| match outcome {
        AdminOutcome::Subject(outcome) => outcome,
        _ => panic!("another outcome"),
    })
}

async fn find(house: &House, id: &str) -> Vec<FoundRow> {
    match act(house, SubjectAct::Find, id, None).await.unwrap() {
        SubjectOutcome::Found(rows) => rows,
        SubjectOutcome::Erased { .. } => panic!("erased"),
    }
}

async fn erase(house: &House, id: &str) -> (u64, u64) {
    match act(house, SubjectAct::Erase, id, None).await.unwrap() {
        SubjectOutcome::Erased { keys, records } => (keys, records),
        SubjectOutcome::Found(_) => panic!("found"),
    }
}

/// Every file below a folder, as one text.
fn everything(dir: &Path) -> String {
    let mut text = String::new();
    for item in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = item.path();
        text.push_str(&format!("{}\n", path.display()));
        if path.is_dir() {
            text.push_str(&everything(&path));
        } else {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
    text
}

fn sealed_erasures(house: &House) -> usize {
    house.leaves().iter().filter(|entry| matches!(entry.leaf, Leaf::SubjectErased(_))).count()
}

#[tokio::test]
async fn every_endpoint_that_generates_names_the_person_and_never_the_number() {
    let house = House::builder().saying("Goedendag.").embeddings().start().await;
    let person = bsn(BSN);
    receipt(&house, about(chat("Dag."), std::slice::from_ref(&person))).await;
    receipt(&house, about(complete(&["Dag."]), std::slice::from_ref(&person))).await;
    let caller = house.caller("pilot").await;
    let embedded = house.gateway.embed(caller, vectors(std::slice::from_ref(&person))).await.unwrap();
    embedded.receipt.verify(&house.verifier).unwrap();
    let intents = house.intents();
    let named: BTreeSet<_> =
        intents.iter().filter_map(|intent| intent.request.data_subject_pseudonym).collect();
    assert_eq!((intents.len(), named.len()), (3, 1), "one person, one pseudonym an epoch");
    for intent in &intents {
        assert_eq!(intent.request.data_subject_type.as_ref().unwrap().as_str(), "bsn");
        assert!(intent.request.other_data_subjects.is_empty());
    }
    let rows = find(&house, BSN).await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.kind, row.records), (DataSubjectType::Bsn, 3));
    assert_eq!(Some(&row.pseudonym), named.first());
    assert!(find(&house, OTHER).await.is_empty());
    let Leaf::AdminRead(read) = house.last_leaf() else { panic!("the search is not in the log") };
    assert_eq!((read.what.as_str(), read.records, read.pseudonym), ("subject_find", 0, None));
    house.stop_and_verify().await;
    let kept = everything(house.folder());
    for identifier in [BSN, OTHER] {
        assert!(!kept.contains(identifier), "the number is on the disk");
    }
}

#[tokio::test]
async fn a_denial_names_the_person_whatever_stage_denied() {
    let house = House::builder()
        .saying("Goedendag.")
        .pilot("ended", &[("not_after = 2026-12-01", "not_after = 2026-05-01")])
        .pilot("unsure", &[("redaction_profile = \"default\"", "redaction_profile = \"unsure\"")])
        .profile("unsure", "[kinds.bsn]\nthreshold = 100\nunresolved = 1\n")
        .start()
        .await;
    let person = bsn(BSN);
    let mut unknown = about(chat("Dag."), std::slice::from_ref(&person));
    unknown.model = "huge".to_owned();
    assert_eq!(denied(ask(&house, unknown).await).rule, "model-not-allowed");
    let caller = house.caller("ended").await;
    let refused =
        house.gateway.generate(caller, about(complete(&["Dag."]), std::slice::from_ref(&person))).await;
    assert_eq!(denied(refused).rule, "window-ended");
    let caller = house.caller("pilot").await;
    let refused = house.gateway.embed(caller, vectors(std::slice::from_ref(&person))).await;
    assert!(matches!(refused, Err(Refusal::UnknownModel { .. })), "no model of embeddings is served");
    let caller = house.caller("unsure").await;
    let refused =
        house.gateway.generate(caller, about(chat(&format!("Mijn BSN is {OTHER}.")), &[person])).await;
    assert_eq!(denied(refused).rule, "findings-unresolved");
    let denials = house.denials();
    assert_eq!(denials.len(), 4);
    let named: BTreeSet<_> =
        denials.iter().map(|leaf| leaf.request.data_subject_pseudonym.unwrap()).collect();
    assert_eq!(named.len(), 1);
    let rows = find(&house, BSN).await;
    assert_eq!(rows.iter().map(|row| row.records).sum::<u64>(), 4);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn several_persons_are_each_found_and_one_named_twice_is_one() {
    let house = House::builder().saying("Goedendag.").start().await;
    let customer = data_subject(DataSubjectType::Klantnummer, "K-12").unwrap();
    let people = [bsn(BSN), bsn("1112.22.333"), customer, bsn(OTHER)];
    receipt(&house, about(chat("Dag."), &people)).await;
    let request = house.intents().remove(0).request;
    assert_eq!(request.data_subjects().count(), 3);
    let types: Vec<_> = request.data_subjects().map(|(_, kind)| kind.unwrap().to_owned()).collect();
    assert_eq!(types, ["bsn", "klantnummer", "bsn"]);
    for id in [BSN, OTHER, "K-12", "111 222 333"] {
        assert_eq!(find(&house, id).await.len(), 1, "{id}");
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn who_is_erased_is_not_found_and_nothing_else_changes() {
    let house = House::builder().saying("Goedendag.").start().await;
    let both = receipt(&house, about(chat("Dag."), &[bsn(BSN), bsn(OTHER)])).await;
    let one = receipt(&house, about(chat("Dag."), &[bsn(BSN)])).await;
    let others_before = find(&house, OTHER).await;
    let before = find(&house, BSN).await;
    assert_eq!(erase(&house, BSN).await, (1, 2));
    let Leaf::SubjectErased(erased) = house.last_leaf() else { panic!("the erasure is not in the log") };
    assert_eq!((erased.keys, erased.records, erased.by), (1, 2, AdminRef { uid: 1000 }));
    assert!(find(&house, BSN).await.is_empty());
    assert_eq!(erase(&house, BSN).await, (0, 0), "twice is no error, and no second leaf");
    assert_eq!(sealed_erasures(&house), 1);
    let others = find(&house, OTHER).await;
    assert_eq!((others[0].pseudonym, others[0].records), (others_before[0].pseudonym, 1));
    // Receipts prove what they proved, and the log is what it was.
    for receipt in [both, one] {
        receipt.verify(&house.verifier).unwrap();
    }
    // Whoever comes back is new, and what was before stays unfound.
    receipt(&house, about(chat("Dag."), &[bsn(BSN)])).await;
    let again = find(&house, BSN).await;
    assert_eq!(again[0].records, 1);
    assert_ne!(again[0].pseudonym, before[0].pseudonym);
    house.stop_and_verify().await;
    assert!(!everything(house.folder()).contains(BSN));
}

#[tokio::test]
async fn an_identifier_of_two_types_is_not_erased_until_one_is_said() {
    let house = House::builder().saying("Goedendag.").start().await;
    let customer = data_subject(DataSubjectType::Klantnummer, BSN).unwrap();
    receipt(&house, about(chat("Dag."), &[bsn(BSN), customer])).await;
    assert_eq!(find(&house, BSN).await.len(), 2);
    let Err(refused) = act(&house, SubjectAct::Erase, BSN, None).await else { panic!("erased") };
    let said = refused.to_string();
    assert!(said.contains("bsn and klantnummer") && said.contains("--type") && !said.contains(BSN), "{said}");
    assert_eq!(find(&house, BSN).await.len(), 2);
    act(&house, SubjectAct::Erase, BSN, Some(DataSubjectType::Klantnummer)).await.unwrap();
    let left = find(&house, BSN).await;
    assert_eq!((left.len(), left[0].kind), (1, DataSubjectType::Bsn));
    // What no type takes is said without repeating it.
    for (id, kind) in [
        ("geheim geheim", None),
        ("geheim", Some(DataSubjectType::Bsn)),
        ("987654321", Some(DataSubjectType::Bsn)),
    ] {
        let Err(refused) = act(&house, SubjectAct::Find, id, kind).await else { panic!("{id} is taken") };
        let said = refused.to_string();
        assert!(
            said.contains("the identifier") && !said.contains("geheim") && !said.contains("987654321"),
            "{said}"
        );
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn who_cannot_be_given_a_pseudonym_is_no_request() {
    let house = House::builder().saying("Goedendag.").start().await;
    house.subjects.strike();
    let Err(Refusal::Closed { .. }) = ask(&house, about(chat("Dag."), &[bsn(BSN)])).await else {
        panic!("let through")
    };
    let denial = house.denials().remove(0).request;
    assert_eq!(denial.decision.rule.unwrap().as_str(), "subject-store-failed");
    assert_eq!((denial.decision.stage, denial.data_subject_pseudonym), (Stage::Enter, None));
    assert!(house.generator.requests().is_empty());
    // Requests about nobody need no such key.
    receipt(&house, chat("Dag.")).await;
    assert_eq!(erase(&house, BSN).await, (0, 0), "nothing to erase is nothing to write");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn an_erasure_that_cannot_be_planned_is_not_begun() {
    let house = House::builder().saying("Goedendag.").start().await;
    receipt(&house, about(chat("Dag."), &[bsn(BSN)])).await;
    house.subjects.strike();
    let Err(Refusal::Closed { .. }) = act(&house, SubjectAct::Erase, BSN, None).await else {
        panic!("erased")
    };
    assert_eq!((find(&house, BSN).await.len(), sealed_erasures(&house)), (1, 0));
    house.stop_and_verify().await;
}

/// The keys are gone and the log cannot say so: the next start does.
#[tokio::test]
async fn an_erasure_that_the_log_did_not_take_is_sealed_at_the_next_start() {
    let house = House::builder().saying("Goedendag.").start().await;
    receipt(&house, about(chat("Dag."), &[bsn(BSN), bsn(OTHER)])).await;
    house.disk.strike_at_next_record();
    let Err(refused) = act(&house, SubjectAct::Erase, BSN, None).await else { panic!("erased") };
    assert!(refused.to_string().contains("the next start finishes it"), "{refused}");
    let folder = house.abandon().await;
    let house = House::builder().saying("Goedendag.").in_folder(folder).start().await;
    assert_eq!(sealed_erasures(&house), 1);
    assert!(find(&house, BSN).await.is_empty());
    assert_eq!(find(&house, OTHER).await.len(), 1);
    house.stop_and_verify().await;
}

/// A crash after each durable step of an erasure; the next start finds what it left.
#[tokio::test]
async fn an_erasure_that_a_crash_cut_off_is_finished_at_the_next_start() {
    for steps in 0..=2 {
        let house = House::builder().saying("Goedendag.").start().await;
        receipt(&house, about(chat("Dag."), &[bsn(BSN), bsn(OTHER)])).await;
        let (ledger, folder) = house.close().await;
        drop(ledger);
        let place = folder.path().join("subject-keys.d/erasing");
        let ring = KeyRing::open(&folder.path().join("subject-keys.json")).unwrap();
        if steps > 0 {
            let plan = ring.plan_erasure(&bsn(BSN), 1, AdminRef { uid: 7 }).unwrap().unwrap();
            if steps > 1 {
                ring.carry_out(&plan).unwrap();
            }
        }
        let plan = fs::read(&place).ok();
        drop(ring);
        let house = House::builder().saying("Goedendag.").in_folder(folder).start().await;
        assert!(!place.exists());
        assert_eq!(sealed_erasures(&house), usize::from(steps > 0), "after {steps} steps");
        assert_eq!(find(&house, BSN).await.len(), usize::from(steps == 0), "after {steps} steps");
        assert_eq!(find(&house, OTHER).await.len(), 1, "after {steps} steps");
        let (ledger, folder) = house.close().await;
        drop(ledger);
        // The last step cut off: the plan is still there, and its leaf is in the log.
        if let Some(plan) = plan {
            fs::write(&place, plan).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let house = House::builder().saying("Goedendag.").in_folder(folder).start().await;
        assert!(!place.exists());
        assert_eq!(sealed_erasures(&house), usize::from(steps > 0), "after {steps} steps");
        house.stop_and_verify().await;
    }
}

/// Persons by number; all of one type.
fn customer(number: usize) -> String {
    format!("K-{number:05}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Against a map from persons to counts: after any requests and erasures each is found as often as named since, under a
    /// pseudonym that never comes back.
    #[test]
    fn erased_means_unfound_and_nobody_else_notices(acts in prop::collection::vec((0..3_usize, 0..4_usize, 0..4_usize), 4..14)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::builder().saying("Goedendag.").start().await;
            let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
            let mut gone: BTreeSet<Pseudonym> = BTreeSet::new();
            for (act, first, second) in acts {
                if act == 0 {
                    gone.extend(find(&house, &customer(first)).await.iter().map(|row| row.pseudonym));
                    let erased = erase(&house, &customer(first)).await;
                    let count = counts.remove(&first);
                    assert_eq!(erased, (u64::from(count.is_some()), count.unwrap_or(0)));
                } else {
                    let who = BTreeSet::from([first, second]);
                    let person = |number: &usize| data_subject(DataSubjectType::Klantnummer, &customer(*number)).unwrap();
                    let people: Vec<_> = who.iter().map(person).collect();
                    receipt(&house, about(chat("Dag."), &people)).await;
                    who.into_iter().for_each(|one| *counts.entry(one).or_default() += 1);
                }
            }
            for number in 0..4 {
                let rows = find(&house, &customer(number)).await;
                assert_eq!(rows.iter().map(|row| row.records).sum::<u64>(), counts.get(&number).copied().unwrap_or(0));
                assert!(rows.iter().all(|row| !gone.contains(&row.pseudonym)));
            }
            house.stop_and_verify().await;
        });
    }
}
