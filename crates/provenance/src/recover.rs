//! Opening what a stop, a crash or an attacker left.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Instant,
};

use crate::{
    EndReason, Entry, Error, Leaf, Recovered, Result,
    checkpoint::Checkpoint,
    journal::{Next, Reader},
    log::{LogOptions, Recovery},
    note::NoteSigner,
    publish::{CHECKPOINT, Publisher},
    queue::{Head, Pending, Shared, Work},
    store::Store,
    tree::Tree,
    writer::{Open, Writer},
};

/// Leaves whose tiles are compared at a time while the journal is read.
const DERIVE_LEAVES: usize = 4096;

/// Reads the journal, re-derives and compares every public file, seals open requests, and gives a writer that is
/// ready to run. Leaves go through the same `advance`, `publish` and `commit` as while serving.
pub(crate) fn recover(
    store: Box<dyn Store>,
    signer: NoteSigner,
    options: &LogOptions,
) -> Result<(Writer, Recovery)> {
    let verifier = signer.verifier();
    let head = Head { tree: Tree::new(), size: 0, checkpoint: String::new() };
    let shared = Shared::new(head, options.clock.clone(), verifier, options.queue_places);
    let mut writer = Writer {
        store,
        signer,
        shared,
        publisher: Publisher::default(),
        open: HashMap::new(),
        size: 0,
        last_configuration: None,
        publish_every: options.publish_every,
        last_publish: Instant::now(),
    };
    let published = published_checkpoint(&writer)?;
    let mut recovery = Recovery { created: false, leaves: 0, cut_bytes: 0, aborted: Vec::new() };
    let whole_bytes = read_journal(&mut writer, &mut recovery)?;
    if let Some(checkpoint) = &published {
        compare(&writer, checkpoint)?;
    }
    if recovery.cut_bytes > 0 {
        writer.store.cut(whole_bytes).map_err(|e| Error::io("cut", "journal", &e))?;
    }
    recovery.created = writer.size == 0 && published.is_none();
    writer.advance(std::iter::empty());
    writer.publish()?;
    let mut open: Vec<&Open> = writer.open.values().collect();
    open.sort_unstable_by_key(|o| o.seq);
    recovery.aborted = open.into_iter().map(|o| o.id).collect();
    if recovery.cut_bytes > 0 || !recovery.aborted.is_empty() {
        // One batch, so a crash leaves all of it or none; the next start then finds the same open requests.
        let mut pending = writer.seal_open(EndReason::Crash);
        let sealed_aborted = recovery.aborted.len() as u64;
        let leaf = Leaf::Recovery(Recovered { cut_bytes: recovery.cut_bytes, sealed_aborted });
        let ts_ms = options.clock.now_ms();
        pending.push(Pending { work: Work::Leaf(leaf), ts_ms, done: None });
        writer.commit(pending)?;
        writer.publish()?;
    }
    recovery.leaves = writer.size;
    Ok((writer, recovery))
}

/// The checkpoint in the public folder, its signature verified.
fn published_checkpoint(writer: &Writer) -> Result<Option<Checkpoint>> {
    let bytes = writer.store.get(CHECKPOINT).map_err(|e| Error::io("read", CHECKPOINT, &e))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::Note { what: "checkpoint", why: "is not UTF-8".to_owned() })?;
    Checkpoint::open("checkpoint", &text, &writer.signer.verifier()).map(Some)
}

/// Feeds the journal through `advance` and returns the length of its whole records.
fn read_journal(writer: &mut Writer, recovery: &mut Recovery) -> Result<u64> {
    let source = writer.store.journal().map_err(|e| Error::io("open", "journal", &e))?;
    let mut reader = Reader::new(source);
    loop {
        let record = match reader.next_record()? {
            Next::Record(record) => record,
            Next::End => return Ok(reader.offset()),
            Next::Torn { bytes } => {
                recovery.cut_bytes = bytes;
                return Ok(reader.offset());
            }
        };
        for (index, bytes) in (record.first_index..).zip(&record.entries) {
            replay(writer, index, bytes)?;
        }
        writer.grow(record.entries.iter().map(Vec::as_slice));
        if writer.publisher.buffered() >= DERIVE_LEAVES {
            writer.publish_tiles()?;
        }
    }
}

fn replay(writer: &mut Writer, index: u64, bytes: &[u8]) -> Result<()> {
    let entry = Entry::parse(bytes).map_err(|e| Error::BrokenLeaf { index, why: e.to_string() })?;
    match &entry.leaf {
        Leaf::Intent(intent) => {
            let guard = writer.shared.guard_number();
            let open = Open { seq: index, id: intent.request.id, ts_ms: entry.ts_ms };
            writer.open.insert(guard, open);
        }
        Leaf::Outcome(outcome) => {
            let guard = writer.open.iter().find(|(_, o)| o.seq == outcome.intent_seq).map(|(g, _)| *g);
            let open = guard.and_then(|g| writer.open.remove(&g));
            if open.is_none_or(|o| o.id != outcome.id) {
                let why = "is the outcome of no open request".to_owned();
                return Err(Error::BrokenLeaf { index, why });
            }
        }
        Leaf::Configuration(_) => writer.last_configuration = Some(index),
        _ => {}
    }
    Ok(())
}

/// The journal must still give the tree that was signed.
fn compare(writer: &Writer, checkpoint: &Checkpoint) -> Result<()> {
    let head = Arc::clone(&writer.shared);
    let head = head.head.read().unwrap_or_else(PoisonError::into_inner);
    match head.tree.root_at(checkpoint.size) {
        None => Err(Error::JournalBehind { journal: writer.size, checkpoint: checkpoint.size }),
        Some(root) if root == checkpoint.root => Ok(()),
        Some(_) => {
            let why =
                format!("the journal's first {} leaves are not those of the checkpoint", checkpoint.size);
            Err(Error::Fork { why })
        }
    }
}
