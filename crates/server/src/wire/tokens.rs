//! `/tokenize`, `/detokenize` and `/tokenizer_info`, in vLLM's shapes.

use gateway::{Counted, Input, Receipt, TokenizerFacts, Tools};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::chat::{messages, model};
use super::fields::Fields;
use super::tools::tools;
use crate::error::ApiError;

/// Most token ids of one request; the body's limit comes first.
const TOKENS_MAX: usize = 1 << 20;

/// What is to be counted, or made text of.
pub(crate) struct Parsed {
    /// The model; without one, that which answers.
    pub(crate) model: Option<String>,
    pub(crate) input: Input,
    pub(crate) tools: Option<Tools>,
    /// Whether a prompt begins with the model's opening token, if it wants one.
    pub(crate) opening: bool,
}

/// A prompt, or a chat: the token ids that the model would be given.
pub(crate) fn parse_text(body: Value) -> Result<Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = optional_model(&mut fields)?;
    let prompt = fields.text("prompt")?;
    let chats = fields.has("messages");
    let parsed = match prompt {
        Some(_) if chats => {
            return Err(fields.error("messages", "and prompt are both there; send one of them"));
        }
        None if !chats => return Err(fields.error("prompt", "is required, or messages")),
        Some(prompt) => {
            let opening = fields.take("add_special_tokens").unwrap_or(Value::Bool(true));
            let Value::Bool(opening) = opening else {
                return Err(fields.error("add_special_tokens", "must be true or false"));
            };
            Parsed { model, input: Input::Text(vec![prompt]), tools: None, opening }
        }
        None => {
            let input = Input::Chat(messages(&mut fields)?);
            let tools = tools(&mut fields)?;
            fields.only(
                "add_generation_prompt",
                &[json!(true)],
                "must be true: the chat is to be answered",
            )?;
            fields.only("continue_final_message", &[json!(false)], "is not offered; leave it out")?;
            fields.only(
                "add_special_tokens",
                &[json!(false)],
                "must be false for a chat: its template has them",
            )?;
            Parsed { model, input, tools, opening: false }
        }
    };
    fields.only("return_token_strs", &[json!(false)], "is not offered; /detokenize gives the text of ids")?;
    fields.finish()?;
    Ok(parsed)
}

/// Token ids.
pub(crate) fn parse_ids(body: Value) -> Result<Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = optional_model(&mut fields)?;
    let wrong = |fields: &Fields| fields.error("tokens", "must be a list of token ids");
    let Value::Array(items) = fields.required("tokens")? else { return Err(wrong(&fields)) };
    if items.len() > TOKENS_MAX {
        return Err(fields.error("tokens", format!("must hold at most {TOKENS_MAX} token ids")));
    }
    let ids = items.iter().map(|item| item.as_u64().and_then(|id| u32::try_from(id).ok()));
    let ids: Option<Vec<u32>> = ids.collect();
    let ids = Zeroizing::new(ids.ok_or_else(|| wrong(&fields))?);
    fields.finish()?;
    Ok(Parsed { model, input: Input::Tokens(vec![ids]), tools: None, opening: false })
}

fn optional_model(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    if fields.has("model") { model(fields).map(Some) } else { Ok(None) }
}

/// Beside vLLM's own fields.
#[derive(Serialize)]
pub(crate) struct CountMarks<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    receipt: &'a Receipt,
}

impl<'a> CountMarks<'a> {
    pub(crate) fn new(counted: &'a Counted) -> Self {
        Self { demo: counted.demo, receipt: &counted.receipt }
    }
}

/// Token ids.
#[derive(Serialize)]
pub(crate) struct Tokenized<'a> {
    count: usize,
    max_model_len: usize,
    tokens: &'a [u32],
    token_strs: Option<()>,
    proeftuin: CountMarks<'a>,
}

impl<'a> Tokenized<'a> {
    pub(crate) fn new(counted: &'a Counted) -> Self {
        Self {
            count: counted.token_ids.len(),
            max_model_len: counted.context_tokens,
            tokens: &counted.token_ids,
            token_strs: None,
            proeftuin: CountMarks::new(counted),
        }
    }
}

/// The text of token ids.
#[derive(Serialize)]
pub(crate) struct Detokenized<'a> {
    prompt: &'a str,
    proeftuin: CountMarks<'a>,
}

impl<'a> Detokenized<'a> {
    pub(crate) fn new(counted: &'a Counted) -> Self {
        Self { prompt: &counted.text, proeftuin: CountMarks::new(counted) }
    }
}

/// The number alone, as Anthropic has it.
#[derive(Serialize)]
pub(crate) struct InputTokens<'a> {
    input_tokens: usize,
    proeftuin: CountMarks<'a>,
}

impl<'a> InputTokens<'a> {
    pub(crate) fn new(counted: &'a Counted) -> Self {
        Self { input_tokens: counted.token_ids.len(), proeftuin: CountMarks::new(counted) }
    }
}

/// What a remote tokenizer is asked for first.
#[derive(Serialize)]
pub(crate) struct TokenizerInfo {
    tokenizer_class: &'static str,
    model: String,
    sha256: String,
    vocab_size: usize,
    model_max_length: usize,
    bos_token: Option<String>,
    eos_token: Option<String>,
    add_bos_token: bool,
    chat_template: Option<String>,
}

impl From<TokenizerFacts> for TokenizerInfo {
    fn from(facts: TokenizerFacts) -> Self {
        Self {
            tokenizer_class: "proeftuin",
            model: facts.model,
            sha256: facts.sha256,
            vocab_size: facts.vocab_size,
            model_max_length: facts.context_tokens,
            bos_token: facts.bos_token,
            eos_token: facts.eos_token,
            add_bos_token: facts.add_bos_token,
            chat_template: facts.chat_template,
        }
    }
}
