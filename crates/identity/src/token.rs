//! A token as it comes in: JWS compact form (RFC 7515), read before anything of it is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::config::plain_type;
use crate::json;
use crate::reason::Reason;

/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8192;

/// Header members that are refused where they stand. The first five bring a key along or say where to fetch one: a key is
/// pinned, or it is none (RFC 8725, 3.10). `crit` demands that something be understood, and nothing that could be demanded
/// is (RFC 7515, 4.1.11). The rest are of tokens that are encrypted, compressed, nested, or signed over something else.
const REFUSED: &[&str] = &["jku", "jwk", "x5u", "x5c", "x5p", "crit", "b64", "zip", "enc", "cty"];

/// Whether a bearer credential is meant as a token and not as a key of this program: parts of base64url between dots.
#[must_use]
pub fn looks_like_token(bearer: &str) -> bool {
    let dots = bearer.bytes().filter(|&byte| byte == b'.').count();
    dots >= 2 && bearer.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.')
}

/// The parts of a token, of which nothing is believed yet. No `Debug`: it names a person.
pub(crate) struct Unverified<'a> {
    /// `alg` as it was written.
    pub(crate) algorithm: String,
    /// `kid`.
    pub(crate) kid: Option<String>,
    /// `typ` in its plain form; empty where there is none.
    pub(crate) typ: String,
    /// The payload.
    pub(crate) claims: Map<String, Value>,
    /// What the signature is over: header and payload as they were sent.
    pub(crate) message: &'a [u8],
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, Reason> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Reason::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Reason::Malformed)?;
        // The engine takes neither padding nor bits beyond the last byte, so that a token has one form; nor dots.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed);
        let object = |part: &str| json::object(&decode(part)?).map_err(|_| Reason::Malformed);
        let header = object(header)?;
        if REFUSED.iter().any(|name| header.contains_key(*name)) {
            return Err(Reason::HeaderRefused);
        }
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Reason::Malformed),
        };
        Ok(Self {
            algorithm: text("alg")?.ok_or(Reason::Malformed)?,
            kid: text("kid")?,
            typ: text("typ")?.map(|typ| plain_type(&typ)).unwrap_or_default(),
            claims: object(payload)?,
            message: message.as_bytes(),
            signature: decode(signature)?,
        })
    }

    /// A claim that is a text and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Whether one of `wanted` is in `aud`, which is a text or a list of texts (RFC 7519, 4.1.3).
    pub(crate) fn is_for(&self, wanted: &[String]) -> Result<bool, Reason> {
        let is_wanted = |given: &str| wanted.iter().any(|wanted| wanted == given);
        match self.claims.get("aud") {
            Some(Value::String(one)) => Ok(is_wanted(one)),
            Some(Value::Array(many)) => {
                let texts: Option<Vec<&str>> = many.iter().map(Value::as_str).collect();
                let texts = texts.filter(|texts| !texts.is_empty()).ok_or(Reason::ClaimsIncomplete)?;
                Ok(texts.into_iter().any(is_wanted))
            }
            _ => Err(Reason::ClaimsIncomplete),
        }
    }

    /// A moment in milliseconds since 1970 UTC; `None` where the claim is not there. Seconds, perhaps with a fraction
    /// (RFC 7519, 2); what lies beyond the year 9999 is a mistake of units.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<i64>, Reason> {
        const SECONDS_MAX: f64 = 253_402_300_799.0;
        let Some(value) = self.claims.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most 2.6e14, and a part of a millisecond is dropped"
        )]
        let ms = seconds.map(|seconds| (seconds * 1000.0).floor() as i64);
        ms.map(Some).ok_or(Reason::ClaimsIncomplete)
    }
}
