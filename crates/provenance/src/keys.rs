//! Keys of actors and data subjects, one for each epoch: pseudonyms and request keys come from them, and destroying
//! one turns both into noise.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    Commitment, Error, Pseudonym, ReceiptId, Result,
    store::{make_folder, put_file, read_secret},
};

/// Length of an epoch: 30 days.
const EPOCH_MS: i64 = 30 * 24 * 3600 * 1000;

/// The epoch of an instant: the number of the 30-day period since 1970.
#[must_use]
pub fn epoch_of(ts_ms: i64) -> u32 {
    u32::try_from(ts_ms.div_euclid(EPOCH_MS)).unwrap_or(0)
}

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// The user of an API key.
    Actor,
    /// The person a request is about.
    DataSubject,
}

/// A secret of 32 bytes, wiped on drop; no `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Secret([u8; 32]);

impl Secret {
    fn random() -> Result<Self> {
        let mut secret = Self([0; 32]);
        getrandom::fill(&mut secret.0).map_err(|e| Error::Random { why: e.to_string() })?;
        Ok(secret)
    }

    fn derive(&self, info: &[&[u8]]) -> [u8; 32] {
        let mut out = [0u8; 32];
        // 32 bytes are always within HKDF's bound of 255 blocks.
        let _ = Hkdf::<Sha256>::new(None, &self.0).expand_multi_info(info, &mut out);
        out
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(&Zeroizing::new(hex::encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(d)?);
        let mut secret = Self([0; 32]);
        hex::decode_to_slice(text.as_str(), &mut secret.0)
            .map_err(|_| serde::de::Error::custom("a key is not 64 hexadecimal digits"))?;
        Ok(secret)
    }
}

/// The key of one actor or data subject in one epoch.
pub struct SubjectKey {
    key: Secret,
    /// The epoch.
    pub epoch: u32,
}

impl SubjectKey {
    /// The pseudonym that stands in leaves: `HKDF(key, "proeftuin pseudonym v1")`.
    #[must_use]
    pub fn pseudonym(&self) -> Pseudonym {
        Pseudonym(self.key.derive(&[b"proeftuin pseudonym v1"]))
    }

    /// The key of one request: `HKDF(key, "proeftuin request key v1" || id)`.
    #[must_use]
    pub fn request_key(&self, id: &ReceiptId) -> RequestKey {
        RequestKey(Secret(self.key.derive(&[b"proeftuin request key v1", &id.0])))
    }
}

/// The key behind the commitments of one request. It goes to the caller in the receipt and nowhere else.
#[derive(Clone)]
pub struct RequestKey(Secret);

impl RequestKey {
    /// `HMAC-SHA256(k_request, bytes)`.
    #[must_use]
    pub fn commit(&self, bytes: &[u8]) -> Commitment {
        Commitment(mac(&self.0, &[bytes]))
    }

    /// The same over token ids, each as four bytes, little endian.
    #[must_use]
    pub fn commit_tokens(&self, token_ids: &[u32]) -> Commitment {
        let mut bytes = Zeroizing::new(Vec::with_capacity(token_ids.len().saturating_mul(4)));
        token_ids.iter().for_each(|id| bytes.extend_from_slice(&id.to_le_bytes()));
        self.commit(&bytes)
    }

    /// The commitment to the prompts of a request: of one prompt [`RequestKey::commit_tokens`]; of several the same
    /// over all of them, each preceded by its length in tokens as four bytes, little endian.
    #[must_use]
    pub fn commit_prompts(&self, prompts: &[&[u32]]) -> Commitment {
        if let [prompt] = prompts {
            return self.commit_tokens(prompt);
        }
        let mut ids: Zeroizing<Vec<u32>> = Zeroizing::new(Vec::new());
        // Room for everything at once, so that no copy is left behind by growing.
        ids.reserve_exact(prompts.iter().map(|p| p.len().saturating_add(1)).sum());
        for prompt in prompts {
            ids.push(u32::try_from(prompt.len()).unwrap_or(u32::MAX));
            ids.extend_from_slice(prompt);
        }
        self.commit_tokens(&ids)
    }

    /// Lowercase hexadecimal, for the receipt.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.0))
    }

    /// Reads the form in a receipt.
    ///
    /// # Errors
    /// [`Error::Receipt`] when it is not 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self> {
        let mut secret = Secret([0; 32]);
        hex::decode_to_slice(text, &mut secret.0)
            .map_err(|_| Error::Receipt { why: "the request key is not 64 hexadecimal digits".to_owned() })?;
        Ok(Self(secret))
    }
}

fn mac(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, so this cannot fail; a zero key would be refused by every check of a receipt.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key.0) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Epoch {
    /// Key under which identities are looked up.
    lookup: Secret,
    /// Keyed hash of an identity → its key.
    subjects: BTreeMap<String, Secret>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    v: u32,
    epochs: BTreeMap<u32, Epoch>,
}

/// The key file of subject-epoch keys, mode 0600. A key is durable before it is first used.
pub struct KeyRing {
    path: PathBuf,
    file: Mutex<KeyFile>,
}

impl KeyRing {
    /// Opens the file, or starts an empty one in memory (it is created with the first key).
    ///
    /// # Errors
    /// [`Error::KeyFile`] when others can read it or it does not parse; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            make_folder(parent).map_err(|e| Error::io("create", parent, &e))?;
        }
        let file = match read_secret(path)? {
            None => KeyFile { v: 1, epochs: BTreeMap::new() },
            Some(text) => serde_json::from_str(&text)
                .map_err(|e| Error::KeyFile { path: path.to_owned(), why: format!("does not parse: {e}") })?,
        };
        if file.v != 1 {
            let why = format!("has version {}; this build reads 1", file.v);
            return Err(Error::KeyFile { path: path.to_owned(), why });
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// The key of an identity in an epoch, made on first use.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written; then no key is given.
    pub fn subject(&self, epoch: u32, kind: SubjectKind, identity: &str) -> Result<SubjectKey> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match file.epochs.entry(epoch) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) => {
                free.insert(Epoch { lookup: Secret::random()?, subjects: BTreeMap::new() })
            }
        };
        let name = lookup(keys, kind, identity);
        if let Some(key) = keys.subjects.get(&name) {
            return Ok(SubjectKey { key: key.clone(), epoch });
        }
        let key = Secret::random()?;
        keys.subjects.insert(name.clone(), key.clone());
        // A crash before this is durable leaves no leaf that used the key.
        if let Err(error) = self.write(&file) {
            if let Some(subjects) = file.epochs.get_mut(&epoch).map(|e| &mut e.subjects) {
                subjects.remove(&name);
            }
            return Err(error);
        }
        Ok(SubjectKey { key, epoch })
    }

    /// The pseudonym an identity has in an epoch, if it has a key there; makes none.
    #[must_use]
    pub fn find(&self, epoch: u32, kind: SubjectKind, identity: &str) -> Option<Pseudonym> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch_keys = file.epochs.get(&epoch)?;
        let key = epoch_keys.subjects.get(&lookup(epoch_keys, kind, identity))?.clone();
        Some(SubjectKey { key, epoch }.pseudonym())
    }

    /// Destroys the key of an identity in an epoch: its pseudonym and commitments become noise. Returns whether
    /// there was one.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written; then the key may still be on the disk: call again.
    pub fn destroy(&self, epoch: u32, kind: SubjectKind, identity: &str) -> Result<bool> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(epoch_keys) = file.epochs.get_mut(&epoch) else { return Ok(false) };
        let name = lookup(epoch_keys, kind, identity);
        let removed = epoch_keys.subjects.remove(&name);
        let Some(key) = removed else { return Ok(false) };
        if let Err(error) = self.write(&file) {
            if let Some(epoch_keys) = file.epochs.get_mut(&epoch) {
                epoch_keys.subjects.insert(name, key);
            }
            return Err(error);
        }
        Ok(true)
    }

    /// A crash leaves the old file or the new one.
    fn write(&self, file: &KeyFile) -> Result<()> {
        let text = serde_json::to_vec(file)
            .map_err(|e| Error::KeyFile { path: self.path.clone(), why: e.to_string() })?;
        let text = Zeroizing::new(text);
        put_file(&self.path.with_extension("new"), &self.path, 0o600, &text)
            .map_err(|e| Error::io("write", &self.path, &e))
    }
}

fn lookup(epoch: &Epoch, kind: SubjectKind, identity: &str) -> String {
    let kind: &[u8] = match kind {
        SubjectKind::Actor => b"actor\0",
        SubjectKind::DataSubject => b"data-subject\0",
    };
    hex::encode(mac(&epoch.lookup, &[kind, identity.as_bytes()]))
}
