//! A person whom an issuer vouches for, and the use case that the request is for.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

/// Somebody with a token that holds. Who it is stands in it as a digest; the claims are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Stable name of the person: see [`actor_of`].
    pub actor: String,
    /// What the log calls the key that vouched: `oidc:ISSUER/KEY`. Nothing of the person.
    pub key_id: String,
    /// When the token ends, milliseconds since 1970 UTC.
    pub expires_ms: i64,
    /// Whether an administrator has blocked the person.
    pub blocked: bool,
    /// Roles by use case.
    pub(crate) grants: BTreeMap<String, BTreeSet<String>>,
}

/// Why a token that holds opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unassigned {
    /// An administrator has blocked the person.
    Blocked,
    /// No grant gives the person this use case, or any.
    NotGranted,
    /// Grants give several, and the request names none.
    Ambiguous(Vec<String>),
}

impl Person {
    /// The one use case that the request is for, with the roles in it. `named` is what the request says, if it does: it
    /// chooses among grants and gives none.
    ///
    /// # Errors
    /// [`Unassigned`].
    pub fn assigned(&self, named: Option<&str>) -> Result<(String, Vec<String>), Unassigned> {
        if self.blocked {
            return Err(Unassigned::Blocked);
        }
        let mut granted = self.grants.iter().filter(|(id, _)| named.is_none_or(|named| *id == named));
        let (id, roles) = granted.next().ok_or(Unassigned::NotGranted)?;
        if granted.next().is_some() {
            return Err(Unassigned::Ambiguous(self.grants.keys().cloned().collect()));
        }
        Ok((id.clone(), roles.iter().cloned().collect()))
    }
}

impl Unassigned {
    /// Id of the rule.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Blocked => "token-person-blocked",
            Self::NotGranted => "token-not-granted",
            Self::Ambiguous(_) => "token-use-case-ambiguous",
        }
    }

    /// What the caller can do, in English.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Blocked => "this person has been blocked on this server; ask the administrator".to_owned(),
            Self::NotGranted => {
                "your organisation's sign-in knows you, and gives you no use case here, or not the one that \
                                 OpenAI-Project names; ask the administrator for the group of your use case"
                    .to_owned()
            }
            Self::Ambiguous(ids) => format!(
                "this token opens several use cases; name one in the header OpenAI-Project (in OpenAI's clients: project): {}",
                ids.join(", ")
            ),
        }
    }

    /// The same in Dutch.
    #[must_use]
    pub fn remedy_nl(&self) -> String {
        match self {
            Self::Blocked => "deze persoon is op deze server geblokkeerd; vraag het de beheerder".to_owned(),
            Self::NotGranted => {
                "de aanmelding van uw organisatie kent u, maar geeft u hier geen toepassing, of niet die \
                                 OpenAI-Project noemt; vraag de beheerder om de groep van uw toepassing"
                    .to_owned()
            }
            Self::Ambiguous(ids) => format!(
                "dit token opent meerdere toepassingen; noem er een in de kop OpenAI-Project (in clients van OpenAI: project): {}",
                ids.join(", ")
            ),
        }
    }
}

/// A stable name of a person by issuer and subject: `oidc:` and 32 hexadecimal digits of SHA-256. Whoever can guess the
/// subject can make it, so it goes into no log; the log has a keyed pseudonym of it.
#[must_use]
pub fn actor_of(issuer: &str, subject: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"proeftuin oidc actor v1\0");
    // With its length, so that no two pairs are one text.
    hash.update((issuer.len() as u64).to_le_bytes());
    hash.update(issuer.as_bytes());
    hash.update(subject.as_bytes());
    let digest = hex::encode(hash.finalize());
    format!("oidc:{}", digest.get(..32).unwrap_or_default())
}
