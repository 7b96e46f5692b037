//! The layers' operations over the kernels: weights as the file has them, K and V in binary16.

use super::{AttentionShape, Backend};
use crate::Error;
use crate::model::Batch;
use kernels::{
    AttentionParams, AttentionSequence, DType, Input, KvLayout, KvType, Matrix, PAGE_TOKENS, Pairing, Pool, Product, RopeFrequencies,
    Scratch,
};

/// The kernels with their pool of threads.
pub(crate) struct Cpu {
    pool: Pool,
    scratch: Scratch,
    isa: &'static str,
}

impl Cpu {
    /// # Errors
    /// When `PROEFTUIN_ISA` asks for what this machine does not have.
    pub(crate) fn new(threads: usize) -> Result<Self, Error> {
        Ok(Cpu { pool: Pool::new(threads), scratch: Scratch::new(), isa: kernels::isa()?.name() })
    }
}

/// `[rows, cols]`, row-major; the memory is kept from batch to batch.
#[derive(Default)]
pub(crate) struct Rows {
    values: Vec<f32>,
    cols: usize,
}

impl Rows {
    fn resize(&mut self, rows: usize, cols: usize) {
        self.cols = cols;
        self.values.resize(rows * cols, 0.0);
    }

    fn rows(&self) -> usize {
        self.values.len() / self.cols.max(1)
    }
}

/// Cosines and sines, `[tokens, pairs]` each.
#[derive(Default)]
pub(crate) struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
    pairs: usize,
}

fn layout(shape: &AttentionShape) -> KvLayout {
    KvLayout::new(shape.num_kv_heads, shape.head_dim, KvType::F16)
}

fn out_of_pages() -> Error {
    Error::Fault("a block table names a page that does not exist".to_owned())
}

impl Backend for Cpu {
    type Matrix = Matrix;
    type Vector = Vec<f32>;
    type Activations = Rows;
    type Cache = Vec<u8>;
    type Rotation = Angles;

    fn name(&self) -> &str {
        self.isa
    }

    fn matrix(&mut self, dtype: DType, rows: usize, cols: usize, raw: &[u8]) -> Result<Matrix, Error> {
        Ok(Matrix::pack(dtype, rows, cols, raw)?)
    }

    fn shape(&self, matrix: &Matrix) -> [usize; 2] {
        [matrix.rows(), matrix.cols()]
    }

    fn matrix_bytes(&self, matrix: &Matrix) -> usize {
        matrix.bytes()
    }

    fn vector(&mut self, values: Vec<f32>) -> Result<Vec<f32>, Error> {
        Ok(values)
    }

    fn page_bytes(&self, shape: &AttentionShape) -> usize {
        layout(shape).page_bytes()
    }

    fn cache(&mut self, shape: &AttentionShape, pages: usize) -> Result<Vec<u8>, Error> {
        Ok(vec![0; pages * layout(shape).page_bytes()])
    }

    fn wipe(&mut self, shape: &AttentionShape, cache: &mut Vec<u8>, pages: &[u32]) -> Result<(), Error> {
        let elements = layout(shape).page_bytes();
        for page in pages {
            let start = *page as usize * elements;
            cache.get_mut(start..start + elements).ok_or_else(out_of_pages)?.fill(0);
        }
        Ok(())
    }

    fn embed(&mut self, table: &Matrix, tokens: &[u32], out: &mut Rows) -> Result<(), Error> {
        out.resize(tokens.len(), table.cols());
        for (token, row) in tokens.iter().zip(out.values.chunks_exact_mut(table.cols())) {
            table.row(*token as usize, row);
        }
        Ok(())
    }

    fn rms_norm(&mut self, x: &Rows, weight: &Vec<f32>, eps: f32, out: &mut Rows) -> Result<(), Error> {
        out.resize(x.rows(), x.cols);
        kernels::rms_norm(&x.values, weight, eps, &mut out.values);
        Ok(())
    }

    fn linear(&mut self, x: &Rows, products: &mut [(&Matrix, &mut Rows)]) -> Result<(), Error> {
        let m = x.rows();
        let mut group = Vec::with_capacity(products.len());
        for (weight, out) in products.iter_mut() {
            out.resize(m, weight.rows());
            group.push(Product { weight, out: &mut out.values, accumulate: false });
        }
        kernels::linear_group(&self.pool, &mut group, Input::Plain(&x.values), m, &mut self.scratch);
        Ok(())
    }

    fn add_bias(&mut self, x: &mut Rows, bias: &Vec<f32>) -> Result<(), Error> {
        for row in x.values.chunks_exact_mut(x.cols) {
            kernels::add(row, bias);
        }
        Ok(())
    }

    fn scale(&mut self, x: &mut Rows, factor: f32) -> Result<(), Error> {
        kernels::scale(&mut x.values, factor);
        Ok(())
    }

    fn rotate_to(
        &mut self,
        frequencies: &RopeFrequencies,
        batch: &Batch,
        out: &mut Angles,
    ) -> Result<(), Error> {
        out.pairs = frequencies.rotary_dims() / 2;
        out.cos.resize(batch.tokens.len() * out.pairs, 0.0);
        out.sin.resize(batch.tokens.len() * out.pairs, 0.0);
        let rows = out.cos.chunks_exact_mut(out.pairs).zip(out.sin.chunks_exact_mut(out.pairs));
        for (position, (cos, sin)) in batch.positions().zip(rows) {
            frequencies.cos_sin(position, cos, sin);
        }
        Ok(())
    }

    fn rope(
        &mut self,
        pairing: Pairing,
        head_dim: usize,
        angles: &Angles,
        x: &mut Rows,
    ) -> Result<(), Error> {
        let cols = x.cols;
        let angles = angles.cos.chunks_exact(angles.pairs).zip(angles.sin.chunks_exact(angles.pairs));
        for (row, (cos, sin)) in x.values.chunks_exact_mut(cols).zip(angles) {
            kernels::rope(pairing, row, head_dim, cos, sin);
        }
        Ok(())
    }

    fn store(
        &mut self,
        shape: &AttentionShape,
        cache: &mut Vec<u8>,
        batch: &Batch,
        keys: &Rows,
        values: &Rows,
    ) -> Result<(), Error> {
        let layout = layout(shape);
        let elements = layout.page_bytes();
        let rows = keys.values.chunks_exact(keys.cols).zip(values.values.chunks_exact(values.cols));
        for ((page, slot), (key, value)) in batch.places().zip(rows) {
            let start = page.ok_or_else(out_of_pages)? as usize * elements;
            let page = cache.get_mut(start..start + elements).ok_or_else(out_of_pages)?;
            layout.write(page, slot, key, value);
        }
        Ok(())
    }

    fn attend(
        &mut self,
        shape: &AttentionShape,
        cache: &Vec<u8>,
        batch: &Batch,
        q: &Rows,
        out: &mut Rows,
    ) -> Result<(), Error> {
        out.resize(q.rows(), q.cols);
        let params = AttentionParams {
            layout: layout(shape),
            num_heads: shape.num_heads,
            scale: shape.scale,
            window: shape.window,
        };
        let sequences: Vec<AttentionSequence<'_>> = batch
            .slices
            .iter()
            .map(|slice| AttentionSequence {
                first_position: slice.start,
                tokens: slice.len,
                pages: &slice.block_table,
            })
            .collect();
        let (pool, scratch) = (&self.pool, &mut self.scratch);
        kernels::attention(pool, &params, &sequences, cache, &q.values, &mut out.values, scratch);
        Ok(())
    }

    fn silu_mul(&mut self, gate: &mut Rows, up: &Rows) -> Result<(), Error> {
        kernels::silu_mul(&mut gate.values, &up.values);
        Ok(())
    }

    fn gelu_mul(&mut self, gate: &mut Rows, up: &Rows) -> Result<(), Error> {
        kernels::gelu_mul(&mut gate.values, &up.values);
        Ok(())
    }

    fn add(&mut self, x: &mut Rows, y: &Rows) -> Result<(), Error> {
        kernels::add(&mut x.values, &y.values);
        Ok(())
    }

    fn select(&mut self, x: &Rows, rows: &[usize], out: &mut Rows) -> Result<(), Error> {
        out.resize(rows.len(), x.cols);
        for (row, to) in rows.iter().zip(out.values.chunks_exact_mut(x.cols)) {
            let from = x.values.get(row * x.cols..(row + 1) * x.cols);
            to.copy_from_slice(from.ok_or_else(|| Error::Fault("a row beyond the batch".to_owned()))?);
        }
        Ok(())
    }

    fn read<'a>(&mut self, x: &'a mut Rows) -> Result<&'a [f32], Error> {
        Ok(&x.values)
    }
}

/// Positions in a page, as the block manager counts them.
const _: () = assert!(PAGE_TOKENS == crate::block_manager::PAGE_TOKENS);
