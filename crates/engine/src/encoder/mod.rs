//! Encoders: a whole window of ids at once to hidden states, and a head over them, or one vector of them. No cache, no scheduler, no sampling.

mod bert;
mod config;
mod embedder;
mod parts;

use crate::Error;
use bert::{Bert, Linear, softmax};
use config::Config;
pub use embedder::Embedder;
use parts::Parts;
use weights::{PinnedFile, Verified};

/// A BERT encoder in f32 on the cpu.
#[derive(Debug)]
pub struct Encoder {
    bert: Bert,
    config: Config,
    sha256: [u8; 32],
}

/// An encoder with a head that gives every token a label.
#[derive(Debug)]
pub struct TokenClassifier {
    encoder: Encoder,
    head: Linear,
}

impl Encoder {
    /// Loads an encoder from safetensors with its `config.json` beside it, all pinned.
    ///
    /// # Errors
    /// `Weights` when a file is not the pinned one or is no safetensors; otherwise what the config or the tensors lack or
    /// have too much, by name. A head is too much.
    pub fn load(files: &[PinnedFile]) -> Result<Self, Error> {
        let (encoder, parts, _) = Self::read(files)?;
        parts.finish()?;
        Ok(encoder)
    }

    fn read(files: &[PinnedFile]) -> Result<(Self, Parts, Verified), Error> {
        let mut parts = Parts::default();
        let verified = weights::load_model(files, &mut |_, _| (), &mut |_, info, piece| {
            parts.accept(info, piece).map_err(Into::into)
        })?;
        let json = verified
            .side_file("config.json")
            .ok_or_else(|| Error::MissingMetadata { key: "config.json".to_owned() })?;
        let config = Config::parse(json)?;
        let bert = Bert::take(&mut parts, &config)?;
        Ok((Self { bert, config, sha256: verified.sha256() }, parts, verified))
    }

    /// The most ids in one window.
    pub const fn tokens_max(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// The hash that names the model's files, see `weights::identity_sha256`.
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The hidden state of each token after the last layer: one row of `hidden_size` for each id.
    ///
    /// # Errors
    /// `InvalidToken`, `Window` for no ids or too many, `Candle`.
    pub fn hidden_states(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
        Ok(self.bert.forward(ids)?.to_vec2()?)
    }
}

impl TokenClassifier {
    /// Loads an encoder and its head (`classifier`), which has one output for each entry of the config's `id2label`.
    ///
    /// # Errors
    /// As [`Encoder::load`]; `MissingMetadata` without `id2label`.
    pub fn load(files: &[PinnedFile]) -> Result<Self, Error> {
        let (encoder, mut parts, _) = Encoder::read(files)?;
        let Config { hidden_size, ref labels, .. } = encoder.config;
        if labels.is_empty() {
            return Err(Error::MissingMetadata { key: "id2label".to_owned() });
        }
        let head = Linear::take(&mut parts, "classifier", hidden_size, labels.len())?;
        parts.finish()?;
        Ok(Self { encoder, head })
    }

    /// The encoder below the head.
    pub const fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What each output means, in order, as the config has it.
    pub fn labels(&self) -> &[String] {
        &self.encoder.config.labels
    }

    /// The head's outputs: one row of `labels().len()` for each id.
    ///
    /// # Errors
    /// As [`Encoder::hidden_states`].
    pub fn logits(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
        Ok(self.head.forward(&self.encoder.bert.forward(ids)?)?.to_vec2()?)
    }

    /// The probability of each label for each id; rows sum to 1.
    ///
    /// # Errors
    /// As [`Encoder::hidden_states`]; `Fault` where the weights lead to what is no number, so that nobody takes it for
    /// "no label".
    pub fn probabilities(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
        let rows = softmax(&self.head.forward(&self.encoder.bert.forward(ids)?)?)?.to_vec2::<f32>()?;
        if rows.iter().flatten().any(|p| !p.is_finite()) {
            return Err(Error::Fault("the classifier's weights give values that are no numbers".to_owned()));
        }
        Ok(rows)
    }
}
