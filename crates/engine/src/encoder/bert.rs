//! BERT's encoder: ids to hidden states (Devlin et al. 2018; the layers are those of Vaswani et al. 2017, norms last).

use super::config::{Activation, Config};
use super::parts::Parts;
use crate::Error;
use candle_core::{D, Device, Tensor};

/// A matrix `[out, in]`, kept transposed, and a bias `[out]`.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(crate) fn take(parts: &mut Parts, name: &str, input: usize, output: usize) -> Result<Self, Error> {
        let weight = parts.take(&format!("{name}.weight"), &[output, input])?.t()?.contiguous()?;
        Ok(Self { weight, bias: parts.take(&format!("{name}.bias"), &[output])? })
    }

    /// `[n, in]` to `[n, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(x.matmul(&self.weight)?.broadcast_add(&self.bias)?)
    }
}

/// Ba, Kiros, Hinton 2016.
#[derive(Debug)]
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    fn take(parts: &mut Parts, name: &str, config: &Config) -> Result<Self, Error> {
        let shape = [config.hidden_size];
        let weight = parts.take(&format!("{name}.weight"), &shape)?;
        Ok(Self { weight, bias: parts.take(&format!("{name}.bias"), &shape)?, eps: config.layer_norm_eps })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = centred.sqr()?.mean_keepdim(D::Minus1)?.affine(1.0, self.eps)?.sqrt()?;
        Ok(centred.broadcast_div(&deviation)?.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)?)
    }
}

/// Rows that sum to 1.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor, Error> {
    let powers = x.broadcast_sub(&x.max_keepdim(D::Minus1)?)?.exp()?;
    Ok(powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?)
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    up: Linear,
    down: Linear,
    norm: LayerNorm,
    num_heads: usize,
    activation: Activation,
}

impl Layer {
    fn take(parts: &mut Parts, number: usize, config: &Config) -> Result<Self, Error> {
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            query: Linear::take(parts, &name("attention.self.query"), hidden, hidden)?,
            key: Linear::take(parts, &name("attention.self.key"), hidden, hidden)?,
            value: Linear::take(parts, &name("attention.self.value"), hidden, hidden)?,
            attended: Linear::take(parts, &name("attention.output.dense"), hidden, hidden)?,
            attended_norm: LayerNorm::take(parts, &name("attention.output.LayerNorm"), config)?,
            up: Linear::take(parts, &name("intermediate.dense"), hidden, inner)?,
            down: Linear::take(parts, &name("output.dense"), inner, hidden)?,
            norm: LayerNorm::take(parts, &name("output.LayerNorm"), config)?,
            num_heads: config.num_attention_heads,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let x = self.attended_norm.forward(&(x + self.attention(x)?)?)?;
        let inner = self.up.forward(&x)?;
        let inner = match self.activation {
            Activation::Gelu => inner.gelu_erf()?,
            Activation::GeluTanh => inner.gelu()?,
            Activation::Relu => inner.relu()?,
        };
        self.norm.forward(&(&x + self.down.forward(&inner)?)?)
    }

    /// Every token looks at every token: `[n, hidden]` to `[n, hidden]`.
    fn attention(&self, x: &Tensor) -> Result<Tensor, Error> {
        let (n, hidden) = x.dims2()?;
        let head_dim = hidden / self.num_heads;
        let heads = |linear: &Linear| -> Result<Tensor, Error> {
            Ok(linear.forward(x)?.reshape((n, self.num_heads, head_dim))?.transpose(0, 1)?.contiguous()?)
        };
        let (query, key, value) = (heads(&self.query)?, heads(&self.key)?, heads(&self.value)?);
        let scores = query.matmul(&key.t()?.contiguous()?)?.affine(1.0 / (head_dim as f64).sqrt(), 0.0)?;
        let mixed = softmax(&scores)?.matmul(&value)?;
        self.attended.forward(&mixed.transpose(0, 1)?.contiguous()?.reshape((n, hidden))?)
    }
}

/// The encoder without a head.
#[derive(Debug)]
pub(crate) struct Bert {
    words: Tensor,
    /// Positions, with the embedding of segment 0 added: one text is one segment.
    places: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    pub(crate) fn take(parts: &mut Parts, config: &Config) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let words = parts.take("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?;
        let positions = [config.max_position_embeddings, hidden];
        let positions = parts.take("embeddings.position_embeddings.weight", &positions)?;
        let segments = [config.type_vocab_size, hidden];
        let segments = parts.take("embeddings.token_type_embeddings.weight", &segments)?;
        let places = positions.broadcast_add(&segments.narrow(0, 0, 1)?)?;
        let norm = LayerNorm::take(parts, "embeddings.LayerNorm", config)?;
        let layers = (0..config.num_hidden_layers).map(|number| Layer::take(parts, number, config));
        Ok(Self { words, places, norm, layers: layers.collect::<Result<_, _>>()? })
    }

    /// `ids` to hidden states `[ids.len(), hidden_size]`.
    pub(crate) fn forward(&self, ids: &[u32]) -> Result<Tensor, Error> {
        let (vocab_len, _) = self.words.dims2()?;
        let (tokens_max, _) = self.places.dims2()?;
        if ids.iter().any(|id| usize::try_from(*id).map_or(true, |id| id >= vocab_len)) {
            return Err(Error::InvalidToken { vocab_len });
        }
        if ids.is_empty() || ids.len() > tokens_max {
            return Err(Error::Window { tokens: ids.len(), tokens_max });
        }
        let words = self.words.index_select(&Tensor::new(ids, &Device::Cpu)?, 0)?;
        let mut x = self.norm.forward(&(words + self.places.narrow(0, 0, ids.len())?)?)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }
}
