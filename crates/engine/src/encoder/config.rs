//! What `config.json` says of a BERT encoder, checked before anything is built from it.

use crate::Error;
use serde_json::Value;

/// The largest of any size in a config: the largest published BERT has a vocabulary of about half a million.
const SIZE_MAX: usize = 1 << 20;
/// The most layers and the most labels.
const COUNT_MAX: usize = 256;

/// The nonlinearity of the feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x Φ(x)` with the error function.
    Gelu,
    /// The approximation of it by a hyperbolic tangent.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

/// The sizes of a BERT encoder (Devlin et al. 2018), by the names of its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) type_vocab_size: usize,
    pub(crate) layer_norm_eps: f64,
    pub(crate) activation: Activation,
    /// What each output of the head means, in order; empty where the config names none.
    pub(crate) labels: Vec<String>,
}

impl Config {
    /// # Errors
    /// `MissingMetadata` and `BadMetadata`, with the key.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Error> {
        let config: Value =
            serde_json::from_slice(json).map_err(|error| bad("config.json", error.to_string()))?;
        let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or("(none)");
        if model_type != "bert" {
            return Err(bad("model_type", format!("{model_type:?} is not supported; `bert` is")));
        }
        let positions = config.get("position_embedding_type").and_then(Value::as_str).unwrap_or("absolute");
        if positions != "absolute" {
            return Err(bad(
                "position_embedding_type",
                format!("{positions:?} is not supported; `absolute` is"),
            ));
        }
        if config.get("is_decoder").and_then(Value::as_bool) == Some(true) {
            return Err(bad("is_decoder", "a decoder is no encoder".to_owned()));
        }
        let size = |key, most| size(&config, key, most);
        let parsed = Self {
            vocab_size: size("vocab_size", SIZE_MAX)?,
            hidden_size: size("hidden_size", SIZE_MAX)?,
            num_hidden_layers: size("num_hidden_layers", COUNT_MAX)?,
            num_attention_heads: size("num_attention_heads", COUNT_MAX)?,
            intermediate_size: size("intermediate_size", SIZE_MAX)?,
            max_position_embeddings: size("max_position_embeddings", SIZE_MAX)?,
            type_vocab_size: size("type_vocab_size", COUNT_MAX)?,
            layer_norm_eps: epsilon(&config)?,
            activation: activation(&config)?,
            labels: labels(&config)?,
        };
        if !parsed.hidden_size.is_multiple_of(parsed.num_attention_heads) {
            let reason = format!("{} heads do not divide {}", parsed.num_attention_heads, parsed.hidden_size);
            return Err(bad("num_attention_heads", reason));
        }
        Ok(parsed)
    }
}

pub(crate) fn bad(key: &str, reason: String) -> Error {
    Error::BadMetadata { key: key.to_owned(), reason }
}

fn size(config: &Value, key: &str, most: usize) -> Result<usize, Error> {
    let value = config.get(key).ok_or_else(|| Error::MissingMetadata { key: key.to_owned() })?;
    value
        .as_u64()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| (1..=most).contains(size))
        .ok_or_else(|| bad(key, format!("must be a whole number from 1 to {most}")))
}

fn epsilon(config: &Value) -> Result<f64, Error> {
    let value = config.get("layer_norm_eps").map_or(Some(1e-12), Value::as_f64);
    value
        .filter(|eps| *eps > 0.0 && *eps < 1.0)
        .ok_or_else(|| bad("layer_norm_eps", "must lie between 0 and 1".to_owned()))
}

fn activation(config: &Value) -> Result<Activation, Error> {
    match config.get("hidden_act").and_then(Value::as_str) {
        Some("gelu") => Ok(Activation::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some("relu") => Ok(Activation::Relu),
        Some(other) => {
            Err(bad("hidden_act", format!("{other:?} is not supported; gelu, gelu_new and relu are")))
        }
        None => Err(Error::MissingMetadata { key: "hidden_act".to_owned() }),
    }
}

/// `id2label` as a list: its keys must be 0, 1, 2 and on.
fn labels(config: &Value) -> Result<Vec<String>, Error> {
    let Some(map) = config.get("id2label") else { return Ok(Vec::new()) };
    let reason = || bad("id2label", format!("must give ids from 0 on, without a gap, at most {COUNT_MAX}"));
    let map = map.as_object().filter(|map| map.len() <= COUNT_MAX).ok_or_else(reason)?;
    (0..map.len())
        .map(|id| map.get(&id.to_string()).and_then(Value::as_str).map(str::to_owned).ok_or_else(reason))
        .collect()
}
