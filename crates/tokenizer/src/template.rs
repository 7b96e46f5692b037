//! Chat templates as Hugging Face runs them, with bounds.

use std::io::{self, Write};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    Error, Tokenizer,
    chat::{ChatMessage, ROLES, RenderInput, Rendered},
    error::printable,
    marks::{Marks, has_reserved, reference},
    python,
};

/// The longest template source, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 256 << 10;
/// Steps a rendering may take, besides [`STEPS_PER_BYTE`]. The engine also charges one for each 64 bytes it creates, so this bounds memory.
pub const STEPS_MAX: u64 = 1_000_000;
/// Steps for each byte of input.
const STEPS_PER_BYTE: u64 = 4;
/// Bytes a rendering may write, besides eight times its input.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;

const NAME: &str = "chat_template";

/// A compiled chat template, bound to the tokenizer whose control tokens it writes.
pub struct ChatTemplate {
    environment: Environment<'static>,
    marks: Marks,
    /// The source as the engine sees it: control tokens are references.
    rewritten: String,
    bos: String,
    eos: String,
    source: String,
    digest: [u8; 32],
    tokenizer: [u8; 32],
}

impl ChatTemplate {
    /// Compiles `source` and binds it to `tokenizer`: where the source has the text of a control token, it will write that token.
    ///
    /// # Errors
    /// [`Error::TemplateSyntax`] with the line; [`Error::TemplateLimit`] for a source that is too long.
    pub fn new(source: &str, tokenizer: &Tokenizer) -> Result<Self, Error> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(Error::TemplateLimit { what: "bytes of source", limit: TEMPLATE_BYTES_MAX as u64 });
        }
        if has_reserved(source) {
            let what = "the noncharacters U+FDD0 to U+FDD3 are reserved".to_owned();
            return Err(Error::TemplateSyntax { line: 1, what });
        }
        let (rewritten, marks) = Marks::bind(&without_generation_tags(source), tokenizer)?;
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build();
        environment
            .set_syntax(syntax.map_err(|_| Error::TemplateSyntax { line: 0, what: "syntax".to_owned() })?);
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", python::raise_exception);
        environment.add_filter("tojson", python::tojson);
        environment.add_template_owned(NAME, rewritten.clone()).map_err(|error| Error::TemplateSyntax {
            line: error.line().unwrap_or(0),
            what: printable(error.detail().unwrap_or("not a template")),
        })?;
        let token = |id: Option<u32>| id.map(reference).unwrap_or_default();
        Ok(Self {
            environment,
            marks,
            rewritten,
            bos: token(tokenizer.bos()),
            eos: token(tokenizer.eos()),
            source: source.to_owned(),
            digest: Sha256::digest(source).into(),
            tokenizer: tokenizer.digest(),
        })
    }

    /// The template as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// SHA-256 of the template's source.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Renders a conversation. No string in `input` can become a control token.
    ///
    /// # Errors
    /// [`Error::Role`]; [`Error::TemplateRefused`] when the template calls `raise_exception`; [`Error::TemplateRender`] with the line;
    /// [`Error::TemplateLimit`] when it takes too many steps or writes too much.
    pub fn render(&self, input: &RenderInput<'_>) -> Result<Rendered, Error> {
        let (context, input_bytes) = self.context(input)?;
        let steps = STEPS_MAX + STEPS_PER_BYTE * input_bytes as u64;
        let limit = OUTPUT_BYTES_MAX + 8 * input_bytes;
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(steps));
        let mut output =
            Bounded { bytes: Zeroizing::new(Vec::with_capacity(input_bytes * 2)), limit, full: false };
        let done = environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context, &mut output).map(|_| ()));
        if output.full {
            return Err(Error::TemplateLimit { what: "bytes of output", limit: limit as u64 });
        }
        done.map_err(|error| self.failure(&error, steps))?;
        let broken = || Error::TemplateRender { line: 0, what: "it took a control token apart".to_owned() };
        let text = std::str::from_utf8(&output.bytes).map_err(|_| broken())?;
        let pieces = self.marks.pieces(text).ok_or_else(broken)?;
        Ok(Rendered { pieces, tokenizer: self.tokenizer })
    }

    /// The template's variables, and how many bytes of text are in them.
    fn context(&self, input: &RenderInput<'_>) -> Result<(Value, usize), Error> {
        let mut messages = Vec::with_capacity(input.messages.len());
        for (index, message) in input.messages.iter().enumerate() {
            if !ROLES.contains(&message.role.as_str()) {
                return Err(Error::Role { index });
            }
            messages.push(self.message(message));
        }
        let mut fields: Map<String, Json> = input
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), self.marks.guard_value(value)))
            .collect();
        fields.insert("messages".to_owned(), Json::Array(messages));
        fields.insert(
            "tools".to_owned(),
            input.tools.map_or(Json::Null, |tools| self.marks.guard_value(tools)),
        );
        fields.insert("add_generation_prompt".to_owned(), Json::Bool(input.add_generation_prompt));
        fields.insert("bos_token".to_owned(), Json::String(self.bos.clone()));
        fields.insert("eos_token".to_owned(), Json::String(self.eos.clone()));
        let bytes = fields.values().map(text_bytes).sum();
        let now = input.now;
        let mut context: std::collections::BTreeMap<String, Value> =
            fields.into_iter().map(|(name, value)| (name, Value::from(Serde(value)))).collect();
        let clock = Value::from_function(move |format: &str| python::strftime(format, now));
        context.insert("strftime_now".to_owned(), clock);
        Ok((Value::from(context), bytes))
    }

    fn message(&self, message: &ChatMessage) -> Json {
        let mut fields = Map::new();
        fields.insert("role".to_owned(), Json::String(message.role.clone()));
        fields.insert("content".to_owned(), Json::String(self.marks.guard(&message.content)));
        for (name, value) in
            message.extra.iter().filter(|(name, _)| !matches!(name.as_str(), "role" | "content"))
        {
            let mut value = value.clone();
            if name == "tool_calls" {
                parse_arguments(&mut value);
            }
            fields.insert(name.clone(), self.marks.guard_value(&value));
        }
        Json::Object(fields)
    }

    /// Says what went wrong without quoting what was rendered.
    fn failure(&self, error: &minijinja::Error, steps: u64) -> Error {
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        let mut line = 0;
        while let Some(cause) = source {
            if let Some(python::Raised(message)) = cause.downcast_ref() {
                // A template's own literal words are shown; words it put together may quote the messages.
                let literal = !message.is_empty() && self.rewritten.contains(message.as_str());
                let withheld = "its own words are withheld, because they may quote the messages";
                return Error::TemplateRefused {
                    message: printable(if literal { message } else { withheld }),
                };
            }
            if let Some(error) = cause.downcast_ref::<minijinja::Error>() {
                if error.kind() == ErrorKind::OutOfFuel {
                    return Error::TemplateLimit { what: "steps", limit: steps };
                }
                line = error.line().unwrap_or(line);
            }
            source = cause.source();
        }
        Error::TemplateRender { line, what: error.kind().to_string() }
    }
}

/// Hugging Face's `{% generation %}` marks what the assistant said, for training; it prints what is in it.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{%") {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let end = tag.find("%}").map_or(tag.len(), |at| at + 2);
        let (tag, after) = tag.split_at(end);
        let words = tag.trim_start_matches("{%").trim_end_matches("%}").trim_matches(['-', '+']).trim();
        match words {
            "generation" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// OpenAI sends a tool call's arguments as a string of JSON; templates expect the value.
fn parse_arguments(tool_calls: &mut Json) {
    for call in tool_calls.as_array_mut().into_iter().flatten() {
        if let Some(arguments) = call.pointer_mut("/function/arguments")
            && let Some(Ok(parsed @ Json::Object(_))) = arguments.as_str().map(serde_json::from_str)
        {
            *arguments = parsed;
        }
    }
}

fn text_bytes(value: &Json) -> usize {
    match value {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(text_bytes).sum::<usize>() + 8 * items.len(),
        Json::Object(fields) => fields.iter().map(|(key, value)| key.len() + 8 + text_bytes(value)).sum(),
        _ => 8,
    }
}

/// A writer that refuses more than its limit.
struct Bounded {
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            self.full = true;
            return Err(io::Error::other("output limit"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
