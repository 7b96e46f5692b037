//! `/v1/proeftuin/guidance` and its page: whoever has a key reads what their use case asks them to, and says that they
//! did. The page is the same for everybody and holds nothing: its script sends the key or token that is pasted there in the header
//! of its requests, so that no key is ever part of an address.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gateway::{Caller, GuidancePage, Language};
use serde::Serialize;

use super::credentials;
use crate::error::ApiError;
use crate::router::{App, Call};
use crate::wire::body::Body;
use crate::wire::fields::Fields;

/// Where guidance is read.
const READ: &str = "/v1/proeftuin/guidance";
/// Where it is acknowledged.
const ACKNOWLEDGE: &str = "/v1/proeftuin/guidance/acknowledge";
/// Says what a Markdown reply is a text of.
const SHA256: HeaderName = HeaderName::from_static("x-proeftuin-guidance-sha256");

/// The page for browsers, whole.
const PAGE: &str = concat!(
    "<!doctype html>\n<html lang=\"nl\"><head><meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
    "<title>Proeftuin</title><style>",
    include_str!("guidance/page.css"),
    "</style></head><body>\n",
    include_str!("guidance/page.html"),
    "<script>",
    include_str!("guidance/page.js"),
    "</script></body></html>\n"
);

/// What the page may do: run its own script and style, by their hashes, and ask this server. A test keeps the hashes true.
const PAGE_MAY: &str = "default-src 'none'; script-src 'sha256-iUao5zmmxQM4g5nc2wpgSwnSk+aq/VTHosZ946c4OEQ='; \
     style-src 'sha256-cyHALoGSKL+wo7RVfKnmRz16CW0Rjqo87NOq/9FU/9c='; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Serialize)]
struct WireGuidance<'a> {
    object: &'static str,
    /// The caller, as whoever records a training names them.
    person: &'a str,
    id: &'a str,
    version: &'a str,
    sha256: &'a str,
    lang: &'static str,
    title: &'a str,
    text: &'a str,
    acknowledged: bool,
    /// `never`, `older`, `expired` or `current`.
    state: &'static str,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
    training: Vec<WireTraining<'a>>,
    read: &'static str,
    acknowledge: &'static str,
    page: &'static str,
}

#[derive(Serialize)]
struct WireTraining<'a> {
    id: &'a str,
    /// `missing`, `expired` or `current`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a str>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
}

/// `GET`: JSON, or the text alone for whoever asks for `text/markdown`.
pub(crate) async fn read(app: &App, call: Call) -> Result<Response, ApiError> {
    let caller = caller(app, &call).await?;
    let language = language(&call)?;
    let page = app.gateway.guidance(&caller, language)?;
    if !wants_markdown(&call.headers) {
        return Ok(json(&page, language));
    }
    let mut response = (
        [(header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"))],
        page.told.text.clone(),
    )
        .into_response();
    private(response.headers_mut(), language);
    if let Ok(sha256) = HeaderValue::from_str(&page.sha256) {
        response.headers_mut().insert(SHA256, sha256);
    }
    Ok(response)
}

/// `POST {"sha256": "…"}`: the caller has read what has this hash. Gives what `GET` gives afterwards.
pub(crate) async fn acknowledge(app: &App, call: Call) -> Result<Response, ApiError> {
    let caller = caller(app, &call).await?;
    let language = language(&call)?;
    let mut fields = Fields::new(Body::parse(call.endpoint, &call.body)?.value, "")?;
    let text = fields.text("sha256")?.ok_or_else(|| fields.error("sha256", "is required"))?;
    let mut sha256 = [0; 32];
    if hex::decode_to_slice(text.as_bytes(), &mut sha256).is_err() {
        let reason = format!("must be the 64 hexadecimal digits that GET {READ} gives");
        return Err(fields.error("sha256", reason));
    }
    fields.finish()?;
    app.gateway.acknowledge(&caller, sha256).await?;
    Ok(json(&app.gateway.guidance(&caller, language)?, language))
}

/// The page.
pub(crate) fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, PAGE_MAY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (StatusCode::OK, headers, PAGE).into_response()
}

async fn caller(app: &App, call: &Call) -> Result<Caller, ApiError> {
    Ok(app.gateway.authenticate(credentials(&call.headers), call.endpoint.id, call.origin).await?)
}

fn json(page: &GuidancePage, language: Language) -> Response {
    let training = page.training.iter().map(|row| WireTraining {
        id: &row.id,
        state: row.state,
        about: row.about.as_deref(),
        valid_until: row.until_ms.map(seconds),
    });
    let body = WireGuidance {
        object: "guidance",
        person: &page.person,
        id: &page.id,
        version: &page.version,
        sha256: &page.sha256,
        lang: code(language),
        title: &page.told.title,
        text: &page.told.text,
        acknowledged: page.acknowledged(),
        state: page.acknowledgement.name(),
        acknowledged_at: page.acknowledged_ms().map(seconds),
        valid_until: page.until_ms().map(seconds),
        training: training.collect(),
        read: READ,
        acknowledge: ACKNOWLEDGE,
        page: "/guidance",
    };
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = ([(header::CONTENT_TYPE, "application/json")], bytes).into_response();
    private(response.headers_mut(), language);
    response
}

/// It says where one person stands: nobody keeps it for another.
fn private(headers: &mut HeaderMap, language: Language) {
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(code(language)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}

fn code(language: Language) -> &'static str {
    match language {
        Language::Dutch => "nl",
        Language::English => "en",
    }
}

fn wants_markdown(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/markdown"))
}

/// `?lang=`, else the first of the two in `Accept-Language` (RFC 9110, 12.5.4), else Dutch.
fn language(call: &Call) -> Result<Language, ApiError> {
    let asked = call.query.split('&').find_map(|pair| pair.strip_prefix("lang="));
    match asked {
        Some("nl") => Ok(Language::Dutch),
        Some("en") => Ok(Language::English),
        Some(_) => Err(ApiError::invalid("lang", "must be nl or en")),
        None => Ok(accepted(&call.headers).unwrap_or(Language::Dutch)),
    }
}

fn accepted(headers: &HeaderMap) -> Option<Language> {
    let value = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(f32, Language)> = None;
    for range in value.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let language = match parts.next().and_then(|tag| tag.split('-').next()) {
            Some(tag) if tag.eq_ignore_ascii_case("nl") => Language::Dutch,
            Some(tag) if tag.eq_ignore_ascii_case("en") => Language::English,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
        let Some(weight) = weight.filter(|weight: &f32| *weight > 0.0 && *weight <= 1.0) else { continue };
        if best.is_none_or(|(heaviest, _)| weight > heaviest) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_page_may_run_its_own_script_and_style_and_no_other() {
        for (kind, text) in
            [("script", include_str!("guidance/page.js")), ("style", include_str!("guidance/page.css"))]
        {
            let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
            assert!(PAGE_MAY.contains(&format!("{kind}-src 'sha256-{hash}'")), "{kind}: {hash}");
            assert_eq!(PAGE.matches(&format!("<{kind}>{text}</{kind}>")).count(), 1);
        }
        // No attribute that runs or loads anything, and no key that a browser would put into an address.
        let html = include_str!("guidance/page.html");
        for bad in [" on", "href", "src=", "style=", "action=", "name="] {
            assert!(!html.contains(bad), "{bad}");
        }
        let js = include_str!("guidance/page.js");
        for bad in
            ["innerHTML", "outerHTML", "insertAdjacent", "eval(", "localStorage", "sessionStorage", "cookie"]
        {
            assert!(!js.contains(bad), "{bad}");
        }
    }

    #[test]
    fn the_language_that_weighs_most_is_taken() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(value));
            accepted(&headers).map(code)
        };
        assert_eq!(of("en-GB,en;q=0.9,nl;q=0.8"), Some("en"));
        assert_eq!(of("de, nl;q=0.5, en;q=0.4"), Some("nl"));
        assert_eq!(of("NL"), Some("nl"));
        assert_eq!(of("en;q=0, nl;q=nonsense"), None);
        assert_eq!(of("de"), None);
    }
}
