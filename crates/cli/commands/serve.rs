//! `serve`: bind, open the state, load the model, say how to call it, and end in order.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use gateway::{AdminOutcome, Gateway};
use hardening::{Measure, Report, Standing};
use registry::{FetchOptions, Registry, Role};
use server::{Address, AdminSocket, Listener, Reach, Tls};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::args::{EngineArgs, Serve};
use crate::commands::keys::now_ms;
use crate::encoders::Classifiers;
use crate::fetching::Fetching;
use crate::places::Places;
use crate::progress::Bar;
use crate::{office, process};

/// How often callers without a valid key are summed up in the log.
const STRANGERS_INTERVAL: Duration = Duration::from_secs(60);

pub(crate) fn run(places: &Places, serve: &Serve, hardened: &Report) -> anyhow::Result<ExitCode> {
    for line in hardened.shortfalls() {
        tracing::warn!("hardening: {line}");
    }
    if hardened.shortfalls().next().is_some() {
        bail!("this process could not be protected (see above), so it will not take prompts");
    }
    let reach = serve.reach.open()?;
    if reach.tls.is_none() && !serve.reach.listen.iter().all(Address::is_local) {
        tracing::warn!(
            "listening beyond this machine without TLS; give --tls-cert and --tls-key, or put a proxy with TLS in front of it"
        );
    }
    let fetching = prepare(places, &serve.engine, serve.embeddings.as_deref())?;
    let places = &places.with_broker()?;
    // From here on there is no network, no other program and no file to write but the state's.
    let report = confine(places, serve, hardened)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut running = Running::start(places, reach, &serve.engine, serve.max_queued, report).await?;
        running.load(places, &serve.engine, serve.max_queued, Some(fetching)).await?;
        if let Some(id) = &serve.embeddings {
            running.load_embeddings(places, id, serve.engine.encoder_limit()).await?;
        }
        let mut signals = Signals::new()?;
        announce(&running, serve).await?;
        let reason = wait_for_signal(&mut running, &mut signals).await?;
        tracing::info!(
            drain_s = serve.drain_s,
            "taking nothing new; running answers may finish, a second signal ends them"
        );
        running.stop(reason, Duration::from_secs(serve.drain_s), &mut signals).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Makes what must exist before the process is confined, and starts to fetch models that are not here.
pub(crate) fn prepare(
    places: &Places,
    engine: &EngineArgs,
    embeddings: Option<&str>,
) -> anyhow::Result<Fetching> {
    let registry = places.registry()?;
    let model = model(&registry, engine)?;
    if !places.state.is_dir() {
        // A policy that cannot be used leaves nothing behind.
        places.policy()?;
        office::make_private(&places.state)?;
    }
    let missing = |id: &String| !registry.is_fetched(id, &places.store);
    // These are needed before the first answer of any kind, so they are waited for here.
    for id in Classifiers::named(places)?.into_iter().filter(missing) {
        registry.entry(&id)?.approved_as(Role::TokenClassifier)?;
        Fetching::start(places, vec![id])?.finish()?;
    }
    if let Some(id) = embeddings {
        registry.entry(id)?.approved_as(Role::Embeddings)?;
    }
    let later = [Some(model), embeddings.map(str::to_owned)].into_iter().flatten().filter(missing);
    Fetching::start(places, later.collect())
}

/// The model that is to be served, if it is approved.
fn model(registry: &Registry, engine: &EngineArgs) -> anyhow::Result<String> {
    let model = match (&engine.model, registry.default_model()) {
        (Some(id), _) => id.clone(),
        (None, Some(model)) => model.id.clone(),
        (None, None) => bail!("models.toml has no default model; name one with --model"),
    };
    registry.entry(&model)?.approved_as(Role::Generation)?;
    Ok(model)
}

/// Gives up what a server does not need and says what holds. Where everything must hold, nothing less starts.
fn confine(places: &Places, serve: &Serve, hardened: &Report) -> anyhow::Result<Report> {
    let lines = process::confine(places, serve.engine.device)?;
    let report = hardened.clone().with(lines).with([hardening::try_lock_memory()]);
    let held: Vec<_> = report.lines().iter().filter(|line| line.standing == Standing::Held).collect();
    tracing::info!(measures = held.len(), "hardening: held; `proeftuin doctor` shows each");
    let mut unmet = Vec::new();
    for line in report.unmet() {
        tracing::warn!("hardening: {line}: {}", line.measure.advice());
        unmet.push(line.measure.to_string());
    }
    if serve.require_hardening && !unmet.is_empty() {
        bail!("--require-hardening: {} does not hold on this machine (see above)", unmet.join(", "));
    }
    Ok(report)
}

/// A server whose port is open. It answers 503 until the model is loaded.
pub(crate) struct Running {
    /// Where it listens, with the ports that were free.
    addresses: Vec<Address>,
    tls: bool,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) model: String,
    registry: Registry,
    hardened: Report,
    http: tokio::task::JoinHandle<std::io::Result<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    shutdown: watch::Sender<bool>,
}

impl Running {
    /// Opens the state and starts to answer.
    pub(crate) async fn start(
        places: &Places,
        reach: Reach,
        engine: &EngineArgs,
        max_queued: u32,
        hardened: Report,
    ) -> anyhow::Result<Self> {
        let registry = places.registry()?;
        let model = model(&registry, engine)?;
        let (named, limit) = (places.clone(), engine.encoder_limit());
        let classifiers = tokio::task::spawn_blocking(move || Classifiers::of_policy(&named, limit)).await;
        // What a task panicked with may hold text, so it is not shown.
        let classifiers = classifiers.map_err(|_| anyhow::anyhow!("loading a model was interrupted"))??;
        let purpose = office::Use {
            places: usize::try_from(engine.max_running.saturating_add(max_queued)).unwrap_or(usize::MAX),
            milliwatts: engine.milliwatts(),
            // What held of the hardening is part of what ran.
            settings: format!("{engine:?} max_queued={max_queued} hardening={}", standings(&hardened)),
            isa: gateway::isa()?,
            classifiers: Some(classifiers),
        };
        let (gateway, recovery) = office::open(places, purpose).await?;
        if !recovery.aborted.is_empty() {
            tracing::warn!(
                requests = recovery.aborted.len(),
                "requests open at the last crash were sealed as aborted"
            );
        }
        tracing::info!(store = %places.quota_store()?.place(), "quotas are counted");
        let gateway = Arc::new(gateway);
        let admin = AdminSocket::bind(&places.admin_socket())?;
        let addresses = reach.listeners.iter().map(Listener::address).collect::<std::io::Result<Vec<_>>>()?;
        let tls = reach.tls.clone();
        let (shutdown, mut signalled) = watch::channel(false);
        let http = tokio::spawn(server::serve(reach, Arc::clone(&gateway), async move {
            // An error means the sender is gone, which is a shutdown as well.
            let _ = signalled.wait_for(|&stop| stop).await;
        }));
        let tasks = vec![
            tokio::spawn(admin.serve(Arc::clone(&gateway))),
            tokio::spawn(sum_up_strangers(Arc::clone(&gateway))),
            tokio::spawn(reload_on_hangup(Arc::clone(&gateway), tls.clone())),
        ];
        let tls = tls.is_some();
        Ok(Self { addresses, tls, gateway, model, registry, hardened, http, tasks, shutdown })
    }

    /// Where clients find the API: ports first, as addresses, then Unix sockets.
    fn places(&self) -> impl Iterator<Item = String> {
        let scheme = if self.tls { "https" } else { "http" };
        let (ports, sockets): (Vec<_>, Vec<_>) =
            self.addresses.iter().partition(|address| matches!(address, Address::Port(_)));
        let ports = ports.into_iter().map(move |address| format!("{scheme}://{address}/v1"));
        ports.chain(sockets.into_iter().map(Address::to_string))
    }

    /// The address of the API on its first port, where it has one.
    pub(crate) fn url(&self) -> Option<String> {
        self.places().next().filter(|place| place.starts_with("http"))
    }

    /// Waits for the model or fetches it if it is not here, verifies it while loading, and serves it.
    pub(crate) async fn load(
        &mut self,
        places: &Places,
        args: &EngineArgs,
        max_queued: u32,
        fetching: Option<Fetching>,
    ) -> anyhow::Result<()> {
        let (registry, id, store) = (self.registry.clone(), self.model.clone(), places.store.clone());
        let settings = args.settings(max_queued)?;
        let (serving, report) = tokio::task::spawn_blocking(move || {
            if let Some(fetching) = fetching {
                fetching.finish()?;
            }
            if !registry.is_fetched(&id, &store) {
                super::models::fetch(&registry, &id, &store, &FetchOptions::from_env())?;
            }
            let bar = Bar::new("loading");
            let mut progress = |done, total| bar.set(done, total);
            let now_s = now_ms().div_euclid(1000);
            gateway::load(&registry, &id, &store, &settings, now_s, &mut progress).map_err(anyhow::Error::new)
        })
        .await
        // What a task panicked with may hold text, so it is not shown.
        .map_err(|_| anyhow::anyhow!("loading the model was interrupted"))??;
        tracing::info!(
            model = %self.model,
            sha256 = %hex::encode(report.engine.sha256),
            file_bytes = report.engine.file_bytes,
            packed_bytes = report.engine.packed_bytes,
            kv_bytes = report.kv_bytes,
            weights_ms = report.weights_ms,
            read_and_hash_ms = report.engine.read_time.as_millis(),
            pack_ms = report.engine.pack_time.as_millis(),
            tokenizer_ms = report.tokenizer_ms,
            isa = %report.engine.isa,
            context_tokens = report.context_tokens,
            "model verified and loaded"
        );
        self.lock_memory(process::reaches_elsewhere(places)?)?;
        self.gateway.serve(serving).await?;
        Ok(())
    }

    /// The weights are here and no prompt is yet. Then the policy is told what is true of this process.
    fn lock_memory(&self, reaches_elsewhere: bool) -> anyhow::Result<()> {
        let line = hardening::lock_memory();
        let could = self.hardened.standing(Measure::LockedMemory) == Some(Standing::Held);
        if could && line.standing != Standing::Held {
            bail!("hardening: {line}, though it could be locked at the start");
        }
        let report = self.hardened.clone().with([line]);
        self.gateway.process_found(process::found(&report, &self.addresses, reaches_elsewhere));
        Ok(())
    }

    /// The same for the model of embeddings.
    async fn load_embeddings(&self, places: &Places, id: &str, limit: Duration) -> anyhow::Result<()> {
        let (registry, id, store) = (self.registry.clone(), id.to_owned(), places.store.clone());
        registry.entry(&id)?.approved_as(Role::Embeddings)?;
        let embedding = tokio::task::spawn_blocking(move || {
            if !registry.is_fetched(&id, &store) {
                super::models::fetch(&registry, &id, &store, &FetchOptions::from_env())?;
            }
            let now_s = now_ms().div_euclid(1000);
            let embedding = gateway::Embedding::load(&registry, &id, &store, limit, now_s)?;
            tracing::info!(model = %id, "model of embeddings verified and loaded");
            anyhow::Ok(embedding)
        });
        // What a task panicked with may hold text, so it is not shown.
        let embedding =
            embedding.await.map_err(|_| anyhow::anyhow!("loading the model was interrupted"))??;
        Ok(self.gateway.serve_embeddings(embedding).await?)
    }

    /// Takes nothing new, lets what runs finish for `drain`, and closes the log.
    pub(crate) async fn stop(
        self,
        reason: &str,
        drain: Duration,
        signals: &mut Signals,
    ) -> anyhow::Result<()> {
        // An error means nobody serves any more.
        let _ = self.shutdown.send(true);
        let drained = tokio::select! {
            ended = tokio::time::timeout(drain, self.http) => ended.is_ok(),
            _ = signals.next() => false,
        };
        if !drained {
            tracing::warn!("some answers did not finish and are sealed as aborted");
        }
        for task in self.tasks {
            task.abort();
        }
        self.gateway.stop(reason).await;
        Ok(())
    }
}

/// Each measure and whether it holds, in words that are the same for the same findings.
fn standings(report: &Report) -> String {
    let lines = report.lines().iter();
    lines.map(|line| format!("{}:{}", line.measure.name(), line.standing)).collect::<Vec<_>>().join(",")
}

async fn sum_up_strangers(gateway: Arc<Gateway>) {
    let mut tick = tokio::time::interval(STRANGERS_INTERVAL);
    loop {
        tick.tick().await;
        if let Err(error) = gateway.forget_old_quota().await {
            tracing::error!(%error, "quota windows long past could not be forgotten");
        }
        if let Err(error) = gateway.seal_strangers().await {
            tracing::error!(%error, "callers without a key could not be summed up in the log");
        }
    }
}

/// Reads the policy anew at each SIGHUP, and the certificate.
async fn reload_on_hangup(gateway: Arc<Gateway>, tls: Option<Arc<Tls>>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        match gateway.reload_policy(None).await {
            Ok(reloaded) => {
                tracing::info!(sha256 = %hex::encode(reloaded.sha256), changed = reloaded.changed, "policy in force");
            }
            Err(error) => tracing::error!(%error, "the policy was not replaced"),
        }
        match tls.as_ref().map(|tls| tls.reload()) {
            Some(Ok(())) => tracing::info!("certificate in force"),
            Some(Err(error)) => tracing::error!(%error, "the certificate was not replaced"),
            None => {}
        }
    }
}

/// Says where the server is and, for the demonstration, how to call it.
async fn announce(running: &Running, serve: &Serve) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let mut places = running.places();
    writeln!(out, "Proeftuin serves {} at {}", running.model, places.next().unwrap_or_default())?;
    for place in places {
        writeln!(out, "and at {place}")?;
    }
    match (demo_key(running, serve).await?, running.url()) {
        (Some(key), Some(url)) => writeln!(
            out,
            "\nDemo key for this run: this machine only, no personal data, not for work:\n\n  {key}\n\nTry it:\n\n\
             \x20 curl -sS {url}/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
             -d '{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"What is the capital of the Netherlands?\"}}],\"max_tokens\":64}}'\n",
            running.model
        )?,
        _ => writeln!(out, "Keys: proeftuin keys issue --use-case ID --actor NAME")?,
    }
    out.flush()?;
    Ok(())
}

/// The demo key, where the demonstration can work: on loopback alone, with the default model, if the policy has it.
async fn demo_key(running: &Running, serve: &Serve) -> anyhow::Result<Option<String>> {
    let is_default = running.registry.default_model().is_some_and(|model| model.id == running.model);
    let near = running.url().is_some() && running.addresses.iter().all(Address::is_local);
    if serve.no_demo || !near || !is_default {
        return Ok(None);
    }
    Ok(match running.gateway.mint_demo_key().await? {
        Some(AdminOutcome::Issued { secret, .. }) => Some(secret),
        _ => None,
    })
}

/// SIGTERM and SIGINT, asked for before anybody is told that the server runs: from then on they end it in order.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "sigterm",
            _ = self.interrupt.recv() => "sigint",
        }
    }
}

/// A server that ends by itself is an error.
async fn wait_for_signal(running: &mut Running, signals: &mut Signals) -> anyhow::Result<&'static str> {
    tokio::select! {
        reason = signals.next() => Ok(reason),
        ended = &mut running.http => {
            ended.map_err(|_| anyhow::anyhow!("the HTTP server was interrupted"))?.context("the HTTP server failed")?;
            bail!("the HTTP server ended by itself")
        }
    }
}
