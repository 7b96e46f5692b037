//! What the API is, said to machines (OpenAPI 3.1) and to people: made from the endpoint table and the fields of each body.
//!
//! `requests.rs` has what is accepted, and tests hold it against what `wire/` reads, field by field; `answers.rs` has what comes
//! back, and tests hold it against answers.

mod answers;
mod page;
mod requests;
#[cfg(test)]
mod tests;

use gateway::{CallerClass, ENDPOINTS, Endpoint, EndpointId, Method};
use serde_json::{Map, Value, json};

use crate::error::Dialect;
use crate::wire::set;

pub(crate) use page::{PAGE_MAY, page};

/// What a row of the table is for.
struct About {
    summary: &'static str,
    detail: &'static str,
    /// Status and what it means, beside those that all rows of its kind have.
    more: &'static [(&'static str, &'static str)],
}

/// The whole document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for row in ENDPOINTS {
        let method = match row.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        set(path, method, operation(row));
    }
    let schemes = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "The key of a use case, or a token of the \
            organisation's identity provider where it is let in."},
        "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key, where a client sends it so."},
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Proeftuin",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
            "description": "Every request is judged by the policy of its use case, stripped of personal data, and sealed in a log. A field \
                that is not listed is refused by name, never ignored; null is the same as leaving a field out. `x-proeftuin-text` \
                lists the fields that are rewritten where they hold personal data (`*` any index, `**` any steps); in every other \
                string personal data refuses the request.",
        },
        "paths": paths,
        "components": {"securitySchemes": schemes, "schemas": answers::components()},
    })
}

fn operation(row: &Endpoint) -> Value {
    let About { summary, detail, more } = about(row.id);
    let mut responses = Map::new();
    responses.insert("200".to_owned(), good(row));
    let common: &[(&str, &str)] = match (row.caller, row.method) {
        (CallerClass::Anyone, _) => &[],
        (CallerClass::Loopback, _) => &[("403", "Asked from another machine.")],
        (CallerClass::KeyHolder, Method::Get) => KEYED,
        (CallerClass::KeyHolder, Method::Post) => POSTED,
    };
    let dialect = match Dialect::of(row.id) {
        Dialect::OpenAi => "#/components/schemas/Error",
        Dialect::Anthropic => "#/components/schemas/MessagesError",
    };
    for (status, meaning) in common.iter().chain(more) {
        let content = json!({"application/json": {"schema": {"$ref": dialect}}});
        responses.insert((*status).to_owned(), json!({"description": meaning, "content": content}));
    }
    let mut operation = json!({
        "operationId": format!("{}_{}", row.id, if row.path.contains('{') { "one" } else { "all" }),
        "summary": summary,
        "description": detail,
        "responses": responses,
    });
    if row.caller == CallerClass::KeyHolder {
        set(&mut operation, "security", json!([{"bearer": []}, {"apiKey": []}]));
    }
    if let Some(schema) = requests::body(row.id) {
        let body = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        set(&mut operation, "requestBody", body);
    }
    if !row.text.is_empty() {
        set(&mut operation, "x-proeftuin-text", json!(row.text));
    }
    let parameters = requests::parameters(row);
    if !parameters.is_empty() {
        set(&mut operation, "parameters", json!(parameters));
    }
    operation
}

const KEYED: &[(&str, &str)] = &[
    ("401", "No key, or one that opens nothing (any more)."),
    ("403", "Denied by a rule of the policy, which is named with what to do about it."),
    ("503", "Closed: the model is being loaded, or the log or another part cannot take requests."),
];

const POSTED: &[(&str, &str)] = &[
    ("400", "Something in the body cannot be used as it is; `param` names it."),
    ("401", "No key, or one that opens nothing (any more)."),
    ("403", "Denied: by a rule of the policy, or for personal data where nothing can be rewritten."),
    ("408", "The body did not come whole in time."),
    ("413", "The body is too long."),
    (
        "429",
        "A quota is used up, or the queue is full; `Retry-After` says for how long, where that is known.",
    ),
    ("503", "Closed: the model is being loaded, or the log or another part cannot take requests."),
];

/// A good answer.
fn good(row: &Endpoint) -> Value {
    let mut content = Map::new();
    match answers::of(row.id) {
        answers::Kind::Json(schema) => {
            content.insert("application/json".to_owned(), json!({"schema": schema}));
        }
        answers::Kind::Text(kind) => {
            content.insert(kind.to_owned(), json!({"schema": {"type": "string"}}));
        }
    }
    let also = match row.id {
        EndpointId::ChatCompletions
        | EndpointId::Completions
        | EndpointId::Messages
        | EndpointId::Responses => Some("text/event-stream"),
        EndpointId::Guidance => Some("text/markdown"),
        _ => None,
    };
    if let Some(kind) = also {
        content.insert(kind.to_owned(), json!({"schema": {"type": "string"}}));
    }
    json!({"description": "A good answer.", "content": content})
}

const NO_MODEL: &[(&str, &str)] = &[("404", "No such model for this key.")];
const NO_GUIDANCE: &[(&str, &str)] =
    &[("400", "Another language than nl or en was asked for."), ("404", "The use case names no guidance.")];

fn about(id: EndpointId) -> About {
    let (summary, detail, more): (_, _, &[(&str, &str)]) = match id {
        EndpointId::ChatCompletions => (
            "Answer a chat (OpenAI)",
            "With `stream`, chunks of server-sent events that end with `[DONE]` once the outcome is in the log; the receipt is in the last chunk.",
            &[],
        ),
        EndpointId::Completions => (
            "Continue a text (OpenAI)",
            "With `stream`, chunks of server-sent events that end with `[DONE]` once the outcome is in the log; the receipt is in the last chunk.",
            &[],
        ),
        EndpointId::Messages => (
            "Answer a chat (Anthropic)",
            "With `stream`: message_start, ping, content_block_start, content_block_delta, content_block_stop, message_delta and \
             message_stop, which carries the receipt; error where it breaks off.",
            &[],
        ),
        EndpointId::CountTokens => (
            "Count the tokens of a chat (Anthropic)",
            "As they would be charged: after redaction, with tools and template. It counts as a request and takes no tokens.",
            &[],
        ),
        EndpointId::Responses => (
            "Answer a chat (OpenAI's Responses)",
            "Nothing is kept: `store` may be false or left out, and every request brings the whole input. The response repeats nothing of the \
             request but numbers. With `stream`: response.created to response.completed, response.incomplete or response.failed, numbered.",
            &[],
        ),
        EndpointId::Embeddings => (
            "Make vectors of texts",
            "Of the redacted text: a placeholder has another vector than what it stands for. Token ids are refused: they are another tokenizer's.",
            NO_MODEL,
        ),
        EndpointId::Tokenize => (
            "Token ids of a prompt or a chat (vLLM)",
            "As the model would be given them, after redaction. Names of control tokens in a text are text.",
            &[],
        ),
        EndpointId::Detokenize => {
            ("Text of token ids (vLLM)", "Personal data in the text of the ids refuses the request.", &[])
        }
        EndpointId::TokenizerInfo => ("The tokenizer of the model that answers", "", NO_MODEL),
        EndpointId::Models => ("Models that the use case may use", "", &[]),
        EndpointId::Model => ("One of them", "", NO_MODEL),
        EndpointId::Guidance => ("What the caller has to read, and where they stand", "", NO_GUIDANCE),
        EndpointId::Acknowledge => (
            "Say that it was read",
            "`sha256` is that of the text, as the guidance has it.",
            &[
                ("404", "The use case names no guidance."),
                ("409", "The guidance has changed since: read it again."),
            ],
        ),
        EndpointId::GuidancePage => ("A page to read and acknowledge guidance in a browser", "", &[]),
        EndpointId::Health => ("Whether the process lives", "", &[]),
        EndpointId::Ready => {
            ("Whether requests are served", "", &[("503", "Not yet, or not any more; the reason is said.")])
        }
        EndpointId::Metrics => ("Counters without content, in Prometheus' text format", "", &[]),
        EndpointId::OpenApi => ("This document", "", &[]),
        EndpointId::Docs => ("This document as a page", "", &[]),
        _ => ("", "", &[]),
    };
    About { summary, detail, more }
}
