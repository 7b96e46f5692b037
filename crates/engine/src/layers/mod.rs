//! The layers a model family is wired from, and the operations a device must have for them.
//!
//! Each operation exists once per [`Backend`]: in `cpu.rs` over the kernels, in `candle.rs` over candle's tensors. Layers
//! and wiring are generic and do not know which one they run on.

mod attention;
mod candle;
mod cpu;
mod embedding;
mod linear;
mod mlp;
mod rms_norm;
mod rope;
#[cfg(test)]
mod tests;

pub(crate) use attention::{Attention, AttentionState};
pub(crate) use candle::Candle;
pub(crate) use cpu::Cpu;
pub(crate) use embedding::Embedding;
pub(crate) use linear::{Linear, LmHead, Residual, ResidualState};
pub(crate) use mlp::{Mlp, MlpState};
pub(crate) use rms_norm::RmsNorm;
pub(crate) use rope::Rope;

use crate::Error;
use crate::model::Batch;
use kernels::{Activation, DType, Pairing, RopeFrequencies};

/// Heads and scale of an attention layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AttentionShape {
    /// Query heads, a multiple of `num_kv_heads`.
    pub(crate) num_heads: usize,
    /// Heads of keys and values.
    pub(crate) num_kv_heads: usize,
    /// Numbers in a head.
    pub(crate) head_dim: usize,
    /// Factor of the scores.
    pub(crate) scale: f32,
    /// Positions that a position sees, itself among them; `None` sees all before it.
    pub(crate) window: Option<usize>,
}

/// What the rows of a product are; computed on the way into it.
pub(crate) enum Input<'a, B: Backend> {
    /// The rows as they are, `[tokens, cols]`.
    Plain(&'a B::Activations),
    /// `x[t] / sqrt(mean(x[t]²) + eps) · weight`.
    RmsNorm { x: &'a B::Activations, weight: &'a B::Vector, eps: f32 },
    /// `activation(gate[t]) · up[t]`.
    GateMul { activation: Activation, gate: &'a B::Activations, up: &'a B::Activations },
}

/// One of the matrices that take the same input, and where its results go.
pub(crate) struct Product<'a, B: Backend> {
    /// `[rows, cols]`.
    pub(crate) weight: &'a B::Matrix,
    /// `[tokens, rows]`.
    pub(crate) out: &'a mut B::Activations,
    /// Adds to what `out` holds instead of replacing it.
    pub(crate) accumulate: bool,
}

/// A device's weights, activations and pages, and what it can do with them.
///
/// Activations are `[rows, cols]` in f32, one row a token of the batch; an operation gives its `out` the shape it needs.
pub(crate) trait Backend: Send + 'static {
    /// A weight matrix `[rows, cols]`.
    type Matrix: Send + Sync;
    /// A weight matrix on its way to the device.
    type Packer;
    /// A weight vector.
    type Vector: Send;
    /// `[rows, cols]` numbers on the device.
    type Activations: Default + Send;
    /// One layer's pages of K and V.
    type Cache: Send;
    /// Cosines and sines of a batch's positions.
    type Rotation: Default + Send;

    /// What replays depend on: the instruction set tier or the device.
    fn name(&self) -> &str;
    /// Room for a matrix `[rows, cols]` that comes in the file's type.
    fn packer(&mut self, dtype: DType, rows: usize, cols: usize) -> Result<Self::Packer, Error>;
    /// Takes the next rows to the device; `raw` is row-major, a multiple of [`kernels::ROW_GROUP`] rows or all that are left.
    fn pack(&mut self, packer: &mut Self::Packer, raw: &[u8]) -> Result<(), Error>;
    /// The matrix, when all its rows have come.
    fn matrix(&mut self, packer: Self::Packer) -> Result<Self::Matrix, Error>;
    /// `[rows, cols]` of a matrix.
    fn shape(&self, matrix: &Self::Matrix) -> [usize; 2];
    /// Bytes a matrix takes on the device.
    fn matrix_bytes(&self, matrix: &Self::Matrix) -> usize;
    /// Takes a vector to the device.
    fn vector(&mut self, values: Vec<f32>) -> Result<Self::Vector, Error>;
    /// Bytes of one page of one layer.
    fn page_bytes(&self, shape: &AttentionShape) -> usize;
    /// Pages for one layer, zeroed.
    fn cache(&mut self, shape: &AttentionShape, pages: usize) -> Result<Self::Cache, Error>;
    /// Zeroes these pages.
    fn wipe(&mut self, shape: &AttentionShape, cache: &mut Self::Cache, pages: &[u32]) -> Result<(), Error>;
    /// Overwrites what these activations hold and held, and keeps their memory.
    fn forget(&mut self, x: &mut Self::Activations);
    /// The same for what the operations keep for themselves.
    fn forget_scratch(&mut self);

    /// `out[t] = table[tokens[t]]`.
    fn embed(
        &mut self,
        table: &Self::Matrix,
        tokens: &[u32],
        out: &mut Self::Activations,
    ) -> Result<(), Error>;
    /// `out[i] = x[i] / sqrt(mean(x[i]²) + eps) · weight`, for each run `i` of as many numbers as `weight` has: a whole
    /// row, or each head of it.
    fn rms_norm(
        &mut self,
        x: &Self::Activations,
        weight: &Self::Vector,
        eps: f32,
        out: &mut Self::Activations,
    ) -> Result<(), Error>;
    /// `out[t] = w · input[t]` for each matrix and its output.
    fn linear(&mut self, input: Input<'_, Self>, products: &mut [Product<'_, Self>]) -> Result<(), Error>
    where
        Self: Sized;
    /// `x[t] += bias`.
    fn add_bias(&mut self, x: &mut Self::Activations, bias: &Self::Vector) -> Result<(), Error>;
    /// `x *= factor`.
    fn scale(&mut self, x: &mut Self::Activations, factor: f32) -> Result<(), Error>;
    /// The angles of the batch's positions.
    fn rotate_to(
        &mut self,
        frequencies: &RopeFrequencies,
        batch: &Batch,
        out: &mut Self::Rotation,
    ) -> Result<(), Error>;
    /// Turns every head of every token, in place; `x` is `[tokens, heads · head_dim]`.
    fn rope(
        &mut self,
        pairing: Pairing,
        head_dim: usize,
        rotation: &Self::Rotation,
        x: &mut Self::Activations,
    ) -> Result<(), Error>;
    /// Stores the batch's K and V (`[tokens, num_kv_heads · head_dim]`) in its pages.
    fn store(
        &mut self,
        shape: &AttentionShape,
        cache: &mut Self::Cache,
        batch: &Batch,
        keys: &Self::Activations,
        values: &Self::Activations,
    ) -> Result<(), Error>;
    /// Causal attention over the stored pages, within the shape's window; `q` and `out` are `[tokens, num_heads · head_dim]`.
    fn attend(
        &mut self,
        shape: &AttentionShape,
        cache: &Self::Cache,
        batch: &Batch,
        q: &Self::Activations,
        out: &mut Self::Activations,
    ) -> Result<(), Error>;
    /// `x += y`.
    fn add(&mut self, x: &mut Self::Activations, y: &Self::Activations) -> Result<(), Error>;
    /// `out[i] = x[rows[i]]`.
    fn select(
        &mut self,
        x: &Self::Activations,
        rows: &[usize],
        out: &mut Self::Activations,
    ) -> Result<(), Error>;
    /// The numbers, in host memory.
    fn read<'a>(&mut self, x: &'a mut Self::Activations) -> Result<&'a [f32], Error>;
}
