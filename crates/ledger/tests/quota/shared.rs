//! What holds wherever counters are kept.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::{Counter, Error, Failure, Faults, Ledger, Point, QuotaStore, Reservation, Reserve, Window};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::{DAY_MS, Kept, demand, exceeded, granted, requests_per_minute, tokens_per_day, usage};

/// Each of these, wherever counters are kept.
macro_rules! everywhere {
    ($($name:ident)*) => {
        mod in_file {
            use super::*;
            $(#[test] fn $name() { super::$name(&Kept::in_file()); })*
        }
        mod in_postgres {
            use super::*;
            $(#[test] fn $name() { if let Some(kept) = Kept::in_postgres() { super::$name(&kept); } })*
        }
    };
}

everywhere! {
    reserve_settle_release
    windows_begin_with_the_minute_and_the_day_in_utc
    a_clock_set_back_opens_no_fresh_allowance
    numbers_that_do_not_fit_are_over
    threads_never_take_more_than_the_limit_and_lose_nothing
    counters_survive_a_restart_and_lost_reservations_end_with_it
    pruning_forgets_what_is_long_past_only
    two_hundred_callers_take_exactly_the_limit
    every_failure_of_the_store_is_an_error_and_takes_nothing
    replacing_the_counters_says_how_many_differ_and_the_latest_moment_is_kept
    a_process_killed_at_work_loses_nothing_it_had_settled
    a_ledger_is_two_numbers_a_counter
}

fn reserve_settle_release(kept: &Kept) {
    let ledger = kept.open();
    let (tokens, requests) = (tokens_per_day("letters"), requests_per_minute("key"));
    let demands = [demand(tokens.clone(), 60, 100), demand(requests.clone(), 1, 2)];
    let first = granted(&ledger, &demands, 0);
    assert!(first.before().all(|(_, usage)| usage.total() == 0));
    assert_eq!((usage(&ledger, &tokens, 0), usage(&ledger, &requests, 0)), ((0, 60), (0, 1)));
    // The second demand of the pair would fit; none is taken, because the first does not.
    let over = exceeded(&ledger, &demands, 1000);
    assert_eq!((&over.demand.counter, over.usage.total()), (&tokens, 60));
    assert_eq!(over.retry_after_ms, DAY_MS - 1000);
    assert_eq!(usage(&ledger, &requests, 0), (0, 1));
    ledger.settle(first, 10).unwrap();
    assert_eq!((usage(&ledger, &tokens, 0), usage(&ledger, &requests, 0)), ((10, 0), (1, 0)));
    let second = granted(&ledger, &demands, 1000);
    assert_eq!(second.before().map(|(_, usage)| usage.used).collect::<Vec<_>>(), [10, 1]);
    ledger.release(second).unwrap();
    assert_eq!((usage(&ledger, &tokens, 0), usage(&ledger, &requests, 0)), ((10, 0), (1, 0)));
    // What was taken beyond what was reserved is counted all the same.
    ledger.settle(granted(&ledger, &demands, 2000), 500).unwrap();
    assert_eq!(usage(&ledger, &tokens, 0), (510, 0));
    let over = exceeded(&ledger, &[demand(requests, 1, 2)], 59_999);
    assert_eq!(over.retry_after_ms, 1);
}

fn windows_begin_with_the_minute_and_the_day_in_utc(kept: &Kept) {
    let ledger = kept.open();
    let requests = requests_per_minute("key");
    let one = [demand(requests.clone(), 1, 1)];
    ledger.settle(granted(&ledger, &one, 59_999), 0).unwrap();
    exceeded(&ledger, &one, 59_999);
    ledger.settle(granted(&ledger, &one, 60_000), 0).unwrap();
    ledger.settle(granted(&ledger, &one, -1), 0).unwrap();
    exceeded(&ledger, &one, -60_000);
    let day = [demand(tokens_per_day("letters"), 5, 5)];
    ledger.settle(granted(&ledger, &day, DAY_MS - 1), 5).unwrap();
    exceeded(&ledger, &day, 0);
    ledger.settle(granted(&ledger, &day, DAY_MS), 5).unwrap();
}

fn a_clock_set_back_opens_no_fresh_allowance(kept: &Kept) {
    let ledger = kept.open();
    let one = [demand(requests_per_minute("key"), 1, 1)];
    for minute in 0..10 {
        ledger.settle(granted(&ledger, &one, minute * 60_000), 0).unwrap();
    }
    ledger.prune(9 * 60_000).unwrap();
    for minute in (0..10).rev() {
        exceeded(&ledger, &one, minute * 60_000 + 30_000);
    }
    // A reservation is settled in the window it was made in.
    let tokens = tokens_per_day("letters");
    let late = granted(&ledger, &[demand(tokens.clone(), 7, 10)], DAY_MS - 1);
    ledger.settle(late, 4).unwrap();
    assert_eq!(usage(&ledger, &tokens, 0), (4, 0));
    assert_eq!(usage(&ledger, &tokens, DAY_MS), (0, 0));
}

fn numbers_that_do_not_fit_are_over(kept: &Kept) {
    let ledger = kept.open();
    let tokens = tokens_per_day("letters");
    exceeded(&ledger, &[demand(tokens.clone(), u64::MAX, u64::MAX)], 0);
    let half = i64::MAX as u64;
    let reservation = granted(&ledger, &[demand(tokens.clone(), half, u64::MAX)], 0);
    exceeded(&ledger, &[demand(tokens.clone(), 1, u64::MAX)], 0);
    ledger.settle(reservation, u64::MAX).unwrap();
    assert_eq!(usage(&ledger, &tokens, 0), (half, 0));
    for now_ms in [i64::MIN, i64::MAX] {
        let one = [demand(tokens.clone(), 1, 1)];
        ledger.settle(granted(&ledger, &one, now_ms), 1).unwrap();
        assert!(exceeded(&ledger, &one, now_ms).retry_after_ms >= 0);
    }
}

fn threads_never_take_more_than_the_limit_and_lose_nothing(kept: &Kept) {
    const LIMIT: u64 = 1000;
    let ledger = kept.open();
    let tokens = tokens_per_day("letters");
    let (settled, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..16u64 {
            let (ledger, tokens, settled, refused) = (&ledger, &tokens, &settled, &refused);
            scope.spawn(move || {
                for step in 0..25u64 {
                    let amount = 1 + (thread * 7 + step * 3) % 11;
                    match ledger.reserve(&[demand(tokens.clone(), amount, LIMIT)], 0).unwrap() {
                        Reserve::Exceeded(over) => {
                            assert!(over.usage.total() + amount > LIMIT);
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
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
    let (used, reserved) = usage(&ledger, &tokens, 0);
    assert_eq!((used, reserved), (settled.into_inner(), 0));
    assert!(used <= LIMIT && refused.into_inner() > 0, "the limit was reached: {used}");
}

fn counters_survive_a_restart_and_lost_reservations_end_with_it(kept: &Kept) {
    let (tokens, requests) = (tokens_per_day("letters"), requests_per_minute("key"));
    let demands = [demand(tokens.clone(), 60, 100), demand(requests.clone(), 1, 2)];
    let ledger = kept.open();
    assert_eq!((ledger.recovered().tokens_charged, ledger.recovered().requests_charged), (0, 0));
    ledger.settle(granted(&ledger, &demands, 0), 30).unwrap();
    let lost = granted(&ledger, &demands, 0);
    exceeded(&ledger, &demands, 0);
    drop(ledger);
    let ledger = kept.open();
    assert_eq!((ledger.recovered().tokens_charged, ledger.recovered().requests_charged), (60, 1));
    assert_eq!((usage(&ledger, &tokens, 0), usage(&ledger, &requests, 0)), ((90, 0), (2, 0)));
    // A reservation of before was ended already: it is not given back twice, at the cost of a newer one.
    let newer = granted(&ledger, &[demand(tokens.clone(), 10, 100)], 0);
    assert!(matches!(ledger.release(lost), Err(Error::StaleReservation)));
    assert_eq!(usage(&ledger, &tokens, 0), (90, 10));
    ledger.release(newer).unwrap();
    exceeded(&ledger, &[demand(requests, 1, 2)], 0);
}

fn pruning_forgets_what_is_long_past_only(kept: &Kept) {
    let ledger = kept.open();
    let (tokens, requests) = (tokens_per_day("letters"), requests_per_minute("key"));
    let demands = [demand(tokens.clone(), 5, 10), demand(requests.clone(), 1, 10)];
    ledger.settle(granted(&ledger, &demands, 0), 5).unwrap();
    let open = granted(&ledger, &demands, 60_000);
    ledger.prune(DAY_MS).unwrap();
    assert_eq!(usage(&ledger, &requests, 0), (1, 0));
    ledger.prune(2 * DAY_MS).unwrap();
    assert_eq!((usage(&ledger, &requests, 0), usage(&ledger, &tokens, 0)), ((0, 0), (5, 5)));
    assert_eq!(usage(&ledger, &requests, 60_000), (0, 1), "what is reserved is not forgotten");
    ledger.settle(open, 5).unwrap();
    ledger.prune(500 * DAY_MS).unwrap();
    assert_eq!((usage(&ledger, &requests, 60_000), usage(&ledger, &tokens, 0)), ((0, 0), (0, 0)));
}

/// Many reservations share a transaction, and each is judged on its own: exactly the limit gets through.
fn two_hundred_callers_take_exactly_the_limit(kept: &Kept) {
    const LIMIT: u64 = 37;
    let ledger = kept.open();
    let (tokens, requests) = (tokens_per_day("letters"), requests_per_minute("key"));
    let wanted = [demand(requests.clone(), 1, LIMIT), demand(tokens.clone(), 10, 1_000_000)];
    let through = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for number in 0..200 {
            let (ledger, wanted, through) = (&ledger, &wanted, &through);
            scope.spawn(move || match ledger.reserve(wanted, 0).unwrap() {
                Reserve::Granted(reservation) => {
                    through.fetch_add(1, Ordering::Relaxed);
                    ledger.settle(reservation, number % 10).unwrap();
                }
                Reserve::Exceeded(over) => assert_eq!(over.usage.total(), LIMIT),
            });
        }
    });
    assert_eq!(through.into_inner(), LIMIT);
    let before = ledger.standings().unwrap();
    assert_eq!(usage(&ledger, &requests, 0), (LIMIT, 0));
    drop(ledger);
    assert_eq!(kept.open().standings().unwrap(), before);
}

/// Wherever it fails, whoever asked is told, and nothing was taken.
fn every_failure_of_the_store_is_an_error_and_takes_nothing(kept: &Kept) {
    let faults = Faults::default();
    let ledger = kept.open_with(faults.clone());
    let tokens = tokens_per_day("letters");
    let wanted = [demand(tokens.clone(), 6, 10)];
    for point in [Point::Begin, Point::Step, Point::Commit] {
        for failure in [Failure::Full, Failure::InputOutput, Failure::Corrupt, Failure::Busy] {
            faults.strike(point, failure);
            assert!(matches!(ledger.reserve(&wanted, 0), Err(Error::Database(_))), "{point:?} {failure:?}");
            // Whoever only reads in a shared database commits nothing.
            let commits = point != Point::Commit || kept.url == "sqlite";
            assert_eq!(ledger.look(&wanted, 0).is_err(), commits, "{point:?} {failure:?}");
            faults.heal();
            assert_eq!(usage(&ledger, &tokens, 0), (0, 0), "{point:?} {failure:?}");
        }
    }
    let open = granted(&ledger, &wanted, 0);
    faults.strike(Point::Writer, Failure::InputOutput);
    assert!(matches!(ledger.settle(open, 1), Err(Error::WriterGone)));
    faults.heal();
    assert!(matches!(ledger.reserve(&wanted, 0), Err(Error::WriterGone)), "a writer that ended stays ended");
}

fn replacing_the_counters_says_how_many_differ_and_the_latest_moment_is_kept(kept: &Kept) {
    let ledger = kept.open();
    assert_eq!(ledger.latest_ms(), None);
    let demands = [demand(tokens_per_day("letters"), 6, 100), demand(requests_per_minute("key"), 1, 9)];
    ledger.settle(granted(&ledger, &demands, 5000), 4).unwrap();
    ledger.settle(granted(&ledger, &demands, 3000), 4).unwrap();
    let mut standings = ledger.standings().unwrap();
    assert_eq!(ledger.replace(standings.clone(), 5000).unwrap(), 0);
    standings[0].usage.used += 1;
    assert_eq!(ledger.replace(standings.clone(), 5000).unwrap(), 1);
    assert_eq!(ledger.standings().unwrap(), standings);
    let open = granted(&ledger, &demands, 5000);
    assert!(matches!(ledger.replace(standings.clone(), 5000), Err(Error::Reserved)));
    ledger.release(open).unwrap();
    assert_eq!(ledger.replace(standings.clone(), 2 * DAY_MS).unwrap(), 0);
    assert_eq!(ledger.standings().unwrap().len(), 1, "the minute is long past");
    drop(ledger);
    let ledger = kept.open();
    assert_eq!(ledger.latest_ms(), Some(5000));
    ledger.accept_clock(1000).unwrap();
    drop(ledger);
    assert_eq!(kept.open().latest_ms(), Some(1000));
}

const CRASH_PATH: &str = "LEDGER_CRASH_TEST_PATH";
const CRASH_URL: &str = "LEDGER_CRASH_TEST_URL";

/// The other process of the next test: settles one token at a time, says so, and never ends by itself.
#[test]
fn process_that_is_killed() {
    let Ok(path) = std::env::var(CRASH_PATH) else { return };
    let store = QuotaStore::parse(&std::env::var(CRASH_URL).unwrap()).unwrap();
    let ledger = Ledger::open_with(path, store, Faults::default()).unwrap();
    let wanted =
        [demand(tokens_per_day("letters"), 10, 1_000_000), demand(requests_per_minute("key"), 1, 1_000_000)];
    loop {
        let reservation = granted(&ledger, &wanted, 0);
        let lost = granted(&ledger, &wanted, 0);
        ledger.settle(reservation, 1).unwrap();
        println!("settled");
        ledger.release(lost).unwrap();
    }
}

fn a_process_killed_at_work_loses_nothing_it_had_settled(kept: &Kept) {
    let mut heard = 0;
    for round in 1..=3u64 {
        let before = kept.open().usage(&tokens_per_day("letters"), 0).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shared::process_that_is_killed", "--nocapture"])
            .env(CRASH_PATH, kept.path())
            .env(CRASH_URL, &kept.url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let wanted = 5 * round;
        let mut settled = 0u64;
        while settled < wanted {
            settled += u64::from(lines.next().unwrap().contains("settled"));
        }
        child.kill().unwrap();
        settled += lines.filter(|line| line.contains("settled")).count() as u64;
        child.wait().unwrap();
        let ledger = kept.open();
        let after = ledger.usage(&tokens_per_day("letters"), 0).unwrap();
        // One settlement may have become durable without its word having come through.
        let gained = after.used - before.used - ledger.recovered().tokens_charged;
        assert!(gained == settled || gained == settled + 1, "{gained} settled, {settled} heard of");
        assert_eq!(after.reserved, 0);
        assert_eq!(ledger.recovered().tokens_charged % 10, 0);
        let requests = ledger.usage(&requests_per_minute("key"), 0).unwrap();
        assert!(requests.used >= heard && requests.reserved == 0, "{requests:?}");
        heard += settled;
    }
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Reserve { scope: u8, minute: u8, amount: u64 },
    Settle { actual: u64 },
    Release,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, 0..3u8, 0..40u64)
            .prop_map(|(scope, minute, amount)| Step::Reserve { scope, minute, amount }),
        2 => (0..40u64).prop_map(|actual| Step::Settle { actual }),
        1 => Just(Step::Release),
        1 => Just(Step::Restart),
    ]
}

/// Against a model that is two numbers a counter.
fn a_ledger_is_two_numbers_a_counter(kept: &Kept) {
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) });
    let cases = AtomicU64::new(0);
    let histories = proptest::collection::vec(step(), 1..30);
    let outcome = runner.run(&histories, |history| {
        const LIMIT: u64 = 100;
        // A new file for each history, and scopes of its own in a database that is kept.
        let case = cases.fetch_add(1, Ordering::Relaxed);
        let kept = Kept::at(&kept.url);
        let mut ledger = Some(kept.open());
        let mut model: HashMap<(u8, u8), (u64, u64)> = HashMap::new();
        let mut open: Vec<(Reservation, (u8, u8), u64)> = Vec::new();
        let counter =
            |scope: u8| Counter { window: Window::Minute, ..tokens_per_day(&format!("{case}-{scope}")) };
        for step in history {
            let now = ledger.as_ref().unwrap();
            match step {
                Step::Reserve { scope, minute, amount } => {
                    let state = model.entry((scope, minute)).or_default();
                    let fits = state.0 + state.1 + amount <= LIMIT;
                    let wanted = [demand(counter(scope), amount, LIMIT)];
                    match now.reserve(&wanted, i64::from(minute) * 60_000 + 5).unwrap() {
                        Reserve::Granted(reservation) => {
                            prop_assert!(fits);
                            state.1 += amount;
                            open.push((reservation, (scope, minute), amount));
                        }
                        Reserve::Exceeded(over) => {
                            prop_assert!(!fits);
                            prop_assert_eq!(over.usage.total(), state.0 + state.1);
                        }
                    }
                }
                Step::Settle { actual } => {
                    if let Some((reservation, at, amount)) = open.pop() {
                        now.settle(reservation, actual).unwrap();
                        let state = model.get_mut(&at).unwrap();
                        *state = (state.0 + actual, state.1 - amount);
                    }
                }
                Step::Release => {
                    if let Some((reservation, at, amount)) = open.pop() {
                        now.release(reservation).unwrap();
                        model.get_mut(&at).unwrap().1 -= amount;
                    }
                }
                Step::Restart => {
                    open.clear();
                    drop(ledger.take());
                    ledger = Some(kept.open());
                    let charged = ledger.as_ref().unwrap().recovered().tokens_charged;
                    prop_assert_eq!(charged, model.values().map(|state| state.1).sum::<u64>());
                    model.values_mut().for_each(|state| *state = (state.0 + state.1, 0));
                }
            }
            for (&(scope, minute), &state) in &model {
                let held = usage(ledger.as_ref().unwrap(), &counter(scope), i64::from(minute) * 60_000);
                prop_assert_eq!(held, state);
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
