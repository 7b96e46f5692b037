//! The log in the formats of others: what is written is what the leaves say, and nothing is written of a log that is broken.

use std::{collections::BTreeMap, fs, path::Path};

use provenance::{
    AdminRead, AdminRef, DataSubjectRef, DataSubjectType, EndReason, Error, Exporter, Format, Leaf, Log,
    OpenRequest, Pseudonym, Selection, Stage, Status, Summary, VerifierKey, verify_each,
};
use serde_json::{Value, json};

use crate::samples::{aborted, block_on, denied, folder, id, intent, leaves, name, open, outcome, subject};

const ALL: [Format; 6] =
    [Format::Ldv, Format::Adl, Format::Otel, Format::Csv, Format::ProvJson, Format::Jsonl];

/// Requests of every end: served, failed, denied at the door and after a look into the text, of another use case whose
/// names are unkind to spreadsheets, and one that runs still.
fn write(dir: &Path) -> (Log, OpenRequest) {
    let (log, _) = open(dir);
    for leaf in leaves() {
        log.append(leaf).unwrap().blocking_wait().unwrap();
    }
    let key = subject(dir).request_key(&id(2));
    let running = block_on(async {
        log.admit(intent(id(2))).await.unwrap().seal(outcome(), &key).await.unwrap();
        log.admit(intent(id(3))).await.unwrap().abort(Status::Failed, EndReason::Engine);
        // Both halves of its id are something: they stand in for trace and span.
        let mut other = intent(id((7 << 64) + 4));
        other.request.use_case.as_mut().unwrap().id = name("+other");
        other.request.processing_activity_id = Some(name("letters-2026"));
        other.request.trace_id = None;
        other.request.span_id = None;
        other.request.data_subject_pseudonym = None;
        other.request.data_subject_type = None;
        log.admit(other).await.unwrap().seal(aborted(EndReason::Dropped), &key).await.unwrap();
        log.admit(intent(id(5))).await.unwrap()
    });
    let mut cleared = denied(id(6));
    cleared.request.decision.stage = Stage::Clear;
    cleared.request.decision.rule = Some(name("policy-error"));
    log.append(Leaf::Denied(Box::new(cleared))).unwrap().blocking_wait().unwrap();
    block_on(log.publish()).unwrap();
    (log, running)
}

fn export(
    dir: &Path,
    key: &VerifierKey,
    format: Format,
    selection: Selection,
) -> Result<(String, Summary), Error> {
    let mut out = Vec::new();
    let register = Some("https://register.example/".to_owned());
    let mut exporter = Exporter::new(format, selection, register, &mut out)?;
    let mut failed = Ok(());
    verify_each(dir, key, |leaf| {
        if failed.is_ok() {
            failed = exporter.take(&leaf);
        }
    })?;
    failed?;
    let summary = exporter.finish()?;
    Ok((String::from_utf8(out).unwrap(), summary))
}

fn whole(dir: &Path, log: &Log, format: Format) -> (String, Summary) {
    export(dir, log.verifier_key(), format, Selection::default()).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn golden_exports() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    for format in ALL {
        let (text, summary) = whole(dir.path(), &log, format);
        if format != Format::Jsonl {
            insta::assert_snapshot!(format!("{format:?}"), text);
        }
        assert_eq!(summary.unfinished, 1, "{format:?}");
    }
}

#[test]
fn the_leaves_come_out_as_they_were_hashed() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    let mut all = String::new();
    provenance::show(dir.path(), |leaf| {
        all.push_str(&leaf.json);
        all.push('\n');
        true
    })
    .unwrap();
    let (text, summary) = whole(dir.path(), &log, Format::Jsonl);
    assert_eq!(text, all);
    assert_eq!(summary.rows, all.lines().count() as u64);
}

#[test]
fn a_log_that_does_not_verify_gives_no_export() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    let key = log.verifier_key().clone();
    let journal = dir.path().join("journal");
    let mut bytes = fs::read(&journal).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&journal, bytes).unwrap();
    for format in ALL {
        export(dir.path(), &key, format, Selection::default()).expect_err("a flipped byte");
    }
}

#[test]
fn leaves_that_are_not_signed_yet_stay_out() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    let before = whole(dir.path(), &log, Format::Jsonl).0;
    let signed = fs::read(dir.path().join("public/checkpoint")).unwrap();
    let mut later = denied(id(7));
    later.request.decision.stage = Stage::Redact;
    log.append(Leaf::Denied(Box::new(later))).unwrap().blocking_wait().unwrap();
    block_on(log.publish()).unwrap();
    assert_ne!(whole(dir.path(), &log, Format::Jsonl).0, before);
    let (bundles, tiles) = (dir.path().join("public/tile/entries"), dir.path().join("public/tile/0"));
    // As a crash between journal and publication leaves it: the older checkpoint and its tiles.
    let wide = |folder: &Path| {
        let mut parts: Vec<u64> = fs::read_dir(folder.join("000.p"))
            .unwrap()
            .map(|item| item.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        parts.sort_unstable();
        folder.join(format!("000.p/{}", parts.last().unwrap()))
    };
    fs::remove_file(wide(&bundles)).unwrap();
    fs::remove_file(wide(&tiles)).unwrap();
    fs::write(dir.path().join("public/checkpoint"), signed).unwrap();
    assert_eq!(whole(dir.path(), &log, Format::Jsonl).0, before);
}

#[test]
fn a_selection_takes_an_outcome_with_its_intent() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    let all = lines(&whole(dir.path(), &log, Format::Jsonl).0);
    let at = |leaf: &Value| leaf["ts_ms"].as_str().unwrap().parse::<i64>().unwrap();
    let of = |event: &str| all.iter().find(|leaf| leaf["event"] == event).unwrap();
    let (from, until) = (at(of("intent")), at(of("intent")) + 1);
    let span = Selection { from_ms: Some(from), until_ms: Some(until), ..Selection::default() };
    let (text, summary) = export(dir.path(), log.verifier_key(), Format::Jsonl, span).unwrap();
    let events: Vec<Value> = lines(&text).into_iter().map(|leaf| leaf["event"].clone()).collect();
    assert_eq!(events, ["intent", "outcome"]);
    assert_eq!((summary.rows, summary.unfinished), (2, 0));
    let case = Selection { use_case: Some("+other".to_owned()), ..Selection::default() };
    let (text, _) = export(dir.path(), log.verifier_key(), Format::Jsonl, case.clone()).unwrap();
    assert_eq!(lines(&text).len(), 2, "the intent and its outcome alone");
    let (text, _) = export(dir.path(), log.verifier_key(), Format::Csv, case).unwrap();
    assert!(text.contains(",'+other,") && !text.contains(",+other"), "{text}");
    let none = Selection { use_case: Some("nobody".to_owned()), ..Selection::default() };
    let (text, summary) = export(dir.path(), log.verifier_key(), Format::ProvJson, none).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["bundle"], json!({}));
    assert_eq!(summary, Summary::default());
}

/// A request about two persons, one about the second of them, and an administrator who read of the first.
#[test]
fn what_is_about_one_person_comes_out_in_every_format_and_a_row_each_where_the_standard_says() {
    let dir = folder();
    let (log, _) = open(dir.path());
    let (one, two) = (Pseudonym([0x31; 32]), Pseudonym([0x32; 32]));
    let about = |id, first: Pseudonym, others: &[Pseudonym]| {
        let mut intent = intent(id);
        intent.request.data_subject_pseudonym = Some(first);
        intent.request.data_subject_type = Some(name("bsn"));
        let r#type = DataSubjectType::Klantnummer;
        let other = |pseudonym: &Pseudonym| DataSubjectRef { pseudonym: *pseudonym, r#type };
        intent.request.other_data_subjects = others.iter().map(other).collect();
        intent
    };
    let key = subject(dir.path()).request_key(&id(2));
    for intent in [about(id(1), one, &[two]), about(id(2), two, &[]), intent(id(3))] {
        block_on(async { log.admit(intent).await.unwrap().seal(outcome(), &key).await.unwrap() });
    }
    let read =
        AdminRead { by: AdminRef { uid: 1 }, what: name("subject_find"), records: 1, pseudonym: Some(one) };
    for leaf in [Leaf::AdminRead(read.clone()), Leaf::AdminRead(AdminRead { pseudonym: None, ..read })] {
        log.append(leaf).unwrap().blocking_wait().unwrap();
    }
    block_on(log.publish()).unwrap();
    let of = |who: &[Pseudonym], format| {
        let about = Some(who.iter().copied().collect());
        export(dir.path(), log.verifier_key(), format, Selection { about, ..Selection::default() }).unwrap()
    };
    let events = |who: &[Pseudonym]| -> Vec<String> {
        lines(&of(who, Format::Jsonl).0)
            .iter()
            .map(|leaf| leaf["event"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(events(&[one]), ["intent", "outcome", "admin_read"]);
    assert_eq!(events(&[two]), ["intent", "outcome", "intent", "outcome"]);
    assert!(events(&[]).is_empty());
    let people = |who: &[Pseudonym]| -> Vec<(String, String)> {
        let attribute = |row: &Value, name| row["attributes"][name].as_str().unwrap().to_owned();
        let rows = lines(&of(who, Format::Ldv).0);
        let named = |row| {
            (attribute(row, "dpl.core.data_subject_id"), attribute(row, "dpl.core.data_subject_id_type"))
        };
        rows.iter().map(named).collect()
    };
    let first = (one.to_hex(), "BSN".to_owned());
    let second = (two.to_hex(), "klantnummer".to_owned());
    let alone = (two.to_hex(), "BSN".to_owned());
    assert_eq!(people(&[one]), std::slice::from_ref(&first));
    assert_eq!(people(&[one, two]), [first, second.clone(), alone.clone()]);
    assert_eq!(people(&[two]), [second, alone]);
    assert_eq!(lines(&whole(dir.path(), &log, Format::Ldv).0).len(), 4);
    for (format, count) in [(Format::Adl, 1), (Format::Otel, 1), (Format::Csv, 1), (Format::ProvJson, 1)] {
        assert_eq!(of(&[one], format).1.rows, count, "{format:?}");
        assert_eq!(of(&[], format).1.rows, 0, "{format:?}");
    }
    let table = of(&[two], Format::Csv).0;
    assert!(table.contains(&format!("{}; {},bsn; klantnummer,", one.to_hex(), two.to_hex())), "{table}");
}

/// Counted from the leaves, not with the program's own sums.
#[test]
fn every_format_has_each_request_once() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    let leaves = lines(&whole(dir.path(), &log, Format::Jsonl).0);
    let ids = |events: &[&str]| -> BTreeMap<String, Value> {
        let ours = leaves.iter().filter(|leaf| events.iter().any(|event| leaf["event"] == **event));
        ours.map(|leaf| (leaf["id"].as_str().unwrap().to_owned(), leaf.clone())).collect()
    };
    let ended = ids(&["outcome", "denied"]);
    let decided = ids(&["intent", "denied"]);
    let adl = lines(&whole(dir.path(), &log, Format::Adl).0);
    assert_eq!(adl.len(), decided.len());
    for event in &adl {
        let id = event["attributes"]["adl.core.information"]["receipt_id"].as_str().unwrap();
        let permitted = decided[id]["event"] == "intent";
        assert_eq!(event["body"]["adl.core.response"]["decision"], permitted);
        // A field stands in one of both places.
        assert!(event["attributes"].get("adl.core.request").is_none());
    }
    let otel = lines(&whole(dir.path(), &log, Format::Otel).0);
    assert_eq!(otel.len(), ended.len());
    let prov: Value = serde_json::from_str(&whole(dir.path(), &log, Format::ProvJson).0).unwrap();
    assert_eq!(prov["bundle"].as_object().unwrap().len(), ended.len());
    let table = whole(dir.path(), &log, Format::Csv).0;
    assert_eq!(table.matches("\r\n").count(), ended.len() + 1);
    assert!(ended.keys().all(|id| table.contains(id.as_str())));
    // Only who was stopped at the door was not looked into.
    let (text, summary) = whole(dir.path(), &log, Format::Ldv);
    let rows = lines(&text);
    let stopped = leaves.iter().filter(|leaf| leaf["decision"]["stage"] == "enter").count();
    assert_eq!(rows.len(), ended.len() - stopped);
    assert_eq!(summary.without_data_subject, 2);
    let statuses: Vec<&str> = rows.iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["Ok", "Error", "Ok", "Unset"]);
    assert_eq!(rows[0]["attributes"]["dpl.core.data_subject_id"], "09".repeat(32));
    assert_eq!(
        rows[2]["attributes"]["dpl.core.processing_activity_id"],
        "https://register.example/letters-2026"
    );
}

#[test]
fn no_pseudonym_of_a_user_stands_in_the_log_of_processings() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    let actor = "08".repeat(32);
    assert!(!whole(dir.path(), &log, Format::Ldv).0.contains(&actor));
    assert!(whole(dir.path(), &log, Format::Adl).0.contains(&actor));
}

#[test]
fn an_activity_that_is_no_uri_is_refused_with_what_to_do() {
    let dir = folder();
    let (log, _running) = write(dir.path());
    let mut exporter = Exporter::new(Format::Ldv, Selection::default(), None, Vec::new()).unwrap();
    let mut failed = Ok(());
    verify_each(dir.path(), log.verifier_key(), |leaf| {
        if failed.is_ok() {
            failed = exporter.take(&leaf);
        }
    })
    .unwrap();
    let said = failed.unwrap_err().to_string();
    assert!(said.contains("letters-2026") && said.contains("--register"), "{said}");
    let said = Exporter::new(Format::Ldv, Selection::default(), Some("register".to_owned()), Vec::new())
        .map(drop)
        .unwrap_err();
    assert!(said.to_string().contains("no URI"), "{said}");
}
