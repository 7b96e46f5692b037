//! Everything pinned, and the one question to it: whose token is this?

use std::collections::{BTreeMap, BTreeSet};

use crate::algorithm::Algorithm;
use crate::blocked::{BLOCKED_PATH, Blocked};
use crate::config::{CONFIG_PATH, Config, Issuer};
use crate::error::Error;
use crate::jwk::{Jwk, Jwks};
use crate::person::{Person, actor_of};
use crate::reason::Reason;
use crate::token::Unverified;

/// Longest subject, in bytes (OpenID Connect Core, 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// Issuers with their keys, and who is blocked. Immutable: a new one replaces it whole.
#[derive(Debug, Clone)]
pub struct Identity {
    issuers: Vec<(Issuer, Jwks)>,
    blocked: Blocked,
    approved: bool,
}

impl Identity {
    /// Reads the files of the policy folder that are about identity; all others are passed over. `approved` is whether the
    /// root keys vouch for them: where they do not, no token is taken.
    ///
    /// # Errors
    /// What is wrong with a file; keys that are missing; keys that no issuer names.
    pub fn read<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        approved: bool,
    ) -> Result<Self, Error> {
        let mut of_identity: BTreeMap<&str, &str> = files
            .into_iter()
            .filter(|(path, _)| *path == CONFIG_PATH || path.starts_with("identity/"))
            .collect();
        let config = of_identity.remove(CONFIG_PATH).map_or_else(|| Ok(Config::default()), Config::parse)?;
        let blocked =
            of_identity.remove(BLOCKED_PATH).map_or_else(|| Ok(Blocked::default()), Blocked::parse)?;
        let mut issuers = Vec::new();
        for issuer in config.issuers {
            let text = of_identity.remove(issuer.jwks.as_str()).ok_or_else(|| {
                Error::keys(&issuer.jwks, "is not here; pin the keys of this issuer: proeftuin identity pin")
            })?;
            let keys = Jwks::parse(&issuer.jwks, text)?;
            issuers.push((issuer, keys));
        }
        if let Some(path) = of_identity.keys().next() {
            let detail = "is named by no issuer in identity.toml; take it out, or name it as jwks";
            return Err(Error::keys(path, detail));
        }
        Ok(Self { issuers, blocked, approved })
    }

    /// Whether any issuer is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Whether the root keys vouch for it.
    #[must_use]
    pub fn approved(&self) -> bool {
        self.approved
    }

    /// Issuers with their keys, in the order of the file.
    pub fn issuers(&self) -> impl Iterator<Item = (&Issuer, &Jwks)> {
        self.issuers.iter().map(|(issuer, keys)| (issuer, keys))
    }

    /// Who is blocked.
    #[must_use]
    pub fn blocked(&self) -> &Blocked {
        &self.blocked
    }

    /// Whose token this is, at `now_ms` (milliseconds since 1970 UTC). Nothing of it is believed until the signature holds,
    /// but for the names of issuer and key, by which a pinned one is looked up.
    ///
    /// # Errors
    /// The first [`Reason`] against it.
    pub fn verify(&self, token: &str, now_ms: i64) -> Result<Person, Reason> {
        if self.issuers.is_empty() {
            return Err(Reason::IssuerUnknown);
        }
        if !self.approved {
            return Err(Reason::NotApproved);
        }
        let token = Unverified::parse(token)?;
        let algorithm = Algorithm::named(&token.algorithm).ok_or(Reason::AlgorithmRefused)?;
        let url = token.text("iss").ok_or(Reason::ClaimsIncomplete)?;
        let (issuer, keys) =
            self.issuers.iter().find(|(issuer, _)| issuer.url == url).ok_or(Reason::IssuerUnknown)?;
        if !issuer.algorithms.contains(&algorithm) {
            return Err(Reason::AlgorithmRefused);
        }
        if !issuer.types.contains(&token.typ) {
            return Err(Reason::WrongType);
        }
        let key = keys.find(token.kid.as_deref()).ok_or(Reason::KeyUnknown)?;
        if !key.takes(algorithm) {
            return Err(Reason::KeyMismatch);
        }
        if !key.verifies(algorithm, token.message, &token.signature) {
            return Err(Reason::SignatureWrong);
        }
        self.person(issuer, key, &token, now_ms)
    }

    /// Judges the claims of a token whose signature holds.
    fn person(
        &self,
        issuer: &Issuer,
        key: &Jwk,
        token: &Unverified<'_>,
        now_ms: i64,
    ) -> Result<Person, Reason> {
        if now_ms >= issuer.keys_until_ms {
            return Err(Reason::KeysOutdated);
        }
        let subject =
            token.text("sub").and(token.text(&issuer.subject_claim)).ok_or(Reason::ClaimsIncomplete)?;
        if subject.len() > SUBJECT_BYTES_MAX {
            return Err(Reason::ClaimsIncomplete);
        }
        if !token.is_for(&issuer.audience)? {
            return Err(Reason::AudienceWrong);
        }
        let (issued_ms, expires_ms) = (token.moment("iat")?, token.moment("exp")?);
        let (Some(issued_ms), Some(expires_ms)) = (issued_ms, expires_ms) else {
            return Err(Reason::ClaimsIncomplete);
        };
        // No grace at the end: the rules go by the same moment, and a client fetches the next one in time.
        if now_ms >= expires_ms {
            return Err(Reason::Expired);
        }
        let ahead_ms = now_ms.saturating_add(issuer.clock_skew_ms);
        if issued_ms > ahead_ms || token.moment("nbf")?.is_some_and(|from_ms| from_ms > ahead_ms) {
            return Err(Reason::NotYetValid);
        }
        if expires_ms.saturating_sub(issued_ms) > issuer.max_lifetime_ms {
            return Err(Reason::LifetimeTooLong);
        }
        let actor = actor_of(&issuer.url, subject);
        let mut grants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for grant in issuer.grants.iter().filter(|grant| grant.holds(&token.claims)) {
            grants.entry(grant.use_case.clone()).or_default().extend(grant.roles.iter().cloned());
        }
        Ok(Person {
            blocked: self.blocked.has(&actor),
            actor,
            key_id: format!("oidc:{}/{}", issuer.name, key.label()),
            expires_ms,
            grants,
        })
    }
}
