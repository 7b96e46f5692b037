//! What answers each row of the endpoint table.

pub(crate) mod count;
pub(crate) mod docs;
pub(crate) mod embeddings;
pub(crate) mod generate;
pub(crate) mod guidance;
pub(crate) mod models;
pub(crate) mod status;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use gateway::Credentials;

use crate::error::RECEIPT;

/// Names the use case, where a token opens several. It is the header that OpenAI's own clients send when they are given a
/// `project`, so no client needs a setting of ours.
const USE_CASE: HeaderName = HeaderName::from_static("openai-project");

/// Says that the use case is the demonstration.
const DEMO: HeaderName = HeaderName::from_static("x-proeftuin-demo");

/// What the head of every sealed reply says: whether it is the demonstration's, and which receipt it has.
pub(crate) fn marks(demo: bool, receipt_id: &str) -> HeaderMap {
    let mut marks = HeaderMap::new();
    if demo {
        marks.insert(DEMO, HeaderValue::from_static("true"));
    }
    if let Ok(id) = HeaderValue::from_str(receipt_id) {
        marks.insert(RECEIPT, id);
    }
    marks
}

/// What a request shows of who makes it.
pub(crate) fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    // What is no text is no use case either; what is empty names none.
    let named = headers.get(USE_CASE).map(|value| value.to_str().unwrap_or("?").trim());
    let use_case = named.filter(|named| !named.is_empty());
    Credentials { bearer: bearer(headers).or_else(|| api_key(headers)), use_case }
}

/// Anthropic's header for a key; `Authorization` comes first where a client sends both.
fn api_key(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key")?.to_str().ok().map(str::trim)
}

/// The key or token of an `Authorization: Bearer` header. The scheme's name is case-insensitive (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
