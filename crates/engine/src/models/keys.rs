//! Checked values of GGUF metadata under an architecture's prefix.

use crate::Error;
use weights::{Array, Metadata, Value};

/// Largest value accepted for any count; far above any real model, far below an overflow.
const COUNT_MAX: u64 = 1 << 24;

/// Reads keys under the architecture's prefix.
pub(super) struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

impl<'a> Keys<'a> {
    pub(super) fn new(metadata: &'a Metadata, architecture: &'a str) -> Self {
        Keys { metadata, architecture }
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    /// The refusal of a key's value.
    pub(super) fn bad<T>(&self, name: &str, reason: impl Into<String>) -> Result<T, Error> {
        Err(Error::BadMetadata { key: self.key(name), reason: reason.into() })
    }

    /// Whether the file says anything under this key.
    pub(super) fn has(&self, name: &str) -> bool {
        self.metadata.get(&self.key(name)).is_some()
    }

    /// Whether the file says something else than this number; false is 0, true is 1.
    pub(super) fn differs(&self, name: &str, neutral: f64) -> bool {
        match self.metadata.get(&self.key(name)) {
            None => false,
            Some(Value::Bool(value)) => f64::from(u8::from(*value)) != neutral,
            Some(Value::Unsigned(value)) => *value as f64 != neutral,
            Some(Value::Signed(value)) => *value as f64 != neutral,
            Some(Value::F32(value)) => f64::from(*value) != neutral,
            Some(Value::F64(value)) => *value != neutral,
            Some(_) => true,
        }
    }

    /// Whether the file says something that is neither false nor 0.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.differs(name, 0.0)
    }

    /// Text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.metadata.string(&self.key(name))
    }

    /// A count of at least 1; `default` where the key is absent.
    pub(super) fn count(&self, name: &str, default: Option<usize>) -> Result<usize, Error> {
        let key = self.key(name);
        match (self.metadata.u64(&key), default) {
            (Some(value @ 1..=COUNT_MAX), _) => Ok(value as usize),
            (Some(value), _) => self.bad(name, format!("{value} is not between 1 and {COUNT_MAX}")),
            (None, Some(default)) if !self.has(name) => Ok(default),
            (None, _) => Err(Error::MissingMetadata { key }),
        }
    }

    /// A positive, finite number; `default` where the key is absent.
    pub(super) fn positive(&self, name: &str, default: Option<f32>) -> Result<f32, Error> {
        let key = self.key(name);
        match (self.metadata.f32(&key), default) {
            (Some(value), _) if value.is_finite() && value > 0.0 => Ok(value),
            (Some(value), _) => self.bad(name, format!("{value} is not a positive number")),
            (None, Some(default)) if !self.has(name) => Ok(default),
            (None, _) => Err(Error::MissingMetadata { key }),
        }
    }

    /// One flag a layer; `None` where the key is absent or no array.
    pub(super) fn flags(&self, name: &str) -> Option<Vec<bool>> {
        match self.metadata.get(&self.key(name))? {
            Value::Array(Array::Bool(flags)) => Some(flags.clone()),
            Value::Array(Array::U32(flags)) => Some(flags.iter().map(|flag| *flag != 0).collect()),
            Value::Array(Array::I32(flags)) => Some(flags.iter().map(|flag| *flag != 0).collect()),
            _ => None,
        }
    }
}
