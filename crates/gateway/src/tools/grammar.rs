//! The grammar of a forced call: one of the tools, in the way this model writes calls, with arguments by its schema.

use serde_json::{Value, json};
use tokenizer::{Error, Tokenizer, schema_in_lark};

use super::format::ToolFormat;
use super::{ToolChoice, Tools};

/// Most calls of one forced answer: a model may not see an end to them.
const CALLS_MAX: usize = 8;

/// A grammar in llguidance's Lark, and the names of the control tokens in it.
pub(crate) struct CallGrammar {
    pub(crate) text: String,
    pub(crate) control: Vec<String>,
}

/// What an answer has to be where the choice forces a call; `None` where it does not.
///
/// # Errors
/// The place of a tool's schema in the body, and what in it cannot be enforced.
pub(crate) fn grammar(
    tools: &Tools,
    template: &str,
    tokenizer: &Tokenizer,
) -> Result<Option<CallGrammar>, (String, Error)> {
    let named = match &tools.choice {
        ToolChoice::None | ToolChoice::Auto => return Ok(None),
        ToolChoice::Required => None,
        ToolChoice::Named(name) => Some(name),
    };
    let format = ToolFormat::of(template);
    let list = tools.list();
    let functions = list.as_array().into_iter().flatten().map(|tool| &tool["function"]);
    let mut rules = Vec::new();
    let mut heads = Vec::new();
    for (index, function) in functions.enumerate() {
        let name = function["name"].as_str().unwrap_or_default();
        if named.is_some_and(|named| named != name) {
            continue;
        }
        let arguments = schema_in_lark(&schema(function))
            .map_err(|error| (format!("tools[{index}].function.parameters"), error))?;
        rules.push(format!("args{index}: {arguments}"));
        heads.push((index, name.to_owned()));
    }
    let mut marks = Marks { tokenizer, control: Vec::new() };
    let shape = Shape::of(format, template);
    let call = heads.iter().map(|(index, name)| shape.call(name, *index, &mut marks));
    let call = format!("call: {}", call.collect::<Vec<_>>().join(" | "));
    let several = named.is_none() && tools.parallel;
    let start = shape.start(several, &mut marks);
    let text = [vec![start, call], rules].concat().join("\n");
    Ok(Some(CallGrammar { text, control: marks.control }))
}

/// The schema of a function's arguments, which are an object in any case.
fn schema(function: &Value) -> Value {
    let mut schema = function.get("parameters").cloned().unwrap_or_else(|| json!({}));
    if let Some(map) = schema.as_object_mut() {
        map.entry("type").or_insert_with(|| json!("object"));
    }
    schema
}

/// How a call is written.
#[derive(Clone, Copy)]
enum Shape {
    /// In tags, each call its own.
    Tags,
    /// As the whole answer; there is one.
    Bare,
    /// A list after a mark.
    List,
    /// A name and arguments, each call after marks of its own.
    Named,
}

impl Shape {
    fn of(format: ToolFormat, template: &str) -> Self {
        match format {
            ToolFormat::Hermes | ToolFormat::Other | ToolFormat::Plain => Self::Tags,
            ToolFormat::Llama3 => Self::Bare,
            ToolFormat::Mistral if template.contains("[ARGS]") => Self::Named,
            ToolFormat::Mistral => Self::List,
        }
    }

    fn start(self, several: bool, marks: &mut Marks<'_>) -> String {
        let more = |what: &str| match several {
            true => format!(" ({what}){{0,{}}}", CALLS_MAX.saturating_sub(1)),
            false => String::new(),
        };
        match self {
            Self::Tags => {
                let (open, close) = (marks.mark("<tool_call>"), marks.mark("</tool_call>"));
                let one = format!("{open} \"\\n\" call \"\\n\" {close}");
                format!("start: one{}\none: {one}", more("\"\\n\" one"))
            }
            Self::Bare => "start: call".to_owned(),
            Self::List => {
                format!("start: {} \"[\" call{} \"]\"", marks.mark("[TOOL_CALLS]"), more("\", \" call"))
            }
            Self::Named => format!("start: call{}", more("call")),
        }
    }

    fn call(self, name: &str, index: usize, marks: &mut Marks<'_>) -> String {
        let key = if matches!(self, Self::Bare) { "parameters" } else { "arguments" };
        match self {
            Self::Named => {
                let (open, arguments) = (marks.mark("[TOOL_CALLS]"), marks.mark("[ARGS]"));
                format!("{open} {} {arguments} args{index}", quoted(name))
            }
            Self::Tags | Self::Bare | Self::List => {
                let head = format!("{{\"name\": \"{name}\", \"{key}\": ");
                format!("{} args{index} \"}}\"", quoted(&head))
            }
        }
    }
}

/// A string of Lark, which is written as one of JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Marks of a call: a control token where the vocabulary has it, else its letters.
struct Marks<'t> {
    tokenizer: &'t Tokenizer,
    control: Vec<String>,
}

impl Marks<'_> {
    fn mark(&mut self, name: &str) -> String {
        match self.tokenizer.token_id(name).filter(|id| self.tokenizer.is_control(*id)) {
            Some(id) => {
                self.control.push(name.to_owned());
                format!("<[{id}]>")
            }
            None => quoted(name),
        }
    }
}
