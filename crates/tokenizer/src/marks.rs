//! How control tokens written by a template are told from the same letters written by a user.
//!
//! Where the template's *source* has a control token's text, it is replaced, once, by a reference: two Unicode
//! noncharacters around the id. The strings that a request brings are escaped so that they cannot hold these noncharacters.
//! After rendering, references are control tokens and everything else is text, whatever letters it has and however
//! many fields it was put together from: a look-alike has nothing to look like.
//!
//! One thing escapes this: templates that build a token out of a message's role, as in `'<|' + message.role + '|>'`. The
//! roles are a closed list ([`crate::ROLES`]), so the tokens that can be built are known when the template is bound.
//! For those alone the rendered text is searched, and for those alone each string of the request is broken with a
//! mark wherever it could be a part of one.

use std::collections::BTreeSet;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    Error, Tokenizer,
    chat::{Piece, ROLES},
    special::{Fragment, Special, Specials},
};

const OPEN: char = '\u{FDD0}';
const CLOSE: char = '\u{FDD1}';
const ESCAPE: char = '\u{FDD2}';
const MARK: char = '\u{FDD3}';
const RESERVED: [char; 4] = [OPEN, CLOSE, ESCAPE, MARK];

/// How a template writes control tokens.
pub(crate) struct Marks {
    /// Tokens a template could build out of a role.
    built: Vec<String>,
    search: Specials,
}

/// A reference to a control token, for templates and their variables.
pub(crate) fn reference(id: u32) -> String {
    format!("{OPEN}{id}{CLOSE}")
}

/// Whether a template's source holds letters that are reserved here.
pub(crate) fn has_reserved(source: &str) -> bool {
    source.contains(RESERVED)
}

impl Marks {
    /// Rewrites the control tokens in `source`, and finds those it could build out of a role.
    pub(crate) fn bind(source: &str, tokenizer: &Tokenizer) -> Result<(String, Self), Error> {
        let special =
            |(id, text): (u32, &str)| Special { id, text: text.to_owned(), lstrip: false, rstrip: false };
        let word = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_' || c.is_whitespace());
        let controls: Vec<(u32, &str)> = tokenizer.controls().filter(|(_, text)| !word(text)).collect();
        let search = Specials::new(controls.iter().copied().map(special).collect())?;
        let mut rewritten = String::with_capacity(source.len());
        let mut literals: Vec<String> = Vec::new();
        for part in split_source(source) {
            if !part.literal {
                rewritten.push_str(part.text);
                continue;
            }
            let mut literal = String::with_capacity(part.text.len());
            for fragment in search.partition(part.text) {
                match fragment {
                    Fragment::Text(text) => literal.push_str(text),
                    Fragment::Token(id) => literal.push_str(&reference(id)),
                }
            }
            rewritten.push_str(&literal);
            literals.push(literal);
        }
        let buildable = |text: &str| {
            ROLES.iter().flat_map(|role| text.match_indices(role)).any(|(at, role)| {
                let (before, after) =
                    (text.get(..at).unwrap_or(""), text.get(at + role.len()..).unwrap_or(""));
                literals.iter().any(|literal| literal.ends_with(before))
                    && literals.iter().any(|literal| literal.starts_with(after))
            })
        };
        let built: Vec<(u32, &str)> = controls.into_iter().filter(|(_, text)| buildable(text)).collect();
        let search = Specials::new(built.iter().copied().map(special).collect())?;
        let built = built.into_iter().map(|(_, text)| text.to_owned()).collect();
        Ok((rewritten, Self { built, search }))
    }

    /// A string of the request, unable to hold a reference or a part of a token built from a role.
    pub(crate) fn guard(&self, text: &str) -> String {
        let mut breaks = BTreeSet::new();
        for token in &self.built {
            if !text.is_empty() && token.contains(text) {
                breaks.insert(0);
            }
            for (at, letter) in text.char_indices() {
                let after = at + letter.len_utf8();
                if is_part(text.get(at..).unwrap_or("").chars(), token.chars()) {
                    breaks.insert(after);
                }
                if is_part(text.get(..after).unwrap_or("").chars().rev(), token.chars().rev()) {
                    breaks.insert(at);
                }
            }
        }
        let mut guarded = String::with_capacity(text.len() + breaks.len() * MARK.len_utf8());
        for (at, letter) in text.char_indices() {
            if breaks.contains(&at) {
                guarded.push(MARK);
            }
            match (0u8..).zip(RESERVED).find(|(_, reserved)| *reserved == letter) {
                Some((number, _)) => guarded.extend([ESCAPE, char::from(b'0' + number)]),
                None => guarded.push(letter),
            }
        }
        if breaks.contains(&text.len()) {
            guarded.push(MARK);
        }
        guarded
    }

    /// The same for every string in a JSON value, keys too.
    pub(crate) fn guard_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.guard(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.guard_value(item)).collect()),
            Value::Object(fields) => Value::Object(
                fields.iter().map(|(key, value)| (self.guard_key(key), self.guard_value(value))).collect(),
            ),
            other => other.clone(),
        }
    }

    /// Templates look fields up by name, so the names they know stay as they are.
    fn guard_key(&self, key: &str) -> String {
        match key {
            "function" | "role" | "name" | "content" | "type" | "tool_calls" => key.to_owned(),
            other => self.guard(other),
        }
    }

    /// Cuts rendered text into text and control tokens; `None` if the template broke a reference.
    pub(crate) fn pieces(&self, rendered: &str) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut parts = rendered.split(OPEN);
        self.push_text(parts.next()?, &mut pieces)?;
        for part in parts {
            let (id, text) = part.split_once(CLOSE)?;
            pieces.push(Piece::Control(id.parse().ok()?));
            self.push_text(text, &mut pieces)?;
        }
        Some(pieces)
    }

    fn push_text(&self, text: &str, pieces: &mut Vec<Piece>) -> Option<()> {
        for fragment in self.search.partition(text) {
            match fragment {
                Fragment::Token(id) => pieces.push(Piece::Control(id)),
                Fragment::Text(text) => {
                    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
                    let mut letters = text.chars();
                    while let Some(letter) = letters.next() {
                        match letter {
                            MARK => {}
                            CLOSE => return None,
                            ESCAPE => plain.push(*RESERVED.get(letters.next()?.to_digit(10)? as usize)?),
                            other => plain.push(other),
                        }
                    }
                    if let Some(Piece::Text(before)) = pieces.last_mut() {
                        before.push_str(&plain);
                    } else if !plain.is_empty() {
                        pieces.push(Piece::Text(plain));
                    }
                }
            }
        }
        Some(())
    }
}

/// Whether `text` begins as `token` does for two letters, or for all its own, or for the token's.
fn is_part(mut text: impl Iterator<Item = char>, mut token: impl Iterator<Item = char>) -> bool {
    let mut same = 0;
    loop {
        match (text.next(), token.next()) {
            (Some(a), Some(b)) if a == b => same += 1,
            (None, _) | (_, None) => return same > 0,
            _ => return same >= 2,
        }
    }
}

/// A part of a template's source.
struct Part<'s> {
    text: &'s str,
    /// Text outside the braces, or inside a string literal.
    literal: bool,
}

/// Cuts a template's source into what is printed or quoted, and code.
fn split_source(source: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let open = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min().unwrap_or(rest.len());
        let (text, code) = rest.split_at(open);
        parts.push(Part { text, literal: true });
        rest = match code.get(..2) {
            Some("{#") => {
                let end = code.find("#}").map_or(code.len(), |at| at + 2);
                let (comment, after) = code.split_at(end);
                parts.push(Part { text: comment, literal: false });
                after
            }
            Some(open) => split_code(code, if open == "{{" { "}}" } else { "%}" }, &mut parts),
            None => "",
        };
    }
    parts
}

/// Cuts code up to `close` into string literals and the rest; returns what follows.
fn split_code<'s>(code: &'s str, close: &str, parts: &mut Vec<Part<'s>>) -> &'s str {
    let mut from = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in code.char_indices() {
        match quote {
            None if code.get(at..).is_some_and(|rest| at >= 2 && rest.starts_with(close)) => {
                let (inside, after) = code.split_at(at + close.len());
                parts.push(Part { text: inside.get(from..).unwrap_or(""), literal: false });
                return after;
            }
            None if letter == '\'' || letter == '"' => {
                parts.push(Part { text: code.get(from..=at).unwrap_or(""), literal: false });
                (quote, from) = (Some(letter), at + 1);
            }
            Some(open) if letter == open && !escaped => {
                parts.push(Part { text: code.get(from..at).unwrap_or(""), literal: true });
                (quote, from) = (None, at);
            }
            _ => {}
        }
        escaped = quote.is_some() && letter == '\\' && !escaped;
    }
    parts.push(Part { text: code.get(from..).unwrap_or(""), literal: false });
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_cut_without_losing_a_letter() {
        for source in [
            "",
            "a{{ 'b}}c' }}d",
            "{# ' #}x{% if \"a\\\"%}\" %}y",
            "{{",
            "{{ 'open",
            "{% raw %}{{ '",
            "é{{ \"é\" + 'x\\\\' }}é",
            "{{}}",
            "{",
        ] {
            let joined: String = split_source(source).iter().map(|part| part.text).collect();
            assert_eq!(joined, source);
        }
        let literals: Vec<&str> = split_source("a{{ 'b}}c' ~ x }}d{# e #}")
            .into_iter()
            .filter(|part| part.literal)
            .map(|part| part.text)
            .collect();
        assert_eq!(literals, ["a", "b}}c", "d"]);
    }

    #[test]
    fn parts_are_seen_at_the_edges_and_inside() {
        let part = |text: &str, token: &str| is_part(text.chars(), token.chars());
        assert!(part("<|us", "<|user|>"));
        assert!(part("<", "<|user|>"));
        assert!(part("<|x", "<|user|>"));
        assert!(part("<|user|> and on", "<|user|>"));
        assert!(!part("<b>", "<|user|>"));
        assert!(!part("", "<|user|>"));
    }
}
