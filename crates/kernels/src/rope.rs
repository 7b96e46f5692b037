//! Rotary position embedding (Su et al. 2021, arXiv:2104.09864).

use crate::angles::{power, sin_cos};
use crate::isa::current;
use crate::simd::{Kernel, Simd, dispatch};
use crate::{Error, Isa};

/// Which two numbers of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// `i` and `i + rotary_dims / 2` (GPT-NeoX; Hugging Face checkpoints, GGUF `qwen2`, `gemma`, ...).
    NeoX,
    /// `2i` and `2i + 1` (the paper; GGUF `llama`, whose Q and K rows are permuted for it).
    Interleaved,
}

/// The angular frequency of each pair, in radians per position.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeFrequencies(Vec<f64>);

impl RopeFrequencies {
    /// Frequencies `scale · base^(-2i / rotary_dims) / factors[i]` for `i` in `0..rotary_dims / 2`. `scale` is 1
    /// without linear scaling (and 1/4 where the context is stretched four times); `factors` are GGUF's
    /// `rope_freqs.weight` (`[rotary_dims / 2]`) where the model has them.
    ///
    /// # Errors
    /// When `rotary_dims` is 0 or odd, a number is not positive and in a sensible range, or `factors` has another
    /// length.
    pub fn new(
        rotary_dims: usize,
        base: f32,
        scale: f32,
        factors: Option<&[f32]>,
    ) -> Result<RopeFrequencies, Error> {
        let sensible = |number: f32| (1e-12..1e12).contains(&number);
        if rotary_dims == 0 || rotary_dims % 2 == 1 {
            return Err(Error::Rope("the number of rotary dimensions must be even and not 0"));
        }
        if !sensible(base) || !sensible(scale) {
            return Err(Error::Rope("base and scale must be between 1e-12 and 1e12"));
        }
        let pairs = rotary_dims / 2;
        if factors.is_some_and(|factors| factors.len() != pairs) {
            return Err(Error::Rope("there must be one frequency factor for each pair of dimensions"));
        }
        if factors.is_some_and(|factors| !factors.iter().all(|&factor| sensible(factor))) {
            return Err(Error::Rope("frequency factors must be between 1e-12 and 1e12"));
        }
        let frequency = |pair: usize| {
            let factor = factors.map_or(1.0, |factors| f64::from(factors[pair]));
            f64::from(scale) * power(f64::from(base), -((2 * pair) as f64) / rotary_dims as f64) / factor
        };
        Ok(RopeFrequencies((0..pairs).map(frequency).collect()))
    }

    /// Numbers of a head that turn.
    pub fn rotary_dims(&self) -> usize {
        2 * self.0.len()
    }

    /// Writes the cosine and sine of every pair's angle at `position`, each `[rotary_dims / 2]`. Angles are computed
    /// in binary64; exact to binary32 for angles up to 1.6 million radians.
    ///
    /// # Panics
    /// When a length is another.
    pub fn cos_sin(&self, position: usize, cos: &mut [f32], sin: &mut [f32]) {
        assert!(cos.len() == self.0.len() && sin.len() == self.0.len(), "cos_sin: one of each for a pair");
        for ((frequency, cos), sin) in self.0.iter().zip(cos).zip(sin) {
            let angle = sin_cos(position as f64 * frequency);
            *sin = angle.0 as f32;
            *cos = angle.1 as f32;
        }
    }
}

/// Turns the first `2 · cos.len()` numbers of each head of one token, in place; `x` is `[heads, head_dim]`.
///
/// # Panics
/// When `x` is no whole number of heads, or a head is shorter than the turned part.
pub fn rope(pairing: Pairing, x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32]) {
    rope_on(current(), pairing, x, head_dim, cos, sin);
}

fn rope_on(isa: Isa, pairing: Pairing, x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32]) {
    assert!(head_dim > 0 && x.len().is_multiple_of(head_dim), "rope: whole heads");
    assert!(cos.len() == sin.len() && 2 * cos.len() <= head_dim, "rope: the turned part is within the head");
    dispatch(isa, Rope { pairing, x, head_dim, cos, sin });
}

struct Rope<'a> {
    pairing: Pairing,
    x: &'a mut [f32],
    head_dim: usize,
    cos: &'a [f32],
    sin: &'a [f32],
}

#[inline(always)]
fn turn(a: &mut f32, b: &mut f32, cos: f32, sin: f32) {
    let (x, y) = (*a, *b);
    *a = x.mul_add(cos, -(y * sin));
    *b = y.mul_add(cos, x * sin);
}

impl Kernel for Rope<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let pairs = self.cos.len();
        for head in self.x.chunks_exact_mut(self.head_dim) {
            let turned = &mut head[..2 * pairs];
            match self.pairing {
                Pairing::NeoX => {
                    let (first, second) = turned.split_at_mut(pairs);
                    for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(self.cos).zip(self.sin) {
                        turn(a, b, *cos, *sin);
                    }
                }
                Pairing::Interleaved => {
                    for (([a, b], cos), sin) in
                        turned.as_chunks_mut().0.iter_mut().zip(self.cos).zip(self.sin)
                    {
                        turn(a, b, *cos, *sin);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_and_angles_are_their_definition() {
        let factors: Vec<f32> = (0..32).map(|i| 1.0 + i as f32 * 0.25).collect();
        let frequencies = RopeFrequencies::new(64, 10_000.0, 0.5, Some(&factors)).unwrap();
        assert_eq!(frequencies.rotary_dims(), 64);
        let (mut cos, mut sin) = ([0.0; 32], [0.0; 32]);
        for position in [0, 1, 17, 2047, 131_071] {
            frequencies.cos_sin(position, &mut cos, &mut sin);
            for pair in 0..32 {
                let frequency = 0.5 * 10_000f64.powf(-(pair as f64) / 32.0) / f64::from(factors[pair]);
                let angle = position as f64 * frequency;
                assert!((f64::from(cos[pair]) - angle.cos()).abs() < 1e-7);
                assert!((f64::from(sin[pair]) - angle.sin()).abs() < 1e-7);
            }
        }
    }

    #[test]
    fn both_pairings_turn_the_right_numbers_and_leave_the_rest() {
        let (cos, sin) = ([0.0, 0.6], [1.0, 0.8]);
        let mut x: Vec<f32> = (1..=10).map(|i| i as f32).collect();
        rope(Pairing::NeoX, &mut x, 5, &cos, &sin);
        assert_eq!(x[..5], [-3.0, 2.0 * 0.6 - 4.0 * 0.8, 1.0, 4.0f32.mul_add(0.6, 2.0 * 0.8), 5.0]);
        assert_eq!(x[9], 10.0);
        let mut x: Vec<f32> = (1..=5).map(|i| i as f32).collect();
        rope(Pairing::Interleaved, &mut x, 5, &cos, &sin);
        assert_eq!(x[..2], [-2.0, 1.0]);
        assert_eq!(x[4], 5.0);
        assert!(
            (x[2] - (3.0 * 0.6 - 4.0 * 0.8)).abs() < 1e-6 && (x[3] - (4.0 * 0.6 + 3.0 * 0.8)).abs() < 1e-6
        );
    }

    #[test]
    fn tiers_turn_alike() {
        let frequencies = RopeFrequencies::new(24, 500_000.0, 1.0, None).unwrap();
        let (mut cos, mut sin) = ([0.0; 12], [0.0; 12]);
        frequencies.cos_sin(4321, &mut cos, &mut sin);
        let x: Vec<f32> = (0..5 * 31).map(|i| (i as f32 * 1.7) % 3.1 - 1.5).collect();
        for pairing in [Pairing::NeoX, Pairing::Interleaved] {
            let mut scalar = x.clone();
            rope_on(Isa::Scalar, pairing, &mut scalar, 31, &cos, &sin);
            for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
                let mut other = x.clone();
                rope_on(isa, pairing, &mut other, 31, &cos, &sin);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&scalar), bits(&other), "{}", isa.name());
            }
        }
    }

    #[test]
    fn impossible_embeddings_are_errors() {
        assert!(RopeFrequencies::new(7, 1e4, 1.0, None).is_err());
        assert!(RopeFrequencies::new(0, 1e4, 1.0, None).is_err());
        assert!(RopeFrequencies::new(8, f32::NAN, 1.0, None).is_err());
        assert!(RopeFrequencies::new(8, 1e4, 0.0, None).is_err());
        assert!(RopeFrequencies::new(8, 1e4, 1.0, Some(&[1.0; 3])).is_err());
        assert!(RopeFrequencies::new(8, 1e4, 1.0, Some(&[1.0, 1.0, 0.0, 1.0])).is_err());
    }
}
