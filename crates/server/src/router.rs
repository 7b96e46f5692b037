//! The router is the endpoint table, mounted row by row; nothing else answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Extension, Router};
use gateway::{CallerClass, ENDPOINTS, Endpoint, EndpointId, Gateway, Method, Origin};

use crate::error::{ApiError, Dialect, RECEIPT};
use crate::listening::{Peer, Trusted, origin};
use crate::metrics::Metrics;
use crate::wire::body::BODY_BYTES_MAX;
use crate::{routes, upload};

/// Where official clients look for the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every route needs.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) trusted_proxies: Arc<[Trusted]>,
    /// How long the body of a request may take.
    pub(crate) body_patience: Duration,
}

/// One call of an endpoint, before anything of it is believed.
pub(crate) struct Call {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) origin: Origin,
    pub(crate) headers: HeaderMap,
    /// The `{model}` part of the path; empty where there is none.
    pub(crate) tail: String,
    /// What stands after the question mark; empty where there is none.
    pub(crate) query: String,
    pub(crate) body: Bytes,
}

/// All rows of the endpoint table as axum routes.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for row in ENDPOINTS {
        let filter = match row.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let path = row.path.replace("{model}", "{*tail}");
        router = router.route(
            &path,
            on(filter, move |app, peer, tail, query, request| handle(row, app, peer, (tail, query), request)),
        );
    }
    router
        .fallback(|| async { ApiError::no_endpoint(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { ApiError::no_endpoint(StatusCode::METHOD_NOT_ALLOWED) })
        .with_state(app)
}

async fn handle(
    row: &'static Endpoint,
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    (tail, RawQuery(query)): (Option<Path<String>>, RawQuery),
    request: Request,
) -> Response {
    let metrics = Arc::clone(&app.metrics);
    let dialect = Dialect::of(row.id);
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let mut response = match upload::whole(&headers, body, BODY_BYTES_MAX, app.body_patience).await {
        Err(error) => error.respond(dialect),
        Ok(body) => {
            let origin = origin(peer, &headers, &app.trusted_proxies);
            let tail = tail.map(|Path(tail)| tail).unwrap_or_default();
            let query = query.unwrap_or_default();
            let call = Call { endpoint: row, origin, headers, tail, query, body };
            answer(app, call).await.unwrap_or_else(|error| error.respond(dialect))
        }
    };
    // The receipt's, as it leads to the log; a client's own is not repeated, for it could hold anything.
    if let Some(id) = response.headers().get(RECEIPT).cloned() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    metrics.count(row.id, response.status());
    response
}

async fn answer(app: App, call: Call) -> Result<Response, ApiError> {
    if call.endpoint.caller == CallerClass::Loopback && !call.origin.loopback {
        return Err(ApiError::loopback_only());
    }
    match call.endpoint.id {
        EndpointId::ChatCompletions
        | EndpointId::Completions
        | EndpointId::Messages
        | EndpointId::Responses => routes::generate::generate(&app, call).await,
        EndpointId::CountTokens | EndpointId::Tokenize | EndpointId::Detokenize => {
            routes::count::count(&app, call).await
        }
        EndpointId::TokenizerInfo => routes::count::tokenizer_info(&app, call).await,
        EndpointId::Embeddings => routes::embeddings::embed(&app, call).await,
        EndpointId::Models => routes::models::list(&app, call).await,
        EndpointId::Model => routes::models::one(&app, call).await,
        EndpointId::Guidance => routes::guidance::read(&app, call).await,
        EndpointId::Acknowledge => routes::guidance::acknowledge(&app, call).await,
        EndpointId::GuidancePage => Ok(routes::guidance::page()),
        EndpointId::OpenApi => Ok(routes::docs::document()),
        EndpointId::Docs => Ok(routes::docs::page()),
        EndpointId::Health => Ok("ok\n".into_response()),
        EndpointId::Ready => routes::status::ready(&app),
        EndpointId::Metrics => Ok(routes::status::metrics(&app)),
        // The table is in another crate and may grow: a row without code here answers nothing.
        _ => Err(ApiError::no_endpoint(StatusCode::NOT_FOUND)),
    }
}
