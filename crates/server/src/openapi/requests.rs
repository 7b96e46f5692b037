//! What each body may hold: JSON Schema, closed, so that a field that is not here is refused.

use gateway::{DataSubjectType, Endpoint, EndpointId, Method};
use serde_json::{Map, Value, json};

use crate::routes::generate::VERSIONS;
use crate::wire::set;

/// The schema of a body, for endpoints that take one.
pub(super) fn body(id: EndpointId) -> Option<Value> {
    Some(match id {
        EndpointId::ChatCompletions => chat(),
        EndpointId::Completions => completion(),
        EndpointId::Messages => messages(),
        EndpointId::CountTokens => count_tokens(),
        EndpointId::Responses => responses(),
        EndpointId::Embeddings => embeddings(),
        EndpointId::Tokenize => json!({"anyOf": [tokenized_prompt(), tokenized_chat()]}),
        EndpointId::Detokenize => object(
            &["tokens"],
            json!({"model": model(), "tokens": {"type": "array", "items": {"type": "integer", "minimum": 0}}}),
        ),
        EndpointId::Acknowledge => {
            object(&["sha256"], json!({"sha256": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}}))
        }
        _ => return None,
    })
}

/// What stands in path, query and headers.
pub(super) fn parameters(row: &Endpoint) -> Vec<Value> {
    let parameter = |place: &str, name: &str, schema: Value, what: &str| json!({"name": name, "in": place, "required": place == "path", "schema": schema, "description": what});
    let text = json!({"type": "string", "minLength": 1});
    let mut all = match row.id {
        EndpointId::Model => vec![parameter("path", "model", text.clone(), "An id of /v1/models.")],
        EndpointId::Guidance | EndpointId::Acknowledge => {
            return vec![parameter("query", "lang", json!({"enum": ["nl", "en"]}), "Of the text.")];
        }
        EndpointId::Messages | EndpointId::CountTokens => {
            vec![parameter("header", "anthropic-version", json!({"enum": VERSIONS}), "Or none.")]
        }
        _ => Vec::new(),
    };
    if row.method == Method::Post {
        let kinds = json!({"enum": DataSubjectType::ALL.map(DataSubjectType::as_str)});
        let whom = "Whom the request is about, by an identifier; several with commas. It becomes a pseudonym in the log.";
        all.push(parameter("header", "X-Proeftuin-Data-Subject", text, whom));
        all.push(parameter(
            "header",
            "X-Proeftuin-Data-Subject-Type",
            kinds,
            "What kind of identifier that is.",
        ));
    }
    all
}

/// A closed object. Fields that are not required may be null.
fn object(required: &[&str], properties: Value) -> Value {
    let Value::Object(properties) = properties else { return json!({}) };
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(
            |(name, schema)| {
                if required.contains(&name.as_str()) { (name, schema) } else { (name, nullable(schema)) }
            },
        )
        .collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn nullable(mut schema: Value) -> Value {
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    } else if let Some(kinds) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        kinds.push(json!({"type": "null"}));
    } else if let Some(Value::String(kind)) = schema.get("type").cloned() {
        set(&mut schema, "type", json!([kind, "null"]));
    }
    schema
}

/// `one` with the fields of `other` after its own.
fn with(mut one: Value, other: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (one.as_object_mut(), other) {
        fields.extend(more);
    }
    one
}

fn model() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 128, "description": "An id of /v1/models."})
}

fn tokens(what: &str) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": 1 << 24, "description": what})
}

fn number(low: f64, high: f64, what: &str) -> Value {
    json!({"type": "number", "minimum": low, "maximum": high, "description": what})
}

/// Sampling, as all endpoints have it that generate.
fn sampling() -> Value {
    json!({
        "temperature": number(0.0, 2.0, "0 takes the likeliest token; 1 where it is left out."),
        "top_k": {"type": "integer", "minimum": 0, "maximum": u32::MAX, "description": "Keep so many of the likeliest tokens; 0 keeps all."},
        "top_p": number(0.0, 1.0, "Nucleus mass."),
        "min_p": number(0.0, 1.0, "Least probability relative to the likeliest token."),
        "repetition_penalty": number(0.01, 10.0, "1 is none."),
        "presence_penalty": number(-2.0, 2.0, "0 is none."),
        "frequency_penalty": number(-2.0, 2.0, "0 is none."),
        "seed": {"type": "integer", "minimum": i64::MIN, "maximum": u64::MAX, "description": "The same seed gives the same answer; drawn and recorded where it is left out."},
        "logit_bias": {"type": "object", "maxProperties": 1024, "propertyNames": {"pattern": "^[0-9]{1,9}$"},
            "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}, "description": "By token id."},
        "ignore_eos": {"type": "boolean", "description": "Generate on after the end of a turn, until the longest length."},
    })
}

/// Fields that inform a provider and change nothing here.
fn informing() -> Value {
    let skipped = json!({"description": "Changes nothing here; it is scanned for personal data."});
    json!({"user": skipped, "metadata": skipped, "safety_identifier": skipped, "prompt_cache_key": skipped})
}

fn stop(what: &str) -> Value {
    let one = json!({"type": "string", "minLength": 1, "maxLength": 256});
    json!({"anyOf": [one, {"type": "array", "maxItems": 16, "items": one}], "description": what})
}

/// What chat and text completions share.
fn generation() -> Value {
    let shared = json!({
        "model": model(),
        "stop": stop("Ends the answer and is not shown; 1 to 256 bytes each."),
        "max_tokens": tokens("Longest answer."),
        "max_completion_tokens": tokens("The same; send one of them."),
        "n": {"type": "integer", "minimum": 1, "maximum": 16, "description": "Answers to a prompt."},
        "stream": {"type": "boolean"},
        "stream_options": object(&[], json!({"include_usage": {"type": "boolean"}, "include_obfuscation": {"enum": [false]}})),
        "functions": {"type": "array", "maxItems": 0, "description": "Now called tools."},
        "function_call": {"enum": ["none", "auto"], "description": "Now called tool_choice."},
        "modalities": {"enum": [["text"]]},
        "store": {"enum": [false], "description": "Nothing is kept."},
        "service_tier": {"enum": ["auto", "default"]},
    });
    with(with(with(shared, sampling()), informing()), constraints())
}

/// What an answer must be; at most one of them.
fn constraints() -> Value {
    let schema = json!({"type": "object", "description": "A JSON schema."});
    let choice = json!({"type": "array", "items": {"type": "string"}});
    let text = json!({"type": "string"});
    let (flag, yes) = (json!({"type": "boolean"}), json!({"enum": [true]}));
    let named = object(
        &["name", "schema"],
        json!({"name": name(), "schema": schema, "strict": flag, "description": {}}),
    );
    let formats = [
        object(&["type"], json!({"type": {"enum": ["text", "json_object"]}})),
        object(&["type", "json_schema"], json!({"type": {"enum": ["json_schema"]}, "json_schema": named})),
    ];
    let structured =
        [("json", &schema), ("regex", &text), ("choice", &choice), ("grammar", &text), ("json_object", &yes)];
    let structured = structured.map(|(name, form)| {
        let mut one = json!({
            "disable_any_whitespace": flag, "disable_fallback": flag, "disable_additional_properties": {"enum": [false]},
        });
        set(&mut one, name, form.clone());
        object(&[name], one)
    });
    json!({
        "response_format": {"anyOf": formats, "description": "What the answer must be; a schema is enforced."},
        "structured_outputs": {"anyOf": structured},
        "guided_json": schema, "guided_regex": text, "guided_choice": choice, "guided_grammar": text,
    })
}

fn name() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"})
}

fn call_id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 256})
}

fn parameters_schema() -> Value {
    json!({"type": "object", "description": "A JSON schema; descriptions in it are text."})
}

/// A string, or parts of one kind.
fn texts(kinds: &[&str], more: Value) -> Value {
    let part =
        object(&["type", "text"], with(json!({"type": {"enum": kinds}, "text": {"type": "string"}}), more));
    json!({"anyOf": [{"type": "string"}, {"type": "array", "items": part}]})
}

/// `messages` of a chat.
fn chat_messages() -> Value {
    let content = texts(&["text"], json!({}));
    let unread = json!({"enum": [""]});
    let ignored = json!({"refusal": unread, "reasoning_content": unread, "annotations": {}, "audio": {}, "ai_generated": {}});
    let none = json!({"tool_calls": {"type": "array", "maxItems": 0}});
    let function = object(&["name", "arguments"], json!({"name": name(), "arguments": {"type": "string"}}));
    let call = object(
        &["id", "type", "function"],
        json!({"id": call_id(), "type": {"enum": ["function"]}, "function": function}),
    );
    let calls = |least: u32| json!({"type": "array", "minItems": least, "maxItems": 128, "items": call});
    let of = |roles: &[&str], required: &[&str], more: Value| {
        let own = json!({"role": {"enum": roles}, "content": content});
        object(required, with(with(own, more), ignored.clone()))
    };
    let kinds = [
        of(&["system", "developer", "user"], &["role", "content"], none.clone()),
        of(&["assistant"], &["role", "content"], json!({"tool_calls": calls(0)})),
        of(&["assistant"], &["role", "tool_calls"], json!({"tool_calls": calls(1)})),
        of(
            &["tool"],
            &["role", "content", "tool_call_id"],
            with(json!({"tool_call_id": call_id(), "name": {"type": "string"}}), none),
        ),
    ];
    json!({"type": "array", "minItems": 1, "maxItems": 4096, "items": {"anyOf": kinds}})
}

/// `tools`, `tool_choice` and `parallel_tool_calls` of a chat.
fn chat_tools() -> Value {
    let text = json!({"type": "string"});
    let function = object(
        &["name"],
        json!({"name": name(), "description": text, "parameters": parameters_schema(), "strict": {"type": "boolean"}}),
    );
    let tool = object(&["type", "function"], json!({"type": {"enum": ["function"]}, "function": function}));
    let named = object(
        &["type", "function"],
        json!({"type": {"enum": ["function"]}, "function": object(&["name"], json!({"name": name()}))}),
    );
    json!({
        "tools": {"type": "array", "maxItems": 128, "items": tool},
        "tool_choice": {"anyOf": [{"enum": ["none", "auto", "required"]}, named]},
        "parallel_tool_calls": {"type": "boolean"},
    })
}

fn chat() -> Value {
    let own = with(json!({"messages": chat_messages()}), chat_tools());
    let scores = json!({
        "logprobs": {"type": "boolean", "description": "Score each token of the answer; not beside tools."},
        "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20, "description": "So many of the likeliest in each place; needs logprobs."},
        "thinking_token_budget": {"type": "integer", "minimum": 0, "maximum": 1 << 24, "description": "Longest thought, for models that think."},
        "reasoning_effort": {"enum": ["none"], "description": "No thought."},
    });
    object(&["model", "messages"], with(generation(), with(own, scores)))
}

fn completion() -> Value {
    let ids = json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}});
    let prompt = json!({"anyOf": [
        {"type": "string"}, ids,
        {"type": "array", "minItems": 1, "maxItems": 128, "items": {"type": "string"}},
        {"type": "array", "minItems": 1, "maxItems": 128, "items": ids},
    ]});
    let own = json!({
        "prompt": prompt,
        "logprobs": {"type": "integer", "minimum": 0, "maximum": 20, "description": "Score each token, with so many of the likeliest in its place."},
        "top_logprobs": {"enum": [0], "description": "For chats."},
        "echo": {"type": "boolean", "description": "Show the prompt first, as the model reads it, scored where the answer is."},
        "suffix": {"enum": [""]},
        "best_of": {"type": "integer", "minimum": 1, "maximum": 16, "description": "Make so many and tell the n with the highest mean logprob; not streamed."},
        "max_tokens": {"type": "integer", "minimum": 0, "maximum": 1 << 24, "description": "Longest answer, 16 where it is left out; 0 only with echo."},
        "tools": {"type": "array", "maxItems": 0},
        "tool_choice": {"enum": ["none", "auto"]},
    });
    object(&["model", "prompt"], with(generation(), own))
}

/// What Anthropic's two endpoints share.
fn conversation() -> Value {
    let cache = object(&[], json!({"type": {"enum": ["ephemeral"]}, "ttl": {"enum": ["5m", "1h"]}}));
    let hint = json!({"cache_control": cache});
    let text = with(json!({"citations": {"type": "array", "maxItems": 0}}), hint.clone());
    let said = texts(&["text"], text.clone());
    let block = |kind: &str, required: &[&str], own: Value| {
        object(required, with(with(json!({"type": {"enum": [kind]}}), own), hint.clone()))
    };
    let plain = block("text", &["type", "text"], with(json!({"text": {"type": "string"}}), text));
    let used = json!({"id": call_id(), "name": name(), "input": {"type": "object"}, "caller": {"enum": [{"type": "direct"}]}});
    let used = block("tool_use", &["type", "id", "name", "input"], used);
    let result = json!({"tool_use_id": call_id(), "content": said, "is_error": {"type": "boolean"}});
    let result = block("tool_result", &["type", "tool_use_id"], result);
    let message = |role: &str, blocks: [&Value; 2]| {
        let content = json!({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"anyOf": blocks}}]});
        object(&["role", "content"], json!({"role": {"enum": [role]}, "content": content}))
    };
    let instructed = object(&["role", "content"], json!({"role": {"enum": ["system"]}, "content": said}));
    let turns = [message("user", [&plain, &result]), message("assistant", [&plain, &used]), instructed];
    let schema = json!({"type": "object", "description": "A JSON schema."});
    let tool = json!({"type": {"enum": ["custom"]}, "name": name(), "description": {"type": "string"},
        "input_schema": parameters_schema(), "strict": {"type": "boolean"}});
    let chosen = |kinds: &[&str], required: &[&str], more: Value| {
        let own = json!({"type": {"enum": kinds}, "disable_parallel_tool_use": {"type": "boolean"}});
        object(required, with(own, more))
    };
    let format = object(&["type", "schema"], json!({"type": {"enum": ["json_schema"]}, "schema": schema}));
    let own = json!({
        "model": model(),
        "messages": {"type": "array", "minItems": 1, "maxItems": 4096, "items": {"anyOf": turns},
            "description": "The last is not the assistant's."},
        "system": said,
        "tools": {"type": "array", "maxItems": 128, "items": object(&["name", "input_schema"], with(tool, hint.clone()))},
        "tool_choice": {"anyOf": [chosen(&["auto", "any", "none"], &["type"], json!({})),
            chosen(&["tool"], &["type", "name"], json!({"name": name()}))]},
        "thinking": {"enum": [{"type": "disabled"}]},
        "metadata": object(&[], json!({"user_id": {"type": "string"}})),
        "output_config": object(&[], json!({"format": format})),
    });
    with(own, hint)
}

fn messages() -> Value {
    let own = json!({
        "max_tokens": tokens("Longest answer."),
        "stop_sequences": stop("Ends the answer and is not shown; 1 to 256 bytes each."),
        "stream": {"type": "boolean"},
        "service_tier": {"enum": ["auto", "standard_only"]},
    });
    object(&["model", "messages", "max_tokens"], with(with(conversation(), own), sampling()))
}

fn count_tokens() -> Value {
    object(&["model", "messages"], conversation())
}

fn responses() -> Value {
    let kept = json!({"id": {"type": "string"}, "status": {"enum": ["completed", "incomplete"]}});
    let item = |kind: &str, required: &[&str], own: Value| {
        object(required, with(with(json!({"type": {"enum": [kind]}}), own), kept.clone()))
    };
    let said = texts(&["input_text", "output_text"], json!({"annotations": {}, "logprobs": {}}));
    let items = [
        item(
            "message",
            &["role", "content"],
            json!({
                "role": {"enum": ["system", "developer", "user", "assistant"]}, "content": said,
                "phase": {"enum": ["commentary", "final_answer"]},
            }),
        ),
        item(
            "function_call",
            &["type", "call_id", "name", "arguments"],
            json!({"call_id": call_id(), "name": name(), "arguments": {"type": "string"}}),
        ),
        item(
            "function_call_output",
            &["type", "call_id", "output"],
            json!({"call_id": call_id(), "output": said}),
        ),
    ];
    let schema = json!({"type": "object", "description": "A JSON schema; it is enforced."});
    let flag = json!({"type": "boolean"});
    let formats = [
        object(&["type"], json!({"type": {"enum": ["text", "json_object"]}})),
        object(
            &["type", "name", "schema"],
            json!({"type": {"enum": ["json_schema"]}, "name": name(), "schema": schema,
            "strict": flag, "description": {}}),
        ),
    ];
    let tool = json!({"type": {"enum": ["function"]}, "name": name(), "description": {"type": "string"},
        "parameters": parameters_schema(), "strict": flag});
    let named = object(&["type", "name"], json!({"type": {"enum": ["function"]}, "name": name()}));
    let own = json!({
        "model": model(),
        "input": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "maxItems": 4096, "items": {"anyOf": items}}]},
        "instructions": {"type": "string"},
        "max_output_tokens": tokens("Longest answer."),
        "stream": flag,
        "stream_options": object(&[], json!({"include_usage": flag, "include_obfuscation": {"enum": [false]}})),
        "tools": {"type": "array", "maxItems": 128, "items": object(&["type", "name"], tool)},
        "tool_choice": {"anyOf": [{"enum": ["none", "auto", "required"]}, named]},
        "parallel_tool_calls": flag,
        "text": object(&[], json!({"format": {"anyOf": formats}, "verbosity": {"enum": ["medium"]}})),
        "store": {"enum": [false], "description": "Nothing is kept, whether it is said or not."},
        "background": {"enum": [false]},
        "include": {"type": "array", "maxItems": 0},
        "reasoning": {"enum": [{}]},
        "top_logprobs": {"enum": [0]},
        "truncation": {"enum": ["disabled"]},
        "service_tier": {"enum": ["auto", "default"]},
        "prompt_cache_retention": {},
    });
    object(&["model", "input"], with(with(own, sampling()), informing()))
}

fn embeddings() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    object(
        &["model", "input"],
        json!({
            "model": model(),
            "input": {"anyOf": [text, {"type": "array", "minItems": 1, "maxItems": 2048, "items": text}]},
            "dimensions": {"type": "integer", "minimum": 1, "maximum": 1 << 20, "description": "That of the model, or left out."},
            "encoding_format": {"enum": ["float", "base64"]},
            "user": {"description": "Changes nothing here; it is scanned for personal data."},
        }),
    )
}

fn tokenized_prompt() -> Value {
    object(
        &["prompt"],
        json!({
            "model": model(),
            "prompt": {"type": "string"},
            "add_special_tokens": {"type": "boolean", "description": "Begin with the model's opening token, if it wants one; true where it is left out."},
            "return_token_strs": {"enum": [false]},
        }),
    )
}

fn tokenized_chat() -> Value {
    let own = json!({
        "model": model(),
        "messages": chat_messages(),
        "add_generation_prompt": {"enum": [true]},
        "continue_final_message": {"enum": [false]},
        "add_special_tokens": {"enum": [false]},
        "return_token_strs": {"enum": [false]},
    });
    object(&["messages"], with(own, chat_tools()))
}
