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

/// `out[i] = activation(gate[i]) · up[i]`.
///
/// # Panics
/// When the lengths differ.
pub fn gate_mul(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    assert!(gate.len() == up.len() && gate.len() == out.len(), "gate_mul: lengths");
    dispatch(current(), GateMul { activation, gate, up, out });
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

/// `x[i] = factor · x[i]`.
pub fn scale(x: &mut [f32], factor: f32) {
    for x in x {
        *x *= factor;
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

/// What a gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `silu(x) = x / (1 + e^-x)` (Shazeer 2020, arXiv:2002.05202).
    Silu,
    /// `gelu(x) = x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))` (Hendrycks and Gimpel 2016, arXiv:1606.08415).
    GeluTanh,
}

/// 2 √(2/π), and that times 0.044715.
const GELU: (f32, f32) = (1.595_769_2, 0.071_354_814);

struct GateMul<'a> {
    activation: Activation,
    gate: &'a [f32],
    up: &'a [f32],
    out: &'a mut [f32],
}

/// Both activations are `x / (1 + e^-z)`: `z` is `x` itself, or twice what stands under the hyperbolic tangent, for
/// `(1 + tanh u) / 2 = 1 / (1 + e^-2u)`.
#[inline(always)]
fn gate_mul_lanes<S: Simd>(simd: S, activation: Activation, gate: S::F, up: S::F) -> S::F {
    let z = match activation {
        Activation::Silu => gate,
        Activation::GeluTanh => {
            let square = simd.mul(gate, gate);
            simd.mul(gate, simd.fma(square, simd.splat(GELU.1), simd.splat(GELU.0)))
        }
    };
    let exp = exp_lanes(simd, simd.sub(simd.splat(0.0), z));
    simd.mul(simd.div(gate, simd.add(simd.splat(1.0), exp)), up)
}

impl Kernel for GateMul<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        gate_mul_row(simd, self.activation, self.gate, self.up, self.out);
    }
}

/// One row of [`gate_mul`].
#[inline(always)]
pub(crate) fn gate_mul_row<S: Simd>(
    simd: S,
    activation: Activation,
    gate: &[f32],
    up: &[f32],
    out: &mut [f32],
) {
    let (gates, gate_rest) = gate.as_chunks::<LANES>();
    let (ups, up_rest) = up.as_chunks::<LANES>();
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    for ((gate, up), out) in gates.iter().zip(ups).zip(out) {
        simd.store(gate_mul_lanes(simd, activation, simd.load(gate), simd.load(up)), out);
    }
    let (gate, up) = (load_part(simd, gate_rest, 0.0), load_part(simd, up_rest, 0.0));
    store_part(simd, gate_mul_lanes(simd, activation, gate, up), out_rest);
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

    /// Against the definition in binary64; `absolute` is what may be lost where the gate all but closes.
    fn gated(activation: Activation, truth: impl Fn(f64) -> f64, absolute: f64) {
        for n in [1, 15, 16, 100, 1000] {
            let (gate, up) = (numbers(n), numbers(n + 3).split_off(3));
            let mut found = vec![0.0; n];
            gate_mul(activation, &gate, &up, &mut found);
            for ((&gate, &up), &found) in gate.iter().zip(&up).zip(&found) {
                let truth = truth(f64::from(gate)) * f64::from(up);
                let allowed = 1e-6 * truth.abs().max(1e-6) + absolute;
                assert!((f64::from(found) - truth).abs() <= allowed, "{gate}: {found} {truth}");
            }
            for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
                let mut other = vec![0.0; n];
                dispatch(isa, GateMul { activation, gate: &gate, up: &up, out: &mut other });
                assert_eq!(bits(&found), bits(&other), "{}", isa.name());
            }
        }
    }

    #[test]
    fn silu_gating_is_its_definition_on_every_tier() {
        gated(Activation::Silu, |x| x / (1.0 + (-x).exp()), 0.0);
    }

    #[test]
    fn gelu_gating_is_its_definition_on_every_tier() {
        let inner = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
        gated(Activation::GeluTanh, |x| x / 2.0 * (1.0 + inner(x).tanh()), 1e-7);
    }

    #[test]
    fn a_gate_far_from_zero_is_open_or_closed() {
        for activation in [Activation::Silu, Activation::GeluTanh] {
            let mut out = [0.0; 6];
            gate_mul(activation, &[1e30, -1e30, 100.0, -200.0, 0.0, f32::NAN], &[2.0; 6], &mut out);
            assert_eq!(out[..5], [2e30, 0.0, 200.0, 0.0, 0.0]);
            assert!(out[5].is_nan());
        }
    }

    #[test]
    fn scaling_is_one_product_a_number() {
        let mut x = vec![1.5, -2.0, 0.0];
        scale(&mut x, 0.1);
        assert_eq!(x, [1.5 * 0.1, -0.2, 0.0]);
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
