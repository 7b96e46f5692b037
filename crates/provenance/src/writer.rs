//! The writer: the one thread that touches the log's files while serving. Group commit, then derived files.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    EndReason, Entry, Error, Leaf, LogPruned, Outcome, OutcomeFacts, PruneOrder, ReceiptId, Result, Status,
    VERSION, WitnessKey,
    checkpoint::Checkpoint,
    cosign::check_cosigned,
    journal::{self, BODY_BYTES_MAX, CURRENT, closed_path},
    leaf::ENTRY_BYTES_MAX,
    note::NoteSigner,
    publish::{CHECKPOINT, Publisher},
    queue::{Appended, Done, Next, Pending, Shared, Work},
    retention::Files,
    store::Store,
    tile::push_entry,
    tree::leaf_hash,
};

/// Most leaves of one commit.
const BATCH_LEAVES_MAX: usize = 1024;

/// An admitted request without outcome.
pub(crate) struct Open {
    pub(crate) seq: u64,
    pub(crate) id: ReceiptId,
    pub(crate) ts_ms: i64,
}

pub(crate) struct Writer {
    pub(crate) store: Box<dyn Store>,
    pub(crate) signer: NoteSigner,
    pub(crate) shared: Arc<Shared>,
    pub(crate) publisher: Publisher,
    /// Open requests by the number of their guard.
    pub(crate) open: HashMap<u64, Open>,
    /// Leaves in the journal.
    pub(crate) size: u64,
    /// Index of the newest configuration leaf.
    pub(crate) last_configuration: Option<u64>,
    /// The files of the journal.
    pub(crate) files: Files,
    /// The newest pruning.
    pub(crate) pruned: Option<LogPruned>,
    pub(crate) publish_every: Duration,
    pub(crate) last_publish: Instant,
}

/// One batch on its way to the journal.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    entries: Vec<(String, Option<Done>)>,
    opened: Vec<(u64, Open)>,
}

/// Closes the log when the writer's thread ends, by a panic too, so that nobody waits for it.
struct Exit(Arc<Shared>);

impl Drop for Exit {
    fn drop(&mut self) {
        self.0.close("the writer thread ended");
    }
}

impl Writer {
    pub(crate) fn run(mut self) {
        let _on_exit = Exit(Arc::clone(&self.shared));
        loop {
            let unpublished = self.publisher.size() < self.size;
            let due = unpublished.then(|| self.last_publish + self.publish_every);
            let done = match self.shared.next(BATCH_LEAVES_MAX, due) {
                Next::Commit(pending) => self.commit(pending),
                Next::Publish(_waiters) => self.publish(),
                Next::Stop => {
                    let done = self.stop();
                    self.shared
                        .close(&done.map_or_else(|e| e.to_string(), |()| "it was shut down".to_owned()));
                    break;
                }
            };
            if let Err(error) = done {
                self.shared.close(&error.to_string());
                break;
            }
        }
    }

    /// Seals what is still open and publishes.
    fn stop(&mut self) -> Result<()> {
        let outcomes = self.seal_open(EndReason::Shutdown);
        self.commit(outcomes)?;
        self.publish()
    }

    /// Outcomes that seal every open request as aborted, in the order of their intents.
    pub(crate) fn seal_open(&mut self, reason: EndReason) -> Vec<Pending> {
        let mut open: Vec<(u64, u64, ReceiptId, i64)> =
            self.open.iter().map(|(guard, o)| (o.seq, *guard, o.id, o.ts_ms)).collect();
        open.sort_unstable_by_key(|(seq, ..)| *seq);
        let pending = open.into_iter().map(|(_, guard, id, opened_ms)| {
            let ts_ms = self.shared.clock.now_ms();
            let mut facts = OutcomeFacts::ended(Status::Aborted, reason);
            facts.ms = u64::try_from(ts_ms.saturating_sub(opened_ms)).unwrap_or(0);
            Pending { work: Work::Outcome { guard, id, facts }, ts_ms, done: None }
        });
        pending.collect()
    }

    /// Makes a batch durable: one write and one `fdatasync` (more only when it is over the journal's record size).
    pub(crate) fn commit(&mut self, pending: Vec<Pending>) -> Result<()> {
        let mut batch = Batch::default();
        for pending in pending {
            let next = self.size + batch.entries.len() as u64;
            let full = batch.body.len() + ENTRY_BYTES_MAX + 2 > BODY_BYTES_MAX;
            let turn = self.files.is_due(next, pending.ts_ms);
            if full || turn || matches!(pending.work, Work::Prune(_) | Work::Cosigned { .. }) {
                self.write(std::mem::take(&mut batch))?;
            }
            if turn {
                self.rotate()?;
            }
            match pending {
                Pending { work: Work::Prune(order), ts_ms, done } => self.prune(&order, ts_ms, done)?,
                Pending { work: Work::Cosigned { note, witness, done }, .. } => {
                    self.cosigned(&note, &witness, done)?;
                }
                pending => self.stage(&mut batch, pending),
            }
        }
        self.write(batch)
    }

    /// Publishes a checkpoint that a witness cosigned, if it is one of this log and not older than the one there is.
    fn cosigned(
        &mut self,
        note: &str,
        witness: &WitnessKey,
        done: oneshot::Sender<Result<()>>,
    ) -> Result<()> {
        let path = witness.path();
        let there = self.store.get(&path).map_err(|e| Error::io("read", path.as_str(), &e))?;
        let checked = {
            let head = self.shared.head.read().unwrap_or_else(PoisonError::into_inner);
            check_cosigned(note, witness, &self.signer.verifier(), &head.tree, there.as_deref())
        };
        let checkpoint = match checked {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                let _ = done.send(Err(error));
                return Ok(());
            }
        };
        // A crash leaves the older one of this witness or this one.
        self.store.put(&path, note.as_bytes()).map_err(|e| Error::io("write", path, &e))?;
        if checkpoint.size == self.size {
            let mut head = self.shared.head.write().unwrap_or_else(PoisonError::into_inner);
            note.clone_into(&mut head.checkpoint);
        }
        self.publish()?;
        let _ = done.send(Ok(()));
        Ok(())
    }

    /// Closes the journal's file; the next leaf is the first of another.
    fn rotate(&mut self) -> Result<()> {
        let first = self.files.current_first();
        // A crash leaves the file open, and the next leaf closes it; or closed, and the new one empty or not there.
        self.store.rotate(first).map_err(|e| Error::io("close", CURRENT, &e))?;
        self.files.rotate(self.size);
        Ok(())
    }

    /// Seals what is pruned, has it signed, and removes it. A refusal leaves everything as it was.
    fn prune(&mut self, order: &PruneOrder, ts_ms: i64, done: Option<Done>) -> Result<()> {
        let oldest_open = self.open.values().map(|open| open.seq).min();
        let plan =
            order.check(ts_ms).and_then(|()| self.files.plan(order, oldest_open, self.pruned.as_ref()));
        let pruned = match plan {
            Ok(pruned) => pruned,
            Err(error) => {
                if let Some(done) = done {
                    let _ = done.send(Err(error));
                }
                return Ok(());
            }
        };
        let (sender, mut appended) = oneshot::channel();
        // A crash before this is durable prunes nothing; after it, the next start does the rest.
        self.commit(vec![Pending { work: Work::Leaf(Leaf::LogPruned(pruned)), ts_ms, done: Some(sender) }])?;
        self.publish()?;
        self.pruned = Some(pruned);
        self.remove_pruned()?;
        if let (Some(done), Ok(appended)) = (done, appended.try_recv()) {
            let _ = done.send(appended);
        }
        Ok(())
    }

    /// Removes what the newest pruning says is gone, oldest first: leaves in the journal, then bundles. The leaf that
    /// says so is signed. Hash tiles stay, and every tree is made of them.
    pub(crate) fn remove_pruned(&mut self) -> Result<()> {
        let Some(pruned) = self.pruned else { return Ok(()) };
        while let Some(first) = self.files.pruned_first(pruned.before) {
            // A crash leaves this file and younger ones, or younger ones alone; the next start removes the rest.
            self.store.remove_closed(first).map_err(|e| Error::io("remove", closed_path(first), &e))?;
            self.files.forget_first();
        }
        let bundles = pruned.bundles();
        // A crash leaves some of the bundles; the next start removes them, and partial ones of an earlier crash.
        for partials in bundles.iter().map(|bundle| format!("{bundle}.p")) {
            self.store.remove_folder(&partials).map_err(|e| Error::io("remove", partials, &e))?;
        }
        self.store.remove(&bundles).map_err(|e| Error::io("remove", "tile/entries", &e))
    }

    /// Numbers and encodes one leaf into the batch; a leaf that breaks a limit fails its own ticket only.
    fn stage(&mut self, batch: &mut Batch, pending: Pending) {
        let seq = self.size + batch.entries.len() as u64;
        let Pending { work, ts_ms, done } = pending;
        let staged = self.number(batch, work, seq, ts_ms).and_then(|(leaf, opened)| {
            let bytes = Entry { v: VERSION, seq, ts_ms, leaf }.encode()?;
            push_entry(&mut batch.body, &bytes)?;
            let entry = String::from_utf8(bytes)
                .map_err(|_| Error::Leaf { field: "entry", why: "is not UTF-8".to_owned() })?;
            Ok((entry, opened))
        });
        match staged {
            Ok((entry, opened)) => {
                self.files.take(ts_ms);
                batch.opened.extend(opened);
                batch.entries.push((entry, done));
            }
            Err(error) => {
                if let Some(done) = done {
                    let _ = done.send(Err(error));
                }
            }
        }
    }

    fn number(
        &mut self,
        batch: &mut Batch,
        work: Work,
        seq: u64,
        ts_ms: i64,
    ) -> Result<(Leaf, Option<(u64, Open)>)> {
        match work {
            Work::Leaf(mut leaf) => {
                match &mut leaf {
                    Leaf::Denied(denied) => denied.prev_config_event = self.last_configuration,
                    Leaf::Configuration(configuration) => {
                        configuration.prev_config_event = self.last_configuration.replace(seq);
                    }
                    _ => {}
                }
                Ok((leaf, None))
            }
            Work::Intent { guard, mut intent } => {
                intent.prev_config_event = self.last_configuration;
                let open = Open { seq, id: intent.request.id, ts_ms };
                Ok((Leaf::Intent(intent), Some((guard, open))))
            }
            Work::Outcome { guard, id, facts } => {
                facts.check()?;
                let staged = batch.opened.iter().position(|(g, _)| *g == guard);
                let staged = staged.map(|at| batch.opened.swap_remove(at).1);
                let Some(open) = self.open.remove(&guard).or(staged) else {
                    let why = "belongs to no open request: its intent failed or it is sealed".to_owned();
                    return Err(Error::Leaf { field: "intent_seq", why });
                };
                Ok((Leaf::Outcome(Box::new(Outcome { id, intent_seq: open.seq, facts })), None))
            }
            Work::Prune(_) | Work::Cosigned { .. } => {
                Err(Error::Leaf { field: "event", why: "makes its own leaf or none".to_owned() })
            }
        }
    }

    fn write(&mut self, batch: Batch) -> Result<()> {
        let Batch { body, entries, opened } = batch;
        if entries.is_empty() {
            return Ok(());
        }
        // A crash before `append` returns leaves all of this batch, none of it, or an unfinished record, which
        // recovery cuts. No ticket of the batch has resolved, so nobody relies on it.
        let written = self.frame_and_append(entries.len(), &body);
        if let Err(error) = written {
            // It may have reached the disk or not; the next start finds out. Until then nothing else is written.
            for (_, done) in entries {
                if let Some(done) = done {
                    let _ = done.send(Err(Error::LogClosed { why: error.to_string() }));
                }
            }
            return Err(error);
        }
        self.open.extend(opened);
        let first = self.size;
        self.advance(entries.iter().map(|(entry, _)| entry.as_bytes()));
        for (index, (entry, done)) in (first..).zip(entries) {
            if let Some(done) = done {
                let leaf_hash = leaf_hash(entry.as_bytes());
                let _ = done.send(Ok(Appended { index, leaf_hash, entry }));
            }
        }
        Ok(())
    }

    fn frame_and_append(&mut self, count: usize, body: &[u8]) -> Result<()> {
        let count = u32::try_from(count)
            .map_err(|_| Error::Leaf { field: "batch", why: "has too many leaves".to_owned() })?;
        let record = journal::frame(self.size, count, body)?;
        self.store.append(&record).map_err(|e| Error::io("append to", CURRENT, &e))
    }

    /// Grows the tree by durable entries and signs its head.
    pub(crate) fn advance<'a>(&mut self, entries: impl Iterator<Item = &'a [u8]>) {
        self.grow(entries);
        let mut head = self.shared.head.write().unwrap_or_else(PoisonError::into_inner);
        let (size, root) = (self.size, head.tree.root());
        head.checkpoint = Checkpoint { origin: self.signer.name().to_owned(), size, root }.sign(&self.signer);
        head.size = size;
    }

    /// Grows the tree by durable entries; recovery feeds it from the journal.
    pub(crate) fn grow<'a>(&mut self, entries: impl Iterator<Item = &'a [u8]>) {
        let mut head = self.shared.head.write().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            head.tree.push(leaf_hash(entry));
            self.publisher.push(entry.to_vec());
            self.size += 1;
        }
    }

    /// Writes tiles, then the checkpoint over them.
    pub(crate) fn publish(&mut self) -> Result<()> {
        self.publish_tiles()?;
        let checkpoint = {
            let head = self.shared.head.read().unwrap_or_else(PoisonError::into_inner);
            head.checkpoint.clone()
        };
        let there = self.store.get(CHECKPOINT).map_err(|e| Error::io("read", CHECKPOINT, &e))?;
        if there.as_deref() != Some(checkpoint.as_bytes()) {
            // A crash leaves the old checkpoint, whose tiles are still there, or the new one, whose tiles are
            // complete; the journal is never behind either.
            self.store
                .put(CHECKPOINT, checkpoint.as_bytes())
                .map_err(|e| Error::io("write", CHECKPOINT, &e))?;
        }
        self.last_publish = Instant::now();
        Ok(())
    }

    pub(crate) fn publish_tiles(&mut self) -> Result<()> {
        let head = self.shared.head.read().unwrap_or_else(PoisonError::into_inner);
        self.publisher.tiles(self.store.as_mut(), &head.tree, self.size)
    }
}
