//! What answers each row of the endpoint table.

pub(crate) mod generate;
pub(crate) mod guidance;
pub(crate) mod models;
pub(crate) mod status;

use axum::http::{HeaderMap, header};

/// The key of an `Authorization: Bearer` header. The scheme's name is case-insensitive (RFC 9110, 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
