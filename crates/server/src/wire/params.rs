//! Sampling and length fields, which chat and completions share.

use gateway::{Params, Tools};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::fields::Fields;
use crate::error::ApiError;

/// Most alternatives told with a token: OpenAI's bound for chats, and for completions, which had 5 there, as others have it.
const LOGPROBS_MAX: u32 = 20;
/// Most choices a prompt.
pub(crate) const CHOICES_MAX: u32 = 16;
/// Most stop strings: OpenAI allows 4, other servers more.
const STOPS_MAX: usize = 16;
/// Longest stop string, in bytes: it bounds what a stream holds back.
const STOP_BYTES_MAX: usize = 256;
/// Most entries of `logit_bias`.
const BIASES_MAX: usize = 1024;
/// Most tokens that can be asked for; the model's context is the real limit.
const TOKENS_MAX: u32 = 1 << 24;

/// How the answer is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

pub(crate) fn delivery(fields: &mut Fields) -> Result<Delivery, ApiError> {
    let stream = fields.boolean("stream")?;
    let Some(options) = fields.take("stream_options") else {
        return Ok(Delivery { stream, include_usage: false });
    };
    if !stream {
        return Err(fields.error("stream_options", "is for streams; set stream to true or leave it out"));
    }
    let mut options = Fields::new(options, "stream_options.")?;
    let include_usage = options.boolean("include_usage")?;
    options.only("include_obfuscation", &[json!(false)], "is not offered; leave it out")?;
    options.finish()?;
    Ok(Delivery { stream, include_usage })
}

pub(crate) fn params(fields: &mut Fields) -> Result<Params, ApiError> {
    params_from(fields, 1)
}

/// The same, where at least `tokens_min` are to be generated.
pub(crate) fn params_from(fields: &mut Fields, tokens_min: u32) -> Result<Params, ApiError> {
    let max_tokens = fields.count("max_tokens", tokens_min, TOKENS_MAX)?;
    let max_completion_tokens = fields.count("max_completion_tokens", 1, TOKENS_MAX)?;
    if max_tokens.is_some() && max_completion_tokens.is_some() && max_tokens != max_completion_tokens {
        return Err(fields.error("max_tokens", "and max_completion_tokens differ; send one of them"));
    }
    Ok(Params {
        max_tokens: max_tokens.or(max_completion_tokens),
        n: fields.count("n", 1, CHOICES_MAX)?.unwrap_or(1),
        temperature: fields.number("temperature", 0.0, 2.0)?,
        top_k: fields.count("top_k", 0, u32::MAX)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        min_p: fields.number("min_p", 0.0, 1.0)?,
        repetition_penalty: fields.number("repetition_penalty", 0.01, 10.0)?,
        presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?,
        frequency_penalty: fields.number("frequency_penalty", -2.0, 2.0)?,
        seed: seed(fields)?,
        logit_bias: logit_bias(fields)?,
        ignore_eos: fields.boolean("ignore_eos")?,
        // The two endpoints spell these differently.
        best_of: None,
        thinking_tokens: None,
        logprobs: None,
        echo: false,
    })
}

/// Of a chat: `logprobs` says whether tokens are scored, `top_logprobs` how many alternatives are told with each.
pub(crate) fn chat_logprobs(fields: &mut Fields, tools: Option<&Tools>) -> Result<Option<u32>, ApiError> {
    let scored = fields.boolean("logprobs")?;
    let top = fields.count("top_logprobs", 0, LOGPROBS_MAX)?;
    if !scored {
        return match top {
            None | Some(0) => Ok(None),
            Some(_) => Err(fields.error("top_logprobs", "needs logprobs: true beside it")),
        };
    }
    if tools.is_some_and(Tools::offered) {
        let why = "cannot be given beside tools, whose calls are taken out of the text; leave one of them out, or send tool_choice \"none\"";
        return Err(fields.error("logprobs", why));
    }
    Ok(Some(top.unwrap_or(0)))
}

/// Of a chat: how many tokens a model may think for. Degrees of effort are what a model was trained for, and those here were not.
pub(crate) fn thinking_tokens(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let budget = fields.count("thinking_token_budget", 0, TOKENS_MAX)?;
    match fields.text("reasoning_effort")? {
        None => Ok(budget),
        Some(effort) if effort.as_str() == "none" && budget.is_none_or(|budget| budget == 0) => Ok(Some(0)),
        Some(_) => Err(fields.error(
            "reasoning_effort",
            "offers only \"none\": the models here know no degrees of effort; send thinking_token_budget",
        )),
    }
}

/// Of a completion: `logprobs` is how many alternatives are told with each token, and 0 scores the tokens alone.
pub(crate) fn text_logprobs(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    fields.only("top_logprobs", &[json!(0)], "is for chats; a completion's logprobs is the number")?;
    match fields.take("logprobs") {
        // Some clients send what chats send.
        None | Some(Value::Bool(false)) => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            let number = number.filter(|number| *number <= LOGPROBS_MAX).map(Some);
            number.ok_or_else(|| fields.error("logprobs", "must be an integer from 0 to 20"))
        }
    }
}

/// Any 64-bit integer is a seed; a negative one is taken by its bits, as OpenAI's clients may send it.
fn seed(fields: &mut Fields) -> Result<Option<u64>, ApiError> {
    let Some(value) = fields.take("seed") else { return Ok(None) };
    let seed = value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned));
    seed.map(Some).ok_or_else(|| fields.error("seed", "must be a 64-bit integer"))
}

fn logit_bias(fields: &mut Fields) -> Result<Vec<(u32, f32)>, ApiError> {
    let Some(value) = fields.take("logit_bias") else { return Ok(Vec::new()) };
    let wrong = || fields.error("logit_bias", "must map at most 1024 token ids to numbers from -100 to 100");
    let Value::Object(map) = value else { return Err(wrong()) };
    if map.len() > BIASES_MAX {
        return Err(wrong());
    }
    map.iter()
        .map(|(id, bias)| {
            let id: u32 = id.parse().map_err(|_| wrong())?;
            #[expect(clippy::cast_possible_truncation, reason = "a bias is an f32 within ±100")]
            let bias = bias.as_f64().filter(|bias| bias.abs() <= 100.0).ok_or_else(wrong)? as f32;
            Ok((id, bias))
        })
        .collect()
}

pub(crate) fn stop(fields: &mut Fields) -> Result<Vec<Zeroizing<String>>, ApiError> {
    stops(fields, "stop")
}

/// Stop strings under another name.
pub(crate) fn stops(fields: &mut Fields, name: &str) -> Result<Vec<Zeroizing<String>>, ApiError> {
    let stops = match fields.take(name) {
        None => Vec::new(),
        Some(Value::String(text)) => vec![Value::String(text)],
        Some(Value::Array(items)) if items.len() <= STOPS_MAX => items,
        Some(_) => return Err(fields.error(name, "must be a string or a list of at most 16 strings")),
    };
    stops
        .into_iter()
        .map(|stop| match stop {
            Value::String(text) if !text.is_empty() && text.len() <= STOP_BYTES_MAX => {
                Ok(Zeroizing::new(text))
            }
            _ => Err(fields.error(name, "must hold strings of 1 to 256 bytes")),
        })
        .collect()
}

/// Fields of the API that this server does not offer: harmless values pass, all others are refused by name.
pub(crate) fn refuse_unoffered(fields: &mut Fields) -> Result<(), ApiError> {
    fields.only("functions", &[json!([])], "is what tools was called once; send tools")?;
    let old = "is what tool_choice was called once; send tool_choice";
    fields.only("function_call", &[json!("none"), json!("auto")], old)?;
    fields.only("modalities", &[json!(["text"])], "offers only [\"text\"]")?;
    fields.only("store", &[json!(false)], "must be false: this server keeps no conversations")?;
    fields.only("service_tier", &[json!("auto"), json!("default")], "offers only \"auto\"")?;
    fields.skip(&["user", "metadata", "safety_identifier", "prompt_cache_key"]);
    Ok(())
}
