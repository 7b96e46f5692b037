//! Public keys: ECDSA on P-256 or P-384, as PEM.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};
use sha2::{Digest, Sha256};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// Characters on a line of PEM (RFC 7468, section 2).
const LINE: usize = 64;
/// Longest PEM that is looked at, in bytes: P-384 needs 215.
const PEM_BYTES_MAX: usize = 1024;

/// What stands before the point in a SubjectPublicKeyInfo (RFC 5480): these two curves, by name, and nothing else.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P384_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// The curve of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256, with SHA-256.
    P256,
    /// NIST P-384, with SHA-384.
    P384,
}

impl Curve {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    fn point_bytes(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }
}

/// A public key that signs models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    curve: Curve,
    point: Vec<u8>,
    pem: String,
}

impl PublicKey {
    /// Reads a key in PEM (`PUBLIC KEY`).
    ///
    /// # Errors
    /// What it is not, in words.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        if text.len() > PEM_BYTES_MAX {
            return Err(format!("the key is longer than {PEM_BYTES_MAX} bytes"));
        }
        let body = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body = body.ok_or_else(|| format!("the key must be PEM: {BEGIN} … {END}"))?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| "the key's PEM does not hold base64".to_owned())?;
        let (curve, point) = if let Some(point) = der.strip_prefix(P256_PREFIX) {
            (Curve::P256, point)
        } else if let Some(point) = der.strip_prefix(P384_PREFIX) {
            (Curve::P384, point)
        } else {
            return Err("the key must be ECDSA on P-256 or P-384".to_owned());
        };
        // 4 is a point that is written out (SEC 1, 2.3.3); whether it lies on the curve is checked at use.
        if point.len() != curve.point_bytes() || point.first() != Some(&4) {
            return Err("the key's point is not written out whole".to_owned());
        }
        Ok(Self { curve, point: point.to_vec(), pem: pem(&der) })
    }

    /// Its curve.
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The key in PEM, as OpenSSL writes it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of [`PublicKey::pem`], 64 hexadecimal digits: how a bundle names its key.
    pub fn sha256_hex(&self) -> String {
        hex::encode(Sha256::digest(self.pem.as_bytes()))
    }

    /// Whether the key made `signature` (DER, RFC 3279 section 2.2.3) over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match self.curve {
            Curve::P256 => &ECDSA_P256_SHA256_ASN1,
            Curve::P384 => &ECDSA_P384_SHA384_ASN1,
        };
        UnparsedPublicKey::new(algorithm, &self.point).verify(message, signature).is_ok()
    }
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("{BEGIN}\n");
    for line in body.as_bytes().chunks(LINE) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + END + "\n"
}
