//! Endpoints that count tokens and generate nothing: key first, then the body, then the gateway's path.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use gateway::{Counted, EndpointId, GenerationRequest, Params, Refusal};

use super::generate::{trace, version};
use super::{credentials, marks};
use crate::error::ApiError;
use crate::router::{App, Call};
use crate::wire::body::Body;
use crate::wire::messages;
use crate::wire::subjects::data_subjects;
use crate::wire::tokens::{
    Detokenized, InputTokens, Parsed, Tokenized, TokenizerInfo, parse_ids, parse_text,
};

pub(crate) async fn count(app: &App, call: Call) -> Result<Response, ApiError> {
    let endpoint = call.endpoint.id;
    let caller = app.gateway.authenticate(credentials(&call.headers), endpoint, call.origin).await?;
    version(&call)?;
    let body = Body::parse(call.endpoint, &call.body)?;
    let Parsed { model, input, tools, opening } = match endpoint {
        EndpointId::Tokenize => parse_text(body.value)?,
        EndpointId::Detokenize => parse_ids(body.value)?,
        _ => messages::parse_counted(body.value)?,
    };
    let request = GenerationRequest {
        endpoint,
        model: model.map_or_else(|| app.gateway.answering(), Ok)?,
        input,
        tools,
        constraint: None,
        stop: Vec::new(),
        scanned: body.scanned,
        params: Params::default(),
        client_input: body.canonical,
        data_subjects: data_subjects(&call.headers)?,
        trace: trace(&call.headers),
        origin: call.origin,
    };
    let counted = app.gateway.count(caller, request, opening).await?;
    let mut response =
        ([(header::CONTENT_TYPE, "application/json")], body_of(endpoint, &counted)?).into_response();
    response.headers_mut().extend(marks(counted.demo, &counted.receipt.id.to_hex()));
    Ok(response)
}

fn body_of(endpoint: EndpointId, counted: &Counted) -> Result<Vec<u8>, ApiError> {
    let json = match endpoint {
        EndpointId::Tokenize => serde_json::to_vec(&Tokenized::new(counted)),
        EndpointId::Detokenize => serde_json::to_vec(&Detokenized::new(counted)),
        _ => serde_json::to_vec(&InputTokens::new(counted)),
    };
    json.map_err(|_| Refusal::closed("the answer could not be written as JSON").into())
}

pub(crate) async fn tokenizer_info(app: &App, call: Call) -> Result<Response, ApiError> {
    let caller = app.gateway.authenticate(credentials(&call.headers), call.endpoint.id, call.origin).await?;
    let info = TokenizerInfo::from(app.gateway.tokenizer_facts(&caller).await?);
    let json = serde_json::to_vec(&info).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}
