//! A writer of GGUF version 3, as ggml's `docs/gguf.md` describes it.

/// Bytes that tensor data is aligned to.
const ALIGNMENT: usize = 32;

/// A GGUF file in the making; nothing is checked, so that broken files can be made as well.
#[derive(Debug, Clone, Default)]
pub struct Gguf {
    metadata: Vec<u8>,
    metadata_len: u64,
    infos: Vec<u8>,
    infos_len: u64,
    data: Vec<u8>,
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.extend((value.len() as u64).to_le_bytes());
    out.extend(value.as_bytes());
}

impl Gguf {
    /// Neither metadata nor tensors.
    pub fn new() -> Self {
        Gguf::default()
    }

    fn value(mut self, key: &str, kind: u32, bytes: &[u8]) -> Self {
        text(&mut self.metadata, key);
        self.metadata.extend(kind.to_le_bytes());
        self.metadata.extend(bytes);
        self.metadata_len += 1;
        self
    }

    fn array(self, key: &str, kind: u32, len: usize, bytes: &[u8]) -> Self {
        let mut array = kind.to_le_bytes().to_vec();
        array.extend((len as u64).to_le_bytes());
        array.extend(bytes);
        self.value(key, 9, &array)
    }

    /// A string.
    pub fn string(self, key: &str, value: &str) -> Self {
        let mut bytes = Vec::new();
        text(&mut bytes, value);
        self.value(key, 8, &bytes)
    }

    /// An unsigned integer of 32 bits.
    pub fn u32(self, key: &str, value: u32) -> Self {
        self.value(key, 4, &value.to_le_bytes())
    }

    /// A float of 32 bits.
    pub fn f32(self, key: &str, value: f32) -> Self {
        self.value(key, 6, &value.to_le_bytes())
    }

    /// A boolean.
    pub fn bool(self, key: &str, value: bool) -> Self {
        self.value(key, 7, &[u8::from(value)])
    }

    /// An array of strings.
    pub fn strings<S: AsRef<str>>(self, key: &str, values: &[S]) -> Self {
        let mut bytes = Vec::new();
        for value in values {
            text(&mut bytes, value.as_ref());
        }
        self.array(key, 8, values.len(), &bytes)
    }

    /// An array of signed integers of 32 bits.
    pub fn i32s(self, key: &str, values: &[i32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.array(key, 5, values.len(), &bytes)
    }

    /// An array of booleans.
    pub fn bools(self, key: &str, values: &[bool]) -> Self {
        let bytes: Vec<u8> = values.iter().map(|value| u8::from(*value)).collect();
        self.array(key, 7, values.len(), &bytes)
    }

    /// A tensor; `shape` is row-major (`[rows, cols]`), `type_id` is ggml's, `raw` its bytes.
    pub fn tensor(mut self, name: &str, shape: &[u64], type_id: u32, raw: &[u8]) -> Self {
        text(&mut self.infos, name);
        self.infos.extend((shape.len() as u32).to_le_bytes());
        for dim in shape.iter().rev() {
            self.infos.extend(dim.to_le_bytes());
        }
        self.infos.extend(type_id.to_le_bytes());
        self.infos.extend((self.data.len() as u64).to_le_bytes());
        self.infos_len += 1;
        self.data.extend(raw);
        self.data.resize(self.data.len().next_multiple_of(ALIGNMENT), 0);
        self
    }

    /// The file.
    pub fn build(self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend(self.infos_len.to_le_bytes());
        file.extend(self.metadata_len.to_le_bytes());
        file.extend(self.metadata);
        file.extend(self.infos);
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(self.data);
        file
    }
}
