//! The header of a safetensors file; its layout rules are the `safetensors` crate's, tightened here.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;

use ::safetensors::Dtype;
use ::safetensors::tensor::Metadata as Header;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::DType;
use crate::error::{Fault, printable};
use crate::metadata::{Metadata, Value};
use crate::source::Source;
use crate::tensor::{TensorInfo, arrange, bytes_of};

/// The `safetensors` crate's own limit.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// Reads everything before the tensor data, which starts with the header's length.
pub(crate) fn read_header<R: Read>(
    first: [u8; 4],
    source: &mut Source<R>,
    file_bytes: u64,
) -> Result<(Metadata, Vec<TensorInfo>), Fault> {
    let [a, b, c, d] = first;
    let [e, f, g, h] = source.array()?;
    let len = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    if len > source.remaining() || len > HEADER_BYTES_MAX {
        return Err(Fault::new(
            "neither GGUF nor safetensors: no GGUF magic, and no safetensors header length",
        ));
    }
    let json = source.bytes(len, HEADER_BYTES_MAX)?;
    refuse_doubled_keys(&json)?;
    let header: Header = serde_json::from_slice(&json)
        .map_err(|error| Fault::new(format!("safetensors header: {}", printable(&error.to_string()))))?;
    let data_start = source.position();
    let end = data_start.checked_add(header.data_len() as u64);
    if end != Some(file_bytes) {
        return Err(Fault::new("safetensors header describes another amount of data than the file has"));
    }

    let mut metadata = Metadata::default();
    for (key, text) in header.metadata().iter().flatten() {
        metadata
            .insert(key.clone(), Value::Text(text.clone()))
            .map_err(|key| Fault::new(format!("metadata key {} is there twice", printable(&key))))?;
    }
    let mut tensors = Vec::new();
    for (name, info) in header.tensors() {
        if is_buffer(&name, info.dtype) {
            continue;
        }
        let dtype = dtype_of(info.dtype, &name)?;
        let shape: Vec<u64> = info.shape.iter().map(|dim| *dim as u64).collect();
        let (start, end) = info.data_offsets;
        let bytes = bytes_of(&name, dtype, &shape)?;
        if end.checked_sub(start).map(|len| len as u64) != Some(bytes) {
            return Err(Fault::new(format!("tensor {}: its shape and its bytes disagree", printable(&name))));
        }
        let offset = data_start.saturating_add(start as u64);
        tensors.push(TensorInfo { name, shape, dtype, offset, bytes });
    }
    arrange(&mut tensors, data_start, file_bytes)?;
    Ok((metadata, tensors))
}

/// Exports of encoders made before 2023 hold the numbers of their positions, 0, 1, 2 and on, which are counted wherever a model
/// is run: no weights. Its bytes are hashed as all others are, and read by nobody.
fn is_buffer(name: &str, dtype: Dtype) -> bool {
    dtype == Dtype::I64 && name.rsplit('.').next() == Some("position_ids")
}

fn dtype_of(dtype: Dtype, name: &str) -> Result<DType, Fault> {
    Ok(match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => {
            return Err(Fault::new(format!(
                "tensor {}: element type {other:?} is not supported; F32, F16 and BF16 are",
                printable(name)
            )));
        }
    })
}

/// A hash map keeps the last of two equal keys without a word, so they are looked for first.
fn refuse_doubled_keys(json: &[u8]) -> Result<(), Fault> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Option<String>;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut seen = HashSet::new();
            let mut doubled = None;
            while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                if !seen.insert(key.clone()) {
                    doubled = Some(key);
                }
            }
            Ok(doubled)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    match deserializer.deserialize_map(Keys) {
        Ok(None) => Ok(()),
        Ok(Some(key)) => Err(Fault::new(format!("safetensors header: {} is there twice", printable(&key)))),
        Err(error) => Err(Fault::new(format!("safetensors header: {}", printable(&error.to_string())))),
    }
}
