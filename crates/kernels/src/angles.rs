//! Sine, cosine and powers in binary64, from additions and multiplications alone: the same bits on every platform.

use std::f64::consts::{FRAC_2_PI, LN_2, LOG2_E};

/// π/2 in two parts; the first has 33 bits, so that its multiples up to 2²⁰ are exact.
const HALF_PI: (f64, f64) = (1.570_796_326_734_125_6, 6.077_100_506_506_192e-11);

/// ln 2 in two parts; the first has 32 bits.
const LN_2_PARTS: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);

/// Sine and cosine of `x` radians, 0 ≤ `x` < 1.6 million; within 1e-15.
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    let quarter = (x * FRAC_2_PI + 0.5).floor();
    let r = (x - quarter * HALF_PI.0) - quarter * HALF_PI.1;
    let (sin, cos) = (sin_series(r), cos_series(r));
    match quarter as u64 % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// Horner's scheme for `1 - r²/(a(a+1)) · (1 - r²/((a+2)(a+3)) · ...`, ten terms, which is ample for |r| ≤ π/4.
fn alternating_series(r: f64, first: usize) -> f64 {
    let mut sum = 1.0;
    for term in (0..10).rev() {
        let a = (first + 2 * term) as f64;
        sum = 1.0 - r * r / (a * (a + 1.0)) * sum;
    }
    sum
}

fn sin_series(r: f64) -> f64 {
    r * alternating_series(r, 2)
}

fn cos_series(r: f64) -> f64 {
    alternating_series(r, 1)
}

/// Natural logarithm of a positive normal number; within 1e-15 relative to max(|ln x|, 1).
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut fraction = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    if fraction > std::f64::consts::SQRT_2 {
        fraction /= 2.0;
        exponent += 1;
    }
    // ln f = 2 artanh((f − 1) / (f + 1)), with an argument below 0.172.
    let s = (fraction - 1.0) / (fraction + 1.0);
    let mut sum = 0.0;
    for term in (0..14).rev() {
        sum = sum * s * s + 1.0 / (2 * term + 1) as f64;
    }
    exponent as f64 * LN_2 + 2.0 * s * sum
}

/// `e^x` for |x| < 700.
fn exp(x: f64) -> f64 {
    let n = (x * LOG2_E + 0.5).floor();
    let r = (x - n * LN_2_PARTS.0) - n * LN_2_PARTS.1;
    let mut sum = 1.0;
    for term in (1..=16).rev() {
        sum = 1.0 + r / f64::from(term) * sum;
    }
    sum * f64::from_bits(((n as i64 + 1023) as u64) << 52)
}

/// `base^exponent` for a positive normal base and a result well within the range.
pub(crate) fn power(base: f64, exponent: f64) -> f64 {
    exp(exponent * ln(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_equal_the_platforms_to_the_last_digits() {
        for step in 0..200_000 {
            let x = f64::from(step) * 0.731 + f64::from(step % 100) * 1e-3;
            let (sin, cos) = sin_cos(x);
            assert!((sin - x.sin()).abs() < 1e-14 && (cos - x.cos()).abs() < 1e-14, "{x}");
        }
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
    }

    #[test]
    fn powers_equal_the_platforms_to_the_last_digits() {
        for base in [1.0, 10_000.0, 100_000.0, 500_000.0, 1e6, 0.5, 3.7] {
            for i in 0..128 {
                let exponent = -f64::from(i) / 128.0;
                let (found, truth) = (power(base, exponent), base.powf(exponent));
                assert!((found - truth).abs() <= 1e-14 * truth, "{base}^{exponent}: {found} {truth}");
            }
        }
    }
}
