//! The model of embeddings: a pinned encoder with its tokenizer, on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Embedder, Error};
use policy::ModelFacts;
use provenance::{Assurance, Digest, FileRef, ModelLoaded, ModelRef, Name};
use registry::{Registry, Role};
use tokenizer::{EncoderTokenizer, Tokenizer};
use zeroize::Zeroizing;

use super::worker::{Deadline, Worker};
use crate::load::LoadError;
use crate::serving::{ModelCard, Serves};

/// Token ids of texts.
type Texts = Vec<Zeroizing<Vec<u32>>>;

/// Gives one vector for the tokens of a text. It never sees text.
pub trait Embed: Send + 'static {
    /// Numbers in a vector.
    fn dimensions(&self) -> usize;

    /// The most ids of one text.
    fn tokens_max(&self) -> usize;

    /// The hash that names the model's files.
    fn sha256(&self) -> [u8; 32];

    /// The vector.
    ///
    /// # Errors
    /// When the ids do not fit, or what came of them are no numbers.
    fn embed(&self, ids: &[u32]) -> Result<Vec<f32>, Error>;
}

impl Embed for Embedder {
    fn dimensions(&self) -> usize {
        Self::dimensions(self)
    }

    fn tokens_max(&self) -> usize {
        Self::tokens_max(self)
    }

    fn sha256(&self) -> [u8; 32] {
        Self::sha256(self)
    }

    fn embed(&self, ids: &[u32]) -> Result<Vec<f32>, Error> {
        Self::embed(self, ids)
    }
}

/// What came of the texts of one request.
pub(crate) struct Vectors {
    pub(crate) vectors: Vec<Vec<f32>>,
    /// How long it was computed, in nanoseconds.
    pub(crate) busy_ns: u64,
}

/// A model of embeddings as loaded and verified, ready to serve.
pub struct Embedding {
    facts: ModelFacts,
    loaded: ModelLoaded,
    license: String,
    loaded_s: i64,
    tokenizer: EncoderTokenizer,
    dimensions: usize,
    tokens_max: usize,
    worker: Arc<Worker<Texts, Vectors>>,
}

impl Embedding {
    /// Loads the approved model `id`, whose role must be `embeddings`. A request for which it takes longer than `limit` fails.
    ///
    /// # Errors
    /// See [`LoadError`]; a file that is not the pinned one is refused with both hashes.
    pub fn load(
        registry: &Registry,
        id: &str,
        store: &Path,
        limit: Duration,
        now_s: i64,
    ) -> Result<Self, LoadError> {
        let (files, _) = registry.encoder(id, Role::Embeddings, store)?;
        let embedder = Embedder::load(&files)?;
        Self::of(registry, id, store, embedder, limit, now_s)
    }

    /// The same with another encoder in the place of that in the model's files.
    ///
    /// # Errors
    /// As [`Embedding::load`].
    pub fn of(
        registry: &Registry,
        id: &str,
        store: &Path,
        embedder: impl Embed,
        limit: Duration,
        now_s: i64,
    ) -> Result<Self, LoadError> {
        let model = registry.entry(id)?.approved_as(Role::Embeddings)?;
        let (files, json) = registry.encoder(id, Role::Embeddings, store)?;
        let tokenizer = EncoderTokenizer::from_json(&json)?;
        let wrong = |reason: String| LoadError::Metadata { id: id.to_owned(), reason };
        let sha256 = embedder.sha256();
        let loaded = ModelLoaded {
            model: ModelRef {
                id: Name::new(id).map_err(|error| wrong(format!("its id: {error}")))?,
                manifest_sha256: Digest(sha256),
                template_sha256: Digest([0; 32]),
                tokenizer_sha256: Digest(tokenizer.digest()),
            },
            files: files
                .iter()
                .take(provenance::LIST_MAX)
                .map(|file| FileRef { sha256: Digest(file.sha256), size_bytes: file.size_bytes })
                .collect(),
            file_count: u32::try_from(files.len()).unwrap_or(u32::MAX),
            assurance: Assurance::Verified,
        };
        let stated = usize::try_from(model.limits.context_tokens).unwrap_or(usize::MAX);
        let (dimensions, tokens_max) = (embedder.dimensions(), embedder.tokens_max().min(stated));
        let work = move |texts: Texts, deadline| vectors(&embedder, &texts, deadline);
        let worker = Worker::start("embeddings", limit, work);
        let worker = worker.map_err(|error| wrong(format!("its thread could not be started: {error}")))?;
        Ok(Self {
            facts: crate::model_facts(registry, model, Some(sha256)),
            loaded,
            license: model.license.clone(),
            loaded_s: now_s,
            tokenizer,
            dimensions,
            tokens_max,
            worker: Arc::new(worker),
        })
    }

    /// What the log is told of it.
    pub(crate) fn loaded(&self) -> &ModelLoaded {
        &self.loaded
    }

    pub(crate) fn tokenizer(&self) -> &EncoderTokenizer {
        &self.tokenizer
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub(crate) fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    pub(crate) fn worker(&self) -> &Arc<Worker<Texts, Vectors>> {
        &self.worker
    }
}

fn vectors(embedder: &impl Embed, texts: &Texts, deadline: Deadline) -> Result<Vectors, String> {
    let start = Instant::now();
    let mut vectors = Vec::with_capacity(texts.len());
    for ids in texts {
        deadline.check()?;
        let vector = embedder.embed(ids).map_err(|error| error.to_string())?;
        if vector.len() != embedder.dimensions() || vector.iter().any(|x| !x.is_finite()) {
            return Err("it gave what is no vector of its dimensions".to_owned());
        }
        vectors.push(vector);
    }
    let busy_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Vectors { vectors, busy_ns })
}

impl Serves for Embedding {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn reference(&self) -> &ModelRef {
        &self.loaded.model
    }

    fn isa(&self) -> String {
        "candle-cpu".to_owned()
    }

    fn assurance(&self) -> Assurance {
        self.loaded.assurance
    }

    fn text_tokenizer(&self) -> Option<&Tokenizer> {
        None
    }

    fn context_tokens(&self) -> usize {
        self.tokens_max
    }

    fn card(&self) -> ModelCard {
        ModelCard {
            id: self.facts.id.clone(),
            sha256: self.facts.loaded_sha256.map(hex::encode).unwrap_or_default(),
            context_tokens: self.tokens_max,
            license: self.license.clone(),
            loaded_s: self.loaded_s,
        }
    }
}
