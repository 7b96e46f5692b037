//! What a GGUF file says about its model's shape.

use crate::Error;
use weights::Metadata;

/// Largest value accepted for any count; far above any real model, far below an overflow.
const COUNT_MAX: u64 = 1 << 24;

/// The numbers a decoder is wired from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// Positions the model was trained for.
    pub(crate) context: usize,
    /// Layers.
    pub(crate) blocks: usize,
    /// Width of the hidden state.
    pub(crate) hidden: usize,
    /// Width between gate and down.
    pub(crate) intermediate: usize,
    /// Query heads.
    pub(crate) num_heads: usize,
    /// Heads of keys and values; divides `num_heads`.
    pub(crate) num_kv_heads: usize,
    /// Numbers in a head.
    pub(crate) head_dim: usize,
    /// Numbers of a head that RoPE turns; even, at most `head_dim`.
    pub(crate) rotary_dims: usize,
    /// Base of RoPE's frequencies.
    pub(crate) rope_base: f32,
    /// Factor of RoPE's frequencies: 1 over the linear scaling factor.
    pub(crate) rope_scale: f32,
    /// Added to the mean square in every norm.
    pub(crate) norm_eps: f32,
}

/// Reads keys under the architecture's prefix.
struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn bad<T>(&self, name: &str, reason: impl Into<String>) -> Result<T, Error> {
        Err(Error::BadMetadata { key: self.key(name), reason: reason.into() })
    }

    /// A count of at least 1; `default` where the key is absent.
    fn count(&self, name: &str, default: Option<usize>) -> Result<usize, Error> {
        let key = self.key(name);
        match (self.metadata.u64(&key), default) {
            (Some(value @ 1..=COUNT_MAX), _) => Ok(value as usize),
            (Some(value), _) => self.bad(name, format!("{value} is not between 1 and {COUNT_MAX}")),
            (None, Some(default)) if self.metadata.get(&key).is_none() => Ok(default),
            (None, _) => Err(Error::MissingMetadata { key }),
        }
    }

    /// A positive, finite number; `default` where the key is absent.
    fn positive(&self, name: &str, default: Option<f32>) -> Result<f32, Error> {
        let key = self.key(name);
        match (self.metadata.f32(&key), default) {
            (Some(value), _) if value.is_finite() && value > 0.0 => Ok(value),
            (Some(value), _) => self.bad(name, format!("{value} is not a positive number")),
            (None, Some(default)) if self.metadata.get(&key).is_none() => Ok(default),
            (None, _) => Err(Error::MissingMetadata { key }),
        }
    }

    /// 1 over the linear scaling factor; any other kind of scaling is refused, for it would be another model.
    fn rope_scale(&self) -> Result<f32, Error> {
        match self.metadata.string(&self.key("rope.scaling.type")) {
            None | Some("none") => Ok(1.0),
            Some("linear") => Ok(1.0 / self.positive("rope.scaling.factor", None)?),
            Some(_) => self.bad("rope.scaling.type", "only `none` and `linear` are supported"),
        }
    }
}

impl Config {
    /// Reads and checks the shape of a decoder of the given architecture.
    ///
    /// # Errors
    /// A key that is missing, of another type, out of range, or at odds with another; by name.
    pub(crate) fn read(metadata: &Metadata, architecture: &str) -> Result<Config, Error> {
        let keys = Keys { metadata, architecture };
        let hidden = keys.count("embedding_length", None)?;
        let num_heads = keys.count("attention.head_count", None)?;
        let num_kv_heads = keys.count("attention.head_count_kv", Some(num_heads))?;
        if num_heads % num_kv_heads != 0 {
            return keys
                .bad("attention.head_count_kv", format!("{num_kv_heads} does not divide {num_heads}"));
        }
        let head_dim = keys.count("attention.key_length", Some((hidden / num_heads).max(1)))?;
        if keys.count("attention.value_length", Some(head_dim))? != head_dim {
            return keys.bad("attention.value_length", format!("must equal the key length, {head_dim}"));
        }
        let rotary_dims = keys.count("rope.dimension_count", Some(head_dim))?;
        if rotary_dims % 2 == 1 || rotary_dims > head_dim {
            return keys.bad("rope.dimension_count", format!("{rotary_dims} is odd or above {head_dim}"));
        }
        if metadata.u64(&keys.key("expert_count")).is_some_and(|experts| experts > 0) {
            return keys.bad("expert_count", "mixtures of experts are not supported");
        }
        Ok(Config {
            context: keys.count("context_length", None)?,
            blocks: keys.count("block_count", None)?,
            hidden,
            intermediate: keys.count("feed_forward_length", None)?,
            num_heads,
            num_kv_heads,
            head_dim,
            rotary_dims,
            rope_base: keys.positive("rope.freq_base", Some(10000.0))?,
            rope_scale: keys.rope_scale()?,
            norm_eps: keys.positive("attention.layer_norm_rms_epsilon", None)?,
        })
    }
}
