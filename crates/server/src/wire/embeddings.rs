//! `/v1/embeddings`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::{Embedded, Receipt};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::chat::model;
use super::fields::Fields;
use crate::error::ApiError;

/// Most texts of one request, as OpenAI has it.
const INPUTS_MAX: usize = 2048;
/// More numbers than any model's vector has.
const DIMENSIONS_MAX: u32 = 1 << 20;

/// How the numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON numbers: the shortest that read as the same `f32`.
    Float,
    /// `f32`, little endian, in base64.
    Base64,
}

/// What was asked.
pub(crate) struct Parsed {
    pub(crate) model: String,
    pub(crate) inputs: Vec<Zeroizing<String>>,
    pub(crate) dimensions: Option<usize>,
    pub(crate) format: Format,
}

pub(crate) fn parse(body: Value) -> Result<Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = model(&mut fields)?;
    let input = fields.required("input")?;
    let inputs = inputs(&fields, input)?;
    let dimensions = fields.count("dimensions", 1, DIMENSIONS_MAX)?;
    let format = match fields.take("encoding_format") {
        None => Format::Float,
        Some(format) if format == json!("float") => Format::Float,
        Some(format) if format == json!("base64") => Format::Base64,
        Some(_) => return Err(fields.error("encoding_format", "must be \"float\" or \"base64\"")),
    };
    fields.skip(&["user"]);
    fields.finish()?;
    Ok(Parsed { model, inputs, dimensions: dimensions.map(|count| count as usize), format })
}

fn inputs(fields: &Fields, input: Value) -> Result<Vec<Zeroizing<String>>, ApiError> {
    let items = match input {
        Value::String(text) => vec![Value::String(text)],
        Value::Array(items) if (1..=INPUTS_MAX).contains(&items.len()) => items,
        _ => {
            return Err(
                fields.error("input", format!("must be a string, or a list of 1 to {INPUTS_MAX} strings"))
            );
        }
    };
    let text = |item: Value| {
        match item {
        Value::String(text) if text.is_empty() => {
            Err(fields.error("input", "holds an empty text, which has no embedding; leave it out"))
        }
        Value::String(text) => Ok(Zeroizing::new(text)),
        Value::Number(_) | Value::Array(_) => Err(fields.error(
            "input",
            "holds token ids; they are those of another tokenizer than this model's, and would be other words: send text",
        )),
        _ => Err(fields.error("input", "must hold strings")),
    }
    };
    items.into_iter().map(text).collect()
}

/// A whole response.
#[derive(Serialize)]
pub(crate) struct Embeddings<'a> {
    object: &'static str,
    data: Vec<Embedding<'a>>,
    model: &'a str,
    usage: EmbeddingUsage,
    proeftuin: EmbeddingMarks<'a>,
}

#[derive(Serialize)]
struct Embedding<'a> {
    object: &'static str,
    index: usize,
    embedding: Numbers<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers<'a> {
    Float(&'a [f32]),
    Base64(String),
}

/// `usage`, which has no completion here.
#[derive(Serialize)]
struct EmbeddingUsage {
    prompt_tokens: u32,
    total_tokens: u32,
}

/// No mark of a machine's text: there is none.
#[derive(Serialize)]
struct EmbeddingMarks<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    receipt: &'a Receipt,
}

impl<'a> Embeddings<'a> {
    pub(crate) fn new(embedded: &'a Embedded, format: Format) -> Self {
        let numbers = |vector: &'a Vec<f32>| match format {
            Format::Float => Numbers::Float(vector),
            Format::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                Numbers::Base64(STANDARD.encode(bytes))
            }
        };
        let vectors = embedded.vectors.iter().enumerate();
        let tokens = embedded.usage.prompt_tokens;
        Self {
            object: "list",
            data: vectors
                .map(|(index, vector)| Embedding { object: "embedding", index, embedding: numbers(vector) })
                .collect(),
            model: &embedded.model,
            usage: EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens },
            proeftuin: EmbeddingMarks { demo: embedded.demo, receipt: &embedded.receipt },
        }
    }
}
