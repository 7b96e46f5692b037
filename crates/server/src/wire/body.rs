//! The body as a whole: parsed once, canonicalised for the receipt, and walked for strings that need scanning.

use gateway::{Endpoint, Scanned};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::ApiError;

/// Largest body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 4 << 20;

/// A parsed body and what redaction and the receipt need of it.
pub(crate) struct Body {
    /// The JSON value.
    pub(crate) value: Value,
    /// Every key, and every string outside the endpoint's text fields.
    pub(crate) scanned: Vec<Scanned>,
    /// The body as canonical JSON (RFC 8785).
    pub(crate) canonical: Zeroizing<Vec<u8>>,
}

impl Body {
    /// Parses `bytes` as the JSON body of `endpoint`.
    pub(crate) fn parse(endpoint: &Endpoint, bytes: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            let place = format!("at line {}, column {}", error.line(), error.column());
            ApiError::invalid("", format!("is not JSON ({place}); send a JSON object"))
        })?;
        let canonical = serde_json_canonicalizer::to_vec(&value)
            .map(Zeroizing::new)
            .map_err(|_| ApiError::invalid("", "holds a number that JSON cannot carry exactly"))?;
        let mut scanned = Vec::new();
        walk(endpoint, &value, &mut String::new(), &mut scanned);
        Ok(Self { value, scanned, canonical })
    }
}

/// Numbers are scanned as well: a citizen service number needs no quotes.
fn walk(endpoint: &Endpoint, value: &Value, pointer: &mut String, found: &mut Vec<Scanned>) {
    let mut keep = |text: &str, pointer: &str| {
        found.push(Scanned { pointer: pointer.to_owned(), text: Zeroizing::new(text.to_owned()) });
    };
    match value {
        Value::String(text) if !endpoint.is_text(pointer) => keep(text, pointer),
        // A seed is drawn by machines and never reaches the model.
        Value::Number(number)
            if pointer != "/seed"
                && !endpoint.is_text(pointer)
                && number.as_f64().is_some_and(|n| n.abs() >= 1e6) =>
        {
            keep(&number.to_string(), pointer);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                descend(endpoint, item, pointer, &index.to_string(), found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                // A key is named by its parent: its own pointer would repeat it.
                found.push(Scanned {
                    pointer: format!("{pointer} (a key)"),
                    text: Zeroizing::new(key.clone()),
                });
                descend(endpoint, item, pointer, &key.replace('~', "~0").replace('/', "~1"), found);
            }
        }
        _ => {}
    }
}

fn descend(endpoint: &Endpoint, item: &Value, pointer: &mut String, step: &str, found: &mut Vec<Scanned>) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(step);
    walk(endpoint, item, pointer, found);
    pointer.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway::{EndpointId, endpoint};

    #[test]
    fn text_goes_to_redaction_and_all_else_is_scanned() {
        let chat = endpoint(EndpointId::ChatCompletions).unwrap();
        let json = br#"{"messages":[{"role":"user","content":"hallo","a/b":1}],"user":"jan","seed":123456789,"x":123456789}"#;
        let body = Body::parse(chat, json).unwrap();
        let seen: Vec<_> = body.scanned.iter().map(|s| (s.pointer.as_str(), s.text.as_str())).collect();
        assert!(seen.contains(&("/user", "jan")));
        assert!(seen.contains(&("/messages/0/role", "user")));
        assert!(seen.contains(&("/x", "123456789")));
        assert!(seen.contains(&("/messages/0 (a key)", "a/b")));
        assert!(!seen.iter().any(|(_, text)| *text == "hallo"));
        assert!(!seen.iter().any(|(pointer, _)| *pointer == "/seed"));
    }

    #[test]
    fn a_broken_body_is_named_by_place_and_not_quoted() {
        let chat = endpoint(EndpointId::ChatCompletions).unwrap();
        let Err(error) = Body::parse(chat, b"{\"messages\": geheim}") else { panic!("parsed") };
        let text = error.event(crate::error::Dialect::OpenAi);
        assert!(text.contains("line 1, column 14"), "{text}");
        assert!(!text.contains("geheim"));
    }
}
