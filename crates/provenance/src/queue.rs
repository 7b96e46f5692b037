//! The bounded queue between the server's tasks and the one writer thread.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock},
    time::Instant,
};

use tokio::sync::oneshot;

use crate::{
    Error, Intent, Leaf, OutcomeFacts, PruneOrder, ReceiptId, Result, WitnessKey,
    clock::Clock,
    note::VerifierKey,
    tree::{Hash, Tree},
};

/// A leaf that is durable in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its index in the log.
    pub index: u64,
    /// RFC 6962 leaf hash.
    pub leaf_hash: Hash,
    /// The canonical bytes.
    pub entry: String,
}

/// The promise of a durable leaf.
#[must_use = "the leaf is not durable until the ticket resolves"]
pub struct Ticket(oneshot::Receiver<Result<Appended>>);

impl Ticket {
    /// Waits until the leaf is durable.
    ///
    /// # Errors
    /// [`Error::LogClosed`] when it may not be; [`Error::Leaf`] when it breaks a limit.
    pub async fn wait(self) -> Result<Appended> {
        self.0.await.unwrap_or_else(|_| Err(writer_gone()))
    }

    /// The same for a thread outside the async runtime.
    ///
    /// # Errors
    /// As [`Ticket::wait`].
    pub fn blocking_wait(self) -> Result<Appended> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(writer_gone()))
    }
}

fn writer_gone() -> Error {
    Error::LogClosed { why: "the writer thread ended".to_owned() }
}

/// The sender of a ticket's answer.
pub(crate) type Done = oneshot::Sender<Result<Appended>>;

/// What waits for the writer.
pub(crate) enum Work {
    /// A leaf on its own.
    Leaf(Leaf),
    /// An intent and the number of its guard.
    Intent { guard: u64, intent: Box<Intent> },
    /// Pruning: a leaf that says so, and then the removing.
    Prune(PruneOrder),
    /// A checkpoint that a witness cosigned, to be published. It makes no leaf, so it has an answer of its own.
    Cosigned { note: String, witness: Box<WitnessKey>, done: oneshot::Sender<Result<()>> },
    /// The outcome of a guard's request; the writer adds the intent's index.
    Outcome { guard: u64, id: ReceiptId, facts: OutcomeFacts },
}

pub(crate) struct Pending {
    pub(crate) work: Work,
    pub(crate) ts_ms: i64,
    pub(crate) done: Option<Done>,
}

#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) pending: VecDeque<Pending>,
    /// Places kept for the outcomes of open requests.
    reserved: usize,
    next_guard: u64,
    pub(crate) closed: Option<String>,
    pub(crate) stopping: bool,
    publish_waiters: Vec<oneshot::Sender<()>>,
}

/// The signed head that receipts are proven against.
pub(crate) struct Head {
    pub(crate) tree: Tree,
    /// Leaves that the checkpoint covers.
    pub(crate) size: u64,
    pub(crate) checkpoint: String,
}

pub(crate) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    pub(crate) head: RwLock<Head>,
    pub(crate) clock: Clock,
    pub(crate) verifier: VerifierKey,
    places: usize,
}

/// What the writer does next.
pub(crate) enum Next {
    Commit(Vec<Pending>),
    /// Publish, then drop these, which tells those who wait.
    Publish(Vec<oneshot::Sender<()>>),
    Stop,
}

impl Shared {
    pub(crate) fn new(head: Head, clock: Clock, verifier: VerifierKey, places: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            head: RwLock::new(head),
            clock,
            verifier,
            places,
        })
    }

    /// No panic happens while the queue is held, so a poisoned lock holds whole data.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what needs no guard in the queue.
    pub(crate) fn push(&self, work: Work) -> Result<Ticket> {
        let ts_ms = self.clock.now_ms();
        let mut queue = self.queue();
        self.admits(&queue, 1)?;
        Ok(self.enqueue(&mut queue, work, ts_ms))
    }

    /// Puts a cosigned checkpoint in the queue.
    pub(crate) fn push_cosigned(
        &self,
        note: String,
        witness: WitnessKey,
    ) -> Result<oneshot::Receiver<Result<()>>> {
        let (done, receiver) = oneshot::channel();
        drop(self.push(Work::Cosigned { note, witness: Box::new(witness), done })?);
        Ok(receiver)
    }

    /// Puts an intent in the queue, reserves the place of its outcome, and gives the number of its guard.
    pub(crate) fn push_intent(&self, intent: Box<Intent>) -> Result<(u64, Ticket)> {
        let ts_ms = self.clock.now_ms();
        let mut queue = self.queue();
        self.admits(&queue, 2)?;
        let guard = queue.next_guard;
        queue.next_guard += 1;
        queue.reserved += 1;
        Ok((guard, self.enqueue(&mut queue, Work::Intent { guard, intent }, ts_ms)))
    }

    fn admits(&self, queue: &Queue, places: usize) -> Result<()> {
        if let Some(why) = &queue.closed {
            return Err(Error::LogClosed { why: why.clone() });
        }
        if queue.stopping {
            return Err(Error::LogClosed { why: "the server is stopping".to_owned() });
        }
        if queue.pending.len().saturating_add(queue.reserved).saturating_add(places) > self.places {
            return Err(Error::QueueFull { capacity: self.places });
        }
        Ok(())
    }

    fn enqueue(&self, queue: &mut Queue, work: Work, ts_ms: i64) -> Ticket {
        let (done, ticket) = oneshot::channel();
        queue.pending.push_back(Pending { work, ts_ms, done: Some(done) });
        self.wake.notify_one();
        Ticket(ticket)
    }

    /// Puts an outcome in the place its guard reserved: never full, never waits for the disk.
    pub(crate) fn push_outcome(
        &self,
        guard: u64,
        id: ReceiptId,
        ts_ms: i64,
        facts: OutcomeFacts,
    ) -> Result<Ticket> {
        let mut queue = self.queue();
        queue.reserved = queue.reserved.saturating_sub(1);
        if let Some(why) = &queue.closed {
            return Err(Error::LogClosed { why: why.clone() });
        }
        Ok(self.enqueue(&mut queue, Work::Outcome { guard, id, facts }, ts_ms))
    }

    /// Gives a reserved place back without an outcome: the intent never became a leaf.
    pub(crate) fn release(&self) {
        let mut queue = self.queue();
        queue.reserved = queue.reserved.saturating_sub(1);
    }

    pub(crate) fn guard_number(&self) -> u64 {
        let mut queue = self.queue();
        let guard = queue.next_guard;
        queue.next_guard += 1;
        guard
    }

    /// Waits for work. `due`: when unpublished leaves must be published; `None` when there are none.
    pub(crate) fn next(&self, batch_max: usize, due: Option<Instant>) -> Next {
        let mut queue = self.queue();
        loop {
            let overdue = due.is_some_and(|due| due <= Instant::now());
            if overdue || (due.is_some() && !queue.publish_waiters.is_empty()) {
                return Next::Publish(std::mem::take(&mut queue.publish_waiters));
            }
            queue.publish_waiters.clear();
            if !queue.pending.is_empty() {
                let count = queue.pending.len().min(batch_max);
                return Next::Commit(queue.pending.drain(..count).collect());
            }
            if queue.stopping {
                return Next::Stop;
            }
            queue = match due {
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Asks for tiles and checkpoint of everything appended so far; resolves (by its sender's drop) when written.
    pub(crate) fn ask_publish(&self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        let mut queue = self.queue();
        if queue.closed.is_none() {
            queue.publish_waiters.push(done);
        }
        drop(queue);
        self.wake.notify_one();
        receiver
    }

    /// Asks the writer to end after what is queued.
    pub(crate) fn stop(&self) {
        self.queue().stopping = true;
        self.wake.notify_one();
    }

    /// Closes the log for good and fails everything that waits.
    pub(crate) fn close(&self, why: &str) {
        let mut queue = self.queue();
        let why = queue.closed.get_or_insert_with(|| why.to_owned()).clone();
        let waiting: Vec<Pending> = queue.pending.drain(..).collect();
        queue.publish_waiters.clear();
        drop(queue);
        for pending in waiting {
            if let Some(done) = pending.done {
                let _ = done.send(Err(Error::LogClosed { why: why.clone() }));
            }
        }
    }
}
