//! The wiring of all families: a decoder of pre-norm blocks (Touvron et al. 2023, arXiv:2302.13971), with what a [`Config`]
//! says is added or left out.

use super::Config;
use super::rope::RopeConfig;
use crate::Error;
use crate::layers::{
    Attention, AttentionState, Backend, Embedding, Linear, LmHead, Mlp, MlpState, Residual, ResidualState,
    RmsNorm, Rope,
};
use crate::model::Batch;
use crate::tensors::Tensors;
use kernels::RopeFrequencies;
use std::sync::Arc;

struct Block<B: Backend> {
    attention: Attention<B>,
    mlp: Mlp<B>,
}

/// The model, and the buffers its layers share.
pub(crate) struct Decoder<B: Backend> {
    embedding: Embedding<B>,
    blocks: Vec<Block<B>>,
    head: LmHead<B>,
    rope: Rope<B>,
    /// Of the layers with a sliding window.
    window_rope: Option<Rope<B>>,
    /// The residual stream, `[tokens, hidden]`.
    x: B::Activations,
    attention: AttentionState<B>,
    mlp: MlpState<B>,
    residual: ResidualState<B>,
    /// Rows of `token_embd.weight`.
    pub(crate) vocab_len: usize,
}

impl<B: Backend> Decoder<B> {
    /// Takes every tensor by name and shape.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub(crate) fn new(backend: &mut B, config: &Config, tensors: &mut Tensors<B>) -> Result<Self, Error> {
        let table = "token_embd.weight";
        let vocab_len = tensors.rows(backend, table).unwrap_or(0);
        let embedding = Arc::new(tensors.matrix(backend, table, [vocab_len, config.hidden])?);
        // Without a matrix of its own, the head is the embedding table (tied weights).
        let head = match tensors.has("output.weight") {
            true => Arc::new(tensors.matrix(backend, "output.weight", [vocab_len, config.hidden])?),
            false => Arc::clone(&embedding),
        };
        let factors = match tensors.has("rope_freqs.weight") {
            true => tensors.values(backend, "rope_freqs.weight", config.rotary_dims / 2)?,
            false => Vec::new(),
        };
        let embedding_scale =
            if config.family.scaled_embedding { (config.hidden as f32).sqrt() } else { 1.0 };
        let window_rope = config.windows.as_ref().map(|windows| rope(config, &windows.rope, &[]));
        let mut parts = Parts { backend, tensors, config, prefix: String::new() };
        let blocks = (0..config.blocks).map(|index| parts.block(index)).collect::<Result<_, _>>()?;
        parts.prefix.clear();
        Ok(Decoder {
            embedding: Embedding::new(embedding, embedding_scale),
            blocks,
            head: LmHead::new(parts.norm("output_norm", config.hidden)?, head),
            rope: rope(config, &config.rope, &factors)?,
            window_rope: window_rope.transpose()?,
            x: B::Activations::default(),
            attention: AttentionState::default(),
            mlp: MlpState::default(),
            residual: ResidualState::default(),
            vocab_len,
        })
    }

    /// Every layer's pages of K and V.
    pub(crate) fn caches(&mut self) -> impl Iterator<Item = &mut B::Cache> {
        self.blocks.iter_mut().map(|block| &mut block.attention.cache)
    }

    /// Overwrites what the last batches left between the layers. The pages are wiped one by one.
    pub(crate) fn forget(&mut self, backend: &mut B) {
        backend.forget(&mut self.x);
        self.attention.forget(backend);
        self.mlp.forget(backend);
        self.residual.forget(backend);
        self.head.forget(backend);
        backend.forget_scratch();
    }

    /// Logits of the batch's last positions that want them, `[slices that want logits, vocab]`.
    pub(crate) fn forward(&mut self, backend: &mut B, batch: &Batch) -> Result<&[f32], Error> {
        let Decoder { x, residual, .. } = self;
        for rope in std::iter::once(&mut self.rope).chain(&mut self.window_rope) {
            rope.prepare(backend, batch)?;
        }
        self.embedding.forward(backend, &batch.tokens, x)?;
        for block in &mut self.blocks {
            let windowed = block.attention.shape.window.and(self.window_rope.as_ref());
            let rope = windowed.unwrap_or(&self.rope);
            block.attention.forward(backend, batch, rope, x, &mut self.attention, residual)?;
            block.mlp.forward(backend, x, &mut self.mlp, residual)?;
        }
        self.head.forward(backend, x, &batch.rows_wanting_logits())
    }
}

/// One kind of layer's rotation. `factors` are the file's own, beside those of its scaling; either may be empty.
fn rope<B: Backend>(config: &Config, rope: &RopeConfig, factors: &[f32]) -> Result<Rope<B>, Error> {
    let or_one = |factors: &[f32], pair: usize| factors.get(pair).copied().unwrap_or(1.0);
    let factor = |pair| or_one(&rope.factors, pair) * or_one(factors, pair);
    let factors: Vec<f32> = (0..config.rotary_dims / 2).map(factor).collect();
    let frequencies = RopeFrequencies::new(config.rotary_dims, rope.base, rope.scale, Some(&factors))?;
    Ok(Rope::new(frequencies, config.family.pairing, config.head_dim))
}

/// Takes the tensors of a block, or of none, by the names they have in it.
struct Parts<'a, B: Backend> {
    backend: &'a mut B,
    tensors: &'a mut Tensors<B>,
    config: &'a Config,
    /// Of the names.
    prefix: String,
}

impl<B: Backend> Parts<'_, B> {
    fn norm(&mut self, part: &str, len: usize) -> Result<RmsNorm<B>, Error> {
        let weight = self.tensors.vector(self.backend, &format!("{}{part}.weight", self.prefix), len)?;
        Ok(RmsNorm::new(weight, self.config.norm_eps))
    }

    fn linear(&mut self, part: &str, rows: usize, cols: usize, biased: bool) -> Result<Linear<B>, Error> {
        let [weight, bias] = ["weight", "bias"].map(|kind| format!("{}{part}.{kind}", self.prefix));
        let weight = self.tensors.matrix(self.backend, &weight, [rows, cols])?;
        let bias = match biased || self.tensors.has(&bias) {
            true => Some(self.tensors.vector(self.backend, &bias, rows)?),
            false => None,
        };
        Ok(Linear { weight, bias })
    }

    fn block(&mut self, index: usize) -> Result<Block<B>, Error> {
        self.prefix = format!("blk.{index}.");
        let Config { family, hidden, intermediate, head_dim, .. } = *self.config;
        let shape = self.config.attention_shape(index);
        let (q, kv) = (shape.num_heads * head_dim, shape.num_kv_heads * head_dim);
        let head_norms = match family.head_norms {
            true => Some([self.norm("attn_q_norm", head_dim)?, self.norm("attn_k_norm", head_dim)?]),
            false => None,
        };
        let [attention_output_norm, mlp_output_norm] = match family.output_norms {
            true => ["post_attention_norm", "post_ffw_norm"].map(|part| self.norm(part, hidden).map(Some)),
            false => [Ok(None), Ok(None)],
        };
        let attention = Attention {
            norm: self.norm("attn_norm", hidden)?,
            query: self.linear("attn_q", q, hidden, family.biased)?,
            key: self.linear("attn_k", kv, hidden, family.biased)?,
            value: self.linear("attn_v", kv, hidden, family.biased)?,
            output: Residual {
                linear: self.linear("attn_output", hidden, q, false)?,
                norm: attention_output_norm?,
            },
            head_norms,
            cache: self.backend.cache(&shape, 0)?,
            shape,
        };
        let mlp = Mlp {
            norm: self.norm("ffn_norm", hidden)?,
            gate: self.linear("ffn_gate", intermediate, hidden, false)?,
            up: self.linear("ffn_up", intermediate, hidden, false)?,
            down: Residual {
                linear: self.linear("ffn_down", hidden, intermediate, false)?,
                norm: mlp_output_norm?,
            },
            activation: family.activation,
        };
        Ok(Block { attention, mlp })
    }
}
