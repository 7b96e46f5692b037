//! Opening the log, handing leaves in, and closing it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    Appended, Error, Intent, Leaf, OpenRequest, PruneOrder, Receipt, ReceiptId, RequestKey, Result, Ticket,
    Verdict, WitnessKey,
    clock::Clock,
    journal::{CLOSED, CURRENT},
    note::{NoteSigner, VerifierKey},
    open_request::{self, Place},
    queue::{Shared, Work},
    recover,
    store::{FolderStore, Store, make_folder, put_file, read_secret, sync_folder},
};

/// How to open a log.
#[derive(Clone)]
pub struct LogOptions {
    /// The log's name: origin of its checkpoints and name of its key; a URL without scheme, by custom.
    pub origin: String,
    /// Stamps leaves.
    pub clock: Clock,
    /// Places in the writer's queue; an open request takes one until it is sealed.
    pub queue_places: usize,
    /// Longest time the public tiles and checkpoint may lag behind the journal. Zero publishes after each commit.
    pub publish_every: Duration,
}

impl LogOptions {
    /// The usual: system clock, 65,536 places, half a second.
    #[must_use]
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            clock: Clock::system(),
            queue_places: 65_536,
            publish_every: Duration::from_millis(500),
        }
    }
}

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The log is new.
    pub created: bool,
    /// Leaves in the log now.
    pub leaves: u64,
    /// Bytes of an unfinished write that were cut.
    pub cut_bytes: u64,
    /// Requests that were open at the crash and are sealed as aborted now.
    pub aborted: Vec<ReceiptId>,
}

/// The log. Clones share one writer, which ends when [`Log::shutdown`] is called or the last clone goes.
#[derive(Clone)]
pub struct Log(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    fn join(&self) {
        self.shared.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.join();
    }
}

/// Paths inside a log folder.
fn key_path(dir: &Path) -> PathBuf {
    dir.join("keys").join("log.key")
}

/// Reads the signing key, or makes it (mode 0600) when the log has no leaf yet.
fn load_or_create_key(dir: &Path, origin: &str) -> Result<NoteSigner> {
    let path = key_path(dir);
    let key_error = |why: String| Error::KeyFile { path: path.clone(), why };
    if let Some(text) = read_secret(&path)? {
        let signer = NoteSigner::parse(&text).map_err(|e| key_error(e.to_string()))?;
        if signer.name() != origin {
            return Err(key_error(format!("is the key of {}, not of {origin}", signer.name())));
        }
        return Ok(signer);
    }
    let has_bytes = |file: &Path| std::fs::metadata(file).is_ok_and(|m| m.len() > 0);
    let closed = std::fs::read_dir(dir.join(CLOSED)).is_ok_and(|mut files| files.next().is_some());
    if closed || has_bytes(&dir.join(CURRENT)) {
        return Err(key_error(
            "is missing, but the journal has leaves; restore it from its backup".to_owned(),
        ));
    }
    let signer = NoteSigner::generate(origin)?;
    let keys = dir.join("keys");
    make_folder(&keys).map_err(|e| Error::io("create", &keys, &e))?;
    let text = zeroize::Zeroizing::new(format!("{}\n", signer.to_secret_text().as_str()));
    // A crash before this is done leaves no key and an empty journal; the next start makes another key.
    put_file(&dir.join("keys").join("log.key.new"), &path, 0o600, text.as_bytes())
        .and_then(|()| sync_folder(dir))
        .map_err(|e| Error::io("write", &path, &e))?;
    Ok(signer)
}

impl Log {
    /// Opens or creates the log in `dir`, recovers it, and starts its writer.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::KeyFile`], [`Error::Io`]; and what recovery finds: a damaged journal record, a
    /// derived file that differs, a checkpoint that does not verify or is ahead of the journal. Nothing is repaired
    /// that a crash cannot have caused.
    pub fn open(dir: &Path, options: LogOptions) -> Result<(Self, Recovery)> {
        let store = FolderStore::open(dir)?;
        let signer = load_or_create_key(dir, &options.origin)?;
        let vkey = dir.join("log.vkey");
        let text = format!("{}\n", signer.verifier());
        if std::fs::read_to_string(&vkey).ok().as_deref() != Some(text.as_str()) {
            put_file(&dir.join("tmp").join("vkey"), &vkey, 0o644, text.as_bytes())
                .map_err(|e| Error::io("write", &vkey, &e))?;
        }
        Self::open_with(Box::new(store), signer, options)
    }

    /// The same over any store and key.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_with(
        store: Box<dyn Store>,
        signer: NoteSigner,
        options: LogOptions,
    ) -> Result<(Self, Recovery)> {
        let (writer, recovery) = recover::recover(store, signer, &options)?;
        let shared = Arc::clone(&writer.shared);
        let thread = std::thread::Builder::new()
            .name("provenance".to_owned())
            .spawn(move || writer.run())
            .map_err(|e| Error::Thread { why: e.to_string() })?;
        Ok((Self(Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) })), recovery))
    }

    /// Hands a leaf in; it is durable when the ticket resolves.
    ///
    /// # Errors
    /// [`Error::LogClosed`], [`Error::QueueFull`], or [`Error::Leaf`] when a limit is broken or the leaf is an
    /// intent or outcome, which only [`Log::admit`] and its guard make, or one of [`Log::prune`].
    pub fn append(&self, leaf: Leaf) -> Result<Ticket> {
        let why = match leaf {
            Leaf::Intent(_) | Leaf::Outcome(_) => "is made by admitting a request and sealing it",
            Leaf::LogPruned(_) => "is made by pruning",
            _ => {
                leaf.check()?;
                return self.0.shared.push(Work::Leaf(leaf));
            }
        };
        Err(Error::Leaf { field: "event", why: why.to_owned() })
    }

    /// Removes the oldest leaves and their entry bundles, by whole epochs; their hashes stay. The ticket resolves to
    /// the [`Leaf::LogPruned`] that says so, once they are gone for good.
    ///
    /// # Errors
    /// As [`Log::append`]; and the ticket's, which leave everything as it was: [`Error::TooYoung`],
    /// [`Error::NothingToPrune`]. After [`Error::LogClosed`] the next start finds out, and finishes what was begun.
    pub fn prune(&self, order: PruneOrder) -> Result<Ticket> {
        self.0.shared.push(Work::Prune(order))
    }

    /// Makes the intent durable and gives the guard of the request. Cancelling this future seals the request.
    ///
    /// # Errors
    /// As [`Log::append`]; then no token may be generated.
    pub async fn admit(&self, intent: Intent) -> Result<OpenRequest> {
        let id = intent.request.id;
        intent.request.check(Verdict::Permit)?;
        let (guard, ticket) = self.0.shared.push_intent(Box::new(intent))?;
        let place = Place::new(Arc::clone(&self.0.shared), guard, id);
        match ticket.wait().await {
            Ok(intent) => Ok(OpenRequest::new(place, intent)),
            Err(error) => {
                place.give_back();
                Err(error)
            }
        }
    }

    /// The receipt of a leaf that stands alone: a denial.
    ///
    /// # Errors
    /// [`Error::Receipt`] when the leaf is not in the log.
    pub fn receipt(&self, id: ReceiptId, leaf: &Appended, key: &RequestKey) -> Result<Receipt> {
        open_request::receipt(&self.0.shared, id, &[leaf], key)
    }

    /// Publishes a checkpoint of this log that `witness` cosigned: for who asks for that witness, and on the newest
    /// checkpoint while no leaf has come since.
    ///
    /// # Errors
    /// [`Error::LogClosed`], [`Error::QueueFull`]; when it is not of this log, not cosigned, or older than the one there is.
    pub async fn cosigned(&self, note: String, witness: WitnessKey) -> Result<()> {
        let answer = self.0.shared.push_cosigned(note, witness)?.await;
        answer.unwrap_or_else(|_| {
            let why = self.closed().unwrap_or_else(|| "the writer thread ended".to_owned());
            Err(Error::LogClosed { why })
        })
    }

    /// The newest signed checkpoint; it covers every leaf whose ticket has resolved.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.0.shared.head.read().unwrap_or_else(PoisonError::into_inner).checkpoint.clone()
    }

    /// The public key by which anyone verifies checkpoints and receipts: `name+hash+base64`.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.0.shared.verifier
    }

    /// Why the log takes no more leaves; `None` while it does. When closed, every request must be refused.
    #[must_use]
    pub fn closed(&self) -> Option<String> {
        self.0.shared.queue().closed.clone()
    }

    /// Waits until tiles and checkpoint cover every leaf whose ticket has resolved.
    ///
    /// # Errors
    /// [`Error::LogClosed`] when they could not be written.
    pub async fn publish(&self) -> Result<()> {
        let _ = self.0.shared.ask_publish().await;
        self.closed().map_or(Ok(()), |why| Err(Error::LogClosed { why }))
    }

    /// Ends the log in order: what is queued becomes durable, requests still open are sealed as aborted by shutdown,
    /// tiles and checkpoint are written, the lock is given back. Blocks until done.
    pub fn shutdown(&self) {
        self.0.join();
    }
}
