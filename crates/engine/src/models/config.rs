//! What a GGUF file says about its model's shape.

use super::family::Family;
use super::keys::Keys;
use super::rope::RopeConfig;
use crate::Error;
use crate::layers::AttentionShape;
use weights::Metadata;

/// The numbers a decoder is wired from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// What the file does not say.
    pub(crate) family: &'static Family,
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
    /// RoPE of the layers that see everything.
    pub(crate) rope: RopeConfig,
    /// Layers that see only what is near.
    pub(crate) windows: Option<Windows>,
    /// Factor of the attention scores.
    pub(crate) attention_scale: f32,
    /// Added to the mean square in every norm.
    pub(crate) norm_eps: f32,
}

/// Sliding windows (Beltagy et al. 2020, arXiv:2004.05150) in some of the layers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Windows {
    /// Positions that a position sees, itself among them.
    pub(crate) len: usize,
    /// For each layer, whether it has one.
    pub(crate) layers: Vec<bool>,
    /// Their RoPE.
    pub(crate) rope: RopeConfig,
}

/// Keys that ask for another model than is wired here, the value with which they ask for nothing, and what they ask for.
const REFUSED: [(&str, f64, &str); 15] = [
    ("expert_count", 0.0, "mixtures of experts are not supported"),
    ("attn_logit_softcapping", 0.0, "soft caps on attention scores are not supported"),
    ("final_logit_softcapping", 0.0, "soft caps on logits are not supported"),
    ("attention.causal", 1.0, "attention to later positions is not supported"),
    ("attention.max_alibi_bias", 0.0, "linear biases of attention (ALiBi) are not supported"),
    ("attention.clamp_kqv", 0.0, "clamped queries, keys and values are not supported"),
    ("attention.scale", 0.0, "another scale of attention than the family's is not supported"),
    ("use_parallel_residual", 0.0, "parallel residual connections are not supported"),
    ("embedding_scale", 1.0, "another scale of embeddings than the family's is not supported"),
    ("residual_scale", 1.0, "scaled residuals are not supported"),
    ("logit_scale", 1.0, "scaled logits are not supported"),
    ("rope.dimension_sections", 0.0, "RoPE over several axes is not supported"),
    ("rope.scaling.attn_factor", 1.0, "a factor of attention beside RoPE's scaling is not supported"),
    ("rope.scaling.yarn_attn_factor", 1.0, "a factor of attention beside RoPE's scaling is not supported"),
    ("rope.scaling.yarn_ext_factor", 1.0, "a share of YaRN is not supported"),
];

impl Config {
    /// Reads and checks the shape of a decoder of this family.
    ///
    /// # Errors
    /// A key that is missing, of another type, out of range, at odds with another, or that asks for what is not supported; by
    /// name.
    pub(crate) fn read(metadata: &Metadata, family: &'static Family) -> Result<Config, Error> {
        let keys = Keys::new(metadata, family.architecture);
        for (name, neutral, reason) in REFUSED {
            if keys.differs(name, neutral) {
                return keys.bad(name, reason);
            }
        }
        let hidden = keys.count("embedding_length", None)?;
        let blocks = keys.count("block_count", None)?;
        let num_heads = keys.count("attention.head_count", None)?;
        let num_kv_heads = keys.count("attention.head_count_kv", Some(num_heads))?;
        if num_heads % num_kv_heads != 0 {
            return keys
                .bad("attention.head_count_kv", format!("{num_kv_heads} does not divide {num_heads}"));
        }
        let width_of_a_head = (hidden / num_heads).max(1);
        let head_dim = keys.count("attention.key_length", Some(width_of_a_head))?;
        if keys.count("attention.value_length", Some(head_dim))? != head_dim {
            return keys.bad("attention.value_length", format!("must equal the key length, {head_dim}"));
        }
        let rotary_dims = keys.count("rope.dimension_count", Some(head_dim))?;
        if rotary_dims % 2 == 1 || rotary_dims > head_dim {
            return keys.bad("rope.dimension_count", format!("{rotary_dims} is odd or above {head_dim}"));
        }
        let context = keys.count("context_length", None)?;
        let rope = RopeConfig::read(&keys, rotary_dims, context)?;
        let windows = windows(&keys, family, blocks)?;
        if !rope.factors.is_empty() && (rotary_dims < head_dim || windows.is_some()) {
            return keys.bad("rope.scaling.type", "`yarn` needs whole heads turned and no sliding windows");
        }
        let query_dim = match family.blocks_scaled_by_width {
            Some(of) if of == blocks => width_of_a_head,
            _ => head_dim,
        };
        Ok(Config {
            family,
            context: within_one_temperature(&keys, context)?,
            blocks,
            hidden,
            intermediate: keys.count("feed_forward_length", None)?,
            num_heads,
            num_kv_heads,
            head_dim,
            rotary_dims,
            attention_scale: rope.attention_factor / (query_dim as f32).sqrt(),
            rope,
            windows,
            norm_eps: keys.positive("attention.layer_norm_rms_epsilon", None)?,
        })
    }

    /// Heads, scale and window of a layer's attention.
    pub(crate) fn attention_shape(&self, block: usize) -> AttentionShape {
        let windowed = |windows: &&Windows| windows.layers.get(block).copied().unwrap_or(false);
        AttentionShape {
            num_heads: self.num_heads,
            num_kv_heads: self.num_kv_heads,
            head_dim: self.head_dim,
            scale: self.attention_scale,
            window: self.windows.as_ref().filter(windowed).map(|windows| windows.len),
        }
    }
}

/// Where the temperature of attention rises with the position, it does so beyond the original context only: up to there the
/// model is the one wired here, and that is as far as it goes.
fn within_one_temperature(keys: &Keys<'_>, context: usize) -> Result<usize, Error> {
    match keys.is_set("attention.temperature_scale") {
        true => Ok(context.min(keys.count("rope.scaling.original_context_length", Some(context))?)),
        false => Ok(context),
    }
}

fn windows(keys: &Keys<'_>, family: &Family, blocks: usize) -> Result<Option<Windows>, Error> {
    const LEN: &str = "attention.sliding_window";
    const PATTERN: &str = "attention.sliding_window_pattern";
    if !keys.is_set(LEN) {
        return Ok(None);
    }
    let Some(period) = family.window_period else {
        return keys.bad(LEN, "sliding windows are not supported in this architecture");
    };
    let layers = match keys.flags(PATTERN) {
        Some(layers) if layers.len() == blocks => layers,
        Some(layers) => return keys.bad(PATTERN, format!("{} layers, there are {blocks}", layers.len())),
        None => {
            let period = keys.count(PATTERN, Some(period))?;
            (0..blocks).map(|block| block % period != period - 1).collect()
        }
    };
    let rope = RopeConfig::plain(keys.positive("rope.freq_base_swa", Some(10000.0))?);
    Ok(Some(Windows { len: keys.count(LEN, None)?, layers, rope }))
}
