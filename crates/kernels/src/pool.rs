//! A persistent pool of threads for short, evenly split work.
//!
//! The caller is worker 0. Workers spin briefly for the next piece of work and then park, so that a busy machine
//! is not made busier. Work in pieces ([`Pool::each`]) is claimed one piece after the other, and a worker that the
//! system has not scheduled by the time all are claimed is not waited for: on a busy machine the caller goes on alone.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::memory::{LINE, prefetch};

/// Pauses before a waiting thread parks: some tens of microseconds.
const SPINS: u32 = 1 << 11;

/// Cache lines that a waiting thread asks for before it looks again whether it is needed.
const AHEAD_LINES: usize = 4;

/// Most bytes that one thread asks for: more would push each other out of its cache before they are used.
const AHEAD_BYTES: usize = 64 << 10;

/// The bit of `gate` that says that no worker may enter.
const CLOSED: u64 = 1 << 31;

/// The bits of `gate` that are not the number of the run.
const STATE: u64 = u32::MAX as u64;

/// Most threads a pool may have.
const THREADS_MAX: usize = 1024;

/// Numbers that are not worth waking a thread for.
pub(crate) const ALONE: usize = 1 << 14;

type Work<'a> = dyn Fn(usize) + Sync + 'a;

thread_local! {
    /// Set while this thread runs a piece of some pool's work: a `run` from there is done in place.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Threads that run one piece of work together; see [`Pool::run`].
#[derive(Debug)]
pub struct Pool {
    meeting: Arc<Meeting>,
    /// Held for the length of a run: one run at a time. Within are the workers' pieces of it.
    turn: Mutex<Vec<Queue>>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Meeting {
    /// The number of the current run in the upper half (a worker that sees a new one has work), [`CLOSED`] when no
    /// worker may enter it, and the workers inside it below. One word, so that entering is entering *that* run.
    gate: AtomicU64,
    /// Workers that have finished the current run.
    finished: AtomicUsize,
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
    /// Each thread's own.
    ahead: Vec<Ahead>,
}

/// The pieces of a run that are meant for one worker: it takes the first, and who has no more of its own the last. So
/// each worker reads on where it was, and nobody waits for more than a piece (Blumofe and Leiserson 1999, "Scheduling
/// multithreaded computations by work stealing").
#[derive(Debug, Default)]
#[repr(align(64))]
struct Queue {
    /// The first piece in the upper half, the end in the lower.
    range: AtomicU64,
}

impl Queue {
    fn fill(&self, pieces: Range<usize>) {
        assert!(pieces.end <= u32::MAX as usize, "a run of at most 2^32 pieces");
        self.range.store((pieces.start as u64) << 32 | pieces.end as u64, SeqCst);
    }

    fn take_first(&self) -> Option<usize> {
        self.take(|range| range + (1 << 32)).map(|range| (range >> 32) as usize)
    }

    fn take_last(&self) -> Option<usize> {
        self.take(|range| range - 1).map(|range| (range & STATE) as usize - 1)
    }

    /// Makes the range one shorter, and gives what it was; `None` when it is empty.
    fn take(&self, shorter: impl Fn(u64) -> u64) -> Option<u64> {
        let one = |range: u64| (range >> 32 < range & STATE).then(|| shorter(range));
        self.range.fetch_update(SeqCst, SeqCst, one).ok()
    }
}

/// What waiting threads ask the caches for meanwhile: from an address to another.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Ahead {
    at: AtomicUsize,
    end: AtomicUsize,
}

impl Ahead {
    /// One moment of waiting.
    fn wait(&self) {
        if self.at.load(Relaxed) >= self.end.load(Relaxed) {
            return std::hint::spin_loop();
        }
        let start = self.at.fetch_add(AHEAD_LINES * LINE, Relaxed);
        for line in 0..AHEAD_LINES {
            prefetch(std::ptr::without_provenance(start.wrapping_add(line * LINE)));
        }
    }
}

/// The work of the current run. Written by the caller while no worker runs, read by workers during the run.
struct WorkSlot(UnsafeCell<Option<&'static Work<'static>>>);

impl std::fmt::Debug for WorkSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WorkSlot")
    }
}

// SAFETY: the slot is written under `turn` while the gate is closed and no worker is inside; workers read it only
// between entering by the open gate and leaving (all SeqCst).
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
        let threads = threads.clamp(1, THREADS_MAX);
        let meeting = Arc::new(Meeting {
            gate: AtomicU64::new(CLOSED),
            finished: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            work: WorkSlot(UnsafeCell::new(None)),
            panic: Mutex::new(None),
            parking: Mutex::new(()),
            parked: AtomicUsize::new(0),
            wake: Condvar::new(),
            caller_parked: AtomicBool::new(false),
            done: Condvar::new(),
            ahead: (0..threads).map(|_| Ahead::default()).collect(),
        });
        let workers = (1..threads)
            .map_while(|worker| {
                let meeting = Arc::clone(&meeting);
                let name = format!("kernels-{worker}");
                std::thread::Builder::new().name(name).spawn(move || meeting.serve(worker)).ok()
            })
            .collect();
        let queues = (0..threads).map(|_| Queue::default()).collect();
        Pool { meeting, turn: Mutex::new(queues), workers }
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
        let _turn = lock(&self.turn);
        self.meet(work, self.workers.len());
    }

    /// Calls `work(worker, piece)` once for each piece in `0..pieces`, in any order, each on whichever worker is
    /// free (worker 0 is this thread), and returns when all are done. Runs take turns and nest as in [`Pool::run`].
    ///
    /// # Panics
    /// With the first panic of the work, after all workers are done. The pool stays usable.
    pub fn each(&self, pieces: usize, work: &(dyn Fn(usize, usize) + Sync)) {
        if self.workers.is_empty() || INSIDE.get() || pieces <= 1 {
            (0..pieces).for_each(|piece| work(0, piece));
            return;
        }
        let queues = lock(&self.turn);
        for (worker, queue) in queues.iter().enumerate() {
            queue.fill(split(pieces, queues.len(), worker));
        }
        let all = |worker: usize| {
            while let Some(piece) = queues[worker].take_first() {
                work(worker, piece);
            }
            for other in (worker + 1..queues.len()).chain(0..worker) {
                while let Some(piece) = queues[other].take_last() {
                    work(worker, piece);
                }
            }
        };
        self.meet(&all, 0);
    }

    /// Calls `work(row, numbers)` once for each row of `len` numbers of `rows`, in any order; few numbers are left to the
    /// calling thread.
    ///
    /// # Panics
    /// When `rows` is no whole number of rows; otherwise as [`Pool::each`].
    pub fn each_row<T: Send>(&self, rows: &mut [T], len: usize, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
        assert!(len > 0 && rows.len().is_multiple_of(len), "each_row: whole rows");
        let count = rows.len() / len;
        let pieces = if rows.len() < ALONE { count.min(1) } else { count.min(4 * self.threads()) };
        let shared = share(rows);
        self.each(pieces, &|_, piece| {
            let mine = split(count, pieces, piece);
            // SAFETY: pieces have disjoint ranges of rows.
            let rows = unsafe { shared.slice_mut(mine.start * len..mine.end * len) };
            for (index, row) in rows.chunks_exact_mut(len).enumerate() {
                work(mine.start + index, row);
            }
        });
    }

    /// Says what will be read after the current work: threads that wait fetch it into the caches meanwhile. The memory
    /// is not touched, so it need not live that long.
    pub(crate) fn read_ahead(&self, bytes: Range<usize>) {
        for (worker, ahead) in self.meeting.ahead.iter().enumerate() {
            let piece = split(bytes.len(), self.meeting.ahead.len(), worker);
            ahead.end.store(0, Relaxed);
            ahead.at.store(bytes.start + piece.start, Relaxed);
            ahead.end.store(bytes.start + piece.end.min(piece.start + AHEAD_BYTES), Relaxed);
        }
    }

    /// Runs `work` on this thread and on the workers, of which at least `needed` must take part. The caller has the turn.
    fn meet(&self, work: &Work<'_>, needed: usize) {
        // SAFETY: the lifetime is extended for the workers only. `start` and `finish` below have no path that
        // leaves this function before the gate is closed and every worker that entered has left.
        let long: &'static Work<'static> = unsafe { std::mem::transmute::<&Work<'_>, _>(work) };
        self.meeting.start(long);
        let mine = inside(|| work(0));
        self.meeting.finish(needed);
        let theirs = lock(&self.meeting.panic).take();
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
    /// Publishes work and wakes the workers that are parked.
    fn start(&self, work: &'static Work<'static>) {
        // SAFETY: see `WorkSlot`: the gate is closed and nobody is inside.
        unsafe { *self.work.0.get() = Some(work) };
        self.finished.store(0, SeqCst);
        self.gate.store(self.next_run(), SeqCst);
        self.rouse();
    }

    /// The gate of the next run, open and with nobody inside. Called between runs.
    fn next_run(&self) -> u64 {
        (self.gate.load(SeqCst) & !STATE).wrapping_add(STATE + 1)
    }

    fn rouse(&self) {
        if self.parked.load(SeqCst) > 0 {
            let _parking = lock(&self.parking);
            self.wake.notify_all();
        }
    }

    /// Waits until `needed` workers have taken part, closes the gate and waits until nobody is inside.
    fn finish(&self, needed: usize) {
        self.wait_until(|| self.finished.load(SeqCst) >= needed);
        self.gate.fetch_or(CLOSED, SeqCst);
        self.wait_until(|| self.gate.load(SeqCst) & STATE == CLOSED);
    }

    /// The caller's wait: spins, then parks.
    fn wait_until(&self, arrived: impl Fn() -> bool) {
        for _ in 0..SPINS {
            if arrived() {
                return;
            }
            self.ahead[0].wait();
        }
        let mut parking = lock(&self.parking);
        self.caller_parked.store(true, SeqCst);
        while !arrived() {
            parking = self.done.wait(parking).unwrap_or_else(PoisonError::into_inner);
        }
        self.caller_parked.store(false, SeqCst);
    }

    /// Enters the current run, if it is still open, and returns its number.
    fn enter(&self) -> Option<u64> {
        let one_more = |gate| if gate & CLOSED == 0 { Some(gate + 1) } else { None };
        self.gate.fetch_update(SeqCst, SeqCst, one_more).ok().map(|gate| gate & !STATE)
    }

    /// A worker's life: wait for a run, enter, do the work, leave.
    fn serve(&self, worker: usize) {
        let mut seen = 0;
        loop {
            seen = self.next_number(worker, seen);
            if self.stop.load(SeqCst) {
                return;
            }
            let Some(entered) = self.enter() else { continue };
            seen = entered;
            // SAFETY: see `WorkSlot`: we are inside.
            let work = unsafe { *self.work.0.get() };
            if let Some(work) = work
                && let Err(payload) = inside(|| work(worker))
            {
                lock(&self.panic).get_or_insert(payload);
            }
            self.finished.fetch_add(1, SeqCst);
            self.gate.fetch_sub(1, SeqCst);
            if self.caller_parked.load(SeqCst) {
                let _parking = lock(&self.parking);
                self.done.notify_all();
            }
        }
    }

    /// Waits for a run of another number than `seen`: spins, then parks.
    fn next_number(&self, worker: usize, seen: u64) -> u64 {
        for _ in 0..SPINS {
            let number = self.gate.load(SeqCst) & !STATE;
            if number != seen {
                return number;
            }
            self.ahead[worker].wait();
        }
        let mut parking = lock(&self.parking);
        self.parked.fetch_add(1, SeqCst);
        let mut number = self.gate.load(SeqCst) & !STATE;
        while number == seen {
            parking = self.wake.wait(parking).unwrap_or_else(PoisonError::into_inner);
            number = self.gate.load(SeqCst) & !STATE;
        }
        self.parked.fetch_sub(1, SeqCst);
        number
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.meeting.stop.store(true, SeqCst);
        self.meeting.gate.store(self.meeting.next_run() | CLOSED, SeqCst);
        self.meeting.rouse();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its work, so there is nothing to learn from its result.
            drop(worker.join());
        }
    }
}

/// Part `index` of `0..total` cut into `parts` of nearly equal length.
pub(crate) fn split(total: usize, parts: usize, index: usize) -> Range<usize> {
    total * index / parts..total * (index + 1) / parts
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
