//! Keys as people carry them: `ptk_<prefix>_<secret>`.
//!
//! The secret is 256 random bits, so it is stored as a plain SHA-256: a slow, salted hash protects secrets that
//! can be guessed, and nobody guesses one of 2^256. A fast hash keeps the check at microseconds.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::Error;

const MARK: &str = "ptk_";
const PREFIX_BYTES: usize = 5;
const SECRET_BYTES: usize = 32;

/// A new key as text, with what is stored of it.
pub(crate) struct Fresh {
    pub text: Zeroizing<String>,
    pub prefix: String,
    pub sha256: [u8; 32],
}

/// Draws a key.
pub(crate) fn draw() -> Result<Fresh, Error> {
    let prefix = hex(&random::<PREFIX_BYTES>()?);
    let mut bytes = random::<SECRET_BYTES>()?;
    let secret = Zeroizing::new(hex(&bytes));
    bytes.zeroize();
    let sha256 = hash(&secret);
    let text = Zeroizing::new([MARK, &prefix, "_", &secret].concat());
    Ok(Fresh { text, prefix, sha256 })
}

/// Draws an id for a key: it says nothing about the secret.
pub(crate) fn draw_id() -> Result<String, Error> {
    Ok(format!("key-{}", hex(&random::<8>()?)))
}

/// A gateway's name among those that count together.
pub(crate) fn draw_gateway() -> Result<String, Error> {
    Ok(format!("gateway-{}", hex(&random::<8>()?)))
}

/// A number that nobody else has.
pub(crate) fn draw_number() -> Result<i64, Error> {
    Ok(i64::from_be_bytes(random::<8>()?))
}

/// `ptk_<prefix>_<secret>` → prefix and secret; `None` if it has another shape.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let (prefix, secret) = text.strip_prefix(MARK)?.split_once('_')?;
    let fits = prefix.len() == 2 * PREFIX_BYTES && secret.len() == 2 * SECRET_BYTES;
    fits.then_some((prefix, secret))
}

/// What is stored of a secret.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether two hashes are equal, in time that does not depend on where they differ.
pub(crate) fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.ct_eq(right).into()
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

/// Hexadecimal in one allocation of the right size, so that no copy is left behind by growing.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
        }
    }
    text
}
