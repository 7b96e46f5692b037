//! Whether the service can take requests, and its counters. Neither says anything about a request.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::router::App;

/// 200 once the model is loaded and the log is open; 503 with the reason until then and after.
pub(crate) fn ready(app: &App) -> Result<Response, ApiError> {
    app.gateway.ready()?;
    Ok((StatusCode::OK, "ready\n").into_response())
}

/// Prometheus text format 0.0.4.
pub(crate) fn metrics(app: &App) -> Response {
    let Ok(body) = app.metrics.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response()
}
