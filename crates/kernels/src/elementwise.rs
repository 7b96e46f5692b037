//! The small operations between matrix products.

use crate::Isa;
use crate::exp::exp_lanes;
use crate::isa::current;
use crate::simd::{Kernel, LANES, Simd, dispatch};

/// `out[t, i] = x[t, i] / sqrt(mean(x[t]²) + eps) · weight[i]` for each row of `n = weight.len()` numbers
/// (Zhang and Sennrich 2019, arXiv:1910.07467); `x` and `out` are `[m, n]`.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    rms_norm_on(current(), x, weight, eps, out);
}

fn rms_norm_on(isa: Isa, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    assert!(!weight.is_empty() && x.len().is_multiple_of(weight.len()), "rms_norm: whole rows");
    assert_eq!(x.len(), out.len(), "rms_norm: output length");
    dispatch(isa, RmsNorm { x, weight, eps, out });
}

/// `gate[i] = silu(gate[i]) · up[i]`, with `silu(x) = x / (1 + e^-x)` (Shazeer 2020, arXiv:2002.05202).
///
/// # Panics
/// When the lengths differ.
pub fn silu_mul(gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len(), "silu_mul: lengths");
    dispatch(current(), SiluMul { gate, up });
}

/// `x[i] += y[i]`: the residual connection.
///
/// # Panics
/// When the lengths differ.
pub fn add(x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len(), "add: lengths");
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// `x[i] = e^(x[i] - max) / Σ e^(x[j] - max)`, in place.
pub fn softmax(x: &mut [f32]) {
    dispatch(current(), Softmax { x });
}

/// Up to 16 numbers, filled up.
#[inline(always)]
fn load_part<S: Simd>(simd: S, from: &[f32], fill: f32) -> S::F {
    let mut lanes = [fill; LANES];
    lanes[..from.len()].copy_from_slice(from);
    simd.load(&lanes)
}

/// Stores as many lanes as there is room for.
#[inline(always)]
fn store_part<S: Simd>(simd: S, value: S::F, to: &mut [f32]) {
    let mut lanes = [0.0; LANES];
    simd.store(value, &mut lanes);
    to.copy_from_slice(&lanes[..to.len()]);
}

struct RmsNorm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    out: &'a mut [f32],
}

impl Kernel for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let n = self.weight.len();
        for (x, out) in self.x.chunks_exact(n).zip(self.out.chunks_exact_mut(n)) {
            rms_norm_row(simd, x, self.weight, self.eps, out);
        }
    }
}

/// One row of [`rms_norm`].
#[inline(always)]
pub(crate) fn rms_norm_row<S: Simd>(simd: S, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let (lanes, rest) = x.as_chunks::<LANES>();
    let mut squares = simd.splat(0.0);
    for x in lanes {
        let x = simd.load(x);
        squares = simd.fma(x, x, squares);
    }
    let last = load_part(simd, rest, 0.0);
    squares = simd.fma(last, last, squares);
    let mean = simd.sum(squares) / x.len() as f32;
    let factor = simd.splat(1.0 / (mean + eps).sqrt());
    let (weights, weight_rest) = weight.as_chunks::<LANES>();
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    for ((x, weight), out) in lanes.iter().zip(weights).zip(out) {
        let normal = simd.mul(simd.load(x), factor);
        simd.store(simd.mul(normal, simd.load(weight)), out);
    }
    let normal = simd.mul(last, factor);
    store_part(simd, simd.mul(normal, load_part(simd, weight_rest, 0.0)), out_rest);
}

struct SiluMul<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

#[inline(always)]
fn silu_mul_lanes<S: Simd>(simd: S, gate: S::F, up: S::F) -> S::F {
    let exp = exp_lanes(simd, simd.sub(simd.splat(0.0), gate));
    simd.mul(simd.div(gate, simd.add(simd.splat(1.0), exp)), up)
}

impl Kernel for SiluMul<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (gates, gate_rest) = self.gate.as_chunks_mut::<LANES>();
        let (ups, up_rest) = self.up.as_chunks::<LANES>();
        for (gate, up) in gates.iter_mut().zip(ups) {
            let product = silu_mul_lanes(simd, simd.load(gate), simd.load(up));
            simd.store(product, gate);
        }
        let (gate, up) = (load_part(simd, gate_rest, 0.0), load_part(simd, up_rest, 0.0));
        store_part(simd, silu_mul_lanes(simd, gate, up), gate_rest);
    }
}

/// One row of [`silu_mul`], out of place.
#[inline(always)]
pub(crate) fn silu_mul_row<S: Simd>(simd: S, gate: &[f32], up: &[f32], out: &mut [f32]) {
    let (gates, gate_rest) = gate.as_chunks::<LANES>();
    let (ups, up_rest) = up.as_chunks::<LANES>();
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    for ((gate, up), out) in gates.iter().zip(ups).zip(out) {
        simd.store(silu_mul_lanes(simd, simd.load(gate), simd.load(up)), out);
    }
    let (gate, up) = (load_part(simd, gate_rest, 0.0), load_part(simd, up_rest, 0.0));
    store_part(simd, silu_mul_lanes(simd, gate, up), out_rest);
}

struct Softmax<'a> {
    x: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (lanes, rest) = self.x.as_chunks_mut::<LANES>();
        let mut largest = load_part(simd, rest, f32::NEG_INFINITY);
        for x in lanes.iter() {
            largest = simd.max(simd.load(x), largest);
        }
        let largest = simd.splat(simd.largest(largest));
        let mut total = simd.splat(0.0);
        for x in lanes.iter_mut() {
            let exp = exp_lanes(simd, simd.sub(simd.load(x), largest));
            total = simd.add(total, exp);
            simd.store(exp, x);
        }
        let last = exp_lanes(simd, simd.sub(load_part(simd, rest, f32::NEG_INFINITY), largest));
        let total = simd.splat(simd.sum(simd.add(total, last)));
        for x in lanes {
            simd.store(simd.div(simd.load(x), total), x);
        }
        store_part(simd, simd.div(last, total), rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of many magnitudes, without a random number generator.
    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + 13) % 1000) as f32 * 0.02 - 10.0).collect()
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn rms_norm_is_its_definition_on_every_tier() {
        for n in [1, 5, 16, 31, 576, 1000] {
            let (x, weight) = (numbers(3 * n), numbers(n));
            let mut out = vec![0.0; 3 * n];
            rms_norm(&x, &weight, 1e-5, &mut out);
            for (x, out) in x.chunks(n).zip(out.chunks(n)) {
                let mean = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n as f64;
                for ((&x, &w), &out) in x.iter().zip(&weight).zip(out) {
                    let truth = f64::from(x) / (mean + 1e-5).sqrt() * f64::from(w);
                    assert!((f64::from(out) - truth).abs() <= 1e-6 * truth.abs().max(1e-3), "{out} {truth}");
                }
            }
            for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
                let mut other = vec![0.0; 3 * n];
                rms_norm_on(isa, &x, &weight, 1e-5, &mut other);
                assert_eq!(bits(&out), bits(&other), "{}", isa.name());
            }
        }
    }

    #[test]
    fn silu_mul_is_its_definition_on_every_tier() {
        for n in [1, 15, 16, 100] {
            let (gate, up) = (numbers(n), numbers(n + 3).split_off(3));
            let mut found = gate.clone();
            silu_mul(&mut found, &up);
            for ((&gate, &up), &found) in gate.iter().zip(&up).zip(&found) {
                let truth = f64::from(gate) / (1.0 + (-f64::from(gate)).exp()) * f64::from(up);
                assert!((f64::from(found) - truth).abs() <= 1e-6 * truth.abs().max(1e-6), "{found} {truth}");
            }
            for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
                let mut other = gate.clone();
                dispatch(isa, SiluMul { gate: &mut other, up: &up });
                assert_eq!(bits(&found), bits(&other), "{}", isa.name());
            }
        }
    }

    #[test]
    fn softmax_is_its_definition_on_every_tier() {
        for n in [1, 15, 33, 1000] {
            let x = numbers(n);
            let mut found = x.clone();
            softmax(&mut found);
            let total: f64 = x.iter().map(|&x| f64::from(x).exp()).sum();
            for (&x, &found) in x.iter().zip(&found) {
                let truth = f64::from(x).exp() / total;
                assert!((f64::from(found) - truth).abs() <= 3e-6 * truth, "{found} {truth}");
            }
            for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
                let mut other = x.clone();
                dispatch(isa, Softmax { x: &mut other });
                assert_eq!(bits(&found), bits(&other), "{}", isa.name());
            }
        }
        softmax(&mut []);
    }

    #[test]
    fn a_residual_is_added() {
        let mut x = vec![1.0, 2.0, 3.0];
        add(&mut x, &[0.5, -2.0, 1e9]);
        assert_eq!(x, [1.5, 0.0, 1e9]);
    }
}
