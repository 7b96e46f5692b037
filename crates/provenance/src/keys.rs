//! Keys of actors and data subjects, one for each epoch: pseudonyms and request keys come from them, and destroying
//! one turns both into noise.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    Commitment, DataSubject, Error, Pseudonym, ReceiptId, Result, SubjectFiles, SubjectFolder,
    store::{make_folder, put_file, read_secret},
};

/// Length of an epoch: 30 days.
const EPOCH_MS: i64 = 30 * 24 * 3600 * 1000;
/// Deeper than a hash goes, in a build for tests too.
const STACK_BYTES: usize = 16 << 10;

/// The epoch of an instant: the number of the 30-day period since 1970.
#[must_use]
pub fn epoch_of(ts_ms: i64) -> u32 {
    u32::try_from(ts_ms.div_euclid(EPOCH_MS)).unwrap_or(0)
}

/// The first instant of an epoch, ms since 1970.
#[must_use]
pub fn epoch_start_ms(epoch: u32) -> i64 {
    i64::from(epoch).saturating_mul(EPOCH_MS)
}

/// A secret of 32 bytes, wiped on drop; no `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    pub(crate) fn random() -> Result<Self> {
        let mut secret = Self([0; 32]);
        getrandom::fill(&mut secret.0).map_err(|e| Error::Random { why: e.to_string() })?;
        Ok(secret)
    }

    pub(crate) fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    /// Reads the text of a key's own file, whose path is for the error.
    pub(crate) fn from_file(path: &str, text: &str) -> Result<Self> {
        let mut secret = Self([0; 32]);
        hex::decode_to_slice(text, &mut secret.0).map_err(|_| Error::KeyFile {
            path: PathBuf::from(path),
            why: "is not 64 hexadecimal digits; restore it, or erase the person".to_owned(),
        })?;
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
        s.serialize_str(&self.hex())
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
    pub(crate) key: Secret,
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
    /// The same bound to a data subject of the request as well: `HMAC-SHA256(k_request, k_request of the subject)`. From then
    /// on it cannot be derived without that person's key.
    #[must_use]
    pub fn bound_to(self, subject: &SubjectKey, id: &ReceiptId) -> Self {
        Self(Secret(mac(&self.0, &[&subject.request_key(id).0.0])))
    }

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
        self.0.hex()
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
    let code = authenticate(key, parts);
    wipe_stack();
    code
}

/// In a frame of its own, below which the hash keeps its last block: the end of what is hashed.
#[inline(never)]
fn authenticate(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, so this cannot fail; a zero key would be refused by every check of a receipt.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key.0) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().0
}

/// Overwrites what calls that have returned left on the stack: a hash is moved as it is finished, and what it is moved from is
/// wiped by nobody.
#[inline(never)]
fn wipe_stack() {
    let mut below = [0_u8; STACK_BYTES];
    below.zeroize();
    std::hint::black_box(&below);
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Epoch {
    /// Key under which identities are looked up.
    lookup: Secret,
    /// Keyed hash of an actor → their key.
    subjects: BTreeMap<String, Secret>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    v: u32,
    epochs: BTreeMap<u32, Epoch>,
}

/// The key file of subject-epoch keys, mode 0600, and beside it the folder `….d` with a file for each data subject. A key is
/// durable before it is first used.
pub struct KeyRing {
    path: PathBuf,
    file: Mutex<KeyFile>,
    subjects: Mutex<Box<dyn SubjectFiles>>,
}

impl KeyRing {
    /// Opens the file, or starts an empty one in memory (it is created with the first key).
    ///
    /// # Errors
    /// [`Error::KeyFile`] when others can read it or it does not parse; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, Box::new(SubjectFolder::new(path.with_extension("d"))))
    }

    /// The same with keys of data subjects elsewhere.
    ///
    /// # Errors
    /// As [`KeyRing::open`].
    pub fn open_with(path: &Path, subjects: Box<dyn SubjectFiles>) -> Result<Self> {
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
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), subjects: Mutex::new(subjects) })
    }

    /// The key of an actor in an epoch, made on first use.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written; then no key is given.
    pub fn actor(&self, epoch: u32, actor: &str) -> Result<SubjectKey> {
        let mut file = self.lock();
        let keys = epoch_of_file(&mut file, epoch)?;
        let name = lookup(keys, ACTOR, actor);
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

    /// The pseudonym an actor has in an epoch, if they have a key there; makes none.
    #[must_use]
    pub fn find_actor(&self, epoch: u32, actor: &str) -> Option<Pseudonym> {
        let file = self.lock();
        let keys = file.epochs.get(&epoch)?;
        let key = keys.subjects.get(&lookup(keys, ACTOR, actor))?.clone();
        Some(SubjectKey { key, epoch }.pseudonym())
    }

    /// Destroys the key of an actor in an epoch: its pseudonym and commitments become noise. Returns whether there
    /// was one.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written; then the key may still be on the disk: call again.
    pub fn destroy_actor(&self, epoch: u32, actor: &str) -> Result<bool> {
        let mut file = self.lock();
        let Some(keys) = file.epochs.get_mut(&epoch) else { return Ok(false) };
        let name = lookup(keys, ACTOR, actor);
        let Some(key) = keys.subjects.remove(&name) else { return Ok(false) };
        if let Err(error) = self.write(&file) {
            if let Some(keys) = file.epochs.get_mut(&epoch) {
                keys.subjects.insert(name, key);
            }
            return Err(error);
        }
        Ok(true)
    }

    /// Destroys every key of the epochs before `epoch`, whose leaves were pruned. Returns how many epochs had any.
    ///
    /// # Errors
    /// When a file cannot be erased or written; then keys may still be on the disk: call again.
    pub fn destroy_before(&self, epoch: u32) -> Result<u64> {
        let mut file = self.lock();
        let old: Vec<u32> = file.epochs.range(..epoch).map(|(old, _)| *old).collect();
        if old.is_empty() {
            return Ok(0);
        }
        for old in &old {
            let mut subjects = self.subject_files();
            // A crash leaves some of them; the epoch is in the file until they are gone, so the next call finds them.
            let paths = subjects.list(&old.to_string())?;
            paths.iter().try_for_each(|path| subjects.wipe(path))?;
        }
        let kept = file.epochs.split_off(&epoch);
        let going = std::mem::replace(&mut file.epochs, kept);
        if let Err(error) = self.write(&file) {
            file.epochs.extend(going);
            return Err(error);
        }
        Ok(old.len() as u64)
    }

    /// The name of a data subject's file in an epoch. The key that it is hashed with is durable by then.
    pub(crate) fn name_of(&self, epoch: u32, who: &DataSubject) -> Result<String> {
        let mut file = self.lock();
        if !file.epochs.contains_key(&epoch) {
            epoch_of_file(&mut file, epoch)?;
            if let Err(error) = self.write(&file) {
                file.epochs.remove(&epoch);
                return Err(error);
            }
        }
        Ok(lookup(epoch_of_file(&mut file, epoch)?, DATA_SUBJECT, &who.identity()))
    }

    /// Every place where a data subject may have a key: epoch and path.
    pub(crate) fn paths_of(&self, who: &DataSubject) -> Vec<(u32, String)> {
        let file = self.lock();
        let path = |(epoch, keys): (&u32, &Epoch)| {
            (*epoch, format!("{epoch}/{}", lookup(keys, DATA_SUBJECT, &who.identity())))
        };
        file.epochs.iter().map(path).collect()
    }

    pub(crate) fn subject_files(&self) -> MutexGuard<'_, Box<dyn SubjectFiles>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn subjects_dir(&self) -> PathBuf {
        self.path.with_extension("d")
    }

    fn lock(&self) -> MutexGuard<'_, KeyFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What comes before an identity when it is looked up: an actor and a data subject of one name are two.
const ACTOR: &[u8] = b"actor\0";
const DATA_SUBJECT: &[u8] = b"data-subject\0";

/// An epoch's keys, which come into being with its look-up key; the caller writes them.
fn epoch_of_file(file: &mut KeyFile, epoch: u32) -> Result<&mut Epoch> {
    Ok(match file.epochs.entry(epoch) {
        Entry::Occupied(there) => there.into_mut(),
        Entry::Vacant(free) => free.insert(Epoch { lookup: Secret::random()?, subjects: BTreeMap::new() }),
    })
}

fn lookup(epoch: &Epoch, kind: &[u8], identity: &str) -> String {
    hex::encode(mac(&epoch.lookup, &[kind, identity.as_bytes()]))
}
