//! The oldest epochs of a log are pruned by the program, and what is left answers for itself.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use provenance::{AdminRead, AdminRef, Clock, Leaf, Log, LogOptions, Name};

use crate::harness::{Place, run};

const DAY_MS: i64 = 24 * 3600 * 1000;
const ORIGIN: &str = "oud.example/log";

/// The log of a server that began at `start_ms`: four months, 300 leaves in each.
fn old_log(place: &Place, start_ms: i64) {
    fs::create_dir_all(place.state()).unwrap();
    fs::write(place.state().join("log.origin"), format!("{ORIGIN}\n")).unwrap();
    let now = Arc::new(AtomicI64::new(start_ms));
    let clock = Arc::clone(&now);
    let clock = Clock::from_fn(move || clock.fetch_add(1, Ordering::Relaxed));
    let (log, _) = Log::open(&place.log(), LogOptions { clock, ..LogOptions::new(ORIGIN) }).unwrap();
    for month in 0..4 {
        now.store(start_ms + month * 31 * DAY_MS, Ordering::Relaxed);
        for _ in 0..300 {
            let (by, what) = (AdminRef { uid: 7 }, Name::new("keys_list").unwrap());
            let read = AdminRead { by, what, records: 1, pseudonym: None };
            drop(log.append(Leaf::AdminRead(read)).unwrap());
        }
    }
    log.shutdown();
}

#[test]
fn old_epochs_go_and_the_log_says_so() {
    let place = Place::without_model();
    // From 2025-01-01: the file of the third month ends in the fourth, so two files may go, and 768 leaves with them.
    old_log(&place, 1_735_689_600_000);
    let older = place.root().join("older");
    fs::copy(place.log().join("public/checkpoint"), &older).unwrap();
    assert_eq!(place.run(&["log", "prune"]).code, 2);
    assert_eq!(place.run(&["log", "prune", "--keep-months", "6", "--before", "2025-03-01"]).code, 2);
    for young in [["--keep-months", "5"], ["--before", "2199-01-01"]] {
        let said = place.run(&[&["log", "prune"], &young[..]].concat()).refused();
        assert!(said.contains("six months") || said.contains("6 months"), "{said}");
    }
    let nothing = place.run(&["log", "prune", "--before", "2025-01-02"]).ok();
    assert!(nothing.contains("nothing to prune: the oldest epoch has leaves until 2025-02-"), "{nothing}");

    let said = place.run(&["log", "prune", "--before", "2025-04-01"]).ok();
    assert!(said.contains("leaves 0 to 767, of 2025-01-01 00:00Z to 2025-03-04"), "{said}");
    let said = place.run(&["log", "verify", "--against", older.to_str().unwrap()]).ok();
    assert!(said.contains("pruned      leaves 0 to 767, of 2025-01-01 to 2025-03-04"), "{said}");
    assert!(said.contains("the log verifies") && said.contains("contains    the history"), "{said}");
    let leaves = place.leaves();
    assert_eq!(leaves.0[0]["seq"], "768");
    let few = place.run(&["log", "show", "--count", "2"]);
    assert!(few.err.contains("leaves before 768 were pruned") && few.out.lines().count() == 2, "{few:?}");
    let sealed = leaves.of("log_pruned");
    assert_eq!(
        (sealed.len(), &sealed[0]["before"], &sealed[0]["minimum_waived"]),
        (1, &"768".into(), &false.into())
    );
    assert!(!place.log().join("public/tile/entries/002").exists());

    let export = place.run(&["log", "export", "--format", "csv"]);
    assert!(export.err.contains("pruned, and so not in it: leaves 0 to 767"), "{}", export.err);
    let page = place.run(&["log", "report", "--month", "2025-02", "--language", "en"]).ok();
    assert!(page.contains("Leaves of this month were pruned") && !page.contains("no requests in this month"));
    let page = place.run(&["log", "report", "--month", "2025-04", "--language", "en"]).ok();
    assert!(!page.contains("Leaves of this month were pruned"));

    // Months later more goes, and what the second says holds for both.
    let said = place.run(&["log", "prune", "--keep-months", "6"]).ok();
    assert!(said.contains("of 2025-01-01 00:00Z to"), "{said}");
    let said = place.run(&["log", "verify", "--against", older.to_str().unwrap()]).ok();
    assert!(said.contains("pruned      leaves 0 to 1"), "{said}");
}

/// Two organisations and nothing between them but files.
#[test]
fn a_second_organisation_cosigns_and_whoever_asks_for_it_is_answered() {
    let place = Place::without_model();
    let elsewhere = place.root().join("auditdienst");
    fs::create_dir(&elsewhere).unwrap();
    let file = |name: &str| elsewhere.join(name).to_str().unwrap().to_owned();
    place.key("pilot-test");
    let log_key = place.run(&["log", "key"]).ok();
    fs::write(file("log.vkey"), &log_key).unwrap();
    let (key, last, request) = (file("witness.key"), file("last"), file("request"));
    let witness = |request: &str, more: &[&str]| {
        let with =
            ["log", "witness", request, "--log-key", &file("log.vkey"), "--key", &key, "--last", &last];
        run(&[&with[..], more].concat())
    };

    // A key that is not there is not made by accident.
    let asked = place.run(&["log", "cosign", "request", "--since", "0"]).ok();
    assert!(asked.starts_with("old 0\n\n"), "{asked}");
    fs::write(&request, &asked).unwrap();
    assert!(witness(&request, &[]).refused().contains("--name makes a key"));
    let cosigned = witness(&request, &["--name", "auditdienst.example/w"]);
    let public = cosigned.err.trim().strip_prefix("cosigned by ").unwrap().to_owned();
    fs::write(file("cosigned"), cosigned.ok()).unwrap();
    let add = |file: &str| place.run(&["log", "cosign", "add", file, "--witness", &public]);
    let refused = place.run(&["log", "verify", "--witness", &public]).refused();
    assert!(refused.contains("not cosigned by auditdienst.example/w"), "{refused}");
    add(&file("cosigned")).ok();
    let said = place.run(&["log", "verify", "--witness", &public]).ok();
    assert!(
        said.contains("witnessed   the first ") && said.contains("by auditdienst.example/w on 20"),
        "{said}"
    );
    assert!(add(&request).refused().contains("log cosign add"));

    // The log grew; the next request says since when, and an old one is not cosigned again.
    place.key("pilot-test");
    let asked = place.run(&["log", "cosign", "request", "--witness", &public]).ok();
    assert!(!asked.starts_with("old 0\n"), "{asked}");
    fs::write(file("second"), &asked).unwrap();
    let second = witness(&file("second"), &[]);
    fs::write(file("cosigned"), second.ok()).unwrap();
    add(&file("cosigned")).ok();
    let rollback = witness(&request, &[]).refused();
    assert!(
        rollback.contains("history was rewritten") && rollback.contains("leaves were cosigned earlier"),
        "{rollback}"
    );

    // A copy for a web server holds it, and is enough to verify by.
    let hosted = place.root().join("hosted");
    let said = place.run(&["log", "publish", hosted.to_str().unwrap()]).ok();
    assert!(said.contains("the copy verifies"), "{said}");
    let key = provenance::VerifierKey::parse(&log_key).unwrap();
    let witness_key = provenance::WitnessKey::parse(&public).unwrap();
    assert!(provenance::verify_witnessed(&hosted, &key, None, &witness_key).unwrap().witnessed.is_some());
}
