//! The layers' operations over candle's tensors, on any device candle has: weights dequantized to f32.
//!
//! On candle's CPU device this is the reference for the kernels; it makes no promise about bits.

use zeroize::Zeroize as _;

use super::{AttentionShape, Backend, Input, Product};
use crate::Error;
use crate::block_manager::PAGE_TOKENS;
use crate::model::Batch;
use candle_core::{D, DType as Element, Device, Tensor};
use kernels::{Activation, DType, Pairing, RopeFrequencies};

/// A device of candle's.
pub(crate) struct Candle {
    device: Device,
    name: String,
    /// Type K and V are stored in; they are computed with in f32.
    cache_element: Element,
}

impl Candle {
    /// Arithmetic on `device`, K and V in binary16.
    pub(crate) fn new(device: Device, name: impl Into<String>) -> Self {
        Candle { device, name: name.into(), cache_element: Element::F16 }
    }

    /// The reference: candle's CPU device, and nothing rounded to less than f32.
    pub(crate) fn reference() -> Self {
        Candle { device: Device::Cpu, name: "candle-cpu-f32".to_owned(), cache_element: Element::F32 }
    }
}

/// A matrix of which some rows have come.
pub(crate) struct Decoded {
    dtype: DType,
    shape: (usize, usize),
    values: Vec<f32>,
}

/// `[rows, cols]`; nothing until an operation has written it.
#[derive(Default)]
pub(crate) struct Activations {
    tensor: Option<Tensor>,
    host: Vec<f32>,
}

impl Activations {
    fn get(&self) -> Result<&Tensor, Error> {
        self.tensor
            .as_ref()
            .ok_or_else(|| Error::Fault("an activation was read before it was written".to_owned()))
    }

    fn set(&mut self, tensor: Tensor) {
        self.tensor = Some(tensor);
    }
}

/// `[pages · 32, num_kv_heads · head_dim]` each.
pub(crate) struct Cache {
    keys: Tensor,
    values: Tensor,
}

/// `[tokens, 1, pairs]` each.
#[derive(Default)]
pub(crate) struct Rotation {
    cos_sin: Option<(Tensor, Tensor)>,
}

/// Rows of the cache that hold a sequence's first `positions` positions.
fn cache_rows(block_table: &[u32], positions: usize) -> Vec<u32> {
    let page = PAGE_TOKENS as u32;
    block_table.iter().flat_map(|id| id * page..(id + 1) * page).take(positions).collect()
}

impl Candle {
    /// One sequence's attention: `q` is `[len, num_heads · head_dim]`, K and V all its positions, `[start + len, kv]`.
    fn attend_one(
        &self,
        shape: &AttentionShape,
        start: usize,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
    ) -> Result<Tensor, Error> {
        let (len, total) = (q.dim(0)?, k.dim(0)?);
        let group = shape.num_heads / shape.num_kv_heads;
        // A group of query heads shares a KV head: [kv heads, group · len, dim] · [kv heads, dim, total].
        let q = q
            .reshape((len, shape.num_kv_heads, group, shape.head_dim))?
            .permute((1, 2, 0, 3))?
            .contiguous()?;
        let q = q.reshape((shape.num_kv_heads, group * len, shape.head_dim))?;
        let heads = |x: &Tensor| -> Result<Tensor, Error> {
            Ok(x.reshape((total, shape.num_kv_heads, shape.head_dim))?.transpose(0, 1)?.contiguous()?)
        };
        let (k, v) = (heads(k)?, heads(v)?);
        let scores = (q.matmul(&k.t()?.contiguous()?)? * f64::from(shape.scale))?;
        let mask: Vec<f32> = (0..group * len)
            .flat_map(|row| {
                let last = start + row % len;
                let first = (last + 1).saturating_sub(shape.window.unwrap_or(usize::MAX));
                let seen = move |position| (first..=last).contains(&position);
                (0..total).map(move |position| if seen(position) { 0.0 } else { f32::NEG_INFINITY })
            })
            .collect();
        let scores = scores.broadcast_add(&Tensor::from_vec(mask, (1, group * len, total), &self.device)?)?;
        let weights = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?;
        let out = weights.matmul(&v)?.reshape((shape.num_kv_heads, group, len, shape.head_dim))?;
        let out = out.permute((2, 0, 1, 3))?.contiguous()?;
        Ok(out.reshape((len, shape.num_heads * shape.head_dim))?)
    }
}

impl Backend for Candle {
    type Matrix = Tensor;
    type Packer = Decoded;
    type Vector = Tensor;
    type Activations = Activations;
    type Cache = Cache;
    type Rotation = Rotation;

    fn name(&self) -> &str {
        &self.name
    }

    fn packer(&mut self, dtype: DType, rows: usize, cols: usize) -> Result<Decoded, Error> {
        Ok(Decoded { dtype, shape: (rows, cols), values: Vec::with_capacity(rows * cols) })
    }

    fn pack(&mut self, decoded: &mut Decoded, raw: &[u8]) -> Result<(), Error> {
        let Decoded { dtype, values, .. } = decoded;
        let before = values.len();
        values.resize(before + raw.len() / dtype.block_bytes() * dtype.block_len(), 0.0);
        Ok(kernels::dequantize(*dtype, raw, values.get_mut(before..).unwrap_or_default())?)
    }

    fn matrix(&mut self, decoded: Decoded) -> Result<Tensor, Error> {
        Ok(Tensor::from_vec(decoded.values, decoded.shape, &self.device)?)
    }

    fn shape(&self, matrix: &Tensor) -> [usize; 2] {
        matrix.dims2().map_or([0, 0], |(rows, cols)| [rows, cols])
    }

    fn matrix_bytes(&self, matrix: &Tensor) -> usize {
        matrix.elem_count() * size_of::<f32>()
    }

    fn vector(&mut self, values: Vec<f32>) -> Result<Tensor, Error> {
        let len = values.len();
        Ok(Tensor::from_vec(values, len, &self.device)?)
    }

    fn page_bytes(&self, shape: &AttentionShape) -> usize {
        2 * PAGE_TOKENS * shape.num_kv_heads * shape.head_dim * self.cache_element.size_in_bytes()
    }

    fn cache(&mut self, shape: &AttentionShape, pages: usize) -> Result<Cache, Error> {
        let dims = (pages * PAGE_TOKENS, shape.num_kv_heads * shape.head_dim);
        let zeros = || Tensor::zeros(dims, self.cache_element, &self.device);
        Ok(Cache { keys: zeros()?, values: zeros()? })
    }

    fn wipe(&mut self, shape: &AttentionShape, cache: &mut Cache, pages: &[u32]) -> Result<(), Error> {
        let dims = (PAGE_TOKENS, shape.num_kv_heads * shape.head_dim);
        let zeros = Tensor::zeros(dims, self.cache_element, &self.device)?;
        for page in pages {
            cache.keys.slice_set(&zeros, 0, *page as usize * PAGE_TOKENS)?;
            cache.values.slice_set(&zeros, 0, *page as usize * PAGE_TOKENS)?;
        }
        Ok(())
    }

    /// The device's memory goes back to its allocator as it is: candle has no way to overwrite it in place.
    fn forget(&mut self, x: &mut Activations) {
        x.tensor = None;
        x.host.zeroize();
    }

    fn forget_scratch(&mut self) {}

    fn embed(&mut self, table: &Tensor, tokens: &[u32], out: &mut Activations) -> Result<(), Error> {
        let ids = Tensor::new(tokens, &self.device)?;
        out.set(table.index_select(&ids, 0)?);
        Ok(())
    }

    fn rms_norm(
        &mut self,
        x: &Activations,
        weight: &Tensor,
        eps: f32,
        out: &mut Activations,
    ) -> Result<(), Error> {
        let (rows, cols) = x.get()?.dims2()?;
        let x = x.get()?.reshape((rows, (), weight.dim(0)?))?;
        let scale = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
        out.set(x.broadcast_div(&scale)?.broadcast_mul(weight)?.reshape((rows, cols))?);
        Ok(())
    }

    fn linear(&mut self, input: Input<'_, Self>, products: &mut [Product<'_, Self>]) -> Result<(), Error> {
        let x = match input {
            Input::Plain(x) => x.get()?.clone(),
            Input::RmsNorm { x, weight, eps } => {
                let mut out = Activations::default();
                self.rms_norm(x, weight, eps, &mut out)?;
                out.get()?.clone()
            }
            Input::GateMul { activation, gate, up } => {
                let gate = match activation {
                    Activation::Silu => gate.get()?.silu()?,
                    Activation::GeluTanh => gate.get()?.gelu()?,
                };
                (gate * up.get()?)?
            }
        };
        for Product { weight, out, accumulate } in products.iter_mut() {
            let product = x.matmul(&weight.t()?)?;
            out.set(if *accumulate { (out.get()? + product)? } else { product });
        }
        Ok(())
    }

    fn add_bias(&mut self, x: &mut Activations, bias: &Tensor) -> Result<(), Error> {
        let sum = x.get()?.broadcast_add(bias)?;
        x.set(sum);
        Ok(())
    }

    fn scale(&mut self, x: &mut Activations, factor: f32) -> Result<(), Error> {
        let scaled = (x.get()? * f64::from(factor))?;
        x.set(scaled);
        Ok(())
    }

    fn rotate_to(
        &mut self,
        frequencies: &RopeFrequencies,
        batch: &Batch,
        out: &mut Rotation,
    ) -> Result<(), Error> {
        let (tokens, pairs) = (batch.tokens.len(), frequencies.rotary_dims() / 2);
        let (mut cos, mut sin) = (vec![0.0; tokens * pairs], vec![0.0; tokens * pairs]);
        let rows = cos.chunks_exact_mut(pairs).zip(sin.chunks_exact_mut(pairs));
        for (position, (cos, sin)) in batch.positions().zip(rows) {
            frequencies.cos_sin(position, cos, sin);
        }
        let tensor = |values| Tensor::from_vec(values, (tokens, 1, pairs), &self.device);
        out.cos_sin = Some((tensor(cos)?, tensor(sin)?));
        Ok(())
    }

    fn rope(
        &mut self,
        pairing: Pairing,
        head_dim: usize,
        rotation: &Rotation,
        x: &mut Activations,
    ) -> Result<(), Error> {
        let Some((cos, sin)) = &rotation.cos_sin else {
            return Err(Error::Fault("positions were not prepared".to_owned()));
        };
        let (tokens, width) = x.get()?.dims2()?;
        let (heads, pairs) = (width / head_dim, cos.dim(2)?);
        let x3 = x.get()?.reshape((tokens, heads, head_dim))?;
        let turned = x3.narrow(2, 0, 2 * pairs)?.contiguous()?;
        // The two halves of each pair, [tokens, heads, pairs].
        let (dims, axis) = match pairing {
            Pairing::Interleaved => ((tokens, heads, pairs, 2), 3),
            Pairing::NeoX => ((tokens, heads, 2, pairs), 2),
        };
        let turned = turned.reshape(dims)?;
        let (a, b) = (turned.narrow(axis, 0, 1)?.squeeze(axis)?, turned.narrow(axis, 1, 1)?.squeeze(axis)?);
        let first = (a.broadcast_mul(cos)? - b.broadcast_mul(sin)?)?;
        let second = (a.broadcast_mul(sin)? + b.broadcast_mul(cos)?)?;
        let turned = Tensor::stack(&[first, second], axis)?.reshape((tokens, heads, 2 * pairs))?;
        let whole = match head_dim - 2 * pairs {
            0 => turned,
            rest => Tensor::cat(&[turned, x3.narrow(2, 2 * pairs, rest)?], 2)?,
        };
        x.set(whole.reshape((tokens, width))?);
        Ok(())
    }

    fn store(
        &mut self,
        _shape: &AttentionShape,
        cache: &mut Cache,
        batch: &Batch,
        keys: &Activations,
        values: &Activations,
    ) -> Result<(), Error> {
        let stored = |x: &Activations| -> Result<Tensor, Error> {
            Ok(x.get()?.to_dtype(self.cache_element)?.contiguous()?)
        };
        let (keys, values) = (stored(keys)?, stored(values)?);
        for (row, (page, slot)) in batch.places().enumerate() {
            let Some(page) = page else {
                return Err(Error::Fault("a block table is shorter than its sequence".to_owned()));
            };
            let to = page as usize * PAGE_TOKENS + slot;
            cache.keys.slice_set(&keys.narrow(0, row, 1)?.contiguous()?, 0, to)?;
            cache.values.slice_set(&values.narrow(0, row, 1)?.contiguous()?, 0, to)?;
        }
        Ok(())
    }

    fn attend(
        &mut self,
        shape: &AttentionShape,
        cache: &Cache,
        batch: &Batch,
        q: &Activations,
        out: &mut Activations,
    ) -> Result<(), Error> {
        let mut outputs = Vec::with_capacity(batch.slices.len());
        let mut row = 0;
        for slice in &batch.slices {
            let ids = Tensor::new(cache_rows(&slice.block_table, slice.start + slice.len), &self.device)?;
            let read = |pages: &Tensor| -> Result<Tensor, Error> {
                Ok(pages.index_select(&ids, 0)?.to_dtype(Element::F32)?)
            };
            let (k, v) = (read(&cache.keys)?, read(&cache.values)?);
            outputs.push(self.attend_one(
                shape,
                slice.start,
                &q.get()?.narrow(0, row, slice.len)?,
                &k,
                &v,
            )?);
            row += slice.len;
        }
        out.set(Tensor::cat(&outputs, 0)?);
        Ok(())
    }

    fn add(&mut self, x: &mut Activations, y: &Activations) -> Result<(), Error> {
        let sum = (x.get()? + y.get()?)?;
        x.set(sum);
        Ok(())
    }

    fn select(&mut self, x: &Activations, rows: &[usize], out: &mut Activations) -> Result<(), Error> {
        let rows: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        out.set(x.get()?.index_select(&Tensor::new(rows, &self.device)?, 0)?);
        Ok(())
    }

    fn read<'a>(&mut self, x: &'a mut Activations) -> Result<&'a [f32], Error> {
        x.host = x.get()?.flatten_all()?.to_vec1()?;
        Ok(&x.host)
    }
}
