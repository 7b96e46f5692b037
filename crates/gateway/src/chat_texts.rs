//! The texts of a chat that reach the model, in one order: descriptions of tools, then message by message what it says and
//! the arguments of its calls. A value keeps its placeholder from turn to turn because the order stays the same.

use redact::Turn;
use zeroize::Zeroizing;

use crate::request::{Message, Role};
use crate::tools::Tools;

/// Whoever wrote them. What one author wrote is also read without the others in between.
const fn author(role: Role) -> u8 {
    match role {
        Role::System => 0,
        Role::User => 1,
        Role::Assistant => 2,
        Role::Tool => 3,
    }
}

/// Tools are described by whoever wrote the application.
const TOOLS: u8 = 4;

/// What is to be redacted. Where nothing is put back (`restores` is false), an earlier answer goes on in placeholders.
pub(crate) fn turns<'a>(messages: &'a [Message], tools: Option<&'a Tools>, restores: bool) -> Vec<Turn<'a>> {
    let described = tools.into_iter().flat_map(Tools::texts);
    let mut turns: Vec<Turn<'a>> =
        described.map(|text| Turn { text, parts: &[], author: TOOLS, quotes: false, data: false }).collect();
    for message in messages {
        let author = author(message.role);
        let quotes = message.role == Role::Assistant && !restores;
        turns.push(Turn { text: &message.content, parts: &message.parts, author, quotes, data: false });
        turns.extend(message.calls.iter().map(|call| Turn {
            text: &call.arguments,
            parts: &[],
            author,
            quotes,
            // What is no JSON is text.
            data: serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_ok(),
        }));
    }
    turns
}

/// Puts `texts`, in the order of [`turns`], in the place of what was there.
pub(crate) fn replace(messages: &mut [Message], tools: Option<&mut Tools>, texts: Vec<Zeroizing<String>>) {
    let mut texts = texts.into_iter();
    if let Some(tools) = tools {
        tools.set_texts(&mut texts);
    }
    for message in messages {
        message.parts.clear();
        let calls = message.calls.iter_mut().map(|call| &mut call.arguments);
        for (old, new) in std::iter::once(&mut message.content).chain(calls).zip(&mut texts) {
            *old = new;
        }
    }
}

/// Where the arguments that are text `index` of [`turns`] stand in the body, as a JSON pointer; empty where that text is
/// something else.
pub(crate) fn pointer<'a>(messages: &'a [Message], tools: Option<&Tools>, index: usize) -> &'a str {
    let described = tools.map_or(0, |tools| tools.texts().count());
    let spoken = messages.iter().flat_map(|message| {
        std::iter::once("").chain(message.calls.iter().map(|call| call.pointer.as_str()))
    });
    index.checked_sub(described).and_then(|index| spoken.into_iter().nth(index)).unwrap_or_default()
}
