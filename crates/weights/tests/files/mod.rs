//! Writes small model files, right ones and wrong ones.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "test support")]

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use weights::PinnedFile;

/// A GGUF file in the making; every field can be made wrong.
pub struct Gguf {
    pub version: u32,
    pub pairs: Vec<u8>,
    pub pair_count: u64,
    pub tensors: Vec<u8>,
    pub tensor_count: u64,
    pub alignment: usize,
    pub data: Vec<u8>,
}

pub fn text(value: &str) -> Vec<u8> {
    let mut bytes = (value.len() as u64).to_le_bytes().to_vec();
    bytes.extend(value.as_bytes());
    bytes
}

impl Gguf {
    pub fn new() -> Self {
        Self {
            version: 3,
            pairs: Vec::new(),
            pair_count: 0,
            tensors: Vec::new(),
            tensor_count: 0,
            alignment: 32,
            data: Vec::new(),
        }
    }

    /// A pair from its type and the bytes of its value.
    pub fn pair(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.pairs.extend(text(key));
        self.pairs.extend(kind.to_le_bytes());
        self.pairs.extend(value);
        self.pair_count += 1;
        self
    }

    /// An array of `count` elements of type `kind`.
    pub fn array(self, key: &str, kind: u32, count: u64, elements: &[u8]) -> Self {
        let mut value = kind.to_le_bytes().to_vec();
        value.extend(count.to_le_bytes());
        value.extend(elements);
        self.pair(key, 9, &value)
    }

    /// A tensor that only the header knows.
    pub fn tensor_info(mut self, name: &str, dims: &[u64], kind: u32, offset: u64) -> Self {
        self.tensors.extend(text(name));
        self.tensors.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|dim| self.tensors.extend(dim.to_le_bytes()));
        self.tensors.extend(kind.to_le_bytes());
        self.tensors.extend(offset.to_le_bytes());
        self.tensor_count += 1;
        self
    }

    /// A tensor with its data, at the next aligned place. Dimensions in GGUF's order, fastest first.
    pub fn tensor(mut self, name: &str, dims: &[u64], kind: u32, data: &[u8]) -> Self {
        while !self.data.len().is_multiple_of(self.alignment) {
            self.data.push(0xee);
        }
        let offset = self.data.len() as u64;
        self.data.extend(data);
        self.tensor_info(name, dims, kind, offset)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.tensor_count.to_le_bytes());
        bytes.extend(self.pair_count.to_le_bytes());
        bytes.extend(&self.pairs);
        bytes.extend(&self.tensors);
        while !bytes.len().is_multiple_of(self.alignment) {
            bytes.push(0xcc);
        }
        bytes.extend(&self.data);
        bytes
    }
}

/// A small file with every value type, arrays, and three tensors of different types.
pub fn rich() -> Gguf {
    let words: Vec<u8> = ["een", "twee", "🌷"].iter().flat_map(|word| text(word)).collect();
    let floats: Vec<u8> = [0.5f32, -1.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let signed: Vec<u8> = [-3i32, 7].iter().flat_map(|value| value.to_le_bytes()).collect();
    Gguf::new()
        .pair("general.architecture", 8, &text("llama"))
        .pair("u8", 0, &[200])
        .pair("i8", 1, &[0xff])
        .pair("u16", 2, &60_000u16.to_le_bytes())
        .pair("i16", 3, &(-2i16).to_le_bytes())
        .pair("u32", 4, &7u32.to_le_bytes())
        .pair("i32", 5, &(-9i32).to_le_bytes())
        .pair("f32", 6, &1.5f32.to_le_bytes())
        .pair("bool", 7, &[1])
        .pair("u64", 10, &u64::MAX.to_le_bytes())
        .pair("i64", 11, &i64::MIN.to_le_bytes())
        .pair("f64", 12, &2.5f64.to_le_bytes())
        .array("words", 8, 3, &words)
        .array("floats", 6, 2, &floats)
        .array("signed", 5, 2, &signed)
        .array("bytes", 0, 3, &[1, 2, 255])
        .array("flags", 7, 2, &[0, 1])
        .tensor("norm", &[5], 0, &(0..20).collect::<Vec<u8>>())
        .tensor("matrix", &[64, 2], 3, &[0x5a; 4 * 20])
        .tensor("half", &[3, 2], 1, &[7; 12])
}

pub fn pin(path: &Path) -> PinnedFile {
    let bytes = std::fs::read(path).unwrap();
    PinnedFile {
        path: path.to_owned(),
        sha256: Sha256::digest(&bytes).into(),
        size_bytes: bytes.len() as u64,
    }
}

/// Writes a file and gives its path and right pin.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> (PathBuf, PinnedFile) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    let pinned = pin(&path);
    (path, pinned)
}

/// A safetensors file from its JSON header and data.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Names and bytes, in the order the sink had them.
pub type Tensors = Vec<(String, Vec<u8>)>;

/// Loads with a sink that keeps every tensor.
pub fn load_all(file: &PinnedFile) -> Result<(weights::Verified, Tensors), weights::Error> {
    let mut seen = Tensors::new();
    let verified = weights::load(file, &mut |_, _| {}, &mut |_, tensor, piece| {
        match seen.last_mut() {
            Some((name, bytes)) if *name == tensor.name => {
                assert_eq!(piece.start, bytes.len() as u64);
                bytes.extend(piece.bytes);
            }
            _ => {
                assert_eq!(piece.start, 0);
                seen.push((tensor.name.clone(), piece.bytes.to_vec()));
            }
        }
        Ok(())
    })?;
    Ok((verified, seen))
}
