//! Pages of other origins that may call this server from a browser (the Fetch standard's CORS protocol).

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderValue, Method, Uri};
use thiserror::Error;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// An origin as a browser writes it: `https://intranet.example.nl`, with its port where it is not the scheme's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(HeaderValue);

/// Why a text is no [`WebOrigin`].
#[derive(Debug, Error)]
#[error(
    "must be an origin as a browser sends it, such as https://intranet.example.nl; * is not one: name each"
)]
pub struct NotAnOrigin;

impl FromStr for WebOrigin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let uri: Uri = text.parse().map_err(|_| NotAnOrigin)?;
        let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.authority()) else {
            return Err(NotAnOrigin);
        };
        // Browsers send it in small letters and without a path; anything else would never be equal to what they send.
        if format!("{scheme}://{host}") != text
            || text.bytes().any(|b| b.is_ascii_uppercase())
            || text.contains('@')
        {
            return Err(NotAnOrigin);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| NotAnOrigin)
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The headers for `origins`. Keys travel in a header, so no cookies are let through, and whoever calls may name any header.
pub(crate) fn layer(origins: &[WebOrigin]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.iter().map(|origin| origin.0.clone()).collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for text in ["https://intranet.example.nl", "http://localhost:3000", "http://[::1]:80"] {
            assert!(text.parse::<WebOrigin>().is_ok(), "{text}");
        }
        for text in [
            "*",
            "null",
            "",
            "intranet.example.nl",
            "https://a.nl/",
            "https://A.nl",
            "ftp://a.nl",
            "https://x@a.nl",
        ] {
            assert!(text.parse::<WebOrigin>().is_err(), "{text}");
        }
    }
}
