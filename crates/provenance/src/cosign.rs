//! Witnesses: a second organisation that saw the log grow and says so (C2SP `tlog-cosignature`, `cosignature/v1` with
//! Ed25519), and the request to it (the body of `add-checkpoint` in C2SP `tlog-witness`), carried as a file.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    checkpoint::{Checkpoint, decimal, proof_path, proof_text, split_proof},
    note::{
        VerifierKey, check_name, key_id, parse_public, parse_secret, public_text, random_key, secret_text,
        signature_text, signatures_by,
    },
    tree::{Hash, Tree, consistent, empty_root},
};

/// Signature type of a timestamped Ed25519 cosignature.
const ALGORITHM: u8 = 4;
/// Most lines of a consistency proof.
const PATH_MAX: usize = 63;

fn broken(what: &'static str, why: impl Into<String>) -> Error {
    Error::Note { what, why: why.into() }
}

/// What is signed: two lines of its own, then the text of the checkpoint.
fn message(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// A witness's public key with its name: `name+hash+base64(0x04 || key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: VerifyingKey,
}

impl WitnessKey {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`Error::Note`] when it does not parse or its hash does not match.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, key) = parse_public("witness key", text, ALGORITHM)?;
        Ok(Self { name, key })
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, ALGORITHM, self.key.as_bytes())
    }

    /// Where, in the public folder, the newest checkpoint lies that this witness cosigned.
    pub(crate) fn path(&self) -> String {
        format!("{COSIGNED}/{}", hex::encode(self.id()))
    }

    /// When this witness cosigned `note`, in seconds since 1970; `None` where it did not.
    ///
    /// # Errors
    /// [`Error::Note`] when a cosignature that names this key does not hold.
    pub fn time_s(&self, what: &'static str, note: &str) -> Result<Option<u64>> {
        let (text, signatures) = signatures_by(what, note, &self.name, self.id())?;
        let mut newest = None;
        for bytes in signatures {
            let parts =
                bytes.split_first_chunk::<8>().map(|(time, rest)| (*time, <[u8; 64]>::try_from(rest)));
            let Some((time, Ok(signature))) = parts else {
                return Err(broken(what, format!("the cosignature of {} has not 72 bytes", self.name)));
            };
            let time_s = u64::from_be_bytes(time);
            self.key
                .verify_strict(message(time_s, text).as_bytes(), &Signature::from_bytes(&signature))
                .map_err(|_| broken(what, format!("the cosignature of {} does not verify", self.name)))?;
            newest = newest.max(Some(time_s));
        }
        Ok(newest)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&public_text(&self.name, ALGORITHM, &self.key))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

/// Folder of cosigned checkpoints inside the public folder; a file for each witness, named by its key's id.
pub(crate) const COSIGNED: &str = "cosigned";

/// Whether a path of the public folder is one of a cosigned checkpoint.
pub(crate) fn is_cosigned_path(path: &str) -> bool {
    let name = path.strip_prefix(COSIGNED).and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| {
        name.len() == 8 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// A witness's signing key with its name. No `Debug`: it is secret.
pub struct Witness {
    name: String,
    key: SigningKey,
}

impl Witness {
    /// A fresh random key.
    ///
    /// # Errors
    /// [`Error::Random`], or [`Error::Note`] for the name.
    pub fn generate(name: &str) -> Result<Self> {
        check_name("witness's signing key", name)?;
        Ok(Self { name: name.to_owned(), key: random_key()? })
    }

    /// Reads the text form `PRIVATE+KEY+name+hash+base64(0x04 || seed)`.
    ///
    /// # Errors
    /// [`Error::Note`] saying what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, key) = parse_secret("witness's signing key", text, ALGORITHM)?;
        Ok(Self { name, key })
    }

    /// The text form, secret.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        secret_text(&self.name, ALGORITHM, &self.key)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> WitnessKey {
        WitnessKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Checks that the log only grew since `last`, the checkpoint this witness cosigned before (with that cosignature;
    /// `None` where it cosigned none), and gives the new one, cosigned. Keep it, durably, before handing it out.
    ///
    /// # Errors
    /// [`Error::Fork`] with both sizes when the log shrank or is another; [`Error::Note`] when a signature or the
    /// proof does not hold, or the proof starts elsewhere than `last`.
    pub fn cosign(
        &self,
        request: &CosignRequest,
        log: &VerifierKey,
        last: Option<&str>,
        time_s: u64,
    ) -> Result<String> {
        let what = "last cosigned checkpoint";
        let new = Checkpoint::open("checkpoint", &request.checkpoint, log)?;
        let (size, root) = match last {
            None => (0, empty_root()),
            Some(note) => {
                let old = Checkpoint::open(what, note, log)?;
                if self.public().time_s(what, note)?.is_none() {
                    return Err(broken(what, "does not carry this witness's own cosignature"));
                }
                (old.size, old.root)
            }
        };
        if new.size < size {
            let why = format!("{size} leaves were cosigned earlier, the checkpoint has {}", new.size);
            return Err(Error::Fork { why });
        }
        if new.size == size && new.root != root {
            return Err(Error::Fork { why: format!("two logs of {size} leaves were signed") });
        }
        if request.old != size {
            let why = format!(
                "starts at {} leaves; this witness cosigned {size}: ask for one since {size}",
                request.old
            );
            return Err(broken("consistency proof", why));
        }
        if !consistent(size, &root, new.size, &new.root, &request.path) {
            let why = format!(
                "the log of {} leaves does not begin with the {size} leaves that were cosigned earlier, by this proof",
                new.size
            );
            return Err(Error::Fork { why });
        }
        let text = log.open("checkpoint", &request.checkpoint)?;
        let mut signature = time_s.to_be_bytes().to_vec();
        signature.extend_from_slice(&self.key.sign(message(time_s, text).as_bytes()).to_bytes());
        Ok(format!("{}{}", request.checkpoint, signature_text(&self.name, self.public().id(), &signature)))
    }
}

/// Checks a note before it is published as what `witness` cosigned; `there` is the one it takes the place of.
pub(crate) fn check_cosigned(
    note: &str,
    witness: &WitnessKey,
    log: &VerifierKey,
    tree: &Tree,
    there: Option<&[u8]>,
) -> Result<Checkpoint> {
    let what = "cosigned checkpoint";
    let new = Checkpoint::open(what, note, log)?;
    if tree.root_at(new.size) != Some(new.root) {
        return Err(Error::Fork {
            why: format!("the cosigned checkpoint of {} leaves is not of this log", new.size),
        });
    }
    let lacking = |why: String| Error::NotWitnessed { name: witness.name.clone(), why };
    if witness.time_s(what, note)?.is_none() {
        return Err(lacking("the checkpoint does not carry its cosignature".to_owned()));
    }
    let there = there.and_then(|bytes| std::str::from_utf8(bytes).ok());
    // One that is broken may be replaced.
    let old = there.and_then(|note| Checkpoint::open(what, note, log).ok());
    match old.filter(|old| old.size > new.size) {
        Some(old) => {
            Err(lacking(format!("a checkpoint of {} leaves is there, this one has {}", old.size, new.size)))
        }
        None => Ok(new),
    }
}

/// A checkpoint and the proof that it extends an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignRequest {
    /// Size of the older one.
    pub old: u64,
    /// RFC 6962 consistency proof.
    pub path: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

impl CosignRequest {
    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> String {
        proof_text(format!("old {}\n", self.old), &self.path, &self.checkpoint)
    }

    /// Reads the text form. Nothing in it is verified yet.
    ///
    /// # Errors
    /// [`Error::Note`] saying what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let what = "request to a witness";
        let (head, checkpoint) = split_proof(what, text)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or_else(|| broken(what, "does not start with the old size"))?;
        let path = proof_path(lines, PATH_MAX).ok_or_else(|| broken(what, "the proof is broken"))?;
        Ok(Self { old, path, checkpoint: checkpoint.to_owned() })
    }
}
