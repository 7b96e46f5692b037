//! C2SP signed notes with Ed25519: signing and verifying, and the text forms of the keys.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{Error, Result};

/// Signature type of plain Ed25519 in signed-note.
const ALGORITHM_ED25519: u8 = 1;
/// Longest note this crate reads.
const NOTE_BYTES_MAX: usize = 1_000_000;
/// Most signature lines this crate reads.
const SIGNATURES_MAX: usize = 100;

fn broken(what: &'static str, why: impl Into<String>) -> Error {
    Error::Note { what, why: why.into() }
}

/// First four bytes of `SHA-256(name || 0x0A || type || public key)`.
pub(crate) fn key_id(name: &str, algorithm: u8, public: &[u8; 32]) -> [u8; 4] {
    let hash =
        Sha256::new().chain_update(name).chain_update([b'\n', algorithm]).chain_update(public).finalize();
    let [a, b, c, d, ..] = hash.0;
    [a, b, c, d]
}

/// `what` the name stands in: a flipped byte in a checkpoint is told as one of the checkpoint.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<()> {
    let bad = |c: char| c.is_whitespace() || c == '+' || c.is_control();
    if name.is_empty() || name.len() > 255 || name.contains(bad) {
        return Err(broken(what, "the key's name must be 1 to 255 bytes without spaces and plus signs"));
    }
    Ok(())
}

/// Reads `name+hash+base64(type || key)`.
pub(crate) fn parse_public(what: &'static str, text: &str, algorithm: u8) -> Result<(String, VerifyingKey)> {
    let mut parts = text.trim().splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(broken(what, "expected name+hash+base64"));
    };
    check_name(what, name)?;
    let data = STANDARD.decode(key).map_err(|_| broken(what, "the key is not base64"))?;
    let Some(public) = data.split_first().filter(|(kind, _)| **kind == algorithm).map(|(_, rest)| rest)
    else {
        return Err(broken(what, format!("its type is not {algorithm}, {}", kind_name(algorithm))));
    };
    let public: [u8; 32] = public.try_into().map_err(|_| broken(what, "the key has not 32 bytes"))?;
    if hex::encode(key_id(name, algorithm, &public)) != id {
        return Err(broken(what, "the hash does not match name and key"));
    }
    let key = VerifyingKey::from_bytes(&public).map_err(|_| broken(what, "not a point of the curve"))?;
    Ok((name.to_owned(), key))
}

fn kind_name(algorithm: u8) -> &'static str {
    if algorithm == ALGORITHM_ED25519 { "a log's Ed25519 key" } else { "a witness's Ed25519 key" }
}

/// The form that [`parse_public`] reads.
pub(crate) fn public_text(name: &str, algorithm: u8, key: &VerifyingKey) -> String {
    let mut data = vec![algorithm];
    data.extend_from_slice(key.as_bytes());
    let id = hex::encode(key_id(name, algorithm, key.as_bytes()));
    format!("{name}+{id}+{}", STANDARD.encode(data))
}

/// A fresh random key.
pub(crate) fn random_key() -> Result<SigningKey> {
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|e| Error::Random { why: e.to_string() })?;
    Ok(SigningKey::from_bytes(&seed))
}

/// Reads `PRIVATE+KEY+name+hash+base64(type || seed)`.
pub(crate) fn parse_secret(what: &'static str, text: &str, algorithm: u8) -> Result<(String, SigningKey)> {
    let rest = text.trim().strip_prefix("PRIVATE+KEY+");
    let mut parts = rest.unwrap_or_default().splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(broken(what, "expected PRIVATE+KEY+name+hash+base64"));
    };
    check_name(what, name)?;
    let data = Zeroizing::new(STANDARD.decode(key).map_err(|_| broken(what, "the key is not base64"))?);
    let Some(seed) = data.split_first().filter(|(kind, _)| **kind == algorithm).map(|(_, rest)| rest) else {
        return Err(broken(what, format!("its type is not {algorithm}, {}", kind_name(algorithm))));
    };
    let seed: &[u8; 32] = seed.try_into().map_err(|_| broken(what, "the key has not 32 bytes"))?;
    let key = SigningKey::from_bytes(seed);
    if hex::encode(key_id(name, algorithm, key.verifying_key().as_bytes())) != id {
        return Err(broken(what, "the hash does not match name and key"));
    }
    Ok((name.to_owned(), key))
}

/// The form that [`parse_secret`] reads, secret.
pub(crate) fn secret_text(name: &str, algorithm: u8, key: &SigningKey) -> Zeroizing<String> {
    let mut data = Zeroizing::new(vec![algorithm]);
    data.extend_from_slice(key.as_bytes());
    let id = hex::encode(key_id(name, algorithm, key.verifying_key().as_bytes()));
    let encoded = Zeroizing::new(STANDARD.encode(data.as_slice()));
    Zeroizing::new(format!("PRIVATE+KEY+{name}+{id}+{}", encoded.as_str()))
}

/// A signature line: the key's name, and its id before what it signed with.
pub(crate) fn signature_text(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    format!("— {name} {}\n", STANDARD.encode([&id[..], signature].concat()))
}

/// Text of a note (final newline included) and the signatures by one key, unverified.
pub(crate) fn signatures_by<'a>(
    what: &'static str,
    note: &'a str,
    name: &str,
    id: [u8; 4],
) -> Result<(&'a str, Vec<Vec<u8>>)> {
    let (text, lines) = split_note(what, note)?;
    let mut found = Vec::new();
    for line in lines {
        let (by, by_id, signature) = signature_line(what, line)?;
        if by == name && by_id == id {
            found.push(signature);
        }
    }
    Ok((text, found))
}

/// A public key with its name: `name+hash+base64(0x01 || key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`Error::Note`] when it does not parse or its hash does not match.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, key) = parse_public("verifier key", text, ALGORITHM_ED25519)?;
        Ok(Self { name, key })
    }

    /// The key's name, which is the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, ALGORITHM_ED25519, self.key.as_bytes())
    }

    /// Checks that `note` carries this key's signature and returns the signed text, final newline included.
    ///
    /// Signatures by other keys (witnesses) are allowed and not judged.
    ///
    /// # Errors
    /// [`Error::Note`] saying what is wrong, in which `what`.
    pub fn open<'a>(&self, what: &'static str, note: &'a str) -> Result<&'a str> {
        let (text, signatures) = signatures_by(what, note, &self.name, self.id())?;
        let signature = match signatures.as_slice() {
            [] => return Err(broken(what, "no signature by the log's key")),
            [signature] => signature,
            _ => return Err(broken(what, "two signatures by the log's key")),
        };
        let signature: [u8; 64] = signature
            .as_slice()
            .try_into()
            .map_err(|_| broken(what, "the log's signature has not 64 bytes"))?;
        self.key
            .verify_strict(text.as_bytes(), &Signature::from_bytes(&signature))
            .map_err(|_| broken(what, "the log's signature does not verify"))?;
        Ok(text)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&public_text(&self.name, ALGORITHM_ED25519, &self.key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// Splits a note into its text (with the newline that ends it) and its signature lines.
fn split_note<'a>(what: &'static str, note: &'a str) -> Result<(&'a str, Vec<&'a str>)> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(broken(what, "is longer than 1,000,000 bytes"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(broken(what, "has a control character"));
    }
    let Some(at) = note.rfind("\n\n") else {
        return Err(broken(what, "has no empty line before its signatures"));
    };
    let (text, signatures) = note.split_at(at + 1);
    let signatures = signatures.strip_prefix('\n').and_then(|s| s.strip_suffix('\n'));
    let Some(signatures) = signatures.filter(|s| !s.is_empty()) else {
        return Err(broken(what, "has no signature, or its last line does not end"));
    };
    let lines: Vec<&str> = signatures.split('\n').collect();
    if lines.len() > SIGNATURES_MAX {
        return Err(broken(what, "has more than 100 signatures"));
    }
    Ok((text, lines))
}

fn signature_line<'a>(what: &'static str, line: &'a str) -> Result<(&'a str, [u8; 4], Vec<u8>)> {
    let parsed = line.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
    let Some((name, data)) = parsed else {
        return Err(broken(what, "a signature line does not start with a dash and a name"));
    };
    check_name(what, name)?;
    let data = STANDARD.decode(data).map_err(|_| broken(what, "a signature is not base64"))?;
    match data.split_first_chunk::<4>() {
        Some((id, signature)) if !signature.is_empty() => Ok((name, *id, signature.to_vec())),
        _ => Err(broken(what, "a signature is too short")),
    }
}

/// The log's signing key with its name. No `Debug`: it is secret.
pub struct NoteSigner {
    name: String,
    key: SigningKey,
}

impl NoteSigner {
    /// A key from 32 secret bytes.
    ///
    /// # Errors
    /// [`Error::Note`] when the name is not allowed in a note.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self> {
        check_name("signing key", name)?;
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// [`Error::Random`], or [`Error::Note`] for the name.
    pub fn generate(name: &str) -> Result<Self> {
        check_name("signing key", name)?;
        Ok(Self { name: name.to_owned(), key: random_key()? })
    }

    /// Reads the text form `PRIVATE+KEY+name+hash+base64(0x01 || seed)`.
    ///
    /// # Errors
    /// [`Error::Note`] saying what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, key) = parse_secret("signing key", text, ALGORITHM_ED25519)?;
        Ok(Self { name, key })
    }

    /// The text form, secret.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        secret_text(&self.name, ALGORITHM_ED25519, &self.key)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Signs `text`, which must end with a newline, and returns the whole note.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        format!("{text}\n{}", signature_text(&self.name, self.verifier().id(), &signature))
    }
}
