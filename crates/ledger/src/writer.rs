//! The thread that has the connection. Steps that wait at the same time share one transaction, hence one `fsync`:
//! group commit. No step hears of its success before the transaction it was part of is on disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::Error;
use crate::fault::{Faults, Point};

/// Most steps in one transaction: a bound on what a failing commit takes with it.
const BATCH_MAX: usize = 256;

/// A step that waits: does its work in the transaction (or hears why there is none) and gives what tells its caller.
type Job = Box<dyn FnOnce(Result<&Transaction<'_>, Error>) -> Answer + Send>;
/// Tells a step's caller, once it is known whether the transaction is on disk.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// Steps that may wait for the writer; more callers wait to hand theirs in.
pub(crate) const QUEUE_MAX: usize = 1024;

/// Hands steps to the thread. Dropping the last of it gives the file back: whoever opens it next finds it free.
pub(crate) struct Writer {
    /// `None` only while it is being dropped.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, faults: Faults) -> Result<Self, Error> {
        let (jobs, waiting) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || run(connection, &waiting, &faults))
            .map_err(Error::Thread)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `step` in a transaction that is committed if it succeeds.
    pub(crate) fn transaction<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.transaction_if(|transaction| Ok((step(transaction)?, true)))
    }

    /// Runs `step` on the writer's thread; what it did is kept if it says so, and undone otherwise.
    /// A crash before the commit leaves nothing; when this returns, what was kept is on disk.
    pub(crate) fn transaction_if<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = sync_channel(1);
        let job: Job = Box::new(move |transaction| {
            let value = transaction.and_then(|transaction| in_savepoint(transaction, step));
            Box::new(move |committed| {
                // Fails only when the caller's thread is gone.
                let _ = tell.send(value.and_then(|value| committed.map(|()| value)));
            })
        });
        let jobs = self.jobs.as_ref().ok_or(Error::WriterGone)?;
        jobs.send(job).map_err(|_| Error::WriterGone)?;
        told.recv().unwrap_or(Err(Error::WriterGone))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves steps until nobody can send one any more, or a test ends it.
fn run(mut connection: Connection, jobs: &Receiver<Job>, faults: &Faults) {
    while let Ok(first) = jobs.recv() {
        if faults.at(Point::Writer).is_err() {
            return;
        }
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        commit(&mut connection, batch, faults);
    }
}

/// A crash before the commit returns leaves all of the batch or none of it, and nobody has heard of it yet.
fn commit(connection: &mut Connection, batch: Vec<Job>, faults: &Faults) {
    let begun = faults.at(Point::Begin).and_then(|()| {
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Error::from)
    });
    match begun {
        Err(error) => {
            for job in batch {
                job(Err(error.again()))(Ok(()));
            }
        }
        Ok(transaction) => {
            let answers: Vec<Answer> = batch
                .into_iter()
                .map(|job| match faults.at(Point::Step) {
                    Ok(()) => job(Ok(&transaction)),
                    Err(error) => job(Err(error)),
                })
                .collect();
            // Dropping the transaction, as an injected fault does, rolls it back.
            let committed = faults.at(Point::Commit).and_then(|()| transaction.commit().map_err(Error::from));
            for answer in answers {
                answer(committed.as_ref().copied().map_err(Error::again));
            }
        }
    }
}

/// Runs one step so that its failure, or its wish to change nothing, leaves the others of its transaction alone.
fn in_savepoint<T>(
    transaction: &Transaction<'_>,
    step: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), Error>,
) -> Result<T, Error> {
    // On some errors SQLite rolls the whole transaction back. A step after that would commit by itself.
    if transaction.is_autocommit() {
        return Err(Error::RolledBack);
    }
    let say = |sql| transaction.prepare_cached(sql)?.execute([]);
    say("SAVEPOINT step")?;
    let outcome = step(transaction);
    if !matches!(outcome, Ok((_, true))) && !transaction.is_autocommit() {
        say("ROLLBACK TO step")?;
    }
    if !transaction.is_autocommit() {
        say("RELEASE step")?;
    }
    outcome.map(|(value, _)| value)
}

impl Error {
    /// The same failure for another step of the same transaction.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Database(source) => Self::Database(Arc::clone(source)),
            Self::StoreGone { place, why } => Self::StoreGone { place: place.clone(), why: why.clone() },
            Self::StoreTakenOver { place, gateway } => {
                Self::StoreTakenOver { place: place.clone(), gateway: gateway.clone() }
            }
            Self::StoreReset { place, gateway } => {
                Self::StoreReset { place: place.clone(), gateway: gateway.clone() }
            }
            _ => Self::RolledBack,
        }
    }
}
