//! The model is told what placeholders are, where it is given any: it then carries them over instead of guessing at them.

use tokenizer::ChatMessage;

use crate::request::Role;

/// Words that are frequent in one of the two languages and rare in the other.
const DUTCH: &[&str] =
    &["de", "het", "een", "en", "van", "dat", "niet", "voor", "met", "zijn", "mijn", "wat", "ik", "uw"];
const ENGLISH: &[&str] =
    &["the", "and", "of", "to", "that", "not", "for", "with", "are", "my", "what", "is", "you", "your"];

/// Words that are looked at, from the beginning of the conversation.
const WORDS_MAX: usize = 400;

/// The notice, in the language of the conversation; `placeholder` is one that stands in it.
pub(crate) fn text(messages: &[ChatMessage], placeholder: &str) -> String {
    if is_english(messages) {
        format!(
            "Some personal data in this conversation was replaced by placeholders such as {placeholder}. Treat each as the \
             word it stands for, copy it exactly where you need it, and never invent one or guess at its value."
        )
    } else {
        format!(
            "In dit gesprek zijn persoonsgegevens vervangen door plaatshouders zoals {placeholder}. Gebruik zo'n \
             plaatshouder als het woord waar hij voor staat, neem hem letterlijk over waar dat nodig is, verzin er geen en \
             raad niet naar de waarde."
        )
    }
}

/// Adds it to the instructions of the application, or puts it before everything.
pub(crate) fn in_instructions(messages: &mut Vec<ChatMessage>, notice: &str) {
    match messages.first_mut().filter(|first| first.role == Role::System.as_str()) {
        Some(first) => append(first, notice),
        None => {
            let content = notice.to_owned();
            let role = Role::System.as_str().to_owned();
            messages.insert(0, ChatMessage { role, content, extra: serde_json::Map::new() });
        }
    }
}

/// Puts it before the first message, for templates that know no instructions.
pub(crate) fn in_first_message(messages: &mut [ChatMessage], notice: &str) {
    if let Some(first) = messages.first_mut() {
        let content = zeroize::Zeroizing::new(std::mem::take(&mut first.content));
        first.content = format!("{notice}\n\n{}", content.as_str());
    }
}

fn append(message: &mut ChatMessage, notice: &str) {
    // In room of its own size, so that no unwiped copy stays behind.
    let before = zeroize::Zeroizing::new(std::mem::take(&mut message.content));
    message.content = format!("{}\n\n{notice}", before.as_str());
}

/// Dutch where it cannot be told.
pub(crate) fn is_english(messages: &[ChatMessage]) -> bool {
    let words = messages.iter().flat_map(|message| message.content.split(|c: char| !c.is_alphabetic()));
    let (mut dutch, mut english) = (0_u32, 0_u32);
    for word in words.filter(|word| !word.is_empty()).take(WORDS_MAX) {
        let is = |list: &[&str]| u32::from(list.iter().any(|known| known.eq_ignore_ascii_case(word)));
        dutch = dutch.saturating_add(is(DUTCH));
        english = english.saturating_add(is(ENGLISH));
    }
    english > dutch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: &str, content: &str) -> ChatMessage {
        ChatMessage { role: role.into(), content: content.into(), extra: serde_json::Map::new() }
    }

    #[test]
    fn the_language_is_that_of_the_conversation() {
        let english = [said("user", "What is the status of the request of ⟦BSN_1⟧?")];
        assert!(text(&english, "⟦BSN_1⟧").starts_with("Some personal data"));
        for dutch in ["Wat is de status van het verzoek van ⟦BSN_1⟧?", "⟦BSN_1⟧"] {
            assert!(text(&[said("user", dutch)], "⟦BSN_1⟧").contains("zoals ⟦BSN_1⟧."));
        }
    }

    #[test]
    fn it_joins_what_there_is() {
        let mut messages = vec![said("user", "a")];
        in_instructions(&mut messages, "N");
        assert_eq!(
            (messages.len(), messages[0].role.as_str(), messages[0].content.as_str()),
            (2, "system", "N")
        );
        let mut messages = vec![said("system", "S"), said("user", "a")];
        in_instructions(&mut messages, "N");
        assert_eq!((messages.len(), messages[0].content.as_str()), (2, "S\n\nN"));
        in_first_message(&mut messages, "M");
        assert_eq!(messages[0].content, "M\n\nS\n\nN");
    }
}
