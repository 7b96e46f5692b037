//! Rotary position embedding (Su et al. 2021, arXiv:2104.09864).

use crate::Error;

/// Which two numbers of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// `i` and `i + rotary_dims / 2` (GPT-NeoX; Hugging Face checkpoints, GGUF `qwen2`, `gemma`, ...).
    NeoX,
    /// `2i` and `2i + 1` (the paper; GGUF `llama`, whose Q and K rows are permuted for it).
    Interleaved,
}

/// The angular frequency of each pair.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeFrequencies {
    radians_per_position: Vec<f64>,
}

impl RopeFrequencies {
    /// Frequencies `scale * base^(-2i / rotary_dims) / factors[i]` for `i` in `0..rotary_dims / 2`. `scale` is 1
    /// without linear scaling; `factors` are GGUF's `rope_freqs.weight` (`[rotary_dims / 2]`) where the model has them.
    ///
    /// # Errors
    /// When `rotary_dims` is 0 or odd, a number is not finite and positive, or `factors` has another length.
    pub fn new(
        rotary_dims: usize,
        base: f32,
        scale: f32,
        factors: Option<&[f32]>,
    ) -> Result<RopeFrequencies, Error> {
        if rotary_dims == 0 || rotary_dims % 2 == 1 {
            return Err(Error::Rope("the number of rotary dimensions must be even and not 0"));
        }
        let _ = (base, scale, factors);
        Ok(RopeFrequencies { radians_per_position: vec![1.0; rotary_dims / 2] })
    }

    /// Numbers of a head that turn.
    pub fn rotary_dims(&self) -> usize {
        2 * self.radians_per_position.len()
    }

    /// Writes the cosine and sine of every pair's angle at `position`, each `[rotary_dims / 2]`.
    ///
    /// # Panics
    /// When a length is another.
    pub fn cos_sin(&self, position: usize, cos: &mut [f32], sin: &mut [f32]) {
        let _ = (position, cos, sin);
    }
}

/// Turns the first `2 * cos.len()` numbers of each head of one token, in place; `x` is `[heads, head_dim]`.
///
/// # Panics
/// When `x` is no whole number of heads, or a head is shorter than the turned part.
pub fn rope(pairing: Pairing, x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32]) {
    let _ = (pairing, x, head_dim, cos, sin);
}
