//! Ed25519 keys (RFC 8032) and their text forms: `ed25519:HEX` is public, `ed25519-secret:HEX` is not.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::Error;

const PUBLIC: &str = "ed25519:";
const SECRET: &str = "ed25519-secret:";

/// A public key. The whole key is its name, so that no two keys share one.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Whether `signature` is this key's over `message`. Strict: no signature has a second form.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    /// The first eight digits, for names of files.
    #[must_use]
    pub fn short(&self) -> String {
        let [a, b, c, d, ..] = self.0.to_bytes();
        hex::encode([a, b, c, d])
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |detail| Error::Key { detail };
        let digits = text.strip_prefix(PUBLIC).ok_or_else(|| {
            wrong("a public key is written ed25519: and 64 hexadecimal digits, as use-case keygen prints it")
        })?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes)
            .map_err(|_| wrong("a public key has 64 hexadecimal digits; copy the whole line"))?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or_else(|| wrong("these digits are no usable Ed25519 key; copy the whole line"))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", hex::encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A signer's key. No `Debug`: it is secret; it is wiped when dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From 32 secret random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads what [`SigningKey::to_secret_text`] wrote.
    ///
    /// # Errors
    /// [`Error::Key`]; the message holds nothing of the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.trim().strip_prefix(SECRET).unwrap_or_default();
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, seed.as_mut_slice()).map_err(|_| Error::Key {
            detail: "this is no secret key; a key file is one line, as use-case keygen writes it",
        })?;
        Ok(Self::from_seed(&seed))
    }

    /// The line of a key file, secret.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(self.0.as_bytes()));
        Zeroizing::new(format!("{SECRET}{}\n", digits.as_str()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}
