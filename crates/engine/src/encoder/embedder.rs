//! A text's vector: hidden states pooled as the model's own files say (Reimers, Gurevych 2019).

use super::Encoder;
use super::config::bad;
use crate::Error;
use serde_json::Value;
use weights::{PinnedFile, Verified};

/// How hidden states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    /// The mean over all tokens, the framing ones too.
    Mean,
    /// That of the first token.
    First,
}

/// An encoder that gives one vector for a window.
#[derive(Debug)]
pub struct Embedder {
    encoder: Encoder,
    pooling: Pooling,
    normalise: bool,
    tokens_max: usize,
}

impl Embedder {
    /// Loads an encoder from safetensors with its `config.json` beside it, all pinned. How it pools and whether it
    /// normalises is what `modules.json` and `pooling.json` (the `1_Pooling/config.json` of sentence-transformers) say;
    /// without them it is the mean, normalised. `sentence_bert_config.json` may shorten its window.
    ///
    /// # Errors
    /// As [`Encoder::load`]; `BadMetadata` for modules and ways of pooling that are not here, `MissingMetadata` where one
    /// of the files is there and the other is not.
    pub fn load(files: &[PinnedFile]) -> Result<Self, Error> {
        let (encoder, parts, verified) = Encoder::read(files)?;
        parts.finish()?;
        let (pooling, normalise) = modules(&verified, encoder.config.hidden_size)?;
        let tokens_max = encoder.tokens_max().min(window(&verified)?);
        Ok(Self { encoder, pooling, normalise, tokens_max })
    }

    /// Numbers in a vector.
    pub const fn dimensions(&self) -> usize {
        self.encoder.config.hidden_size
    }

    /// The most ids of one text, the framing ones counted.
    pub const fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// The hash that names the model's files, see `weights::identity_sha256`.
    pub const fn sha256(&self) -> [u8; 32] {
        self.encoder.sha256()
    }

    /// The vector of one text.
    ///
    /// # Errors
    /// As [`Encoder::hidden_states`]; `Window` for more than [`Embedder::tokens_max`]; `Fault` where the weights lead to
    /// what is no number or has no direction.
    pub fn embed(&self, ids: &[u32]) -> Result<Vec<f32>, Error> {
        if ids.len() > self.tokens_max {
            return Err(Error::Window { tokens: ids.len(), tokens_max: self.tokens_max });
        }
        let states = self.encoder.bert.forward(ids)?;
        let pooled = match self.pooling {
            Pooling::Mean => states.mean(0)?,
            Pooling::First => states.get(0)?,
        };
        let mut vector = pooled.to_vec1::<f32>()?;
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !length.is_finite() || length == 0.0 {
            return Err(Error::Fault("the encoder's weights give a vector without a direction".to_owned()));
        }
        if self.normalise {
            vector.iter_mut().for_each(|x| *x /= length);
        }
        Ok(vector)
    }
}

fn parsed(verified: &Verified, name: &str) -> Result<Option<Value>, Error> {
    let parse = |json| serde_json::from_slice(json).map_err(|error| bad(name, error.to_string()));
    verified.side_file(name).map(parse).transpose()
}

/// What follows the encoder.
fn modules(verified: &Verified, hidden: usize) -> Result<(Pooling, bool), Error> {
    let (list, pooling) = (parsed(verified, "modules.json")?, parsed(verified, "pooling.json")?);
    let (list, pooling) = match (list, pooling) {
        (None, None) => return Ok((Pooling::Mean, true)),
        (Some(list), Some(pooling)) => (list, pooling),
        (None, _) => return Err(Error::MissingMetadata { key: "modules.json".to_owned() }),
        (_, None) => return Err(Error::MissingMetadata { key: "pooling.json".to_owned() }),
    };
    let kinds = list.as_array().into_iter().flatten().map(|module| {
        let kind = module.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.rsplit('.').next().unwrap_or_default()
    });
    let normalise = match kinds.collect::<Vec<_>>().as_slice() {
        ["Transformer", "Pooling"] => false,
        ["Transformer", "Pooling", "Normalize"] => true,
        other => {
            let reason = format!("{other:?} is not supported; Transformer, Pooling and then Normalize are");
            return Err(bad("modules.json", reason));
        }
    };
    Ok((way(&pooling, hidden)?, normalise))
}

/// The one way that is switched on.
fn way(pooling: &Value, hidden: usize) -> Result<Pooling, Error> {
    let width = pooling.get("word_embedding_dimension").and_then(Value::as_u64);
    if width.is_some_and(|width| usize::try_from(width) != Ok(hidden)) {
        return Err(bad("word_embedding_dimension", format!("is not the encoder's {hidden}")));
    }
    let members = pooling.as_object().into_iter().flatten();
    let on = members.filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true));
    match on.map(|(key, _)| key.as_str()).collect::<Vec<_>>().as_slice() {
        ["pooling_mode_mean_tokens"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token"] => Ok(Pooling::First),
        other => {
            let reason =
                format!("{other:?} is not supported; pooling_mode_mean_tokens or pooling_mode_cls_token is");
            Err(bad("pooling.json", reason))
        }
    }
}

/// What `sentence_bert_config.json` makes of the window.
fn window(verified: &Verified) -> Result<usize, Error> {
    let name = "sentence_bert_config.json";
    let Some(config) = parsed(verified, name)? else { return Ok(usize::MAX) };
    match config.get("max_seq_length") {
        None | Some(Value::Null) => Ok(usize::MAX),
        Some(tokens) => tokens
            .as_u64()
            .and_then(|tokens| usize::try_from(tokens).ok())
            .filter(|tokens| *tokens > 2)
            .ok_or_else(|| bad("max_seq_length", "must be a whole number above 2".to_owned())),
    }
}
