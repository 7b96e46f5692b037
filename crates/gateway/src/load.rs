//! From a pinned entry of `models.toml` to something that serves: weights, tokenizer, template, generator.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use engine::{Device, EngineOptions, KvType, LoadOptions};
use provenance::{Assurance, Digest, FileRef, ModelRef, Name};
use registry::Registry;
use thiserror::Error;
use tokenizer::{ChatTemplate, Tokenizer, Vocabulary};

use crate::serving::Serving;

/// Why a model cannot be served. Nothing of it is kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is not approved, not pinned, not here, or its template is another.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// Its files are not the pinned ones, or are no model this engine runs.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// Its tokenizer or template cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] tokenizer::Error),
    /// Its metadata lacks what a server needs.
    #[error("model {id}: {reason}")]
    Metadata {
        /// The model.
        id: String,
        /// What is missing.
        reason: String,
    },
}

/// What the engine may use. Whoever starts a server says it without knowing the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// Where the arithmetic runs.
    pub device: Device,
    /// Threads; `None` is one a core.
    pub threads: Option<usize>,
    /// Memory for keys and values, in bytes.
    pub kv_bytes: usize,
    /// How keys and values are stored. A model's answers differ between the types; the receipt names q8.
    pub kv_type: KvType,
    /// Sequences that generate at the same time.
    pub max_running: usize,
    /// Tokens computed in one step of the engine; raised to `max_running` where that is more.
    pub max_batch_tokens: usize,
    /// Tokens that a sequence may guess from its own text in one step; 0 is off. Changes no answer.
    pub speculation: usize,
    /// Sequences that wait.
    pub max_queued: usize,
}

impl EngineSettings {
    fn load_options(&self) -> LoadOptions {
        let defaults = LoadOptions::default();
        LoadOptions {
            threads: self.threads.unwrap_or(defaults.threads),
            device: self.device,
            kv_type: self.kv_type,
        }
    }

    fn engine_options(&self, context_tokens: usize) -> EngineOptions {
        EngineOptions {
            context_tokens: Some(context_tokens),
            kv_bytes: self.kv_bytes,
            max_running: self.max_running,
            max_batch_tokens: self.max_batch_tokens.max(self.max_running),
            speculation: self.speculation,
            // The gateway's places are the one bound, taken before the intent is written. The engine counts what it
            // has not looked at yet as queued, so in a burst all of them may be.
            max_queued: self.max_queued.saturating_add(self.max_running),
            ..EngineOptions::default()
        }
    }
}

/// How loading went, for the operator.
#[derive(Debug, Clone)]
pub struct LoadReport {
    /// What the engine says of it.
    pub engine: engine::LoadReport,
    /// Reading, hashing and packing, in milliseconds; the engine's report says how it splits.
    pub weights_ms: u128,
    /// Building tokenizer and template, in milliseconds.
    pub tokenizer_ms: u128,
    /// Bytes for keys and values, in whole pages.
    pub kv_bytes: usize,
    /// Prompt and answer together, in tokens.
    pub context_tokens: usize,
}

/// Loads the model `id`. `progress` is told bytes done and bytes in all.
///
/// # Errors
/// See [`LoadError`]; a file that is not the pinned one is refused with both hashes.
pub fn load(
    registry: &Registry,
    id: &str,
    store: &Path,
    settings: &EngineSettings,
    now_s: i64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Serving, LoadReport), LoadError> {
    let model = registry.entry(id)?.approved_as(registry::Role::Generation)?;
    let files = registry.pinned(id, store)?;
    let start = Instant::now();
    let loaded = engine::load(&files, &settings.load_options(), progress)?;
    let weights_ms = start.elapsed().as_millis();
    let start = Instant::now();
    let tokenizer = Arc::new(tokenizer_of(id, &loaded.metadata)?);
    let source = registry.chat_template(id, store, &loaded.metadata)?;
    let template = source.map(|source| ChatTemplate::new(&source, &tokenizer)).transpose()?;
    let tokenizer_ms = start.elapsed().as_millis();

    let limit = usize::try_from(model.limits.context_tokens).unwrap_or(usize::MAX);
    let engine = engine::start(loaded.model, settings.engine_options(limit))?;
    let (context_tokens, kv_bytes) = (engine.context_tokens(), engine.kv_bytes());
    let name = Name::new(id)
        .map_err(|error| LoadError::Metadata { id: id.to_owned(), reason: format!("its id: {error}") })?;
    let serving = Serving {
        generator: Arc::new(engine),
        facts: crate::model_facts(registry, model, Some(loaded.report.sha256)),
        reference: ModelRef {
            id: name,
            manifest_sha256: Digest(loaded.report.sha256),
            template_sha256: Digest(template.as_ref().map(ChatTemplate::digest).unwrap_or_default()),
            tokenizer_sha256: Digest(tokenizer.digest()),
        },
        files: files
            .iter()
            .map(|file| FileRef { sha256: Digest(file.sha256), size_bytes: file.size_bytes })
            .collect(),
        assurance: Assurance::Verified,
        license: model.license.clone(),
        loaded_s: now_s,
        tokenizer,
        template,
    };
    Ok((serving, LoadReport { engine: loaded.report, weights_ms, tokenizer_ms, kv_bytes, context_tokens }))
}

/// The tokenizer that the model's own metadata describes. `id` is the model's name in messages.
///
/// # Errors
/// [`LoadError::Metadata`] for what is missing, [`LoadError::Tokenizer`] for what cannot be used.
pub fn tokenizer_of(id: &str, metadata: &registry::Metadata) -> Result<Tokenizer, LoadError> {
    let missing = |key: &str| LoadError::Metadata {
        id: id.to_owned(),
        reason: format!(
            "the metadata has no {key}, so there is no tokenizer; use a GGUF file that carries its own"
        ),
    };
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let model = metadata.string(&key("model")).ok_or_else(|| missing("tokenizer.ggml.model"))?;
    let tokens = metadata.strings(&key("tokens")).ok_or_else(|| missing("tokenizer.ggml.tokens"))?;
    let id_of = |name: &str| metadata.u32(&key(name));
    Ok(Tokenizer::from_vocabulary(Vocabulary {
        model: model.to_owned(),
        pre: metadata.string(&key("pre")).map(str::to_owned),
        tokens: tokens.to_vec(),
        scores: metadata.f32s(&key("scores")).unwrap_or_default().to_vec(),
        token_types: metadata.i32s(&key("token_type")).unwrap_or_default().to_vec(),
        merges: metadata.strings(&key("merges")).unwrap_or_default().to_vec(),
        bos: id_of("bos_token_id"),
        eos: id_of("eos_token_id"),
        eot: id_of("eot_token_id"),
        unk: id_of("unknown_token_id"),
        pad: id_of("padding_token_id"),
        add_bos: metadata.bool(&key("add_bos_token")),
        add_eos: metadata.bool(&key("add_eos_token")),
        add_space_prefix: metadata.bool(&key("add_space_prefix")),
    })?)
}
