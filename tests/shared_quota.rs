//! Two servers, one allowance in a PostgreSQL database, and a power cut of one of them under load.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::Signal;
use testkit::PostgresServer;

use crate::harness::{Place, until};
use crate::quota::{REQUESTS_PER_DAY, attempt, shown, write_use_case};

const CLIENTS_EACH: usize = 20;

fn begun(place: &Place) -> u64 {
    place.leaves().of("intent").len() as u64
}

/// Asks until there is another answer than a good one, which it gives; nothing where the server went away.
fn exhaust(address: &str, key: &str, answered: &AtomicU64) -> Option<(u16, String)> {
    loop {
        match attempt(address, key)? {
            (200, _) => drop(answered.fetch_add(1, Ordering::SeqCst)),
            other => return Some(other),
        }
    }
}

#[test]
fn two_servers_share_one_allowance_and_a_power_cut_of_one_opens_none() {
    let Some(postgres) = PostgresServer::shared() else { return };
    let (Some(cut), Some(whole)) = (Place::new(), Place::new()) else { return };
    let url = format!("{}?lease_s=2", postgres.database());
    let stored = ["--quota-store", url.as_str()];
    for place in [&cut, &whole] {
        write_use_case(place);
    }
    let (mut first, second) = (cut.serve_with(&stored), whole.serve_with(&stored));
    assert!(first.errors().contains("postgres 127.0.0.1:"), "{}", first.errors());
    let keys = [cut.key("quota-test").secret, whole.key("quota-test").secret];
    let answered = AtomicU64::new(0);
    let addresses = [first.address.clone(), second.address.clone()];
    let refusals = std::thread::scope(|scope| {
        let client = |number: usize| exhaust(&addresses[number % 2], &keys[number % 2], &answered);
        let clients: Vec<_> =
            (0..2 * CLIENTS_EACH).map(|number| scope.spawn(move || client(number))).collect();
        until("answers", || (answered.load(Ordering::SeqCst) >= 6).then_some(()));
        first.signal(Signal::KILL);
        first.wait();
        clients.into_iter().filter_map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(refusals.len() >= CLIENTS_EACH, "those of the server that lives came to the limit");
    for (status, reply) in &refusals {
        assert!(*status == 429 && reply.contains("quota-requests-per-day"), "{status} {reply}");
    }
    // What the killed one had reserved counts all the time, and is charged when its lease is over.
    let of_both = || shown(&whole, "use-case", "requests", "day");
    until("the end of the lease", || (of_both() == (REQUESTS_PER_DAY, 0)).then_some(()));
    assert!(begun(&cut) > 0 && begun(&whole) > 0 && begun(&cut) + begun(&whole) <= REQUESTS_PER_DAY);

    // It is back, counts from its log what it took, and both may take what is left, to the last request.
    let first = cut.serve_with(&stored);
    assert_eq!(of_both(), (begun(&cut) + begun(&whole), 0));
    std::thread::scope(|scope| {
        for address in [&first.address, &second.address] {
            let key = if address == &first.address { &keys[0] } else { &keys[1] };
            let answered = &answered;
            scope.spawn(move || assert_eq!(exhaust(address, key, answered).unwrap().0, 429));
        }
    });
    assert_eq!(begun(&cut) + begun(&whole), REQUESTS_PER_DAY);
    let said = first.errors() + &second.errors();
    assert!(!said.contains("p%40ss") && !said.contains("p@ss"), "{said}");
    first.stop();
    second.stop();
    // Without a server the commands speak to the database themselves.
    for place in [&cut, &whole] {
        let rebuilt = place.run(&["quota", "rebuild", stored[0], stored[1]]).ok();
        assert!(rebuilt.contains("all as the log has them"), "{rebuilt}");
        place.run(&["log", "verify"]).ok();
    }
    let table = cut.run(&["quota", "show", stored[0], stored[1]]).ok();
    assert!(table.contains(&REQUESTS_PER_DAY.to_string()), "{table}");
    assert!(cut.run(&["quota", "accept-clock", stored[0], stored[1]]).ok().contains("the time is"));
}

#[test]
fn a_store_that_cannot_be_used_is_said_without_its_password() {
    let place = Place::without_model();
    let refused = |url: &str, words: &str| {
        for command in [["quota", "show"], ["keys", "list"]] {
            let said = place.run(&[command[0], command[1], "--quota-store", url]).refused();
            assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
        }
    };
    refused("postgres://me:hunter2@db.example/quota?sslmode=disable", "tunnel");
    refused("postgres://me:hunter2", "--quota-store");
    refused("postgres://me:hunter2@127.0.0.1:1/quota", "quota store 127.0.0.1:1/quota");
}
