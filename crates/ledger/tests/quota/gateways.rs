//! Several gateways, one database: each counts for all, and what happens to one is not the others' loss.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger::{Error, Ledger, QuotaStore, Reserve};
use testkit::{CuttingProxy, PostgresServer};

use crate::{Kept, demand, exceeded, granted, requests_per_minute, tokens_per_day, usage};

/// Waits for what another thread or process does.
#[track_caller]
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn database(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[test]
fn two_gateways_and_two_hundred_callers_take_exactly_the_limit() {
    const LIMIT: u64 = 61;
    let Some(one) = Kept::in_postgres() else { return };
    let other = Kept::at(&one.url);
    let ledgers = [one.open(), other.open()];
    let (tokens, requests) = (tokens_per_day("letters"), requests_per_minute("shared"));
    let wanted = [demand(requests.clone(), 1, LIMIT), demand(tokens.clone(), 10, 1_000_000)];
    let (through, taken) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for number in 0..200u64 {
            let (ledger, wanted) = (&ledgers[usize::from(number % 2 == 0)], &wanted);
            let (through, taken) = (&through, &taken);
            scope.spawn(move || match ledger.reserve(wanted, 0).unwrap() {
                Reserve::Granted(reservation) => {
                    through.fetch_add(1, Ordering::Relaxed);
                    taken.fetch_add(number % 10, Ordering::Relaxed);
                    ledger.settle(reservation, number % 10).unwrap();
                }
                Reserve::Exceeded(over) => assert_eq!(over.usage.total(), LIMIT),
            });
        }
    });
    assert_eq!(through.into_inner(), LIMIT);
    let taken = taken.into_inner();
    for ledger in &ledgers {
        assert_eq!((usage(ledger, &requests, 0), usage(ledger, &tokens, 0)), ((LIMIT, 0), (taken, 0)));
        assert_eq!(ledger.standings().unwrap(), ledgers[0].standings().unwrap());
        exceeded(ledger, &wanted, 0);
    }
}

/// Whatever they take at the same time, together they never hold more than the limit.
#[test]
fn two_gateways_at_once_never_hold_more_than_the_limit() {
    const LIMIT: u64 = 500;
    let Some(one) = Kept::in_postgres() else { return };
    let other = Kept::at(&one.url);
    let ledgers = [one.open(), other.open()];
    let tokens = tokens_per_day("letters");
    let settled = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..16u64 {
            let (ledger, tokens, settled) = (&ledgers[usize::from(thread % 2 == 0)], &tokens, &settled);
            scope.spawn(move || {
                for step in 0..20u64 {
                    let amount = 1 + (thread * 7 + step * 3) % 11;
                    match ledger.reserve(&[demand(tokens.clone(), amount, LIMIT)], 0).unwrap() {
                        Reserve::Exceeded(over) => assert!(over.usage.total() + amount > LIMIT),
                        Reserve::Granted(reservation) if step % 5 == 0 => {
                            ledger.release(reservation).unwrap()
                        }
                        Reserve::Granted(reservation) => {
                            assert!(ledger.usage(tokens, 0).unwrap().total() <= LIMIT);
                            ledger.settle(reservation, amount).unwrap();
                            settled.fetch_add(amount, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(usage(&ledgers[0], &tokens, 0), (settled.into_inner(), 0));
}

#[test]
fn counting_again_replaces_what_the_gateway_took_and_no_more() {
    let Some(one) = Kept::in_postgres() else { return };
    let other = Kept::at(&one.url);
    let (first, second) = (one.open(), other.open());
    let tokens = tokens_per_day("letters");
    let wanted = [demand(tokens.clone(), 10, 100)];
    first.settle(granted(&first, &wanted, 0), 7).unwrap();
    let own = first.standings().unwrap();
    second.settle(granted(&second, &wanted, 0), 5).unwrap();
    let open = granted(&second, &wanted, 0);
    // What is reserved elsewhere is no hindrance, and stays.
    assert_eq!(first.replace(own, 0).unwrap(), 0);
    assert_eq!(usage(&first, &tokens, 0), (12, 10));
    assert_eq!(first.replace(Vec::new(), 0).unwrap(), 1);
    assert_eq!(usage(&first, &tokens, 0), (5, 10));
    second.settle(open, 1).unwrap();
    assert_eq!(usage(&first, &tokens, 0), (6, 0));
}

const CRASH_PATH: &str = "LEDGER_LAPSE_TEST_PATH";
const CRASH_URL: &str = "LEDGER_LAPSE_TEST_URL";

/// The other process of the next test: takes and settles, and holds one reservation that it never settles.
#[test]
fn gateway_that_is_killed() {
    let Ok(path) = std::env::var(CRASH_PATH) else { return };
    let store = QuotaStore::parse(&std::env::var(CRASH_URL).unwrap()).unwrap();
    let ledger = Ledger::open_with(path, store, ledger::Faults::default()).unwrap();
    let wanted = [demand(tokens_per_day("letters"), 10, 1_000_000)];
    let _held = granted(&ledger, &wanted, 0);
    loop {
        ledger.settle(granted(&ledger, &wanted, 0), 1).unwrap();
        println!("settled");
    }
}

/// Starts it, waits until it is at work, and kills it there.
fn kill_at_work(kept: &Kept) {
    let mut child: Child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "gateways::gateway_that_is_killed", "--nocapture"])
        .env(CRASH_PATH, kept.path())
        .env(CRASH_URL, &kept.url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.filter(|line| line.contains("settled")).take(5).count(), 5);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_gateway_killed_under_load_is_charged_by_another_once_its_lease_has_lapsed() {
    let Some(alive) = Kept::in_postgres() else { return };
    let alive = Kept::at(&format!("{}?lease_s=1", alive.url));
    let killed = Kept::at(&alive.url);
    let ledger = alive.open();
    kill_at_work(&killed);
    let tokens = tokens_per_day("letters");
    let (used, reserved) = usage(&ledger, &tokens, 0);
    assert!(used >= 5 && reserved >= 10, "{used} {reserved}");
    // It counts against the limit all the time.
    exceeded(&ledger, &[demand(tokens.clone(), 1, used + reserved)], 0);
    until("the end of the lease", || usage(&ledger, &tokens, 0).1 == 0);
    assert_eq!(usage(&ledger, &tokens, 0), (used + reserved, 0), "charged, once");
    // It hears of it when it is back, once, and then counts again from its log.
    let back = killed.open();
    assert_eq!(back.recovered().tokens_charged, reserved);
    drop(back);
    assert_eq!(killed.open().recovered().tokens_charged, 0);
    assert_eq!(usage(&ledger, &tokens, 0), (used + reserved, 0));
}

#[test]
fn a_gateway_killed_under_load_is_charged_by_its_own_restart() {
    let Some(kept) = Kept::in_postgres() else { return };
    kill_at_work(&kept);
    let ledger = kept.open();
    let charged = ledger.recovered().tokens_charged;
    let (used, reserved) = usage(&ledger, &tokens_per_day("letters"), 0);
    assert!(charged >= 10 && used >= charged + 5 && reserved == 0, "{charged} {used} {reserved}");
}

/// A gateway that was cut off for longer than its lease, and did not die.
#[test]
fn what_was_charged_is_not_settled_once_more() {
    let (Some(server), Some(alive)) = (PostgresServer::shared(), Kept::in_postgres()) else { return };
    let proxy = CuttingProxy::to(server.port());
    let alive = Kept::at(&format!("{}?lease_s=1", alive.url));
    let cut_off =
        Kept::at(&alive.url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port())));
    let (ledger, away) = (alive.open(), cut_off.open());
    let tokens = tokens_per_day("letters");
    let wanted = [demand(tokens.clone(), 10, 100)];
    let held = [granted(&away, &wanted, 0), granted(&away, &wanted, 0)];
    proxy.down();
    until("the end of the lease", || usage(&ledger, &tokens, 0) == (20, 0));
    let [early, late] = held;
    assert!(matches!(away.settle(early, 1), Err(Error::StoreGone { .. })), "still away");
    proxy.mend();
    until("the way back", || away.usage(&tokens, 0).is_ok());
    assert!(matches!(away.settle(late, 1), Err(Error::StaleReservation)));
    assert_eq!(usage(&away, &tokens, 0), (20, 0));
    // It goes on, and its new reservations are its own again.
    away.settle(granted(&away, &wanted, 0), 3).unwrap();
    assert_eq!(usage(&ledger, &tokens, 0), (23, 0));
}

#[test]
fn a_copied_state_folder_stops_the_older_process() {
    let Some(kept) = Kept::in_postgres() else { return };
    drop(kept.open());
    let copy = Kept::at(&kept.url);
    std::fs::copy(kept.path(), copy.path()).unwrap();
    let older = kept.open();
    let tokens = tokens_per_day("letters");
    let wanted = [demand(tokens.clone(), 10, 100)];
    let held = granted(&older, &wanted, 0);
    let newer = copy.open();
    assert_eq!(newer.recovered().tokens_charged, 10);
    let stopped = older.reserve(&wanted, 0).unwrap_err();
    assert!(matches!(stopped, Error::StoreTakenOver { .. }), "{stopped}");
    assert!(stopped.to_string().contains("state folder"));
    assert!(matches!(older.settle(held, 1), Err(Error::StoreTakenOver { .. })));
    newer.settle(granted(&newer, &wanted, 0), 4).unwrap();
    assert_eq!(usage(&newer, &tokens, 0), (14, 0));
}

#[test]
fn a_database_that_forgot_stops_its_gateways_until_they_count_again() {
    let (Some(server), Some(kept)) = (PostgresServer::shared(), Kept::in_postgres()) else { return };
    let ledger = kept.open();
    let wanted = [demand(tokens_per_day("letters"), 10, 100)];
    ledger.settle(granted(&ledger, &wanted, 0), 10).unwrap();
    let sql = |statement: &str| server.sql(database(&kept.url), statement);
    // A backup of before.
    sql("UPDATE proeftuin_gateways SET batch = batch - 1");
    assert!(matches!(ledger.reserve(&wanted, 0), Err(Error::StoreReset { .. })));
    drop(ledger);
    sql("DELETE FROM proeftuin_counters; DELETE FROM proeftuin_gateways");
    let ledger = kept.open();
    assert!(ledger.recovered().moved, "to be counted again");
    sql("DELETE FROM proeftuin_gateways");
    let stopped = ledger.reserve(&wanted, 0).unwrap_err();
    assert!(
        matches!(stopped, Error::StoreReset { .. }) && stopped.to_string().contains("rebuild"),
        "{stopped}"
    );
}

#[test]
fn a_gateway_that_moves_counts_again_until_it_has() {
    let Some(postgres) = Kept::in_postgres() else { return };
    let kept = Kept { url: "sqlite".to_owned(), ..postgres };
    let url = Kept::in_postgres().unwrap().url;
    assert!(!kept.open().recovered().any());
    let moved = Kept { url, ..kept };
    for _ in 0..2 {
        assert!(moved.open().recovered().moved);
    }
    let ledger = moved.open();
    ledger.replace(Vec::new(), 0).unwrap();
    drop(ledger);
    assert!(!moved.open().recovered().any());
    let back = Kept { url: "sqlite".to_owned(), ..moved };
    assert!(back.open().recovered().moved);
}

#[test]
fn a_database_that_is_not_fit_is_refused_by_name() {
    let (Some(server), Some(kept)) = (PostgresServer::shared(), Kept::in_postgres()) else { return };
    let refused = |url: &str| {
        let store = QuotaStore::parse(url).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let opened = Ledger::open_with(folder.path().join("ledger.db"), store, ledger::Faults::default());
        opened.map(|_| ()).unwrap_err()
    };
    drop(kept.open());
    let name = database(&kept.url);
    server.sql(name, "UPDATE proeftuin_format SET format = 99");
    assert!(matches!(refused(&kept.url), Error::StoreNewer { found: 99, known: 1, .. }));
    let says = |url: &str, words: &str| {
        let error = refused(url).to_string();
        assert!(error.contains(words) && error.contains("127.0.0.1"), "{error}");
        assert!(!error.contains("sw%40rd") && !error.contains("hunter2"), "{error}");
    };
    says(&kept.url.replace("tester:", "tester:hunter2"), "password authentication failed");
    says(&format!("{}_not", kept.url), "does not exist");
    says(&server.url("postgres", 1), "refused");
    server.sql(name, "CREATE ROLE reader LOGIN PASSWORD 'reader'");
    let other = server.database();
    server.sql(database(&other), "REVOKE CREATE ON SCHEMA public FROM public");
    let reader = format!("postgres://reader:reader@127.0.0.1:{}/{}", server.port(), database(&other));
    says(&reader, "permission denied for schema public");
    // Over the Unix socket it is another place, and no password is asked.
    let socket = Kept::at(&server.socket_url(&other));
    assert!(socket.open().recovered().moved);
}
