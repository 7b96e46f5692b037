//! A pinned file to a model ready to run. Each tensor is packed as it is read; nothing is usable unless the hash held.

use crate::layers::{Backend, Candle, Cpu};
use crate::model_runner::ModelRunner;
use crate::models::{self, Config, Decoder, Family, SUPPORTED};
use crate::tensors::Tensors;
use crate::{Error, Model};
use kernels::KvType;
use std::time::{Duration, Instant};
use weights::{Metadata, Piece, PinnedFile, TensorInfo};

/// Where the arithmetic runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The kernels of this project, on the weights as the file has them.
    #[default]
    Cpu,
    /// candle's CPU device in f32: slow, and the reference for the other devices.
    Reference,
    /// A CUDA device by number; needs the cargo feature `cuda`.
    Cuda(usize),
    /// A Metal device by number; needs the cargo feature `metal`.
    Metal(usize),
}

/// How to load.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Threads of the kernels' pool, at least 1. Does not change any result.
    pub threads: usize,
    /// Where the arithmetic runs.
    pub device: Device,
    /// How keys and values are stored; the cpu has both, other devices binary16. A model's answers differ between them.
    pub kv_type: KvType,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        LoadOptions { threads, device: Device::Cpu, kv_type: KvType::F16 }
    }
}

/// The instruction set tier that the kernels of this process run on.
///
/// # Errors
/// `Fault` when `PROEFTUIN_ISA` asks for a tier that is unknown or not on this machine; it names the choices.
pub fn isa() -> Result<String, Error> {
    kernels::isa().map(|isa| isa.name().to_owned()).map_err(|error| Error::Fault(error.to_string()))
}

/// What was loaded, for the log and the receipt.
#[derive(Debug, Clone)]
pub struct LoadReport {
    /// `general.architecture`.
    pub architecture: String,
    /// The hash that names the model's files, see `weights::identity_sha256`.
    pub sha256: [u8; 32],
    /// Bytes read and hashed.
    pub file_bytes: u64,
    /// Tensors packed.
    pub tensors: usize,
    /// Bytes the packed tensors take in memory.
    pub packed_bytes: u64,
    /// Time spent reading and hashing.
    pub read_time: Duration,
    /// Time spent packing, while the next pieces were read and hashed.
    pub pack_time: Duration,
    /// The instruction set or device the arithmetic runs on.
    pub isa: String,
}

/// A model, what its file says about it, and what was read.
#[derive(Debug)]
pub struct Loaded {
    /// For `start`.
    pub model: Model,
    /// For the tokenizer and the chat template.
    pub metadata: Metadata,
    /// For the log.
    pub report: LoadReport,
}

/// Loads a model of one file or several: reads every byte once, hashes it, packs each tensor as it arrives.
/// `progress` is told bytes done and bytes in all.
///
/// # Errors
/// `Weights` when a file is not the pinned one (with both hashes) or is malformed; otherwise what the model lacks or has
/// too much, by name. Nothing of a file that was refused is kept.
pub fn load(
    files: &[PinnedFile],
    options: &LoadOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Loaded, Error> {
    if options.kv_type != KvType::F16 && options.device != Device::Cpu {
        let reason = "only the cpu stores keys and values in bytes; use f16".to_owned();
        return Err(Error::Options { field: "kv_type", reason });
    }
    match options.device {
        Device::Cpu if options.threads == 0 => {
            Err(Error::Options { field: "threads", reason: "must be at least 1".to_owned() })
        }
        Device::Cpu => load_on(Cpu::new(options.threads, options.kv_type)?, files, progress),
        Device::Reference => load_on(Candle::reference(), files, progress),
        Device::Cuda(number) => load_on(cuda(number)?, files, progress),
        Device::Metal(number) => load_on(metal(number)?, files, progress),
    }
}

fn cuda(number: usize) -> Result<Candle, Error> {
    in_this_build(cfg!(feature = "cuda"), format!("cuda:{number}"), "cuda")?;
    Ok(Candle::new(candle_core::Device::new_cuda(number)?, format!("candle-cuda-{number}")))
}

fn metal(number: usize) -> Result<Candle, Error> {
    in_this_build(cfg!(feature = "metal"), format!("metal:{number}"), "metal")?;
    Ok(Candle::new(candle_core::Device::new_metal(number)?, format!("candle-metal-{number}")))
}

fn in_this_build(there: bool, device: String, feature: &str) -> Result<(), Error> {
    if there {
        return Ok(());
    }
    let reason =
        format!("this build has no such device; build with the cargo feature `{feature}`, or use the cpu");
    Err(Error::Device { device, reason })
}

/// `load` on a given device.
fn load_on<B: Backend>(
    mut backend: B,
    files: &[PinnedFile],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Loaded, Error> {
    let mut tensors = Tensors::default();
    let mut pack_time = Duration::ZERO;
    // The first tensor brings the metadata: an unknown architecture is refused before anything is packed.
    let mut sink =
        |metadata: &Metadata, info: &TensorInfo, piece: Piece<'_>| -> Result<(), weights::SinkError> {
            if tensors.count == 0 && piece.start == 0 {
                family(metadata)?;
            }
            let began = Instant::now();
            tensors.accept(&mut backend, info, piece)?;
            pack_time += began.elapsed();
            Ok(())
        };
    let verified = weights::load_model(files, progress, &mut sink).map_err(from_sink)?;
    // From here on the hashes have held.
    let config = Config::read(verified.metadata(), family(verified.metadata())?)?;
    let architecture = config.family.architecture;
    let (count, packed_bytes) = (tensors.count, tensors.packed_bytes);
    let wired = Decoder::new(&mut backend, &config, &mut tensors)?;
    tensors.finish(architecture)?;
    let report = LoadReport {
        architecture: architecture.to_owned(),
        sha256: verified.sha256(),
        file_bytes: verified.files().iter().map(|file| file.size_bytes).sum(),
        tensors: count,
        packed_bytes,
        read_time: verified.read_time(),
        pack_time,
        isa: backend.name().to_owned(),
    };
    let model = Model { lm: Box::new(ModelRunner::new(backend, wired, config)) };
    Ok(Loaded { model, metadata: verified.into_metadata(), report })
}

/// The family the file names, if it is one that is known.
fn family(metadata: &Metadata) -> Result<&'static Family, Error> {
    let Some(architecture) = metadata.architecture() else {
        return Err(Error::MissingMetadata { key: "general.architecture".to_owned() });
    };
    models::family(architecture).ok_or_else(|| Error::UnknownArchitecture {
        architecture: architecture.chars().take(64).flat_map(char::escape_default).collect(),
        supported: SUPPORTED,
    })
}

/// What the engine's own sink refused is told as it is; a kernel's refusal keeps the tensor's name around it.
fn from_sink(error: weights::Error) -> Error {
    match error {
        weights::Error::Sink { path, tensor, source } => match source.downcast::<Error>() {
            Ok(own) if !matches!(*own, Error::Kernels(_)) => *own,
            Ok(own) => Error::Weights(weights::Error::Sink { path, tensor, source: own }),
            Err(source) => Error::Weights(weights::Error::Sink { path, tensor, source }),
        },
        other => Error::Weights(other),
    }
}
