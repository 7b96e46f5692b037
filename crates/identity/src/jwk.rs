//! A set of public keys (JWK Set, RFC 7517) as an issuer publishes it and an administrator pins it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use ring::signature::{self as signatures, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::algorithm::{Algorithm, Family};
use crate::error::Error;
use crate::json;

/// Members that only a secret key has (RFC 7518, 6; RFC 8037, 2).
const SECRET_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 8192;
/// Keys in one set: more is a mistake.
const KEYS_MAX: usize = 64;

/// Why a key of the set is left aside. A token that names it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// Its `use` or `key_ops` says that it verifies nothing.
    NotForSigning,
    /// Its `kty`, `crv` or `alg` is none that is known here.
    UnknownKind,
}

impl Unfit {
    /// The same in words.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::NotForSigning => "left aside: it is not for signatures",
            Self::UnknownKind => "left aside: of a kind that is not known here",
        }
    }
}

/// One key.
#[derive(Debug, Clone)]
pub struct Jwk {
    kid: Option<String>,
    label: String,
    thumbprint: [u8; 32],
    kind: &'static str,
    /// Where the key is bound to one algorithm.
    algorithm: Option<Algorithm>,
    fit: Result<Material, Unfit>,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Box<VerifyingKey>),
}

/// The keys of one issuer.
#[derive(Debug, Clone)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

impl Jwks {
    /// Parses a set. Keys that are not for signatures are left aside; whatever is doubtful refuses the whole: a secret, a
    /// `kid` twice, a key that is weak or written wrongly.
    ///
    /// # Errors
    /// [`Error::Keys`], which names the key by its number and says nothing of its content.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let wrong = |detail: &str| Error::keys(path, detail);
        let set = json::object(text.as_bytes()).map_err(|_| {
            wrong("is no JSON object with each key once; take the file as the issuer publishes it")
        })?;
        let Some(Value::Array(entries)) = set.get("keys") else {
            return Err(wrong("has no list keys; a JWK Set is {\"keys\": […]}"));
        };
        if entries.len() > KEYS_MAX {
            return Err(wrong("has more than 64 keys; take out those that are not in use"));
        }
        let mut keys = Vec::new();
        for (number, entry) in (1_usize..).zip(entries) {
            let Value::Object(members) = entry else {
                return Err(Error::keys(path, format!("key {number} is no object")));
            };
            keys.push(
                Jwk::of(members).map_err(|detail| Error::keys(path, format!("key {number} {detail}")))?,
            );
        }
        let fit: Vec<&Jwk> = keys.iter().filter(|key| key.fit.is_ok()).collect();
        if fit.is_empty() {
            return Err(wrong("has no key that verifies signatures here"));
        }
        if fit.len() > 1 && fit.iter().any(|key| key.kid.is_none()) {
            return Err(wrong(
                "has several keys, one of them without kid, so that no token could say which it means",
            ));
        }
        let mut seen = BTreeSet::new();
        if !keys.iter().filter_map(|key| key.kid.as_deref()).all(|kid| seen.insert(kid)) {
            return Err(wrong("has a kid twice, so that a token could mean either key"));
        }
        Ok(Self { keys })
    }

    /// All keys in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &Jwk> {
        self.keys.iter()
    }

    /// The key that a token means: by its `kid`, or the one there is.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<&Jwk> {
        match kid {
            Some(kid) => self.keys.iter().find(|key| key.kid.as_deref() == Some(kid)),
            None => {
                let mut fit = self.keys.iter().filter(|key| key.fit.is_ok());
                fit.next().filter(|_| fit.next().is_none())
            }
        }
    }
}

impl Jwk {
    fn of(members: &Map<String, Value>) -> Result<Self, &'static str> {
        if SECRET_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(
                "holds a secret: whoever has seen this file can make tokens. Have the issuer replace the key, \
                        and pin public keys only",
            );
        }
        let kid = text(members, "kid")?;
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > 256) {
            return Err("has a kid that is empty or longer than 256 bytes");
        }
        let (kind, made) = Material::of(members)?;
        let named = text(members, "alg")?;
        let algorithm = named.and_then(Algorithm::named);
        let unknown = named.is_some() && algorithm.is_none();
        let fit = match made {
            _ if !for_signing(members)? => Err(Unfit::NotForSigning),
            Some(_) if unknown => Err(Unfit::UnknownKind),
            None => Err(Unfit::UnknownKind),
            Some(material) => Ok(material),
        };
        if let (Ok(material), Some(algorithm)) = (&fit, algorithm)
            && material.family() != algorithm.family()
        {
            return Err("has an alg that is for another kind of key");
        }
        let thumbprint = thumbprint(members);
        let label = match kid {
            Some(kid) if kid.len() <= 64 && kid.bytes().all(is_name_byte) => kid.to_owned(),
            _ => hex::encode(thumbprint).get(..16).unwrap_or_default().to_owned(),
        };
        Ok(Self { kid: kid.map(str::to_owned), label, thumbprint, kind, algorithm, fit })
    }

    /// What the log calls it: the `kid` where that is a plain name, else the start of the thumbprint.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// SHA-256 thumbprint (RFC 7638), to compare with the issuer's word.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    /// `RSA`, `EC P-256`, `EC P-384`, `Ed25519`, or `other`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Why it verifies nothing, if it does not.
    #[must_use]
    pub fn unfit(&self) -> Option<Unfit> {
        self.fit.as_ref().err().copied()
    }

    /// Whether tokens by `algorithm` may be verified with it.
    pub(crate) fn takes(&self, algorithm: Algorithm) -> bool {
        let bound = self.algorithm.is_none_or(|own| own == algorithm);
        bound && self.fit.as_ref().is_ok_and(|material| material.family() == algorithm.family())
    }

    /// Whether `signature` is this key's over `message`, by `algorithm`.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Ok(material) = &self.fit else { return false };
        let ring = |algorithm, point: &[u8]| {
            UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
        };
        match material {
            _ if !self.takes(algorithm) => false,
            Material::Rsa { n, e } => algorithm
                .rsa()
                .is_some_and(|rsa| RsaPublicKeyComponents { n, e }.verify(rsa, message, signature).is_ok()),
            // The form of RFC 7518, 3.4: r and s, each as long as the order, and no other.
            Material::P256(point) => ring(&signatures::ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => ring(&signatures::ECDSA_P384_SHA384_FIXED, point),
            // Strict: no signature has a second form, and no weak key takes every message.
            Material::Ed25519(key) => {
                Signature::from_slice(signature).is_ok_and(|given| key.verify_strict(message, &given).is_ok())
            }
        }
    }
}

impl Material {
    /// The key by its type; `None` for a type or curve that is not known here.
    fn of(members: &Map<String, Value>) -> Result<(&'static str, Option<Self>), &'static str> {
        let kty = text(members, "kty")?.ok_or("has no kty")?;
        Ok(match (kty, text(members, "crv")?) {
            ("RSA", _) => ("RSA", Some(Self::rsa(members)?)),
            ("EC", Some("P-256")) => ("EC P-256", Some(Self::P256(point(members, 32)?))),
            ("EC", Some("P-384")) => ("EC P-384", Some(Self::P384(point(members, 48)?))),
            ("OKP", Some("Ed25519")) => ("Ed25519", Some(Self::ed25519(members)?)),
            ("oct", _) => return Err("is symmetric: whoever can verify with it can make tokens"),
            _ => ("other", None),
        })
    }

    fn rsa(members: &Map<String, Value>) -> Result<Self, &'static str> {
        let (n, e) = (bytes(members, "n")?, bytes(members, "e")?);
        let (Some(first), Some(last)) = (n.first(), n.last()) else { return Err("has an empty n") };
        if *first == 0 || e.first() == Some(&0) {
            return Err("has n or e with zeros in front, which RFC 7518 does not allow");
        }
        let bits = n.len().saturating_mul(8).saturating_sub(first.leading_zeros() as usize);
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err("is RSA of fewer than 2048 or more than 8192 bits");
        }
        let odd = |byte: Option<&u8>| byte.is_some_and(|byte| byte % 2 == 1);
        // 65537 is the least that NIST allows (FIPS 186-5, A.1.1), and four bytes the most that anybody uses.
        let exponent = e.iter().fold(0_u64, |sum, &byte| sum.wrapping_shl(8) | u64::from(byte));
        if !odd(Some(last)) || e.len() > 4 || exponent < 65_537 || !odd(e.last()) {
            return Err("is no sound RSA key: n and e are odd, and e is 65537 or a little more");
        }
        Ok(Self::Rsa { n, e })
    }

    fn ed25519(members: &Map<String, Value>) -> Result<Self, &'static str> {
        let x = bytes(members, "x")?;
        let key = <&[u8; 32]>::try_from(x.as_slice()).ok().and_then(|x| VerifyingKey::from_bytes(x).ok());
        let key = key.filter(|key| !key.is_weak()).ok_or("is no usable Ed25519 key")?;
        Ok(Self::Ed25519(Box::new(key)))
    }

    fn family(&self) -> Family {
        match self {
            Self::Rsa { .. } => Family::Rsa,
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }
}

/// A point of a curve whose coordinates have `length` bytes, uncompressed (SEC 1, 2.3.3). That it lies on the curve is
/// looked at with each signature.
fn point(members: &Map<String, Value>, length: usize) -> Result<Vec<u8>, &'static str> {
    let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
    if x.len() != length || y.len() != length {
        return Err("has coordinates that are not as long as its curve's");
    }
    Ok([&[4], x.as_slice(), y.as_slice()].concat())
}

/// `use` is `sig` and `key_ops` has `verify`, where they are there (RFC 7517, 4.2 and 4.3).
fn for_signing(members: &Map<String, Value>) -> Result<bool, &'static str> {
    let used = text(members, "use")?.is_none_or(|used| used == "sig");
    let ops = match members.get("key_ops") {
        None => true,
        Some(Value::Array(ops)) => ops.iter().any(|op| op == "verify"),
        Some(_) => return Err("has key_ops that are no list"),
    };
    Ok(used && ops)
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("has a kty, crv, kid, use, alg or number that is no string"),
    }
}

fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    let text = text(members, name)?.ok_or("lacks a member of its kind: n and e, x and y, or x")?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| "has a number that is not base64url without padding")
}

/// What the log takes in a name.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte)
}

/// RFC 7638: the members that make the key, in order of name, without spaces. A key of another kind has that of its `kty`.
fn thumbprint(members: &Map<String, Value>) -> [u8; 32] {
    let names: &[&str] = match members.get("kty").and_then(Value::as_str) {
        Some("RSA") => &["e", "kty", "n"],
        Some("EC") => &["crv", "kty", "x", "y"],
        _ => &["crv", "kty", "x"],
    };
    // Inserted in order of name, so that it does not matter whether a map sorts or keeps its order.
    let wanted: Map<String, Value> =
        names.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone()))).collect();
    Sha256::digest(Value::Object(wanted).to_string()).into()
}

#[cfg(test)]
mod tests;
