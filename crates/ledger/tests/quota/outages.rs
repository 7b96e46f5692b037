//! The database goes away, at every point there is: what was not answered is put right, once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger::{Error, Ledger, Reservation, Reserve};
use testkit::{CuttingProxy, PostgresServer};

use crate::gateways::until;
use crate::{Kept, demand, granted, tokens_per_day, usage};

/// A ledger whose way to the database is a proxy, and one that has a way of its own.
struct Ways {
    proxy: CuttingProxy,
    cut: Ledger,
    whole: Ledger,
    _folders: [Kept; 2],
}

impl Ways {
    fn open() -> Option<Self> {
        let (server, kept) = (PostgresServer::shared()?, Kept::in_postgres()?);
        let proxy = CuttingProxy::to(server.port());
        let url = kept.url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
        let through = Kept::at(&url);
        let (cut, whole) = (through.open(), kept.open());
        Some(Self { proxy, cut, whole, _folders: [through, kept] })
    }

    fn held(&self) -> (u64, u64) {
        usage(&self.whole, &tokens_per_day("letters"), 0)
    }
}

/// Gone, or done: nothing else may come of it.
fn reserve(ledger: &Ledger, amount: u64) -> Option<Reservation> {
    match ledger.reserve(&[demand(tokens_per_day("letters"), amount, u64::MAX)], 0) {
        Ok(Reserve::Granted(reservation)) => Some(reservation),
        Ok(Reserve::Exceeded(over)) => panic!("{over:?}"),
        Err(Error::StoreGone { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// In either direction after any number of bytes, where the next connection works and where none does for a while: a
/// reservation that was granted is settled once, one that was not leaves nothing, and nothing stays reserved.
#[test]
fn a_connection_cut_anywhere_loses_nothing_and_doubles_nothing() {
    const AMOUNT: u64 = 1000;
    let Some(ways) = Ways::open() else { return };
    let exchange = |taken: u64| {
        let reservation = reserve(&ways.cut, AMOUNT)?;
        match ways.cut.settle(reservation, taken) {
            Ok(()) | Err(Error::StoreGone { .. }) => Some(taken),
            Err(error) => panic!("{error}"),
        }
    };
    // How many bytes it takes.
    exchange(0);
    let before = ways.proxy.passed();
    exchange(0);
    let after = ways.proxy.passed();
    let lengths = [after.0 - before.0, after.1 - before.1];
    assert!(lengths.iter().all(|length| (100..20_000).contains(length)), "{lengths:?}");
    let (mut used, mut cuts, mut failures) = (0, 0, 0);
    for (direction, length) in lengths.into_iter().enumerate() {
        for stay_down in [false, true] {
            for cut_after in (1..=length).step_by(if stay_down { 61 } else { 23 }) {
                ways.proxy.stay_down(stay_down);
                let bytes = i64::try_from(cut_after).unwrap();
                match direction {
                    0 => ways.proxy.cut_to_server_after(bytes),
                    _ => ways.proxy.cut_to_client_after(bytes),
                }
                let taken = exchange(1 + cut_after % 7);
                cuts += u64::from(ways.proxy.mend());
                failures += u64::from(taken.is_none());
                used += taken.unwrap_or(0);
                // What is owed is paid as soon as there is a way, without anybody asking.
                until("a settled account", || ways.held().1 == 0);
                assert_eq!(ways.held(), (used, 0), "{direction} {cut_after} {stay_down}");
            }
        }
    }
    assert!(cuts > 50 && failures > 5, "{cuts} cuts, {failures} failures");
}

/// Many callers, and a server that crashes and comes back under them.
#[test]
fn a_server_killed_and_restarted_under_load_is_back_with_every_count() {
    let Some(server) = PostgresServer::start() else {
        println!("skipped: no PostgreSQL server on this machine");
        return;
    };
    let url = server.database();
    let kept = [Kept::at(&url), Kept::at(&url)];
    let ledgers = kept.each_ref().map(Kept::open);
    let (end, settled, gone) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let work = |ledger: &Ledger| {
        while !end.load(Ordering::SeqCst) {
            let Some(reservation) = reserve(ledger, 10) else {
                gone.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            match ledger.settle(reservation, 3) {
                Ok(()) | Err(Error::StoreGone { .. }) => settled.fetch_add(3, Ordering::SeqCst),
                Err(error) => panic!("{error}"),
            };
        }
    };
    std::thread::scope(|scope| {
        for ledger in ledgers.iter().cycle().take(16) {
            scope.spawn(|| work(ledger));
        }
        for _ in 0..2 {
            let before = settled.load(Ordering::SeqCst);
            until("work", || settled.load(Ordering::SeqCst) > before + 60);
            server.crash();
            let before = gone.load(Ordering::SeqCst);
            until("failures", || gone.load(Ordering::SeqCst) > before + 20);
            server.resume();
        }
        let before = settled.load(Ordering::SeqCst);
        until("work again", || settled.load(Ordering::SeqCst) > before + 60);
        end.store(true, Ordering::SeqCst);
    });
    let tokens = tokens_per_day("letters");
    until("a settled account", || ledgers.iter().all(|ledger| usage(ledger, &tokens, 0).1 == 0));
    assert_eq!(usage(&ledgers[0], &tokens, 0), (settled.into_inner(), 0));
}

/// While it is away, each caller hears so, soon, with words that name the place and hold no secret.
#[test]
fn while_it_is_away_every_call_fails_soon() {
    let Some(ways) = Ways::open() else { return };
    let wanted = [demand(tokens_per_day("letters"), 10, 100)];
    let held = granted(&ways.cut, &wanted, 0);
    ways.proxy.down();
    let begun = Instant::now();
    for _ in 0..50 {
        let error = ways.cut.reserve(&wanted, 0).unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, Error::StoreGone { .. }) && said.contains("127.0.0.1"), "{said}");
        assert!(!said.contains("word"), "{said}");
        assert!(ways.cut.look(&wanted, 0).is_err() && ways.cut.standings().is_err());
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(ways.cut.settle(held, 4).is_err());
    // Others go on, and count what it holds.
    assert_eq!(ways.held(), (0, 10));
    ways.proxy.mend();
    until("a settled account", || ways.held() == (4, 0));
    ways.cut.settle(granted(&ways.cut, &wanted, 0), 1).unwrap();
    assert_eq!(ways.held(), (5, 0));
}

/// Whoever decides waits for whoever has the lock.
#[test]
fn the_lock_is_waited_for() {
    let (Some(server), Some(kept)) = (PostgresServer::shared(), Kept::in_postgres()) else { return };
    let ledger = kept.open();
    let name = kept.url.rsplit('/').next().unwrap().to_owned();
    let lock = "SELECT pg_advisory_lock(22610706437198913); SELECT pg_sleep(2)";
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| server.sql(&name, lock));
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        until("a lock", || server.sql(&name, locks) == "1");
        let reservation = granted(&ledger, &[demand(tokens_per_day("letters"), 10, 100)], 0);
        assert!(holder.is_finished() || server.sql(&name, locks) == "0", "it did not wait");
        ledger.settle(reservation, 1).unwrap();
    });
}
