//! GGUF v2 and v3, little endian.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. Every count and length is checked against
//! what is left of the file before anything is allocated; nested arrays, which no model uses, are refused.

use std::io::Read;

use crate::DType;
use crate::error::{Fault, printable};
use crate::metadata::{Array, Metadata, Value};
use crate::source::Source;
use crate::tensor::{TensorInfo, arrange, bytes_of};

/// First four bytes of a GGUF file.
pub(crate) const MAGIC: [u8; 4] = *b"GGUF";

const PAIRS_MAX: u64 = 1 << 16;
const TENSORS_MAX: u64 = 1 << 20;
const ARRAY_MAX: u64 = 1 << 27;
const KEY_BYTES_MAX: usize = 65_535;
const NAME_BYTES_MAX: usize = 1_024;
const DIMS_MAX: u32 = 4;
const ALIGNMENT_DEFAULT: u64 = 32;
const ALIGNMENT_MAX: u64 = 1 << 20;
/// Key length, value type, one byte of value.
const PAIR_BYTES_MIN: u64 = 8 + 4 + 1;
/// Name length, dimension count, one dimension, type, offset.
const TENSOR_BYTES_MIN: u64 = 8 + 4 + 8 + 4 + 8;

/// Reads everything between the magic and the tensor data.
pub(crate) fn read_header<R: Read>(
    source: &mut Source<R>,
    file_bytes: u64,
) -> Result<(Metadata, Vec<TensorInfo>), Fault> {
    let version = source.u32()?;
    match version {
        2 | 3 => {}
        0x0200_0000 | 0x0300_0000 => {
            return Err(Fault::new("big-endian GGUF is not supported: convert it to little endian"));
        }
        _ => {
            return Err(Fault::new(format!("GGUF version {version} is not supported: versions 2 and 3 are")));
        }
    }
    // Both counts come before either list; the tensor count is checked again when its list starts.
    let tensor_count = source.count("tensors", TENSOR_BYTES_MIN, TENSORS_MAX)?;
    let pair_count = source.count("metadata pairs", PAIR_BYTES_MIN, PAIRS_MAX)?;

    let mut metadata = Metadata::default();
    for _ in 0..pair_count {
        let key = source.string()?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Fault::new(format!("metadata key of {} bytes", key.len())));
        }
        let value = read_value(source, &key)?;
        metadata
            .insert(key, value)
            .map_err(|key| Fault::new(format!("metadata key {} is there twice", printable(&key))))?;
    }
    let alignment = alignment(&metadata)?;

    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(read_tensor(source, alignment)?);
    }
    let padding = (alignment - source.position() % alignment) % alignment;
    if !tensors.is_empty() {
        source.skip(padding)?;
    }
    let data_start = source.position();
    for tensor in &mut tensors {
        tensor.offset = tensor
            .offset
            .checked_add(data_start)
            .ok_or_else(|| Fault::new(format!("tensor {}: its offset overflows", printable(&tensor.name))))?;
    }
    arrange(&mut tensors, data_start, file_bytes)?;
    Ok((metadata, tensors))
}

fn alignment(metadata: &Metadata) -> Result<u64, Fault> {
    let Some(value) = metadata.get("general.alignment") else { return Ok(ALIGNMENT_DEFAULT) };
    match value {
        Value::Unsigned(alignment) if alignment.is_power_of_two() && *alignment <= ALIGNMENT_MAX => {
            Ok(*alignment)
        }
        _ => Err(Fault::new(format!("general.alignment must be a power of two up to {ALIGNMENT_MAX}"))),
    }
}

fn read_tensor<R: Read>(source: &mut Source<R>, alignment: u64) -> Result<TensorInfo, Fault> {
    let name = source.string()?;
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Fault::new(format!("tensor name of {} bytes", name.len())));
    }
    let dims = source.u32()?;
    if !(1..=DIMS_MAX).contains(&dims) {
        return Err(Fault::new(format!("tensor {}: {dims} dimensions", printable(&name))));
    }
    let mut shape = Vec::new();
    for _ in 0..dims {
        let dim = source.u64()?;
        if dim == 0 {
            return Err(Fault::new(format!("tensor {}: a dimension is zero", printable(&name))));
        }
        shape.push(dim);
    }
    // GGUF writes the fastest-varying dimension first.
    shape.reverse();
    let id = source.u32()?;
    let dtype = DType::from_gguf_id(id).ok_or_else(|| {
        Fault::new(format!("tensor {}: element type {id} is not one GGUF has now", printable(&name)))
    })?;
    let offset = source.u64()?;
    if !offset.is_multiple_of(alignment) {
        return Err(Fault::new(format!(
            "tensor {}: offset {offset} is not a multiple of the alignment {alignment}",
            printable(&name)
        )));
    }
    let bytes = bytes_of(&name, dtype, &shape)?;
    Ok(TensorInfo { name, shape, dtype, offset, bytes })
}

fn read_value<R: Read>(source: &mut Source<R>, key: &str) -> Result<Value, Fault> {
    let kind = source.u32()?;
    Ok(match kind {
        0 => Value::Unsigned(u8::from_le_bytes(source.array()?).into()),
        1 => Value::Signed(i8::from_le_bytes(source.array()?).into()),
        2 => Value::Unsigned(u16::from_le_bytes(source.array()?).into()),
        3 => Value::Signed(i16::from_le_bytes(source.array()?).into()),
        4 => Value::Unsigned(source.u32()?.into()),
        5 => Value::Signed(i32::from_le_bytes(source.array()?).into()),
        6 => Value::F32(f32::from_le_bytes(source.array()?)),
        7 => Value::Bool(boolean(source.array()?, key)?),
        8 => Value::Text(source.string()?),
        9 => Value::Array(read_array(source, key)?),
        10 => Value::Unsigned(source.u64()?),
        11 => Value::Signed(i64::from_le_bytes(source.array()?)),
        12 => Value::F64(f64::from_le_bytes(source.array()?)),
        _ => return Err(Fault::new(format!("metadata key {}: value type {kind}", printable(key)))),
    })
}

fn boolean([byte]: [u8; 1], key: &str) -> Result<bool, Fault> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fault::new(format!("metadata key {}: boolean with value {byte}", printable(key)))),
    }
}

fn read_array<R: Read>(source: &mut Source<R>, key: &str) -> Result<Array, Fault> {
    let kind = source.u32()?;
    Ok(match kind {
        0 => Array::U32(numbers(source, |bytes| u8::from_le_bytes(bytes).into())?),
        1 => Array::I32(numbers(source, |bytes| i8::from_le_bytes(bytes).into())?),
        2 => Array::U32(numbers(source, |bytes| u16::from_le_bytes(bytes).into())?),
        3 => Array::I32(numbers(source, |bytes| i16::from_le_bytes(bytes).into())?),
        4 => Array::U32(numbers(source, u32::from_le_bytes)?),
        5 => Array::I32(numbers(source, i32::from_le_bytes)?),
        6 => Array::F32(numbers(source, f32::from_le_bytes)?),
        7 => {
            let bytes = numbers(source, |bytes: [u8; 1]| bytes)?;
            Array::Bool(bytes.into_iter().map(|byte| boolean(byte, key)).collect::<Result<_, _>>()?)
        }
        8 => {
            let count = source.count("strings", 8, ARRAY_MAX)?;
            let mut strings = Vec::new();
            for _ in 0..count {
                strings.push(source.string()?);
            }
            Array::Text(strings)
        }
        9 => return Err(Fault::new(format!("metadata key {}: an array of arrays", printable(key)))),
        10 => Array::U64(numbers(source, u64::from_le_bytes)?),
        11 => Array::I64(numbers(source, i64::from_le_bytes)?),
        12 => Array::F64(numbers(source, f64::from_le_bytes)?),
        _ => return Err(Fault::new(format!("metadata key {}: array type {kind}", printable(key)))),
    })
}

fn numbers<R: Read, T, const N: usize>(
    source: &mut Source<R>,
    convert: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, Fault> {
    let count = source.count("array elements", N as u64, ARRAY_MAX)?;
    let mut values = Vec::with_capacity(count);
    let mut buffer = vec![0u8; N * 4096.min(count)];
    let mut left = count;
    while left > 0 {
        let step = left.min(4096);
        let (part, _) = buffer.split_at_mut(step * N);
        source.fill(part)?;
        values.extend(part.as_chunks::<N>().0.iter().map(|chunk| convert(*chunk)));
        left -= step;
    }
    Ok(values)
}
