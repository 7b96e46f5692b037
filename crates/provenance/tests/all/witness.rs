//! A second organisation cosigns what it saw grow, and nothing else.

use std::{fs, path::Path, process::Command};

use provenance::{
    CosignRequest, Error, Leaf, Log, Receipt, VerifierKey, Witness, WitnessKey, cosign_request,
    cosigned_size, receipt_witnessed, verify, verify_witnessed,
};

use crate::{
    note::independent_check_with,
    samples::{block_on, denied, fill, folder, id, open, subject},
};

const NOW_S: u64 = 1_795_000_000;

fn witness(name: &str) -> (Witness, WitnessKey) {
    let witness = Witness::generate(name).unwrap();
    let public = WitnessKey::parse(&witness.public().to_string()).unwrap();
    (Witness::parse(&witness.to_secret_text()).unwrap(), public)
}

fn request(dir: &Path, log: &Log, old: u64) -> CosignRequest {
    let request = cosign_request(&dir.join("public"), log.verifier_key(), old).unwrap();
    assert_eq!(CosignRequest::parse(&request.to_text()).unwrap(), request);
    request
}

fn grow(log: &Log, count: u64) {
    fill(log, count);
    block_on(log.publish()).unwrap();
}

#[test]
fn a_log_that_grows_is_cosigned_again_and_again() {
    let dir = folder();
    let (log, _) = open(dir.path());
    let (secret, public) = witness("auditdienst.example/w1");
    let mut last: Option<String> = None;
    for (round, more) in [3, 0, 300, 1, 700].into_iter().enumerate() {
        grow(&log, more);
        let old = cosigned_size(dir.path(), log.verifier_key(), &public).unwrap();
        let time_s = NOW_S + round as u64;
        let note = secret
            .cosign(&request(dir.path(), &log, old), log.verifier_key(), last.as_deref(), time_s)
            .unwrap();
        assert_eq!(public.time_s("note", &note).unwrap(), Some(time_s));
        block_on(log.cosigned(note.clone(), public.clone())).unwrap();
        // Nothing came since, so the newest checkpoint carries it.
        assert_eq!(log.checkpoint(), note);
        assert_eq!(fs::read_to_string(dir.path().join("public/checkpoint")).unwrap(), note);
        let seen =
            verify_witnessed(dir.path(), log.verifier_key(), None, &public).unwrap().witnessed.unwrap();
        assert_eq!((seen.name.as_str(), seen.time_s), ("auditdienst.example/w1", time_s));
        last = Some(note);
    }
    log.shutdown();
    // A restart keeps it, and one more leaf leaves it where it was.
    let (log, _) = open(dir.path());
    assert_eq!(Some(log.checkpoint()), last);
    grow(&log, 1);
    let report = verify_witnessed(dir.path(), log.verifier_key(), None, &public).unwrap();
    assert_eq!((report.witnessed.unwrap().size, report.signed_leaves), (1004, 1005));
    assert!(!log.checkpoint().contains("auditdienst"));
    let (_, stranger) = witness("auditdienst.example/w1");
    let error = verify_witnessed(dir.path(), log.verifier_key(), None, &stranger).unwrap_err();
    assert!(matches!(error, Error::NotWitnessed { .. }), "{error}");
}

#[test]
fn a_fork_and_a_rollback_are_refused_with_their_sizes() {
    let dir = folder();
    let (log, _) = open(dir.path());
    let key = log.verifier_key().clone();
    let (secret, _) = witness("w");
    grow(&log, 300);
    let first = request(dir.path(), &log, 0);
    let last = secret.cosign(&first, &key, None, NOW_S).unwrap();
    log.shutdown();
    let refused =
        |request: &CosignRequest| secret.cosign(request, &key, Some(&last), NOW_S).unwrap_err().to_string();
    // Another history by the same key: shorter, as long, and longer.
    let forged = folder();
    fs::create_dir(forged.path().join("keys")).unwrap();
    fs::copy(dir.path().join("keys/log.key"), forged.path().join("keys/log.key")).unwrap();
    let (log, _) = open(forged.path());
    block_on(log.admit(crate::samples::intent(id(1))))
        .unwrap()
        .abort(provenance::Status::Failed, provenance::EndReason::Engine);
    grow(&log, 100);
    let shorter = refused(&request(forged.path(), &log, 0));
    assert!(shorter.contains("300 leaves were cosigned earlier, the checkpoint has 102"), "{shorter}");
    grow(&log, 198);
    let same = refused(&request(forged.path(), &log, 300));
    assert!(same.contains("two logs of 300 leaves"), "{same}");
    grow(&log, 100);
    let longer = refused(&request(forged.path(), &log, 300));
    assert!(longer.contains("the log of 400 leaves does not begin with the 300 leaves"), "{longer}");
    log.shutdown();
    // The true one, with a proof from elsewhere, a changed proof, another log's key, a state that is not its own.
    let (log, _) = open(dir.path());
    grow(&log, 50);
    let elsewhere = refused(&request(dir.path(), &log, 100));
    assert!(elsewhere.contains("starts at 100 leaves; this witness cosigned 300"), "{elsewhere}");
    let mut changed = request(dir.path(), &log, 300);
    changed.path[0][0] ^= 1;
    assert!(refused(&changed).contains("history was rewritten"));
    let true_one = request(dir.path(), &log, 300);
    let stranger = folder();
    let stranger = open(stranger.path()).0.verifier_key().clone();
    assert!(matches!(secret.cosign(&true_one, &stranger, None, NOW_S), Err(Error::Note { .. })));
    let uncosigned = first.checkpoint.clone();
    assert!(secret.cosign(&true_one, &key, Some(&uncosigned), NOW_S).is_err());
    secret.cosign(&true_one, &key, Some(&last), NOW_S).unwrap();
}

#[test]
fn what_is_not_cosigned_is_not_published() {
    let dir = folder();
    let (log, _) = open(dir.path());
    let (secret, public) = witness("w");
    grow(&log, 5);
    let early = request(dir.path(), &log, 0);
    let early = secret.cosign(&early, log.verifier_key(), None, NOW_S).unwrap();
    grow(&log, 5);
    let late = request(dir.path(), &log, 5);
    let late = secret.cosign(&late, log.verifier_key(), Some(&early), NOW_S).unwrap();
    let add = |note: &str, key: &WitnessKey| block_on(log.cosigned(note.to_owned(), key.clone()));
    assert!(matches!(add(&log.checkpoint(), &public), Err(Error::NotWitnessed { .. })));
    assert!(matches!(add(&late, &witness("w").1), Err(Error::NotWitnessed { .. })));
    let other = folder();
    let (other_log, _) = open(other.path());
    grow(&other_log, 5);
    let foreign = request(other.path(), &other_log, 0);
    let foreign = secret.cosign(&foreign, other_log.verifier_key(), None, NOW_S).unwrap();
    assert!(matches!(add(&foreign, &public), Err(Error::Note { .. })));
    add(&late, &public).unwrap();
    let back = add(&early, &public).unwrap_err();
    assert!(back.to_string().contains("a checkpoint of 10 leaves is there, this one has 5"), "{back}");
    assert!(log.closed().is_none());
    // Every bit of the cosigned checkpoint counts.
    let (file, _) = cosigned_file(dir.path());
    grow(&log, 1);
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&file, changed).unwrap();
        assert!(verify_witnessed(dir.path(), log.verifier_key(), None, &public).is_err(), "byte {at}");
        verify(dir.path(), log.verifier_key(), None).unwrap();
    }
    fs::write(&file, whole).unwrap();
    verify_witnessed(dir.path(), log.verifier_key(), None, &public).unwrap();
}

fn cosigned_file(dir: &Path) -> (std::path::PathBuf, String) {
    let folder = dir.join("public/cosigned");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    (file.path(), file.file_name().into_string().unwrap())
}

#[test]
fn a_receipt_is_shown_to_be_of_what_the_witness_saw() {
    let dir = folder();
    let (log, _) = open(dir.path());
    let (secret, public) = witness("w");
    let request_key = subject(dir.path()).request_key(&id(1));
    let deny = |number| -> Receipt {
        let leaf = Leaf::Denied(Box::new(denied(id(number))));
        let leaf = log.append(leaf).unwrap().blocking_wait().unwrap();
        log.receipt(id(number), &leaf, &request_key).unwrap()
    };
    fill(&log, 300);
    let early = deny(1);
    grow(&log, 20);
    let note = request(dir.path(), &log, 0);
    let note = secret.cosign(&note, log.verifier_key(), None, NOW_S).unwrap();
    block_on(log.cosigned(note, public.clone())).unwrap();
    let late = deny(2);
    block_on(log.publish()).unwrap();
    let key: &VerifierKey = log.verifier_key();
    let public_folder = dir.path().join("public");
    let seen = |receipt: &Receipt, dir: Option<&Path>| receipt_witnessed(receipt, key, &public, dir);
    assert_eq!(seen(&early, Some(&public_folder)).unwrap().size, 321);
    assert!(seen(&early, None).unwrap_err().to_string().contains("give a copy of the log's public folder"));
    let too_late = seen(&late, Some(&public_folder)).unwrap_err().to_string();
    assert!(too_late.contains("saw 321 leaves, the receipt has leaf 321"), "{too_late}");
    let mut other = seen_other(&early);
    assert!(matches!(seen(&other, Some(&public_folder)), Err(Error::Fork { .. })));
    other.leaves.clear();
    assert!(seen(&other, None).is_err());
    // Bundles are not needed, and hashes are.
    fs::remove_dir_all(public_folder.join("tile/entries")).unwrap();
    seen(&early, Some(&public_folder)).unwrap();
    fs::remove_file(public_folder.join("tile/0/000")).unwrap();
    assert!(matches!(seen(&early, Some(&public_folder)), Err(Error::Missing { .. })));
}

/// The same receipt with another leaf at its place.
fn seen_other(receipt: &Receipt) -> Receipt {
    let mut other: Receipt = serde_json::from_str(&serde_json::to_string(receipt).unwrap()).unwrap();
    other.leaves[0].leaf = other.leaves[0].leaf.replace("enter", "clear");
    other
}

#[test]
fn keys_of_logs_and_of_witnesses_are_not_mixed_up() {
    let (secret, public) = witness("w");
    assert!(VerifierKey::parse(&public.to_string()).is_err());
    let dir = folder();
    let (log, _) = open(dir.path());
    assert!(WitnessKey::parse(&log.verifier_key().to_string()).is_err());
    assert!(provenance::note::NoteSigner::parse(&secret.to_secret_text()).is_err());
    for broken in ["", "old 1", "old 01\n\n", "old 1\nx\n\n", "new 1\n\n"] {
        assert!(CosignRequest::parse(broken).is_err(), "{broken:?}");
    }
    let long = format!("old 1\n{}\n", format!("{}\n", "A".repeat(43) + "=").repeat(64));
    assert!(CosignRequest::parse(&long).is_err());
}

#[test]
fn an_independent_program_checks_the_cosignature() {
    if Command::new("python3").args(["-c", "import cryptography"]).output().is_err() {
        return;
    }
    let dir = folder();
    let (log, _) = open(dir.path());
    let (secret, public) = witness("auditdienst.example/w1");
    grow(&log, 300);
    let note = request(dir.path(), &log, 0);
    let note = secret.cosign(&note, log.verifier_key(), None, NOW_S).unwrap();
    block_on(log.cosigned(note, public.clone())).unwrap();
    grow(&log, 3);
    let folder = dir.path().join("public");
    let check = || independent_check_with(log.verifier_key(), &folder, &[&public.to_string()]);
    let Some(said) = check() else { return };
    assert_eq!(said, (true, format!("cosigned 300 leaves at {NOW_S}\n")));
    let (file, _) = cosigned_file(dir.path());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\n300\n", "\n299\n", 1)).unwrap();
    assert!(!check().unwrap().0);
    fs::remove_file(&file).unwrap();
    assert!(!check().unwrap().0);
}
