//! The one way an error leaves: in OpenAI's shape or Anthropic's, with the rule, the remedy and the receipt where there are any.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gateway::{DeniedKind, EndpointId, Quota, Refusal};
use serde::Serialize;

/// The header that names a request's receipt.
pub(crate) const RECEIPT: HeaderName = HeaderName::from_static("x-proeftuin-receipt");
/// Official clients retry some statuses unless told not to; a repeated denial would only fill the log.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Official clients wait at most so long before they try again.
const RETRY_WAIT_S_MAX: u64 = 60;

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Details>);

#[derive(Debug)]
struct Details {
    status: StatusCode,
    kind: &'static str,
    code: String,
    message: String,
    param: Option<String>,
    remedy_nl: Option<String>,
    receipt: Option<String>,
    link: Option<String>,
    retry_after_s: Option<u64>,
    quota: Option<Box<Quota>>,
    challenge: Option<&'static str>,
}

/// Whose shape an error has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
}

impl Dialect {
    /// Of an endpoint's errors.
    pub(crate) fn of(endpoint: EndpointId) -> Self {
        match endpoint {
            EndpointId::Messages | EndpointId::CountTokens => Self::Anthropic,
            _ => Self::OpenAi,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    /// Anthropic's mark of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    error: Inner<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy_nl: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a str>,
    /// Where the caller can do something about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
}

impl ApiError {
    fn new(
        status: StatusCode,
        kind: &'static str,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            status,
            kind,
            code: code.into(),
            message: message.into(),
            param: None,
            remedy_nl: None,
            receipt: None,
            link: None,
            retry_after_s: None,
            quota: None,
            challenge: None,
        }))
    }

    fn about(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into()).filter(|name| !name.is_empty());
        self
    }

    fn in_dutch(mut self, remedy_nl: &str) -> Self {
        self.0.remedy_nl = Some(remedy_nl.to_owned());
        self
    }

    /// 400 for one field.
    pub(crate) fn invalid(param: impl Into<String>, reason: impl Into<String>) -> Self {
        let (param, reason) = (param.into(), reason.into());
        let message =
            if param.is_empty() { format!("the body {reason}") } else { format!("{param} {reason}") };
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_value", message).about(param)
    }

    /// The field that it is about.
    #[cfg(test)]
    pub(crate) fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// What it says, for whoever reads a body without being a client.
    pub(crate) fn why(&self) -> String {
        self.0.message.clone()
    }

    /// 413.
    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            "body_too_large",
            format!("the body has more than {limit_bytes} bytes; send less at once"),
        )
    }

    /// 408.
    pub(crate) fn too_slow(patience: Duration) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "invalid_request_error",
            "body_too_slow",
            format!("the body did not arrive whole within {} s", patience.as_secs()),
        )
    }

    /// 404 or 405 for paths and methods outside the endpoint table.
    pub(crate) fn no_endpoint(status: StatusCode) -> Self {
        let message = if status == StatusCode::METHOD_NOT_ALLOWED {
            "this path has another method"
        } else {
            "there is no such endpoint; see the README for the ones there are"
        };
        Self::new(status, "invalid_request_error", "unknown_endpoint", message)
    }

    /// 403 for a row of the endpoint table that only local peers may call.
    pub(crate) fn loopback_only() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "permission_error",
            "loopback-only",
            "this endpoint answers on the loopback interface only; ask from the server itself",
        )
    }

    /// The `data:` payload for an error in the middle of a stream.
    pub(crate) fn event(&self, dialect: Dialect) -> String {
        serde_json::to_string(&self.body(dialect)).unwrap_or_default()
    }

    /// In Anthropic's words, which has fewer of them and goes by the status.
    fn kind(&self, dialect: Dialect) -> &'static str {
        match (dialect, self.0.status.as_u16()) {
            (Dialect::OpenAi, _) => self.0.kind,
            (_, 401) => "authentication_error",
            (_, 403) => "permission_error",
            (_, 404) => "not_found_error",
            (_, 413) => "request_too_large",
            (_, 429) => "rate_limit_error",
            (_, 500..) => "api_error",
            _ => "invalid_request_error",
        }
    }

    fn body(&self, dialect: Dialect) -> Body<'_> {
        let theirs = dialect == Dialect::Anthropic;
        Body {
            r#type: theirs.then_some("error"),
            request_id: self.0.receipt.as_deref().filter(|_| theirs),
            error: Inner {
                message: &self.0.message,
                r#type: self.kind(dialect),
                param: self.0.param.as_deref(),
                code: &self.0.code,
                remedy_nl: self.0.remedy_nl.as_deref(),
                receipt: self.0.receipt.as_deref(),
                link: self.0.link.as_deref(),
            },
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Denied(denied) => {
                let (status, kind) = match denied.kind {
                    DeniedKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "authentication_error"),
                    DeniedKind::Forbidden => (StatusCode::FORBIDDEN, "permission_error"),
                    DeniedKind::Quota => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"),
                };
                let challenge = challenge(denied.kind, &denied.rule);
                let mut error = Self::new(status, kind, denied.rule, message);
                error.0.challenge = challenge;
                error.0.remedy_nl = Some(denied.remedy_nl);
                error.0.receipt = denied.receipt_id;
                error.0.link = denied.link;
                error.0.retry_after_s = denied.quota.as_ref().and_then(|quota| quota.retry_after_s);
                error.0.quota = denied.quota;
                error
            }
            Refusal::NoGuidance => {
                Self::new(StatusCode::NOT_FOUND, "invalid_request_error", "no_guidance", message).in_dutch(
                    "de toepassing van deze sleutel noemt geen gebruiksafspraken; er valt niets te lezen of te bevestigen",
                )
            }
            Refusal::OtherGuidance => {
                let code = "guidance_not_current";
                Self::new(StatusCode::CONFLICT, "invalid_request_error", code, message)
                    .about("sha256")
                    .in_dutch("de gebruiksafspraken zijn intussen gewijzigd; lees ze opnieuw en bevestig wat er nu staat")
            }
            Refusal::UnknownModel { .. } => {
                Self::new(StatusCode::NOT_FOUND, "invalid_request_error", "model_not_found", message)
                    .about("model")
            }
            Refusal::Invalid { field, .. } => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_value", message)
                    .about(field)
            }
            Refusal::ContextOverflow { .. } => {
                let code = "context_length_exceeded";
                Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message)
            }
            Refusal::TextTooLong { .. } => {
                let code = "context_length_exceeded";
                Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message).about("input")
            }
            Refusal::Busy { retry_after_s } => {
                let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "busy", message);
                error.0.retry_after_s = Some(retry_after_s.into());
                error
            }
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", "closed", message),
        }
    }
}

/// What a client is told of its credentials (RFC 6750, 3.1): nothing where it sent none, that they are not valid, or that they
/// are and open nothing here.
fn challenge(kind: DeniedKind, rule: &str) -> Option<&'static str> {
    match kind {
        DeniedKind::Unauthenticated if rule == "missing-key" => Some("Bearer"),
        DeniedKind::Unauthenticated => Some("Bearer error=\"invalid_token\""),
        DeniedKind::Forbidden if rule.starts_with("token-") => Some("Bearer error=\"insufficient_scope\""),
        _ => None,
    }
}

/// The headers of OpenAI's API that say how much of a quota there is, is left, and when it is whole again.
fn rate_limits(quota: &Quota, headers: &mut HeaderMap) {
    let [limit, remaining, reset] = if quota.tokens {
        ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]
    } else {
        ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]
    };
    headers.insert(HeaderName::from_static(limit), HeaderValue::from(quota.limit));
    let left = quota.limit.saturating_sub(quota.used);
    headers.insert(HeaderName::from_static(remaining), HeaderValue::from(left));
    let seconds = quota.retry_after_s.map(|seconds| HeaderValue::from_str(&format!("{seconds}s")));
    if let Some(Ok(seconds)) = seconds {
        headers.insert(HeaderName::from_static(reset), seconds);
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.respond(Dialect::OpenAi)
    }
}

impl ApiError {
    /// The response, in the shape of the endpoint.
    pub(crate) fn respond(self, dialect: Dialect) -> Response {
        let body = serde_json::to_vec(&self.body(dialect)).unwrap_or_default();
        let mut response =
            (self.0.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.0.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(quota) = &self.0.quota {
            rate_limits(quota, headers);
        }
        // A full queue and a minute's quota free themselves while a client waits; every other refusal would be the
        // same again.
        let soon = self.0.retry_after_s.is_some_and(|seconds| seconds <= RETRY_WAIT_S_MAX);
        if self.0.status.is_client_error() && !soon {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        let link =
            self.0.link.as_deref().map(|link| HeaderValue::from_str(&format!("<{link}>; rel=\"help\"")));
        if let Some(Ok(link)) = link {
            headers.insert(header::LINK, link);
        }
        if let Some(id) = self.0.receipt.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(RECEIPT, id);
        }
        response
    }
}
