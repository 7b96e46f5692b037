//! The model that finds names: a pinned token classifier with its tokenizer, for redaction.

use std::path::Path;
use std::time::Duration;

use engine::{Error, TokenClassifier};
use provenance::{Assurance, Digest, FileRef, ModelLoaded, ModelRef, Name};
use redact::{Finder, Found};
use registry::{Registry, Role};
use sha2::{Digest as _, Sha256};
use tokenizer::{EncoderTokenizer, windows};
use zeroize::Zeroizing;

use super::spans::Scheme;
use super::worker::{Deadline, Worker};
use crate::load::LoadError;

/// The most tokens of one window, the two that frame it counted.
const WINDOW_TOKENS_MAX: usize = 512;
/// Tokens that a window shares with the next.
const OVERLAP_TOKENS: usize = 64;

/// Gives each token of a window the probability of each label. It never sees text.
pub trait Tag: Send + 'static {
    /// The labels, in the order of a row.
    fn labels(&self) -> &[String];

    /// The most ids of one window.
    fn tokens_max(&self) -> usize;

    /// One row for each id.
    ///
    /// # Errors
    /// When the ids do not fit, or what came of them are no numbers.
    fn probabilities(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>, Error>;
}

impl Tag for TokenClassifier {
    fn labels(&self) -> &[String] {
        Self::labels(self)
    }

    fn tokens_max(&self) -> usize {
        self.encoder().tokens_max()
    }

    fn probabilities(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
        Self::probabilities(self, ids)
    }
}

/// A loaded token classifier on a thread of its own: the [`Finder`] of profiles that name it.
pub struct Classifier {
    id: String,
    sha256: [u8; 32],
    entities: Vec<String>,
    worker: Worker<Zeroizing<String>, Vec<Found>>,
    loaded: Option<ModelLoaded>,
}

impl Classifier {
    /// Loads the approved model `id`, whose role must be `token-classifier`. Whoever waits for it longer than `limit` is told
    /// that it failed.
    ///
    /// # Errors
    /// See [`LoadError`]; a file that is not the pinned one is refused with both hashes.
    pub fn load(registry: &Registry, id: &str, store: &Path, limit: Duration) -> Result<Self, LoadError> {
        let model = registry.entry(id)?.approved_as(Role::TokenClassifier)?;
        let (files, json) = registry.encoder(id, Role::TokenClassifier, store)?;
        let tagger = TokenClassifier::load(&files)?;
        let tokenizer = EncoderTokenizer::from_json(&json)?;
        let sha256 = tagger.encoder().sha256();
        let wrong = |reason: String| LoadError::Metadata { id: id.to_owned(), reason };
        let tokens_max = usize::try_from(model.limits.context_tokens).unwrap_or(usize::MAX);
        let reference = ModelRef {
            id: Name::new(id).map_err(|error| wrong(format!("its id: {error}")))?,
            manifest_sha256: Digest(sha256),
            template_sha256: Digest([0; 32]),
            tokenizer_sha256: Digest(tokenizer.digest()),
        };
        let pinned = files.iter();
        let pinned = pinned.map(|file| FileRef { sha256: Digest(file.sha256), size_bytes: file.size_bytes });
        let loaded = ModelLoaded {
            model: reference,
            files: pinned.take(provenance::LIST_MAX).collect(),
            file_count: u32::try_from(files.len()).unwrap_or(u32::MAX),
            assurance: Assurance::Verified,
        };
        let made = Self::of(id, sha256, tokenizer, tagger, tokens_max, limit).map_err(wrong)?;
        Ok(Self { loaded: Some(loaded), ..made })
    }

    /// A classifier from its parts; `sha256` is the hash that names its files, `tokens_max` the most of one window.
    ///
    /// # Errors
    /// When its labels are no tagging scheme, its window is too small, or its thread does not start.
    pub fn of(
        id: &str,
        sha256: [u8; 32],
        tokenizer: EncoderTokenizer,
        tagger: impl Tag,
        tokens_max: usize,
        limit: Duration,
    ) -> Result<Self, String> {
        let scheme = Scheme::new(tagger.labels())?;
        let entities = scheme.entities().to_vec();
        let tokens_max = tokens_max.min(tagger.tokens_max()).min(WINDOW_TOKENS_MAX);
        if tokens_max < 8 {
            return Err(format!("a window of {tokens_max} tokens shows no sentence"));
        }
        let reading = Reading { tokenizer, tagger, scheme, tokens_max };
        let work = move |text: Zeroizing<String>, deadline| reading.read(&text, deadline);
        let worker = Worker::start("names-model", limit, work);
        let worker = worker.map_err(|error| format!("its thread could not be started: {error}"))?;
        Ok(Self { id: id.to_owned(), sha256, entities, worker, loaded: None })
    }

    /// What the log is told of it.
    pub(crate) fn loaded(&self) -> Option<&ModelLoaded> {
        self.loaded.as_ref()
    }
}

impl Finder for Classifier {
    fn model(&self) -> &str {
        &self.id
    }

    fn sha256(&self) -> [u8; 32] {
        // With how spans are made of labels, which is this program's.
        Sha256::new_with_prefix("spans 1\n").chain_update(self.sha256).finalize().into()
    }

    fn labels(&self) -> &[String] {
        &self.entities
    }

    fn find(&self, text: &str) -> Result<Vec<Found>, String> {
        self.worker.ask(Zeroizing::new(text.to_owned()))
    }
}

/// What the thread has.
struct Reading<T> {
    tokenizer: EncoderTokenizer,
    tagger: T,
    scheme: Scheme,
    tokens_max: usize,
}

impl<T: Tag> Reading<T> {
    fn read(&self, text: &str, deadline: Deadline) -> Result<Vec<Found>, String> {
        let encoded = self.tokenizer.encode(text).map_err(|error| error.to_string())?;
        let mut rows = Vec::with_capacity(encoded.ids.len());
        for window in windows(encoded.ids.len(), self.tokens_max.saturating_sub(2), OVERLAP_TOKENS) {
            deadline.check()?;
            let outside = || "a window outside the text".to_owned();
            let seen = encoded.ids.get(window.seen.clone()).ok_or_else(outside)?;
            let framed = self.tokenizer.framed(seen);
            let mut given = self.tagger.probabilities(&framed).map_err(|error| error.to_string())?;
            if given.len() != framed.len() {
                return Err("it gave another number of rows than it was given tokens".to_owned());
            }
            // The first row is that of the token before the window.
            let from = window.judged.start.saturating_sub(window.seen.start).saturating_add(1);
            rows.extend(given.drain(from..from.saturating_add(window.judged.len())));
        }
        self.scheme.spans(&encoded, &rows)
    }
}
