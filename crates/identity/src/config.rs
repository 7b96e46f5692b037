//! `identity.toml`: whose tokens are taken, for whom they have to be, and what a claim in them opens.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::value::Datetime;

use crate::algorithm::Algorithm;
use crate::error::Error;

/// Name of the file inside the policy folder.
pub const CONFIG_PATH: &str = "identity.toml";

/// Most that clocks may differ, in seconds.
const CLOCK_SKEW_S_MAX: u32 = 300;
/// What they may differ where the file says nothing.
const CLOCK_SKEW_S: u32 = 60;
/// Longest life of a token that a file may allow, in seconds: a day. Nothing ends a token sooner but a block.
const LIFETIME_S_MAX: u32 = 24 * 3600;
/// Issuers, and grants of each: more is a mistake.
const LIST_MAX: usize = 1000;
/// The type of access tokens (RFC 9068), taken where the file says nothing.
const ACCESS_TOKEN: &str = "at+jwt";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    issuer: Vec<IssuerFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerFile {
    issuer: Spanned<String>,
    audience: Spanned<Vec<String>>,
    jwks: Spanned<String>,
    keys_until: Spanned<Datetime>,
    algorithms: Spanned<Vec<String>>,
    types: Option<Spanned<Vec<String>>>,
    clock_skew_s: Option<Spanned<u32>>,
    max_lifetime_s: Spanned<u32>,
    subject_claim: Option<Spanned<String>>,
    #[serde(default)]
    grant: Vec<GrantFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantFile {
    claim: Spanned<ClaimFile>,
    value: Spanned<String>,
    use_case: Spanned<String>,
    roles: Spanned<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ClaimFile {
    Name(String),
    Path(Vec<String>),
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Issuers in the order of the file; no two with one URL or one file of keys.
    pub issuers: Vec<Issuer>,
}

/// Whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// What the log calls it: the name of its file of keys.
    pub name: String,
    /// `iss` in its tokens, byte for byte.
    pub url: String,
    /// One of these must be in `aud`.
    pub audience: Vec<String>,
    /// Path of its pinned keys inside the policy folder.
    pub jwks: String,
    /// From when the pinned keys are not relied on, milliseconds since 1970 UTC.
    pub keys_until_ms: i64,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` may be, lower case, without `application/`.
    pub types: Vec<String>,
    /// How far `nbf` and `iat` may lie ahead, in milliseconds.
    pub clock_skew_ms: i64,
    /// Longest time from `iat` to `exp`, in milliseconds.
    pub max_lifetime_ms: i64,
    /// The claim that names the person.
    pub subject_claim: String,
    /// What claims open.
    pub grants: Vec<Grant>,
}

/// Whoever has this value in this claim may use this use case, in these roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The claim; several names lead into objects.
    pub claim: Vec<String>,
    /// The value: the claim itself, or one of its list, or one word of `scope` and `scp`.
    pub value: String,
    /// The use case.
    pub use_case: String,
    /// The roles, in order of name.
    pub roles: Vec<String>,
}

impl Grant {
    /// Whether the claims of a token have it.
    pub(crate) fn holds(&self, claims: &Map<String, Value>) -> bool {
        let Some((first, rest)) = self.claim.split_first() else { return false };
        let start = claims.get(first);
        let found = rest.iter().fold(start, |at, name| at.and_then(|at| at.as_object()?.get(name)));
        // Lists of words in one string (RFC 6749, 3.3; RFC 9068, 2.2.3).
        let words = rest.is_empty() && (first == "scope" || first == "scp");
        match found {
            Some(Value::String(text)) if words => text.split(' ').any(|word| word == self.value),
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(&self.value)),
            _ => false,
        }
    }
}

impl Config {
    /// Parses the file, without the keys that it names.
    ///
    /// # Errors
    /// [`Error::File`], with the line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| Error::toml(CONFIG_PATH, text, &error))?;
        let mut issuers: Vec<Issuer> = Vec::new();
        for issuer in file.issuer {
            let (url_at, jwks_at) = (issuer.issuer.span().start, issuer.jwks.span().start);
            let issuer = issuer.read(text)?;
            let wrong = |at, detail| Err(Error::at(CONFIG_PATH, text, at, detail));
            if issuers.iter().any(|other| other.url == issuer.url) {
                return wrong(
                    url_at,
                    "issuer: has an entry already; give all its audiences and grants in one",
                );
            }
            if issuers.iter().any(|other| other.jwks == issuer.jwks) {
                return wrong(
                    jwks_at,
                    "jwks: is another issuer's file; give each issuer its own, by whose name the log knows it",
                );
            }
            issuers.push(issuer);
        }
        if issuers.len() > LIST_MAX {
            return Err(Error::at(CONFIG_PATH, text, 0, "has more than 1000 issuers"));
        }
        Ok(Self { issuers })
    }
}

impl IssuerFile {
    fn read(self, text: &str) -> Result<Issuer, Error> {
        let wrong = |at: usize, detail: &str| Error::at(CONFIG_PATH, text, at, detail);
        let at = |span: std::ops::Range<usize>| span.start;
        let url = self.issuer.get_ref().clone();
        if !is_issuer(&url) {
            let detail =
                "issuer: must be an https:// address without ?, # and spaces, exactly as it stands in iss";
            return Err(wrong(at(self.issuer.span()), detail));
        }
        if self.audience.get_ref().is_empty()
            || self.audience.get_ref().iter().any(|name| name.trim().is_empty())
        {
            let detail = "audience: name the audience of this server as the issuer has it; without one any service's tokens would do";
            return Err(wrong(at(self.audience.span()), detail));
        }
        let Some(name) = name_of(self.jwks.get_ref()) else {
            let detail = "jwks: must be identity/NAME.jwks.json, NAME being 1 to 32 lowercase letters, digits and hyphens";
            return Err(wrong(at(self.jwks.span()), detail));
        };
        let until: Result<Timestamp, _> = self.keys_until.get_ref().to_string().parse();
        let until = until.map_err(|_| {
            let detail =
                "keys_until: is not a moment; write date, time and offset: 2026-01-31T09:00:00+01:00";
            wrong(at(self.keys_until.span()), detail)
        })?;
        let lifetime_s = *self.max_lifetime_s.get_ref();
        if lifetime_s == 0 || lifetime_s > LIFETIME_S_MAX {
            let detail = "max_lifetime_s: must be 1 to 86400; it is what bounds a token that was withdrawn";
            return Err(wrong(at(self.max_lifetime_s.span()), detail));
        }
        let skew_s = self.clock_skew_s.as_ref().map_or(CLOCK_SKEW_S, |skew| *skew.get_ref());
        if skew_s > CLOCK_SKEW_S_MAX {
            let at = self.clock_skew_s.as_ref().map_or(0, |skew| skew.span().start);
            return Err(wrong(at, "clock_skew_s: must be 0 to 300; set the clocks right instead"));
        }
        let subject_claim =
            self.subject_claim.as_ref().map_or("sub", |claim| claim.get_ref().as_str()).to_owned();
        if subject_claim.is_empty() {
            let at = self.subject_claim.as_ref().map_or(0, |claim| claim.span().start);
            return Err(wrong(at, "subject_claim: is empty; leave it out for sub"));
        }
        let (algorithms, types) = (self.algorithms(text)?, self.types(text)?);
        if self.grant.len() > LIST_MAX {
            return Err(wrong(at(self.issuer.span()), "grant: there are more than 1000 of this issuer"));
        }
        Ok(Issuer {
            name: name.to_owned(),
            url,
            audience: self.audience.into_inner(),
            jwks: self.jwks.into_inner(),
            keys_until_ms: until.as_millisecond(),
            algorithms,
            types,
            clock_skew_ms: i64::from(skew_s).saturating_mul(1000),
            max_lifetime_ms: i64::from(lifetime_s).saturating_mul(1000),
            subject_claim,
            grants: self.grant.into_iter().map(|grant| grant.read(text)).collect::<Result<_, _>>()?,
        })
    }

    fn algorithms(&self, text: &str) -> Result<Vec<Algorithm>, Error> {
        let at = self.algorithms.span().start;
        let names = self.algorithms.get_ref();
        let known: Option<Vec<Algorithm>> = names.iter().map(|name| Algorithm::named(name)).collect();
        known.filter(|known| !known.is_empty()).ok_or_else(|| {
            let all: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            Error::at(
                CONFIG_PATH,
                text,
                at,
                format!("algorithms: name at least one, and only of {}", all.join(", ")),
            )
        })
    }

    fn types(&self, text: &str) -> Result<Vec<String>, Error> {
        let Some(types) = &self.types else { return Ok(vec![ACCESS_TOKEN.to_owned()]) };
        let named: Vec<String> = types.get_ref().iter().map(|name| plain_type(name)).collect();
        if named.is_empty() || named.iter().any(String::is_empty) {
            let detail = "types: name at least one typ, such as \"at+jwt\" (RFC 9068) or \"JWT\"";
            return Err(Error::at(CONFIG_PATH, text, types.span().start, detail));
        }
        Ok(named)
    }
}

impl GrantFile {
    fn read(self, text: &str) -> Result<Grant, Error> {
        let wrong = |at: usize, detail: &str| Err(Error::at(CONFIG_PATH, text, at, detail));
        let claim_at = self.claim.span().start;
        let claim = match self.claim.into_inner() {
            ClaimFile::Name(name) => vec![name],
            ClaimFile::Path(path) => path,
        };
        if claim.is_empty() || claim.iter().any(String::is_empty) {
            return wrong(
                claim_at,
                "claim: is empty; name a claim, or the way to it: [\"realm_access\", \"roles\"]",
            );
        }
        if self.value.get_ref().is_empty() {
            return wrong(self.value.span().start, "value: is empty; name what the claim must have");
        }
        let id = self.use_case.get_ref();
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            return wrong(
                self.use_case.span().start,
                "use_case: must be the id of a use case of this folder",
            );
        }
        let roles: BTreeSet<String> =
            self.roles.get_ref().iter().map(|role| role.trim().to_owned()).collect();
        if roles.is_empty() || roles.contains("") {
            return wrong(self.roles.span().start, "roles: name at least one, and none that is blank");
        }
        Ok(Grant {
            claim,
            value: self.value.into_inner(),
            use_case: self.use_case.into_inner(),
            roles: roles.into_iter().collect(),
        })
    }
}

/// The `typ` of a header or of the file, in one form: case does not count, and `application/` may be left out (RFC 7515, 4.1.9).
pub(crate) fn plain_type(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    lower.strip_prefix("application/").map(str::to_owned).unwrap_or(lower)
}

/// An issuer identifier (OpenID Connect Core, 2): https, no query, no fragment.
fn is_issuer(url: &str) -> bool {
    let host = url.strip_prefix("https://");
    host.is_some_and(|host| {
        !host.is_empty()
            && !host.starts_with('/')
            && host.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#')
    })
}

/// NAME of `identity/NAME.jwks.json`.
fn name_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix("identity/")?.strip_suffix(".jwks.json")?;
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    ((1..=32).contains(&name.len()) && plain).then_some(name)
}
