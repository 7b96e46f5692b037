//! What an answer must be: `response_format`, as OpenAI has it, and structured outputs, as vLLM has them.

use gateway::{Constrained, Constraint};
use serde_json::{Value, json};

use super::fields::Fields;
use crate::error::ApiError;

type Read = fn(Value) -> Result<Constraint, &'static str>;

/// At most one constraint; every spelling of it is taken.
pub(crate) fn constraint(fields: &mut Fields) -> Result<Option<Constrained>, ApiError> {
    let guided: [(&str, Read); 4] = [
        ("guided_json", schema),
        ("guided_regex", regex),
        ("guided_choice", choice),
        ("guided_grammar", grammar),
    ];
    let mut found = Vec::new();
    found.extend(response_format(fields)?);
    found.extend(structured_outputs(fields)?);
    for (field, read) in guided {
        if let Some(value) = fields.take(field) {
            let constraint = read(value).map_err(|reason| fields.error(field, reason))?;
            found.push(Constrained { field, constraint });
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (_, Some(second)) => Err(ApiError::invalid(
            second.field,
            "is a second constraint of the same answer; send one of them",
        )),
        (first, None) => Ok(first),
    }
}

fn response_format(fields: &mut Fields) -> Result<Option<Constrained>, ApiError> {
    let Some(value) = fields.take("response_format") else { return Ok(None) };
    let mut format = Fields::new(value, "response_format.")?;
    let kind = format.text("type")?.ok_or_else(|| format.error("type", "is required"))?;
    let constrained = match kind.as_str() {
        "text" => None,
        "json_object" => Some(Constrained { field: "response_format", constraint: Constraint::JsonObject }),
        "json_schema" => Some(json_schema(&mut format)?),
        _ => return Err(format.error("type", "must be text, json_object or json_schema")),
    };
    format.finish()?;
    Ok(constrained)
}

/// The schema is enforced whatever `strict` says: an answer that fits it is what was asked for in either case.
fn json_schema(format: &mut Fields) -> Result<Constrained, ApiError> {
    let value = format.required("json_schema")?;
    let mut named = Fields::new(value, "response_format.json_schema.")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let name = named.text("name")?.ok_or_else(|| named.error("name", "is required"))?;
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(named.error("name", "must be 1 to 64 letters, digits, _ or -"));
    }
    named.boolean("strict")?;
    named.skip(&["description"]);
    let value = named.required("schema")?;
    named.finish()?;
    let field = "response_format.json_schema.schema";
    let constraint = schema(value).map_err(|reason| ApiError::invalid(field, reason))?;
    Ok(Constrained { field, constraint })
}

fn structured_outputs(fields: &mut Fields) -> Result<Option<Constrained>, ApiError> {
    let Some(value) = fields.take("structured_outputs") else { return Ok(None) };
    let mut options = Fields::new(value, "structured_outputs.")?;
    let readers: [(&str, &str, Read); 5] = [
        ("json", "structured_outputs.json", schema),
        ("regex", "structured_outputs.regex", regex),
        ("choice", "structured_outputs.choice", choice),
        ("grammar", "structured_outputs.grammar", grammar),
        ("json_object", "structured_outputs.json_object", json_object),
    ];
    let mut found = Vec::new();
    for (name, field, read) in readers {
        if let Some(value) = options.take(name).filter(|value| value != &json!(false)) {
            let constraint = read(value).map_err(|reason| options.error(name, reason))?;
            found.push(Constrained { field, constraint });
        }
    }
    // White space is never free here, and there is one way of doing it.
    options.only("disable_any_whitespace", &[json!(true), json!(false)], "must be true or false")?;
    options.only("disable_fallback", &[json!(true), json!(false)], "must be true or false")?;
    options.only("disable_additional_properties", &[json!(false)], "is for the schema to say")?;
    options.finish()?;
    match found.pop() {
        Some(constrained) if found.is_empty() => Ok(Some(constrained)),
        _ => Err(fields
            .error("structured_outputs", "must hold one of json, regex, choice, grammar and json_object")),
    }
}

/// A schema, or the text of one.
pub(crate) fn schema(value: Value) -> Result<Constraint, &'static str> {
    let value = match value {
        Value::String(text) => serde_json::from_str(&text).map_err(|_| "must be a JSON schema")?,
        value => value,
    };
    if value.is_object() {
        Ok(Constraint::JsonSchema(value))
    } else {
        Err("must be a JSON schema: an object")
    }
}

fn regex(value: Value) -> Result<Constraint, &'static str> {
    match value {
        Value::String(pattern) => Ok(Constraint::Regex(pattern)),
        _ => Err("must be a string: a regular expression"),
    }
}

fn choice(value: Value) -> Result<Constraint, &'static str> {
    let wrong = "must be a list of strings";
    let Value::Array(items) = value else { return Err(wrong) };
    let texts = items.into_iter().map(|item| match item {
        Value::String(text) => Ok(text),
        _ => Err(wrong),
    });
    texts.collect::<Result<_, _>>().map(Constraint::Choice)
}

fn grammar(value: Value) -> Result<Constraint, &'static str> {
    match value {
        Value::String(text) => Ok(Constraint::Lark(text)),
        _ => Err("must be a string: a grammar in Lark"),
    }
}

fn json_object(value: Value) -> Result<Constraint, &'static str> {
    if value == json!(true) { Ok(Constraint::JsonObject) } else { Err("must be true or false") }
}
