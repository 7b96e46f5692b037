//! The gateway itself: what every stage needs, and the one path through the stages.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ledger::Ledger;
use policy::Process;
use provenance::{
    Appended, Clock, Configuration, DenialCounter, KeyRing, Leaf, Log, ModelLoaded, ServerStarted,
    ServerStopped,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::active::{ActivePolicy, PolicySource};
use crate::admit::admit;
use crate::caller::{self, Caller, Credentials};
use crate::clear::clear;
use crate::deny;
use crate::embed::{self, Embedded};
use crate::encoders::{Classifier, Embedding};
use crate::endpoint::EndpointId;
use crate::energy::Meter;
use crate::enter::{Inbound, enter};
use crate::flow::{self, Answer};
use crate::generate::Gauge;
use crate::metrics::Metrics;
use crate::record;
use crate::refusal::Refusal;
use crate::request::{EmbeddingRequest, GenerationRequest, Origin};
use crate::serving::{Serving, name};
use crate::strip::strip;
use crate::subjects;
use crate::watch::{Jumped, Watch};

/// What a gateway is made of. Whoever makes it has opened the durable parts and read the files.
pub struct Parts {
    /// The provenance log, recovered and open.
    pub log: Log,
    /// Keys of pseudonyms and commitments.
    pub ring: KeyRing,
    /// Keys of callers and counters.
    pub ledger: Ledger,
    /// The policy in force.
    pub policy: ActivePolicy,
    /// Where it is read from when an administrator has changed it.
    pub policy_source: PolicySource,
    /// Tells what requests take.
    pub meter: Meter,
    /// Requests that may run or wait, over all callers.
    pub places: usize,
    /// What runs: build and resolved settings, by digest.
    pub configuration: Configuration,
    /// The clock of decisions and leaves.
    pub clock: Clock,
    /// The folder of the log, to count quotas again from it.
    pub log_dir: PathBuf,
}

/// The one way from a request to an answer. Shared by all connections.
pub struct Gateway {
    log: Log,
    ring: Arc<KeyRing>,
    ledger: Arc<Ledger>,
    policy: RwLock<Arc<ActivePolicy>>,
    policy_source: Arc<PolicySource>,
    serving: OnceLock<Arc<Serving>>,
    embedding: OnceLock<Arc<Embedding>>,
    /// Held while quotas are counted again, and while serving begins: a request in between would be forgotten.
    counting: Mutex<()>,
    /// Held while somebody's records are looked for or erased.
    erasing: Mutex<()>,
    places: Arc<Semaphore>,
    places_total: usize,
    meter: Arc<Meter>,
    strangers: DenialCounter,
    metrics: Metrics,
    configuration: Configuration,
    salt: Zeroizing<[u8; 32]>,
    process: OnceLock<Process>,
    clock: Clock,
    watch: Watch,
    log_dir: PathBuf,
}

impl Gateway {
    /// Puts the parts together and seals that the server started, with which settings and which policy.
    ///
    /// # Errors
    /// When the log does not take it, or the system has no random bytes.
    pub async fn start(parts: Parts) -> Result<Self, Refusal> {
        let mut salt = Zeroizing::new([0; 32]);
        getrandom::fill(salt.as_mut()).map_err(|_| Refusal::closed("the system gives no random bytes"))?;
        let now_ms = parts.clock.now_ms();
        let watch = Watch::new(parts.clock.clone(), parts.ledger.latest_ms());
        let gateway = Self {
            log: parts.log,
            ring: Arc::new(parts.ring),
            ledger: Arc::new(parts.ledger),
            policy: RwLock::new(Arc::new(parts.policy)),
            policy_source: Arc::new(parts.policy_source),
            serving: OnceLock::new(),
            embedding: OnceLock::new(),
            counting: Mutex::new(()),
            erasing: Mutex::new(()),
            places: Arc::new(Semaphore::new(parts.places)),
            places_total: parts.places,
            meter: Arc::new(parts.meter),
            strangers: DenialCounter::new(now_ms),
            metrics: Metrics::default(),
            configuration: parts.configuration,
            salt,
            process: OnceLock::new(),
            clock: parts.clock,
            watch,
            log_dir: parts.log_dir,
        };
        gateway.seal_start().await?;
        // Before any request: what was to be erased is not used again.
        gateway.finish_erasure().await?;
        gateway.forget_old_quota().await?;
        if gateway.ledger.recovered().any() {
            // A crash left reservations, which count in full by now; the log knows which of them ended, and how.
            gateway.recount(None).await?;
        }
        Ok(gateway)
    }

    async fn seal_start(&self) -> Result<(), Refusal> {
        let build_sha256 = self.configuration.build_sha256;
        let version = name(env!("CARGO_PKG_VERSION"))?;
        self.append(Leaf::ServerStarted(ServerStarted { build_sha256, version })).await?;
        self.append(Leaf::Configuration(self.configuration.clone())).await?;
        self.seal_policy(None).await
    }

    /// Begins to serve a model, once. That it was loaded, and from which files, is sealed first.
    ///
    /// # Errors
    /// When the log does not take it, or a model is served already.
    pub async fn serve(&self, serving: Serving) -> Result<(), Refusal> {
        let count = u32::try_from(serving.files.len()).unwrap_or(u32::MAX);
        self.append(Leaf::ModelLoaded(ModelLoaded {
            model: serving.reference.clone(),
            files: serving.files.iter().take(provenance::LIST_MAX).cloned().collect(),
            file_count: count,
            assurance: serving.assurance,
        }))
        .await?;
        let _not_counting = self.counting.lock().await;
        self.serving.set(Arc::new(serving)).map_err(|_| Refusal::closed("a model is served already"))
    }

    /// Seals that the model of a redaction profile was loaded, and from which files.
    ///
    /// # Errors
    /// When the log does not take it.
    pub async fn classifier_loaded(&self, classifier: &Classifier) -> Result<(), Refusal> {
        match classifier.loaded() {
            Some(loaded) => self.append(Leaf::ModelLoaded(loaded.clone())).await.map(drop),
            None => Ok(()),
        }
    }

    /// Finds who calls. What is missing or wrong is counted; a key that was revoked or has expired is sealed, and so is a
    /// person whose token holds and opens nothing.
    ///
    /// # Errors
    /// A denial, or a closed gate.
    pub async fn authenticate<'a>(
        &self,
        shown: impl Into<Credentials<'a>>,
        endpoint: EndpointId,
        origin: Origin,
    ) -> Result<Caller, Refusal> {
        self.open_gate()?;
        caller::authenticate(self, shown.into(), endpoint, origin).await
    }

    /// The one path: enter, strip, clear, admit, answer. Each stage consumes the last.
    ///
    /// # Errors
    /// Whatever stage refuses, sealed.
    pub async fn generate(&self, caller: Caller, request: GenerationRequest) -> Result<Answer, Refusal> {
        self.ready()?;
        let entered = enter(self, self.serving()?, Inbound { caller, request }).await?;
        let redacted = strip(self, entered).await?;
        let cleared = clear(self, redacted).await?;
        let admitted = admit(self, cleared).await?;
        flow::submit(self, admitted).await
    }

    /// The same path for texts that are made vectors: enter, strip, clear, embed.
    ///
    /// # Errors
    /// Whatever stage refuses, sealed.
    pub async fn embed(&self, caller: Caller, request: EmbeddingRequest) -> Result<Embedded, Refusal> {
        self.open_gate()?;
        let Some(embedding) = self.embedding.get().cloned() else {
            let (policy, now_ms) = (self.policy(), self.now_ms());
            let endpoint = EndpointId::Embeddings;
            let (facts, key) = record::begin(self, &policy, &caller, endpoint, &request.trace, now_ms)?;
            let (facts, _) = subjects::name_in(self, facts, key, request.data_subjects).await?;
            let none = Refusal::UnknownModel { model: request.model };
            let stage = provenance::Stage::Enter;
            return Err(deny::seal_refusal(self, facts, stage, "no-embeddings-model", none).await);
        };
        let (dimensions, request) = request.into_parts();
        let entered = enter(self, embedding, Inbound { caller, request }).await?;
        let redacted = strip(self, entered).await?;
        let cleared = clear(self, redacted).await?;
        embed::embed(self, cleared, dimensions).await
    }

    /// Begins to serve a model of embeddings, once. That it was loaded, and from which files, is sealed first.
    ///
    /// # Errors
    /// When the log does not take it, or one is served already.
    pub async fn serve_embeddings(&self, embedding: Embedding) -> Result<(), Refusal> {
        self.append(Leaf::ModelLoaded(embedding.loaded().clone())).await?;
        let set = self.embedding.set(Arc::new(embedding));
        set.map_err(|_| Refusal::closed("a model of embeddings is served already"))
    }

    /// Whether requests are served.
    ///
    /// # Errors
    /// `Closed`, saying what is not ready: the model, the log or the engine.
    pub fn ready(&self) -> Result<(), Refusal> {
        self.open_gate()?;
        match self.serving()?.generator.fault() {
            Some(why) => Err(Refusal::Closed { why }),
            None => Ok(()),
        }
    }

    /// Without a log there is no service.
    fn open_gate(&self) -> Result<(), Refusal> {
        self.log
            .closed()
            .map_or(Ok(()), |why| Err(Refusal::Closed { why: format!("the log is closed: {why}") }))
    }

    /// Seals the count of callers without a valid key since the last call, if there were any. Call it once a minute.
    ///
    /// # Errors
    /// When the log is closed.
    pub async fn seal_strangers(&self) -> Result<(), Refusal> {
        match self.strangers.take(self.now_ms()) {
            Some(leaf) => self.append(leaf).await.map(drop),
            None => Ok(()),
        }
    }

    /// Forgets quota windows long past. Call it now and then. Does nothing while the clock cannot be trusted, since it
    /// would forget windows of today.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn forget_old_quota(&self) -> Result<(), Refusal> {
        let Ok(now_ms) = self.moment() else { return Ok(()) };
        let ledger = Arc::clone(&self.ledger);
        self.blocking(move || ledger.prune(now_ms).map_err(Refusal::closed)).await
    }

    /// Ends in order: running answers have ended or are sealed as aborted, and the log is closed.
    pub async fn stop(&self, reason: &str) {
        if let Some(serving) = self.serving.get() {
            serving.generator.shutdown();
        }
        let last = [self.seal_strangers().await, self.seal_stop(reason).await];
        for error in last.into_iter().filter_map(Result::err) {
            tracing::error!(%error, "the end of the server could not be sealed");
        }
        let log = self.log.clone();
        // The writer thread is joined on a thread that may block.
        let _ = tokio::task::spawn_blocking(move || log.shutdown()).await;
    }

    async fn seal_stop(&self, reason: &str) -> Result<(), Refusal> {
        self.append(Leaf::ServerStopped(ServerStopped { reason: name(reason)? })).await.map(drop)
    }

    /// Says what was found of the process when it started; the first finding counts. Until then nothing is known of it, and
    /// a measure that rests on it blocks.
    pub fn process_found(&self, process: Process) {
        let _ = self.process.set(process);
    }

    /// Numbers for operators.
    #[must_use]
    pub fn gauges(&self) -> Vec<Gauge> {
        let free = self.places.available_permits();
        let gauge = |name, help, value| Gauge { name, help, value };
        let mut gauges = vec![
            gauge("ready", "1 when requests are served.", u64::from(self.ready().is_ok())),
            gauge("places_taken", "Choices that run or wait.", self.places_total.saturating_sub(free) as u64),
            gauge(
                "log_open",
                "1 while the provenance log takes records.",
                u64::from(self.log.closed().is_none()),
            ),
        ];
        gauges.push(Gauge {
            name: "energy_millijoules_total",
            help: match self.meter.source() {
                provenance::EnergySource::Rapl => "Energy of all requests, by the processor's meter.",
                provenance::EnergySource::Stated => "Energy of all requests, by the stated power.",
            },
            value: self.meter.total_millijoules(),
        });
        gauges.extend(self.serving.get().map(|serving| serving.generator.gauges()).unwrap_or_default());
        gauges
    }
}

/// What the stages use.
impl Gateway {
    pub(crate) fn embedding(&self) -> Option<&Arc<Embedding>> {
        self.embedding.get()
    }

    pub(crate) fn ring(&self) -> &Arc<KeyRing> {
        &self.ring
    }

    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub(crate) fn strangers(&self) -> &DenialCounter {
        &self.strangers
    }

    /// Counters and histograms of requests.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    pub(crate) fn process(&self) -> Process {
        self.process.get().copied().unwrap_or_default()
    }

    /// Whether this run has drawn its secret.
    pub(crate) fn has_salt(&self) -> bool {
        self.salt.iter().any(|&byte| byte != 0)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn counting(&self) -> &Mutex<()> {
        &self.counting
    }

    pub(crate) fn erasing(&self) -> &Mutex<()> {
        &self.erasing
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn log_dir(&self) -> &Path {
        &self.log_dir
    }

    /// The time that requests are judged by, unless the clock was set.
    pub(crate) fn moment(&self) -> Result<i64, Jumped> {
        self.watch.check()
    }

    /// The policy in force; a request keeps the one it entered with.
    pub(crate) fn policy(&self) -> Arc<ActivePolicy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn put_in_force(&self, policy: Arc<ActivePolicy>) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    pub(crate) fn policy_source(&self) -> &Arc<PolicySource> {
        &self.policy_source
    }

    pub(crate) fn serving(&self) -> Result<Arc<Serving>, Refusal> {
        self.serving
            .get()
            .cloned()
            .ok_or_else(|| Refusal::closed("the model is being loaded; try again shortly"))
    }

    /// Makes a leaf durable.
    pub(crate) async fn append(&self, leaf: Leaf) -> Result<Appended, Refusal> {
        self.log.append(leaf).map_err(Refusal::closed)?.wait().await.map_err(Refusal::closed)
    }

    /// Places for `choices` sequences, or `Busy`: nothing waits outside the engine's own queue.
    pub(crate) fn place(&self, choices: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let wanted = u32::try_from(choices).unwrap_or(u32::MAX);
        if choices > self.places_total {
            return Err(Refusal::Invalid {
                field: "n".to_owned(),
                reason: format!(
                    "asks for {choices} choices at once; this server takes {}",
                    self.places_total
                ),
            });
        }
        Arc::clone(&self.places)
            .try_acquire_many_owned(wanted)
            .map_err(|_| Refusal::Busy { retry_after_s: 1 })
    }

    /// Runs what waits for the disk on a thread that may.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Refusal::closed("a disk operation was interrupted"))?
    }

    /// Pages of the cache are shared within a use case and never beyond: the salt is this run's secret, not the
    /// client's.
    pub(crate) fn cache_salt(&self, use_case: &str) -> [u8; 32] {
        self.pseudonym("cache", use_case)
    }

    /// What the engine calls a use case when it is fair to them: it says nothing to whoever has not this run's secret.
    pub(crate) fn tenant(&self, use_case: &str) -> [u8; 32] {
        self.pseudonym("tenant", use_case)
    }

    fn pseudonym(&self, purpose: &str, use_case: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.salt.as_slice());
        hash.update(purpose.as_bytes());
        hash.update([0]);
        hash.update(use_case.as_bytes());
        hash.finalize().into()
    }
}
