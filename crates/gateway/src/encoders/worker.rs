//! A thread that does one thing at a time, and nobody waits for it longer than was said.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

/// Pieces of work that may wait; more are refused.
const WAITING_MAX: usize = 256;

/// What is to be done, until when, and where the outcome goes.
struct Job<I, O> {
    input: I,
    until: Instant,
    outcome: Sender<Result<O, String>>,
}

/// The thread. It ends when this is dropped.
pub(crate) struct Worker<I, O> {
    jobs: Mutex<SyncSender<Job<I, O>>>,
    limit: Duration,
}

/// When whoever asked will have gone.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Work that nobody waits for any more is not worth going on with.
    pub(crate) fn check(self) -> Result<(), String> {
        if Instant::now() < self.0 { Ok(()) } else { Err("its time was over".to_owned()) }
    }
}

impl<I: Send + 'static, O: Send + 'static> Worker<I, O> {
    /// Starts it. Errors of `work` must hold no content.
    pub(crate) fn start(
        name: &str,
        limit: Duration,
        work: impl Fn(I, Deadline) -> Result<O, String> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, taken) = sync_channel(WAITING_MAX);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&taken, &work))?;
        Ok(Self { jobs: Mutex::new(jobs), limit })
    }

    /// Has something done, and waits for it on this thread.
    ///
    /// # Errors
    /// What went wrong, without content: too many wait, the time is over, the work failed or panicked.
    pub(crate) fn ask(&self, input: I) -> Result<O, String> {
        let (outcome, done) = channel();
        let job = Job { input, until: Instant::now() + self.limit, outcome };
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => format!("{WAITING_MAX} texts wait already; try again later"),
            TrySendError::Disconnected(_) => "its thread has ended; restart the server".to_owned(),
        })?;
        match done.recv_timeout(self.limit) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("it was not done within {} s; send less text", self.limit.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err("its thread has ended; restart the server".to_owned()),
        }
    }
}

fn run<I, O>(jobs: &Receiver<Job<I, O>>, work: &dyn Fn(I, Deadline) -> Result<O, String>) {
    while let Ok(Job { input, until, outcome }) = jobs.recv() {
        let deadline = Deadline(until);
        let done = deadline.check().and_then(|()| {
            // What a model panicked with may hold text. Its weights are as they were, so the next text can be read.
            catch_unwind(AssertUnwindSafe(|| work(input, deadline)))
                .unwrap_or_else(|_| Err("it panicked".to_owned()))
        });
        // An error means that nobody waits any more.
        let _ = outcome.send(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(limit: Duration) -> Worker<u64, u64> {
        let work = |ms: u64, deadline: Deadline| match ms {
            0 => Err("no".to_owned()),
            13 => panic!("thirteen"),
            ms => {
                std::thread::sleep(Duration::from_millis(ms));
                deadline.check().map(|()| ms)
            }
        };
        Worker::start("a worker", limit, work).unwrap()
    }

    #[test]
    fn what_fails_or_panics_is_an_error_and_the_next_is_done() {
        let worker = worker(Duration::from_secs(60));
        assert_eq!(worker.ask(1), Ok(1));
        assert_eq!(worker.ask(0), Err("no".to_owned()));
        assert_eq!(worker.ask(13), Err("it panicked".to_owned()));
        assert_eq!(worker.ask(1), Ok(1));
    }

    #[test]
    fn nobody_waits_longer_than_was_said_and_what_waited_too_long_is_not_begun() {
        let worker = worker(Duration::from_millis(100));
        assert!(worker.ask(400).unwrap_err().contains("not done within"));
        // The thread is still at it, and this one's time is over before it is done.
        assert!(worker.ask(13).unwrap_err().contains("not done within"));
    }
}
