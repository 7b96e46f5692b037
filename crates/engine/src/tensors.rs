//! Tensors on their way from the file to the wiring: packed as they arrive, taken by name, none left over.

use crate::Error;
use crate::layers::Backend;
use kernels::DType;
use std::collections::BTreeMap;
use weights::{Piece, TensorInfo};

enum Entry<B: Backend> {
    Matrix(B::Matrix),
    Vector(Vec<f32>),
}

/// A tensor of which some pieces have come.
enum Arriving<B: Backend> {
    Matrix(B::Packer),
    Vector(Vec<f32>),
}

/// What was read so far.
pub(crate) struct Tensors<B: Backend> {
    entries: BTreeMap<String, Entry<B>>,
    arriving: Option<Arriving<B>>,
    /// Tensors taken in.
    pub(crate) count: usize,
    /// Bytes they take on the device.
    pub(crate) packed_bytes: u64,
}

impl<B: Backend> Default for Tensors<B> {
    fn default() -> Self {
        Tensors { entries: BTreeMap::new(), arriving: None, count: 0, packed_bytes: 0 }
    }
}

impl<B: Backend> Tensors<B> {
    /// Packs the next piece of a tensor. Nothing of it may be used before the file's hash has held.
    ///
    /// # Errors
    /// A type without a kernel, or a shape that is neither vector nor matrix, by name.
    pub(crate) fn accept(
        &mut self,
        backend: &mut B,
        info: &TensorInfo,
        piece: Piece<'_>,
    ) -> Result<(), Error> {
        let mut arriving = match self.arriving.take() {
            Some(arriving) if piece.start > 0 => arriving,
            _ => Self::expect(backend, info)?,
        };
        match &mut arriving {
            Arriving::Matrix(packer) => backend.pack(packer, piece.bytes)?,
            // A vector is one piece.
            Arriving::Vector(values) => kernels::dequantize(info.dtype, piece.bytes, values)?,
        }
        if piece.end() < info.bytes {
            self.arriving = Some(arriving);
            return Ok(());
        }
        let entry = match arriving {
            Arriving::Matrix(packer) => {
                let matrix = backend.matrix(packer)?;
                self.packed_bytes += backend.matrix_bytes(&matrix) as u64;
                Entry::Matrix(matrix)
            }
            Arriving::Vector(values) => {
                self.packed_bytes += DType::F32.bytes_for(values.len() as u64).unwrap_or(0);
                Entry::Vector(values)
            }
        };
        self.count += 1;
        self.entries.insert(info.name.clone(), entry);
        Ok(())
    }

    /// Makes room for a tensor.
    fn expect(backend: &mut B, info: &TensorInfo) -> Result<Arriving<B>, Error> {
        let dims: Option<Vec<usize>> = info.shape.iter().map(|dim| usize::try_from(*dim).ok()).collect();
        match dims.as_deref() {
            Some(&[len]) => Ok(Arriving::Vector(vec![0.0; len])),
            Some(&[rows, cols]) => Ok(Arriving::Matrix(backend.packer(info.dtype, rows, cols)?)),
            _ => {
                let (name, found) = (info.name.clone(), info.shape.clone());
                Err(Error::TensorShape { name, expected: Vec::new(), found })
            }
        }
    }

    /// Whether a tensor of this name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Rows of a matrix that is still there.
    pub(crate) fn rows(&self, backend: &B, name: &str) -> Option<usize> {
        match self.entries.get(name)? {
            Entry::Matrix(matrix) => backend.shape(matrix).first().copied(),
            Entry::Vector(_) => None,
        }
    }

    /// Takes a matrix of exactly this shape.
    pub(crate) fn matrix(&mut self, backend: &B, name: &str, shape: [usize; 2]) -> Result<B::Matrix, Error> {
        let expected = || shape.map(|dim| dim as u64).to_vec();
        match self.entries.remove(name) {
            None => Err(Error::MissingTensor { name: name.to_owned() }),
            Some(Entry::Vector(values)) => Err(Error::TensorShape {
                name: name.to_owned(),
                expected: expected(),
                found: vec![values.len() as u64],
            }),
            Some(Entry::Matrix(matrix)) => {
                let found = backend.shape(&matrix);
                if found == shape {
                    return Ok(matrix);
                }
                let found = found.map(|dim| dim as u64).to_vec();
                Err(Error::TensorShape { name: name.to_owned(), expected: expected(), found })
            }
        }
    }

    /// Takes a vector of exactly this length, in host memory.
    pub(crate) fn values(&mut self, backend: &B, name: &str, len: usize) -> Result<Vec<f32>, Error> {
        let found = match self.entries.remove(name) {
            None => return Err(Error::MissingTensor { name: name.to_owned() }),
            Some(Entry::Vector(values)) if values.len() == len => return Ok(values),
            Some(Entry::Vector(values)) => vec![values.len() as u64],
            Some(Entry::Matrix(matrix)) => backend.shape(&matrix).map(|dim| dim as u64).to_vec(),
        };
        Err(Error::TensorShape { name: name.to_owned(), expected: vec![len as u64], found })
    }

    /// Takes a vector of exactly this length to the device.
    pub(crate) fn vector(&mut self, backend: &mut B, name: &str, len: usize) -> Result<B::Vector, Error> {
        let values = self.values(backend, name, len)?;
        backend.vector(values)
    }

    /// Refuses what no part of the wiring asked for.
    pub(crate) fn finish(self, architecture: &str) -> Result<(), Error> {
        match self.entries.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::UnexpectedTensor { name, architecture: architecture.to_owned() }),
        }
    }
}
