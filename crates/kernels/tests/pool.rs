//! The pool under panics, many runs, several callers and early drops.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use kernels::Pool;

/// How often each worker was called by one run.
fn calls(pool: &Pool) -> Vec<usize> {
    let counts: Vec<_> = (0..pool.threads()).map(|_| AtomicUsize::new(0)).collect();
    pool.run(&|worker| {
        counts.get(worker).unwrap().fetch_add(1, SeqCst);
    });
    counts.iter().map(|count| count.load(SeqCst)).collect()
}

/// The message of the panic that `f` must end with.
fn message_of(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    payload.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn every_worker_is_called_once_each_run() {
    for threads in 1..=5 {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads);
        for run in 0..400 {
            if run % 100 == 99 {
                // Long enough that the workers park.
                std::thread::sleep(std::time::Duration::from_millis(3));
            }
            assert_eq!(calls(&pool), vec![1; threads]);
        }
    }
    assert_eq!(Pool::new(0).threads(), 1);
}

#[test]
fn a_panic_of_any_worker_reaches_the_caller_and_the_pool_goes_on() {
    let pool = Pool::new(4);
    for culprit in 0..4 {
        let finished = AtomicUsize::new(0);
        let message = message_of(|| {
            pool.run(&|worker| {
                if worker == culprit {
                    panic!("worker {worker} failed");
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
                finished.fetch_add(1, SeqCst);
            });
        });
        assert_eq!(message, format!("worker {culprit} failed"));
        assert_eq!(finished.load(SeqCst), 3, "the others were waited for");
        assert_eq!(calls(&pool), [1; 4]);
    }
    let message = message_of(|| pool.run(&|worker| panic!("worker {worker} failed")));
    assert!(message.starts_with("worker "));
    assert_eq!(calls(&pool), [1; 4]);
}

#[test]
fn a_run_within_a_run_is_done_in_place_and_its_panic_reaches_the_outermost_caller() {
    let pool = Pool::new(3);
    let count = AtomicUsize::new(0);
    pool.run(&|_| {
        pool.run(&|_| {
            count.fetch_add(1, SeqCst);
        });
    });
    assert_eq!(count.load(SeqCst), 9);
    let message = message_of(|| {
        pool.run(&|outer| {
            pool.run(&|inner| {
                if (outer, inner) == (2, 1) {
                    panic!("{outer} {inner}");
                }
            });
        });
    });
    assert_eq!(message, "2 1");
    // A panic caught within the work is not the pool's affair; the thread is still inside its run.
    pool.run(&|_| {
        assert!(catch_unwind(AssertUnwindSafe(|| pool.run(&|_| panic!("inner")))).is_err());
        pool.run(&|_| ());
    });
    assert_eq!(calls(&pool), [1; 3]);
}

#[test]
fn every_piece_is_done_once_by_one_worker_at_a_time() {
    for threads in 1..=4 {
        let pool = Pool::new(threads);
        for run in 0..300 {
            let pieces = run % 37;
            let counts: Vec<_> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
            let busy: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            pool.each(pieces, &|worker, piece| {
                assert_eq!(busy.get(worker).unwrap().fetch_add(1, SeqCst), 0);
                counts.get(piece).unwrap().fetch_add(1, SeqCst);
                busy.get(worker).unwrap().fetch_sub(1, SeqCst);
            });
            assert!(counts.iter().all(|count| count.load(SeqCst) == 1));
            // A run of every worker among runs of pieces still calls each exactly once.
            if run % 5 == 0 {
                assert_eq!(calls(&pool), vec![1; threads]);
            }
        }
        let message = message_of(|| {
            pool.each(20, &|_, piece| {
                if piece == 13 {
                    panic!("piece {piece} failed");
                }
            });
        });
        assert_eq!(message, "piece 13 failed");
        assert_eq!(calls(&pool), vec![1; threads]);
    }
}

#[test]
fn callers_take_turns() {
    let pool = Pool::new(3);
    let busy = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let seen = AtomicUsize::new(0);
                    pool.run(&|_| {
                        seen.fetch_add(1, SeqCst);
                        assert!(busy.fetch_add(1, SeqCst) < 3, "two runs at once");
                        busy.fetch_sub(1, SeqCst);
                    });
                    assert_eq!(seen.load(SeqCst), 3);
                }
            });
        }
    });
}

#[test]
fn pools_come_and_go() {
    for round in 0..200 {
        let pool = Pool::new(1 + round % 4);
        if round % 3 > 0 {
            calls(&pool);
        }
        if round % 3 == 2 {
            assert!(catch_unwind(AssertUnwindSafe(|| pool.run(&|_| panic!("last words")))).is_err());
        }
    }
}
