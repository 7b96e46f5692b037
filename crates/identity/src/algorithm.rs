//! Signature algorithms (RFC 7518, RFC 8037, RFC 9864): asymmetric ones only, each for one kind of key.

use std::fmt;

use ring::signature::{self as signatures, RsaParameters};

/// How a token is signed. There is no `none` and no `HS256`: a secret that the server shares would let it make tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519, by its old name.
    EdDsa,
    /// Ed25519, by its own name (RFC 9864).
    Ed25519,
}

/// The kind of key that an algorithm takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// Its name in a token's header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// By its name, which is case-sensitive (RFC 7515, 4.1.1).
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Es256 => Family::P256,
            Self::Es384 => Family::P384,
            Self::EdDsa | Self::Ed25519 => Family::Ed25519,
            _ => Family::Rsa,
        }
    }

    /// What ring calls it, for keys of 2048 to 8192 bits. The Marvin attack (RUSTSEC-2023-0071) on RSA in Rust is on
    /// private-key operations; here is nothing but public keys.
    pub(crate) fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&signatures::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&signatures::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&signatures::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&signatures::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&signatures::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&signatures::RSA_PSS_2048_8192_SHA512),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
