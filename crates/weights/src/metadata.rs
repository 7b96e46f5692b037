//! Typed key-value metadata of a model file.

use std::collections::BTreeMap;

/// One metadata value. GGUF's types, with the widths the file used.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Unsigned integer of 8, 16, 32 or 64 bits.
    Unsigned(u64),
    /// Signed integer of 8, 16, 32 or 64 bits.
    Signed(i64),
    /// 32-bit float.
    F32(f32),
    /// 64-bit float.
    F64(f64),
    /// Boolean.
    Bool(bool),
    /// UTF-8 text.
    Text(String),
    /// Flat array; GGUF's nested arrays are refused when read.
    Array(Array),
}

/// A flat array of one type. Narrow integers are widened to 32 bits with their sign.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Array {
    /// From `u8`, `u16`, `u32`.
    U32(Vec<u32>),
    /// From `i8`, `i16`, `i32`.
    I32(Vec<i32>),
    /// From `u64`.
    U64(Vec<u64>),
    /// From `i64`.
    I64(Vec<i64>),
    /// From `f32`.
    F32(Vec<f32>),
    /// From `f64`.
    F64(Vec<f64>),
    /// From `bool`.
    Bool(Vec<bool>),
    /// From strings.
    Text(Vec<String>),
}

impl Array {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::U32(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A model file's metadata: GGUF's key-value pairs, or the `__metadata__` strings of safetensors.
///
/// Getters give `None` both when the key is absent and when its value has another type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    values: BTreeMap<String, Value>,
}

impl Metadata {
    /// Adds a pair; gives the key back when it was there already.
    pub(crate) fn insert(&mut self, key: String, value: Value) -> Result<(), String> {
        match self.values.entry(key) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(value);
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(slot) => Err(slot.key().clone()),
        }
    }

    /// All keys, in byte order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// All pairs, in byte order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// Text.
    pub fn string(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Any integer that is not negative.
    pub fn u64(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Unsigned(value) => Some(*value),
            Value::Signed(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A non-negative integer that fits in 32 bits, such as a token id.
    pub fn u32(&self, key: &str) -> Option<u32> {
        u32::try_from(self.u64(key)?).ok()
    }

    /// A float of 32 bits, or of 64 bits rounded to 32.
    pub fn f32(&self, key: &str) -> Option<f32> {
        match self.get(key)? {
            Value::F32(value) => Some(*value),
            #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is what the caller asks for")]
            Value::F64(value) => Some(*value as f32),
            _ => None,
        }
    }

    /// A boolean.
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// An array of strings.
    pub fn strings(&self, key: &str) -> Option<&[String]> {
        match self.get(key)? {
            Value::Array(Array::Text(values)) => Some(values),
            _ => None,
        }
    }

    /// An array of 32-bit floats.
    pub fn f32s(&self, key: &str) -> Option<&[f32]> {
        match self.get(key)? {
            Value::Array(Array::F32(values)) => Some(values),
            _ => None,
        }
    }

    /// An array of signed integers of at most 32 bits.
    pub fn i32s(&self, key: &str) -> Option<&[i32]> {
        match self.get(key)? {
            Value::Array(Array::I32(values)) => Some(values),
            _ => None,
        }
    }

    /// An array of unsigned integers of at most 32 bits.
    pub fn u32s(&self, key: &str) -> Option<&[u32]> {
        match self.get(key)? {
            Value::Array(Array::U32(values)) => Some(values),
            _ => None,
        }
    }

    /// `general.architecture`, such as `llama`; absent in safetensors.
    pub fn architecture(&self) -> Option<&str> {
        self.string("general.architecture")
    }
}
