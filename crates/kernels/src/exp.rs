//! The one exponential function.

use crate::isa::current;
use crate::simd::{Kernel, LANES, Scalar, Simd, dispatch};

/// The largest power that is not already infinite, and one that is surely 0.
const RANGE: (f32, f32) = (-105.0, 89.0);

/// Adding and taking away 1.5 · 2²³ rounds to the nearest integer.
const ROUNDER: f32 = 12_582_912.0;

/// ln 2 in two parts: the first has few enough bits that its multiples up to 2⁸ are exact.
const LN_2: (f32, f32) = (f32::from_bits(0x3f31_8000), -2.121_944_4e-4);

/// 1/7! up to 1/0!: the series' rest is below a tenth of a unit in the last place on ±ln 2 / 2.
const SERIES: [f32; 8] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0, 1.0, 1.0];

/// `e^x` of 16 lanes: `2^n · e^r` with `n` the integer nearest to `x / ln 2`.
#[inline(always)]
pub(crate) fn exp_lanes<S: Simd>(simd: S, x: S::F) -> S::F {
    // The bound comes first, so that a NaN passes.
    let x = simd.min(simd.splat(RANGE.1), simd.max(simd.splat(RANGE.0), x));
    let rounder = simd.splat(ROUNDER);
    let n = simd.sub(simd.fma(x, simd.splat(std::f32::consts::LOG2_E), rounder), rounder);
    let r = simd.fnma(n, simd.splat(LN_2.1), simd.fnma(n, simd.splat(LN_2.0), x));
    let mut sum = simd.splat(SERIES[0]);
    for coefficient in &SERIES[1..] {
        sum = simd.fma(sum, r, simd.splat(*coefficient));
    }
    simd.scale_by_power(sum, n)
}

/// `e^x` in binary32, by the polynomial that all kernels and tiers share; within 2 units in the last place.
/// Infinite above 88.73, 0 below −104, NaN for NaN.
pub fn exp(x: f32) -> f32 {
    exp_lanes(Scalar, Scalar.splat(x))[0]
}

/// `x[i] = e^x[i]`, in place: the bits of [`exp`] on every tier, many at a time.
pub fn exp_all(x: &mut [f32]) {
    dispatch(current(), ExpAll { x });
}

struct ExpAll<'a> {
    x: &'a mut [f32],
}

impl Kernel for ExpAll<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (lanes, rest) = self.x.as_chunks_mut::<LANES>();
        for x in lanes {
            simd.store(exp_lanes(simd, simd.load(x)), x);
        }
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        simd.store(exp_lanes(simd, simd.load(&last)), &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_a_time_have_the_bits_of_one() {
        let numbers: Vec<f32> = (0..70_001).map(|i| i as f32 * 3e-3 - 110.0).collect();
        for len in [0, 1, 15, 16, 17, numbers.len()] {
            let mut found = numbers[..len].to_vec();
            exp_all(&mut found);
            assert!(found.iter().zip(&numbers).all(|(found, x)| found.to_bits() == exp(*x).to_bits()));
        }
    }

    #[test]
    fn within_two_units_of_the_true_value() {
        let mut worst = 0.0f64;
        for step in -870_000..887_000 {
            let x = step as f32 * 1e-4;
            let (found, truth) = (f64::from(exp(x)), f64::from(x).exp());
            let unit = f64::from(f32::from_bits((truth as f32).to_bits() + 1)) - f64::from(truth as f32);
            worst = worst.max((found - truth).abs() / unit);
        }
        assert!(worst < 2.0, "{worst} units in the last place");
    }

    #[test]
    fn the_ends() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-104.5), 0.0);
        assert!(exp(-103.0) > 0.0);
        assert!(exp(88.7).is_finite());
        assert_eq!(exp(88.8), f32::INFINITY);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }
}
