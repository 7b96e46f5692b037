//! Opening what a stop, a crash or an attacker left.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Instant,
};

use crate::{
    EndReason, Entry, Error, Leaf, Recovered, Result,
    checkpoint::Checkpoint,
    journal::{CURRENT, Journal, Next},
    log::{LogOptions, Recovery},
    note::NoteSigner,
    publish::{CHECKPOINT, Publisher},
    queue::{Head, Pending, Shared, Work},
    retention::Files,
    store::Store,
    tile::{Kind, TILE_WIDTH, Tile, parse_hashes},
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
    let segments = store.journal().map_err(|e| Error::io("open", CURRENT, &e))?;
    let mut journal = Journal::open(segments)?;
    let mut writer = Writer {
        store,
        signer,
        shared,
        publisher: Publisher::starting(journal.base()),
        open: HashMap::new(),
        size: journal.base(),
        last_configuration: None,
        files: Files::starting(journal.base()),
        pruned: None,
        publish_every: options.publish_every,
        last_publish: Instant::now(),
    };
    let published = published_checkpoint(&writer)?;
    if journal.base() > 0 {
        take_hashes(&writer, journal.base(), published.as_ref())?;
    }
    let mut recovery = Recovery { created: false, leaves: 0, cut_bytes: 0, aborted: Vec::new() };
    let whole_bytes = read_journal(&mut journal, &mut writer, &mut recovery)?;
    if let Some(checkpoint) = &published {
        compare(&writer, checkpoint)?;
    }
    if journal.base() > writer.pruned.map_or(0, |pruned| pruned.before) {
        return Err(Error::Unaccounted { before: journal.base() });
    }
    if recovery.cut_bytes > 0 {
        writer.store.cut(whole_bytes).map_err(|e| Error::io("cut", CURRENT, &e))?;
    }
    recovery.created = writer.size == 0 && published.is_none();
    writer.advance(std::iter::empty());
    keep_cosignatures(&writer, published.as_ref())?;
    writer.publish()?;
    // What a crash left of a pruning: the leaf that says so is signed by now.
    writer.remove_pruned()?;
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

/// Where no leaf was added since, what was published stays as it is, with the cosignatures on it.
fn keep_cosignatures(writer: &Writer, published: Option<&Checkpoint>) -> Result<()> {
    if published.is_none_or(|checkpoint| checkpoint.size != writer.size) {
        return Ok(());
    }
    let bytes = writer.store.get(CHECKPOINT).map_err(|e| Error::io("read", CHECKPOINT, &e))?;
    if let Some(note) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        writer.shared.head.write().unwrap_or_else(PoisonError::into_inner).checkpoint = note;
    }
    Ok(())
}

/// The tree of leaves that were pruned, from the tiles that stay. The signed checkpoint judges them with the rest.
fn take_hashes(writer: &Writer, base: u64, published: Option<&Checkpoint>) -> Result<()> {
    if published.is_none() {
        return Err(Error::Missing { path: CHECKPOINT.to_owned() });
    }
    if !base.is_multiple_of(TILE_WIDTH) {
        return Err(Error::Unaccounted { before: base });
    }
    let mut head = writer.shared.head.write().unwrap_or_else(PoisonError::into_inner);
    for index in 0..base / TILE_WIDTH {
        let tile = Tile { kind: Kind::Level(0), index, width: TILE_WIDTH };
        let bytes = writer.store.get(&tile.path()).map_err(|e| Error::io("read", tile.path(), &e))?;
        let bytes = bytes.ok_or_else(|| Error::Missing { path: tile.path() })?;
        parse_hashes(&tile, &bytes)?.into_iter().for_each(|hash| head.tree.push(hash));
    }
    Ok(())
}

/// Feeds the journal through `advance` and returns the length of the whole records of its last file.
fn read_journal(journal: &mut Journal, writer: &mut Writer, recovery: &mut Recovery) -> Result<u64> {
    loop {
        let record = match journal.next_record()? {
            Next::Record(record) => record,
            Next::End => {
                turn(journal, writer);
                return Ok(journal.offset());
            }
            Next::Torn { bytes } => {
                turn(journal, writer);
                recovery.cut_bytes = bytes;
                return Ok(journal.offset());
            }
        };
        turn(journal, writer);
        for (index, bytes) in (record.first_index..).zip(&record.entries) {
            replay(writer, journal.base(), index, bytes)?;
        }
        writer.grow(record.entries.iter().map(Vec::as_slice));
        if writer.publisher.buffered() >= DERIVE_LEAVES {
            writer.publish_tiles()?;
        }
    }
}

/// Notices that another file of the journal has begun.
fn turn(journal: &Journal, writer: &mut Writer) {
    if journal.file_first() != writer.files.current_first() {
        writer.files.rotate(journal.file_first());
    }
}

fn replay(writer: &mut Writer, base: u64, index: u64, bytes: &[u8]) -> Result<()> {
    let broken = |why: &str| Error::BrokenLeaf { index, why: why.to_owned() };
    let entry = Entry::parse(bytes).map_err(|e| broken(&e.to_string()))?;
    writer.files.take(entry.ts_ms);
    match &entry.leaf {
        Leaf::Intent(intent) => {
            let guard = writer.shared.guard_number();
            let open = Open { seq: index, id: intent.request.id, ts_ms: entry.ts_ms };
            writer.open.insert(guard, open);
            // The configuration itself may be pruned.
            writer.last_configuration = writer.last_configuration.or(intent.prev_config_event);
        }
        Leaf::Denied(denied) => {
            writer.last_configuration = writer.last_configuration.or(denied.prev_config_event);
        }
        // Its intent is pruned.
        Leaf::Outcome(outcome) if outcome.intent_seq < base => {}
        Leaf::Outcome(outcome) => {
            let guard = writer.open.iter().find(|(_, o)| o.seq == outcome.intent_seq).map(|(g, _)| *g);
            let open = guard.and_then(|g| writer.open.remove(&g));
            if open.is_none_or(|o| o.id != outcome.id) {
                return Err(broken("is the outcome of no open request"));
            }
        }
        Leaf::Configuration(_) => writer.last_configuration = Some(index),
        Leaf::LogPruned(pruned) => {
            pruned.check(index).map_err(|why| broken(&why))?;
            writer.pruned = Some(*pruned);
        }
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
