//! A conversation put together from pieces, as the APIs have it whose turns are made of blocks or items.

use gateway::{Answered, Message, Role, ToolCall};
use serde_json::Value;
use zeroize::Zeroizing;

use super::fields::Fields;
use crate::error::ApiError;

/// Messages in the order they were said. Of one author in a row they are one: chat templates want turns.
#[derive(Default)]
pub(crate) struct Talk {
    messages: Vec<Message>,
}

impl Talk {
    /// Text of an author. Pieces are joined by a line feed.
    pub(crate) fn say(&mut self, role: Role, text: &str) {
        let mut joined = Joined::default();
        joined.push(text);
        self.say_all(role, joined);
    }

    /// Texts of an author.
    pub(crate) fn say_all(&mut self, role: Role, said: Joined) {
        match self.messages.last_mut() {
            Some(last) if last.role == role => {
                // Before the first word there may have been a call.
                let begun = last.calls.is_empty() || !last.content.is_empty();
                let (text, parts) = (std::mem::take(&mut last.content), std::mem::take(&mut last.parts));
                let mut joined = Joined { text, parts, begun };
                joined.append(&said);
                (last.content, last.parts) = (joined.text, joined.parts);
            }
            _ => self.put(role, said, None),
        }
    }

    /// A call that an earlier answer made.
    pub(crate) fn call(&mut self, call: ToolCall) {
        if self.last() != Some(Role::Assistant) {
            self.put(Role::Assistant, Joined::default(), None);
        }
        if let Some(last) = self.messages.last_mut() {
            last.calls.push(call);
        }
    }

    /// What a call came to.
    pub(crate) fn result(&mut self, answers: Answered, said: Joined) {
        self.put(Role::Tool, said, Some(answers));
    }

    /// Who spoke last.
    pub(crate) fn last(&self) -> Option<Role> {
        self.messages.last().map(|message| message.role)
    }

    /// All of it.
    pub(crate) fn into_messages(self) -> Vec<Message> {
        self.messages
    }

    fn put(&mut self, role: Role, said: Joined, answers: Option<Answered>) {
        let Joined { text: content, parts, .. } = said;
        self.messages.push(Message { role, content, parts, calls: Vec::new(), answers });
    }
}

/// Texts that are one: joined by a line feed, and where the later ones begin.
#[derive(Default)]
pub(crate) struct Joined {
    text: Zeroizing<String>,
    parts: Vec<usize>,
    begun: bool,
}

impl Joined {
    /// A string, or a list of objects each of which has a text that `text` takes; `wanted` says so of anything else.
    pub(crate) fn read(
        value: Value,
        path: &str,
        wanted: &'static str,
        text: impl Fn(&mut Fields) -> Result<Zeroizing<String>, ApiError>,
    ) -> Result<Self, ApiError> {
        let mut joined = Self::default();
        match value {
            Value::String(text) => joined.push(&Zeroizing::new(text)),
            Value::Array(parts) => {
                for (index, part) in parts.into_iter().enumerate() {
                    let mut part = Fields::new(part, format!("{path}[{index}]."))?;
                    joined.push(&text(&mut part)?);
                    part.finish()?;
                }
            }
            _ => return Err(ApiError::invalid(path, wanted)),
        }
        Ok(joined)
    }

    pub(crate) fn push(&mut self, text: &str) {
        if self.begun {
            self.text.push('\n');
            self.parts.push(self.text.len());
        }
        self.begun = true;
        self.text.push_str(text);
    }

    /// Other texts after these.
    pub(crate) fn append(&mut self, other: &Self) {
        if !other.begun {
            return;
        }
        self.push("");
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.parts.extend(other.parts.iter().map(|part| start.saturating_add(*part)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_author_are_one_message_and_where_they_begin_is_known() {
        let mut talk = Talk::default();
        talk.say(Role::User, "een");
        let mut more = Joined::default();
        more.push("twee");
        more.push("");
        more.push("drie");
        talk.say_all(Role::User, more);
        let arguments = Zeroizing::new("{}".to_owned());
        talk.call(ToolCall { id: "a".into(), name: "f".into(), arguments, pointer: String::new() });
        talk.say(Role::Assistant, "vier");
        let answers = Answered { id: "a".into(), name: "f".into() };
        talk.result(answers.clone(), Joined::default());
        talk.result(answers, Joined::default());
        talk.say(Role::User, "vijf");
        let all = talk.into_messages();
        assert_eq!((all[0].content.as_str(), &*all[0].parts), ("een\ntwee\n\ndrie", &[4, 9, 10][..]));
        assert_eq!((all[1].content.as_str(), all[1].calls.len(), all[1].parts.len()), ("vier", 1, 0));
        let roles: Vec<Role> = all.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool, Role::User]);
    }
}
