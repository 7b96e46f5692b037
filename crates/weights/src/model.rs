//! A model of several files: shards, their index, and the files beside them.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::error::{Error, SinkError, printable};
use crate::load::{PinnedFile, Verified, load, open_pinned, settle};
use crate::metadata::Metadata;
use crate::stream::{Piece, Sink};
use crate::tensor::TensorInfo;

/// Largest file without tensors that is read into memory: tokenizers of large vocabularies have tens of megabytes.
const SIDE_FILE_BYTES_MAX: u64 = 128 << 20;

/// A file that was read whole and had the pinned hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFile {
    /// File name, without folders.
    pub name: String,
    /// SHA-256 of the bytes read, equal to the pinned one.
    pub sha256: [u8; 32],
    /// Size in bytes.
    pub size_bytes: u64,
}

/// The one hash that names a model's files: of a single file its own SHA-256 (so that `sha256sum` shows it); of several,
/// SHA-256 over the lines `HEX  SIZE  NAME\n` sorted by name.
pub fn identity_sha256(files: &[VerifiedFile]) -> [u8; 32] {
    if let [only] = files {
        return only.sha256;
    }
    let mut lines: Vec<_> = files.iter().map(|file| (&file.name, file.sha256, file.size_bytes)).collect();
    lines.sort();
    let mut hasher = Sha256::new();
    for (name, sha256, size_bytes) in lines {
        hasher.update(format!("{}  {size_bytes}  {name}\n", hex::encode(sha256)));
    }
    hasher.finalize().into()
}

/// Reads a pinned file whole, such as a chat template or a tokenizer.
///
/// # Errors
/// As [`load`]; [`Error::Assembly`] for a file of more than 128 MiB.
pub fn read_pinned(file: &PinnedFile) -> Result<Vec<u8>, Error> {
    if file.size_bytes > SIDE_FILE_BYTES_MAX {
        return Err(Error::Assembly(format!(
            "{}: {} bytes are too many for a file without tensors",
            file.path.display(),
            file.size_bytes
        )));
    }
    let mut reader = open_pinned(file)?;
    let len = usize::try_from(file.size_bytes).unwrap_or_default();
    let mut bytes = vec![0; len];
    reader.fill(&mut bytes).map_err(|source| Error::Io { doing: "read", path: file.path.clone(), source })?;
    settle(reader, file)?;
    Ok(bytes)
}

/// Loads a model of one file or many: GGUF splits in order, safetensors shards with their
/// `*.safetensors.index.json`, and files beside them (`config.json`, `tokenizer.json`), which are verified and kept.
///
/// The sink and the progress are those of [`load`], over all files together.
///
/// # Errors
/// As [`load`]; [`Error::Assembly`] when the files do not make one model.
pub fn load_model(
    files: &[PinnedFile],
    progress: &mut dyn FnMut(u64, u64),
    sink: &mut Sink<'_>,
) -> Result<Verified, Error> {
    let total = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.size_bytes));
    let (shards, beside): (Vec<_>, Vec<_>) = files.iter().partition(|file| {
        file.path.extension().is_some_and(|extension| extension == "gguf" || extension == "safetensors")
    });
    let mut done = 0u64;
    let mut whole = Verified {
        metadata: Metadata::default(),
        tensors: Vec::new(),
        files: Vec::new(),
        side_files: Vec::new(),
        read_time: Duration::ZERO,
    };
    let began = Instant::now();
    for file in beside {
        let bytes = read_pinned(file)?;
        done = done.saturating_add(file.size_bytes);
        progress(done, total);
        let name = crate::load::name_of(&file.path);
        whole.files.push(VerifiedFile {
            name: name.clone(),
            sha256: file.sha256,
            size_bytes: file.size_bytes,
        });
        whole.side_files.push((name, bytes));
    }
    whole.read_time = began.elapsed();
    let index = shard_index(&whole.side_files)?;
    let mut seen: HashSet<String> = HashSet::new();
    for (number, file) in shards.iter().enumerate() {
        let shard = crate::load::name_of(&file.path);
        let mut checked =
            |metadata: &Metadata, tensor: &TensorInfo, piece: Piece<'_>| -> Result<(), SinkError> {
                if index.as_ref().is_some_and(|index| index.get(&tensor.name) != Some(&shard)) {
                    return Err("the shard index does not place this tensor in this file".into());
                }
                if piece.start == 0 && !seen.insert(tensor.name.clone()) {
                    return Err("another shard has a tensor of this name".into());
                }
                sink(metadata, tensor, piece)
            };
        let part = load(file, &mut |part, _| progress(done.saturating_add(part), total), &mut checked)?;
        check_split(&part, number, shards.len(), index.is_some())?;
        done = done.saturating_add(file.size_bytes);
        if number == 0 {
            whole.metadata = part.metadata;
        }
        whole.tensors.extend(part.tensors);
        whole.files.extend(part.files);
        whole.read_time = whole.read_time.saturating_add(part.read_time);
    }
    if shards.is_empty() {
        return Err(Error::Assembly("no .gguf or .safetensors file among the model's files".to_owned()));
    }
    if let Some(missing) = index.iter().flatten().find(|(name, _)| !seen.contains(*name)) {
        return Err(Error::Assembly(format!(
            "tensor {} of the shard index is in no file",
            printable(missing.0)
        )));
    }
    Ok(whole)
}

/// Tensor name → file name, from the one index there may be.
fn shard_index(side_files: &[(String, Vec<u8>)]) -> Result<Option<BTreeMap<String, String>>, Error> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let mut indexes = side_files.iter().filter(|(name, _)| name.ends_with(".safetensors.index.json"));
    let Some((name, bytes)) = indexes.next() else { return Ok(None) };
    if indexes.next().is_some() {
        return Err(Error::Assembly("two shard indexes in one model".to_owned()));
    }
    serde_json::from_slice::<Index>(bytes)
        .map(|index| Some(index.weight_map))
        .map_err(|error| Error::Assembly(format!("{name}: {}", printable(&error.to_string()))))
}

/// One file, or shards under an index, or GGUF splits that count themselves `number` of `count`.
fn check_split(part: &Verified, number: usize, count: usize, indexed: bool) -> Result<(), Error> {
    let own_count = part.metadata.u64("split.count").unwrap_or(1).max(1);
    let own_number = part.metadata.u64("split.no").unwrap_or(0);
    let by_split = own_count == count as u64 && own_number == number as u64;
    if indexed || by_split {
        return Ok(());
    }
    let name = part.files.first().map(|file| file.name.as_str()).unwrap_or_default();
    Err(Error::Assembly(format!(
        "{name} is part {} of {own_count}, and stands as part {} of {count}: list all parts in order, or add the \
         .safetensors.index.json",
        own_number.saturating_add(1),
        number.saturating_add(1),
    )))
}
