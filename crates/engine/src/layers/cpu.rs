//! The layers' operations over the kernels: weights as the file has them, K and V in binary16.

use super::{AttentionShape, Backend, Input, Product};
use crate::Error;
use crate::model::Batch;
use kernels::{
    AttentionParams, AttentionSequence, DType, KvLayout, KvType, Matrix, Memory, PAGE_TOKENS, Packer,
    Pairing, Pool, RopeFrequencies, Scratch, SlotRun,
};

/// The kernels with their pool of threads.
pub(crate) struct Cpu {
    pool: Pool,
    scratch: Scratch,
    kv_type: KvType,
    /// The tier, and what else answers depend on.
    name: String,
}

impl Cpu {
    /// # Errors
    /// When `PROEFTUIN_ISA` asks for what this machine does not have.
    pub(crate) fn new(threads: usize, kv_type: KvType) -> Result<Self, Error> {
        let isa = kernels::isa()?.name();
        let name = if kv_type == KvType::F16 { isa.to_owned() } else { format!("{isa}-kv-q8") };
        Ok(Cpu { pool: Pool::new(threads), scratch: Scratch::new(), kv_type, name })
    }

    fn layout(&self, shape: &AttentionShape) -> KvLayout {
        KvLayout::new(shape.num_kv_heads, shape.head_dim, self.kv_type)
    }
}

/// `[rows, cols]`, row-major; the memory is kept from batch to batch.
#[derive(Default)]
pub(crate) struct Rows {
    values: Vec<f32>,
    cols: usize,
    /// Most numbers since they were last overwritten; a batch of fewer rows leaves what is behind it.
    reached: usize,
}

impl Rows {
    fn resize(&mut self, rows: usize, cols: usize) {
        self.cols = cols;
        self.values.resize(rows * cols, 0.0);
        self.reached = self.reached.max(rows * cols);
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

fn out_of_pages() -> Error {
    Error::Fault("a block table names a page that does not exist".to_owned())
}

impl Backend for Cpu {
    type Matrix = Matrix;
    type Packer = Packer;
    type Vector = Vec<f32>;
    type Activations = Rows;
    type Cache = Memory;
    type Rotation = Angles;

    fn name(&self) -> &str {
        &self.name
    }

    fn packer(&mut self, dtype: DType, rows: usize, cols: usize) -> Result<Packer, Error> {
        Ok(Packer::new(dtype, rows, cols)?)
    }

    fn pack(&mut self, packer: &mut Packer, raw: &[u8]) -> Result<(), Error> {
        Ok(packer.pack(&self.pool, raw)?)
    }

    fn matrix(&mut self, packer: Packer) -> Result<Matrix, Error> {
        Ok(packer.finish()?)
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
        self.layout(shape).page_bytes()
    }

    fn cache(&mut self, shape: &AttentionShape, pages: usize) -> Result<Memory, Error> {
        Ok(Memory::zeroed(pages * self.layout(shape).page_bytes()))
    }

    fn wipe(&mut self, shape: &AttentionShape, cache: &mut Memory, pages: &[u32]) -> Result<(), Error> {
        let elements = self.layout(shape).page_bytes();
        for page in pages {
            let start = *page as usize * elements;
            cache.get_mut(start..start + elements).ok_or_else(out_of_pages)?.fill(0);
        }
        Ok(())
    }

    fn forget(&mut self, x: &mut Rows) {
        let len = x.values.len();
        x.values.resize(x.reached, 0.0);
        x.values.fill(0.0);
        x.values.truncate(len);
        x.reached = 0;
    }

    fn forget_scratch(&mut self) {
        self.scratch.wipe();
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
        let cols = x.cols;
        self.pool.each_row(&mut out.values, cols, &|row, out| {
            let x = x.values.get(row * cols..(row + 1) * cols).unwrap_or_default();
            kernels::rms_norm(x, weight, eps, out);
        });
        Ok(())
    }

    fn linear(&mut self, input: Input<'_, Self>, products: &mut [Product<'_, Self>]) -> Result<(), Error> {
        let (rows, input) = match input {
            Input::Plain(x) => (x, kernels::Input::Plain(&x.values)),
            Input::RmsNorm { x, weight, eps } => (x, kernels::Input::RmsNorm { x: &x.values, weight, eps }),
            Input::GateMul { activation, gate, up } => {
                (gate, kernels::Input::GateMul { activation, gate: &gate.values, up: &up.values })
            }
        };
        let m = rows.rows();
        let mut group = Vec::with_capacity(products.len());
        for Product { weight, out, accumulate } in products.iter_mut() {
            out.resize(m, weight.rows());
            group.push(kernels::Product { weight, out: &mut out.values, accumulate: *accumulate });
        }
        kernels::linear_group(&self.pool, &mut group, input, m, &mut self.scratch);
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
        let (cols, pairs) = (x.cols, angles.pairs);
        self.pool.each_row(&mut x.values, cols, &|row, x| {
            let at = row * pairs..(row + 1) * pairs;
            let (cos, sin) = (angles.cos.get(at.clone()), angles.sin.get(at));
            kernels::rope(pairing, x, head_dim, cos.unwrap_or_default(), sin.unwrap_or_default());
        });
        Ok(())
    }

    fn store(
        &mut self,
        shape: &AttentionShape,
        cache: &mut Memory,
        batch: &Batch,
        keys: &Rows,
        values: &Rows,
    ) -> Result<(), Error> {
        let mut runs = Vec::with_capacity(batch.slices.len());
        for slice in &batch.slices {
            let end = slice.start + slice.len;
            let mut position = slice.start;
            while position < end {
                let slot = position % PAGE_TOKENS;
                let len = (PAGE_TOKENS - slot).min(end - position);
                let page = *slice.block_table.get(position / PAGE_TOKENS).ok_or_else(out_of_pages)?;
                runs.push(SlotRun { page, slots: slot..slot + len });
                position += len;
            }
        }
        let layout = self.layout(shape);
        let pages = cache.len() / layout.page_bytes();
        if runs.iter().any(|run| run.page as usize >= pages) {
            return Err(out_of_pages());
        }
        layout.write(&self.pool, cache, &runs, &keys.values, &values.values);
        Ok(())
    }

    fn attend(
        &mut self,
        shape: &AttentionShape,
        cache: &Memory,
        batch: &Batch,
        q: &Rows,
        out: &mut Rows,
    ) -> Result<(), Error> {
        out.resize(q.rows(), q.cols);
        let params = AttentionParams {
            layout: self.layout(shape),
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
