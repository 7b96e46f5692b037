//! Values a leaf may hold: short names of the administrator's making, digests, commitments, pseudonyms, ids.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Error, Result};

/// A short identifier: 1 to 128 bytes of `A-Z a-z 0-9 . _ : / @ + -`.
///
/// It names something the administrator or this software made: a use case, a rule, a model. Never build one from a
/// string a client can choose; look the string up and use the name of what was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Longest name in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Checks length and alphabet.
    ///
    /// # Errors
    /// [`Error::Leaf`] when the name is empty, too long or has another character. The name itself is not repeated.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:/@+-".contains(&b);
        if name.is_empty() || name.len() > Self::MAX_BYTES || !name.bytes().all(allowed) {
            let why = format!("must be 1 to {} bytes of letters, digits and ._:/@+-", Self::MAX_BYTES);
            return Err(Error::Leaf { field: "name", why });
        }
        Ok(Self(name))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::new(String::deserialize(d)?).map_err(D::Error::custom)
    }
}

macro_rules! bytes_as_hex {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Reads lowercase hexadecimal.
            ///
            /// # Errors
            /// [`Error::Leaf`] when length or alphabet is wrong.
            pub fn from_hex(text: &str) -> Result<Self> {
                let mut bytes = [0u8; $len];
                let lower = text.bytes().all(|b| !b.is_ascii_uppercase());
                if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
                    let why = format!("must be {} lowercase hexadecimal digits", $len * 2);
                    return Err(Error::Leaf { field: stringify!($name), why });
                }
                Ok(Self(bytes))
            }

            /// Lowercase hexadecimal.
            #[must_use]
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.to_hex())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
                s.serialize_str(&self.to_hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
                Self::from_hex(&String::deserialize(d)?).map_err(D::Error::custom)
            }
        }
    };
}

bytes_as_hex!(
    /// SHA-256 of a file, a policy pack, a configuration, a build.
    Digest, 32
);
bytes_as_hex!(
    /// `HMAC-SHA256(k_request, bytes)`: says nothing about the bytes without the request key.
    Commitment, 32
);
bytes_as_hex!(
    /// Keyed pseudonym of an actor or data subject; noise once the subject-epoch key is destroyed.
    Pseudonym, 32
);
bytes_as_hex!(
    /// W3C trace id.
    TraceId, 16
);
bytes_as_hex!(
    /// W3C span id.
    SpanId, 8
);
bytes_as_hex!(
    /// Id of a receipt, known before its leaf: 128 random bits, sent as `X-Proeftuin-Receipt`.
    ReceiptId, 16
);

impl ReceiptId {
    /// A fresh random id.
    ///
    /// # Errors
    /// [`Error::Random`] when the operating system has no random bytes.
    pub fn random() -> Result<Self> {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes).map_err(|e| Error::Random { why: e.to_string() })?;
        Ok(Self(bytes))
    }
}

/// 64-bit integers as decimal strings, so that every JSON reader keeps all digits.
pub(crate) mod decimal {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T: FromStr + Display, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        let text = String::deserialize(d)?;
        match text.parse::<T>() {
            Ok(value) if value.to_string() == text => Ok(value),
            _ => Err(D::Error::custom("expected a decimal integer in a string")),
        }
    }
}

/// The same for optional integers.
pub(crate) mod decimal_option {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &Option<T>, s: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => s.collect_str(value),
            None => s.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: FromStr + Display, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<T>, D::Error> {
        super::decimal::deserialize(d).map(Some)
    }
}
