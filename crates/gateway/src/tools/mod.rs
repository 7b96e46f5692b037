//! Tools that a model may call: what a request says of them, how a model is told, and how its calls are read.
//!
//! `format.rs` is how each family of models writes calls, `parser.rs` reads them out of a stream, `arguments.rs` masks and
//! restores what is in them, `output.rs` is that for one choice of an answer.

mod arguments;
mod format;
mod grammar;
mod output;
mod parser;

use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::endpoint::{EndpointId, endpoint};

pub(crate) use format::{ToolFormat, section};
pub(crate) use grammar::{CallGrammar, grammar};
pub(crate) use output::{CallReader, Called, ToolOutput, commitment};
pub(crate) use parser::Part;
pub use parser::read_calls;

/// A call that an earlier answer made, as the client sends it back.
pub struct ToolCall {
    /// What the result refers to. Scanned, never rewritten.
    pub id: String,
    /// Which tool. Scanned, never rewritten.
    pub name: String,
    /// Its arguments: JSON as a rule, but whatever a model wrote may stand here.
    pub arguments: Zeroizing<String>,
    /// Where its arguments stand in the body, as a JSON pointer (RFC 6901).
    pub pointer: String,
}

/// Which tools the model may call, or has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// None: the model is not told of them.
    None,
    /// The model decides.
    Auto,
    /// One or more, whichever.
    Required,
    /// This one.
    Named(String),
}

/// The tools of a request.
pub struct Tools {
    /// OpenAI's list, without the texts.
    list: Value,
    /// Descriptions, which the model reads and redaction rewrites, and where in the list they belong.
    texts: Vec<(String, Zeroizing<String>)>,
    names: Vec<String>,
    /// What the model may do with them.
    pub choice: ToolChoice,
    /// Whether one answer may hold several calls.
    pub parallel: bool,
}

impl Tools {
    /// From OpenAI's list of functions. What the endpoint table calls text is taken apart, to be rewritten; all else in the
    /// list is to be among the request's scanned strings.
    #[must_use]
    pub fn new(mut list: Value, choice: ToolChoice, parallel: bool) -> Self {
        let name = |tool: &Value| Some(tool.pointer("/function/name")?.as_str()?.to_owned());
        let names = list.as_array().into_iter().flatten().filter_map(name).collect();
        let mut pointers = Vec::new();
        find_texts(&list, &mut "/tools".to_owned(), &mut pointers);
        let texts = pointers.into_iter().filter_map(|pointer| match list.pointer_mut(&pointer) {
            Some(Value::String(text)) => Some((pointer, Zeroizing::new(std::mem::take(text)))),
            _ => None,
        });
        let texts = texts.collect();
        Self { list, texts, names, choice, parallel }
    }

    /// What calls are read by, where the model may make any: names, and whether there may be several.
    pub(crate) fn callable(&self) -> Option<(Arc<[String]>, bool)> {
        self.offered().then(|| (self.names.as_slice().into(), self.parallel))
    }

    /// Whether the model may call one.
    #[must_use]
    pub fn offered(&self) -> bool {
        self.choice != ToolChoice::None
    }

    /// Descriptions, in the order of [`Tools::set_texts`].
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|(_, text)| text.as_str())
    }

    /// Puts other texts in their places.
    pub(crate) fn set_texts(&mut self, texts: &mut impl Iterator<Item = Zeroizing<String>>) {
        for ((_, old), new) in self.texts.iter_mut().zip(texts) {
            *old = new;
        }
    }

    /// OpenAI's list, whole again.
    pub(crate) fn list(&self) -> Value {
        let mut list = self.list.clone();
        for (pointer, text) in &self.texts {
            if let Some(place) = list.pointer_mut(pointer) {
                *place = Value::String(text.as_str().to_owned());
            }
        }
        list
    }
}

/// Where in the list the endpoint table has text; `at` is the place of `value` in the body.
fn find_texts(value: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    match value {
        Value::String(_) if endpoint(EndpointId::ChatCompletions).is_some_and(|chat| chat.is_text(at)) => {
            found.extend(at.strip_prefix("/tools").map(str::to_owned));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push_str(&format!("/{index}"));
                find_texts(item, at, found);
                at.truncate(length);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                at.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                find_texts(item, at, found);
                at.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn descriptions_are_taken_out_and_put_back() {
        let list = json!([{"type": "function", "function": {"name": "zoek", "description": "Zoekt.", "parameters": {
            "type": "object", "properties": {"a": {"type": "string", "description": "Wat."}, "description": {"enum": ["x"]}},
        }}}]);
        let mut tools = Tools::new(list.clone(), ToolChoice::Auto, true);
        let mut texts: Vec<&str> = tools.texts().collect();
        texts.sort_unstable();
        assert_eq!(texts, ["Wat.", "Zoekt."]);
        assert_eq!(*tools.callable().unwrap().0, ["zoek".to_owned()]);
        assert_eq!(tools.list(), list);
        let new: Vec<_> = tools.texts().map(|text| Zeroizing::new(text.to_uppercase())).collect();
        tools.set_texts(&mut new.into_iter());
        assert_eq!(tools.list()[0]["function"]["description"], "ZOEKT.");
        assert_eq!(tools.list()[0]["function"]["parameters"]["properties"]["a"]["description"], "WAT.");
    }
}
