//! Llama and what is shaped like it (Touvron et al. 2023, arXiv:2302.13971): SmolLM2, Mistral, Llama 2 and 3.

use super::Config;
use crate::Error;
use crate::layers::{
    Attention, AttentionShape, AttentionState, Backend, Embedding, Linear, LmHead, Mlp, MlpState, RmsNorm,
    Rope,
};
use crate::model::Batch;
use crate::tensors::Tensors;
use kernels::{Pairing, RopeFrequencies};
use std::sync::Arc;

struct Block<B: Backend> {
    attention_norm: RmsNorm<B>,
    attention: Attention<B>,
    mlp_norm: RmsNorm<B>,
    mlp: Mlp<B>,
}

/// The model, and the buffers its layers share.
pub(crate) struct Llama<B: Backend> {
    embedding: Embedding<B>,
    blocks: Vec<Block<B>>,
    norm: RmsNorm<B>,
    head: LmHead<B>,
    rope: Rope<B>,
    /// The residual stream, `[tokens, hidden]`.
    x: B::Activations,
    /// What a norm gives, `[tokens, hidden]`.
    normed: B::Activations,
    /// What attention or MLP adds, `[tokens, hidden]`.
    delta: B::Activations,
    attention: AttentionState<B>,
    mlp: MlpState<B>,
    /// Rows of `token_embd.weight`.
    pub(crate) vocab_len: usize,
    pub(crate) attention_shape: AttentionShape,
}

impl<B: Backend> Llama<B> {
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
            true => Some(tensors.values(backend, "rope_freqs.weight", config.rotary_dims / 2)?),
            false => None,
        };
        let frequencies = RopeFrequencies::new(
            config.rotary_dims,
            config.rope_base,
            config.rope_scale,
            factors.as_deref(),
        )?;
        let attention_shape = AttentionShape {
            num_heads: config.num_heads,
            num_kv_heads: config.num_kv_heads,
            head_dim: config.head_dim,
            scale: 1.0 / (config.head_dim as f32).sqrt(),
        };
        let blocks = (0..config.blocks)
            .map(|index| Block::new(backend, config, attention_shape, tensors, index))
            .collect::<Result<_, _>>()?;
        Ok(Llama {
            embedding: Embedding::new(embedding),
            blocks,
            norm: RmsNorm::new(
                tensors.vector(backend, "output_norm.weight", config.hidden)?,
                config.norm_eps,
            ),
            head: LmHead::new(head),
            // GGUF's llama has the rows of Q and K permuted for neighbouring pairs.
            rope: Rope::new(frequencies, Pairing::Interleaved, config.head_dim),
            x: B::Activations::default(),
            normed: B::Activations::default(),
            delta: B::Activations::default(),
            attention: AttentionState::default(),
            mlp: MlpState::default(),
            vocab_len,
            attention_shape,
        })
    }

    /// Every layer's pages of K and V.
    pub(crate) fn caches(&mut self) -> impl Iterator<Item = &mut B::Cache> {
        self.blocks.iter_mut().map(|block| &mut block.attention.cache)
    }

    /// Logits of the batch's last positions that want them, `[slices that want logits, vocab]`.
    pub(crate) fn forward(&mut self, backend: &mut B, batch: &Batch) -> Result<&[f32], Error> {
        let Llama { x, normed, delta, .. } = self;
        self.rope.prepare(backend, batch)?;
        self.embedding.forward(backend, &batch.tokens, x)?;
        for block in &mut self.blocks {
            block.attention_norm.forward(backend, x, normed)?;
            block.attention.forward(backend, batch, &self.rope, normed, &mut self.attention, delta)?;
            backend.add(x, delta)?;
            block.mlp_norm.forward(backend, x, normed)?;
            block.mlp.forward(backend, normed, &mut self.mlp, delta)?;
            backend.add(x, delta)?;
        }
        self.norm.forward(backend, x, normed)?;
        self.head.forward(backend, normed, &batch.rows_wanting_logits())
    }
}

impl<B: Backend> Block<B> {
    fn new(
        backend: &mut B,
        config: &Config,
        shape: AttentionShape,
        tensors: &mut Tensors<B>,
        index: usize,
    ) -> Result<Self, Error> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        let (q, kv) = (shape.num_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim);
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let mut norm = |part: &str| -> Result<RmsNorm<B>, Error> {
            Ok(RmsNorm::new(tensors.vector(backend, &name(part), hidden)?, config.norm_eps))
        };
        let (attention_norm, mlp_norm) = (norm("attn_norm")?, norm("ffn_norm")?);
        let mut linear = |part: &str, rows: usize, cols: usize| -> Result<Linear<B>, Error> {
            Ok(Linear::new(Arc::new(tensors.matrix(backend, &name(part), [rows, cols])?)))
        };
        let (query, key) = (linear("attn_q", q, hidden)?, linear("attn_k", kv, hidden)?);
        let (value, output) = (linear("attn_v", kv, hidden)?, linear("attn_output", hidden, q)?);
        let (gate, up) = (linear("ffn_gate", intermediate, hidden)?, linear("ffn_up", intermediate, hidden)?);
        let mlp = Mlp { gate, up, down: linear("ffn_down", hidden, intermediate)? };
        let cache = backend.cache(&shape, 0)?;
        let attention = Attention { query, key, value, output, shape, cache };
        Ok(Block { attention_norm, attention, mlp_norm, mlp })
    }
}
