//! What a file says about RoPE's frequencies.

use super::keys::Keys;
use crate::Error;
use std::f64::consts::TAU;

/// Frequencies of one kind of layer, as [`kernels::RopeFrequencies`] wants them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RopeConfig {
    /// Base of the frequencies.
    pub(crate) base: f32,
    /// Their factor: 1 over the linear scaling factor.
    pub(crate) scale: f32,
    /// What each pair's frequency is divided by; empty for none.
    pub(crate) factors: Vec<f32>,
    /// Factor of the attention scores that belongs to the scaling.
    pub(crate) attention_factor: f32,
}

impl RopeConfig {
    /// Without any scaling.
    pub(super) fn plain(base: f32) -> Self {
        RopeConfig { base, scale: 1.0, factors: Vec::new(), attention_factor: 1.0 }
    }

    /// Reads `rope.*` of the layers that see everything; `context` are the positions trained for.
    ///
    /// # Errors
    /// A value out of range, or a kind of scaling that is not known: without it, it would be another model.
    pub(super) fn read(keys: &Keys<'_>, rotary_dims: usize, context: usize) -> Result<Self, Error> {
        let plain = RopeConfig::plain(keys.positive("rope.freq_base", Some(10000.0))?);
        // Files without a kind, and older ones with another key, mean linear scaling.
        let older = keys.positive("rope.scale_linear", Some(1.0))?;
        let factor = keys.positive("rope.scaling.factor", Some(older))?;
        match keys.text("rope.scaling.type") {
            Some("none") => Ok(plain),
            Some("linear") => Ok(RopeConfig { scale: 1.0 / factor, ..plain }),
            None if !keys.has("rope.scaling.type") => Ok(RopeConfig { scale: 1.0 / factor, ..plain }),
            Some("yarn") => plain.yarn(keys, rotary_dims, context, f64::from(factor)),
            _ => keys.bad("rope.scaling.type", "only `none`, `linear` and `yarn` are supported"),
        }
    }

    /// YaRN (Peng et al. 2023, arXiv:2309.00071): pairs that turn often in the original context keep their frequency, pairs
    /// that hardly turn are interpolated, a ramp lies between; and scores are sharpened.
    fn yarn(self, keys: &Keys<'_>, rotary_dims: usize, context: usize, factor: f64) -> Result<Self, Error> {
        let original = keys.count("rope.scaling.original_context_length", Some(context))?;
        let dims = rotary_dims as f64;
        let ln_base = kernels::ln(f64::from(self.base));
        // The pair that turns so often in the original context.
        let pair =
            |turns: f32| dims * kernels::ln(original as f64 / (f64::from(turns) * TAU)) / (2.0 * ln_base);
        let fast = pair(keys.positive("rope.scaling.yarn_beta_fast", Some(32.0))?).floor().max(0.0);
        let slow = pair(keys.positive("rope.scaling.yarn_beta_slow", Some(1.0))?).ceil().min(dims - 1.0);
        let divisor = |pair: usize| {
            let interpolated = ((pair as f64 - fast) / (slow - fast).max(0.001)).clamp(0.0, 1.0);
            (1.0 / (interpolated / factor + (1.0 - interpolated))) as f32
        };
        // Q and K both carry the factor of the paper's equation 22, so scores carry its square. A file may say that the model
        // was trained with a multiple of it; what is left is the quotient.
        let sharpness = |multiple: f64| 0.1 * multiple * kernels::ln(factor.max(1.0)) + 1.0;
        let trained = match keys.is_set("rope.scaling.yarn_log_multiplier") {
            true => sharpness(f64::from(keys.positive("rope.scaling.yarn_log_multiplier", None)?)),
            false => 1.0,
        };
        Ok(RopeConfig {
            factors: (0..rotary_dims / 2).map(divisor).collect(),
            attention_factor: (sharpness(1.0) / trained).powi(2) as f32,
            ..self
        })
    }
}
