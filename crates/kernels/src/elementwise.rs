//! The small operations between matrix products.

/// `out[t, i] = x[t, i] / sqrt(mean(x[t]²) + eps) · weight[i]` for each row of `n = weight.len()` numbers
/// (Zhang and Sennrich 2019, arXiv:1910.07467); `x` and `out` are `[m, n]`.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let _ = (x, weight, eps, out);
}

/// `gate[i] = silu(gate[i]) · up[i]`, with `silu(x) = x / (1 + e^-x)` (Shazeer 2020, arXiv:2002.05202).
///
/// # Panics
/// When the lengths differ.
pub fn silu_mul(gate: &mut [f32], up: &[f32]) {
    let _ = (gate, up);
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
    let _ = x;
}
