//! The body of a request, whole: so long, in so much time, and no further.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;

/// How long what is too much is still read and thrown away: a client that is cut off while it sends does not read why.
const LINGER: Duration = Duration::from_secs(5);

/// Reads `body`.
///
/// # Errors
/// 413 when it has more than `limit_bytes`, 408 when it is not whole within `patience`, 400 when it breaks off.
pub(crate) async fn whole(
    headers: &HeaderMap,
    body: Body,
    limit_bytes: usize,
    patience: Duration,
) -> Result<Bytes, ApiError> {
    let deadline = Instant::now() + patience;
    let mut parts = body.into_data_stream();
    let told = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let mut too_much = told.is_some_and(|bytes| bytes > u64::try_from(limit_bytes).unwrap_or(u64::MAX));
    // Once only, at its size, so that no copy of a prompt is left behind by growing.
    let size = told.and_then(|bytes| usize::try_from(bytes).ok()).filter(|_| !too_much).unwrap_or_default();
    let mut whole = Vec::with_capacity(size);
    while !too_much {
        match timeout_at(deadline, parts.next()).await {
            Err(_) => return Err(ApiError::too_slow(patience)),
            Ok(None) => return Ok(Bytes::from(whole)),
            Ok(Some(Err(_))) => return Err(ApiError::invalid("", "breaks off before its end")),
            Ok(Some(Ok(part))) => {
                too_much = whole.len().saturating_add(part.len()) > limit_bytes;
                if !too_much {
                    whole.extend_from_slice(&part);
                }
            }
        }
    }
    drop(whole);
    let until = Instant::now() + LINGER;
    while let Ok(Some(Ok(_))) = timeout_at(until, parts.next()).await {}
    Err(ApiError::too_large(limit_bytes))
}
