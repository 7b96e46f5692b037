//! `/v1/models`: what the caller's use case may use.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use gateway::{ModelCard, Refusal};
use serde::Serialize;

use super::credentials;
use crate::error::ApiError;
use crate::router::{App, Call};
use crate::wire::model::{Model, ModelList};

async fn cards(app: &App, call: &Call) -> Result<Vec<ModelCard>, ApiError> {
    let caller = app.gateway.authenticate(credentials(&call.headers), call.endpoint.id, call.origin).await?;
    Ok(app.gateway.models(&caller).await?)
}

pub(crate) async fn list(app: &App, call: Call) -> Result<Response, ApiError> {
    Ok(json(&cards(app, &call).await?.into_iter().collect::<ModelList>()))
}

pub(crate) async fn one(app: &App, call: Call) -> Result<Response, ApiError> {
    let found = cards(app, &call).await?.into_iter().find(|card| card.id == call.tail);
    let card = found.ok_or(Refusal::UnknownModel { model: call.tail })?;
    Ok(json(&Model::from(card)))
}

fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
