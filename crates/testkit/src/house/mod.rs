//! A whole gateway over the tiny model, in a temporary folder, with a fixed clock.

mod ask;
mod builder;
mod failing_store;
mod generators;
mod records;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gateway::{AdminCommand, AdminOutcome, Caller, EndpointId, Gateway, Origin, Refusal, Serving};
use provenance::{Clock, Entry, Leaf, VerifierKey};
use tempfile::TempDir;
use tokenizer::Tokenizer;

use crate::signers::Folder;

pub use ask::{Collected, chat, collect, complete, until, within};
pub use builder::{HouseBuilder, house_signers};
pub use failing_store::{FailingStore, StoreFault};
pub use generators::{Act, Gate, RecordingGenerate, ScriptedGenerate};
pub use records::tiny_in_store;

/// The moment at which every house stands: 1 June 2026, 10:00 UTC.
pub const NOW_MS: i64 = 1_780_308_000_000;

/// A clock that stands still until it is moved.
#[derive(Debug, Clone)]
pub struct TestClock {
    now: Arc<AtomicI64>,
    steady: Arc<AtomicI64>,
}

impl TestClock {
    /// Time passes.
    pub fn advance_ms(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.steady.fetch_add(ms, Ordering::SeqCst);
    }

    /// Somebody sets the clock, by so much forth or back.
    pub fn jump_ms(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let (now, steady) = (Arc::clone(&self.now), Arc::clone(&self.steady));
        Clock::from_fn(move || now.load(Ordering::SeqCst)).with_steady(move || steady.load(Ordering::SeqCst))
    }
}

/// A gateway with everything around it. Its use cases are `pilot` (full evidence, restores placeholders), `demo`,
/// and whatever the builder was told; its one model is `tiny`.
pub struct House {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// What the generator was asked and what it gave.
    pub generator: Arc<RecordingGenerate>,
    /// The tiny model's tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// Time.
    pub clock: TestClock,
    /// Makes the log's disk fail.
    pub disk: StoreFault,
    /// Makes the files of data subjects' keys fail.
    pub subjects: StoreFault,
    /// Makes the ledger fail.
    pub store: ledger::Faults,
    /// The log's public key.
    pub verifier: VerifierKey,
    policy: Arc<std::sync::Mutex<Folder>>,
    /// Not served yet, when the builder was told so.
    unserved: std::sync::Mutex<Option<Serving>>,
    keys: Vec<(String, String)>,
    quota_store: ledger::QuotaStore,
    folder: TempDir,
}

impl House {
    /// One with the defaults and the real tiny engine.
    pub async fn new() -> Self {
        HouseBuilder::default().start().await
    }

    /// One to change first.
    pub fn builder() -> HouseBuilder {
        HouseBuilder::default()
    }

    /// The temporary folder of log, ledger and keys.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The key of a use case, issued before the gateway started.
    pub fn key(&self, use_case: &str) -> &str {
        &self.keys.iter().find(|(id, _)| id == use_case).expect("a use case of this house").1
    }

    /// Who holds the key of a use case, calling from this machine.
    pub async fn caller(&self, use_case: &str) -> Caller {
        self.authenticate(Some(self.key(use_case))).await.expect("a good key")
    }

    /// Shows a key at the chat endpoint.
    ///
    /// # Errors
    /// As the gateway does.
    pub async fn authenticate(&self, key: Option<&str>) -> Result<Caller, Refusal> {
        self.gateway.authenticate(key, EndpointId::ChatCompletions, Origin { loopback: true }).await
    }

    /// Does what an administrator with uid 1000 asks.
    pub async fn administer(&self, command: AdminCommand) -> AdminOutcome {
        self.gateway.administer(command, 1000).await.expect("a command the gateway takes")
    }

    /// Changes the policy folder as it now lies; it is in force after a reload.
    pub fn edit_policy(&self, change: impl FnOnce(&mut Folder)) {
        change(&mut self.policy.lock().expect("a folder"));
    }

    /// Serves the model that the builder was told to hold back.
    pub async fn serve(&self) {
        let serving = self.unserved.lock().expect("one thread").take().expect("a model held back");
        self.gateway.serve(serving).await.expect("an open log");
    }

    /// Every durable leaf, oldest first.
    pub fn leaves(&self) -> Vec<Entry> {
        let mut leaves = Vec::new();
        provenance::show(&self.folder.path().join("log"), |shown| {
            leaves.push(shown.entry);
            true
        })
        .expect("a readable log");
        leaves
    }

    /// The text of every durable leaf, for canaries.
    pub fn leaves_text(&self) -> String {
        let mut text = String::new();
        provenance::show(&self.folder.path().join("log"), |shown| {
            text.push_str(&shown.json);
            text.push('\n');
            true
        })
        .expect("a readable log");
        text
    }

    /// The newest leaf.
    pub fn last_leaf(&self) -> Leaf {
        self.leaves().pop().expect("a log with leaves").leaf
    }

    /// The outcomes so far.
    pub fn outcomes(&self) -> Vec<provenance::Outcome> {
        let leaves = self.leaves().into_iter().map(|entry| entry.leaf);
        leaves
            .filter_map(|leaf| if let Leaf::Outcome(outcome) = leaf { Some(*outcome) } else { None })
            .collect()
    }

    /// What was opened so far.
    pub fn intents(&self) -> Vec<provenance::Intent> {
        let leaves = self.leaves().into_iter().map(|entry| entry.leaf);
        leaves.filter_map(|leaf| if let Leaf::Intent(intent) = leaf { Some(*intent) } else { None }).collect()
    }

    /// The denials so far.
    pub fn denials(&self) -> Vec<provenance::Denied> {
        let leaves = self.leaves().into_iter().map(|entry| entry.leaf);
        leaves.filter_map(|leaf| if let Leaf::Denied(denied) = leaf { Some(*denied) } else { None }).collect()
    }

    /// Stops the gateway, verifies its log, and gives the ledger as the next start would find it, with the folder.
    pub async fn close(self) -> (ledger::Ledger, TempDir) {
        self.stop_and_verify().await;
        let Self { gateway, generator, folder, quota_store, .. } = self;
        drop((gateway, generator));
        let path = folder.path().join("ledger.sqlite");
        let mut opened = None;
        // What settles on another thread has the file until it is done.
        until(|| {
            let (store, faults) = (quota_store.clone(), ledger::Faults::default());
            opened = ledger::Ledger::open_with(&path, store, faults).ok();
            opened.is_some()
        })
        .await;
        (opened.expect("awaited"), folder)
    }

    /// Stops a gateway whose log may have failed, and gives the folder as the next start would find it.
    pub async fn abandon(self) -> TempDir {
        self.gateway.stop("test").await;
        let Self { gateway, generator, folder, .. } = self;
        drop((gateway, generator));
        let log = folder.path().join("log");
        // The writer's thread has the lock until it is done.
        until(|| provenance::store::FolderStore::open(&log).is_ok()).await;
        folder
    }

    /// Stops the gateway and verifies its log from the public key alone; every intent must have its outcome.
    pub async fn stop_and_verify(&self) {
        self.gateway.stop("test").await;
        let report =
            provenance::verify(&self.folder.path().join("log"), &self.verifier, None).expect("a sound log");
        assert!(report.open.is_empty(), "requests left open: {:?}", report.open);
    }
}
