//! The tensors of an encoder on their way from the file to the wiring, in f32.

use crate::Error;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use weights::{DType, Piece, TensorInfo};

/// What stands before a name in a file that has a head too.
const PREFIX: &str = "bert.";

/// What was read so far, by name.
#[derive(Default)]
pub(crate) struct Parts {
    tensors: BTreeMap<String, (Vec<u64>, Vec<f32>)>,
    arriving: Vec<u8>,
}

impl Parts {
    /// Takes the next piece of a tensor. Nothing of it may be used before the file's hash has held.
    ///
    /// # Errors
    /// A quantized type, or a name that is there twice once `bert.` is taken off.
    pub(crate) fn accept(&mut self, info: &TensorInfo, piece: Piece<'_>) -> Result<(), Error> {
        if piece.start == 0 {
            self.arriving.clear();
        }
        self.arriving.extend_from_slice(piece.bytes);
        if piece.end() < info.bytes {
            return Ok(());
        }
        let width = match info.dtype {
            DType::F32 => 4,
            DType::F16 | DType::BF16 => 2,
            other => {
                let reason = format!("tensors of type {} are not supported in an encoder", other.name());
                return Err(super::config::bad(&info.name, reason));
            }
        };
        let mut values = vec![0.0; self.arriving.len() / width];
        kernels::dequantize(info.dtype, &self.arriving, &mut values)?;
        let name = info.name.strip_prefix(PREFIX).unwrap_or(&info.name).to_owned();
        match self.tensors.insert(name, (info.shape.clone(), values)) {
            None => Ok(()),
            Some(_) => Err(super::config::bad(&info.name, "is there with and without `bert.`".to_owned())),
        }
    }

    /// Takes a tensor of exactly this shape.
    ///
    /// # Errors
    /// `MissingTensor`, `TensorShape`.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let missing = || Error::MissingTensor { name: name.to_owned() };
        let (found, values) = self.tensors.remove(name).ok_or_else(missing)?;
        let expected: Vec<u64> = shape.iter().map(|dim| *dim as u64).collect();
        if found != expected {
            return Err(Error::TensorShape { name: name.to_owned(), expected, found });
        }
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// Refuses what no part of the wiring asked for. The pooler may be there: it reads the first token only, for
    /// sentences, and no head here uses it.
    ///
    /// # Errors
    /// `UnexpectedTensor`.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.tensors.into_keys().find(|name| !name.starts_with("pooler.dense.")) {
            None => Ok(()),
            Some(name) => Err(Error::UnexpectedTensor { name, architecture: "bert".to_owned() }),
        }
    }
}
