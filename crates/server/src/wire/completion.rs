//! `/v1/completions`.

use gateway::{Finish, Input};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::chat::{Parsed, model};
use super::constraint::constraint;
use super::fields::Fields;
use super::logprobs::TextLogprobs;
use super::params::{CHOICES_MAX, delivery, params_from, refuse_unoffered, stop, text_logprobs};
use super::{Marks, WireUsage, finish_reason};
use crate::error::ApiError;

/// Most prompts of one request.
const PROMPTS_MAX: usize = 128;

pub(crate) fn parse(body: Value) -> Result<Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = model(&mut fields)?;
    let prompt = fields.required("prompt")?;
    let input = prompts(&fields, prompt)?;
    let (echo, logprobs) = (fields.boolean("echo")?, text_logprobs(&mut fields)?);
    fields.only("tools", &[json!([])], "is offered by /v1/chat/completions only")?;
    fields.only("tool_choice", &[json!("none"), json!("auto")], "is offered by /v1/chat/completions only")?;
    let why = "asks for text before a given end, which the models here are not trained for; leave it out and say in the prompt what is to be filled in";
    fields.only("suffix", &[json!("")], why)?;
    let n = fields.count("n", 1, CHOICES_MAX)?.unwrap_or(1);
    let best_of = best_of(&mut fields, n)?;
    let mut parsed = Parsed {
        model,
        input,
        tools: None,
        constraint: constraint(&mut fields)?,
        stop: stop(&mut fields)?,
        params: params_from(&mut fields, u32::from(!echo))?,
        delivery: delivery(&mut fields)?,
    };
    if best_of.is_some() && parsed.delivery.stream {
        return Err(fields.error("best_of", "cannot be streamed: which is the best is known at the end"));
    }
    parsed.params.n = n;
    parsed.params.best_of = best_of;
    parsed.params.logprobs = logprobs;
    parsed.params.echo = echo;
    if echo && parsed.constraint.is_some() {
        let why =
            "shows the prompt in the text of an answer that is to be held to a form; leave one of them out";
        return Err(fields.error("echo", why));
    }
    // The completions API has always had a default of its own here.
    parsed.params.max_tokens = parsed.params.max_tokens.or(Some(16));
    refuse_unoffered(&mut fields)?;
    fields.finish()?;
    Ok(parsed)
}

/// How many are made of which `n` are told; `None` where all are.
fn best_of(fields: &mut Fields, n: u32) -> Result<Option<u32>, ApiError> {
    match fields.count("best_of", 1, CHOICES_MAX)? {
        Some(best_of) if best_of < n => Err(fields.error("best_of", "must be at least n")),
        best_of => Ok(best_of.filter(|best_of| *best_of > n)),
    }
}

fn prompts(fields: &Fields, prompt: Value) -> Result<Input, ApiError> {
    let items = match prompt {
        Value::String(text) => return Ok(Input::Text(vec![Zeroizing::new(text)])),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => {
            return Ok(Input::Tokens(vec![tokens(fields, items)?]));
        }
        Value::Array(items) if !items.is_empty() && items.len() <= PROMPTS_MAX => items,
        _ => {
            return Err(fields
                .error("prompt", "must be a string, a list of token ids, or a list of 1 to 128 of either"));
        }
    };
    if items.first().is_some_and(Value::is_array) {
        let lists = items.into_iter().map(|item| match item {
            Value::Array(ids) => tokens(fields, ids),
            _ => Err(mixed(fields)),
        });
        return Ok(Input::Tokens(lists.collect::<Result<_, _>>()?));
    }
    let texts = items.into_iter().map(|item| match item {
        Value::String(text) => Ok(Zeroizing::new(text)),
        _ => Err(mixed(fields)),
    });
    Ok(Input::Text(texts.collect::<Result<_, _>>()?))
}

fn mixed(fields: &Fields) -> ApiError {
    fields.error("prompt", "must hold prompts of one sort: all strings, or all lists of token ids")
}

fn tokens(fields: &Fields, ids: Vec<Value>) -> Result<Zeroizing<Vec<u32>>, ApiError> {
    let id = |value: Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let ids: Option<Vec<u32>> = ids.into_iter().map(id).collect();
    let ids = ids.filter(|ids| !ids.is_empty());
    ids.map(Zeroizing::new)
        .ok_or_else(|| fields.error("prompt", "must hold token ids: whole numbers, at least one"))
}

/// A whole response, or one event of a stream: the shapes are the same.
#[derive(Serialize)]
pub(crate) struct Completion<'a> {
    pub(crate) id: &'a str,
    pub(crate) object: &'static str,
    pub(crate) created: i64,
    pub(crate) model: &'a str,
    pub(crate) choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<WireUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proeftuin: Option<Marks<'a>>,
}

/// One continuation, or what it gained.
#[derive(Serialize)]
pub(crate) struct Choice<'a> {
    index: usize,
    text: &'a str,
    logprobs: Option<TextLogprobs>,
    finish_reason: Option<&'static str>,
}

impl<'a> Choice<'a> {
    pub(crate) fn new(
        index: usize,
        text: &'a str,
        logprobs: Option<TextLogprobs>,
        reason: Option<Finish>,
    ) -> Self {
        Self { index, text, logprobs, finish_reason: reason.map(finish_reason) }
    }
}
