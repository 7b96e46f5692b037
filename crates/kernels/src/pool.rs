//! A persistent pool of threads for short, evenly split work.
//!
//! The caller is worker 0. Workers spin briefly for the next piece of work and then park, so that a busy machine
//! is not made busier. There is no work stealing: who does what is a function of the worker's number alone.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Pauses before a waiting thread parks: some tens of microseconds.
const SPINS: u32 = 1 << 11;

/// Most threads a pool may have.
const THREADS_MAX: usize = 1024;

type Work<'a> = dyn Fn(usize) + Sync + 'a;

thread_local! {
    /// Set while this thread runs a piece of some pool's work: a `run` from there is done in place.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Threads that run one piece of work together; see [`Pool::run`].
#[derive(Debug)]
pub struct Pool {
    meeting: Arc<Meeting>,
    /// Held for the length of a run: one run at a time.
    turn: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Meeting {
    /// Counts the runs; a worker that sees a new number has work.
    epoch: AtomicU32,
    /// Workers that have not finished the current run.
    remaining: AtomicUsize,
    stop: AtomicBool,
    work: WorkSlot,
    /// First panic of the current run.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    parking: Mutex<()>,
    /// Workers parked in `wake`.
    parked: AtomicUsize,
    wake: Condvar,
    /// Whether the caller is parked in `done`.
    caller_parked: AtomicBool,
    done: Condvar,
}

/// The work of the current run. Written by the caller while no worker runs, read by workers during the run.
struct WorkSlot(UnsafeCell<Option<&'static Work<'static>>>);

impl std::fmt::Debug for WorkSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WorkSlot")
    }
}

// SAFETY: `Pool::run` writes the slot under `turn` when `remaining` is 0 (no worker reads), before it publishes the
// new epoch with SeqCst; workers read it only after seeing that epoch and before they lower `remaining`.
unsafe impl Sync for WorkSlot {}
// SAFETY: the reference within is to a `Sync` closure, so it may be used from any thread.
unsafe impl Send for WorkSlot {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Starts a pool of `threads` threads, the caller's included (at least 1, at most 1024). When the system refuses
    /// a thread the pool has fewer: [`Pool::threads`] tells how many there are in fact.
    pub fn new(threads: usize) -> Pool {
        let meeting = Arc::new(Meeting {
            epoch: AtomicU32::new(0),
            remaining: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            work: WorkSlot(UnsafeCell::new(None)),
            panic: Mutex::new(None),
            parking: Mutex::new(()),
            parked: AtomicUsize::new(0),
            wake: Condvar::new(),
            caller_parked: AtomicBool::new(false),
            done: Condvar::new(),
        });
        let workers = (1..threads.clamp(1, THREADS_MAX))
            .map_while(|worker| {
                let meeting = Arc::clone(&meeting);
                let name = format!("kernels-{worker}");
                std::thread::Builder::new().name(name).spawn(move || meeting.serve(worker)).ok()
            })
            .collect();
        Pool { meeting, turn: Mutex::new(()), workers }
    }

    /// Threads that take part in a run, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work(worker)` once for each worker in `0..threads()`, worker 0 on this thread, and returns when all
    /// are done. Runs from several threads take turns. A run from within a run is done in place, one worker number
    /// after the other; so a piece of work must not wait for another one.
    ///
    /// # Panics
    /// With the first panic of the work, after all workers are done. The pool stays usable.
    pub fn run(&self, work: &Work<'_>) {
        if self.workers.is_empty() || INSIDE.get() {
            (0..self.threads()).for_each(work);
            return;
        }
        let turn = lock(&self.turn);
        // SAFETY: the lifetime is extended for the workers only. `start` and `finish` below have no path that
        // leaves this function before every worker has lowered `remaining`, after which none touches the reference.
        let long: &'static Work<'static> = unsafe { std::mem::transmute::<&Work<'_>, _>(work) };
        self.meeting.start(long, self.workers.len());
        let mine = inside(|| work(0));
        self.meeting.finish();
        let theirs = lock(&self.meeting.panic).take();
        drop(turn);
        if let Some(payload) = mine.err().or(theirs) {
            resume_unwind(payload);
        }
    }
}

/// Calls `f` with the mark of being inside a run, and catches its panic.
fn inside(f: impl FnOnce()) -> Result<(), Box<dyn Any + Send>> {
    INSIDE.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    INSIDE.set(false);
    result
}

impl Meeting {
    /// Publishes work to `workers` workers and wakes those that are parked.
    fn start(&self, work: &'static Work<'static>, workers: usize) {
        // SAFETY: see `WorkSlot`: no worker reads the slot between runs.
        unsafe { *self.work.0.get() = Some(work) };
        self.remaining.store(workers, SeqCst);
        self.epoch.fetch_add(1, SeqCst);
        self.rouse();
    }

    fn rouse(&self) {
        if self.parked.load(SeqCst) > 0 {
            let _parking = lock(&self.parking);
            self.wake.notify_all();
        }
    }

    /// Waits until every worker is done.
    fn finish(&self) {
        for _ in 0..SPINS {
            if self.remaining.load(SeqCst) == 0 {
                return;
            }
            std::hint::spin_loop();
        }
        let mut parking = lock(&self.parking);
        self.caller_parked.store(true, SeqCst);
        while self.remaining.load(SeqCst) != 0 {
            parking = self.done.wait(parking).unwrap_or_else(PoisonError::into_inner);
        }
        self.caller_parked.store(false, SeqCst);
    }

    /// A worker's life: wait for an epoch, do the work, report.
    fn serve(&self, worker: usize) {
        let mut seen = 0;
        loop {
            seen = self.next_epoch(seen);
            if self.stop.load(SeqCst) {
                return;
            }
            // SAFETY: see `WorkSlot`: this epoch's work was written before the epoch, and stays until we report.
            let work = unsafe { *self.work.0.get() };
            if let Some(work) = work
                && let Err(payload) = inside(|| work(worker))
            {
                lock(&self.panic).get_or_insert(payload);
            }
            if self.remaining.fetch_sub(1, SeqCst) == 1 && self.caller_parked.load(SeqCst) {
                let _parking = lock(&self.parking);
                self.done.notify_all();
            }
        }
    }

    /// Waits for an epoch other than `seen`: spins, then parks.
    fn next_epoch(&self, seen: u32) -> u32 {
        for _ in 0..SPINS {
            let epoch = self.epoch.load(SeqCst);
            if epoch != seen {
                return epoch;
            }
            std::hint::spin_loop();
        }
        let mut parking = lock(&self.parking);
        self.parked.fetch_add(1, SeqCst);
        let mut epoch = self.epoch.load(SeqCst);
        while epoch == seen {
            parking = self.wake.wait(parking).unwrap_or_else(PoisonError::into_inner);
            epoch = self.epoch.load(SeqCst);
        }
        self.parked.fetch_sub(1, SeqCst);
        epoch
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.meeting.stop.store(true, SeqCst);
        self.meeting.epoch.fetch_add(1, SeqCst);
        self.meeting.rouse();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its work, so there is nothing to learn from its result.
            drop(worker.join());
        }
    }
}

/// A slice that the workers of a run write to, each its own part.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

/// Lends a slice to the workers of a run.
pub(crate) fn share<T>(slice: &mut [T]) -> Shared<'_, T> {
    Shared { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
}

// SAFETY: the one way to the elements is `slice_mut`, whose callers promise disjoint ranges; `T: Send` then lets
// another thread have them.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<T> Shared<'_, T> {
    /// Elements of the slice.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Part of the slice.
    ///
    /// # Safety
    /// No other slice that overlaps this one may be in use.
    #[allow(clippy::mut_from_ref, reason = "the caller promises disjoint ranges")]
    pub(crate) unsafe fn slice_mut(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "part of a shared slice");
        // SAFETY: the range is within the borrowed slice, and by the caller's promise nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
