//! What comes back, by example: `"string"` is a type, `"string?"` may be null, `"=x"` is the word x, `"a|b"` one of two,
//! `"#Name"` another schema; a list shows one of its items; a key that ends in `?` may be absent.

use gateway::EndpointId;
use serde_json::{Map, Value, json};

/// A whole body.
pub(super) enum Kind {
    Json(Value),
    /// Text of a media type.
    Text(&'static str),
}

/// What an endpoint gives.
pub(super) fn of(id: EndpointId) -> Kind {
    match id {
        EndpointId::GuidancePage | EndpointId::Docs => Kind::Text("text/html; charset=utf-8"),
        EndpointId::Health | EndpointId::Ready => Kind::Text("text/plain; charset=utf-8"),
        EndpointId::Metrics => Kind::Text("text/plain; version=0.0.4; charset=utf-8"),
        EndpointId::OpenApi => Kind::Json(json!({"type": "object"})),
        id => Kind::Json(json!({"$ref": format!("#/components/schemas/{}", name(id))})),
    }
}

fn name(id: EndpointId) -> &'static str {
    match id {
        EndpointId::ChatCompletions => "ChatCompletion",
        EndpointId::Completions => "Completion",
        EndpointId::Messages => "Message",
        EndpointId::CountTokens => "InputTokens",
        EndpointId::Responses => "Response",
        EndpointId::Embeddings => "Embeddings",
        EndpointId::Tokenize => "Tokenized",
        EndpointId::Detokenize => "Detokenized",
        EndpointId::TokenizerInfo => "TokenizerInfo",
        EndpointId::Models => "Models",
        EndpointId::Model => "Model",
        _ => "Guidance",
    }
}

/// Every schema that others name.
pub(super) fn components() -> Value {
    let Value::Object(examples) = examples() else { return json!({}) };
    let mut all: Map<String, Value> =
        examples.into_iter().map(|(name, example)| (name, like(&example))).collect();
    // Numbers, or the same as `f32`, little endian, in base64.
    let vector = json!({"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]});
    all.insert("Vector".to_owned(), vector);
    Value::Object(all)
}

fn like(example: &Value) -> Value {
    match example {
        Value::String(word) => word_like(word),
        Value::Array(items) => match items.first() {
            Some(item) => json!({"type": "array", "items": like(item)}),
            None => json!({"type": "array"}),
        },
        Value::Object(fields) => {
            let shown = fields.iter().map(|(key, value)| (key.trim_end_matches('?').to_owned(), like(value)));
            let required: Vec<&String> = fields.keys().filter(|key| !key.ends_with('?')).collect();
            json!({"type": "object", "properties": shown.collect::<Map<_, _>>(), "required": required})
        }
        other => other.clone(),
    }
}

fn word_like(word: &str) -> Value {
    if let Some(constant) = word.strip_prefix('=') {
        return json!({"const": constant});
    }
    let (word, null) = word.strip_suffix('?').map_or((word, false), |word| (word, true));
    if let Some(name) = word.strip_prefix('#') {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        return if null { json!({"anyOf": [schema, {"type": "null"}]}) } else { schema };
    }
    if word.contains('|') {
        let mut words: Vec<Value> = word.split('|').map(|word| json!(word)).collect();
        words.extend(null.then_some(Value::Null));
        return json!({"enum": words});
    }
    if null { json!({"type": [word, "null"]}) } else { json!({"type": word}) }
}

fn examples() -> Value {
    let mut all = generated();
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), plain()) {
        all.extend(more);
    }
    all
}

/// What generated text comes in.
fn generated() -> Value {
    json!({
        "ChatCompletion": {
            "id": "string", "object": "=chat.completion", "created": "integer", "model": "string",
            "choices": [{
                "index": "integer", "logprobs": "#ChatLogprobs?", "finish_reason": "stop|length|tool_calls",
                "message": {
                    "role": "=assistant", "content": "string?", "refusal": "null", "reasoning_content?": "string", "tool_calls?": ["#ToolCall"],
                },
            }],
            "usage": "#Usage", "proeftuin": "#Marks",
        },
        "ChatLogprobs": {
            "content": [{
                "token": "string", "logprob": "number", "bytes": ["integer"],
                "top_logprobs": [{"token": "string", "logprob": "number", "bytes": ["integer"]}],
            }],
            "refusal": "null",
        },
        "TextLogprobs": {
            "tokens": ["string"], "token_logprobs": ["number?"], "top_logprobs": ["object?"], "text_offset": ["integer"],
        },
        "ToolCall": {"id": "string", "type": "=function", "function": {"name": "string", "arguments": "string"}},
        "Completion": {
            "id": "string", "object": "=text_completion", "created": "integer", "model": "string",
            "choices": [{"index": "integer", "text": "string", "logprobs": "#TextLogprobs?", "finish_reason": "stop|length"}],
            "usage": "#Usage", "proeftuin": "#Marks",
        },
        "Usage": {"prompt_tokens": "integer", "completion_tokens": "integer", "total_tokens": "integer"},
        "Message": {
            "id": "string", "type": "=message", "role": "=assistant", "model": "string",
            "content": [{
                "type": "text|tool_use", "text?": "string", "citations?": "null",
                "id?": "string", "name?": "string", "input?": "object",
            }],
            "stop_reason": "end_turn|stop_sequence|max_tokens|tool_use", "stop_sequence": "string?",
            "usage": {"input_tokens": "integer", "output_tokens": "integer"}, "proeftuin": "#Marks",
        },
        "Response": {
            "id": "string", "object": "=response", "created_at": "integer", "status": "completed|incomplete",
            "model": "string",
            "output": [{
                "type": "message|function_call", "id": "string", "status": "completed|incomplete", "role?": "=assistant",
                "content?": [{"type": "=output_text", "text": "string", "annotations": [], "logprobs": []}],
                "call_id?": "string", "name?": "string", "arguments?": "string",
            }],
            "error": "null", "incomplete_details": "#Cut?", "instructions": "null", "metadata": "object", "tools": [],
            "tool_choice": "=auto", "parallel_tool_calls": "boolean", "temperature": "number", "top_p": "number",
            "max_output_tokens": "integer?", "previous_response_id": "null", "store": "boolean",
            "truncation": "=disabled", "background": "boolean",
            "usage": {
                "input_tokens": "integer", "input_tokens_details": {"cached_tokens": "integer", "cache_write_tokens": "integer"},
                "output_tokens": "integer", "output_tokens_details": {"reasoning_tokens": "integer"},
                "total_tokens": "integer",
            },
            "proeftuin": "#Marks",
        },
        "Cut": {"reason": "=max_output_tokens"},
        "Marks": {"ai_generated": "boolean", "demo?": "boolean", "receipt": "#Receipt"},
        "CountMarks": {"demo?": "boolean", "receipt": "#Receipt"},
        "Receipt": {
            "v": "integer", "id": "string", "log": "string", "request_key": "string",
            "leaves": [{"index": "string", "leaf": "string", "proof": "string"}],
        },
    })
}

/// Everything else.
fn plain() -> Value {
    json!({
        "InputTokens": {"input_tokens": "integer", "proeftuin": "#CountMarks"},
        "Embeddings": {
            "object": "=list", "data": [{"object": "=embedding", "index": "integer", "embedding": "#Vector"}],
            "model": "string", "usage": {"prompt_tokens": "integer", "total_tokens": "integer"}, "proeftuin": "#CountMarks",
        },
        "Tokenized": {
            "count": "integer", "max_model_len": "integer", "tokens": ["integer"], "token_strs": "null", "proeftuin": "#CountMarks",
        },
        "Detokenized": {"prompt": "string", "proeftuin": "#CountMarks"},
        "TokenizerInfo": {
            "tokenizer_class": "string", "model": "string", "sha256": "string", "vocab_size": "integer",
            "model_max_length": "integer", "bos_token": "string?", "eos_token": "string?", "add_bos_token": "boolean",
            "chat_template": "string?",
        },
        "Models": {"object": "=list", "data": ["#Model"]},
        "Model": {
            "id": "string", "object": "=model", "created": "integer", "owned_by": "=proeftuin", "sha256": "string",
            "context_tokens": "integer", "license": "string",
        },
        "Guidance": {
            "object": "=guidance", "person": "string", "id": "string", "version": "string", "sha256": "string",
            "lang": "nl|en", "title": "string", "text": "string", "acknowledged": "boolean",
            "state": "never|older|expired|current", "acknowledged_at?": "integer", "valid_until?": "integer",
            "training": [{
                "id": "string", "state": "missing|expired|current", "about?": "string", "valid_until?": "integer",
            }],
            "read": "string", "acknowledge": "string", "page": "string",
        },
        "Error": {"error": "#Problem"},
        "MessagesError": {"type": "=error", "error": "#Problem", "request_id?": "string"},
        "Problem": {
            "message": "string", "type": "string", "param": "string?", "code": "string", "remedy_nl?": "string",
            "receipt?": "string", "link?": "string",
        },
    })
}
