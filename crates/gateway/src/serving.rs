//! What is served: one verified model with its tokenizer, its pinned template and the generator that runs it.

use std::sync::Arc;

use provenance::{Assurance, FileRef, ModelRef, Name};
use tokenizer::{ChatMessage, ChatTemplate, RenderInput, Tokenizer};
use zeroize::Zeroizing;

use crate::generate::Generate;
use crate::refusal::Refusal;
use crate::thoughts::Thinking;
use crate::tools::ToolFormat;

/// A model as loaded and verified, ready to serve.
pub struct Serving {
    /// Where its tokens come from.
    pub generator: Arc<dyn Generate>,
    /// Its tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// Its chat template; a model without one answers completions only.
    pub template: Option<ChatTemplate>,
    /// What the policy judges.
    pub facts: policy::ModelFacts,
    /// What the log says of it.
    pub reference: ModelRef,
    /// Its files, by what was hashed while they were read.
    pub files: Vec<FileRef>,
    /// Who vouches for it.
    pub assurance: Assurance,
    /// Licence, for `/v1/models`.
    pub license: String,
    /// When it was loaded, seconds since 1970.
    pub loaded_s: i64,
}

/// What serves a request, as far as the door and redaction are concerned.
pub(crate) trait Serves: Send + Sync + 'static {
    /// What the policy judges.
    fn facts(&self) -> &policy::ModelFacts;

    /// What the log says of it.
    fn reference(&self) -> &ModelRef;

    /// The instruction set or device the bits come from.
    fn isa(&self) -> String;

    /// Prompt and answer together, in tokens.
    fn context_tokens(&self) -> usize;

    /// Who vouches for it.
    fn assurance(&self) -> Assurance;

    /// What tells the text of token ids, where a request may be made of them.
    fn text_tokenizer(&self) -> Option<&Tokenizer>;

    /// What callers see.
    fn card(&self) -> ModelCard;
}

impl Serves for Serving {
    fn facts(&self) -> &policy::ModelFacts {
        &self.facts
    }

    fn reference(&self) -> &ModelRef {
        &self.reference
    }

    fn isa(&self) -> String {
        self.generator.isa()
    }

    fn context_tokens(&self) -> usize {
        self.generator.context_tokens()
    }

    fn assurance(&self) -> Assurance {
        self.assurance
    }

    fn text_tokenizer(&self) -> Option<&Tokenizer> {
        Some(&self.tokenizer)
    }

    fn card(&self) -> ModelCard {
        ModelCard {
            id: self.facts.id.clone(),
            sha256: self.facts.loaded_sha256.map(hex::encode).unwrap_or_default(),
            context_tokens: self.generator.context_tokens(),
            license: self.license.clone(),
            loaded_s: self.loaded_s,
        }
    }
}

/// A model as callers see it.
#[derive(Debug, Clone)]
pub struct ModelCard {
    /// Id in `models.toml`.
    pub id: String,
    /// SHA-256 that was verified while the weights were read, in hexadecimal.
    pub sha256: String,
    /// Prompt and answer together, in tokens.
    pub context_tokens: usize,
    /// Licence of the weights.
    pub license: String,
    /// When it was loaded, seconds since 1970.
    pub loaded_s: i64,
}

impl Serving {
    /// How the model is told of tools and calls them.
    pub(crate) fn tool_format(&self) -> ToolFormat {
        ToolFormat::of(self.template.as_ref().map_or("", ChatTemplate::source))
    }

    /// How the answer to a rendered conversation begins, where the model thinks first.
    pub(crate) fn thinking(&self, prompt: &[u32]) -> Option<Thinking> {
        Thinking::of(self.template.as_ref().map_or("", ChatTemplate::source), &self.tokenizer, prompt)
    }

    /// A conversation as token ids, opening the assistant's turn; `tools` is for templates that know of them.
    pub(crate) fn render(
        &self,
        messages: &[ChatMessage],
        tools: Option<&serde_json::Value>,
        now_ms: i64,
    ) -> Result<Zeroizing<Vec<u32>>, Refusal> {
        let template = self.template.as_ref().ok_or_else(|| Refusal::Invalid {
            field: "messages".into(),
            reason: "this model has no chat template; use /v1/completions".into(),
        })?;
        let now = jiff::Timestamp::from_millisecond(now_ms)
            .map(|instant| jiff::tz::Offset::UTC.to_datetime(instant))
            .map_err(|_| Refusal::closed("the system clock is outside the calendar"))?;
        let variables = serde_json::Map::new();
        let input = RenderInput { messages, tools, add_generation_prompt: true, variables: &variables, now };
        let invalid = |error: tokenizer::Error| Refusal::Invalid {
            field: "messages".into(),
            reason: error.to_string(),
        };
        let rendered = template.render(&input).map_err(invalid)?;
        self.tokenizer.encode_rendered(&rendered).map_err(invalid)
    }

    /// A plain prompt as token ids, after the model's own opening token if it wants one and `opening` does not say otherwise.
    pub(crate) fn encode_text(&self, text: &str, opening: bool) -> Result<Zeroizing<Vec<u32>>, Refusal> {
        let ids = self
            .tokenizer
            .encode(text)
            .map_err(|error| Refusal::Invalid { field: "prompt".into(), reason: error.to_string() })?;
        let bos = self.tokenizer.bos().filter(|_| opening && self.tokenizer.add_bos());
        let mut all = Zeroizing::new(Vec::with_capacity(ids.len().saturating_add(1)));
        all.extend(bos);
        all.extend_from_slice(&ids);
        Ok(all)
    }
}

/// A name of the administrator's making as the log takes it.
pub(crate) fn name(text: &str) -> Result<Name, Refusal> {
    Name::new(text).map_err(|error| Refusal::closed(format!("an id cannot stand in the log: {error}")))
}
