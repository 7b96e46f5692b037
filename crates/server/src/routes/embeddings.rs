//! `/v1/embeddings`: key first, then the body, then the gateway's path.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use gateway::EmbeddingRequest;

use super::generate::trace;
use super::{credentials, marks};
use crate::error::ApiError;
use crate::router::{App, Call};
use crate::wire::body::Body;
use crate::wire::embeddings::{Embeddings, parse};
use crate::wire::subjects::data_subjects;

pub(crate) async fn embed(app: &App, call: Call) -> Result<Response, ApiError> {
    let caller = app.gateway.authenticate(credentials(&call.headers), call.endpoint.id, call.origin).await?;
    let body = Body::parse(call.endpoint, &call.body)?;
    let parsed = parse(body.value)?;
    let request = EmbeddingRequest {
        model: parsed.model,
        inputs: parsed.inputs,
        dimensions: parsed.dimensions,
        scanned: body.scanned,
        client_input: body.canonical,
        data_subjects: data_subjects(&call.headers)?,
        trace: trace(&call.headers),
        origin: call.origin,
    };
    let embedded = app.gateway.embed(caller, request).await?;
    let shown = Embeddings::new(&embedded, parsed.format);
    let json =
        serde_json::to_vec(&shown).map_err(|_| ApiError::invalid("", "could not be answered in JSON"))?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], json).into_response();
    response.headers_mut().extend(marks(embedded.demo, &embedded.receipt.id.to_hex()));
    Ok(response)
}
