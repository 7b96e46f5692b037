//! How a family of models is told of tools and writes its calls, by its chat template.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokenizer::ChatMessage;

use super::{ToolChoice, Tools};
use crate::notice;
use crate::request::{Message, Role};

/// Opens a call of Hermes, Qwen and SmolLM, and of models that the gateway tells of tools itself.
const TAG: &str = "<tool_call>";

/// How calls are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToolFormat {
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`: Hermes, Qwen 2.5 and 3, SmolLM3.
    Hermes,
    /// `{"name": …, "parameters": …}` as the whole answer, or after `<|python_tag|>`: Llama 3.1 and later.
    Llama3,
    /// `[TOOL_CALLS][{"name": …, "arguments": …}]` or `[TOOL_CALLS]name[ARGS]{…}`: Mistral.
    Mistral,
    /// The template knows tools in a way of its own: calls are looked for in tags, and as the whole answer.
    Other,
    /// The template knows no tools: the gateway tells the model of them in words. Calls as for `Other`.
    Plain,
}

impl ToolFormat {
    /// Of a chat template's source.
    pub(crate) fn of(template: &str) -> Self {
        let has = |part: &str| template.contains(part);
        match () {
            () if !has("tools") => Self::Plain,
            () if has("[TOOL_CALLS]") => Self::Mistral,
            () if has("<|python_tag|>") || has("ipython") => Self::Llama3,
            () if has(TAG) => Self::Hermes,
            () => Self::Other,
        }
    }

    /// Texts, or the names of control tokens, that open a call.
    pub(crate) fn openers(self) -> &'static [&'static str] {
        match self {
            Self::Hermes | Self::Other | Self::Plain => &[TAG],
            Self::Llama3 => &["<|python_tag|>"],
            Self::Mistral => &["[TOOL_CALLS]"],
        }
    }

    /// Names of control tokens that are part of a call; all others are no text.
    pub(crate) fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Hermes | Self::Other | Self::Plain => &[TAG, "</tool_call>"],
            Self::Llama3 => &["<|python_tag|>"],
            Self::Mistral => &["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"],
        }
    }

    /// Whether an answer may be a call that nothing opens.
    pub(crate) fn takes_bare(self) -> bool {
        matches!(self, Self::Llama3 | Self::Other | Self::Plain)
    }

    /// The messages as the template is given them.
    pub(crate) fn messages(self, messages: Vec<Message>) -> Vec<ChatMessage> {
        if self == Self::Plain { in_words(messages) } else { self.in_fields(messages) }
    }

    /// With calls and results in the fields that templates read.
    fn in_fields(self, messages: Vec<Message>) -> Vec<ChatMessage> {
        let id = |id: &str| if self == Self::Mistral { short(id) } else { id.to_owned() };
        let one = |message: Message| {
            let mut chat = said(message.role.as_str(), message.content.as_str().to_owned());
            if !message.calls.is_empty() {
                let call = |call: &super::ToolCall| {
                    let function = json!({"name": call.name, "arguments": call.arguments.as_str()});
                    json!({"id": id(&call.id), "type": "function", "function": function})
                };
                chat.extra.insert("tool_calls".to_owned(), message.calls.iter().map(call).collect());
            }
            if let Some(answered) = &message.answers {
                chat.extra.insert("tool_call_id".to_owned(), Value::String(id(&answered.id)));
                chat.extra.insert("name".to_owned(), Value::String(answered.name.clone()));
            }
            chat
        };
        messages.into_iter().map(one).collect()
    }
}

fn said(role: &str, content: String) -> ChatMessage {
    ChatMessage { role: role.to_owned(), content, extra: Map::new() }
}

/// With calls and results as text; results that follow each other are one message, since many templates want turns to
/// alternate.
fn in_words(messages: Vec<Message>) -> Vec<ChatMessage> {
    let mut out: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    let mut last_was_result = false;
    for message in messages {
        let mut content = message.content.as_str().to_owned();
        for call in &message.calls {
            let name = Value::String(call.name.clone());
            let gap = if content.is_empty() { "" } else { "\n" };
            content.push_str(&format!(
                "{gap}{TAG}\n{{\"name\": {name}, \"arguments\": {}}}\n</tool_call>",
                call.arguments.as_str()
            ));
        }
        let Some(answered) = &message.answers else {
            last_was_result = false;
            out.push(said(message.role.as_str(), content));
            continue;
        };
        let result = format!("<tool_response>\n{}: {content}\n</tool_response>", answered.name);
        match out.last_mut().filter(|_| last_was_result) {
            Some(last) => last.content = format!("{}\n{result}", last.content),
            None => out.push(said(Role::User.as_str(), result)),
        }
        last_was_result = true;
    }
    out
}

/// What a model whose template knows no tools is told of them, in the language of the conversation.
pub(crate) fn section(tools: &Tools, messages: &[ChatMessage]) -> String {
    let functions = tools.list();
    let functions = functions.as_array().into_iter().flatten().filter_map(|tool| tool.get("function"));
    let lines: Vec<String> = functions.map(Value::to_string).collect();
    let lines = lines.join("\n");
    let shape = "<tool_call>\n{\"name\": \"…\", \"arguments\": {…}}\n</tool_call>";
    let english = notice::is_english(messages);
    let must = match (&tools.choice, english) {
        (ToolChoice::Required, true) => "Your next answer has to be a call.",
        (ToolChoice::Required, false) => "Uw volgende antwoord moet een aanroep zijn.",
        (ToolChoice::Named(name), true) => &format!("Your next answer has to be a call of {name}."),
        (ToolChoice::Named(name), false) => {
            &format!("Uw volgende antwoord moet een aanroep van {name} zijn.")
        }
        (_, true) => "Call one only where you need it.",
        (_, false) => "Roep er alleen een aan waar dat nodig is.",
    };
    if english {
        format!(
            "You can call these functions, each given as JSON with a schema of its parameters:\n{lines}\nTo call one, answer with \
             its name and arguments as JSON between tags, and nothing else:\n{shape}\nThe result comes in the next message, in \
             <tool_response>. {must}"
        )
    } else {
        format!(
            "U kunt deze functies aanroepen; elke staat hier als JSON met een schema van de parameters:\n{lines}\nRoep een functie \
             aan door te antwoorden met de naam en de argumenten als JSON tussen labels, en niets anders:\n{shape}\nHet resultaat \
             staat in het volgende bericht, in <tool_response>. {must}"
        )
    }
}

/// Nine letters that stand for an id: Mistral's templates take no others.
fn short(id: &str) -> String {
    letters(&[id.as_bytes()], 9)
}

/// Letters that depend on `parts` alone. No digits, so that no id looks like a number of a person.
pub(crate) fn letters(parts: &[&[u8]], count: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(count).map(|byte| char::from(b'a'.saturating_add(byte % 26))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::ToolCall;
    use zeroize::Zeroizing;

    fn conversation() -> Vec<Message> {
        let call = |id: &str, arguments: &str| ToolCall {
            id: id.to_owned(),
            name: "zoek".to_owned(),
            pointer: String::new(),
            arguments: Zeroizing::new(arguments.to_owned()),
        };
        let mut asked = Message::new(Role::Assistant, "Even kijken.");
        asked.calls = vec![call("call_a", "{\"n\": 1}"), call("call_b", "{}")];
        let result = |id: &str, text: &str| Message {
            answers: Some(crate::request::Answered { id: id.to_owned(), name: "zoek".to_owned() }),
            ..Message::new(Role::Tool, text)
        };
        vec![Message::new(Role::User, "Zoek."), asked, result("call_a", "niets"), result("call_b", "iets")]
    }

    #[test]
    fn the_format_is_read_off_the_template() {
        for (source, format) in [
            ("{{ messages }}", ToolFormat::Plain),
            ("{% if tools %}<tool_call>{% endif %}", ToolFormat::Hermes),
            ("{% if tools %}[AVAILABLE_TOOLS]{% endif %}[TOOL_CALLS]", ToolFormat::Mistral),
            ("{% if tools %}Environment: ipython{% endif %}", ToolFormat::Llama3),
            ("{% if tools %}{{ tools }}{% endif %}", ToolFormat::Other),
        ] {
            assert_eq!(ToolFormat::of(source), format, "{source}");
        }
    }

    #[test]
    fn calls_and_results_become_words_where_a_template_has_none_for_them() {
        let said = ToolFormat::Plain.messages(conversation());
        let roles: Vec<&str> = said.iter().map(|m| m.role.as_str()).collect();
        assert_eq!(roles, ["user", "assistant", "user"]);
        assert_eq!(
            said[1].content,
            "Even kijken.\n<tool_call>\n{\"name\": \"zoek\", \"arguments\": {\"n\": 1}}\n</tool_call>\n<tool_call>\n\
             {\"name\": \"zoek\", \"arguments\": {}}\n</tool_call>"
        );
        assert!(said[2].content.contains("zoek: niets") && said[2].content.contains("zoek: iets"));
    }

    #[test]
    fn ids_are_nine_letters_for_mistral_and_the_same_in_call_and_result() {
        let said = ToolFormat::Mistral.messages(conversation());
        let id = said[1].extra["tool_calls"][1]["id"].as_str().unwrap();
        assert!(id.len() == 9 && id.bytes().all(|b| b.is_ascii_lowercase()));
        assert_eq!(said[3].extra["tool_call_id"], id);
        assert_eq!(ToolFormat::Hermes.messages(conversation())[3].extra["tool_call_id"], "call_b");
    }
}
